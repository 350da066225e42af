"""The lab of an assignment: what it begins with, and what of it a student may change."""

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from headlab.config import ModelConfig, TrainConfig
from headlab.config.record import gathered, nearest, no_field
from headlab.errors import ConfigError, Problem
from headlab.notation.values import short_repr
from headlab.runs.experiment import FIELDS, OF_TEXT, Experiment, notebook_fields
from headlab.runs.link import read, write

TEXT = ("task", *OF_TEXT)
FORK = ("fork", "before")
PANELS = ("corpus", "knobs", "why", "seeds", "sizes", "keep")
OWN = ("fixed", "hide", "range")  # what the table says besides the settings
MOST_SEED = 2**53 - 1  # that a page counts exactly
NUMBERS = (
    "seed",
    *(row.name for row in (*ModelConfig.table(), *TrainConfig.table()) if row.lab and row.kind in ("whole", "real")),
)


@dataclass(frozen=True)
class Lab:
    """What an assignment's lab begins with, and its rules.

    start: all fields; fixed: those that cannot be changed; ranges: by field, from where to where it can be
    hide: panels and settings that are not shown
    """

    start: Mapping[str, Any]
    fixed: tuple[str, ...] = ()
    ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    hide: tuple[str, ...] = ()

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> "Lab":
        """Build it from its table; raises `ConfigError` with all problems.

        >>> lab = Lab.of({"d_head": 10, "fixed": ["learning_rate"]})
        >>> lab.start["d_head"], lab.fixed
        (10, ('learning_rate',))
        """
        problems = [no_field("[lab]", name, (*FIELDS, *OWN)) for name in given if name not in (*FIELDS, *OWN)]
        fields = {name: value for name, value in given.items() if name in FIELDS}
        if "steps" in fields and "schedule" not in fields:
            fields["schedule"] = "constant"
        start = gathered(problems, lambda: _start(fields))
        ranges = gathered(problems, lambda: _ranges(given.get("range", {})))
        fixed = gathered(problems, lambda: _fixed(given.get("fixed", []), ranges or {}))
        hide = gathered(problems, lambda: _names("hide", given.get("hide", []), (*PANELS, *FIELDS)))
        if problems or start is None or ranges is None or fixed is None or hide is None:
            raise ConfigError(problems)
        return cls(start, fixed, ranges, hide)._checked()

    def _checked(self) -> "Lab":
        """Return it; raises `ConfigError` where what it begins with is out of a range, or what has a range is fixed."""
        problems = []
        for name, (low, high) in self.ranges.items():
            if name in self.fixed:
                said = f"{name} must be fixed or have a range, got both: leave one of them out"
                problems.append(Problem(said, "fixed"))
            value = self.start[name]
            if value is not None and not low <= value <= high:
                said = f"{name} must begin within its range, from {low} to {high}, got {value}"
                problems.append(Problem(said, name))
        if problems:
            raise ConfigError(problems)
        return self

    @property
    def locked(self) -> tuple[str, ...]:
        """What cannot be changed: the fixed fields, and forks, which would be other settings within one run."""
        return tuple(name for name in FIELDS if name in (*self.fixed, *FORK))

    def fixing(self, *names: str) -> "Lab":
        """Return the same lab with more that cannot be changed."""
        return replace(self, fixed=tuple(name for name in FIELDS if name in (*self.fixed, *names)))

    def problems_of(self, fields: Mapping[str, Any], start: Mapping[str, Any]) -> list[Problem]:
        """Return which rules fields break, of a student who began with these.

        >>> lab = Lab.of({"fixed": ["d_head"], "range": {"seed": [0, 9]}})
        >>> [str(problem) for problem in lab.problems_of({**lab.start, "d_head": 5, "seed": 10}, lab.start)]
        ['d_head is fixed at 20 in this assignment, got 5', 'seed must be from 0 to 9 in this assignment, got 10']
        """
        return list(self._broken(fields, start))

    def _broken(self, fields: Mapping[str, Any], start: Mapping[str, Any]) -> Iterator[Problem]:
        for name in self.locked:
            if fields[name] != start[name]:
                kept = "" if name in (*TEXT, "before") or start[name] is None else f" at {_shown(start[name])}"
                yield Problem(f"{name} is fixed{kept} in this assignment, got {_shown(fields[name])}", name)
        for name, (low, high) in self.ranges.items():
            value = fields[name]
            if value is not None and not (_is_number(value) and low <= value <= high):
                yield Problem(f"{name} must be from {low} to {high} in this assignment, got {_shown(value)}", name)

    def fragment(self) -> str:
        """Return what the lab begins with as the end of an address, without the mark before it."""
        return write(self.start)[1:]

    def public(self) -> dict[str, Any]:
        """Return it as plain values, all of which a student may see."""
        ranges = {name: list(bounds) for name, bounds in self.ranges.items()}
        return {"start": self.fragment(), "fixed": list(self.fixed), "ranges": ranges, "hide": list(self.hide)}


