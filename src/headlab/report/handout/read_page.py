"""The page on which an instructor reads: every student's own sentences, beside what was measured of the runs they are about."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from headlab.homework.answers import has_finite_outputs
from headlab.homework.assignment.question import SENTENCE, Question
from headlab.homework.grading import words
from headlab.homework.grading.graded import TO_READ
from headlab.notation.numbers import quantity
from headlab.report.html.homework import ShadedTable, attention_tables, prediction_tables
from headlab.report.html.page import template

if TYPE_CHECKING:
    from headlab.homework.assignment.assignment import Assignment
    from headlab.homework.grading.graded import Graded

MOST_SENTENCES = 2  # of a run, whose tables are shown


@dataclass(frozen=True)
class Told:
    """What a student wrote, and what stands beside it: why it is not as asked for, facts, headlab's words, the run's tables."""

    student: "Graded"
    text: str
    why: str
    facts: Sequence[str]
    explained: Sequence[str]
    tables: Sequence[ShadedTable]


def render(assignment: "Assignment", graded: Sequence["Graded"]) -> str:
    """Return the page as HTML; no machine gives points for prose, so that the points of sentences are blanks on it."""
    judged = [student for student in graded if not student.refused]
    asked = [question for question in assignment.questions if question.kind == SENTENCE]
    sentences = [(question, list(_told(question, judged))) for question in asked]
    written = sum(len(told) for _, told in sentences)
    return template("read.html.j2").render(
        assignment=assignment,
        students=len(judged),
        lead=f"{quantity(written, 'sentence')} of {quantity(len(judged), 'student')}, beside what was measured.",
        sentences=sentences,
        noticed=[(student.student, [*student.problems, *student.notes]) for student in graded],
        unchecked=list(dict.fromkeys(line for student in judged for line in student.unchecked)),
    )


def _told(question: Question, judged: Sequence["Graded"]) -> Iterator[Told]:
    for student in judged:
        for item in student.items:
            if item.question.id == question.id and item.verdict == TO_READ:
                why = "" if item.why == words.READ else item.why
                facts, explained = (found.get(question.id, ()) for found in (student.facts, student.explained))
                yield Told(student, item.said, why, facts, explained, _tables(question, student))


def _tables(question: Question, student: "Graded") -> list[ShadedTable]:
    """Return the tables of the picture that a sentence is about: its evidence."""
    picture = student.pictures.get(question.run or "")
    if picture is None or not has_finite_outputs(picture.run):
        return []
    run = picture.run
    shown = [(number, 0) for number in range(min(MOST_SENTENCES, run.corpus.n_sequences))]
    last = run.model.n_layers - 1
    heads = [table for head in range(run.model.n_heads) for table in attention_tables(run, last, head, shown)]
    predicted = [
        replace(table, caption=f"{table.caption}: what comes next") for table in prediction_tables(run, "probs", shown)
    ]
    return [*predicted, *(replace(table, caption=f"{table.caption}: where it looks") for table in heads)]
