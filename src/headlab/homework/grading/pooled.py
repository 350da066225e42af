"""A class as one experiment: every student's runs together, without ids, and what the few of one student could have seen."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from headlab.homework.grading.asked import Ended, Setting
from headlab.homework.grading.collected import answer_of
from headlab.homework.grading.graded import MISSING, RIGHT, Grades
from headlab.homework.grading.power import Seen
from headlab.notation.values import short_repr
from headlab.study.answer import Answer

MOST_POOLS = 8  # of one question: runs that differ in more than its setting are compared apart


@dataclass(frozen=True)
class Pooled:
    """The runs that all students collected for a question, alike but for the setting and the seed.

    where: in what these differ from the others of the question, nothing where there are no others; each: as many as a student has
    """

    question: str
    setting: str
    where: str
    each: int
    answer: Answer
    students: int

    @property
    def runs(self) -> int:
        """How many different runs there are."""
        return sum(group.rate.n for group in self.answer.groups)

    @cached_property
    def seen(self) -> Seen | None:
        """What one student's runs could have seen, from the share at the first value; None where nothing is to compare."""
        groups = self.answer.judged
        return Seen.of(self.each, groups[0].rate.share) if len(groups) > 1 else None

    def sentences(self) -> list[str]:
        """Return the answer of all runs in plain words, and what one student's could have seen."""
        return [*self.answer.sentences(), *([] if self.seen is None else [self.seen.sentence()])]

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values."""
        groups = [
            {
                "value": group.value,
                "runs": group.rate.n,
                "solved": group.rate.successes,
                "low": group.rate.low,
                "high": group.rate.high,
            }
            for group in self.answer.groups
        ]
        about = {"question": self.question, "setting": self.setting, "where": self.where, "students": self.students}
        return {**about, "groups": groups, "sentences": self.sentences(), "how_sure": self.answer.how_sure()}


@dataclass(frozen=True)
class QuestionCount:
    """How many answered a question, how many of them have all its points, and their mean share of the points."""

    question: str
    answered: int
    credited: int
    share: float


@dataclass(frozen=True)
class Class:
    """All students together: nothing here says who they are.

    students: whose files were judged; runs: how many different ones count; scores: of each, from the lowest
    found: by question, the settings that were found, from the best
    """

    students: int
    runs: int
    scores: tuple[float, ...]
    questions: tuple[QuestionCount, ...]
    pools: tuple[Pooled, ...]
    found: tuple[tuple[str, tuple[float, ...]], ...]

    @classmethod
    def of(cls, grades: Grades) -> "Class":
        """Pool what was graded; a run that several have is one run."""
        judged = [one for one in grades.graded if not one.refused]
        runs = {run.asked for one in judged for run in one.runs.values()}
        found = []
        for number, question in enumerate(grades.assignment.questions):
            if question.find is not None:
                values = [one.items[number].value for one in judged]
                known = [value for value in values if value is not None]
                found.append((question.id, tuple(sorted(known, reverse=question.find.best != "lowest"))))
        return cls(
            len(judged),
            len(runs),
            tuple(sorted(one.score for one in judged)),
            tuple(_counts(grades)),
            tuple(pool for question in grades.assignment.questions for pool in _pools(grades, question.id)),
            tuple(found),
        )

    @property
    def answers(self) -> list[Answer]:
        """The pooled runs of every question that collects some, compared."""
        return [pool.answer for pool in self.pools]

    @property
    def seen(self) -> list[str]:
        """What one student's runs could have seen, a sentence a question."""
        return [pool.seen.sentence() for pool in self.pools if pool.seen is not None]

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {
            "students": self.students,
            "runs": self.runs,
            "scores": list(self.scores),
            "questions": [
                {"question": item.question, "answered": item.answered, "credited": item.credited, "share": item.share}
                for item in self.questions
            ],
            "pools": [pool.to_dict() for pool in self.pools],
            "found": {name: list(values) for name, values in self.found},
        }


def _counts(grades: Grades) -> Iterator[QuestionCount]:
    judged = [one for one in grades.graded if not one.refused]
    for number, question in enumerate(grades.assignment.questions):
        items = [one.items[number] for one in judged]
        points = sum(item.points for item in items)
        share = points / (question.points * len(items)) if question.points and items else 0.0
        answered = sum(item.verdict != MISSING for item in items)
        yield QuestionCount(question.id, answered, sum(item.verdict == RIGHT for item in items), share)


def _pools(grades: Grades, name: str) -> Iterator[Pooled]:
    asked = grades.assignment.question(name).runs
    if asked is None:
        return
    rests: dict[Setting, list[Sequence[Ended]]] = {}
    for one in grades.graded:
        collected = one.collected.get(name)
        if collected is not None and collected.rest is not None:
            rests.setdefault(collected.rest, []).append(collected.runs)
    largest = sorted(rests, key=lambda rest: -sum(map(len, rests[rest])))[:MOST_POOLS]
    for rest in largest:
        runs = {run.asked: run for some in rests[rest] for run in some}
        by_value = {
            value: [run for run in runs.values() if run.asked.setting.fields[asked.setting] == value]
            for value in asked.values
        }
        where = _where(rest, largest)
        yield Pooled(name, asked.setting, where, asked.each, answer_of(asked.setting, by_value), len(rests[rest]))


def _where(rest: Setting, all_rests: Sequence[Setting]) -> str:
    """Return in what some runs differ from the others of a question."""
    every = [other.fields for other in all_rests]
    differing = [name for name in rest.fields if any(other.get(name) != rest.fields[name] for other in every)]
    return ", ".join(f"{name} {short_repr(rest.fields[name])}" for name in differing)
