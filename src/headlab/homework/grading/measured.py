"""What is measured of the runs that answers are about: of all files together, those of one setting in one call."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from headlab.homework.assignment.measure import Measured, measure
from headlab.homework.grading.asked import Asked
from headlab.homework.grading.judging import Judge, Uncounted

if TYPE_CHECKING:
    from headlab.homework.grading.again import Again


def measured_together(judges: Iterable[Judge]) -> dict[tuple[str, Asked], Measured]:
    """Return by question and run what is right, of every run that an answer of these files is about."""
    wanted: dict[tuple[str, int], dict[Asked, Again]] = {}
    questions = {}
    for judge in judges:
        for question in judge.assignment.questions:
            if question.quantity is None or question.source is not None or question.id not in judge.file.answers:
                continue
            questions[question.id] = question.quantity
            try:
                run = judge.run_of(question)
            except Uncounted:
                continue
            wanted.setdefault((question.id, id(run.among)), {})[run.ended.asked] = run
    found = {}
    for (name, _), runs in wanted.items():
        among = next(iter(runs.values())).among
        some = among[[run.number for run in runs.values()]]
        for asked, measured in zip(runs, measure(questions[name], some), strict=True):
            found[name, asked] = measured
    return found
