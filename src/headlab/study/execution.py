"""Run a study on this machine: chunk by chunk, each committed before the next, stoppable at any moment."""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from headlab import engine
from headlab.errors import StudyError
from headlab.study.chunks import LANES, Task, arrays_of, compute, pending, rows_of
from headlab.study.design import StudyDesign
from headlab.study.store import Store
from headlab.training import TrainingInterrupted, train

PROBE_STEPS, PROBED_CONDITIONS = 400, 12


class StudyHeld(StudyError):
    """Another process is running the study."""

    exit_status = 75  # as sysexits.h has it: try again later


class StudyInterrupted(KeyboardInterrupt):
    """Ctrl-C or a termination signal during a study; what was finished is kept."""

    def __init__(self, finished: int, signal_number: int) -> None:
        self.signal_number = signal_number
        super().__init__(f"interrupted: {finished} runs were finished and are kept; run the study again to go on")


Report = Callable[[float], None]


def execute(store: Store, *, threads: int | None = None, progress: Report | None = None, join: bool = False) -> int:
    """Train what is missing of a study, and return how many runs that were.

    progress: called with the share of the whole study that is done
    join: help a process that is at it already, instead of holding the study
    Raises `StudyHeld` when another process runs it, `StudyInterrupted`, `OutputError`.
    """
    if join:
        return _work(store, threads, progress)
    with store.holding() as free:
        if not free:
            raise StudyHeld(f"the study must be free, and {store.holder()} is running it: wait, or help it with --join")
        store.forgive()
        return _work(store, threads, progress)


def _work(store: Store, threads: int | None, progress: Report | None) -> int:
    design, tasks = store.design, pending(store)
    left = sum(len(task.seeds) for task in tasks)
    finished, before = 0, design.n_runs - left
    with terminable() as stopped:
        for task in tasks:
            with store.holding(f"claims/{task.identity}-{task.block:08}") as mine:
                if not mine:
                    continue
                remaining = _still_missing(store, task)
                if remaining is None:
                    continue
                try:
                    finished += _chunk(
                        store, design, remaining, threads, _share(progress, before + finished, design, task)
                    )
                except TrainingInterrupted as interrupted:
                    finished += _keep_partial(store, design, remaining, interrupted)
                    raise StudyInterrupted(finished, stopped[0]) from None
                except KeyboardInterrupt:
                    raise StudyInterrupted(finished, stopped[0]) from None
    if progress is not None:
        progress(1.0)
    return finished


def _chunk(store: Store, design: StudyDesign, task: Task, threads: int | None, progress: Report | None) -> int:
    began = time.monotonic()
    rows, arrays = compute(design, task, threads, progress)
    chunk = store.commit(task.identity, task.block, rows, arrays)
    store.note(chunk, facts(time.monotonic() - began, len(task.seeds), task))
    return len(task.seeds)


def facts(seconds: float, runs: int, task: Task) -> dict[str, Any]:
    """Return what a chunk took, and what trained it."""
    return {
        "seconds": round(seconds, 4),
        "runs": runs,
        "steps": runs * task.condition.training.steps,
        "instruction_sets": engine.instruction_sets(),
    }


def _still_missing(store: Store, task: Task) -> Task | None:
    # Another process may have finished this block since the list was made.
    now = (
        [item for item in pending(store) if (item.identity, item.block) == (task.identity, task.block)]
        if (
            (store.folder / "runs" / task.identity).is_dir()
            and any((store.folder / "runs" / task.identity).glob(f"{task.block:08}-*.parquet"))
        )
        else [task]
    )
    return now[0] if now else None


def _keep_partial(store: Store, design: StudyDesign, task: Task, interrupted: TrainingInterrupted) -> int:
    runs = interrupted.runs
    if len(runs) == 0 or runs.seeds is None:
        return 0
    part = replace(task, seeds=tuple(runs.seeds.tolist()))
    store.commit(task.identity, task.block, rows_of(runs, part), arrays_of(runs, design.keep))
    return len(runs)


def _share(progress: Report | None, done: int, design: StudyDesign, task: Task) -> Report | None:
    if progress is None:
        return None
    return lambda share: progress((done + share * len(task.seeds)) / design.n_runs)


@contextmanager
def terminable() -> Iterator[list[int]]:
    """Make a termination signal stop the work as Ctrl-C does; yields the signal that came."""
    came = [signal.SIGINT]

    def stop(number: int, frame: Any) -> None:
        came[0] = signal.Signals(number)
        signal.raise_signal(signal.SIGINT)

    try:
        before = signal.signal(signal.SIGTERM, stop)
    except ValueError:  # not the main thread: whoever started it stops it
        yield list(came)
        return
    try:
        yield came  # type: ignore[misc]
    finally:
        signal.signal(signal.SIGTERM, before)


def estimated_seconds(design: StudyDesign, threads: int | None = None) -> float:
    """Return about how long a study takes on this machine: a few steps of each kind of condition are timed.

    With many conditions, twelve of them stand for all.
    """
    every = len(design.conditions)
    chosen = design.conditions[:: max(1, every // PROBED_CONDITIONS)]
    total = 0.0
    for condition in chosen:
        short = (
            replace(condition.training, phases=(replace(condition.training.phases[0], steps=PROBE_STEPS),))
            if (condition.training.phases)
            else condition.training
        )
        seeds = range(4 * LANES)
        train(design.corpus, condition.model, short, seeds=seeds, record="none", threads=threads)
        began = time.perf_counter()
        train(design.corpus, condition.model, short, seeds=seeds, record="none", threads=threads)
        a_step = (time.perf_counter() - began) / PROBE_STEPS / len(seeds)
        groups = -(-len(design.seeds) // LANES) * LANES
        total += a_step * condition.training.steps * groups
    return total / len(chosen) * every
