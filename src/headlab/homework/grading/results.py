"""Results as other systems read them, a file a student: Gradescope's results.json, and PrairieLearn's."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from headlab.homework.grading.graded import MISSING, PARTLY, RIGHT, TO_READ, WRONG, Graded, Grades, Item, Refused
from headlab.notation.numbers import quantity

GRADESCOPE, PRAIRIELEARN = "gradescope", "prairielearn"
NO_FILE = "The submission must be the file that “Hand in” saves, and there is none: hand it in."


def of(graded: Graded | Refused, assignment_points: float, form: str = GRADESCOPE) -> dict[str, Any]:
    """Return a student's results in a form, as plain values; of a file that was refused, no points and the reasons."""
    return _FORMS[form](graded, assignment_points)


def of_one(grades: Grades, form: str) -> dict[str, Any]:
    """Return the results of a folder that is one student's submission: of its only file, or why there is nothing to grade."""
    if grades.graded:
        return of(grades.graded[0], grades.assignment.points, form)
    problems = tuple(said for item in grades.refused for said in item.problems) or (NO_FILE,)
    return of(Refused("", problems), grades.assignment.points, form)


def files(grades: Grades) -> Mapping[str, Graded]:
    """Return a file for each student, by its name: an id is one, but for a dot at its beginning, which would hide the file."""
    return {f"{'_' if one.student.startswith('.') else ''}{one.student}.json": one for one in grades.graded}


def _gradescope(graded: Graded | Refused, points: float) -> dict[str, Any]:
    if isinstance(graded, Refused):
        return {"score": 0, "output": "\n".join(graded.problems), "visibility": "visible", "tests": []}
    tests = [
        {
            "number": str(number),
            "name": item.question.ask,
            "score": item.points,
            "max_score": item.max,
            "output": _output(item),
            "tags": [item.question.kind],
            "visibility": "visible",
        }
        for number, item in enumerate(graded.items, 1)
    ]
    found: dict[str, Any] = {
        "score": graded.score,
        "output": "\n".join(_told(graded)),
        "visibility": "visible",
        "stdout_visibility": "hidden",
        "extra_data": {"student": graded.student, "variant": graded.variant},
        "tests": tests,
    }
    places = [
        {"name": item.question.id, "value": item.value, "order": _order(item)}
        for item in graded.items
        if item.value is not None
    ]
    return {**found, "leaderboard": places} if places else found


def _prairielearn(graded: Graded | Refused, points: float) -> dict[str, Any]:
    if isinstance(graded, Refused):
        problems = list(graded.problems)
        return {"gradable": False, "score": 0, "message": problems[0], "format_errors": problems, "tests": []}
    tests = [
        {
            "name": item.question.id,
            "description": item.question.ask,
            "points": item.points,
            "max_points": item.max,
            "message": item.verdict,
            "output": _output(item),
        }
        for item in graded.items
    ]
    score = graded.score / points if points else 0
    return {
        "gradable": not graded.refused,
        "score": min(1, score),
        "output": "\n".join(_told(graded)),
        "tests": tests,
    } | ({"message": graded.problems[0], "format_errors": list(graded.problems)} if graded.refused else {})


_FORMS: Mapping[str, Callable[[Graded | Refused, float], dict[str, Any]]] = {
    GRADESCOPE: _gradescope,
    PRAIRIELEARN: _prairielearn,
}
FORMS = tuple(_FORMS)


def _told(graded: Graded) -> Iterator[str]:
    """Yield what a student reads of the whole file: no note, which is for the instructor."""
    yield from (f"{said[0].upper()}{said[1:]}." for said in graded.problems)
    if graded.to_read:
        yield f"{quantity_of_points(graded.to_read)} more for what you wrote: a person reads it."


def _output(item: Item) -> str:
    """Return what a student reads of an answer."""
    said = [] if item.verdict in (MISSING,) or not item.said else [f"You said: {item.said}"]
    # What a run gives, and how good is good enough, a student who tries again would copy.
    told = item.verdict not in (RIGHT, WRONG, PARTLY) or (item.question.quantity is None and item.question.find is None)
    why = f": {item.why}" if item.why and item.verdict != TO_READ and told else ""
    return "\n".join(
        [*said, f"{item.verdict[0].upper()}{item.verdict[1:]}{why}.", *([item.feedback] if item.feedback else [])]
    )


def _order(item: Item) -> str:
    find = item.question.find
    return "asc" if find is not None and find.best == "lowest" else "desc"


def quantity_of_points(points: float) -> str:
    """Return so many points, in words.

    >>> quantity_of_points(1), quantity_of_points(2.5)
    ('1 point', '2.5 points')
    """
    return quantity(1, "point") if points == 1 else f"{points:g} points"
