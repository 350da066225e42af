"""An assignment: a TOML file in which an instructor says what is asked, read with every problem at once."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import headlab
from headlab.config.numerics import NUMERICS
from headlab.config.record import no_field
from headlab.errors import ConfigError, HeadlabError, Problem
from headlab.homework.assignment.lab import TEXT, Lab
from headlab.homework.assignment.lines import lines_of, told
from headlab.homework.assignment.question import ID, MOST_LETTERS, Question
from headlab.homework.assignment.together import problems_together
from headlab.homework.assignment.variants import Variant, Variants, check_student, number_of
from headlab.notation.values import short_repr
from headlab.runs.experiment import Experiment
from headlab.runs.link import read_over
from headlab.study.toml import fields_of_text, text_of_file

WHAT = "an assignment"  # in words
FORMAT = 1
FIELDS = ("name", "title", "about", "numerics", "lab", "variants", "question")


@dataclass(frozen=True)
class Assignment:
    """What is asked, of which experiments, and what may be changed.

    numerics: which runs seeds are of, the same for the whole term; variants: None where all students have the same

    >>> Assignment.of_text('title = "a"\\n[[question]]\\nid = "b"\\nkind = "sentence"\\nask = "c"\\npoints = 1', "hw1").points
    1
    """

    name: str
    title: str
    about: str
    numerics: int
    lab: Lab
    variants: Variants | None
    questions: tuple[Question, ...]

    @classmethod
    def read(cls, path: Path) -> "Assignment":
        """Read an assignment's file; raises `ConfigError`, which lists all problems, each with its line."""
        return cls.of_text(text_of_file(path, WHAT), path.stem, str(path))

    @classmethod
    def of_text(cls, text: str, name: str, shown: str | None = None) -> "Assignment":
        """Read an assignment; raises `ConfigError`, which lists all problems, each with its line.

        name: its name where it says none; shown: what the text is called in messages
        """
        given, lines = fields_of_text(text, WHAT, shown or name), lines_of(text)
        reading = _Reading(given, lines, [])
        found = reading.assignment(name)
        if reading.problems or found is None:
            in_order = sorted(reading.problems, key=lambda problem: problem.line or 0)
            raise ConfigError(in_order)
        return found

    @property
    def points(self) -> float:
        """How many points there are in all."""
        return sum(question.points for question in self.questions)

    def question(self, name: str) -> Question:
        """Return the question of an id; raises `KeyError`."""
        return {item.id: item for item in self.questions}[name]

    def public(self) -> dict[str, Any]:
        """Return all that a student may see, as plain values: no feedback, no par, no bounds."""
        return {**self._public, "version": headlab.__version__, "hash": self.hash}

    @cached_property
    def hash(self) -> str:
        """The assignment as 32 hex digits: of all that a student may see but the version of headlab."""
        text = json.dumps(self._public, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
        return hashlib.sha256(text.encode()).hexdigest()[:32]

    @property
    def _public(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "name": self.name,
            "title": self.title,
            "about": self.about,
            "numerics": self.numerics,
            **self.lab.public(),
            "variants": None if self.variants is None else self.variants.public(),
            "questions": [question.public() for question in self.questions],
        }

    @cached_property
    def handed_out(self) -> tuple[Variant, ...]:
        """Every variant that a student may have, in the order of their numbers; one of no number where all have the same."""
        if self.variants is None:
            return (Variant(None, self.lab.start),)
        start = self.lab.start
        return tuple(self.variants.variant(number, place, start) for place, number in enumerate(self.variants.kept))

    def variant_of(self, student: str) -> Variant:
        """Return the variant of a student's id; raises `ConfigError` for what is no id."""
        chosen = self.handed_out
        return chosen[number_of(check_student(student), self.hash, len(chosen))]

    def fields(self, variant: Variant, address: str) -> dict[str, Any]:
        """Return the lab's fields of a run of a student; address: what differs from what the variant begins with.

        Raises `ConfigError`: every rule of the assignment that is broken.
        """
        fields = read_over(variant.fields, address)
        problems = self.lab.problems_of(fields, variant.fields)
        seeds = variant.seeds
        if seeds is not None and fields["seed"] not in seeds:
            said = f"seed must be one of yours, from {seeds[0]} to {seeds[-1]}, got {fields['seed']}"
            problems.append(Problem(said, "seed"))
        if problems:
            raise ConfigError(problems)
        return fields

    def experiment(self, variant: Variant, address: str) -> Experiment:
        """Return a run of a student, checked; address: what differs from what the variant begins with. Raises `ConfigError`.

        >>> text = 'title = "a"\\n[[question]]\\nid = "b"\\nkind = "sentence"\\nask = "c"\\npoints = 1'
        >>> found = Assignment.of_text(text, "hw1")
        >>> found.experiment(found.variant_of("ab12"), "seed=5&d_head=10").model.d_head
        10
        """
        return Experiment.of(self.fields(variant, address))


@dataclass(frozen=True)
class _Reading:
    """A file that is read: its fields, the line of each, and what is wrong so far."""

    given: Mapping[str, Any]
    lines: dict[tuple[str | int, ...], int]
    problems: list[Problem]

    def assignment(self, name: str) -> Assignment | None:
        self._said((), [no_field(WHAT, key, FIELDS) for key in self.given if key not in FIELDS])
        top = {key: self._built((key,), partial(_top, key, self.given, name)) for key in FIELDS[:4]}
        lab = self._built(("lab",), lambda: Lab.of(_table("lab", self.given)))
        variants = None
        if "variants" in self.given:
            variants = self._built(("variants",), lambda: Variants.of(_table("variants", self.given)))
        questions = self._questions()
        if lab is None or questions is None or None in top.values():
            return None
        if (variants is not None and variants.corpora) or any(item.is_of_text for item in questions):
            lab = lab.fixing(*TEXT)
        found = Assignment(**top, lab=lab, variants=variants, questions=questions)
        for where, problem in problems_together(found):
            self._said(where, [problem])
        return found

    def _questions(self) -> tuple[Question, ...] | None:
        given = self.given.get("question", [])
        if not isinstance(given, list) or not given:
            said = f"an assignment must have questions, each begun by [[question]], got {short_repr(given)}"
            self._said(("question",), [Problem(said, "question")])
            return None
        found = [self._built(("question", number), partial(Question.of, table)) for number, table in enumerate(given)]
        return tuple(item for item in found if item is not None) if None not in found else None

    def _built(self, where: tuple[str | int, ...], build: Callable[[], Any]) -> Any:
        problems: list[Problem] = []
        try:
            return build()
        except HeadlabError as error:
            problems += error.problems
        self._said(where, problems)
        return None

    def _said(self, where: tuple[str | int, ...], problems: Sequence[Problem]) -> None:
        for problem in problems:
            field = () if problem.field is None else (problem.field,)
            for within in (("range",), ()):
                if (*where, *within, *field) in self.lines or not within:
                    self.problems.append(told(problem, self.lines, (*where, *within, *field)))
                    break


def _top(name: str, given: Mapping[str, Any], stem: str) -> Any:
    if name == "title" and name not in given:
        raise ConfigError(Problem("title must be said, got none", name))
    value = given.get(name, {"name": stem, "about": "", "numerics": NUMERICS}.get(name))
    match name:
        case "name":
            if not (isinstance(value, str) and ID.fullmatch(value)):
                said = f"name must be at most 40 letters, digits, - and _, got {short_repr(value)}"
                raise ConfigError(Problem(said, name))
        case "numerics":
            if value != NUMERICS or isinstance(value, bool):
                said = (
                    f"numerics must be {NUMERICS}, which this headlab computes, got {short_repr(value)}: "
                    "take the headlab that the assignment was made with"
                )
                raise ConfigError(Problem(said, name))
        case _:
            most = MOST_LETTERS if name == "about" else 200
            if not isinstance(value, str) or len(value) > most or (name == "title" and not value.strip()):
                raise ConfigError(
                    Problem(f"{name} must be text of at most {most:,} characters, got {short_repr(value)}", name)
                )
    return value


def _table(name: str, given: Mapping[str, Any]) -> Mapping[str, Any]:
    table = given.get(name, {})
    if isinstance(table, Mapping):
        return table
    raise ConfigError(Problem(f"{name} must be a table of fields, got {short_repr(table)}", name))
