"""A study's answer on a terminal."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from rich.rule import Rule

from headlab.analysis.parts.mechanism import MEANINGS
from headlab.notation.numbers import quantity, with_sign
from headlab.report.terminal.grid import as_text, terminal_table
from headlab.report.terminal.runs import grades_table
from headlab.report.words.study import comparison_tables, minimal_table

if TYPE_CHECKING:
    from headlab.study.answer import Answer
    from headlab.study.design import StudyDesign
    from headlab.study.status import Status


def study_blocks(answer: "Answer", design: "StudyDesign", status: "Status") -> Iterator[Any]:
    """Yield the screen's blocks of a study: shares and losses, mechanisms, and what can be concluded."""
    yield Rule(as_text(design.title or "Study"), align="left")
    missing = "" if status.runs == status.of else f" ({status.of - status.runs:,} still to train)"
    yield as_text(f"{quantity(status.runs, 'run')} of {quantity(len(design.conditions), 'condition')}{missing}")
    yield grades_table(answer)
    mechanisms = answer.mechanisms()
    if mechanisms.size:
        label = "" if answer.factor == "condition" else f"{answer.factor} "
        named = mechanisms.rename(index=lambda value: f"{label}{value}")
        yield terminal_table(named, title="Mechanisms, with simultaneous 95 % intervals (Goodman)")
        yield as_text("")
        yield as_text("\n".join(f"{name}: {MEANINGS[str(name)]}." for name in mechanisms.columns), style="dim")
        yield as_text("")
    if len(minimal := minimal_table(answer)):
        yield terminal_table(minimal, title="How many minimal sets of parts suffice")
        yield as_text("")
    for sentence in answer.sentences():
        yield as_text("• " + sentence)
    yield as_text("\nHow sure?", style="dim")
    for sentence in answer.how_sure():
        yield as_text("• " + sentence, style="dim")


def comparison_blocks(answer: "Answer") -> Iterator[Any]:
    """Yield the screen's blocks of every pair of conditions."""
    for title, frame in comparison_tables(answer).values():
        if len(frame):
            yield terminal_table(_pairs(frame), title=title)
            yield as_text("")


def _pairs(frame: pd.DataFrame) -> pd.DataFrame:
    shown = frame.drop(columns=["first", "second"]).copy()
    for name in shown.columns:
        if name in ("p", "p_holm"):
            shown[name] = [f"{value:.2g}" for value in shown[name]]
        elif shown[name].dtype == float and name != "runs_needed":
            shown[name] = ["" if np.isnan(value) else with_sign(value, 3) for value in shown[name]]
        elif name == "runs_needed":
            shown[name] = ["–" if pd.isna(value) else str(int(value)) for value in shown[name]]
        else:
            shown[name] = [str(value) for value in shown[name]]
    return shown.set_index(pd.Index([f"{a} → {b}" for a, b in zip(frame["first"], frame["second"], strict=True)]))
