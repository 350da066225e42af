"""An assignment as a notebook for nbgrader: what is asked, cells for answers, and cells that give points by training again.

No key is in it: what is right is measured of the student's own runs. What nbgrader reads of a cell is its schema, version 3:
https://github.com/jupyter/nbgrader/blob/main/nbgrader/nbgraderformat/v3.json
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from headlab.homework.assignment.quantities import HEAD, OPTION, POSITION, TOKEN
from headlab.homework.assignment.question import CHOOSE, CLAIM, FIND, NUMBER, PICTURE, RUNS, SENTENCE, Question

if TYPE_CHECKING:
    from headlab.homework.assignment.assignment import Assignment

Cell = dict[str, Any]
SCHEMA = 3
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
HOW = """Every answer is about runs that you trained. `sheet.train("seed=5&d_head=10")` trains one and shows it: in quotes
stands what differs from the run that you begin with, as in the address of the lab. In the cells below, put an answer where
`...` stands.
The last cell saves the same small file that the lab's page hands in.

This needs headlab: `pip install headlab`."""
BEGIN = """from headlab.homework.sheet import Sheet

answers = {{}}
sheet = Sheet.of({public}, ID)
sheet.train()"""
SAVE = """# Saves your answers as one small file, beside this notebook.
sheet.save()"""
VALUES = {  # what a choice's value is
    POSITION: "the position of a word: sheet.words(1) shows those of sentence 1",
    TOKEN: "a word, in quotes",
    HEAD: 'a head, in quotes: layer and number from 0, "0.2"',
}


def notebook(assignment: "Assignment") -> str:
    """Return the notebook as JSON, the same for the same assignment."""
    cells = [
        *_before(assignment),
        *(cell for question in assignment.questions for cell in _asked(question)),
        _locked("save", SAVE),
    ]
    told = {"cells": cells, "metadata": {"kernelspec": KERNEL}, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(told, indent=1, ensure_ascii=True) + "\n"


def _before(assignment: "Assignment") -> Iterator[Cell]:
    yield _locked("about", f"# {assignment.title}\n\n{assignment.about.strip()}\n\n{HOW}", "markdown")
    yield _own("student", 'ID = ""  # who you are, as your course knows you')
    public = json.dumps(assignment.public(), ensure_ascii=True, allow_nan=False)
    yield _locked("begin", BEGIN.format(public=repr(public)))


def _asked(question: Question) -> Iterator[Cell]:
    name, points = question.id, f"{question.points:g} point{'' if question.points == 1 else 's'}"
    put = f'sheet.put("{name}", answers["{name}"])'
    asked, answer = f"**{name}** ({points}). {question.ask}", _own(f"{name}-answer", _template(question))
    if question.kind == SENTENCE:
        yield from (
            _locked(name, asked, "markdown", task=True, points=question.points),
            answer,
            _locked(f"{name}-kept", put),
        )
        return
    test = f'{put}\n### BEGIN HIDDEN TESTS\nsheet.points("{name}")\n### END HIDDEN TESTS'
    yield from (
        _locked(f"{name}-asked", asked, "markdown"),
        answer,
        _locked(name, test, grade=True, points=question.points),
    )


def _template(question: Question) -> str:
    """Return what a student begins an answer with."""
    lines = [f'    "{name}": {value},{f"  # {told}" if told else ""}' for name, value, told in _fields(question)]
    about = question.run or question.source
    note = f"  # about what you trained for {about}" if about else ""
    return "\n".join([f'answers["{question.id}"] = {{{note}', *lines, "}"])


def _fields(question: Question) -> Iterator[tuple[str, str, str]]:
    if question.has_run:
        needs = {PICTURE: question.needs and f"one that is {question.needs}", FIND: _sought(question)}.get(
            question.kind
        )
        yield "run", "...", needs or "its address, in quotes"
    match question.kind:
        case _ if question.kind == RUNS and question.runs is not None:
            asked = ", ".join(map(str, question.runs.values))
            yield (
                "runs",
                "[...]",
                f"addresses: {question.runs.each} at each of {question.runs.setting} {asked}, other seeds",
            )
        case _ if question.kind == SENTENCE:
            yield "text", "...", f"{question.least} to {question.most} characters, in quotes"
        case _ if question.kind == NUMBER:
            yield "value", "...", "a number"
        case _ if question.kind in (CHOOSE, CLAIM) and question.quantity is not None:
            options = " or ".join(f'"{option}"' for option in question.quantity.options)
            yield "value", "...", options if question.quantity.answer == OPTION else VALUES[question.quantity.answer]


def _sought(question: Question) -> str:
    found = question.find
    return f"the {found.best} {found.setting} whose run is {found.goal}" if found else ""


def _own(name: str, text: str) -> Cell:
    """Return a cell that is the student's, and that nbgrader leaves as it is."""
    return _cell(name, text, "code", {})


def _locked(
    name: str, text: str, kind: str = "code", *, grade: bool = False, task: bool = False, points: float | None = None
) -> Cell:
    """Return a cell that nbgrader puts back as it was; grade: whose output is points; task: for which a person gives them."""
    told: dict[str, Any] = {
        "grade": grade,
        "grade_id": name,
        "locked": True,
        "schema_version": SCHEMA,
        "solution": False,
    }
    told |= {"task": task, "cell_type": kind, **({} if points is None else {"points": points})}
    return _cell(name, text, kind, {"nbgrader": {**told, "checksum": checksum(text, told)}})


def _cell(name: str, text: str, kind: str, metadata: Cell) -> Cell:
    code: Cell = {"execution_count": None, "outputs": []} if kind == "code" else {}
    return {"cell_type": kind, "id": name, "metadata": metadata, "source": text.splitlines(keepends=True), **code}


def checksum(text: str, told: Mapping[str, Any]) -> str:
    """Return what nbgrader knows a locked cell again by: MD5 of its text and of what it is, as nbgrader has it."""
    parts = [text, told["cell_type"], str(told["grade"]), "False", "True", told["grade_id"]]
    if told["grade"]:
        parts.append(str(float(told["points"])))
    return hashlib.md5("".join(parts).encode(), usedforsecurity=False).hexdigest()
