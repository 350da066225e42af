"""What a training takes, counted before it begins: bytes of memory, and seconds on this machine.

The kernel's operations are counted from the plan, each on a vector of runs, and weighted by their times relative to a
multiply-add. One number turns that into seconds: the speed of this processor on a small fixed problem, measured once.
"""

import time
from collections.abc import Iterator
from functools import lru_cache

import numpy as np

import headlab.engine._native as _native
from headlab.config import ModelConfig, TrainConfig
from headlab.engine import Problem, default_threads, fitting_instruction_set, train_flat
from headlab.engine.plan import make_plan
from headlab.engine.rotation import narrow_width
from headlab.model.initial import NUMBERS_AT_A_TIME

# Times in multiply-adds whose operands are near, fitted to nineteen problems on AVX-512, AVX2 and the baseline.
FAR, FAR_BYTES = 1.6, 24 << 20  # a multiply-add of a workspace beyond the processor's caches
CALL, EXP, UPDATE = 85.0, 45.0, 19.0  # a product's start, an exponential, a weight's update
ROOT, ROOT_OF_LANE = 5.0, 1.6  # a weight's update through a root, which is taken lane by lane
PAGE = 2.0  # a byte of workspace, once
DRAW, TURN = 90.0, 7.0  # a first weight drawn; a multiply-add of the rotation of wide heads
PROBE_SECONDS, PROBE_STEPS = 0.025, 250

A_DRAW = 56  # bytes of a weight while it is drawn; only so many are drawn at once
A_STEP, A_SEED = 64, 64  # bytes of a kept step's number, and of a seed, in lists and arrays
A_STATE = 64  # bytes of a run's rate and plateau, before and after


def plan_of(problem: Problem, d_head: int | None = None) -> _native.Plan:
    """Return the kernel's plan of a problem; d_head: the width that is trained, where it is another than the model's."""
    return make_plan(problem, d_head=d_head)


def trained_width(problem: Problem) -> int | None:
    """Return the narrower width that a problem's heads are trained with, or None."""
    return narrow_width(problem.shape, problem.training)


def bytes_of(
    problem: Problem, n_runs: int, *, recorded: int = 0, snapshots: int = 0, threads: int | None = None
) -> int:
    """Return the most memory that a training takes: weights, optimiser state, curves and kept weights, with their copies.

    And what the kernel works on, a group of runs for each processor that is used.

    recorded, snapshots: at how many steps the loss, and the weights, are kept; threads: as in `seconds`

    >>> import headlab as hl
    >>> corpus = hl.Corpus.notebook()
    >>> problem = Problem.of(corpus, hl.ModelConfig(), hl.TrainConfig())
    >>> bytes_of(problem, 100_000) < 1e9 < bytes_of(problem, 100_000, recorded=5020)
    True
    """
    number = 4 if problem.training.dtype == "float32" else 8
    plan, narrow = plan_of(problem), trained_width(problem)
    later = plan.size * (1 + snapshots) + 2 * recorded
    if narrow is None:
        later += plan.size * plan.most_slots
    else:  # all of it narrow, W_Q and W_K twice more; the basis; and a copy while the largest is put together
        blocks, most = plan.n_layers * plan.n_heads, max(1, plan.most_slots, snapshots)
        later += plan_of(problem, narrow).size * (1 + plan.most_slots + snapshots) + plan.size * most
        later += 2 * blocks * plan.d_model * (plan.d_head + 2 * narrow)
    drawing = A_DRAW * min(n_runs * plan.size, NUMBERS_AT_A_TIME)
    given = A_STEP * (recorded + snapshots) + n_runs * (A_SEED + A_STATE + number * plan.size)
    name, _, at_once = _groups(problem, n_runs, threads)
    working = at_once * int(_workspace(problem, _shape(problem), name))
    return given + max(drawing, n_runs * number * later + working)


