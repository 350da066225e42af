"""An assignment on a terminal: what a student will see, what it costs to grade, and how hard each variant is."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pandas as pd
from rich.rule import Rule

from headlab.analysis.parts.mechanism import MECHANISMS
from headlab.notation.numbers import duration, percent, quantity
from headlab.report.terminal.grid import as_text, terminal_table
from headlab.report.words.assignment import KINDS, rules_of, settled_by

if TYPE_CHECKING:
    from headlab.homework.assignment.assignment import Assignment
    from headlab.homework.assignment.difficulty import Difficulty

MOST_VARIANTS = 60  # rows


def assignment_blocks(assignment: "Assignment", runs: int, seconds: float, size: int) -> Iterator[Any]:
    """Yield what a student will see, and what a complete submission takes: its runs, seconds of a processor, bytes."""
    yield Rule(as_text(assignment.title), align="left")
    if assignment.about.strip():
        yield as_text(" ".join(assignment.about.split()))
    for sentence in rules_of(assignment):
        yield as_text(sentence)
    for number, question in enumerate(assignment.questions, start=1):
        yield as_text(f"\n{number}. {question.ask}")
        points = f"{question.points:g} point{'s' * (question.points != 1)}"
        yield as_text(
            f"   {question.id}: {KINDS[question.kind]}, {points}: {settled_by(question, assignment)}", style="dim"
        )
    total = f"{quantity(len(assignment.questions), 'question')}, {assignment.points:g} points"
    takes = (
        f"take about {duration(max(0.1, seconds))} of a processor to train again, and is a file of about {size:,} bytes"
    )
    yield as_text(f"\n{total}. A complete submission names {quantity(runs, 'run')} or more, which {takes}.")


def difficulty_blocks(difficulty: "Difficulty") -> Iterator[Any]:
    """Yield the table of variants, as they were tried."""
    tried = difficulty.tried[:MOST_VARIANTS]
    names = [name for name in MECHANISMS if any(name in item.mechanisms for item in tried)]
    rows = [
        {
            **({} if item.corpus is None else {"corpus": item.corpus + 1}),
            "seeds": f"{item.seeds[0]} to {item.seeds[-1]}",
            "solved": percent(item.solved),
            **{name: percent(item.mechanisms.get(name, 0.0)) for name in names},
        }
        for item in tried
    ]
    index = ["all" if item.number is None else item.number for item in tried]
    yield terminal_table(pd.DataFrame(rows, index=index), title="Variants, each by its first runs")
    if len(difficulty.tried) > MOST_VARIANTS:
        yield as_text(f"… and {quantity(len(difficulty.tried) - MOST_VARIANTS, 'variant')} more; --json has them all.")
