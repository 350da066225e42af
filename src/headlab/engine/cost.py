"""What a training takes, counted before it begins: bytes of memory, and seconds on this machine.

The kernel's operations are counted from the sizes, each on a vector of runs, and weighted by their times relative to a
multiply-add. One number turns that into seconds: the speed of this processor on a small fixed job, measured once.
"""

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from headlab.config import ModelConfig, Shape, TrainConfig
from headlab.engine.backend import WASM, chosen_backend, kernel
from headlab.engine.feeding import PLACES as FED_AT_ONCE
from headlab.engine.groups import runs_of_a_group
from headlab.engine.job import Job
from headlab.engine.problem import default_threads, lanes_of
from headlab.engine.recipe import recipe_of, settings_at, trained_width
from headlab.engine.seen import seen_by
from headlab.engine.trainer import problem_of, train_flat


@dataclass(frozen=True)
class Times:
    """Times in multiply-adds whose operands are near.

    call, exp, update: a product's start, an exponential, a weight's update; root: one through a root; far: a multiply-add of a
    workspace beyond the processor's caches
    """

    call: float
    exp: float
    update: float
    root: float
    far: float


NATIVE_TIMES = Times(110.0, 30.0, 8.0, 16.0, 1.3)  # fitted to twenty-two jobs on AVX-512, AVX2 and the baseline
WASM_TIMES = Times(105.0, 65.0, 16.0, 21.0, 1.6)  # and to forty under wasmtime
FAR_BYTES = 24 << 20  # of a workspace that is beyond the caches
PAGE = 2.0  # a byte of workspace, once
DRAW, TURN = 90.0, 7.0  # a first weight drawn; a multiply-add of the rotation of wide heads
PROBE_SECONDS, PROBE_STEPS = 0.025, 250

A_STEP, A_SEED = 64, 64  # bytes of a kept step's number, and of a seed, in lists and arrays
A_STATE = 64  # bytes of a run's rate and plateau, before and after
AN_INSTANCE = 1 << 20  # bytes of the module's instance, which runs are copied into
A_PLACE = 72  # bytes of an example's place, its token and target, and the kernel's row of it
PLACES = 16  # bytes of a weight's place in other orders, of the model's shape and the trained one


def bytes_of(job: Job, n_runs: int, *, recorded: int = 0, snapshots: int = 0, threads: int | None = None) -> int:
    """Return the most memory that a training takes: weights, optimiser state, curves and kept weights, with their copies.

    And what the kernel works on, a group of runs for each processor that is used; under wasm with copies of that group.

    recorded, snapshots: at how many steps the loss, and the weights, are kept; threads: as in `seconds`

    >>> import headlab as hl
    >>> corpus = hl.Corpus.notebook()
    >>> job = Job.of(corpus, hl.ModelConfig(), hl.TrainConfig())
    >>> bytes_of(job, 100_000) < 1e9 < bytes_of(job, 100_000, recorded=5020)
    True
    """
    number = 4 if job.training.dtype == "float32" else 8
    size, trained, n_slots = job.shape.n_weights, _trained(job), recipe_of(job.training).slots
    later = size + trained.n_weights * snapshots + 2 * recorded + n_slots * trained.n_weights
    if trained != job.shape:  # the heads as they are trained, before and after; the first weights, once more
        later += 2 * job.shape.n_layers * job.shape.n_heads * trained.d_head * (2 * trained.d_model + job.shape.d_head)
        later += size if snapshots else 0
    given = A_STEP * (recorded + snapshots) + n_runs * (A_SEED + A_STATE + number * size)
    way = _way(job, n_runs, threads)
    working = int(_workspace(job, way))
    given += PLACES * size + _fed(job)
    if chosen_backend() == WASM:
        steps = sum(phase.steps for phase in job.training.phases)
        of_run = A_STATE + number * later
        copied = min(n_runs, runs_of_a_group(n_runs, way.at_once, way.runs, of_run, steps))
        working += copied * of_run + PLACES * size + AN_INSTANCE
    return given + n_runs * number * later + way.at_once * working


def _fed(job: Job) -> int:
    """Return the bytes of what is drawn: two pieces of what steps are fed with, and what is held out."""
    if job.stream is None:
        return 0
    held_out = job.training.evaluate_on * job.n_ctx if job.training.evaluate_every else 0
    return A_PLACE * (2 * max(FED_AT_ONCE, seen_by(job).sequences * job.n_ctx) + held_out)


