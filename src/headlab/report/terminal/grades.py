"""Grades on a terminal: a row a student, what is to be known of each, and what the class's runs say together."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pandas as pd
from rich.text import Text

from headlab.homework.grading.graded import MISSING, PARTLY, RIGHT, TO_READ, UNCOUNTED, WRONG
from headlab.notation.csv_text import csv_text
from headlab.notation.numbers import quantity
from headlab.notation.values import listing
from headlab.report.terminal.grid import TableColumn, TerminalTable, as_text

if TYPE_CHECKING:
    from headlab.homework.grading.graded import Graded, Grades, Item
    from headlab.homework.grading.pooled import Class

STYLES = {RIGHT: "green", PARTLY: "yellow", WRONG: "red", UNCOUNTED: "bold red", MISSING: "dim", TO_READ: "cyan"}
SIGNS = {RIGHT: "✓", PARTLY: "~", WRONG: "✗", UNCOUNTED: "!", MISSING: "·", TO_READ: "?"}
MEANS = "✓ right   ~ partly right   ✗ wrong   ! not counted   · missing   ? to be read"


def grades_blocks(grades: "Grades", pooled: "Class", said: list[str]) -> Iterator[Any]:
    """Yield the screen's blocks: the table, what is to be known of each file, and what the class's runs say.

    said: what became of the roster, and where the files are
    """
    assignment = grades.assignment
    if grades.graded:
        yield _table(grades)
        yield as_text(MEANS, style="dim")
        yield as_text("")
    for one in grades.graded:
        for text in one.problems:
            yield _sentence(one.student, text, "red")
        for text in one.notes:
            yield _sentence(one.student, text, "yellow")
    for file in grades.refused:
        for text in file.problems:
            yield _sentence(file.place, text, "red")
    if grades.left_out:
        count = quantity(len(grades.left_out), "file")
        yield as_text(f"No answer file, and left out: {count} ({listing(grades.left_out, most=3)}).", style="dim")
    for pool in pooled.pools:
        where = f" ({pool.where})" if pool.where else ""
        yield as_text(f"\nAll students' runs for “{pool.question}”{where}, {quantity(pool.runs, 'run')} in all:")
        for sentence in (pool.answer.sentences()[0], *([] if pool.seen is None else [pool.seen.sentence()])):
            yield as_text(f"• {sentence}")
    unchecked = dict.fromkeys(text.partition(":")[0] for one in grades.graded for text in one.unchecked)
    if unchecked:
        kinds = {question.id: question.kind for question in assignment.questions}
        names = listing(f"the {kinds[name]} of “{name}”" if name in kinds else name for name in unchecked)
        yield as_text(f"\nWhat no measurement settles, and you judge: {names}.", style="dim")
    yield from map(as_text, said)


def _sentence(whose: str, text: str, style: str) -> Text:
    end = "" if text.endswith((".", "!", "?")) else "."
    return as_text(f"{whose}: {text}{end}", style=style)


def _table(grades: "Grades") -> TerminalTable:
    columns = [
        TableColumn(as_text("points"), [as_text(_points(one)) for one in grades.graded], "right"),
        TableColumn(
            as_text("to read"), [as_text(f"{one.to_read:g}" if one.to_read else "") for one in grades.graded], "right"
        ),
    ]
    for number, question in enumerate(grades.assignment.questions):
        cells = [_cell(one.items[number], refused=one.refused) for one in grades.graded]
        columns.append(TableColumn(as_text(question.id), cells, "right"))
    title = f"{grades.assignment.title}: points of {grades.assignment.points:g}, and those of sentences that are yours to give"
    return TerminalTable(title, [as_text(one.student, style="bold") for one in grades.graded], columns)


def _points(one: "Graded") -> str:
    return "refused" if one.refused else f"{one.score:g}"


def _cell(item: "Item", *, refused: bool) -> Text:
    if refused:
        return as_text("")
    points = "" if item.verdict in (MISSING, TO_READ) else f" {item.points:g}"
    return as_text(f"{SIGNS[item.verdict]}{points}", style=STYLES[item.verdict])


def result_lines(grades: "Grades") -> Iterator[Any]:
    """Yield what is said of one student's submission, or why there is nothing to grade."""
    for one in grades.graded:
        yield as_text(f"{one.student}: {_points(one)} of {one.max_score:g} points")
        yield from (_sentence(one.student, text, "red") for text in one.problems)
    for file in grades.refused:
        yield from (_sentence(file.place, text, "red") for text in file.problems)


def grades_csv(grades: "Grades") -> str:
    """Return a table of the points, a row a student, for a spreadsheet."""
    rows = []
    for one in grades.graded:
        numbers = [one.score, one.max_score, one.to_read, *(item.points for item in one.items)]
        told = ["" if one.refused else f"{number:g}" for number in numbers]
        rows.append([one.student, *told, " ".join(one.problems)])
    names = [question.id for question in grades.assignment.questions]
    return csv_text(pd.DataFrame(rows, columns=["id", "points", "of", "to read", *names, "problems"]), safe=True)
