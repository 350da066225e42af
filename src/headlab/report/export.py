"""Saved runs as flat tables, one row a fact, for a spreadsheet or another program."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from headlab.errors import SelectionError
from headlab.runs import Run, Runs


def table_of(runs: Runs, name: str, number: int = 0) -> pd.DataFrame:
    """Return a table by its name; `number` is the run that predictions and attention are of.

    Raises `SelectionError` for a table or a run that does not exist.

    >>> import headlab as hl
    >>> runs = hl.train(hl.Corpus.notebook(), training=hl.TrainConfig.of(steps=3), seeds=range(2))
    >>> list(table_of(runs, "loss").columns)
    ['step', 'run 0', 'run 1']
    """
    if name not in TABLES:
        raise SelectionError(f"the table must be one of {', '.join(TABLES)}, got {name!r}: choose one of them")
    if isinstance(number, bool) or not isinstance(number, int | np.integer):
        raise SelectionError(f"a run must be from 0 to {len(runs) - 1}, got {number!r}: give its number")
    return TABLES[name](runs, number)


def _loss(runs: Runs, number: int) -> pd.DataFrame:
    columns = {"step": runs.recorded_steps}
    return pd.DataFrame(columns | {f"run {run}": curve for run, curve in enumerate(runs.loss)})


def _predictions(runs: Runs, number: int) -> pd.DataFrame:
    return _stacked(runs[number].predictions())


def _attention(runs: Runs, number: int) -> pd.DataFrame:
    run: Run = runs[number]
    parts = []
    for layer in range(run.model.n_layers):
        for head in range(run.model.n_heads):
            # Key positions by number: sentences name them differently.
            frames = [frame.set_axis(range(frame.shape[1]), axis=1) for frame in run.attention(layer, head)]
            table = _stacked(frames)
            table.insert(0, "layer", layer)
            table.insert(1, "head", head)
            parts.append(table)
    return pd.concat(parts, ignore_index=True)


def _stacked(frames: list[pd.DataFrame]) -> pd.DataFrame:
    named = [frame.rename_axis("position") for frame in frames]
    keys = range(1, len(frames) + 1)
    return pd.concat(named, keys=keys, names=["sentence"]).reset_index()


TABLES: dict[str, Callable[[Runs, int], pd.DataFrame]] = {
    "runs": lambda runs, _: runs.table().reset_index(),
    "loss": _loss,
    "predictions": _predictions,
    "attention": _attention,
    "association": lambda runs, _: runs.corpus.association().reset_index(),
    "weights": lambda runs, number: _weights(runs[number]),
}


def _weights(run: Any) -> pd.DataFrame:
    table: pd.DataFrame = run.summary().reset_index()
    return table
