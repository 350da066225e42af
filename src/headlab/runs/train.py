"""Train one run or thousands: seeds in, `Runs` out. One code path for both."""

import operator
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headlab import engine
from headlab.config import MAX_RUNS, ModelConfig, Phase, TrainConfig
from headlab.config.record import gathered
from headlab.config.seeds import is_seed, seed_array
from headlab.data.dataset import Dataset, Trainable
from headlab.engine import memory
from headlab.errors import ConfigError, Problem
from headlab.model.params import Params, coerce
from headlab.notation.numbers import quantity, size_of
from headlab.notation.values import short_repr
from headlab.runs.history import History, Outcome
from headlab.runs.interrupted import TrainingInterrupted
from headlab.runs.models import Model, Models
from headlab.runs.moments import KeptSteps
from headlab.runs.runs import Runs
from headlab.tasks.task import Task

Progress = Callable[[float], None]


def train(
    corpus: Trainable,
    model: ModelConfig | None = None,
    training: TrainConfig | None = None,
    *,
    seeds: int | Iterable[int] | None = None,
    init: Params | Mapping[str, Any] | None = None,
    record: str = "all",
    snapshots: str | Sequence[int] | None = "log",
    threads: int | None = None,
    progress: Progress | None = None,
) -> Runs:
    """Train one run for each seed, or from each row of `init`.

    corpus: a corpus, a dataset or a task
    model, training: the task's, or the notebook's, when left out; weights set by hand are one run, whatever the seeds
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
    usual = corpus.recipe() if isinstance(corpus, Task) and model is None and training is None else None
    if usual is not None and usual.weights is not None and init is None:
        init, seeds = usual.start(), None
    dataset, model, training = _asked(corpus, model, training)
    problems: list[Problem] = []
    job = gathered(problems, lambda: engine.Job.of(dataset, model, training))
    numbers = gathered(problems, lambda: seed_array(0 if seeds is None else seeds))
    if seeds is not None and init is not None:
        problems.append(Problem("either seeds or init must be given, got both: leave one of them out", "seeds"))
    kept, count = _options(problems, record, snapshots, threads, training.steps)
    assert job is not None  # otherwise there were problems
    assert numbers is not None
    given = None if init is None else coerce(init, job.shape)
    check_fits(job, len(numbers) if given is None else given.run_shape[0], kept, count)
    with np.errstate(over="ignore"):  # weights beyond float32 are a run that diverges at its start
        flat = (
            engine.initial_flat(job, numbers, threads=count)
            if given is None
            else given.flat().astype(training.dtype, copy=False)
        )
    named = numbers if given is None else None
    return _train(job, dataset, flat, named, kept=kept, threads=count, progress=progress)


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
        Problem(f"{name} must be a {kind.__name__}, got {short_repr(value)}", name)
        for name, value, kind in given
        if not isinstance(value, kind)
    ]
    if wrong:
        raise ConfigError(wrong)


def _options(
    problems: list[Problem], record: str, snapshots: Any, threads: Any, steps: int, first: int = 0
) -> tuple[KeptSteps, int | None]:
    """Return at which steps what is kept, and how many threads there are; raises `ConfigError` with all problems."""
    kept = gathered(problems, lambda: KeptSteps.of(record, snapshots, steps, first))
    count = gathered(problems, lambda: thread_count(threads))
    if problems or kept is None:
        raise ConfigError(problems)
    return kept, count


def resume(
    runs: Runs,
    training: TrainConfig | Phase | Sequence[Phase],
    *,
    record: str = "all",
    snapshots: str | Sequence[int] | None = "log",
    threads: int | None = None,
    progress: Progress | None = None,
) -> Runs:
    """Train runs further: weights, optimiser, each run's learning rate and what its heads were trained as go on.

    training: another training, or phases to go on with. A learning rate starts anew where it is given, else each run's goes
        on from where it is; a plateau starts afresh unless a phase goes on with it. Another optimiser starts with nothing
        remembered, and must be asked for by a phase that changes it.
    snapshots: "log"-spaced from here on, or steps to keep; steps count from the very beginning
    Returns runs whose training is the whole one, with the history of all of it, as far as it was kept.
    Trained in parts is trained in one, to the bit, where both train the heads in one width (see `engine.State`).
    Raises `ConfigError` where there is nothing to go on from: of a moment, a study's runs or other models only weights are
    there, and `train(init=models.params)` starts afresh from those.

    >>> from headlab.data.corpus import Corpus
    >>> runs = train(Corpus.notebook(), training=TrainConfig.of(steps=50))
    >>> resume(runs, Phase(100, changes={"learning_rate": 0.1}))
    Runs(1 of 50 steps of sgd at learning rate 0.01, then 100 of sgd at 0.1, d_head=20: 0 solved, 0 right by a hair, 1 not solved)
    """
    whole = _whole(runs, training)
    kept, count = _options([], record, snapshots, threads, whole.steps, runs.training.steps)
    job = engine.Job.of(runs.dataset, runs.model, whole)
    check_fits(job, len(runs), kept, count)
    flat = runs.params.flat().astype(np.dtype(whole.dtype), copy=False)
    return _train(job, runs.dataset, flat, runs.seeds, past=runs, kept=kept, threads=count, progress=progress)


def _whole(runs: Runs, training: TrainConfig | Phase | Sequence[Phase]) -> TrainConfig:
    """Return the training before and what is to follow as one; raises `ConfigError` where runs cannot go on so."""
    only_weights = isinstance(runs, Models | Model)
    if only_weights or (isinstance(runs, Runs) and runs.history.state is None):
        got = "models without a training" if only_weights else "runs of which only the weights were kept"
        said = f"runs must be there with what their training goes on from, got {got}: start afresh with train(init=….params)"
        raise ConfigError(Problem(said, "runs"))
    phases = [training] if isinstance(training, Phase) else training
    alone = isinstance(phases, list | tuple) and all(isinstance(phase, Phase) for phase in phases)
    _check_kinds(("runs", runs, Runs), *([] if alone else [("training", training, TrainConfig)]))
    whole = runs.training.followed_by(training)
    if isinstance(training, TrainConfig) and whole.in_force().state_kind != runs.training.in_force().state_kind:
        last = runs.training.in_force()
        said = (
            f"optimizer must stay {last.optimizer} (with its momentum and centered) to go on from its state, got "
            f"{training.optimizer}: give a Phase with changes, which starts its state afresh"
        )
        raise ConfigError(Problem(said, "optimizer"))
    return whole


def _train(
    job: engine.Job,
    dataset: Dataset,
    flat: engine.Flat,
    seeds: NDArray[np.uint64] | None,
    *,
    past: Runs | None = None,
    kept: KeptSteps,
    threads: int | None,
    progress: Progress | None,
) -> Runs:
    """Train flat weights on, past: from where these runs are; steps to keep count from the very beginning."""
    training, before = job.training, 0 if past is None else past.training.steps
    more, steps = training.steps - before, kept.counted_from(before)
    total = max(1, len(flat) * more)
    trained = engine.train_flat(
        job,
        flat,
        state=None if past is None else past.history.state,
        first_phase=0 if past is None else len(past.training.phases),
        record_steps=steps.recorded,
        snapshot_steps=steps.snapshots,
        threads=threads,
        poll=None if progress is None else lambda done: progress(done / total),
        seeds=seeds,
    )
    if past is not None:
        trained = trained.except_for(past.history.stopped, flat)
    history = History.of(
        np.where(trained.outcome == engine.STOPPED, engine.STOPPED - trained.stopped, trained.outcome),
        trained.final_loss,
        loss=trained.loss,
        learning_rate=trained.rate,
        recorded_steps=np.array(steps.recorded, np.int64),
        kept=trained.kept,
        snapshot_steps=np.array(steps.snapshots or [], np.int64),
        state=trained.state,
        held_out=trained.held_out,
    )
    whole = history if past is None else past.history.followed_by(history, before, more, training.evaluate_every)
    models = Models(Params.from_flat(trained.weights, job.shape), dataset, job.model, training.in_force().loss)
    runs = Runs(models, whole, training, seeds)
    if trained.interrupted:
        raise TrainingInterrupted(runs[history.outcome != Outcome.INTERRUPTED], len(runs))
    if progress is not None:
        progress(1.0)
    return runs


def check_fits(job: engine.Job, n_runs: int, kept: KeptSteps, threads: int | None) -> None:
    """Refuse what does not fit in memory, before any of it is taken, with how many runs would; raises `ConfigError`."""
    needed, free = kept.bytes_of(job, n_runs, threads), memory.available()
    if needed <= free:
        return
    fit, bare = (
        bisect_right(range(1, MAX_RUNS + 1), free, key=lambda count: ways.bytes_of(job, count, threads))
        for ways in (kept, KeptSteps())
    )
    ways = [f"train at most {fit:,} at once"] if 0 < fit < n_runs else []
    if job.stream is not None:
        ways.append("take smaller batches")
    if bare > fit:
        ways.append(f"keep no history (record none, snapshots None), which leaves room for {bare:,}")
    if not ways:
        ways.append("take a smaller model or corpus, since not even one run fits")
    raise ConfigError(
        f"{quantity(n_runs, 'run')} must fit in the memory that is free, {size_of(free)}, and would take "
        f"{size_of(needed)}: {', or '.join(ways)}"
    )


def thread_count(threads: Any) -> int | None:
    """Return how many threads were asked for, None for all processors; raises `ConfigError`."""
    if threads is None:
        return None
    if is_seed(threads) and 1 <= threads <= 1024:
        return operator.index(threads)
    raise ConfigError(Problem(f"threads must be a whole number from 1 to 1024, got {short_repr(threads)}", "threads"))
