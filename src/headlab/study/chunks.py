"""The work of a study in chunks: which runs are still to do, and how a chunk of them becomes rows and arrays.

A condition's seeds are cut into blocks of equal size, by the design alone; a chunk is what is missing of a block. So every
machine cuts the same study in the same way, and the same chunk has the same bytes on all that round alike.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import headlab
from headlab import engine
from headlab.runs.runs import Runs
from headlab.runs.train import TrainingInterrupted, train
from headlab.study.arrays import arrays_of
from headlab.study.columns import settings_of
from headlab.study.conditions import Condition
from headlab.study.design import StudyDesign
from headlab.study.store import Chunk, Store

LANES = 16  # runs that the engine trains side by side
SMALLEST, MOST_CHUNKS = 256, 1000  # runs in a chunk; chunks in a study


@dataclass(frozen=True)
class Task:
    """A chunk to train: its condition's identity, its block, and the seeds that are missing."""

    identity: str
    condition: Condition
    block: int
    seeds: tuple[int, ...]

    def pieces(self) -> list["Task"]:
        """Return up to 16 parts of it, to find out which run it is that cannot be trained."""
        size = -(-len(self.seeds) // LANES)
        starts = range(0, len(self.seeds), size)
        return [Task(self.identity, self.condition, self.block, self.seeds[start : start + size]) for start in starts]


def chunk_size(design: StudyDesign) -> int:
    """Return how many runs a whole chunk has: at least 256, and more where a study would have over 1,000 chunks.

    >>> chunk_size(StudyDesign.grid(seeds=range(1000), d_head=[10, 20]))
    256
    """
    wanted = -(-design.n_runs // MOST_CHUNKS)
    return max(SMALLEST, -(-wanted // LANES) * LANES)


def pending(store: Store) -> list[Task]:
    """Return the chunks that are still to be trained: of runs that lack something that is kept now, too.

    What is damaged is set aside, and is to be trained again.
    """
    design, done = store.design, _done_seeds(store, store.sound_chunks())
    size, tasks = chunk_size(design), []
    for identity, condition in design.identities.items():
        finished = done.get(identity, set())
        for block, start in enumerate(range(0, len(design.seeds), size)):
            missing = tuple(seed for seed in design.seeds[start : start + size] if seed not in finished)
            if missing:
                tasks.append(Task(identity, condition, block, missing))
    return tasks


def still_missing(store: Store, task: Task) -> Task | None:
    """Return what is missing of a chunk by now: another process may have trained some or all of it."""
    done = _done_seeds(store, store.sound_chunks(task.identity, task.block)).get(task.identity, set())
    seeds = tuple(seed for seed in task.seeds if seed not in done)
    return replace(task, seeds=seeds) if seeds else None


def _done_seeds(store: Store, chunks: list[Chunk]) -> dict[str, set[int]]:
    """Return the seeds of every condition whose rows and arrays are as they were written, and all that is kept now."""
    found: dict[str, set[int]] = {}
    for chunk in _complete(store, chunks):
        found.setdefault(chunk.condition, set()).update(store.contents([chunk])[chunk].seeds.tolist())
    return found


def _complete(store: Store, chunks: list[Chunk]) -> list[Chunk]:
    known = [chunk for chunk in chunks if chunk.condition in store.design.identities]
    return [chunk for chunk in known if store.has_arrays(chunk) and store.keeps(chunk, store.design.keep)]


def superseded(store: Store) -> list[Path]:
    """Return the chunks that lack something that is kept now, and whose runs are all in others that lack nothing."""
    chunks = [chunk for chunk in store.sound_chunks() if chunk.condition in store.design.identities]
    lacking = [chunk for chunk in chunks if not store.keeps(chunk, store.design.keep)]
    seeds = {chunk: set(held.seeds.tolist()) for chunk, held in store.contents(lacking).items()}
    done = _done_seeds(store, chunks) if lacking else {}
    return [chunk.path for chunk in lacking if seeds[chunk] <= done.get(chunk.condition, set())]


@dataclass(frozen=True)
class Result:
    """A trained chunk: a row a run, the arrays that are kept, what it took, and on what it was trained."""

    rows: dict[str, Any]
    arrays: dict[str, NDArray[Any]]
    seconds: float
    instruction_sets: list[str]


def compute(
    design: StudyDesign, task: Task, threads: int | None = None, progress: Callable[[float], None] | None = None
) -> Result | None:
    """Train a chunk: rows and arrays are a pure function of design and task.

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
    rows, arrays = rows_of(runs, task), arrays_of(runs, design.keep)
    return Result(rows, arrays, time.monotonic() - began, engine.instruction_sets())


def rows_of(runs: Runs, task: Task) -> dict[str, Any]:
    """Return one row a run: who it is, what became of it, and every field of its model and training; see `columns`."""
    return {
        "condition": task.identity,
        "seed": runs.seeds,
        "outcome": runs.history.numbers,
        "final_loss": runs.final_loss,
        "solved": runs.solved(),
        "grade": runs.grade(),
        **overview_of(runs),
        "headlab": headlab.__version__,
        **settings_of(task.condition.dataset.name, task.condition.model_in_force, runs.training),
    }


def overview_of(runs: Runs) -> dict[str, NDArray[Any]]:
    """Return mechanism and pattern share [run]; empty and nan where the model sees no dependency to explain."""
    if not any(item.resolvable for item in runs.corpus.dependencies(runs.model)):
        return {
            "mechanism": np.full(len(runs), "", dtype=object),
            "pattern_share": np.full(len(runs), np.nan),
        }
    table = runs.explain().table()
    return {
        "mechanism": table["mechanism"].to_numpy(object),
        "pattern_share": table["pattern_share"].to_numpy(float).round(6),
    }


def bytes_of(design: StudyDesign) -> int:
    """Return about how many bytes a study takes on the disk."""
    total = 0
    for condition in design.conditions:
        numbers = condition.shape.n_weights
        width = np.dtype(condition.training.dtype).itemsize
        a_run = 16
        a_run += numbers * width if "weights" in design.keep else 0
        a_run += 24 * 2 * width if "curves" in design.keep else 0
        a_run += 24 * numbers * width if "snapshots" in design.keep else 0
        total += a_run * len(design.seeds)
    return total + 10_000 * len(design.conditions) * -(-len(design.seeds) // chunk_size(design))
