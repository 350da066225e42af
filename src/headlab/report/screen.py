"""The homework on a terminal and as JSON: the same records, in the notebook's order."""

import math
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from rich.console import Group
from rich.padding import Padding
from rich.rule import Rule
from rich.text import Text

from headlab.analysis.predictions import NOTHING_TO_SOLVE, WHY_NOTHING, tally, verdicts
from headlab.report.exercise import MOST_SHOWN, dependency_sentence, sight_words
from headlab.report.plain import json_value, plain, records
from headlab.report.tables import as_text, terminal_table
from headlab.study.statistics import percent

if TYPE_CHECKING:
    from headlab.report.exercise import Exercise
    from headlab.runs import Run, Runs
    from headlab.study.summary import Summary

NAMES = {"solved": "solved", "unsolved": "not solved"}  # of the kinds of runs whose losses a screen has room for


def exercise_blocks(exercise: "Exercise") -> list[Any]:
    """Return the screen's blocks, in the notebook's order."""
    run, corpus = exercise.run, exercise.corpus
    solved = int(exercise.runs.solved().sum())
    return [
        Rule("The corpus", align="left"),
        as_text("\n".join(map(corpus.sentence, range(corpus.n_sequences)))),
        _ids(corpus),
        _blank(terminal_table(corpus.association(), title="Association: P(next token | token)", shade=True)),
        as_text(
            f"Smallest mean loss: {corpus.floor(run.model):.4f} with {sight_words(run.model)}, "
            f"{corpus.bigram_floor():.4f} with the current token only."
        ),
        *_sentences(dependency_sentence(item, corpus, run.model) for item in corpus.dependencies(run.model)),
        Rule("The model", align="left"),
        _weights(run),
        as_text("Layers: " + ", ".join(f"{layer.number} {layer.name}" for layer in run.layers()), style="dim"),
        Rule("Training", align="left"),
        as_text(training_lines(run)),
        as_text(f"{solved} of {len(exercise.runs)} runs are solved; shown is {run!r}."),
        Rule("Item 1: predictions and attention", align="left"),
        *_predictions(run),
        *_attention(run),
        *_contributions(exercise),
        *_sentences(exercise.item_1()),
        Rule("Item 2: head sizes", align="left"),
        solved_table(exercise.study),
        *_sentences(exercise.item_2()),
    ]


