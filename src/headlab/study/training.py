"""How a chunk of a study is trained: a condition and some seeds in, rows and arrays out."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

import headlab
from headlab import engine
from headlab.runs.interrupted import TrainingInterrupted
from headlab.study.arrays import arrays_of
from headlab.study.columns import settings_of
from headlab.study.work import Result, Task

if TYPE_CHECKING:
    from headlab.runs.runs import Runs
    from headlab.study.design import StudyDesign


def compute(
    train: "Callable[..., Runs]",
    design: "StudyDesign",
    task: Task,
    threads: int | None = None,
    progress: Callable[[float], None] | None = None,
    *,
    explains: bool = True,
) -> Result | None:
    """Train a chunk: rows and arrays are a pure function of design and task.

    train: `runs.train.train`; a study brings it, so that who cuts and keeps its work needs to know nothing of training
    explains: whether mechanisms are found
    Where a KeyboardInterrupt comes, from `progress` too, the runs that had ended by then, or None.
    """
    began = time.monotonic()
    curves, snapshots = "curves" in design.keep, "snapshots" in design.keep
    try:
        runs = train(
            task.condition.dataset,
            task.condition.model,
            task.condition.training,
            seeds=task.seeds,
            record="log" if curves or snapshots else "none",
            snapshots="log" if snapshots else None,
            threads=threads,
            progress=progress,
        )
    except TrainingInterrupted as interrupted:
        runs = interrupted.runs
    if len(runs) == 0:
        return None
    rows, arrays = rows_of(runs, task, explains), arrays_of(runs, design.keep)
    return Result(rows, arrays, time.monotonic() - began, engine.instruction_sets())


NO_OVERVIEW: dict[str, Any] = {"mechanism": "", "pattern_share": np.nan}


def rows_of(runs: "Runs", task: Task, explains: bool = True) -> dict[str, Any]:
    """Return one row a run: who it is, what became of it, and every field of its model and training; see `columns`."""
    return {
        "condition": task.identity,
        "seed": runs.seeds,
        "outcome": runs.history.numbers,
        "final_loss": runs.final_loss,
        "solved": runs.solved(),
        "grade": runs.grade(),
        **(overview_of(runs) if explains else NO_OVERVIEW),
        "headlab": headlab.__version__,
        **settings_of(task.condition.dataset.name, task.condition.model_in_force, runs.training),
    }


def overview_of(runs: "Runs") -> dict[str, Any]:
    """Return mechanism and pattern share [run]; empty and nan where the model sees no dependency to explain."""
    if not any(item.resolvable for item in runs.corpus.dependencies(runs.model)):
        return NO_OVERVIEW
    table = runs.explain().table()
    return {
        "mechanism": table["mechanism"].to_numpy(object),
        "pattern_share": table["pattern_share"].to_numpy(float).round(6),
    }
