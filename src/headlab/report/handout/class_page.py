"""The page of a class: every student's runs as one experiment, and what one student's alone could have seen; nobody is named."""

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

from headlab.notation.numbers import quantity
from headlab.report.figures import studies as figures
from headlab.report.html.page import svg, template

if TYPE_CHECKING:
    from headlab.homework.assignment.assignment import Assignment
    from headlab.homework.grading.pooled import Class, Pooled

FEWEST_SCORES = 4  # of which quartiles say something, and not whose they are


def render(assignment: "Assignment", found: "Class") -> str:
    """Return the page as HTML; it has neither ids nor sentences of students."""
    of = {question.id: question for question in assignment.questions}
    return template("class.html.j2").render(
        assignment=assignment,
        found=found,
        lead=f"{quantity(found.students, 'student')} and {quantity(found.runs, 'run')}: one experiment that none could do alone.",
        scores=[f"{score:.4g}" for score in np.percentile(found.scores, [25, 50, 75])]
        if len(found.scores) >= FEWEST_SCORES
        else [],
        pools=[_shown(pool, of[pool.question].ask) for pool in found.pools if pool.answer.groups],
        settings=[(of[name], list(Counter(values).items())) for name, values in found.found if values],
        questions=[(of[item.question], item) for item in found.questions],
    )


def _shown(pool: "Pooled", ask: str) -> dict[str, Any]:
    """Return what the page shows of the runs that were collected for one question."""
    runs = sum(group.rate.n for group in pool.answer.groups)
    asked = f"{quantity(pool.each, 'run')} at each {pool.setting} {'was' if pool.each == 1 else 'were'} asked for"
    return {
        "heading": f"{ask} ({pool.where})" if pool.where else ask,
        "about": f"{quantity(pool.students, 'student')} trained {quantity(runs, 'run')} for it; {asked}.",
        "sentences": pool.sentences(),
        "how_sure": pool.answer.how_sure(),
        "figure": svg(figures.conditions(pool.answer)),
        "answer": pool.answer,
    }
