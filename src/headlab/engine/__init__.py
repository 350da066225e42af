"""The native trainer behind one thin face: flat weights in, trained flat weights and curves out.

A run is one lane of a vector register; the kernel (kernel/, C++ with no Python in it) is compiled for several
instruction sets, and the widest that the processor has is used. Set HEADLAB_INSTRUCTION_SET to choose another.
A run's result depends on the instruction set's rounding alone: not on its neighbours, their order, or the threads.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

import headlab.engine._native as _native
from headlab.engine.plan import make_plan, settings_at
from headlab.engine.problem import Problem
from headlab.engine.rotation import FlatHeads, Rotation, narrow_width
from headlab.engine.state import State
from headlab.errors import ConfigError

__all__ = ["Problem", "State", "Trained", "instruction_sets", "loss_and_gradient", "train_flat"]

Flat = NDArray[np.floating[Any]]

FINISHED = -1
NOT_RUN = -2
POLL_MILLISECONDS = 4
FUSED = ("avx512", "avx2")  # the widest first; both round alike: fused multiply-add in every product


@dataclass(frozen=True)
class Trained:
    """What one call of the kernel leaves.

    weights [run, weight], and the state to go on from; loss and rate [run, recorded step], final_loss [run],
    snapshots [run, snapshot, weight]; outcome [run]: FINISHED, NOT_RUN, or the step at which the run diverged
    """

    weights: Flat
    state: State
    loss: Flat
    rate: Flat
    final_loss: Flat
    snapshots: Flat | None
    outcome: NDArray[np.int64]
    interrupted: bool


def instruction_sets() -> list[str]:
    """Return the names of the instruction sets that this processor can run, the widest first.

    >>> instruction_sets()[-1]
    'generic'
    """
    return list(_native.instruction_sets())


def chosen_instruction_set() -> str:
    """Return the instruction set in use; raises `ConfigError` when HEADLAB_INSTRUCTION_SET names one that is not there."""
    known = instruction_sets()
    asked = os.environ.get("HEADLAB_INSTRUCTION_SET", known[0])
    if asked not in known:
        raise ConfigError(f"HEADLAB_INSTRUCTION_SET must be one of {', '.join(known)}, got {asked!r}")
    return asked


def fitting_instruction_set(n_runs: int, float64: bool) -> str:
    """Return the instruction set in use, or for a few runs a narrower one of the same rounding: it takes less time a step."""
    chosen = chosen_instruction_set()
    alike = [name for name in FUSED if name in instruction_sets() and n_runs <= _native.lanes(name, float64)]
    return alike[-1] if alike and chosen in FUSED and "HEADLAB_INSTRUCTION_SET" not in os.environ else chosen


def default_threads() -> int:
    """Return the number of processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def train_flat(
    problem: Problem,
    weights: Flat,
    *,
    state: State | None = None,
    first_phase: int = 0,
    record_steps: Sequence[int] = (),
    snapshot_steps: Sequence[int] | None = None,
    threads: int | None = None,
    poll: Callable[[int], None] | None = None,
    instruction_set: str | None = None,
) -> Trained:
    """Train every row of `weights` [run, weight] and return the results; the arguments are left untouched.

    state: what an earlier call left, with these weights. Trained on from there is the same to the bit as trained in one
        call, where both train the heads in one width; without it, everything but the weights starts afresh.
    first_phase: the phase of the training to begin with; steps to record, and outcomes, count from there
    poll: called some 200 times a second with the number of (run, step) pairs done so far
    instruction_set: the one that is quickest for so many runs when left out
    A KeyboardInterrupt stops the kernel at its next step; the result then has runs NOT_RUN and `interrupted` set.
    Raises `ConfigError` where weights or state do not fit the problem.
    """
    start = _start(problem, np.asarray(weights), state, first_phase)
    plan = make_plan(
        problem,
        d_head=None if start.basis is None else 2 * problem.shape.d_model,
        first_phase=first_phase,
        record_steps=record_steps,
        snapshot_steps=snapshot_steps or (),
        optimizer_step=start.optimizer_step,
    )
    work = _as_trained(problem, weights, start)
    name = instruction_set or fitting_instruction_set(len(work), work.dtype == np.float64)
    results = _call_kernel(name, plan, work, start, snapshot_steps is not None, threads, poll)
    results = replace(results, state=_after(problem, results, first_phase))
    if start.basis is None:
        return results
    still = np.asarray(results.outcome == 0) | (plan.steps == 0)
    return _widened(problem, results, weights, still, snapshot_steps or ())


