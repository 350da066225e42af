"""How a model is trained: `TrainConfig` and its phases. The defaults are the notebook's: SGD 0.01 for 10 + 5,000 (reduced on
plateau) + 10 steps.
"""

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Self

from headlab.config import joining
from headlab.config.fields import choice, documented, flag, real, standing_for, whole
from headlab.config.plateau import Plateau
from headlab.config.record import Checked, gathered, nearest, no_field, plain_value
from headlab.config.schedule import EDGE, NOTEBOOK_STEPS, SCHEDULE, STEPS, stretches
from headlab.config.weights import WEIGHTS
from headlab.errors import ConfigError, Problem
from headlab.notation.values import short_repr

OPTIMIZERS = ("sgd", "rmsprop", "adam", "adamw")
LOSSES = ("softmax", "normalized_sigmoid")
DTYPES = ("float32", "float64")
NAMES = tuple(weight.name for weight in WEIGHTS)


@documented
@dataclass(frozen=True, repr=False)
class Phase(Checked):
    """A stretch of training, and what changes from its first step on.

    plateau: reduce the rate on a plateau, or None
    changes: fields of the training with their values from here on, until a later phase changes them: any but phases and
        dtype. Without a learning_rate, each run's rate goes on from where it is. Where the optimizer changes, options
        that the new one has not are at their defaults again. What the optimiser remembers starts afresh when its kind
        changes: another optimizer, with or without a momentum, centered or not.
    freeze: names of weights that do not move in this phase: no step, no decay, and what the optimiser remembers of them
        stays as it is

    Raises `ConfigError`, which lists all wrong fields; the values of `changes` are checked by the `TrainConfig`.

    >>> Phase(10)
    Phase(steps=10, plateau=None)
    >>> Phase(90, changes={"optimizer": "adam", "learning_rate": 1}, freeze=["W_pos"])
    Phase(steps=90, plateau=None, changes={'optimizer': 'adam', 'learning_rate': 1.0}, freeze=('W_pos',))
    """

    steps: int = whole(label="steps", help="How many.")
    plateau: Plateau | None = None
    plateau_goes_on: bool = flag(
        False,
        label="goes on",
        help="With best, count and cooldown of the plateau of the phase before, instead of afresh.",
    )
    changes: Mapping[str, Any] = field(default_factory=dict)
    freeze: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if isinstance(self.changes, Mapping):
            kinds = {item.name: item.type for item in dataclasses.fields(TrainConfig)} if self.changes else {}
            plain = {name: plain_value(value, kinds.get(name)) for name, value in self.changes.items()}
            object.__setattr__(self, "changes", plain)
        if isinstance(self.freeze, list | tuple) and all(isinstance(name, str) for name in self.freeze):
            unknown = [name for name in self.freeze if name not in NAMES]
            object.__setattr__(self, "freeze", (*(name for name in NAMES if name in self.freeze), *unknown))
        super().__post_init__()

    def __hash__(self) -> int:
        changes = tuple(sorted((name, repr(value)) for name, value in self.changes.items()))
        return hash((self.steps, self.plateau, self.plateau_goes_on, changes, self.freeze))

    def __repr__(self) -> str:
        shown = (f"{name}={value!r}" for name, value in self._told().items())
        return f"Phase({', '.join(shown)})"

    def _told(self) -> dict[str, Any]:
        """Return the fields without those that were added later and say nothing here."""
        told = {"steps": self.steps, "plateau": self.plateau}
        later = {"plateau_goes_on": self.plateau_goes_on, "changes": self.changes, "freeze": self.freeze}
        return told | {name: value for name, value in later.items() if value}

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain JSON values; what changes nothing is left out.

        >>> Phase(5).to_dict()
        {'steps': 5, 'plateau': None}
        """
        return {name: value for name, value in super().to_dict().items() if name in self._told()}

    def _problems(self) -> Iterator[Problem]:
        yield from super()._problems()
        if self.plateau is not None and not isinstance(self.plateau, Plateau):
            yield Problem(f"plateau must be a Plateau or None, got {short_repr(self.plateau)}", "plateau")
        if self.plateau_goes_on is True and self.plateau is None:
            said = "plateau_goes_on goes with a plateau, got none: give the plateau that goes on, or leave it out"
            yield Problem(said, "plateau_goes_on")
        if not isinstance(self.changes, Mapping):
            yield Problem(f"changes must be fields and their values, got {short_repr(self.changes)}", "changes")
        else:
            yield from self._unchangeable()
        if not isinstance(self.freeze, tuple) or not all(isinstance(name, str) for name in self.freeze):
            yield Problem(f"freeze must be a list of names of weights, got {short_repr(self.freeze)}", "freeze")
        else:
            unknown = [name for name in self.freeze if name not in NAMES]
            yield from (
                Problem(f"freeze must be names of weights, got {short_repr(name)}: {nearest(name, NAMES)}", "freeze")
                for name in unknown
            )

    def _unchangeable(self) -> Iterator[Problem]:
        for name, value in self.changes.items():
            if name in FIXED:
                said = f"{name} must be the same in all phases, got changes of it: set it in the training"
                yield Problem(said, name)
            elif name not in CHANGEABLE:
                yield no_field("changes", name, CHANGEABLE)
            elif value is None:
                yield Problem(f"{name} must have a value where it changes, got None: leave it out", name)


NOTEBOOK_PHASES = (Phase(EDGE), Phase(NOTEBOOK_STEPS - 2 * EDGE, Plateau()), Phase(EDGE))
FIRST_RATE = {"sgd": 0.01, "rmsprop": 0.001, "adam": 0.001, "adamw": 0.001}


@documented
@dataclass(frozen=True)
class TrainConfig(Checked):
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

    optimizer: str = choice(
        "sgd", OPTIMIZERS, label="optimiser", help="How a gradient becomes a step, by Keras' definitions."
    )
    # A number from the first line of its making on.
    learning_rate: float = real(
        None, 0.0, usual="Keras' for the optimiser: sgd 0.01, the others 0.001", label="learning rate",
        help="How far a step goes; of the first step, where a schedule reduces it.",
    )  # fmt: skip
    phases: tuple[Phase, ...] = standing_for(NOTEBOOK_PHASES, STEPS, SCHEDULE)
    loss: str = choice(
        "softmax", LOSSES, label="loss",
        help="What training makes small: softmax of the logits, as the notebook does, or sigmoid outputs divided by their sum.",
    )  # fmt: skip
    momentum: float = real(
        0.0, 0.0, 1.0, optimizers=("sgd", "rmsprop"), label="momentum", help="How much of the last step goes on."
    )
    nesterov: bool = flag(
        False, optimizers=("sgd",), label="Nesterov", help="The gradient is taken ahead, where the momentum leads."
    )
    rho: float = real(
        0.9, 0.0, 1.0, optimizers=("rmsprop",), label="rho", help="How much of the mean square of gradients is kept."
    )
    centered: bool = flag(
        False, optimizers=("rmsprop",), label="centered", help="Divide by the spread of gradients, not by their size."
    )
    beta_1: float = real(
        0.9, 0.0, 1.0, open_high=True, optimizers=("adam", "adamw"), label="beta 1",
        help="How much of the mean gradient is kept.",
    )  # fmt: skip
    beta_2: float = real(
        0.999, 0.0, 1.0, open_high=True, optimizers=("adam", "adamw"), label="beta 2",
        help="How much of the mean square of gradients is kept.",
    )  # fmt: skip
    epsilon: float = real(
        1e-7, 0.0, optimizers=("rmsprop", "adam", "adamw"), label="epsilon",
        help="Added to what the gradient is divided by, so that it is never 0.",
    )  # fmt: skip
    weight_decay: float = real(
        0.004,
        0.0,
        optimizers=("adamw",),
        label="weight decay",
        help="How fast weights shrink, times the learning rate.",
    )
    dtype: str = choice("float32", DTYPES, label="numbers", help="The numbers that are computed with, 4 bytes or 8.")

    forked, continued_as, followed_by = joining.forked, joining.continued_as, joining.followed_by
    in_force, in_words = joining.in_force, joining.in_words

    def __post_init__(self) -> None:
        object.__setattr__(self, "_rate_left_out", self.learning_rate is None)
        if self.learning_rate is None:
            known = isinstance(self.optimizer, str) and self.optimizer in FIRST_RATE
            object.__setattr__(self, "learning_rate", FIRST_RATE[self.optimizer] if known else FIRST_RATE["sgd"])
        if isinstance(self.phases, list):
            object.__setattr__(self, "phases", tuple(self.phases))
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
        """Return the fields as plain JSON values."""
        return super().to_dict() | {"phases": [phase.to_dict() for phase in self.phases]}

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
        return type(self)(**values, phases=(alone,), dtype=self.dtype)

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
        return [
            Problem(f"phase {number} freezes {name}, which the model has not: {instead}", "freeze")
            for number, phase in enumerate(self.phases, start=1)
            for name in phase.freeze
            if name not in known
        ]

    @property
    def steps(self) -> int:
        """The number of steps of all phases together."""
        return sum(phase.steps for phase in self.phases)

    def _problems(self) -> Iterator[Problem]:
        phases_fit = isinstance(self.phases, tuple) and all(isinstance(phase, Phase) for phase in self.phases)
        found = [*super()._problems(), *self._misplaced()]
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


# Which optimisers have an option. One that is given to another would do nothing, and is refused.
HAVE = {row.name: row.optimizers for row in TrainConfig.table() if row.optimizers is not None}
DEFAULTS = {item.name: item.default for item in dataclasses.fields(TrainConfig)}
FIXED = ("phases", "dtype")  # what no phase changes
CHANGEABLE = tuple(name for name in DEFAULTS if name not in FIXED)


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
