"""The native trainer: flat weights in, trained flat weights and curves out. The only file with Python and kernel."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import cast

import numpy as np
from numpy.typing import NDArray

import headlab.engine._native as _native
from headlab.config import Phase, TrainConfig
from headlab.config.training import CHANGEABLE
from headlab.engine.job import Job
from headlab.engine.rotation import FlatHeads, Rotation, narrow_width
from headlab.engine.state import Flat, State
from headlab.errors import ConfigError

Plan = _native.Plan

FINISHED = -1
NOT_RUN = -2
POLL_MILLISECONDS = 4
SAME = 1e-3  # of the largest weight: how far heads may be from those that a state turns back to
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
    alike = [name for name in FUSED if name in instruction_sets() and n_runs <= lanes_of(name, float64)]
    return alike[-1] if alike and chosen in FUSED and "HEADLAB_INSTRUCTION_SET" not in os.environ else chosen


def lanes_of(name: str, float64: bool) -> int:
    """Return how many runs an instruction set trains at once, a group of them.

    >>> lanes_of("generic", True)
    2
    """
    return _native.lanes(name, float64)


def default_threads() -> int:
    """Return the number of processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def make_plan(
    job: Job,
    *,
    d_head: int | None = None,
    first_phase: int = 0,
    record_steps: Sequence[int] = (),
    snapshot_steps: Sequence[int] = (),
    optimizer_step: int = 0,
) -> Plan:
    """Return the kernel's plan of a job.

    d_head: the width that is really trained, when it is narrower than the model's (see `rotation`); the scale stays.
    first_phase: the number of the phase that it begins with; steps are counted from there
    """
    plan, model = Plan(), job.model
    shape = job.shape if d_head is None else job.shape.narrow(d_head)
    for name in ("d_vocab", "n_ctx", "d_model", "d_head", "n_heads", "n_layers", "scale"):
        setattr(plan, name, getattr(shape, name))
    plan.n_sequences = len(job.tokens)
    plan.positions, plan.residual, plan.causal = model.positions, model.residual, model.causal
    plan.factored_values, plan.unembed = model.factored_values, model.unembed
    _set_rows(plan, job)
    plan.phases = _phases(job.training, first_phase)
    plan.record_steps, plan.snapshot_steps = list(record_steps), list(snapshot_steps)
    plan.optimizer_step = optimizer_step
    return plan


def _set_rows(plan: Plan, job: Job) -> None:
    real, places = job.tokens >= 0, job.loss_places()
    position = np.nonzero(real)[1]
    inputs, input_of_row = np.unique(np.stack([position, job.tokens[real]]), axis=1, return_inverse=True)
    plan.sequence_start = [0, *np.cumsum(real.sum(axis=1)).tolist()]
    plan.input_of_row = input_of_row.ravel().tolist()
    plan.input_position, plan.input_token = inputs[0].tolist(), inputs[1].tolist()
    plan.target = np.where(places.counts, job.targets, -1)[real].tolist()
    plan.n_targets = int(places.counts[real].sum())
    if places.shares is not None:
        share = np.zeros(real.shape)
        share[places.counts] = places.shares
        plan.share = share[real].tolist()


def _phases(training: TrainConfig, first: int) -> list[_native.Phase]:
    there = [
        _phase(settings_at(training, number), training.phases[number]) for number in range(first, len(training.phases))
    ]
    return there or [_no_steps(training)]


def _no_steps(training: TrainConfig) -> _native.Phase:
    """Return a phase in which nothing happens, for the loss of the weights as they are."""
    native = _phase(settings_at(training, len(training.phases)), Phase(0))
    native.plateau_goes_on = True
    return native


@lru_cache(256)  # they are checked whenever they are made
def settings_at(training: TrainConfig, number: int) -> TrainConfig:
    """Return the settings in force in a phase; after the last one its own, and the training's own where there is none.

    >>> settings_at(TrainConfig(phases=()), 0).optimizer
    'sgd'
    """
    return training.settings(min(number, len(training.phases) - 1)) if training.phases else training


def _phase(settings: TrainConfig, given: Phase) -> _native.Phase:
    native = _native.Phase()
    native.steps, native.frozen = given.steps, [getattr(_native.Weight, name) for name in given.freeze]
    native.optimizer = getattr(_native.Optimizer, settings.optimizer)
    native.loss = getattr(_native.Loss, settings.loss)
    for name in CHANGEABLE:
        if name not in ("optimizer", "loss"):
            setattr(native, name, getattr(settings, name))
    native.sets_rate = "learning_rate" in given.changes
    native.plateau_goes_on = given.plateau_goes_on
    if given.plateau is not None:
        native.plateau = True
        for name in ("factor", "min_rate", "min_delta", "patience", "cooldown"):
            setattr(native, name, getattr(given.plateau, name))
    return native