def _start(problem: Problem, weights: Flat, state: State | None, first_phase: int) -> State:
    """Return the state to start from, in the width to train in."""
    shape, settings = problem.shape, settings_at(problem.training, first_phase)
    n_runs, size = len(weights), shape.n_weights
    if weights.shape[1] != size:
        raise ConfigError(f"the flat weights of a run must be {size} numbers, got {weights.shape[1]}")
    fresh = State.at_start(settings.state_kind, n_runs, size, settings.learning_rate, weights.dtype)
    start = fresh if state is None else state.astype(weights.dtype).of_kind(settings.state_kind)
    if len(start) != n_runs:
        raise ConfigError(f"a state must belong to its weights, of {n_runs} runs, got one of {len(start)}")
    turns = narrow_width(shape, problem.training) is not None
    if turns and start.basis is not None:
        return start
    start = start.wide(shape)
    steps = sum(phase.steps for phase in problem.training.phases[first_phase:])
    remembers = start.slots.size and start.optimizer_step
    if not turns or steps == 0 or remembers:  # what was remembered in the full width goes on in it
        return start
    rotation, flat = FlatHeads.of(shape).narrow(weights)
    narrow = FlatHeads.of(shape).split(flat, 2 * shape.d_model)[1].copy()
    return replace(start, slots=np.zeros((n_runs, 0, flat.shape[1]), flat.dtype), narrow=narrow, basis=rotation.basis)


def _as_trained(problem: Problem, weights: Flat, start: State) -> Flat:
    """Return weights of their own memory, in the width to train in."""
    if start.narrow is None:
        return np.array(weights, order="C")
    return FlatHeads.of(problem.shape).with_heads(weights, start.narrow)


def _after(problem: Problem, results: Trained, first_phase: int) -> State:
    """Return the state that the kernel left with what it does not know of: kind, steps, and heads as they were trained."""
    state, shape = results.state, problem.shape
    kind, seen = state.kind, state.optimizer_step
    for number in range(first_phase, len(problem.training.phases)):
        before, kind = kind, problem.training.settings(number).state_kind
        seen = (seen if kind == before else 0) + problem.training.phases[number].steps
    heads = None if state.basis is None else FlatHeads.of(shape).split(results.weights, 2 * shape.d_model)[1].copy()
    return replace(state, kind=kind, optimizer_step=seen, narrow=heads)


def _widened(
    problem: Problem, results: Trained, given: Flat, still: NDArray[np.bool_], snapshot_steps: Sequence[int]
) -> Trained:
    """Return what was trained narrow in the model's width; what took no step is as it was given, not turned there and back."""
    heads, rotation = FlatHeads.of(problem.shape), Rotation(cast(Flat, results.state.basis))
    weights = heads.widen(results.weights, rotation)
    weights[still] = given[still]
    snapshots = None if results.snapshots is None else heads.widen(results.snapshots, rotation)
    if snapshots is not None and snapshot_steps and snapshot_steps[0] == 0:
        snapshots[:, 0] = given
    return replace(results, weights=weights, snapshots=snapshots)


def _call_kernel(
    name: str,
    plan: _native.Plan,
    work: Flat,
    start: State,
    keep_snapshots: bool,
    threads: int | None,
    poll: Callable[[int], None] | None,
) -> Trained:
    n_runs, dtype = len(work), work.dtype
    rate, best, wait, cooldown = start.rate.copy(), start.best.copy(), start.wait.copy(), start.cooldown.copy()
    slots = np.zeros((n_runs, plan.phases[-1].state_slots, plan.size), dtype)
    after = replace(start, slots=slots, rate=rate, best=best, wait=wait, cooldown=cooldown)
    losses, rates = (np.full((n_runs, len(plan.record_steps)), np.nan, dtype) for _ in range(2))
    final_loss, outcome = np.full(n_runs, np.nan, dtype), np.full(n_runs, NOT_RUN, np.int64)
    snapshots = np.full((n_runs, len(plan.snapshot_steps), plan.size), np.nan, dtype) if keep_snapshots else None
    arrays = _native.Arrays()
    arrays.weights, arrays.outcome = work, outcome
    arrays.slots = np.ascontiguousarray(start.slots) if start.slots.size else None
    arrays.last_slots = slots if slots.size else None
    arrays.rate, arrays.best, arrays.wait, arrays.cooldown = rate, best, wait, cooldown
    arrays.losses, arrays.rates, arrays.final_loss, arrays.snapshots = losses, rates, final_loss, snapshots
    interrupted = False
    lanes = _native.lanes(name, dtype == np.float64)
    threads = max(1, min(threads or default_threads(), default_threads(), -(-n_runs // lanes)))
    try:
        if n_runs:
            _wait(_native.begin(name, plan, arrays, threads), poll)
    except KeyboardInterrupt:
        interrupted = True
    return Trained(work, after, losses, rates, final_loss, snapshots, outcome, interrupted)


def _wait(training: _native.Training, poll: Callable[[int], None] | None) -> None:
    # Every few milliseconds Python sees Ctrl-C and whoever asked hears of the progress.
    try:
        while not _native.wait(training, POLL_MILLISECONDS):
            if poll is not None:
                poll(training.run_steps_done)
    except BaseException:
        training.cancel()
        while not _native.wait(training, POLL_MILLISECONDS):
            continue
        raise


def loss_and_gradient(problem: Problem, weights: Flat) -> tuple[Flat, Flat]:
    """Return the loss [run] of flat weights [run, weight] and its gradient [run, weight], in the first phase."""
    plan = make_plan(problem)
    work = np.array(weights, order="C")
    arrays = _native.Arrays()
    arrays.weights, arrays.final_loss, arrays.gradient = work, np.empty(len(work), work.dtype), np.empty_like(work)
    _native.gradient(chosen_instruction_set(), plan, arrays)
    return arrays.final_loss, arrays.gradient
