"""The instructor's page: what is right in every variant, how many of its runs give the same, how hard it is, and why."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from headlab.analysis.looking.predictions import SOLVED
from headlab.homework.assignment.question import Question
from headlab.notation.numbers import percent, quantity
from headlab.report import limits
from headlab.report.html.page import template
from headlab.report.words.assignment import settled_by
from headlab.report.words.explanation import place_line

if TYPE_CHECKING:
    from headlab.homework.assignment.assignment import Assignment
    from headlab.homework.assignment.difficulty import Difficulty, Tried


def render(difficulty: "Difficulty") -> str:
    """Return the page as HTML; difficulty: of the assignment, whose variants were tried."""
    assignment = difficulty.assignment
    many = quantity(len(difficulty.tried), "variant")
    return template("key.html.j2").render(
        assignment=assignment,
        lead=f"{many}; SHA-256 of a student’s id picks one."
        if assignment.variants
        else "All have the same experiment.",
        questions=[(question, settled_by(question, assignment)) for question in assignment.questions],
        bounds=_bounds(assignment),
        variants=[_variant(assignment, tried) for tried in difficulty.tried],
    )


def _bounds(assignment: "Assignment") -> str:
    """Return within which bounds every variant is."""
    variants = assignment.variants
    if variants is None:
        return "How many of the first runs are solved, and how they work."
    low, high = variants.solved
    told = [f"the share of solved runs from {percent(low)} to {percent(high)}"]
    told += [
        f"that of {name} from {percent(some[0])} to {percent(some[1])}" for name, some in variants.mechanisms.items()
    ]
    return f"Held for every variant: {', '.join(told)}."


def _variant(assignment: "Assignment", tried: "Tried") -> dict[str, Any]:
    """Return what the page shows of a variant; what is right there is that of its first solved run, or of the first one."""
    variant, runs = tried.variant, tried.runs
    first = int(np.argmax(runs.grade() == SOLVED))
    run = runs[first]
    other = f" (number {tried.number} in the file)" if tried.number != variant.number else ""
    shares = sorted(tried.mechanisms.items(), key=lambda item: -item[1])
    explained = run.explain().first(limits.MOST_PLACES).records if run.subject.dependencies else ()
    return {
        "name": "all" if variant.number is None else f"{variant.number}{other}",
        "numbered": variant.number is not None,
        "seeds": "any" if variant.seeds is None else f"{variant.seeds[0]} to {variant.seeds[-1]}",
        "text": "" if tried.corpus is None else variant.fields["text"],
        "solved": round(tried.solved * len(runs)),
        "of": len(runs),
        "mechanisms": ", ".join(f"{round(share * len(runs))} {name}" for name, share in shares),
        "seed": run.seed,
        "grade": run.grade(),
        "rows": list(_rights(assignment, tried, first)),
        "explained": [f"{place_line(record)}. {record.sentence}" for record in explained],
    }


def _rights(assignment: "Assignment", tried: "Tried", number: int) -> Iterator[dict[str, str]]:
    """Yield what is right of one of the tried runs, question by question, and how many of them give the same."""
    runs = quantity(len(tried.runs), "run")
    for question in assignment.questions:
        if question.id in tried.reached:
            reached = round(tried.reached[question.id] * len(tried.runs))
            yield {"question": question.id, "right": _goal(question), "alike": f"{reached} of {runs}"}
        if question.quantity is None:
            continue
        found = [measured.shown for measured in tried.answers[question.id]]
        if question.source is None:
            alike = f"{found.count(found[number])} of {runs}"
            yield {"question": question.id, "right": found[number], "alike": alike}
        else:
            yield {"question": question.id, "right": f"{found[0]}, of as few runs as are asked for", "alike": ""}


def _goal(question: Question) -> str:
    wanted = question.find
    return f"{question.needs}" if wanted is None else f"{wanted.goal} at {wanted.setting} {wanted.par:g}"
