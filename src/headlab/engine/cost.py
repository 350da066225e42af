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
from headlab.engine.recipe import evaluated_steps, recipe_of, settings_at, trained_width
from headlab.engine.seen import Seen, largest, seen_by, seen_in_evaluation
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
ASKED_PLACES = 1 << 16  # of a batch, by which the kernel is asked how it would go about it
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
    batch = largest(job).rows
    steps = sum(phase.steps for phase in job.training.phases)
    return A_PLACE * (min(2 * max(FED_AT_ONCE, batch), steps * batch) + held_out)


def seconds(job: Job, n_runs: int, threads: int | None = None) -> float:
    """Return about how many seconds a training takes on this machine, on so many of its processors (all when left out).

    >>> import headlab as hl
    >>> corpus = hl.Corpus.notebook()
    >>> job = Job.of(corpus, hl.ModelConfig(), hl.TrainConfig())
    >>> seconds(job, 10_000, 1) > 2 * seconds(job, 1_000, 1) > 0
    True
    """
    if job.training.data_per_run and n_runs > 1:  # one after the other
        return n_runs * seconds(job, 1, threads)
    way = _way(job, n_runs, threads)
    first = _prepared(job, n_runs) + PAGE * _workspace(job, way) * way.at_once
    steps = sum(
        phase.steps * _a_step(job, way, settings_at(job.training, number).optimizer, seen_by(job, number))
        for number, phase in enumerate(job.training.phases)
    )
    if (seen := seen_in_evaluation(job)) is not None:
        steps += len(evaluated_steps(job.training)[0]) * _an_evaluation(job, way, seen)
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
    n_runs = 1 if job.training.data_per_run else n_runs
    problem = problem_of(job, job.training.dtype, n_runs, threads)
    most = max(1, ASKED_PLACES // job.n_ctx)
    recipe = recipe_of(job.training, frozen=job.model.frozen, stream=job.stream, most=most)
    name, runs, step = kernel().way(problem, recipe, n_runs)
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
    return best / PROBE_STEPS / _a_step(job, Way(name, len(weights), 1.0, 1), "sgd", seen_by(job))


def _prepared(job: Job, n_runs: int) -> float:
    """Return what it takes to draw the first weights of so many runs, and to turn wide heads."""
    model, trained = job.model, _trained(job)
    turned = 0 if trained == job.shape else model.n_layers * model.n_heads * trained.d_head**2 * model.d_head
    return n_runs * (DRAW * job.shape.n_weights + TURN * turned)


def _a_step(job: Job, way: Way, optimizer: str, seen: Seen) -> float:
    """Return what a step of a group of as many runs as there are lanes takes, with an optimiser."""
    of = _times()
    update = of.update if optimizer == "sgd" else of.root
    return _a_pass(job, way, seen, 3) + update * _trained(job).n_weights


def _an_evaluation(job: Job, way: Way, seen: Seen) -> float:
    """Return what it takes such a group to answer what is held out, which is forward alone."""
    return _a_pass(job, way, seen, 1)


def _a_pass(job: Job, way: Way, seen: Seen, times: int) -> float:
    """Return what it takes to go forward and back, or forward alone. times: in those of forward"""
    model, of = job.model, _times()
    far = of.far if _workspace(job, way) > FAR_BYTES else 1.0
    exps = model.n_heads * sum(layer.pairs for layer in _layers(job, seen)) + seen.wanted * _outputs(job)
    if model.activation == "gelu":
        exps += (2 if times > 1 else 1) * model.d_mlp * sum(layer.written for layer in _layers(job, seen))
    calls = model.n_layers * model.n_heads * (10 + 8 * seen.sequences) * times / 3
    return of.call * calls + far * sum(multiply_adds(job, seen)) * times / 3 + of.exp * exps


def _times() -> Times:
    return WASM_TIMES if chosen_backend() == WASM else NATIVE_TIMES


def _trained(job: Job) -> Shape:
    """Return the shape that is trained: that of the model, or one of narrower heads."""
    width = trained_width(job)
    return job.shape if width is None else job.shape.narrow(width)


def _outputs(job: Job) -> int:
    return job.shape.d_vocab_out or job.shape.d_vocab


@dataclass(frozen=True)
class Layer:
    """Rows that a layer reads, those of them that ask, those that it writes, and pairs of one that asks and a key."""

    inputs: int
    asking: int
    written: int
    pairs: int


def _layers(job: Job, seen: Seen) -> list[Layer]:
    """Return what every layer works on: the first one inputs that differ, the last one rows that are wanted."""
    n_layers, found = job.model.n_layers, []
    for layer in range(n_layers):
        inputs, last = seen.inputs if layer == 0 else seen.rows, layer + 1 == n_layers
        if last and seen.wanted < seen.rows:
            found.append(Layer(inputs, seen.asking, seen.wanted, seen.asked))
        else:
            found.append(Layer(inputs, inputs, seen.rows, seen.pairs))
    return found


def _folds(job: Job, layer: int, sequences: int) -> bool:
    """Return whether a layer works with W_QK on so many sequences, by sizes alone (kernel/plan.cpp)."""
    trained = _trained(job)
    if job.model.biases or job.model.relative_positions:
        return False
    d, h = trained.d_model, trained.d_head
    n = job.n_ctx * (min(sequences, job.d_vocab) if layer == 0 else sequences)
    return 3 * d * d * h + 3 * n * d * d < 6 * n * d * h


def multiply_adds(job: Job, seen: Seen | None = None) -> Iterator[float]:
    """Yield those of every layer, and of the unembedding: forward and back, three times forward; a norm is twelve of a number.

    seen: what is worked on, that of the first phase when left out
    """
    seen = seen_by(job) if seen is None else seen
    model, trained = job.model, _trained(job)
    d, h, value = trained.d_model, trained.d_head, trained.value_width
    for number, layer in enumerate(_layers(job, seen)):
        n, rows = layer.inputs, layer.written
        if _folds(job, number, seen.sequences):
            products, width = 3 * d * d * h + 3 * layer.asking * d * d, d
        else:
            products, width = 3 * (layer.asking + n) * d * h, h
        heads = products + (0 if model.stream_values else 3 * n * d * value) + 3 * layer.pairs * (width + value)
        heads += 3 * rows * job.n_ctx * h if model.relative_positions else 0
        heads += 3 * rows * d * h if model.factored_values else 0
        normed = n + rows * (model.d_mlp > 0) if model.norm != "none" else 0
        yield model.n_heads * heads + 6 * rows * d * model.d_mlp + 12 * normed * d
    yield 3 * seen.wanted * d * _outputs(job) if model.unembed else 0


def _blocks(model: ModelConfig) -> int:
    """Return how many blocks write a stream of their own behind the embeddings."""
    of_a_layer = 1 + (model.d_mlp > 0)
    return model.n_layers * of_a_layer * (1 + model.norm_after) + model.norm_final


def _workspace(job: Job, way: Way) -> float:
    """Return the bytes that a group of runs works on: all that the kernel takes when a worker is made.

    Of one run alone, rows are filled up to whole vectors. Of batches that are fed, a layer has room for either way of folding.
    """
    model, room, trained, fed = job.model, largest(job), _trained(job), job.stream is not None
    rows = room.rows
    float64 = job.training.dtype == "float64"
    columns = lanes_of(way.name, float64) if way.runs == 1 else 1

    def full(*sizes: int) -> int:
        return math.prod(sizes[:-1]) * -(-sizes[-1] // columns) * columns

    d, h, v, c, out = trained.d_model, trained.d_head, trained.value_width, job.n_ctx, _outputs(job)
    most, output = max(rows, room.inputs), rows * full(model.n_heads * h) if model.factored_values else 0
    before = model.norm != "none" and not model.norm_after
    weights = sum(full(*sizes) for sizes in trained.weights.values())
    numbers = (2 + recipe_of(job.training).slots) * weights  # weights, gradient, what the optimiser remembers
    numbers += (most + d) * (full(v) + max(full(d), 2 * full(h))) + output  # scratch of the heads
    numbers += full(c, c) * (1 + model.relative_positions) + before * full(2 * most, d) + rows * full(model.d_mlp)
    numbers += full(room.inputs, d) + full(rows * _blocks(model), d) + rows * model.unembed * full(out)  # streams
    numbers += 2 * max(full(most, d), rows * full(out) if model.unembed else 0)  # their gradients
    numbers += rows * (full(out) + 1) + fed * full(room.asking, d)  # what the loss keeps; what asks, gathered
    patterns = full(rows, c) if fed else full(room.sequences, c, c)
    for layer in range(model.n_layers):
        n, ways = (room.inputs if layer == 0 else rows), (full(d), 2 * full(h))
        taken = max(ways) if fed else ways[not _folds(job, layer, room.sequences)]
        numbers += model.n_heads * ((n + d + model.biases) * (full(v) + taken) + patterns) + output
        numbers += 2 * rows * full(model.d_mlp) + (model.norm != "none") * 2 * (n + rows) + before * full(n + rows, d)
    numbers += 2 * rows * model.norm_final
    if trained != job.shape:
        numbers += sum(full(*sizes) for sizes in job.shape.weights.values())
        numbers += (model.n_layers * model.n_heads + 2) * model.d_head * h + 2 * h
    return float(numbers * way.runs * (8 if float64 else 4))
