"""The table of fields: what a setting is called, what it may be, and what it means, declared beside the setting itself.

    d_head: int = whole(20, 1, 65_536, label="d_head", help="Width of queries and keys.")

Checks, the command line's options, the template of a study file and the page's controls read it: `ModelConfig.table()`.
"""

import dataclasses
import math
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import MISSING, dataclass, replace
from typing import Any, TypeVar, get_args

from headlab.errors import Problem
from headlab.notation.values import short_repr

Record = TypeVar("Record")
IN = "    "

WHOLE, REAL, FLAG, CHOICE, NAMED, TEXT = "whole", "real", "flag", "choice", "names", "text"


@dataclass(frozen=True)
class Field:
    """A row of the table.

    kind: whole (a whole number), real (a finite one), flag, choice, names (some of the choices) or text
    default: None where it depends on others
    low, high: what a number may be; open_low, open_high: but not this one itself; choices: what a choice may be
    label, help: what it is called on the page, and a sentence; usual: in words, what is taken when it is left out
    optimizers: those that have the option, None for what they all have; optional: whether it may be None
    lab: whether it can be set in the lab, and said in a link to it
    """

    name: str
    kind: str
    default: Any
    label: str
    help: str
    low: float = -math.inf
    high: float = math.inf
    open_low: bool = False
    open_high: bool = False
    choices: tuple[str, ...] = ()
    usual: str = ""
    optimizers: tuple[str, ...] | None = None
    optional: bool = False
    lab: bool = True

    def to_dict(self) -> dict[str, Any]:
        """Return the row as plain JSON values, as the lab has it; a bound that is not there is None."""
        bounds = {
            name: None if math.isinf(value) else value for name, value in (("low", self.low), ("high", self.high))
        }
        return {name: value for name, value in (dataclasses.asdict(self) | bounds).items() if name != "lab"}

    def told(self) -> str:
        """Return what the field is, what it may be where that is a choice, and which optimisers have it, in sentences.

        >>> Field("rho", REAL, 0.9, "rho", "A share.", optimizers=("rmsprop", "adam", "adamw")).told()
        'A share. For rmsprop, adam and adamw.'
        """
        one_of = [f"One of {', '.join(self.choices)}."] if self.kind == CHOICE else []
        *others, last = self.optimizers or ("",)
        having = f"{', '.join(others)} and {last}" if others else last
        return " ".join([*one_of, self.help, *([f"For {having}."] if having else [])])

    def problems(self, value: Any) -> list[Problem]:
        """Return what is wrong with a value, as one sentence with the field's name.

        >>> field = Field("d_head", WHOLE, 20, "head size", "", low=1, high=9)
        >>> [str(problem) for problem in field.problems(0)], field.problems(5)
        (['d_head must be a whole number from 1 to 9, got 0'], [])
        """
        if (value is None and self.optional) or self._fits(value):
            return []
        return [Problem(f"{self.name} must be {self._wanted()}, got {short_repr(value)}", self.name)]

    def _fits(self, value: Any) -> bool:
        if self.kind == FLAG:
            return isinstance(value, bool)
        if self.kind == CHOICE:
            return isinstance(value, str) and value in self.choices
        if self.kind == NAMED:
            fits = isinstance(value, tuple) and all(isinstance(name, str) and name in self.choices for name in value)
            return fits and len(value) > 0
        if self.kind == TEXT:
            return True  # the record says
        number = isinstance(value, int if self.kind == WHOLE else int | float) and not isinstance(value, bool)
        if not number or not (self.kind == WHOLE or abs(value) <= sys.float_info.max):
            return False
        above = value > self.low if self.open_low else value >= self.low
        return bool(above and (value < self.high if self.open_high else value <= self.high))

    def _wanted(self) -> str:
        """Return in words what a value must be."""
        if self.kind == FLAG:
            return "True or False"
        if self.kind == CHOICE:
            return f"one of {', '.join(self.choices)}"
        if self.kind == NAMED:
            return f"some of {', '.join(self.choices)}"
        if self.kind == WHOLE:
            return f"a whole number from {self.low} to {self.high}"
        if self.high == math.inf:
            return f"a finite number {'above' if self.open_low else 'at least'} {self.low:g}"
        if self.open_low:
            return f"a finite number above {self.low:g} and {'below' if self.open_high else 'at most'} {self.high:g}"
        return f"a finite number from {self.low:g} to {'below ' if self.open_high else ''}{self.high:g}"