def seconds(job: Job, n_runs: int, threads: int | None = None) -> float:
    """Return about how many seconds a training takes on this machine, on so many of its processors (all when left out).

    >>> import headlab as hl
    >>> corpus = hl.Corpus.notebook()
    >>> job = Job.of(corpus, hl.ModelConfig(), hl.TrainConfig())
    >>> seconds(job, 10_000, 1) > 2 * seconds(job, 1_000, 1) > 0
    True
    """
    way = _way(job, n_runs, threads)
    first = _prepared(job, n_runs) + PAGE * _workspace(job, way) * way.at_once
    steps = sum(
        phase.steps * _a_step(job, way, settings_at(job.training, number).optimizer)
        for number, phase in enumerate(job.training.phases)
    )
    rounds = math.ceil(math.ceil(n_runs / way.runs) / way.at_once)
    return _second(way.name, job.training.dtype == "float64") * (first + rounds * steps * way.step)


@dataclass(frozen=True)
class Way:
    """How a training goes: with an instruction set, so many runs in its lanes, so many of these groups at once.

    step: what a step of such a group takes, in those of a group of as many runs as there are lanes
    """

    name: str
    runs: int
    step: float
    at_once: int


def _way(job: Job, n_runs: int, threads: int | None) -> Way:
    problem = problem_of(job, job.training.dtype, n_runs, threads)
    name, runs, step = kernel().way(
        problem, recipe_of(job.training, frozen=job.model.frozen, stream=job.stream), n_runs
    )
    return Way(name, runs, step, max(1, min(threads or default_threads(), default_threads(), -(-n_runs // runs))))


@lru_cache
def _second(name: str, float64: bool) -> float:
    """Return the seconds of a multiply-add of this processor, from a small fixed job, as its best of some tries."""
    ids = np.arange(24).reshape(4, 6) % 7
    training = TrainConfig.of(steps=PROBE_STEPS, dtype="float64" if float64 else "float32")
    job = Job(ids, np.roll(ids, -1, axis=1), 7, ModelConfig(d_head=10), training)
    weights = np.full((lanes_of(name, float64), job.shape.n_weights), 0.01, training.dtype)
    until, best = time.perf_counter() + PROBE_SECONDS, np.inf
    while best == np.inf or time.perf_counter() < until:
        # What other processes take of the processor shows in the one, what other threads of this one do in the other.
        wall, own = time.perf_counter(), time.process_time()
        train_flat(job, weights, threads=1, instruction_set=name)
        best = min(best, time.perf_counter() - wall, time.process_time() - own)
    return best / PROBE_STEPS / _a_step(job, Way(name, len(weights), 1.0, 1), "sgd")


def _prepared(job: Job, n_runs: int) -> float:
    """Return what it takes to draw the first weights of so many runs, and to turn wide heads."""
    model, trained = job.model, _trained(job)
    turned = 0 if trained == job.shape else model.n_layers * model.n_heads * trained.d_head**2 * model.d_head
    return n_runs * (DRAW * job.shape.n_weights + TURN * turned)


def _a_step(job: Job, way: Way, optimizer: str) -> float:
    """Return what a step of a group of as many runs as there are lanes takes, with an optimiser."""
    model, trained = job.model, _trained(job)
    of = WASM_TIMES if chosen_backend() == WASM else NATIVE_TIMES
    far = of.far if _workspace(job, way) > FAR_BYTES else 1.0
    update = of.update if optimizer == "sgd" else of.root
    exps = model.n_layers * model.n_heads * _pairs(job) + _rows(job) * _outputs(job)
    exps += 2 * model.n_layers * _rows(job) * model.d_mlp if model.activation == "gelu" else 0
    calls = model.n_layers * model.n_heads * (10 + 8 * seen_by(job).sequences)
    return of.call * calls + far * sum(multiply_adds(job)) + of.exp * exps + update * trained.n_weights


def _trained(job: Job) -> Shape:
    """Return the shape that is trained: that of the model, or one of narrower heads."""
    width = trained_width(job)
    return job.shape if width is None else job.shape.narrow(width)


def _rows(job: Job) -> int:
    return seen_by(job).rows


def _outputs(job: Job) -> int:
    return job.shape.d_vocab_out or job.shape.d_vocab


def _inputs(job: Job, layer: int) -> int:
    """Return how many rows a layer reads: the first one those that differ in token or position."""
    if layer > 0 or job.model.n_layers == 0:
        return _rows(job)
    return seen_by(job).inputs


def _pairs(job: Job) -> int:
    """Return how many (query, key) pairs there are."""
    return seen_by(job).pairs


def _folds(job: Job, layer: int) -> bool:
    """Return whether a layer works with W_QK, by sizes alone (kernel/plan.cpp)."""
    trained, sequences = _trained(job), seen_by(job).sequences
    if job.model.biases or job.model.relative_positions:
        return False
    d, h = trained.d_model, trained.d_head
    n = job.n_ctx * (min(sequences, job.d_vocab) if layer == 0 else sequences)
    return 3 * d * d * h + 3 * n * d * d < 6 * n * d * h


def multiply_adds(job: Job) -> Iterator[float]:
    """Yield those of every layer and of the unembedding, forward and back (three times forward); a norm is twelve of a number."""
    model, rows, pairs, trained = job.model, _rows(job), _pairs(job), _trained(job)
    d, h, value = trained.d_model, trained.d_head, trained.value_width
    for layer in range(model.n_layers):
        n, folds = _inputs(job, layer), _folds(job, layer)
        products, width = (3 * d * d * h + 3 * n * d * d, d) if folds else (6 * n * d * h, h)
        scores_and_values = products + 3 * n * d * value + 3 * pairs * (width + value)
        distances = 3 * rows * job.n_ctx * h if model.relative_positions else 0
        yield model.n_heads * (scores_and_values + distances + (3 * rows * d * h if model.factored_values else 0))
        yield 6 * rows * d * model.d_mlp
        yield 12 * (n + rows * (model.d_mlp > 0)) * d if model.norm != "none" else 0
    yield 3 * rows * d * _outputs(job) if model.unembed else 0


def _blocks(model: ModelConfig) -> int:
    """Return how many blocks write a stream of their own behind the embeddings."""
    of_a_layer = 1 + (model.d_mlp > 0)
    return model.n_layers * of_a_layer * (1 + model.norm_after) + model.norm_final


def _workspace(job: Job, way: Way) -> float:
    """Return the bytes that a group of runs works on: all that the kernel takes when a worker is made.

    Of one run alone, rows are filled up to whole vectors.
    """
    model, rows, trained = job.model, _rows(job), _trained(job)
    float64 = job.training.dtype == "float64"
    columns = lanes_of(way.name, float64) if way.runs == 1 else 1

    def full(*sizes: int) -> int:
        return math.prod(sizes[:-1]) * -(-sizes[-1] // columns) * columns

    d, h, v, c, out = trained.d_model, trained.d_head, trained.value_width, job.n_ctx, _outputs(job)
    most, output = max(rows, _inputs(job, 0)), rows * full(model.n_heads * h) if model.factored_values else 0
    before = model.norm != "none" and not model.norm_after
    weights = sum(full(*sizes) for sizes in trained.weights.values())
    numbers = (2 + recipe_of(job.training).slots) * weights  # weights, gradient, what the optimiser remembers
    numbers += (most + d) * (full(v) + max(full(d), 2 * full(h))) + output  # scratch of the heads
    numbers += full(c, c) * (1 + model.relative_positions) + before * full(2 * most, d) + rows * full(model.d_mlp)
    numbers += full(_inputs(job, 0), d) + full(rows * _blocks(model), d) + rows * model.unembed * full(out)  # streams
    numbers += 2 * max(full(most, d), rows * full(out) if model.unembed else 0)  # their gradients
    numbers += rows * (full(out) + 1)  # what the loss keeps
    for layer in range(model.n_layers):
        n = _inputs(job, layer)
        width = full(v) + (full(d) if _folds(job, layer) else 2 * full(h))  # of what a head takes from an input
        numbers += model.n_heads * ((n + d + model.biases) * width + full(seen_by(job).sequences, c, c)) + output
        numbers += 2 * rows * full(model.d_mlp) + (model.norm != "none") * 2 * (n + rows) + before * full(n + rows, d)
    numbers += 2 * rows * model.norm_final
    if trained != job.shape:
        numbers += sum(full(*sizes) for sizes in job.shape.weights.values())
        numbers += (model.n_layers * model.n_heads + 2) * model.d_head * h + 2 * h
    return float(numbers * way.runs * (8 if float64 else 4))
