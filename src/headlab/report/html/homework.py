"""The homework as one HTML file: no network, light and dark, readable on a phone and on a projector."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from markupsafe import Markup
from matplotlib.figure import Figure

from headlab.analysis.looking.predictions import GRADES, NOTHING_TO_SOLVE, verdicts
from headlab.analysis.parts.mechanism import MEANINGS
from headlab.files import write_output
from headlab.homework.answers import has_finite_outputs
from headlab.notation.numbers import decimals, with_sign
from headlab.notation.tables import telling_columns
from headlab.notation.values import and_more
from headlab.report import limits
from headlab.report.figures import runs as figures
from headlab.report.figures import studies as study_figures
from headlab.report.html.embed import Embedded
from headlab.report.html.page import svg, template
from headlab.report.words import corpus as corpus_words
from headlab.report.words import explanation as words
from headlab.report.words import homework as homework_words
from headlab.report.words.commands import NO_COMMANDS, RunCommands
from headlab.study.statistics import wilson

if TYPE_CHECKING:
    from headlab.homework.exercise import Exercise

MOST_CIRCUITS = 60  # rows of circuit tables that a page can show
MOST_HEADS = 8  # whose attention is on a page


@dataclass(frozen=True)
class Cell:
    """One number of a shaded table: its text, its shade in 0 … 1, whether it is the row's target, or negative."""

    text: str
    shade: float
    target: bool = False
    negative: bool = False


@dataclass(frozen=True)
class ShadedTable:
    """A table of numbers with a verdict a row, ready to be written as HTML."""

    caption: str
    columns: list[str]
    rows: list[tuple[str, list[Cell], str, str]]


@dataclass(frozen=True)
class Why:
    """One prediction explained: the sentence, its numbers, its figure, and the commands that check them."""

    place: str
    sentence: str
    more: str
    parts: pd.DataFrame | None
    waterfall: Markup | None
    coding: dict[str, float] | None
    equation: str
    patches: list[str]
    checks: list[str]


def write(exercise: "Exercise", path: str | Path, commands: RunCommands = NO_COMMANDS) -> Path:
    """Write the page of an exercise whole or not at all; raises `OutputError`."""
    write_output(Path(path), render(exercise, commands).encode())
    return Path(path)


def render(exercise: "Exercise", commands: RunCommands = NO_COMMANDS) -> str:
    """Return the page of an exercise as HTML; commands: about the run that is shown, for the page to quote."""
    return template("report.html.j2").render(
        answers=exercise.answers,
        views=Embedded.of(exercise),
        **_of_corpus(exercise),
        **_of_run(exercise),
        **_of_item_1(exercise, commands),
        **_of_item_2(exercise),
    )


def _of_corpus(exercise: "Exercise") -> dict[str, Any]:
    """Return what the page says of the corpus."""
    corpus, model = exercise.corpus, exercise.run.model
    dependencies = corpus.dependencies(model)
    return {
        "corpus": corpus,
        "sentences": [corpus.sentence(number) for number in range(min(corpus.n_sequences, limits.MOST_LISTED))],
        "more_sentences": and_more(len(corpus.sentences) - limits.MOST_LISTED, "sentences"),
        "association": _association(corpus.association()),
        "floor": corpus.floor(model),
        "sight": corpus_words.sight_words(model),
        "dependencies": [
            *(corpus_words.dependency_sentence(item, corpus, model) for item in dependencies[: limits.MOST_LISTED]),
            *and_more(len(dependencies) - limits.MOST_LISTED, "dependencies"),
        ],
    }


def _of_run(exercise: "Exercise") -> dict[str, Any]:
    """Return what the page says of the run that is shown, its training and its weights."""
    run, summary = exercise.run, exercise.run.summary()
    return {
        "run": run,
        "n_runs": len(exercise.runs),
        "grades": _grades(exercise),
        "loss_words": homework_words.LOSSES[run.training.in_force().loss],
        "curve": svg(_curve(exercise)) if np.isfinite(run.loss).any() else None,
        "summary": summary,
        "shape": run.model.on(run.corpus),
        "ranks": np.ravel(summary.attrs["effective_rank_W_QK"]).tolist(),
        "layers": [(layer.number, layer.name, np.shape(layer.output)) for layer in run.layers()],
    }