def whole(
    default: Any = MISSING,
    low: int = 0,
    high: int = 10**9,
    *,
    label: str,
    help: str,
    usual: str = "",
    lab: bool = True,
) -> Any:
    """Declare a field that is a whole number from `low` to `high`."""
    return _declared(WHOLE, default, label=label, help=help, low=low, high=high, usual=usual, lab=lab)


def real(
    default: Any,
    low: float,
    high: float = math.inf,
    *,
    label: str,
    help: str,
    open_low: bool = False,
    open_high: bool = False,
    usual: str = "",
    optimizers: tuple[str, ...] | None = None,
    lab: bool = True,
) -> Any:
    """Declare a field that is a finite number from `low` to `high`; open_low, open_high: but not that one itself."""
    bounds = {"low": low, "high": high, "open_low": open_low, "open_high": open_high}
    return _declared(REAL, default, label=label, help=help, usual=usual, optimizers=optimizers, lab=lab, **bounds)


def flag(default: bool, *, label: str, help: str, optimizers: tuple[str, ...] | None = None, lab: bool = True) -> Any:
    """Declare a field that is True or False."""
    return _declared(FLAG, default, label=label, help=help, optimizers=optimizers, lab=lab)


def choice(default: str, choices: tuple[str, ...], *, label: str, help: str, lab: bool = True) -> Any:
    """Declare a field that is one of some words."""
    return _declared(CHOICE, default, label=label, help=help, choices=choices, lab=lab)


def names(default: Any, known: tuple[str, ...], *, label: str, help: str, usual: str = "", lab: bool = True) -> Any:
    """Declare a field that is some of the known names, in any order."""
    return _declared(NAMED, default, label=label, help=help, choices=known, usual=usual, lab=lab)


def text(default: str, *, label: str, help: str, lab: bool = True) -> Any:
    """Declare a field that is text; its record checks it."""
    return _declared(TEXT, default, label=label, help=help, lab=lab)


def standing_for(default: Any, *flat: Field) -> Any:
    """Declare a field that has no row of its own: the rows of the flat settings that it is built from stand in its place."""
    return dataclasses.field(default=default, metadata={"rows": flat})


def documented(record: type[Record]) -> type[Record]:
    """Put the table's sentences into a record's documentation, a field each, before what it raises and its example."""
    rows = [row for several in rows_of(record).values() for row in several]
    lines = [
        textwrap.fill(f"{row.name}: {row.told()}", 120, initial_indent=IN, subsequent_indent=2 * IN) for row in rows
    ]
    text = record.__doc__ or ""
    place = min(text.find(mark) % (len(text) + 1) for mark in (f"\n\n{IN}Raises", f"\n\n{IN}>>>"))
    record.__doc__ = text[:place] + "\n\n" + "\n".join(lines) + text[place:]
    return record


def _declared(kind: str, default: Any, **known: Any) -> Any:
    row = Field("", kind, None if default is MISSING else default, **known)
    return dataclasses.field(default=default, metadata={"rows": (row,)})


def rows_of(record: type) -> dict[str, tuple[Field, ...]]:
    """Return the rows that are declared beside a record's fields, by the fields' names."""
    if record not in _known:
        _known[record] = {item.name: tuple(_rows(item)) for item in dataclasses.fields(record)}
    return _known[record]


_known: dict[type, dict[str, tuple[Field, ...]]] = {}


def _rows(item: "dataclasses.Field[Any]") -> Iterator[Field]:
    for row in item.metadata.get("rows", ()):
        optional = type(None) in get_args(item.type)
        yield row if row.name else replace(row, name=item.name, optional=optional)
