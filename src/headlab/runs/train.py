"""Train one run or thousands: seeds in, `Runs` out. One code path for both."""

import operator
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headlab import engine
from headlab.config import MAX_RUNS, ModelConfig, TrainConfig
from headlab.config.record import gathered
from headlab.config.seeds import at_most_runs, is_seed, seed_array, telling_values
from headlab.data.dataset import Dataset, Trainable
from headlab.engine import cost, memory
from headlab.errors import ConfigError, Problem
from headlab.model.initial import initial
from headlab.model.params import Params, coerce
from headlab.notation.numbers import counted, size_of
from headlab.notation.values import brief
from headlab.runs.history import History, Outcome
from headlab.runs.models import Model, Models
from headlab.runs.runs import Runs
from headlab.tasks.task import Task

Progress = Callable[[float], None]
RECORDS = ("all", "log", "none")
LOG_POINTS = 24


class TrainingInterrupted(KeyboardInterrupt):
    """Ctrl-C during training; `runs` holds the runs that had ended by then."""

    def __init__(self, runs: Runs, n_asked: int) -> None:
        self.runs = runs
        super().__init__(f"interrupted: {len(runs):,} of {counted(n_asked, 'run')} had ended and are kept")


def train(
    corpus: Trainable,
    model: ModelConfig | None = None,
    training: TrainConfig | None = None,
    *,
    seeds: int | Iterable[int] | None = None,
    init: Params | Mapping[str, NDArray[Any]] | None = None,
    record: str = "all",
    snapshots: str | Sequence[int] | None = "log",
    threads: int | None = None,
    progress: Progress | None = None,
) -> Runs:
    """Train one run for each seed, or from each row of `init`.

    corpus: a corpus, a dataset or a task
    model, training: the task's, or the notebook's, when left out
    seeds: one seed, or several; [0] when neither seeds nor init are given
    init: weights to start from, with or without a leading run axis (`Params`, or a mapping of names to arrays)
    record: at which steps loss and learning rate are kept: all, log(-spaced) or none
    snapshots: steps whose weights are kept (0 is before the first update), "log" for log-spaced ones (none when
        record is "none"), or None
    threads: how many processors to use, all that this process may use when left out; the result does not depend on it
    progress: called with the share that is done, some 200 times a second
    Returns the runs, in the order of the seeds. A run that diverged is an outcome, not an error.
    Raises `ConfigError`, `WeightsError`; `TrainingInterrupted` on Ctrl-C, which holds what was finished.

    >>> from headlab.data.corpus import Corpus
    >>> runs = train(Corpus.notebook(), training=TrainConfig.of(steps=100), seeds=range(3))
    >>> runs.loss.shape
    (3, 100)
    """
    dataset, model, training = _asked(corpus, model, training)
    problems: list[Problem] = []
    gathered(problems, lambda: engine.Job.of(dataset.corpus, model, training))
    numbers = gathered(problems, lambda: seed_array(0 if seeds is None else seeds))
    if seeds is not None and init is not None:
        problems.append(Problem("either seeds or init must be given, got both: leave one of them out", "seeds"))
    kept, count = _options(problems, record, snapshots, threads, training.steps)
    shape = model.on(dataset)
    given = None if init is None else coerce(init, shape)
    seed_list = np.zeros(0, np.uint64) if numbers is None else numbers
    _check_fits(dataset, model, training, len(seed_list) if given is None else given.run_shape[0], kept)
    dtype = np.dtype(training.dtype)
    with np.errstate(over="ignore"):  # weights beyond float32 are a run that diverges at its start
        flat = (given or initial(shape, seed_list, dtype)).flat().astype(dtype, copy=False)
    named = seed_list if given is None else None
    return _train(dataset, model, training, flat, named, kept=kept, threads=count, progress=progress)


def _asked(
    corpus: Trainable, model: ModelConfig | None, training: TrainConfig | None
) -> tuple[Dataset, ModelConfig, TrainConfig]:
    """Return what is trained on, what, and how, with what is usual where it was left out; raises `ConfigError`."""
    problems: list[Problem] = []
    dataset = gathered(problems, lambda: Dataset.of(corpus))
    usual = (corpus.model, corpus.training) if isinstance(corpus, Task) else (ModelConfig(), TrainConfig())
    model, training = usual[0] if model is None else model, usual[1] if training is None else training
    gathered(problems, lambda: _check_kinds(("model", model, ModelConfig), ("training", training, TrainConfig)))
    if problems or dataset is None:
        raise ConfigError(problems)
    return dataset, model, training