def training_lines(run: "Run") -> str:
    """Return the loss of the first and last steps, and where the learning rate fell."""
    steps, loss, rate = run.recorded_steps, run.loss, run.learning_rate
    if len(steps) == 0:
        return "No losses were recorded."
    shown = sorted(
        {0, 1, 2, len(steps) // 4, len(steps) // 2, 3 * len(steps) // 4, len(steps) - 1} & set(range(len(steps)))
    )
    drops = set((np.nonzero(np.diff(rate) < 0)[0] + 1).tolist())
    lines = [
        f"step {steps[i]:>6}  loss {loss[i]:.4f}  learning rate {rate[i]:g}{' (reduced)' if i in drops else ''}"
        for i in sorted({*shown, *drops})
    ]
    return "\n".join(lines)


def _ids(corpus: Any) -> Text:
    rows = zip(corpus.tokens.tolist(), corpus.targets.tolist(), strict=True)
    return as_text(
        "\n".join(f"ids {_real(tokens)} → targets {_real(targets)}" for tokens, targets in rows), style="dim"
    )


def _real(ids: Iterable[int]) -> list[int]:
    return [number for number in ids if number >= 0]


def _blank(renderable: Any) -> Padding:
    return Padding(renderable, (1, 0))


def _weights(run: "Run") -> Text:
    table = run.summary()
    ranks = ", ".join(f"{rank:.2f}" for rank in np.ravel(table.attrs["effective_rank_W_QK"]))
    rows = zip(table.index[:-1].astype(str), table["shape"].astype(str), strict=False)
    weights = "   ".join(" ".join(row) for row in rows)
    return as_text(f"{weights}\n{table['parameters'].iloc[-1]} parameters; effective rank of W_QK: {ranks}")


def _predictions(run: "Run") -> list[Any]:
    corpus, marks = run.corpus, verdicts(run.logits(), run.corpus, run.model)
    blocks = []
    for number, frame in enumerate(run.predictions()):
        targets = [corpus.labels[t] if t >= 0 else "" for t in corpus.targets[number, : len(frame)]]
        title = f"Output predictions (sigmoid), head size {run.model.d_head}, sentence {number + 1}"
        blocks.append(_blank(terminal_table(frame, title=title, shade=True, marks=marks[number], targets=targets)))
    return blocks


def _attention(run: "Run") -> list[Any]:
    return [
        _blank(
            terminal_table(frame, title=f"Attention weights, layer {layer}, head {head}, sentence {number}", shade=True)
        )
        for layer in range(run.model.n_layers)
        for head in range(run.model.n_heads)
        for number, frame in enumerate(run.attention(layer, head), 1)
    ]


def _contributions(exercise: "Exercise") -> list[Any]:
    if exercise.explanation is None:
        return []
    blocks = []
    for record in exercise.explanation.first(MOST_SHOWN).records:
        parts = record.parts()
        total = pd.concat([parts, pd.Series({"sum": parts.sum()})])
        title = f"What each part gives to {record.pair}, sentence {record.sequence + 1}"
        blocks.append(_blank(terminal_table(total.to_frame("part").T, title=title)))
    return blocks


def _sentences(sentences: Iterable[str]) -> list[Any]:
    return [Padding(as_text("• " + sentence), (0, 0)) for sentence in sentences]


def solved_table(study: "Summary") -> Group:
    """Return the table of grades and losses, condition by condition."""
    table = study.table()
    label = "" if study.factor == "condition" else f"{study.factor} "
    judged = {
        "solved": [f"{solved} of {n}" for solved, n in zip(table["solved"], table["runs"], strict=True)],
        "95 % interval": [_interval(low, high) for low, high in zip(table["low"], table["high"], strict=True)],
        "by a hair": table["right_by_a_hair"].map(str).tolist(),
    }
    losses = {f"loss, {NAMES[kind]}": [_quartiles(row, kind) for _, row in table.iterrows()] for kind in NAMES}
    shown = pd.DataFrame(
        {
            **({"runs": table["runs"].map(str).tolist()} if study.nothing_to_solve else judged),
            **({"diverged": table["diverged"].map(str).tolist()} if table["diverged"].any() else {}),
            **({"loss": losses["loss, not solved"]} if study.nothing_to_solve else losses),
        },
        index=[f"{label}{value}" for value in table.index],
    )
    title = (
        "The quartiles of the runs' loss" if study.nothing_to_solve else "Solved runs, and the quartiles of their loss"
    )
    return Group(_blank(terminal_table(shown, title=title)))


def _interval(low: float, high: float) -> str:
    return NOTHING_TO_SOLVE if math.isnan(low) else f"{percent(low)} to {percent(high)}"


def _quartiles(row: pd.Series, kind: str) -> str:
    values = [row[f"loss_{kind}_{name}"] for name in ("q1", "median", "q3")]
    return "none" if math.isnan(values[1]) else " ".join(f"{value:.3f}" for value in values)


def exercise_json(exercise: "Exercise", report: Path) -> dict[str, Any]:
    """Return the homework's numbers as plain JSON values."""
    run, corpus = exercise.run, exercise.corpus
    return {
        "corpus": corpus.to_dict(),
        "floor": corpus.floor(run.model),
        "bigram_floor": corpus.bigram_floor(),
        "model": run.model.to_dict(),
        "training": run.training.to_dict(),
        "seed": run.seed,
        "final_loss": float(run.final_loss),
        "sigmoid": plain(run.sigmoid()),
        "pattern": plain(run.pattern()),
        "item_1": exercise.item_1(),
        "explanation": None if exercise.explanation is None else json_value(exercise.explanation.to_dict()),
        "item_2": exercise.item_2(),
        "head_sizes": records(exercise.study.table().reset_index()),
        "pairs": records(exercise.study.pairs()),
        "report": str(report),
    }


def runs_json(runs: "Runs") -> dict[str, Any]:
    """Return one record a run, how many are solved (those right by a hair too), and how many have each grade."""
    names, counts = np.unique(runs.grade(), return_counts=True)
    grades = dict(zip(names.tolist(), counts.tolist(), strict=True))
    return {"runs": records(runs.table()), "solved": int(runs.solved().sum()), "grades": grades}


def runs_blocks(runs: "Runs") -> list[Any]:
    """Return the screen's blocks of what became of each run, or of the first when there are many."""
    table = runs.table().drop(columns="solved")
    shown = table.head(20).assign(loss=table["loss"].astype(float)).astype({"seed": str})
    grades, diverged = runs.grade(), int((~runs.finished).sum())
    how = WHY_NOTHING if (grades == NOTHING_TO_SOLVE).all() else tally(grades)
    return [
        terminal_table(shown.set_index("seed"), title="Runs, by seed"),
        *([as_text(f"… and {len(runs) - 20} more")] if len(runs) > 20 else []),
        as_text(f"Of {len(runs)} runs: {how}; {diverged} diverged"),
    ]