def _start(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return all fields, as an address says them."""
    usual = notebook_fields()
    wrong = [
        Problem(f"{name} must be {_kind(usual[name])}, got {short_repr(value)}", name)
        for name, value in fields.items()
        if not _is_like(value, usual[name])
    ]
    if wrong:
        raise ConfigError(wrong)
    Experiment.of(fields)
    own = {"task": ""} if any(name in fields for name in OF_TEXT) else {}
    begun = read(write({**read("#"), **own, **fields}))
    Experiment.of(begun)
    return begun


def _ranges(given: Any) -> dict[str, tuple[float, float]]:
    if not isinstance(given, Mapping):
        raise ConfigError(
            Problem(f"range must be a table of fields, like d_head = [1, 64], got {short_repr(given)}", "range")
        )
    problems = []
    for name, bounds in given.items():
        if name not in NUMBERS:
            problems.append(Problem(f"range has no number {short_repr(name)}: {nearest(name, NUMBERS)}", name))
        elif not (
            isinstance(bounds, list) and len(bounds) == 2 and all(map(_is_finite, bounds)) and bounds[0] <= bounds[1]
        ):
            problems.append(
                Problem(f"the range of {name} must be two numbers, like [1, 64], got {short_repr(bounds)}", name)
            )
        elif name == "seed" and not all(isinstance(bound, int) and 0 <= bound <= MOST_SEED for bound in bounds):
            said = f"the range of seed must be two whole numbers from 0 to 2**53 - 1, got {short_repr(bounds)}"
            problems.append(Problem(said, name))
    if problems:
        raise ConfigError(problems)
    return {name: (low, high) for name, (low, high) in given.items()}


def _fixed(given: Any, ranges: Mapping[str, Any]) -> tuple[str, ...]:
    if given == "all":
        return tuple(name for name in FIELDS if name != "seed" and name not in ranges)
    names = _names("fixed", given, FIELDS)
    more = TEXT if set(names) & set(TEXT) else ()
    return tuple(name for name in FIELDS if name in (*names, *more))


def _names(what: str, given: Any, known: tuple[str, ...]) -> tuple[str, ...]:
    if not isinstance(given, list) or not all(isinstance(name, str) for name in given):
        also = ' or "all"' if what == "fixed" else ""
        raise ConfigError(Problem(f"{what} must be a list of names{also}, got {short_repr(given)}", what))
    problems = [
        Problem(f"{what} has no name {short_repr(name)}: {nearest(name, known)}", what)
        for name in given
        if name not in known
    ]
    if problems:
        raise ConfigError(problems)
    return tuple(dict.fromkeys(given))


def _is_like(value: Any, usual: Any) -> bool:
    """Return whether a value is what an address can say: of the same kind as the notebook's, and a number where that is none."""
    if isinstance(usual, str | bool):
        return isinstance(value, type(usual))
    return _is_finite(value)


def _kind(usual: Any) -> str:
    return "text" if isinstance(usual, str) else "true or false" if isinstance(usual, bool) else "a number"


def _is_finite(value: Any) -> bool:
    return _is_number(value) and abs(value) <= sys.float_info.max


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _shown(value: Any) -> str:
    return (
        {True: "true", False: "false", None: "none"}[value]
        if value in (True, False, None) and not _is_number(value)
        else short_repr(value)
    )
