"""Trainings cut at a step, changed from there on, and put one after the other; and what they are, in words.

`TrainConfig` takes these as its methods: a fork is the same training with a change, a resumption one training more.
"""

from bisect import bisect
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from headlab.errors import ConfigError, Problem
from headlab.notation.numbers import quantity
from headlab.notation.values import short_repr

if TYPE_CHECKING:
    from headlab.config.phase import Phase
    from headlab.config.training import TrainConfig

_APART = ("phases", "dtype", "learning_rate", "optimizer")  # fields that are told in words of their own, or by no phase


def forked(
    self: "TrainConfig", at: int, changes: Mapping[str, Any] | None = None, *, freeze: Sequence[str] = ()
) -> "TrainConfig":
    """Return the training that goes on with changes from a step on, its own phases and plateaus included.

    at: from 1 to the last step but one; changes: fields and their values; without a learning_rate, each run's goes on from
    where it is; freeze: weights that do not move from there on
    Without changes it trains the same runs, to the bit. Raises `ConfigError`.

    >>> from headlab.config import TrainConfig
    >>> training = TrainConfig.of(steps=400, optimizer="adam", learning_rate=0.01)
    >>> training.forked(100, {"optimizer": "sgd", "learning_rate": 0.5}).in_words()
    '100 steps of adam at learning rate 0.01, then 300 of sgd at 0.5'
    """
    before, after = cut(self, at)
    changed = [replace(after[0], changes={**after[0].changes, **(changes or {})}), *after[1:]]
    return self.replace(phases=(*before, *(replace(phase, freeze=(*phase.freeze, *freeze)) for phase in changed)))


def cut(training: "TrainConfig", at: int) -> "tuple[tuple[Phase, ...], tuple[Phase, ...]]":
    """Return the phases before a step and those from it on; a plateau that is cut goes on. Raises `ConfigError`.

    >>> from headlab.config import TrainConfig
    >>> [[phase.steps for phase in part] for part in cut(TrainConfig(), 2000)]
    [[10, 1990], [3010, 10]]
    """
    if isinstance(at, bool) or not isinstance(at, int) or not 0 < at < training.steps:
        most = training.steps - 1
        place = f"at a step from 1 to {most:,}, before the end"
        said = f"a fork must be {place}, got {short_repr(at)}: take an earlier one, or more steps"
        raise ConfigError(Problem(said, "fork"))
    before, after, start = [], [], 0
    for phase in training.phases:
        end = start + phase.steps
        if start >= at:
            after.append(phase)
        elif end <= at:
            before.append(phase)
        else:
            first, rest = phase.cut(at - start)
            before.append(first)
            after.append(rest)
        start = end
    return tuple(before), tuple(after)


def continued_as(self: "TrainConfig", at: int, other: "TrainConfig") -> "TrainConfig":
    """Return this training up to a step, and from there on what another one does at that step and after it.

    What differs between the settings of the two changes at the step; a rate, too, goes on where both have the same one.
    Continued as itself it trains the same runs, to the bit. Raises `ConfigError`.

    >>> from headlab.config import TrainConfig
    >>> TrainConfig().continued_as(2000, TrainConfig.of(steps=3000, learning_rate=0.1)).in_words()
    '2,000 steps of sgd at learning rate 0.01, then 1,000 of sgd at 0.1'
    """
    before, (first, *rest) = cut(self, at)[0], cut(other, at)[1]
    goes_on = first.plateau_goes_on and before[-1].plateau is not None
    rate = {"learning_rate"} if other.in_force(at).learning_rate != self.in_force(at - 1).learning_rate else set()
    changes = _differences(self.in_force(at - 1), other.in_force(at), rate)
    first = replace(first, plateau_goes_on=goes_on, changes={**changes, **first.changes})
    return self.replace(phases=(*before, first, *rest))


def followed_by(self: "TrainConfig", after: "TrainConfig | Phase | Sequence[Phase]") -> "TrainConfig":
    """Return this training and then another, or further phases, as one.

    Where the settings of the other one differ, its first phase changes them. Its learning rate is set where it was given;
    otherwise each run's goes on from where it is. Raises `ConfigError`.

    >>> from headlab.config import Phase, TrainConfig
    >>> short = TrainConfig.of(steps=50)
    >>> short.followed_by(TrainConfig.of(steps=100, learning_rate=0.5, momentum=0.9)).phases[1].changes
    {'momentum': 0.9, 'learning_rate': 0.5}
    >>> short.followed_by(Phase(70)).in_words()
    '120 steps of sgd at learning rate 0.01'
    """
    if not isinstance(after, type(self)):
        more = after if isinstance(after, Sequence) else [after]
        return self.replace(phases=(*self.phases, *more))
    if not after.phases:
        return self
    first, *rest = after.phases
    changes = _differences(in_force(self), after, set() if after.rate_left_out else {"learning_rate"})
    return self.replace(phases=(*self.phases, replace(first, changes={**changes, **first.changes}), *rest))


