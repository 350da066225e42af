"""What a training takes, counted before it begins: bytes of memory, and seconds on this machine.

The kernel's operations are counted from the plan, each on a vector of runs, and weighted by their times relative to a
multiply-add. One number turns that into seconds: the speed of this processor on a small fixed job, measured once.
"""

import time
from collections.abc import Iterator
from functools import lru_cache

import numpy as np

from headlab.config import ModelConfig, TrainConfig
from headlab.engine.job import Job
from headlab.engine.native import (
    Plan,
    default_threads,
    fitting_instruction_set,
    lanes_of,
    make_plan,
    settings_at,
    train_flat,
)
from headlab.engine.rotation import narrow_width
from headlab.model.initial import NUMBERS_AT_A_TIME

# Times in multiply-adds whose operands are near, fitted to nineteen jobs on AVX-512, AVX2 and the baseline.
FAR, FAR_BYTES = 1.6, 24 << 20  # a multiply-add of a workspace beyond the processor's caches
CALL, EXP, UPDATE = 85.0, 45.0, 19.0  # a product's start, an exponential, a weight's update
ROOT, ROOT_OF_LANE = 5.0, 1.6  # a weight's update through a root, which is taken lane by lane
PAGE = 2.0  # a byte of workspace, once
DRAW, TURN = 90.0, 7.0  # a first weight drawn; a multiply-add of the rotation of wide heads
PROBE_SECONDS, PROBE_STEPS = 0.025, 250

A_DRAW = 56  # bytes of a weight while it is drawn; only so many are drawn at once
A_STEP, A_SEED = 64, 64  # bytes of a kept step's number, and of a seed, in lists and arrays
A_STATE = 64  # bytes of a run's rate and plateau, before and after


def plan_of(job: Job, d_head: int | None = None) -> Plan:
    """Return the kernel's plan of a job; d_head: the width that is trained, where it is another than the model's."""
    return make_plan(job, d_head=d_head)


def trained_width(job: Job) -> int | None:
    """Return the narrower width that a job's heads are trained with, or None."""
    return narrow_width(job.shape, job.training)


def bytes_of(job: Job, n_runs: int, *, recorded: int = 0, snapshots: int = 0, threads: int | None = None) -> int:
    """Return the most memory that a training takes: weights, optimiser state, curves and kept weights, with their copies.

    And what the kernel works on, a group of runs for each processor that is used.

    recorded, snapshots: at how many steps the loss, and the weights, are kept; threads: as in `seconds`

    >>> import headlab as hl
    >>> corpus = hl.Corpus.notebook()
    >>> job = Job.of(corpus, hl.ModelConfig(), hl.TrainConfig())
    >>> bytes_of(job, 100_000) < 1e9 < bytes_of(job, 100_000, recorded=5020)
    True
    """
    number = 4 if job.training.dtype == "float32" else 8
    plan, narrow = plan_of(job), trained_width(job)
    later = plan.size * (1 + snapshots) + 2 * recorded
    if narrow is None:
        later += plan.size * plan.most_slots
    else:  # all of it narrow, W_Q and W_K twice more; the basis; and a copy while the largest is put together
        blocks, most = plan.n_layers * plan.n_heads, max(1, plan.most_slots, snapshots)
        later += plan_of(job, narrow).size * (1 + plan.most_slots + snapshots) + plan.size * most
        later += 2 * blocks * plan.d_model * (plan.d_head + 2 * narrow)
    drawing = A_DRAW * min(n_runs * plan.size, NUMBERS_AT_A_TIME)
    given = A_STEP * (recorded + snapshots) + n_runs * (A_SEED + A_STATE + number * plan.size)
    name, _, at_once = _groups(job, n_runs, threads)
    working = at_once * int(_workspace(job, _shape(job), name))
    return given + max(drawing, n_runs * number * later + working)