def seconds(problem: Problem, n_runs: int, threads: int | None = None) -> float:
    """Return about how many seconds a training takes on this machine, on so many of its processors (all when left out).

    >>> import headlab as hl
    >>> corpus = hl.Corpus.notebook()
    >>> problem = Problem.of(corpus, hl.ModelConfig(), hl.TrainConfig())
    >>> seconds(problem, 10_000, 1) > 2 * seconds(problem, 1_000, 1) > 0
    True
    """
    name, groups, at_once = _groups(problem, n_runs, threads)
    plan = _shape(problem)
    first = _prepared(problem, n_runs) + PAGE * _workspace(problem, plan, name) * at_once
    steps = sum(phase.steps * _a_step(problem, plan, name, phase.optimizer) for phase in plan.phases)
    rest = -(-groups // at_once) * steps
    return _second(name, problem.training.dtype == "float64") * (first + rest)


def _groups(problem: Problem, n_runs: int, threads: int | None) -> tuple[str, int, int]:
    """Return the instruction set of so many runs, their groups, and how many of those are worked on at once."""
    float64 = problem.training.dtype == "float64"
    name = fitting_instruction_set(n_runs, float64)
    groups = -(-n_runs // _native.lanes(name, float64))  # a few runs cost as much as a whole group
    return name, groups, max(1, min(threads or default_threads(), default_threads(), groups))


@lru_cache
def _second(name: str, float64: bool) -> float:
    """Return the seconds of a multiply-add of this processor, from a small fixed problem, as its best of some tries."""
    ids = np.arange(24).reshape(4, 6) % 7
    training = TrainConfig.of(steps=PROBE_STEPS, dtype="float64" if float64 else "float32")
    problem = Problem(ids, np.roll(ids, -1, axis=1), 7, ModelConfig(d_head=10), training)
    weights = np.full((_native.lanes(name, float64), plan_of(problem).size), 0.01, training.dtype)
    until, best = time.perf_counter() + PROBE_SECONDS, np.inf
    while best == np.inf or time.perf_counter() < until:
        # What other processes take of the processor shows in the one, what other threads of this one do in the other.
        wall, own = time.perf_counter(), time.process_time()
        train_flat(problem, weights, threads=1, instruction_set=name)
        best = min(best, time.perf_counter() - wall, time.process_time() - own)
    return best / PROBE_STEPS / _a_step(problem, _shape(problem), name, _native.Optimizer.sgd)


def _prepared(problem: Problem, n_runs: int) -> float:
    """Return what it takes to draw the first weights of so many runs, and to turn wide heads."""
    model, narrow = problem.model, trained_width(problem)
    turned = 0 if narrow is None else model.n_layers * model.n_heads * narrow**2 * model.d_head
    return n_runs * (DRAW * plan_of(problem).size + TURN * turned)


def _a_step(problem: Problem, plan: _native.Plan, name: str, optimizer: _native.Optimizer) -> float:
    """Return what a step of one group of runs takes, with an optimiser."""
    model = problem.model
    far = FAR if _workspace(problem, plan, name) > FAR_BYTES else 1.0
    lanes = _native.lanes(name, problem.training.dtype == "float64")
    update = UPDATE if optimizer == _native.Optimizer.sgd else ROOT + ROOT_OF_LANE * lanes
    exps = model.n_layers * model.n_heads * _pairs(problem) + _rows(plan) * plan.d_vocab
    calls = model.n_layers * model.n_heads * (10 + 8 * len(problem.tokens))
    return CALL * calls + far * sum(_multiply_adds(problem, plan)) + EXP * exps + update * plan.size


def _shape(problem: Problem) -> _native.Plan:
    return plan_of(problem, trained_width(problem))


def _rows(plan: _native.Plan) -> int:
    return int(plan.sequence_start[-1])


def _inputs(plan: _native.Plan, layer: int) -> int:
    return len(plan.input_token) if layer == 0 else _rows(plan)


def _pairs(problem: Problem) -> int:
    """Return how many (query, key) pairs there are."""
    lengths = (problem.tokens >= 0).sum(axis=1)
    return int((lengths * (lengths + 1) // 2 if problem.model.causal else lengths**2).sum())


def _multiply_adds(problem: Problem, plan: _native.Plan) -> Iterator[float]:
    """Yield those of every layer and of the unembedding, forward and back (three times forward)."""
    model, rows, pairs = problem.model, _rows(plan), _pairs(problem)
    d, h = plan.d_model, plan.d_head
    value = h if model.factored_values else d
    for layer in range(model.n_layers):
        n = _inputs(plan, layer)
        folded, apart = 3 * d * d * h + 3 * n * d * d, 6 * n * d * h
        width = d if folded < apart else h
        scores_and_values = min(folded, apart) + 3 * n * d * value + 3 * pairs * (width + value)
        yield model.n_heads * (scores_and_values + (3 * rows * d * h if model.factored_values else 0))
    yield 3 * rows * d * plan.d_vocab if model.unembed else 0


def _workspace(problem: Problem, plan: _native.Plan, name: str) -> float:
    """Return the bytes that a group of runs works on: all that the kernel's `Model` takes when it is made."""
    model, rows, d, h = problem.model, _rows(plan), plan.d_model, plan.d_head
    value, output = (h, rows * h) if model.factored_values else (d, 0)
    a_row, most = max(d, h) + h + value, max(rows, _inputs(plan, 0))
    numbers = (2 + plan.most_slots) * plan.size + (1 + model.unembed) * rows * plan.d_vocab + rows * d
    for layer in range(model.n_layers):
        n = _inputs(plan, layer)
        numbers += n * d + model.n_heads * (d * d + n * a_row + len(problem.tokens) * plan.n_ctx**2 + output)
    numbers += most * (a_row + 2 * d) + plan.n_ctx**2 + d * d + output
    float64 = problem.training.dtype == "float64"
    return float(numbers * _native.lanes(name, float64) * (8 if float64 else 4))
