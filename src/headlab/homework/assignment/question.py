"""A question of an assignment, read from its table; every problem of it at once."""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from headlab.analysis.looking.predictions import HAIR, SOLVED
from headlab.config.record import gathered, nearest, no_field
from headlab.errors import ConfigError, Problem
from headlab.homework.assignment.lab import NUMBERS
from headlab.homework.assignment.quantities import Quantity, answers_fit
from headlab.notation.values import short_repr
from headlab.runs.experiment import FORK_FIELDS, MODEL_FIELDS

ID = re.compile(r"[A-Za-z0-9_-]{1,40}")
MOST_LETTERS, MOST_POINTS, MOST_COLLECTED = 2000, 1000, 64
CHOOSE, NUMBER, CLAIM, RUNS, FIND, SENTENCE, PICTURE = (
    "choose",
    "number",
    "claim",
    "runs",
    "find",
    "sentence",
    "picture",
)
SETTINGS = tuple(name for name in (*MODEL_FIELDS, *FORK_FIELDS) if name != "schedule")

_ALWAYS = ("id", "kind", "ask", "points", "right", "wrong")
FIELDS_OF = {
    CHOOSE: ("run", "quantity"),
    NUMBER: ("run", "from", "quantity", "tolerance"),
    CLAIM: ("run", "from", "quantity"),
    RUNS: ("runs",),
    FIND: ("find",),
    SENTENCE: ("run", "from", "least", "most"),
    PICTURE: ("run", "needs"),
}


@dataclass(frozen=True)
class Collect:
    """Runs to be collected: at each of some values of a setting so many different seeds, at least."""

    setting: str
    values: tuple[Any, ...]
    each: int


@dataclass(frozen=True)
class Find:
    """A setting to be found: the lowest or highest at which a run reaches the goal, a grade.

    par: what is good enough for all points; half of them are for the goal at any other value
    """

    setting: str
    best: str
    goal: str
    par: float

    @property
    def value(self) -> int | float:
        """Par as a value of the setting: whole where it is."""
        return int(self.par) if self.par == int(self.par) else self.par


@dataclass(frozen=True)
class Question:
    """What is asked, and what settles it.

    id, kind, ask, points: as in the file; right, wrong: what is said of an answer afterwards, never on the students' page
    run: the id of the question whose run it is about, None: a run of its own, or none; source: that of the question whose runs
    quantity, tolerance: what choose, number and claim are measured by; runs, find: of these kinds
    needs: the grade of a picture's run; least, most: letters of a sentence
    """

    id: str
    kind: str
    ask: str
    points: float
    right: str = ""
    wrong: str = ""
    run: str | None = None
    source: str | None = None
    quantity: Quantity | None = None
    tolerance: float | None = None
    runs: Collect | None = None
    find: Find | None = None
    needs: str | None = None
    least: int = 0
    most: int = 0
    given: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def has_run(self) -> bool:
        """Whether a student chooses a run for it, and for it alone."""
        return self.run is None and self.source is None and self.kind not in (RUNS, SENTENCE)

    @property
    def is_measured(self) -> bool:
        """Whether running again settles it: everything but a sentence."""
        return self.kind != SENTENCE

    @property
    def is_of_text(self) -> bool:
        """Whether it is asked of the assignment's own sentences: of a word in them, or how little solves these."""
        return self.find is not None or (self.quantity is not None and self.quantity.is_of_text)

    @classmethod
    def of(cls, given: Any) -> "Question":
        """Build it from its table; raises `ConfigError` with all problems.

        >>> Question.of({"id": "why", "kind": "sentence", "ask": "Why?", "points": 2}).most
        600
        """
        if not isinstance(given, Mapping):
            raise ConfigError(f"a question must be a table, begun by [[question]], got {short_repr(given)}")
        kind = given.get("kind")
        if not isinstance(kind, str) or kind not in FIELDS_OF:
            hint = nearest(str(kind), list(FIELDS_OF))
            raise ConfigError(
                Problem(f"kind must be one of {', '.join(FIELDS_OF)}, got {short_repr(kind)}: {hint}", "kind")
            )
        known = (*_ALWAYS, *FIELDS_OF[kind])
        problems = [no_field(f"a question of the kind {kind}", name, known) for name in given if name not in known]
        found = {
            name: _read(problems, name, given)
            for name in known
            if name in given or name in (*_NEEDED, *_NEEDED_OF[kind])
        }
        problems += _unfit(kind, found)
        if problems:
            raise ConfigError(problems)
        source = {"source": found.pop("from")} if "from" in found else {}
        if kind == SENTENCE:
            found = {"least": 1, "most": 600, **found}
        return cls(**{**found, **source, "given": dict(given)})

    def public(self) -> dict[str, Any]:
        """Return what a student may see of it: no feedback, no par."""
        told: dict[str, Any] = {"id": self.id, "kind": self.kind, "ask": self.ask, "max": self.points}
        if self.kind in FIELDS_OF and self.kind not in (RUNS, FIND):
            told |= {"run": self.run, "from": self.source}
        if self.quantity is not None:
            told["quantity"] = self.quantity.to_dict()
        if self.kind == NUMBER:
            told["tolerance"] = self.tolerance
        if self.runs is not None:
            told["runs"] = {"setting": self.runs.setting, "values": list(self.runs.values), "each": self.runs.each}
        if self.find is not None:
            told["find"] = {"setting": self.find.setting, "best": self.find.best, "goal": self.find.goal}
        if self.kind == PICTURE:
            told["needs"] = self.needs
        if self.kind == SENTENCE:
            told |= {"least": self.least, "most": self.most}
        return told


