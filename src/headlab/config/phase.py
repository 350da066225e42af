"""A stretch of a training: `Phase`, with what changes in it, how its rate goes, and what it freezes."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from headlab.config.fields import choice, documented, flag, real, whole
from headlab.config.plateau import Plateau
from headlab.config.record import Checked, nearest, no_field, plain_value
from headlab.config.settings import CHANGEABLE, FIXED, KINDS, NAMES
from headlab.errors import Problem
from headlab.notation.values import short_repr

RATES = ("constant", "cosine", "linear")


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

    The rate of step s (from 0) of the schedule's S steps, where each run's own is a:

        r = s - s mod rate_every;  cosine: end_rate + (a - end_rate) (1 + cos(π r / S)) / 2
        linear: a + (end_rate - a) r / S;  times min(1, (s + 1) / warmup)

    What follows has a again, unless it sets a rate.

    Raises `ConfigError`, which lists all wrong fields; the values of `changes` are checked by the `TrainConfig`.

    >>> Phase(10)
    Phase(steps=10, plateau=None)
    >>> Phase(90, changes={"optimizer": "adam", "learning_rate": 1}, freeze=["W_pos"])
    Phase(steps=90, plateau=None, changes={'optimizer': 'adam', 'learning_rate': 1.0}, freeze=('W_pos',))
    >>> Phase(4000, rate="cosine").rate_at(2000, 0.001)
    0.0005
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
    rate: str = choice(
        "constant",
        RATES,
        lab=False,
        label="rate",
        help="How the learning rate goes from the phase's first step to its last.",
    )
    end_rate: float = real(0.0, 0.0, lab=False, label="last rate", help="Where a cosine or a line leads to.")
    rate_every: int = whole(1, 1, lab=False, label="rate every", help="Steps with one rate, like those of an epoch.")
    warmup: int = whole(
        0, lab=False, label="warm-up", help="Steps in which the rate grows in a line to what it is to be."
    )
    rate_from: int = whole(
        0, lab=False, label="rate from", help="Steps of the schedule that came before, in a training that was cut."
    )
    rate_steps: int | None = whole(
        None, 1, usual="those of the phase", lab=False, label="rate steps", help="Of the whole schedule."
    )
    reset: bool = flag(False, lab=False, label="reset", help="What the optimiser remembers starts afresh.")
    size: int | None = whole(
        None, 0, usual="as the data have it", lab=False, label="size",
        help="What the sampler of fresh examples is given as their size.",
    )  # fmt: skip

    def __post_init__(self) -> None:
        if isinstance(self.changes, Mapping):
            plain = {name: plain_value(value, KINDS.get(name)) for name, value in self.changes.items()}
            plain = {name: tuple(value) if isinstance(value, list) else value for name, value in plain.items()}
            object.__setattr__(self, "changes", plain)
        if isinstance(self.freeze, list | tuple) and all(isinstance(name, str) for name in self.freeze):
            unknown = [name for name in self.freeze if name not in NAMES]
            object.__setattr__(self, "freeze", (*(name for name in NAMES if name in self.freeze), *unknown))
        super().__post_init__()

    def __hash__(self) -> int:
        changes = tuple(sorted((name, repr(value)) for name, value in self.changes.items()))
        told = tuple((name, value) for name, value in self._told().items() if name != "changes")
        return hash((told, changes))

    def __repr__(self) -> str:
        shown = (f"{name}={value!r}" for name, value in self._told().items())
        return f"Phase({', '.join(shown)})"

    @property
    def schedule_steps(self) -> int:
        """The steps of the schedule that this phase is, or is a part of."""
        return self.rate_from + self.steps if self.rate_steps is None else self.rate_steps

    def rate_at(self, step: int, rate: float) -> float:
        """Return the rate of a step of the phase, from 0, where the run's own is `rate`; plateaus are apart."""
        at, total = self.rate_from + step, self.schedule_steps
        share = (at - at % self.rate_every) / total if total else 0.0
        if self.rate == "cosine":
            rate = self.end_rate + (rate - self.end_rate) * (1 + math.cos(math.pi * share)) / 2
        elif self.rate == "linear":
            rate = rate + (self.end_rate - rate) * share
        return rate * min(1.0, (at + 1) / self.warmup) if self.warmup else rate

    def cut(self, steps: int) -> "tuple[Phase, Phase]":
        """Return the phase's first steps, and the others, which go on as if nobody had cut.

        >>> Phase(100, rate="linear").cut(30)[1]
        Phase(steps=70, plateau=None, rate='linear', rate_from=30, rate_steps=100)
        """
        total = self.schedule_steps if self.rate != RATES[0] else None
        begun = self.rate_from + steps if self.rate != RATES[0] or self.warmup else 0
        before = replace(self, steps=steps, rate_steps=total)
        goes_on = self.plateau is not None
        rest = self.steps - steps
        after = replace(
            self, steps=rest, changes={}, plateau_goes_on=goes_on, reset=False, rate_from=begun, rate_steps=total
        )
        return before, after

    def _told(self) -> dict[str, Any]:
        """Return the fields without those that were added later and say nothing here."""
        told = {"steps": self.steps, "plateau": self.plateau}
        later = {item.name: getattr(self, item.name) for item in fields(self) if item.name not in told}
        return told | {name: value for name, value in later.items() if value != _USUAL[name]}

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain JSON values; what changes nothing is left out.

        >>> Phase(5).to_dict()
        {'steps': 5, 'plateau': None}
        """
        plateau = None if self.plateau is None else self.plateau.to_dict()
        told = super().to_dict() | {"plateau": plateau}
        return {name: value for name, value in told.items() if name in self._told()}

    def _problems(self) -> Iterator[Problem]:
        found = [*super()._problems()]
        yield from found
        if self.plateau is not None and not isinstance(self.plateau, Plateau):
            yield Problem(f"plateau must be a Plateau or None, got {short_repr(self.plateau)}", "plateau")
        if self.plateau_goes_on is True and self.plateau is None:
            said = "plateau_goes_on goes with a plateau, got none: give the plateau that goes on, or leave it out"
            yield Problem(said, "plateau_goes_on")
        yield from () if found else self._idle()
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

    def _idle(self) -> Iterator[Problem]:
        """Yield what of the schedule would do nothing, or cannot be."""
        known = self.rate != RATES[0]
        if known and isinstance(self.plateau, Plateau):
            said = f"rate must be constant where it is reduced on a plateau, got {self.rate}: leave one of them out"
            yield Problem(said, "rate")
        for name in ("end_rate", "rate_every", "rate_steps") if self.rate == RATES[0] else ():
            if (value := getattr(self, name)) != _USUAL[name]:
                said = f"{name} goes with the rate cosine or linear, got {short_repr(value)}: leave it out"
                yield Problem(said, name)
        if self.rate == RATES[0] and self.rate_from and not self.warmup:
            said = f"rate_from goes with a schedule of the rate, got {short_repr(self.rate_from)}: leave it out"
            yield Problem(said, "rate_from")
        if known and self.rate_from + self.steps > self.schedule_steps:
            said = f"rate_steps must be at least {self.rate_from + self.steps} for this phase, got {self.rate_steps}"
            yield Problem(f"{said}: give those of the whole schedule", "rate_steps")

    def _unchangeable(self) -> Iterator[Problem]:
        for name, value in self.changes.items():
            if name in FIXED:
                said = f"{name} must be the same in all phases, got changes of it: set it in the training"
                yield Problem(said, name)
            elif name not in CHANGEABLE:
                yield no_field("changes", name, CHANGEABLE)
            elif value is None:
                yield Problem(f"{name} must have a value where it changes, got None: leave it out", name)


_USUAL: dict[str, Any] = {
    item.name: {} if item.name == "changes" else item.default for item in fields(Phase) if item.name != "steps"
}
