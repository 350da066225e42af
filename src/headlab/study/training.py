"""How a chunk of a study is trained: a condition and some seeds in, rows and arrays out."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

import headlab
from headlab import engine
from headlab.analysis.minimal.solve import ABLATIONS
from headlab.runs.interrupted import TrainingInterrupted
from headlab.study.arrays import arrays_of
from headlab.study.columns import SETS, settings_of
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
    counts = counts_of(runs) if "minimal" in design.keep else None
    rows, arrays = rows_of(runs, task, explains, counts), arrays_of(runs, design.keep, counts)
    return Result(rows, arrays, time.monotonic() - began, engine.chosen_instruction_set())


NO_OVERVIEW: dict[str, Any] = {"mechanism": "", "pattern_share": np.nan}


def rows_of(runs: "Runs", task: Task, explains: bool = True, counts: NDArray[np.int64] | None = None) -> dict[str, Any]:
    """Return one row a run: who it is, what became of it, and every field of its model and training; see `columns`.

    counts: as `counts_of` has them, where minimal sets are kept
    """
    return {
        "condition": task.identity,
        "seed": runs.seeds,
        "outcome": runs.history.numbers,
        "final_loss": runs.final_loss,
        "solved": runs.solved(),
        "grade": runs.grade(),
        **(overview_of(runs) if explains else NO_OVERVIEW),
        **sets_of(len(runs), counts),
        "headlab": headlab.__version__,
        **settings_of(task.condition.dataset.name, task.condition.model_in_force, runs.training),
    }


def counts_of(runs: "Runs") -> NDArray[np.int64]:
    """Return how many minimal sets suffice, [run, dependency, ablation], of the dependencies that the model can settle."""
    if not any(item.resolvable for item in runs.corpus.dependencies(runs.model)):
        return np.zeros((len(runs), 0, len(ABLATIONS)), np.int64)
    return runs.explain().minimal().counts


def sets_of(n: int, counts: NDArray[np.int64] | None) -> dict[str, Any]:
    """Return by ablation the most minimal sets that a dependency of a run has [run]; null where one has none."""
    if counts is None or counts.shape[1] == 0:
        return dict.fromkeys(SETS, np.ma.array(np.zeros(n, np.int64), mask=True))
    none = (counts == 0).any(axis=1)
    return {name: np.ma.array(counts[:, :, at].max(axis=1), mask=none[:, at]) for at, name in enumerate(SETS)}


def overview_of(runs: "Runs") -> dict[str, Any]:
    """Return mechanism and pattern share [run]; empty and nan where nothing is to be, or can be, explained."""
    if not any(item.resolvable for item in runs.corpus.dependencies(runs.model)):
        return NO_OVERVIEW
    table = runs.explain().table()
    return {
        "mechanism": table["mechanism"].to_numpy(object),
        "pattern_share": table["pattern_share"].to_numpy(float).round(6),
    }