def seconds(job: Job, n_runs: int, threads: int | None = None) -> float:
    """Return about how many seconds a training takes on this machine, on so many of its processors (all when left out).

    >>> import headlab as hl
    >>> corpus = hl.Corpus.notebook()
    >>> job = Job.of(corpus, hl.ModelConfig(), hl.TrainConfig())
    >>> seconds(job, 10_000, 1) > 2 * seconds(job, 1_000, 1) > 0
    True
    """
    name, groups, at_once = _groups(job, n_runs, threads)
    plan = _shape(job)
    first = _prepared(job, n_runs) + PAGE * _workspace(job, plan, name) * at_once
    steps = sum(
        phase.steps * _a_step(job, plan, name, settings_at(job.training, number).optimizer)
        for number, phase in enumerate(job.training.phases)
    )
    rest = -(-groups // at_once) * steps
    return _second(name, job.training.dtype == "float64") * (first + rest)


def _groups(job: Job, n_runs: int, threads: int | None) -> tuple[str, int, int]:
    """Return the instruction set of so many runs, their groups, and how many of those are worked on at once."""
    float64 = job.training.dtype == "float64"
    name = fitting_instruction_set(n_runs, float64)
    groups = -(-n_runs // lanes_of(name, float64))  # a few runs cost as much as a whole group
    return name, groups, max(1, min(threads or default_threads(), default_threads(), groups))


@lru_cache
def _second(name: str, float64: bool) -> float:
    """Return the seconds of a multiply-add of this processor, from a small fixed job, as its best of some tries."""
    ids = np.arange(24).reshape(4, 6) % 7
    training = TrainConfig.of(steps=PROBE_STEPS, dtype="float64" if float64 else "float32")
    job = Job(ids, np.roll(ids, -1, axis=1), 7, ModelConfig(d_head=10), training)
    weights = np.full((lanes_of(name, float64), plan_of(job).size), 0.01, training.dtype)
    until, best = time.perf_counter() + PROBE_SECONDS, np.inf
    while best == np.inf or time.perf_counter() < until:
        # What other processes take of the processor shows in the one, what other threads of this one do in the other.
        wall, own = time.perf_counter(), time.process_time()
        train_flat(job, weights, threads=1, instruction_set=name)
        best = min(best, time.perf_counter() - wall, time.process_time() - own)
    return best / PROBE_STEPS / _a_step(job, _shape(job), name, "sgd")


def _prepared(job: Job, n_runs: int) -> float:
    """Return what it takes to draw the first weights of so many runs, and to turn wide heads."""
    model, narrow = job.model, trained_width(job)
    turned = 0 if narrow is None else model.n_layers * model.n_heads * narrow**2 * model.d_head
    return n_runs * (DRAW * plan_of(job).size + TURN * turned)


def _a_step(job: Job, plan: Plan, name: str, optimizer: str) -> float:
    """Return what a step of one group of runs takes, with an optimiser."""
    model = job.model
    far = FAR if _workspace(job, plan, name) > FAR_BYTES else 1.0
    lanes = lanes_of(name, job.training.dtype == "float64")
    update = UPDATE if optimizer == "sgd" else ROOT + ROOT_OF_LANE * lanes
    exps = model.n_layers * model.n_heads * _pairs(job) + _rows(plan) * plan.d_vocab
    calls = model.n_layers * model.n_heads * (10 + 8 * len(job.tokens))
    return CALL * calls + far * sum(_multiply_adds(job, plan)) + EXP * exps + update * plan.size


def _shape(job: Job) -> Plan:
    return plan_of(job, trained_width(job))


def _rows(plan: Plan) -> int:
    return int(plan.sequence_start[-1])


def _inputs(plan: Plan, layer: int) -> int:
    return len(plan.input_token) if layer == 0 else _rows(plan)


def _pairs(job: Job) -> int:
    """Return how many (query, key) pairs there are."""
    lengths = (job.tokens >= 0).sum(axis=1)
    return int((lengths * (lengths + 1) // 2 if job.model.causal else lengths**2).sum())


def _multiply_adds(job: Job, plan: Plan) -> Iterator[float]:
    """Yield those of every layer and of the unembedding, forward and back (three times forward)."""
    model, rows, pairs = job.model, _rows(plan), _pairs(job)
    d, h = plan.d_model, plan.d_head
    value = h if model.factored_values else d
    for layer in range(model.n_layers):
        n = _inputs(plan, layer)
        folded, apart = 3 * d * d * h + 3 * n * d * d, 6 * n * d * h
        width = d if folded < apart else h
        scores_and_values = min(folded, apart) + 3 * n * d * value + 3 * pairs * (width + value)
        yield model.n_heads * (scores_and_values + (3 * rows * d * h if model.factored_values else 0))
    yield 3 * rows * d * plan.d_vocab if model.unembed else 0


def _workspace(job: Job, plan: Plan, name: str) -> float:
    """Return the bytes that a group of runs works on: all that the kernel's `Model` takes when it is made."""
    model, rows, d, h = job.model, _rows(plan), plan.d_model, plan.d_head
    value, output = (h, rows * h) if model.factored_values else (d, 0)
    a_row, most = max(d, h) + h + value, max(rows, _inputs(plan, 0))
    numbers = (2 + plan.most_slots) * plan.size + (1 + model.unembed) * rows * plan.d_vocab + rows * d
    for layer in range(model.n_layers):
        n = _inputs(plan, layer)
        numbers += n * d + model.n_heads * (d * d + n * a_row + len(job.tokens) * plan.n_ctx**2 + output)
    numbers += most * (a_row + 2 * d) + plan.n_ctx**2 + d * d + output
    float64 = job.training.dtype == "float64"
    return float(numbers * lanes_of(name, float64) * (8 if float64 else 4))
