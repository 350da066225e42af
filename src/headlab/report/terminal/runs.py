"""Runs and head sizes on a terminal."""

import math
from typing import TYPE_CHECKING, Any

import pandas as pd
from rich.padding import Padding

from headlab.analysis.looking.predictions import NOTHING_TO_SOLVE, WHY_NOTHING, tally
from headlab.notation.numbers import percent, quantity
from headlab.notation.values import and_more
from headlab.report.limits import MOST_LISTED
from headlab.report.terminal.grid import as_text, terminal_table

if TYPE_CHECKING:
    from headlab.runs.runs import Runs
    from headlab.study.answer import Answer

NAMES = {"solved": "solved", "unsolved": "not solved"}  # of the kinds of runs whose losses a screen has room for


def grades_table(answer: "Answer") -> Padding:
    """Return the table of grades and losses, condition by condition."""
    table = answer.table()
    label = "" if answer.factor == "condition" else f"{answer.factor} "
    judged = {
        "solved": [f"{solved} of {n}" for solved, n in zip(table["solved"], table["runs"], strict=True)],
        "interval": [_interval(low, high) for low, high in zip(table["low"], table["high"], strict=True)],
        "hairs": table["right_by_a_hair"].map(str).tolist(),
    }
    losses = {f"loss, {NAMES[kind]}": [_quartiles(row, kind) for _, row in table.iterrows()] for kind in NAMES}
    shown = pd.DataFrame(
        {
            **({"runs": table["runs"].map(str).tolist()} if answer.nothing_to_solve else judged),
            **({"diverged": table["diverged"].map(str).tolist()} if table["diverged"].any() else {}),
            **({"loss": losses["loss, not solved"]} if answer.nothing_to_solve else losses),
        },
        index=[f"{label}{value}" for value in table.index],
    )
    title = (
        "The quartiles of the runs' loss"
        if answer.nothing_to_solve
        else "Solved runs with 95 % interval, and the quartiles of their loss"
    )
    return Padding(terminal_table(shown, title=title), (1, 0))


def _interval(low: float, high: float) -> str:
    return NOTHING_TO_SOLVE if math.isnan(low) else f"{100 * low:.0f} to {percent(high)}"


def _quartiles(row: pd.Series, kind: str) -> str:
    values = [row[f"loss_{kind}_{name}"] for name in ("q1", "median", "q3")]
    return "none" if math.isnan(values[1]) else " ".join(f"{value:.3f}" for value in values)


def runs_blocks(runs: "Runs") -> list[Any]:
    """Return the screen's blocks of what became of each run, or of the first when there are many."""
    table = runs.table().drop(columns="solved")
    shown = table.head(MOST_LISTED).assign(loss=table["loss"].astype(float)).astype({"seed": str})
    grades, diverged = runs.grade(), int((~runs.finished).sum())
    goal = f"; {stopped:,} reached their goal" if (stopped := int(runs.history.stopped.sum())) else ""
    how = WHY_NOTHING if (grades == NOTHING_TO_SOLVE).all() else tally(grades)
    return [
        terminal_table(shown.set_index("seed"), title="Runs, by seed"),
        *map(as_text, and_more(len(runs) - MOST_LISTED, "runs")),
        as_text(f"Of {quantity(len(runs), 'run')}: {how}; {diverged:,} diverged{goal}"),
        as_text(f"Trained: {runs.training.in_words()}"),
    ]