def _differences(before: "TrainConfig", after: "TrainConfig", set_anew: set[str]) -> dict[str, Any]:
    """Return the settings that are to change from one training to another, and those that are set anew in any case."""
    if after.dtype != before.dtype:
        said = f"dtype must stay {before.dtype} to go on, got {after.dtype}: leave it as it is, or train afresh"
        raise ConfigError(Problem(said, "dtype"))
    apart = {"phases", "dtype", "learning_rate", *after._left_behind({"optimizer": after.optimizer})}
    names = [item.name for item in fields(after)]
    found = {name: getattr(after, name) for name in names}
    changed = [name for name in names if name not in apart and found[name] != getattr(before, name)]
    return {name: found[name] for name in [*changed, *sorted(set_anew)]}


def in_force(self: "TrainConfig", step: int | None = None) -> "TrainConfig":
    """Return the settings that a step is trained with, those of the last phase for None and from the end on.

    Its learning rate is the one that was last set: each run's own goes on from there.

    >>> from headlab.config import TrainConfig
    >>> fork = TrainConfig().forked(2000, {"loss": "normalized_sigmoid"})
    >>> fork.in_force(1999).loss, fork.in_force(2000).loss, fork.in_force().loss
    ('softmax', 'normalized_sigmoid', 'normalized_sigmoid')
    """
    ends = list(accumulate(phase.steps for phase in self.phases))
    last = len(ends) - 1
    number = last if step is None else min(bisect(ends, step), last)
    return self.settings(number) if ends else self


def in_words(self: "TrainConfig") -> str:
    """Return the whole training in words: how many steps of what, where something changes, and what is frozen meanwhile.

    >>> from headlab.config import Phase, TrainConfig
    >>> TrainConfig().in_words()
    '5,020 steps of sgd at learning rate 0.01'
    >>> TrainConfig().forked(2000, {"momentum": 0.5}, freeze=("W_pos", "W_Q")).in_words()
    '2,000 steps of sgd at learning rate 0.01, then 3,020 of sgd with momentum 0.5, W_pos and W_Q frozen'
    """
    told: list[tuple[int, str, tuple[Any, ...]]] = []
    for number, phase in enumerate(self.phases):
        words = _settings_in_words(self, number, "learning rate " if not told else "")
        apart = (phase.freeze, _rate_in_words(phase), phase.size)
        goes_on = not phase.reset and ((phase.rate == "constant" and not phase.warmup) or phase.rate_from > 0)
        if told and not phase.changes and goes_on and apart == told[-1][2]:
            told[-1] = (told[-1][0] + phase.steps, *told[-1][1:])
        elif phase.steps or not told:
            told.append((phase.steps, words, apart))
    if not told:
        return f"no steps of {self.optimizer}"
    parts = [
        f"{quantity(steps, 'step') if not n else f'{steps:,}'} of {words}" for n, (steps, words, _) in enumerate(told)
    ]
    return ", then ".join(parts)


def _settings_in_words(training: "TrainConfig", number: int, rate: str) -> str:
    """Return what a phase is trained with: what is not usual in the first one, what is set anew in a later one."""
    phase, force = training.phases[number], training.settings(number)
    first = number == 0
    usual = {item.name: item.default for item in fields(training) if item.name not in _APART}
    said = {name: getattr(force, name) for name in usual if first and getattr(force, name) != usual[name]}
    said |= {name: value for name, value in phase.changes.items() if name in usual}
    at = f" at {rate}{force.learning_rate:g}" if first or "learning_rate" in phase.changes else ""
    at += _rate_in_words(phase)
    options = [_option(*item) for item in said.items()] + (
        [] if phase.size is None else [f"examples of size {phase.size}"]
    )
    more = f" with {_and(options)}" if options else ""
    frozen = f", {_and(list(phase.freeze))} frozen" if phase.freeze else ""
    return f"{force.optimizer}{at}{more}{frozen}{', its state afresh' if phase.reset else ''}"


def _rate_in_words(phase: "Phase") -> str:
    """Return how the rate of a phase goes, nothing where it stays as it is."""
    ways = {
        "cosine": f" falling to {phase.end_rate:g} along a cosine",
        "linear": f" falling to {phase.end_rate:g} in a line",
    }
    warm = f" after {quantity(phase.warmup, 'step')} of warm-up" if phase.warmup else ""
    return ways.get(phase.rate, "") + warm


def _option(name: str, value: Any) -> str:
    words = name.replace("_", " ")
    if isinstance(value, bool):
        return words if value else f"no {words}"
    if isinstance(value, tuple):
        return f"{words} {_and(value)}"
    return f"{words} {value:g}" if isinstance(value, float) else f"{words} {value}"


def _and(words: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]]))