def _of_item_1(exercise: "Exercise", commands: RunCommands) -> dict[str, Any]:
    """Return item 1: predictions and attention of the first sentences, and why, place by place."""
    run, shown = exercise.run, exercise.shown_sentences(limits.MOST_PAGE_SENTENCES)
    heads = list(np.ndindex(run.model.n_layers, run.model.n_heads))
    outputs = ("sigmoid", "probs") if has_finite_outputs(run) else ()
    return {
        "tables": {output: prediction_tables(run, output, shown) for output in outputs},
        "no_tables": homework_words.NO_TABLES,
        "labels": corpus_words.label_note(run.corpus),
        "attention": [
            table for layer, head in heads[:MOST_HEADS] for table in attention_tables(run, layer, head, shown)
        ],
        "more_tables": [
            *and_more(len(heads) - MOST_HEADS, "heads", commands.export("attention")),
            *homework_words.more_sentences(exercise, len(shown), commands),
        ],
        "item_1": homework_words.item_1(exercise, commands),
        "why": _why(exercise, commands),
        "more_places": homework_words.more_places(exercise, commands),
        "mechanism": homework_words.mechanism_sentence(exercise),
        "trials": words.TRIALS,
        "census": _census(exercise),
        "circuits": _circuits(exercise),
    }


def _of_item_2(exercise: "Exercise") -> dict[str, Any]:
    """Return item 2: the head sizes beside each other, and each against the one that the answer compares with."""
    return {
        "item_2": homework_words.item_2(exercise),
        "sizes": exercise.sizes.table(),
        "pairs": exercise.against_base.pairs(),
        "size_figure": svg(study_figures.conditions(exercise.sizes)),
    }


def _grades(exercise: "Exercise") -> list[tuple[str, int]]:
    """Return how many runs have which grade, as the page's tiles show them."""
    found = exercise.runs.grade()
    names = GRADES if np.isin(found, GRADES).any() else (NOTHING_TO_SOLVE,)
    return [(name, int((found == name).sum())) for name in names]


def prediction_tables(run: Any, output: str, shown: Sequence[tuple[int, int]]) -> list[ShadedTable]:
    """Return one shaded table a sentence, each row with its target and whether it was predicted.

    shown: the sentences, each with a position that is to be seen
    """
    corpus, marks, frames = run.corpus, verdicts(run.logits(), run.corpus, run.model), run.predictions(output)
    result = []
    for number, seen in shown:
        rows = limits.window(len(frames[number]), seen, limits.MOST_PAGE_ROWS)
        targets, verdict = corpus.targets[number][rows].tolist(), marks[number][rows]
        frame = frames[number].iloc[rows].set_axis(range(corpus.n_outputs), axis=1)
        kept = telling_columns(frame, limits.MOST_PAGE_COLUMNS, {target for target in targets if target >= 0})
        lines = []
        for row, (label, values) in enumerate(kept.iterrows()):
            cells = [
                _cell(float(value), token == targets[row]) for token, value in zip(kept.columns, values, strict=True)
            ]
            lines.append(
                (str(label), cells, verdict[row], corpus.output_labels[targets[row]] if targets[row] >= 0 else "")
            )
        result.append(
            ShadedTable(f"Sentence {number + 1}", [corpus.output_labels[token] for token in kept.columns], lines)
        )
    return result


def _cell(value: float, target: bool = False) -> Cell:
    return Cell(
        "" if np.isnan(value) else decimals(value, 3),
        float(np.clip(value, 0, 1)) if np.isfinite(value) else 0.0,
        target,
    )


def _shaded_table(caption: str, frame: pd.DataFrame) -> ShadedTable:
    rows = [(str(label), [_cell(float(value)) for value in values], "", "") for label, values in frame.iterrows()]
    return ShadedTable(caption, [str(name) for name in frame.columns], rows)