def _check_kinds(*given: tuple[str, Any, type]) -> None:
    wrong = [
        Problem(f"{name} must be a {kind.__name__}, got {brief(value)}", name)
        for name, value, kind in given
        if not isinstance(value, kind)
    ]
    if wrong:
        raise ConfigError(wrong)


def _options(
    problems: list[Problem], record: str, snapshots: Any, threads: Any, steps: int
) -> "tuple[_Kept, int | None]":
    """Return at which steps what is kept, and how many threads there are; raises `ConfigError` with all problems."""
    recorded = gathered(problems, lambda: _recorded(record, steps))
    kept = gathered(problems, lambda: _snapshot_steps(snapshots, steps, record))
    count = gathered(problems, lambda: thread_count(threads))
    if problems or recorded is None:
        raise ConfigError(problems)
    return _Kept(recorded, kept, count), count


def resume(
    runs: Runs,
    training: TrainConfig,
    *,
    record: str = "all",
    snapshots: str | Sequence[int] | None = "log",
    threads: int | None = None,
    progress: Progress | None = None,
) -> Runs:
    """Train finished runs further, as calling Keras' `fit` once more does: weights and optimiser state go on.

    The learning rate starts at `training.learning_rate`. Steps of the result count from the resumption; `before` holds how
    the runs were trained until then.
    Raises `ConfigError` when the optimiser is another one and so its state cannot go on.

    >>> from headlab.data.corpus import Corpus
    >>> short = TrainConfig.of(steps=50)
    >>> runs = train(Corpus.notebook(), training=short)
    >>> resume(runs, short)
    Runs(1 of 50 steps of sgd, then 50 of sgd, d_head=20: 0 solved, 0 by a hair, 1 not)
    """
    if isinstance(runs, Models | Model):
        raise ConfigError(
            "runs must be finished runs, whose optimiser's state goes on, got models without a training: start afresh with "
            "train(init=models.params)"
        )
    _check_kinds(("runs", runs, Runs), ("training", training, TrainConfig))
    last = runs.training
    if runs.history.optimizer_state is not None and training.state_kind != last.state_kind:
        said = (
            f"optimizer must stay {last.optimizer} (with its momentum and centered) to go on from its state, got "
            f"{training.optimizer}: start afresh with train(init=runs.params)"
        )
        raise ConfigError(Problem(said, "optimizer"))
    kept, count = _options([], record, snapshots, threads, training.steps)
    _check_fits(runs.dataset, runs.model, training, len(runs), kept)
    return _train(
        runs.dataset,
        runs.model,
        training,
        runs.params.flat().astype(np.dtype(training.dtype), copy=False),
        runs.seeds,
        state=_state(runs, training),
        kept=kept,
        threads=count,
        progress=progress,
        before=(*runs.before, runs.training),
    )


def _state(runs: Runs, training: TrainConfig) -> engine.State | None:
    """Return what the optimiser goes on from; rate and plateau start afresh."""
    slots, step = runs.history.optimizer_state, runs.history.optimizer_step
    if slots is None:
        return None
    size, rate = runs.params.flat().shape[1], training.learning_rate
    fresh = engine.State.at_start(training.state_kind, len(runs), size, rate, np.dtype(training.dtype))
    return replace(fresh, optimizer_step=step, slots=slots.reshape(len(runs), -1, size))


def _train(
    dataset: Dataset,
    model: ModelConfig,
    training: TrainConfig,
    flat: engine.Flat,
    seeds: NDArray[np.uint64] | None,
    *,
    state: engine.State | None = None,
    kept: "_Kept",
    threads: int | None,
    progress: Progress | None,
    before: tuple[TrainConfig, ...] = (),
) -> Runs:
    total = max(1, len(flat) * training.steps)
    trained = engine.train_flat(
        engine.Job.of(dataset.corpus, model, training),
        flat,
        state=state,
        record_steps=kept.recorded,
        snapshot_steps=kept.snapshots,
        threads=threads,
        poll=None if progress is None else lambda done: progress(done / total),
    )
    after = trained.state.wide(model.on(dataset))
    params = Params.from_flat(trained.weights, model.on(dataset))
    history = History.of(
        trained.outcome,
        trained.final_loss,
        loss=trained.loss,
        learning_rate=trained.rate,
        recorded_steps=np.array(kept.recorded, np.int64),
        snapshots=trained.snapshots,
        snapshot_steps=np.array([] if kept.snapshots is None else kept.snapshots, np.int64),
        optimizer_state=after.slots.reshape(len(flat), -1) if after.slots.size else None,
        optimizer_step=after.optimizer_step,
    )
    runs = Runs(Models(params, dataset, model, training.loss), history, training, seeds, before)
    if trained.interrupted:
        raise TrainingInterrupted(runs[runs.outcome != Outcome.INTERRUPTED], len(runs))
    if progress is not None:
        progress(1.0)
    return runs


