"""Train one run or thousands: seeds in, `Runs` out. One code path for both."""

import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headlab import engine
from headlab.config import MAX_RUNS, ModelConfig, TrainConfig
from headlab.corpus import Corpus
from headlab.errors import ConfigError
from headlab.model.initial import initial
from headlab.model.params import Params, coerce, param_shapes
from headlab.runs import Runs

Progress = Callable[[float], None]
RECORDS = ("all", "log", "none")
LOG_POINTS = 24


class TrainingInterrupted(KeyboardInterrupt):
    """Ctrl-C during training; `runs` holds the runs that had ended by then."""

    def __init__(self, runs: Runs, n_asked: int) -> None:
        self.runs = runs
        super().__init__(f"interrupted: {len(runs)} of {n_asked} runs had ended and are kept")


def train(
    corpus: Corpus,
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

    model, training: the notebook's when left out
    seeds: one seed, or several; [0] when neither seeds nor init are given
    init: weights to start from, with or without a leading run axis (`Params`, or a mapping of names to arrays)
    record: at which steps loss and learning rate are kept: all, log(-spaced) or none
    snapshots: steps whose weights are kept (0 is before the first update), "log" for log-spaced ones (none when
        record is "none"), or None
    threads: all processors of this process when left out
    progress: called with the share that is done, some 200 times a second
    Returns the runs, in the order of the seeds. A run that diverged is an outcome, not an error.
    Raises `ConfigError`, `WeightsError`; `TrainingInterrupted` on Ctrl-C, which holds what was finished.

    >>> from headlab.corpus import Corpus
    >>> runs = train(Corpus.notebook(), training=TrainConfig.of(steps=100), seeds=range(3))
    >>> runs.loss.shape
    (3, 100)
    """
    model, training = model or ModelConfig(), training or TrainConfig()
    model.width(corpus.d_vocab)
    if seeds is not None and init is not None:
        raise ConfigError("either seeds or init must be given, got both: leave one of them out")
    dtype = np.dtype(training.dtype)
    if init is None:
        seed_list = seed_array(0 if seeds is None else seeds)
        flat = initial(model, corpus.d_vocab, corpus.n_ctx, seed_list, dtype).flat()
    else:
        seed_list, flat = None, coerce(init, model, corpus.d_vocab, corpus.n_ctx).flat()
    return _train(
        corpus,
        model,
        training,
        flat.astype(dtype, copy=False),
        seed_list,
        record_steps=_record_steps(record, training.steps),
        snapshot_steps=_snapshot_steps(snapshots if record != "none" or snapshots != "log" else None, training.steps),
        threads=_thread_count(threads),
        progress=progress,
    )


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

    The learning rate starts at `training.learning_rate`. Steps of the result count from the resumption.
    Raises `ConfigError` when the optimiser is another one and so its state cannot go on.

    >>> from headlab.corpus import Corpus
    >>> short = TrainConfig.of(steps=50)
    >>> runs = train(Corpus.notebook(), training=short)
    >>> resume(runs, short).optimizer_step
    100
    """
    before = runs.training
    if runs.optimizer_state is not None and _state_kind(training) != _state_kind(before):
        raise ConfigError(
            f"optimizer must stay {before.optimizer} (with its momentum and centered) to go on from its state, got "
            f"{training.optimizer}: start afresh with train(init=runs.params)"
        )
    dtype = np.dtype(training.dtype)
    return _train(
        runs.corpus,
        runs.model,
        training,
        runs.params.flat().astype(dtype, copy=False),
        runs.seeds,
        state=runs.optimizer_state,
        optimizer_step=runs.optimizer_step,
        record_steps=_record_steps(record, training.steps),
        snapshot_steps=_snapshot_steps(snapshots if record != "none" or snapshots != "log" else None, training.steps),
        threads=_thread_count(threads),
        progress=progress,
    )


def seed_array(seeds: int | Iterable[int]) -> NDArray[np.uint64]:
    """Return seeds as an array; raises `ConfigError` for an empty list or a seed that is not in 0 … 2⁶⁴-1.

    >>> seed_array(range(3)).tolist()
    [0, 1, 2]
    """
    given = list(seeds) if isinstance(seeds, Iterable) and not isinstance(seeds, str) else [seeds]
    wrong = [seed for seed in given if not is_seed(seed)]
    if wrong or not given:
        got = repr(wrong[0]) if wrong else "none"
        raise ConfigError(f"seeds must be whole numbers from 0 to 2**64 - 1, at least one, got {got}")
    return np.array([operator.index(seed) for seed in given], np.uint64)


def seeds_of_text(text: str, name: str = "seeds", most: int | None = MAX_RUNS) -> Sequence[int]:
    """Read `7`, `0:1000` or `1,5,9`; raises `ConfigError`, which calls the text by its name.

    most: how many they may be; None where they are counted later

    >>> seeds_of_text("0:1000"), seeds_of_text("1,5,9")
    (range(0, 1000), [1, 5, 9])
    """
    seeds: Sequence[int]
    try:
        if ":" in text:
            first, last = text.split(":")
            seeds = range(int(first or 0), int(last))
        else:
            seeds = [int(part) for part in text.split(",")]
    except ValueError:
        seeds = []
    if not seeds:
        raise ConfigError(f"{name} must be a number, a range like 0:1000 or a list like 1,5,9, got {text!r}")
    count = seeds.stop - seeds.start if isinstance(seeds, range) else len(seeds)  # len() fails for very large ranges
    if most is not None and count > most:
        raise ConfigError(f"{name} must be at most {most} seeds, got {text!r}: train them in several parts")
    return seeds


def is_seed(seed: Any) -> bool:
    """Return whether a value is a whole number from 0 to 2⁶⁴ - 1."""
    try:
        return not isinstance(seed, bool) and 0 <= operator.index(seed) < 2**64
    except TypeError:
        return False


def _train(
    corpus: Corpus,
    model: ModelConfig,
    training: TrainConfig,
    flat: engine.Flat,
    seeds: NDArray[np.uint64] | None,
    *,
    state: engine.Flat | None = None,
    optimizer_step: int = 0,
    record_steps: list[int],
    snapshot_steps: list[int] | None,
    threads: int | None,
    progress: Progress | None,
) -> Runs:
    total = max(1, len(flat) * training.steps)
    trained = engine.train_flat(
        engine.Problem(corpus.tokens, corpus.targets, corpus.d_vocab, model, training),
        flat,
        state=state,
        optimizer_step=optimizer_step,
        record_steps=record_steps,
        snapshot_steps=snapshot_steps,
        threads=threads,
        poll=None if progress is None else lambda done: progress(done / total),
    )
    runs = Runs(
        corpus=corpus,
        model=model,
        training=training,
        seeds=seeds,
        params=Params.from_flat(trained.weights, param_shapes(model, corpus.d_vocab, corpus.n_ctx)),
        loss=trained.loss,
        learning_rate=trained.rate,
        recorded_steps=np.array(record_steps, np.int64),
        snapshots=trained.snapshots,
        snapshot_steps=np.array(snapshot_steps or [], np.int64),
        outcome=trained.outcome,
        final_loss=trained.final_loss,
        optimizer_state=trained.state,
        optimizer_step=optimizer_step + training.steps,
    )
    if trained.interrupted:
        raise TrainingInterrupted(runs[trained.outcome != engine.NOT_RUN], len(runs))
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


def _record_steps(record: str, steps: int) -> list[int]:
    if record not in RECORDS:
        raise ConfigError(f"record must be one of {', '.join(RECORDS)}, got {record!r}")
    if record == "none" or steps == 0:
        return []
    return list(range(steps)) if record == "all" else log_steps(steps - 1)


def _snapshot_steps(snapshots: str | Sequence[int] | None, steps: int) -> list[int] | None:
    if snapshots is None:
        return None
    if isinstance(snapshots, str):
        if snapshots != "log":
            raise ConfigError(f"snapshots must be 'log', None or a list of steps, got {snapshots!r}")
        return log_steps(steps)
    wrong = [step for step in snapshots if not is_seed(step) or step > steps]
    if wrong:
        raise ConfigError(f"snapshots must be whole numbers from 0 to the number of steps, {steps}, got {wrong[0]!r}")
    return sorted({operator.index(step) for step in snapshots})


def _thread_count(threads: int | None) -> int | None:
    if threads is None or (isinstance(threads, int) and not isinstance(threads, bool) and 1 <= threads <= 1024):
        return threads
    raise ConfigError(f"threads must be a whole number from 1 to 1024, got {threads!r}")


def _state_kind(training: TrainConfig) -> tuple[str, bool, bool]:
    return training.optimizer, training.momentum > 0, training.centered and training.optimizer == "rmsprop"