def attention_tables(run: Any, layer: int, head: int, shown: Sequence[tuple[int, int]]) -> list[ShadedTable]:
    """Return one shaded table a sentence: where a head looks; shown: the sentences, each with a position that is to be seen."""
    frames, which = run.attention(layer, head), f", layer {layer}, head {head}"
    only = run.model.n_layers * run.model.n_heads == 1
    tables = []
    for number, seen in shown:
        frame = frames[number].iloc[limits.window(len(frames[number]), seen, limits.MOST_PAGE_ROWS)]
        kept = telling_columns(frame, limits.MOST_PAGE_COLUMNS)
        tables.append(_shaded_table(f"Sentence {number + 1}{'' if only else which}", kept))
    return tables


def _association(frame: pd.DataFrame) -> ShadedTable:
    kept = telling_columns(frame.head(limits.MOST_PAGE_COLUMNS), limits.MOST_PAGE_COLUMNS)
    left = frame.shape[0] - kept.shape[0]
    return _shaded_table(
        "P(next token | token)" + (f", the first {len(kept)} tokens of {len(frame)}" if left else ""), kept
    )


def _curve(exercise: "Exercise") -> Figure:
    run, corpus = exercise.run, exercise.corpus
    return figures.loss_curve(
        run.recorded_steps,
        run.loss,
        run.learning_rate,
        floor=corpus.floor(run.model),
        seen=corpus_words.sight_words(run.model),
        bigram_floor=corpus.bigram_floor(),
        loss_name=run.training.in_force().loss.replace("_", " "),
        about=figures.about_run(run),
    )


def _why(exercise: "Exercise", commands: RunCommands) -> list[Why]:
    if exercise.explanation is None:
        return []
    shown = exercise.explanation
    return [
        Why(
            place=words.place_line(record),
            sentence=record.sentence,
            more=record.more,
            parts=words.part_table(record, limits.MOST_PAGE_ROWS) if record.finite else None,
            waterfall=svg(figures.contributions(words.largest_parts(record), title=record.pair))
            if record.finite
            else None,
            coding=record.coding if record.coding is not None and np.isfinite(record.coding["pattern_share"]) else None,
            equation=words.coding_sentence(record) if record.coding is not None else "",
            patches=words.patch_lines(record),
            checks=list(checks.values()),
        )
        for record, checks in zip(shown.records, commands.checks(shown), strict=True)
    ]


def _census(exercise: "Exercise") -> list[dict[str, Any]]:
    if exercise.explanations is None or len(exercise.runs) == 1:
        return []
    census = exercise.explanations.census()
    return [
        {
            "mechanism": name,
            "runs": runs,
            "prototype": prototype,
            "rate": wilson(runs, len(exercise.runs)),
            "words": MEANINGS[str(name)],
        }
        for name, runs, prototype in zip(census.index, census["runs"], census["prototype"], strict=True)
    ]


def _circuits(exercise: "Exercise") -> list[ShadedTable]:
    run = exercise.run
    if (
        not np.isfinite(run.logits()).all()
        or run.corpus.d_vocab * run.model.n_layers * run.model.n_heads > MOST_CIRCUITS
    ):
        return []
    tables = []
    for layer, head in np.ndindex(run.model.n_layers, run.model.n_heads):
        which = "" if run.model.n_layers * run.model.n_heads == 1 else f", head {layer}.{head}"
        circuits = run.circuits(layer, head)
        for name, frame in circuits.scores.items():
            tables.append(_diverging_table(f"QK{which}, {name}: score of query (row) and key (column)", frame))
        for name, frame in circuits.writes.items():
            tables.append(
                _diverging_table(f"OV{which}: what a source {name} (row) writes to each logit (column)", frame)
            )
    return tables


def _diverging_table(caption: str, frame: pd.DataFrame) -> ShadedTable:
    """Return a table shaded by size, its negative cells in the other colour."""
    reach = float(np.abs(frame.to_numpy()).max()) or 1.0
    rows = [
        (
            str(label),
            [Cell(with_sign(value, 1), abs(value) / reach, negative=value < 0) for value in values],
            "",
            "",
        )
        for label, values in zip(frame.index, frame.to_numpy().tolist(), strict=True)
    ]
    return ShadedTable(caption, [str(name) for name in frame.columns], rows)