def train_flat(
    job: Job,
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
    Raises `ConfigError` where weights or state do not fit the job.
    """
    start = _start(job, np.asarray(weights), state, first_phase)
    plan = make_plan(
        job,
        d_head=None if start.basis is None else 2 * job.shape.d_model,
        first_phase=first_phase,
        record_steps=record_steps,
        snapshot_steps=snapshot_steps or (),
        optimizer_step=start.optimizer_step,
    )
    if state is not None:
        _check_state_belongs(job, weights, start)
    work = _as_trained(job, weights, start)
    name = instruction_set or fitting_instruction_set(len(work), work.dtype == np.float64)
    results = _call_kernel(name, plan, work, start, snapshot_steps is not None, threads, poll)
    results = replace(results, state=_after(job, results, first_phase))
    if start.basis is None:
        return results
    still = np.asarray(results.outcome == 0) | (plan.steps == 0)
    return _widened(job, results, weights, still, snapshot_steps or ())


def _start(job: Job, weights: Flat, state: State | None, first_phase: int) -> State:
    """Return the state to start from, in the width to train in."""
    shape, settings = job.shape, settings_at(job.training, first_phase)
    n_runs, size = len(weights), shape.n_weights
    if weights.shape[1] != size:
        raise ConfigError(f"the flat weights of a run must be {size} numbers, got {weights.shape[1]}")
    fresh = State.at_start(settings.state_kind, n_runs, size, settings.learning_rate, weights.dtype)
    start = fresh if state is None else state.astype(weights.dtype).of_kind(settings.state_kind)
    if len(start) != n_runs:
        raise ConfigError(f"a state must belong to its weights, of {n_runs} runs, got one of {len(start)}")
    turns = narrow_width(shape, job.training) is not None
    if turns and start.basis is not None:
        return start
    start = start.wide(shape)
    steps = sum(phase.steps for phase in job.training.phases[first_phase:])
    remembers = start.slots.size and start.optimizer_step
    if not turns or steps == 0 or remembers:  # what was remembered in the full width goes on in it
        return start
    rotation, flat = FlatHeads.of(shape).narrow(weights)
    narrow = FlatHeads.of(shape).split(flat, 2 * shape.d_model)[1].copy()
    return replace(start, slots=np.zeros((n_runs, 0, flat.shape[1]), flat.dtype), narrow=narrow, basis=rotation.basis)


def _check_state_belongs(job: Job, weights: Flat, start: State) -> None:
    """Raise `ConfigError` where wide heads, turned back, are not those of the weights. A run that diverged has no others."""
    if start.narrow is None or start.basis is None:
        return
    given = FlatHeads.of(job.shape).split(weights, job.shape.d_head)[1]
    known = Rotation(start.basis).widen(start.narrow)
    axes = tuple(range(1, given.ndim))
    with np.errstate(invalid="ignore", over="ignore"):
        other = (np.abs(given - known) > SAME * np.abs(given).max(axis=axes, keepdims=True)).any(axis=axes)
    other &= np.isfinite(given).all(axis=axes) & np.isfinite(known).all(axis=axes)
    if other.any():
        run = int(np.argmax(other))
        raise ConfigError(
            f"a state must belong to its weights, got another W_Q or W_K in run {run}: leave the state out"
        )


def _as_trained(job: Job, weights: Flat, start: State) -> Flat:
    """Return weights of their own memory, in the width to train in."""
    if start.narrow is None:
        return np.array(weights, order="C")
    return FlatHeads.of(job.shape).with_heads(weights, start.narrow)


def _after(job: Job, results: Trained, first_phase: int) -> State:
    """Return the state that the kernel left with what it does not know of: kind, steps, and heads as they were trained."""
    state, shape = results.state, job.shape
    kind, seen = state.kind, state.optimizer_step
    for number in range(first_phase, len(job.training.phases)):
        before, kind = kind, settings_at(job.training, number).state_kind
        seen = (seen if kind == before else 0) + job.training.phases[number].steps
    heads = None if state.basis is None else FlatHeads.of(shape).split(results.weights, 2 * shape.d_model)[1].copy()
    return replace(state, kind=kind, optimizer_step=seen, narrow=heads)


def _widened(
    job: Job, results: Trained, given: Flat, still: NDArray[np.bool_], snapshot_steps: Sequence[int]
) -> Trained:
    """Return what was trained narrow in the model's width; what took no step is as it was given, not turned there and back."""
    heads, rotation = FlatHeads.of(job.shape), Rotation(cast(Flat, results.state.basis))
    weights = heads.widen(results.weights, rotation)
    weights[still] = given[still]
    snapshots = None if results.snapshots is None else heads.widen(results.snapshots, rotation)
    if snapshots is not None and snapshot_steps and snapshot_steps[0] == 0:
        snapshots[:, 0] = given
    return replace(results, weights=weights, snapshots=snapshots)


def _call_kernel(
    name: str,
    plan: Plan,
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
    groups = -(-n_runs // lanes_of(name, dtype == np.float64))
    threads = max(1, min(threads or default_threads(), default_threads(), groups))
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


def loss_and_gradient(job: Job, weights: Flat) -> tuple[Flat, Flat]:
    """Return the loss [run] of flat weights [run, weight] and its gradient [run, weight], in the first phase."""
    plan = make_plan(job)
    work = np.array(weights, order="C")
    loss, gradient = np.empty(len(work), work.dtype), np.empty_like(work)
    arrays = _native.Arrays()
    arrays.weights, arrays.final_loss, arrays.gradient = work, loss, gradient
    _native.gradient(chosen_instruction_set(), plan, arrays)
    return loss, gradient
