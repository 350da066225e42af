"""The native trainer behind one thin face: flat weights in, trained flat weights and curves out.

A run is one lane of a vector register; the kernel (kernel/, C++ with no Python in it) is compiled for several
instruction sets, and the widest that the processor has is used. Set HEADLAB_INSTRUCTION_SET to choose another.
A run's result depends on the instruction set's rounding alone: not on its neighbours, their order, or the threads.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

import headlab.engine._native as _native
from headlab.config import Shape
from headlab.engine.plan import make_plan
from headlab.engine.problem import Problem
from headlab.engine.rotation import Rotation, narrow_width
from headlab.errors import ConfigError

__all__ = ["Problem", "Trained", "instruction_sets", "loss_and_gradient", "train_flat"]

Flat = NDArray[np.floating[Any]]

FINISHED = -1
NOT_RUN = -2
POLL_MILLISECONDS = 4
FUSED = ("avx512", "avx2")  # the widest first; both round alike: fused multiply-add in every product


@dataclass(frozen=True)
class Trained:
    """What one call of the kernel leaves.

    weights [run, weight], state [run, slot · weight], loss and rate [run, recorded step], final_loss [run],
    snapshots [run, snapshot, weight]; outcome [run]: FINISHED, NOT_RUN, or the step at which the run diverged
    """

    weights: Flat
    state: Flat | None
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
    state: Flat | None = None,
    optimizer_step: int = 0,
    record_steps: Sequence[int] = (),
    snapshot_steps: Sequence[int] | None = None,
    threads: int | None = None,
    poll: Callable[[int], None] | None = None,
    instruction_set: str | None = None,
) -> Trained:
    """Train every row of `weights` [run, weight] and return the results; the arguments are left untouched.

    poll: called some 200 times a second with the number of (run, step) pairs done so far
    instruction_set: the one that is quickest for so many runs when left out
    A KeyboardInterrupt stops the kernel at its next step; the result then has runs NOT_RUN and `interrupted` set.
    """
    turned = state is None and problem.training.steps > 0  # a run of no steps keeps its weights to the bit
    narrow = narrow_width(problem.shape, problem.training) if turned else None
    plan = make_plan(
        problem,
        d_head=narrow,
        record_steps=record_steps,
        snapshot_steps=snapshot_steps or (),
        optimizer_step=optimizer_step,
    )
    layout = _Layout.of(problem.shape)
    rotation, work = layout.narrow(weights) if narrow is not None else (None, np.array(weights, order="C"))
    if work.shape[1] != plan.size:
        raise ConfigError(f"the flat weights of a run must be {plan.size} numbers, got {work.shape[1]}")
    name = instruction_set or fitting_instruction_set(len(work), work.dtype == np.float64)
    results = _call_kernel(name, plan, work, state, snapshot_steps is not None, threads, poll)
    if rotation is None:
        return results
    wide = layout.widen(results, rotation)
    wide.weights[wide.outcome == 0] = weights[wide.outcome == 0]  # what could not take one step is as it was given
    if wide.snapshots is not None and snapshot_steps and snapshot_steps[0] == 0:
        wide.snapshots[:, 0] = weights  # as they were given, not turned there and back
    return wide


def _call_kernel(
    name: str,
    plan: _native.Plan,
    work: Flat,
    state: Flat | None,
    keep_snapshots: bool,
    threads: int | None,
    poll: Callable[[int], None] | None,
) -> Trained:
    n_runs, dtype = len(work), work.dtype
    first, last = plan.phases[0], plan.phases[-1]
    arrays = _native.Arrays()
    arrays.weights = work
    if state is not None and first.state_slots:
        arrays.slots = np.array(state, dtype, order="C")
    arrays.last_slots = after = np.zeros((n_runs, last.state_slots * plan.size), dtype) if last.state_slots else None
    arrays.rate, arrays.best = np.full(n_runs, first.learning_rate, dtype), np.full(n_runs, np.inf, dtype)
    arrays.wait, arrays.cooldown = (np.zeros(n_runs, np.int64) for _ in range(2))
    loss, rate = (np.full((n_runs, len(plan.record_steps)), np.nan, dtype) for _ in range(2))
    arrays.losses, arrays.rates = loss, rate
    arrays.final_loss = final_loss = np.full(n_runs, np.nan, dtype)
    snapshots = np.full((n_runs, len(plan.snapshot_steps), plan.size), np.nan, dtype) if keep_snapshots else None
    arrays.snapshots = snapshots
    arrays.outcome = outcome = np.full(n_runs, NOT_RUN, np.int64)
    interrupted = False
    lanes = _native.lanes(name, dtype == np.float64)
    threads = max(1, min(threads or default_threads(), default_threads(), -(-n_runs // lanes)))
    try:
        if n_runs:
            _wait(_native.begin(name, plan, arrays, threads), poll)
    except KeyboardInterrupt:
        interrupted = True
    return Trained(work, after, loss, rate, final_loss, snapshots, outcome, interrupted)


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


@dataclass(frozen=True)
class _Layout:
    """Where (W_Q, W_K) stand in the flat weights of one run, wide and narrow."""

    start: int
    blocks: int
    d_model: int
    d_head: int

    @classmethod
    def of(cls, shape: Shape) -> "_Layout":
        return cls(shape.place("W_Q").start, shape.n_layers * shape.n_heads, shape.d_model, shape.d_head)

    def _split(self, flat: Flat, width: int) -> tuple[Flat, Flat, Flat]:
        size = 2 * self.blocks * self.d_model * width
        middle = flat[..., self.start : self.start + size]
        stacked = middle.reshape(*flat.shape[:-1], 2, self.blocks, self.d_model, width)
        return flat[..., : self.start], stacked, flat[..., self.start + size :]

    def narrow(self, flat: Flat) -> tuple[Rotation, Flat]:
        before, wide, after = self._split(flat, self.d_head)
        rotation, stacked = Rotation.narrowing(wide[:, 0], wide[:, 1])
        q, k = stacked[:, :, : self.d_model], stacked[:, :, self.d_model :]
        return rotation, _join(before, np.stack([q, k], axis=1).astype(flat.dtype), after)

    def widen(self, results: Trained, rotation: Rotation) -> Trained:
        weights = self._widen(results.weights, rotation)
        snapshots = None if results.snapshots is None else self._widen(results.snapshots, rotation)
        state = None if results.state is None else self._widen(results.state, rotation)
        return Trained(
            weights,
            state,
            results.loss,
            results.rate,
            results.final_loss,
            snapshots,
            results.outcome,
            results.interrupted,
        )

    def _widen(self, flat: Flat, rotation: Rotation) -> Flat:
        before, narrow, after = self._split(flat, 2 * self.d_model)
        return _join(before, rotation.widen(narrow), after)


def _join(before: Flat, stacked: Flat, after: Flat) -> Flat:
    middle = stacked.reshape(*before.shape[:-1], -1)
    return np.ascontiguousarray(np.concatenate([before, middle, after], axis=-1))