def log_steps(last: int, points: int = LOG_POINTS) -> list[int]:
    """Return about `points` steps from 0 to `last`, evenly spaced on a log scale, both ends included.

    >>> log_steps(1000, 7)
    [0, 1, 4, 16, 63, 251, 1000]
    """
    if last <= 0:
        return [0]
    spaced = np.geomspace(1, last, max(2, points - 1)).round().astype(int)
    return [0, *sorted(set(spaced.tolist()))]


@dataclass(frozen=True)
class _Kept:
    """At which steps the loss, and the weights, are kept; threads: by how many it is trained, all when None."""

    recorded: Sequence[int]
    snapshots: Sequence[int] | None
    threads: int | None

    def take(self, job: engine.Job, n_runs: int) -> int:
        """Return how many bytes a training takes with them."""
        steps = {"recorded": len(self.recorded), "snapshots": len(self.snapshots or ())}
        return cost.bytes_of(job, n_runs, **steps, threads=self.threads)


def _recorded(record: str, steps: int) -> Sequence[int]:
    _must_be_one_of("record", record, RECORDS)
    if record == "none":
        return range(0)
    return log_steps(steps - 1) if record == "log" and steps else range(steps)


def _must_be_one_of(name: str, value: Any, known: Sequence[str]) -> None:
    if not isinstance(value, str) or value not in known:
        raise ConfigError(Problem(f"{name} must be one of {', '.join(known)}, got {brief(value)}", name))


def _check_fits(dataset: Dataset, model: ModelConfig, training: TrainConfig, n_runs: int, kept: _Kept) -> None:
    """Refuse what does not fit in memory, before any of it is taken, with how many runs would."""
    job = engine.Job.of(dataset.corpus, model, training)
    needed, free = kept.take(job, n_runs), memory.available()
    if needed <= free:
        return
    fit, bare = (_that_fit(ways, job, free) for ways in (kept, _Kept((), None, kept.threads)))
    ways = [f"train at most {fit:,} at once"] if fit else []
    if bare > fit:
        ways.append(f"keep no history (record none, snapshots None), which leaves room for {bare:,}")
    if not ways:
        ways.append("take a smaller model or corpus, since not even one run fits")
    raise ConfigError(
        f"{counted(n_runs, 'run')} must fit in the memory that is free, {size_of(free)}, and would take "
        f"{size_of(needed)}: {', or '.join(ways)}"
    )


def _that_fit(kept: _Kept, job: engine.Job, free: int) -> int:
    return bisect_right(range(1, MAX_RUNS + 1), free, key=lambda n_runs: kept.take(job, n_runs))


def _snapshot_steps(snapshots: Any, steps: int, record: str) -> Sequence[int] | None:
    if snapshots is None:
        return None
    if isinstance(snapshots, str):
        _must_be_one_of("snapshots", snapshots, ("log",))
        return None if isinstance(record, str) and record == "none" else log_steps(steps)
    if not isinstance(snapshots, Iterable) or getattr(snapshots, "ndim", 1) == 0:
        raise ConfigError(
            Problem(f"snapshots must be 'log', None or a list of steps, got {brief(snapshots)}", "snapshots")
        )
    given = at_most_runs("snapshots", snapshots)
    wrong = [step for step in telling_values(given) if not is_seed(step) or step > steps]
    if wrong:
        said = f"snapshots must be whole numbers from 0 to the number of steps, {steps}, got {brief(wrong[0])}"
        raise ConfigError(Problem(said, "snapshots"))
    return sorted({operator.index(step) for step in given}) or None


def thread_count(threads: Any) -> int | None:
    """Return how many threads were asked for, None for all processors; raises `ConfigError`."""
    if threads is None:
        return None
    if is_seed(threads) and 1 <= threads <= 1024:
        return operator.index(threads)
    raise ConfigError(Problem(f"threads must be a whole number from 1 to 1024, got {brief(threads)}", "threads"))
