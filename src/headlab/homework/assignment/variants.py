"""The variants of an assignment: neighbours have the same questions and other answers, by other seeds or other sentences."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from headlab.analysis.parts.mechanism import MECHANISMS
from headlab.config.record import gathered, no_field
from headlab.errors import ConfigError, Problem
from headlab.homework.assignment.lab import MOST_SEED
from headlab.notation.values import listing, short_repr

STUDENT = re.compile(r"[A-Za-z0-9._@+-]{1,64}")
MOST_VARIANTS, MOST_SEEDS = 1000, 10_000
FIELDS = ("number", "first", "each", "skip", "corpora", "solved", "mechanisms")

Bounds = tuple[float, float]


@dataclass(frozen=True)
class Variant:
    """What one student begins with.

    number: among those that are handed out, None where there are no variants; fields: the lab's
    seeds: those that are the student's, None: all
    """

    number: int | None
    fields: Mapping[str, Any] = field(repr=False)
    seeds: range | None = None


@dataclass(frozen=True)
class Variants:
    """How variants differ, and how hard they may be.

    number: how many there are, with those left out; skip: those left out
    first, each: variant v has the seeds from first + v · each, so many; None: all have all
    corpora: texts, of which variant v has number v mod how many there are
    solved: bounds of the share of solved runs; mechanisms: bounds of the share of each
    """

    number: int
    first: int | None = None
    each: int = 100
    skip: tuple[int, ...] = ()
    corpora: tuple[str, ...] = ()
    solved: Bounds = (0.0, 1.0)
    mechanisms: Mapping[str, Bounds] = field(default_factory=dict)

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> "Variants":
        """Build them from their table; raises `ConfigError` with all problems.

        >>> Variants.of({"number": 3, "first": 100, "each": 10, "skip": [1]}).kept
        (0, 2)
        """
        problems = [no_field("[variants]", name, FIELDS) for name in given if name not in FIELDS]
        corpora = gathered(problems, lambda: _texts(given.get("corpora", []))) or ()
        number = _whole(problems, given, "number", 1, MOST_VARIANTS, max(1, len(corpora)))
        first = _whole(problems, given, "first", 0, MOST_SEED, None)
        each = _whole(problems, given, "each", 1, MOST_SEEDS, 100)
        if not problems and first is not None and first + number * each - 1 > MOST_SEED:
            problems.append(Problem(f"seeds must be at most 2**53 - 1, got {first + number * each - 1}", "first"))
        if not problems and first is None and not corpora:
            said = "variants must have seeds (first and each) or corpora, got neither: say in what they differ"
            problems.append(Problem(said, "variants"))
        skip = gathered(problems, lambda: _skip(given.get("skip", []), number))
        solved = gathered(problems, lambda: _bounds("solved", given.get("solved", [0.0, 1.0])))
        mechanisms = gathered(problems, lambda: _mechanisms(given.get("mechanisms", {})))
        if problems:
            raise ConfigError(problems)
        return cls(number, first, each, skip or (), corpora, solved or (0.0, 1.0), mechanisms or {})

    @property
    def kept(self) -> tuple[int, ...]:
        """The numbers of the variants that are handed out."""
        return tuple(number for number in range(self.number) if number not in self.skip)

    def variant(self, number: int, place: int | None, start: Mapping[str, Any]) -> Variant:
        """Return a variant by its number among all; place: its number among those that are handed out."""
        fields, seeds = dict(start), self.seeds(number)
        if self.corpora:
            fields |= {"task": "", "text": self.corpora[number % len(self.corpora)]}
        if seeds is not None:
            fields["seed"] = seeds[0]
        return Variant(place, fields, seeds)

    def seeds(self, number: int) -> range | None:
        """Return the seeds of a variant by its number among all; None: all."""
        if self.first is None:
            return None
        begin = self.first + number * self.each
        return range(begin, begin + self.each)

    def public(self) -> dict[str, Any]:
        """Return what a student may see: of the variants that are handed out, the seeds and which corpus each has."""
        seeds = [self.seeds(number) for number in self.kept]
        return {
            "seeds": [None if some is None else [some[0], some[-1]] for some in seeds]
            if self.first is not None
            else None,
            "corpora": list(self.corpora) or None,
            "corpus": [number % len(self.corpora) for number in self.kept] if self.corpora else None,
            "number": len(self.kept),
        }


def number_of(student: str, assignment: str, count: int) -> int:
    """Return which of so many variants a student has; assignment: its hash.

    >>> number_of("AB12", "0" * 32, 24) == number_of("ab12", "0" * 32, 24)
    True
    """
    digest = hashlib.sha256(f"{student.lower()}\n{assignment}".encode()).digest()
    return int.from_bytes(digest[:8], "big") % count


def check_student(student: Any) -> str:
    """Return a student's id; raises `ConfigError` for what is none.

    >>> check_student("ab12")
    'ab12'
    """
    if isinstance(student, str) and STUDENT.fullmatch(student):
        return student
    said = f"an id must be 1 to 64 letters, digits and . _ @ + -, got {short_repr(student)}"
    raise ConfigError(Problem(said, "id"))


def _whole(problems: list[Problem], given: Mapping[str, Any], name: str, low: int, high: int, usual: Any) -> Any:
    value = given.get(name, usual)
    if name in given and not (isinstance(value, int) and not isinstance(value, bool) and low <= value <= high):
        problems.append(Problem(f"{name} must be a whole number from {low} to {high}, got {short_repr(value)}", name))
        return usual
    return value


def _texts(given: Any) -> tuple[str, ...]:
    if not isinstance(given, list) or not all(isinstance(text, str) for text in given):
        raise ConfigError(Problem(f"corpora must be a list of texts, got {short_repr(given)}", "corpora"))
    if len(set(given)) != len(given):
        raise ConfigError(
            Problem("corpora must be different, and two of them are the same text: leave one out", "corpora")
        )
    return tuple(given)


def _skip(given: Any, number: int) -> tuple[int, ...]:
    fits = isinstance(given, list) and all(
        isinstance(item, int) and not isinstance(item, bool) and 0 <= item < number for item in given
    )
    if not fits:
        raise ConfigError(
            Problem(f"skip must be a list of variants from 0 to {number - 1}, got {short_repr(given)}", "skip")
        )
    if len(set(given)) >= number:
        raise ConfigError(Problem("skip must leave a variant to hand out, and leaves none", "skip"))
    return tuple(sorted(set(given)))


def _bounds(name: str, given: Any) -> Bounds:
    fits = (
        isinstance(given, list)
        and len(given) == 2
        and all(isinstance(item, int | float) and not isinstance(item, bool) and 0 <= item <= 1 for item in given)
    )
    if not fits or given[0] > given[1]:
        said = f"{name} must be two shares from 0 to 1, the lower one first, got {short_repr(given)}"
        raise ConfigError(Problem(said, name))
    return float(given[0]), float(given[1])


def _mechanisms(given: Any) -> dict[str, Bounds]:
    if not isinstance(given, Mapping):
        said = f'mechanisms must be a table of bounds, like {{ "value-coded" = [0.1, 0.9] }}, got {short_repr(given)}'
        raise ConfigError(Problem(said, "mechanisms"))
    problems = [
        Problem(f"a mechanism must be one of {listing(MECHANISMS)}, got {short_repr(name)}", "mechanisms")
        for name in given
        if name not in MECHANISMS
    ]
    found = {name: gathered(problems, lambda name=name: _bounds(name, given[name])) for name in given}  # type: ignore[misc]
    if problems:
        raise ConfigError([Problem(problem.text, "mechanisms") for problem in problems])
    return {name: bounds for name, bounds in found.items() if bounds is not None}
