"""The tables that an explanation rests on, with their titles: circuits, paths, head scores, other patterns."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from headlab.analysis.choice import Choice, choices
from headlab.analysis.parts.eye import eye
from headlab.analysis.trials.other_patterns import battery
from headlab.notation.values import and_more
from headlab.report.export import index_as_columns
from headlab.report.limits import MOST_PLACES, MOST_SENTENCES
from headlab.report.words.explanation import PLACES, singular_lines

if TYPE_CHECKING:
    from headlab.analysis.bound_choice import BoundChoice
    from headlab.runs.models import Model, Models
    from headlab.runs.runs import Run, Runs


@dataclass(frozen=True)
class TitledTable:
    """A table whose first column names its rows: what it is called where a script reads it, and its title."""

    name: str
    title: str
    frame: pd.DataFrame


@dataclass(frozen=True)
class Tables:
    """Tables that are shown together, and the lines that follow them."""

    tables: list[TitledTable]
    lines: list[str]


def circuit_tables(run: "Run | Model", layer: int, head: int) -> Tables:
    """Return one head's circuits: what scores which key, and what a source writes to which logit."""
    found, which = run.circuits(layer, head), f"head {layer}.{head}"
    qk, ov = "score of query (row) and key (column)", "what a source {} (row) writes to each logit"
    scores = [
        TitledTable(f"QK {name}", f"{which}, QK, {name}: {qk}", index_as_columns(frame))
        for name, frame in found.scores.items()
    ]
    writes = [
        TitledTable(f"OV {name}", f"{which}, OV: {ov.format(name)}", index_as_columns(frame))
        for name, frame in found.writes.items()
    ]
    return Tables([*scores, *writes], [*singular_lines(found), *([found.note] if found.note else [])])


def path_table(choice: "BoundChoice") -> Tables:
    """Return what every path and source position gives to a choice."""
    rows = choice.subject.corpus.position_words(choice.place.sequence)
    frame = index_as_columns(choice.contributions().table(0, rows).rename_axis("path"))
    return Tables([TitledTable("paths", f"{choice.words()} by path (row) and source position (column)", frame)], [])


def score_tables(run: "Run | Model") -> Tables:
    """Return what kind of head each one is, in numbers, and what draws the eye of the last layer where the pattern decides."""
    frame = run.head_scores().drop(columns="run")
    tables = [TitledTable("scores", "Head scores on this corpus", frame)]
    every = choices(run.subject) if run.subject.dependencies else []
    drawn = eye_frame(run, every[:MOST_PLACES])
    if len(drawn):
        tables.append(
            TitledTable("eye", "What draws the eye where the pattern decides, and what undoing it does", drawn)
        )
    return Tables(tables, and_more(len(every) - MOST_PLACES, PLACES))


def eye_frame(run: "Run | Model", chosen: Sequence[Choice]) -> pd.DataFrame:
    """Return what draws the eye at some places, a row a part: sentence and position, and in which sentence it does so."""
    frames = []
    for choice in chosen:
        record = eye(run.subject, choice).of(0)
        if record is not None:
            frame = record.table()
            frame["in sentence"] += 1
            position = run.corpus.position_words(choice.place.sequence)[choice.place.position]
            frame.insert(0, "position", position)
            frame.insert(0, "sentence", choice.place.sequence + 1)
            frames.append(frame)
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()


def battery_tables(runs: "Runs | Models") -> Tables:
    """Return what becomes of the first places with other patterns; of several runs, how much their patterns differ, too."""
    every, several = choices(runs.subject), len(runs) > 1
    frame = battery(runs.subject, every[:MOST_PLACES])
    mean = frame.groupby(["sequence", "position", "test"], as_index=False).mean(numeric_only=True).drop(columns="run")
    mean["sequence"] += 1
    names = {"sequence": "sentence", "difference_before": "before", "difference_after": "after"}
    title = "Other patterns in the place of the trained one" + (f", means of {len(runs)} runs" if several else "")
    tables = [TitledTable("battery", title, mean.rename(columns=names))]
    lines = and_more(len(every) - MOST_PLACES, PLACES, "run.battery()")
    spreads = runs.pattern_variance() if several else []
    for number, spread in enumerate(spreads[:MOST_SENTENCES], 1):
        title = f"Standard deviation of each attention weight over {len(runs)} runs, sentence {number}"
        tables.append(TitledTable(f"variance {number}", title, index_as_columns(spread.rename_axis("query"))))
    return Tables(tables, [*lines, *and_more(len(spreads) - MOST_SENTENCES, "sentences", "runs.pattern_variance()")])