_NEEDED = ("id", "kind", "ask", "points")
_NEEDED_OF = {
    CHOOSE: ("quantity",),
    NUMBER: ("quantity", "tolerance"),
    CLAIM: ("quantity",),
    RUNS: ("runs",),
    FIND: ("find",),
    SENTENCE: (),
    PICTURE: (),
}


def _read(problems: list[Problem], name: str, given: Mapping[str, Any]) -> Any:
    """Return a field's value; what is wrong is put to the problems."""
    if name not in given:
        problems.append(Problem(f"{name} must be said, got none", name))
        return None
    return gathered(problems, lambda: _READERS[name](name, given[name]))


def _unfit(kind: str, found: Mapping[str, Any]) -> list[Problem]:
    """Return what does not go together in a question."""
    problems, quantity = [], found.get("quantity")
    if quantity is not None and quantity.answer not in answers_fit(kind):
        said = (
            f"a question of the kind {kind} must have a quantity whose answer is a {' or a '.join(answers_fit(kind))}"
        )
        problems.append(Problem(f"{said}, got {quantity.name}, a {quantity.answer}", "quantity"))
    if quantity is not None and quantity.of_runs != ("from" in found):
        wanted = "from, the id of the question whose runs they are" if quantity.of_runs else "no from: it is of one run"
        problems.append(Problem(f"the quantity {quantity.name} must have {wanted}", "from"))
    if found.get("run") is not None and found.get("from") is not None:
        problems.append(Problem("either run or from must be given, got both: leave one of them out", "run"))
    if (found.get("least") or 0) > (found.get("most") or math.inf):
        problems.append(Problem(f"least must be no more than most, got {found['least']} and {found['most']}", "least"))
    return problems


def _text(name: str, value: Any) -> str:
    if isinstance(value, str) and value.strip() and len(value) <= MOST_LETTERS:
        return value
    raise _wrong(name, f"text of at most {MOST_LETTERS:,} characters", value)


def _id(name: str, value: Any) -> str:
    if isinstance(value, str) and ID.fullmatch(value):
        return value
    raise _wrong(name, "at most 40 letters, digits, - and _", value)


def _number(low: float, high: float) -> Callable[[str, Any], float]:
    def read(name: str, value: Any) -> float:
        if isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high:
            return value
        raise _wrong(name, f"a number from {low:g} to {high:g}", value)

    return read


def _whole(low: int, high: int) -> Callable[[str, Any], int]:
    def read(name: str, value: Any) -> int:
        if isinstance(value, int) and not isinstance(value, bool) and low <= value <= high:
            return value
        raise _wrong(name, f"a whole number from {low:,} to {high:,}", value)

    return read


def _one_of(*options: str) -> Callable[[str, Any], str]:
    def read(name: str, value: Any) -> str:
        if isinstance(value, str) and value in options:
            return value
        raise ConfigError(
            Problem(
                f"{name} must be one of {', '.join(options)}, got {short_repr(value)}: {nearest(str(value), options)}",
                name,
            )
        )

    return read


def _collect(name: str, value: Any) -> Collect:
    found = _table(name, value, {"setting": _one_of(*SETTINGS), "values": _values, "each": _whole(1, MOST_COLLECTED)})
    return Collect(**found)


def _find(name: str, value: Any) -> Find:
    readers: dict[str, Callable[[str, Any], Any]] = {
        "setting": _one_of(*(name for name in NUMBERS if name != "seed")),
        "best": _one_of("lowest", "highest"),
        "goal": _one_of(SOLVED, HAIR),
        "par": _number(-1e9, 1e9),
    }
    return Find(**_table(name, value, readers))


def _values(name: str, value: Any) -> tuple[Any, ...]:
    plain = (
        isinstance(value, list) and 0 < len(value) <= 16 and all(isinstance(item, int | float | str) for item in value)
    )
    if plain and len({(isinstance(item, bool), item) for item in value}) == len(value):  # 1 is 1.0, and not true
        return tuple(value)
    raise _wrong(name, "a list of 1 to 16 different values", value)


def _table(name: str, value: Any, readers: Mapping[str, Callable[[str, Any], Any]]) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise _wrong(name, f"{{ {', '.join(f'{key} = …' for key in readers)} }}", value)
    problems = [no_field(name, key, list(readers)) for key in value if key not in readers]
    problems += [Problem(f"{name} must say its {key}, got none", name) for key in readers if key not in value]
    found = {
        key: gathered(problems, lambda key=key, read=read: read(key, value[key]))  # type: ignore[misc]
        for key, read in readers.items()
        if key in value
    }
    if problems:
        raise ConfigError([Problem(problem.text, name) for problem in problems])
    return found


def _wrong(name: str, wanted: str, value: Any) -> ConfigError:
    return ConfigError(Problem(f"{name} must be {wanted}, got {short_repr(value)}", name))


_READERS: dict[str, Callable[[str, Any], Any]] = {
    "id": _id,
    "kind": _id,
    "ask": _text,
    "points": _number(0, MOST_POINTS),
    "right": _text,
    "wrong": _text,
    "run": _id,
    "from": _id,
    "quantity": lambda _, value: Quantity.of(value),
    "tolerance": _number(0, 1e9),
    "runs": _collect,
    "find": _find,
    "needs": _one_of(SOLVED, HAIR),
    "least": _whole(1, 4000),
    "most": _whole(1, 4000),
}
