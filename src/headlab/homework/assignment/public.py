"""An assignment as a student has it: read from what may be seen of it, so that its rules hold and no key is known."""

from collections.abc import Mapping
from itertools import count
from typing import Any

from headlab.errors import ConfigError
from headlab.homework.assignment.assignment import Assignment
from headlab.homework.assignment.lab import Lab
from headlab.homework.assignment.question import FIND, Question
from headlab.homework.assignment.variants import Variants
from headlab.runs.link import read

OUT_OF_REACH = {"lowest": -1e9, "highest": 1e9}  # a par that nobody reaches, where the real one is not told
WRONG = "an assignment must be as its page has it, got another text: take it from the page or the notebook again"


def assignment_of(public: Mapping[str, Any]) -> Assignment:
    """Return an assignment of what `public` told of it: of the same hash, without its key. Raises `ConfigError`."""
    try:
        found = Assignment(
            public["name"],
            public["title"],
            public["about"],
            public["numerics"],
            _lab(public),
            None if public["variants"] is None else _variants(public["variants"]),
            tuple(Question.of(_question(told)) for told in public["questions"]),
        )
        same = found.hash == public["hash"]
    except (KeyError, TypeError, ValueError, AttributeError, StopIteration):
        raise ConfigError(WRONG) from None
    if not same:
        raise ConfigError(WRONG)
    return found


def _lab(public: Mapping[str, Any]) -> Lab:
    ranges = {name: (low, high) for name, (low, high) in public["ranges"].items()}
    return Lab(read("#" + public["start"]), tuple(public["fixed"]), ranges, tuple(public["hide"]))


def _question(told: Mapping[str, Any]) -> dict[str, Any]:
    """Return a question as a file asks it."""
    given = {name: value for name, value in told.items() if value is not None and name != "max"}
    if "quantity" in given:
        given["quantity"] = {name: value for name, value in given["quantity"].items() if value is not None}
    if given["kind"] == FIND:
        given["find"] = {**given["find"], "par": OUT_OF_REACH[given["find"]["best"]]}
    return {**given, "points": told["max"]}


def _variants(told: Mapping[str, Any]) -> Variants:
    """Return variants of which those that are handed out are these; the numbers of those that are not may be others."""
    seeds, texts, corpus = told["seeds"], tuple(told["corpora"] or ()), told["corpus"]
    if seeds is None:
        numbers: list[int] = []
        for wanted in corpus:
            numbers.append(next(n for n in count(numbers[-1] + 1 if numbers else 0) if n % len(texts) == wanted))
        return Variants(numbers[-1] + 1, skip=_left_out(numbers), corpora=texts)
    each = seeds[0][1] - seeds[0][0] + 1
    for shift in range(max(1, len(texts))):
        numbers = [(first - seeds[0][0]) // each + shift for first, _ in seeds]
        if corpus is None or [n % len(texts) for n in numbers] == corpus:
            first = seeds[0][0] - shift * each
            return Variants(numbers[-1] + 1, first, each, _left_out(numbers), texts)
    raise ValueError("no numbers fit")


def _left_out(numbers: list[int]) -> tuple[int, ...]:
    return tuple(sorted(set(range(numbers[-1])) - set(numbers)))
