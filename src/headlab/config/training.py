"""How a model is trained: `TrainConfig` and its phases. The defaults are the notebook's: SGD 0.01 for 10 + 5,000 (reduced on
plateau) + 10 steps.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Self

from headlab.config import joining
from headlab.config.fields import documented, standing_for
from headlab.config.phase import Phase
from headlab.config.plateau import Plateau
from headlab.config.record import gathered, plain_value
from headlab.config.schedule import EDGE, NOTEBOOK_STEPS, SCHEDULE, STEPS, stretches
from headlab.config.settings import CHANGEABLE, DEFAULTS, FIXED, HAVE, LATER, NAMES, OPTIMIZERS, Settings
from headlab.errors import ConfigError, Problem
from headlab.notation.values import short_repr

NOTEBOOK_PHASES = (Phase(EDGE), Phase(NOTEBOOK_STEPS - 2 * EDGE, Plateau()), Phase(EDGE))
FIRST_RATE = {"sgd": 0.01, "rmsprop": 0.001, "adam": 0.001, "adamw": 0.001}


@documented
@dataclass(frozen=True)
class TrainConfig(Settings):
    """How a model is trained: Keras' optimisers, with Keras' definitions and defaults.

    phases: trained one after the other; each may change any of these fields but dtype, and freeze weights. `of` builds the
    usual ones from steps and a schedule.
    An optimiser takes no option that it has not.

    Raises `ConfigError`, which lists all wrong fields.

    >>> TrainConfig().steps, TrainConfig().learning_rate, TrainConfig(optimizer="adam").learning_rate
    (5020, 0.01, 0.001)
    >>> TrainConfig.of(steps=100, learning_rate=0.1).phases
    (Phase(steps=100, plateau=None),)
    """

    phases: tuple[Phase, ...] = standing_for(NOTEBOOK_PHASES, STEPS, SCHEDULE)

    forked, continued_as, followed_by = joining.forked, joining.continued_as, joining.followed_by
    in_force, in_words = joining.in_force, joining.in_words

    def __post_init__(self) -> None:
        object.__setattr__(self, "_rate_left_out", self.learning_rate is None)
        if self.learning_rate is None:
            known = isinstance(self.optimizer, str) and self.optimizer in FIRST_RATE
            object.__setattr__(self, "learning_rate", FIRST_RATE[self.optimizer] if known else FIRST_RATE["sgd"])
        if isinstance(self.phases, list):
            object.__setattr__(self, "phases", tuple(self.phases))
        if isinstance(self.decayed, list | tuple):
            others = tuple(name for name in self.decayed if name not in NAMES)
            object.__setattr__(self, "decayed", (*(name for name in NAMES if name in self.decayed), *others))
        super().__post_init__()

    def replace(self, **changes: Any) -> Self:
        """Return a copy with some fields changed; a learning rate that was left out is that of the new optimiser.

        >>> TrainConfig().replace(optimizer="adam").learning_rate
        0.001
        >>> TrainConfig(learning_rate=0.05).replace(optimizer="adam").learning_rate
        0.05
        """
        return super().replace(**({"learning_rate": None} if self.rate_left_out else {}) | changes)

    @property
    def rate_left_out(self) -> bool:
        """Whether the learning rate is the optimiser's own because none was given."""
        return bool(vars(self)["_rate_left_out"])

    @classmethod
    def of(
        cls, *, steps: int | None = None, schedule: str | None = None, plateau: Plateau | None = None, **fields: Any
    ) -> Self:
        """Build a configuration from flat settings, as a command line, a study file and a link have them.

        Neither steps nor a schedule: the notebook's 10 + 5000 (reduced on plateau) + 10. Steps alone: at a constant rate.
        schedule: "plateau" is 10 + (steps - 20, reduced on plateau) + 10, "constant" 5,020 steps where none are given
        plateau: of a single phase of so many steps, without a schedule; fields: the others of the record
        Raises `ConfigError`, which lists all wrong fields.

        >>> [phase.steps for phase in TrainConfig.of(steps=100, schedule="plateau").phases]
        [10, 80, 10]
        >>> TrainConfig.of(schedule="constant").phases, TrainConfig.of() == TrainConfig()
        ((Phase(steps=5020, plateau=None),), True)
        """
        problems: list[Problem] = []
        if steps is not None or schedule is not None or plateau is not None:
            count = plain_value(steps, int)
            alone = plateau is not None and schedule is None
            phases = gathered(problems, lambda: (Phase(count, plateau),) if alone else _phases_of(count, schedule))
            if plateau is not None and schedule is not None:
                said = "either a plateau or a schedule must be given, got both: leave one of them out"
                problems.append(Problem(said, "schedule"))
            if "phases" in fields:
                said = "either phases or steps and a schedule must be given, got both: leave one of them out"
                problems.append(Problem(said, "phases"))
            fields["phases"] = phases or ()
        built = gathered(problems, lambda: cls.from_dict(fields))
        if problems or built is None:
            raise ConfigError(problems)
        return built

    @property
    def schedule(self) -> str:
        """`constant` or `plateau` for what `of` builds under that name, and `phases` for any others."""
        names = [name for name in SCHEDULE.choices if name == "constant" or self.steps > 2 * EDGE]
        return next((name for name in names if self.phases == _phases_of(self.steps, name)), "phases")

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Self:
        """Build the record from plain JSON values; raises `ConfigError` for an unknown or wrong field."""
        given: Any = dict(fields) if isinstance(fields, Mapping) else fields
        problems: list[Problem] = []
        if isinstance(fields, Mapping) and isinstance(fields.get("phases"), list | tuple):
            phases = [gathered(problems, partial(_phase, item)) for item in fields["phases"]]
            given["phases"] = () if problems else tuple(phases)
        built = gathered(problems, lambda: super(TrainConfig, cls).from_dict(given))
        if problems or built is None:
            raise ConfigError(problems)
        return built

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain JSON values; those that say nothing where they are as usual are left out then.

        >>> "clip" in TrainConfig().to_dict(), TrainConfig(clip=1).to_dict()["clip"]
        (False, 1.0)
        """
        told = super().to_dict() | {"phases": [phase.to_dict() for phase in self.phases]}
        return {name: value for name, value in told.items() if name not in LATER or value != DEFAULTS[name]}

    def settings(self, number: int) -> Self:
        """Return what is in force in a phase (-1: the last one), as a training of that phase alone.

        The learning rate is the one that was last set: each run's own goes on from there. Raises `IndexError`.

        >>> training = TrainConfig(phases=(Phase(5), Phase(5, changes={"optimizer": "adam"})))
        >>> training.settings(-1).optimizer, training.settings(-1).learning_rate
        ('adam', 0.01)
        """
        values = {name: getattr(self, name) for name in CHANGEABLE}
        for phase in self.phases[: range(len(self.phases))[number] + 1]:
            values |= phase.changes
            if "optimizer" in phase.changes:
                values |= {name: DEFAULTS[name] for name in self._left_behind(phase.changes)}
        alone = self.phases[number].replace(changes={}, plateau_goes_on=False)
        fixed = {name: getattr(self, name) for name in FIXED if name != "phases"}
        return type(self)(**values, **fixed, phases=(alone,))

    @staticmethod
    def _left_behind(changes: Mapping[str, Any]) -> Iterator[str]:
        return (name for name, have in HAVE.items() if changes["optimizer"] not in have and name not in changes)

    @property
    def state_kind(self) -> str:
        """What the optimiser remembers, in words: two that differ do not go on from one another.

        >>> TrainConfig(momentum=0.9).state_kind, TrainConfig(optimizer="rmsprop", centered=True).state_kind
        ('sgd with momentum', 'rmsprop centered')
        """
        centered, momentum = " centered" if self.centered else "", " with momentum" if self.momentum > 0 else ""
        return f"{self.optimizer}{centered}{momentum}"

    def frozen_problems(self, weights: Iterable[str]) -> list[Problem]:
        """Return what is wrong with freezing, for a model that has only these weights.

        >>> print(*TrainConfig(phases=(Phase(5, freeze=("W_U",)),)).frozen_problems(["W_E", "W_Q", "W_K", "W_V"]))
        phase 1 freezes W_U, which the model has not: leave it out, or freeze some of W_E, W_Q, W_K, W_V
        """
        known = list(weights)
        instead = f"leave it out, or freeze some of {', '.join(known)}"
        frozen = [
            Problem(f"phase {number} freezes {name}, which the model has not: {instead}", "freeze")
            for number, phase in enumerate(self.phases, start=1)
            for name in phase.freeze
            if name not in known
        ]
        decayed = [
            Problem(f"decayed names {name}, which the model has not: name some of {', '.join(known)}", "decayed")
            for name in dict.fromkeys([*(self.decayed or ()), *self._decayed_later()])
            if name not in known
        ]
        return frozen + decayed

    def _decayed_later(self) -> Iterator[str]:
        return (name for phase in self.phases for name in phase.changes.get("decayed", ()))

    @property
    def steps(self) -> int:
        """The number of steps of all phases together."""
        return sum(phase.steps for phase in self.phases)

    def _problems(self) -> Iterator[Problem]:
        phases_fit = isinstance(self.phases, tuple) and all(isinstance(phase, Phase) for phase in self.phases)
        found = [*super()._problems(), *self._misplaced()]
        found += self._alone({problem.field for problem in found})
        yield from found
        if phases_fit:
            yield from self._problems_of_phases(found)
        else:
            yield Problem(f"phases must be a tuple of Phase, got {short_repr(self.phases)}", "phases")

    def _problems_of_phases(self, known: Iterable[Problem]) -> Iterator[Problem]:
        """Yield what is wrong with phases that is not wrong from the start, each problem where it begins."""
        said = set(known)
        for number, phase in enumerate(self.phases):
            where = f"phase {number + 1}"
            watches = phase.plateau is not None and phase.plateau.on != "training"
            if watches and self.evaluate_every == 0:
                said_so = (
                    "plateau.on held_out goes with evaluations, got evaluate_every 0: give how often, or leave it out"
                )
                yield Problem(said_so, "plateau").within(where)
            if phase.plateau_goes_on and (number == 0 or self.phases[number - 1].plateau is None):
                alone = "plateau_goes_on goes with a plateau in the phase before, got none: leave it out"
                yield Problem(alone, "plateau_goes_on").within(where)
            found: list[Problem] = []
            if any(earlier.changes for earlier in self.phases[: number + 1]):
                gathered(found, partial(self.settings, number))
            yield from (problem.within(where) for problem in found if problem not in said)
            said |= {*found}

    def _misplaced(self) -> Iterator[Problem]:
        """Yield the options that would do nothing."""
        known = isinstance(self.optimizer, str) and self.optimizer in OPTIMIZERS
        for name, have in HAVE.items() if known else ():
            value, where = getattr(self, name), f"{name} goes with {' and '.join(have)}"
            other = type(value) is type(DEFAULTS[name]) and value != DEFAULTS[name]  # no number: said already
            if self.optimizer not in have and other:
                said = f"{where}, and the optimizer is {self.optimizer}, got {short_repr(value)}: leave it out"
                yield Problem(said, name)
        if known and self.optimizer == "sgd" and self.nesterov is True and self.momentum == 0:
            said = "nesterov goes with a momentum above 0, got momentum 0: give a momentum, or leave nesterov out"
            yield Problem(said, "nesterov")

    def _alone(self, wrong: set[str | None]) -> Iterator[Problem]:
        """Yield the fields that would do nothing without another one; wrong: fields of which something is said already."""
        if (
            not wrong & {"decayed", "l2", "optimizer"}
            and self.decayed is not None
            and self.l2 == 0
            and self.optimizer != "adamw"
        ):
            said = "decayed goes with l2, or with adamw, got neither: give one of them, or leave decayed out"
            yield Problem(said, "decayed")
        for name, other in _NEEDS.items():
            if wrong & {name, other} or getattr(self, other) != DEFAULTS[other]:
                continue
            if (value := getattr(self, name)) != DEFAULTS[name]:
                said = (
                    f"{name} goes with {other}, got {name} {short_repr(value)} alone: give {other}, or leave {name} out"
                )
                yield Problem(said, name)


# What would do nothing without another field.
_NEEDS = {"stop_at": "evaluate_every", "stop_count": "stop_at", "evaluate_on": "evaluate_every"}


def _phases_of(steps: int | None, schedule: str | None) -> tuple[Phase, ...]:
    return tuple(Phase(count, Plateau() if watches else None) for count, watches in stretches(steps, schedule))


def _phase(item: Any) -> Phase:
    if not isinstance(item, Mapping):
        return item  # reported by TrainConfig._problems
    given, problems = dict(item), list[Problem]()
    if isinstance(given.get("plateau"), Mapping):
        given["plateau"] = gathered(problems, lambda: Plateau.from_dict(item["plateau"]))
    built = gathered(problems, lambda: Phase.from_dict(given))
    if problems or built is None:
        raise ConfigError(problems)
    return built
