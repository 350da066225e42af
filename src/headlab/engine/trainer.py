"""The trainer: flat weights in, trained flat weights and curves out.

Arrays are in the order of the vocabulary; the kernel trains in its own (`Batch.order`), and gathers at its door.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from headlab.config import Phase, Shape, TrainConfig
from headlab.config.settings import CHANGEABLE, LATER
from headlab.engine.backend import kernel
from headlab.engine.interface import Draw, Kernel, Problem, Recipe, Training
from headlab.engine.job import Job
from headlab.engine.problem import chosen_instruction_set, kernel_problem, kernel_shape, named_instruction_set
from headlab.engine.snapshots import Snapshots
from headlab.engine.state import Flat, State
from headlab.errors import ConfigError
from headlab.model.params import NAMES

FINISHED = -1
NOT_RUN = -2
POLL_MILLISECONDS = 4
MANY = 200_000  # weights: fewer are drawn before another thread has begun
LOSSES = ("softmax", "normalized_sigmoid")  # as headlab.h numbers them
RULES = ("usual", "uniform", "normal", "constant", "sinusoidal")
OPTIMIZERS = ("sgd", "rmsprop", "adam", "adamw")


@dataclass(frozen=True)
class Trained:
    """What one call of the kernel leaves.

    weights [run, weight], and the state to go on from; loss and rate [run, recorded step], final_loss [run],
    kept: the weights at snapshot_steps; outcome [run]: FINISHED, NOT_RUN, or the step at which the run diverged
    """

    weights: Flat
    state: State
    loss: Flat
    rate: Flat
    final_loss: Flat
    kept: Snapshots | None
    outcome: NDArray[np.int64]
    interrupted: bool

    @property
    def snapshots(self) -> Flat | None:
        """[run, snapshot, weight]: the weights before snapshot_steps."""
        return None if self.kept is None else self.kept.flat


def problem_of(
    job: Job, dtype: DTypeLike, n_runs: int, threads: int | None = 1, name: str | None = None, at_once: int = 0
) -> Problem:
    """Return what the kernel is asked about: a job in a dtype, on so many threads (all when None).

    name: of the instruction set, the kernel's choice when left out
    """
    name = name or named_instruction_set()
    asked, float64 = (job.shape, job.tokens, job.targets, job.weights), np.dtype(dtype) == np.float64
    return kernel_problem(*asked, float64=float64, n_runs=n_runs, threads=threads, name=name, at_once=at_once)


def recipe_of(
    training: TrainConfig,
    first_phase: int = 0,
    recorded: Sequence[int] = (),
    snapshots: Sequence[int] = (),
    optimizer_step: int = 0,
    afresh: bool = True,
    frozen: Sequence[str] = (),
) -> Recipe:
    """Return a training from a phase on, as the kernel has it; steps are counted from there.

    afresh: the first phase sets its learning rate; otherwise each run's rate goes on
    frozen: weights that move in no phase (`ModelConfig.frozen`)
    """
    numbers = range(first_phase, len(training.phases))
    phases = [_phase(settings_at(training, at), training.phases[at], frozen) for at in numbers]
    phases = phases or [_no_steps(training)]
    phases[0].sets_rate |= afresh
    return kernel().Recipe(phases, list(recorded), list(snapshots), optimizer_step)


def trained_width(job: Job) -> int | None:
    """Return the narrower width that a job's heads are trained with, or None: of wide heads under SGD, 2 d_model.

    >>> import headlab as hl
    >>> def width(**training):
    ...     return trained_width(Job.of(hl.Corpus.notebook(), hl.ModelConfig(d_head=160), hl.TrainConfig(**training)))
    >>> width(), width(optimizer="adam"), width(phases=(hl.Phase(5), hl.Phase(5, freeze=("W_K",))))
    (14, None, None)
    """
    return _narrow(job.shape, job.training) or None


@lru_cache(256)  # an estimate asks for every layer
def _narrow(shape: Shape, training: TrainConfig) -> int:
    return kernel().narrow(kernel_shape(shape), recipe_of(training, frozen=shape.model.frozen))


def _no_steps(training: TrainConfig) -> Any:
    """Return a phase in which nothing happens, for the loss of the weights as they are."""
    phase = _phase(settings_at(training, len(training.phases)), Phase(0))
    phase.plateau_goes_on = 1
    return phase


@lru_cache(256)  # they are checked whenever they are made
def settings_at(training: TrainConfig, number: int) -> TrainConfig:
    """Return the settings in force in a phase; after the last one its own, and the training's own where there is none.

    >>> settings_at(TrainConfig(phases=()), 0).optimizer
    'sgd'
    """
    return training.settings(min(number, len(training.phases) - 1)) if training.phases else training


def _phase(settings: TrainConfig, given: Phase, frozen: Sequence[str] = ()) -> Any:
    phase = kernel().Phase()
    phase.steps = given.steps
    phase.frozen = sum(1 << NAMES.index(name) for name in {*given.freeze, *frozen})
    phase.optimizer, phase.loss = OPTIMIZERS.index(settings.optimizer), LOSSES.index(settings.loss)
    for name in CHANGEABLE:
        if name not in ("optimizer", "loss", *LATER):
            setattr(phase, name, getattr(settings, name))
    phase.sets_rate = int("learning_rate" in given.changes)
    phase.plateau_goes_on = int(given.plateau_goes_on)
    if given.plateau is not None:
        phase.plateau = 1
        for name in ("factor", "min_rate", "min_delta", "patience", "cooldown"):
            setattr(phase, name, getattr(given.plateau, name))
    return phase


def initial_flat(
    job: Job, seeds: NDArray[np.uint64], instruction_set: str | None = None, threads: int | None = 0
) -> Flat:
    """Return the initial weights [run, weight] of every seed, in the training's dtype; `headlab.model.initial` says which.

    threads: as in `train_flat`, where there is enough for them to do; 0: the caller's own
    """
    weights = np.empty((len(seeds), job.shape.n_weights), job.training.dtype)
    if len(seeds):
        problem = problem_of(job, weights.dtype, len(seeds), threads if weights.size > MANY else 0, instruction_set)
        kernel().initial(
            problem, _draws(job.shape), float(job.model.init_scale), np.ascontiguousarray(seeds, np.uint64), weights
        )
    return weights


def _draws(shape: Shape) -> list[Draw]:
    return [(NAMES.index(name), RULES.index(rule), size) for name, (rule, size) in shape.draws.items()]


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
    stretch: int | None = None,
    at_once: int = 0,
) -> Trained:
    """Train every row of `weights` [run, weight] and return the results; the arguments are left untouched.

    state: what an earlier call left, with these weights. Trained on from there is the same to the bit as trained in one
        call, where both train the heads in one width; without it, everything but the weights starts afresh.
    first_phase: the phase of the training to begin with; steps to record, and outcomes, count from there
    poll: called some 200 times a second with the number of (run, step) pairs done so far
    instruction_set: the one that is quickest for so many runs when left out
    at_once: 1 to train one run after the other, 2 to train groups of them; the quicker when left out, to the same bits
    stretch: by how many steps all runs advance before any goes on, all when left out; nothing depends on it
    A KeyboardInterrupt stops the kernel at its next step; the result then has runs NOT_RUN and `interrupted` set.
    Raises `ConfigError` where weights or state do not fit the job.
    """
    start = _start(job, np.asarray(weights), state, first_phase)
    steps = record_steps, snapshot_steps or ()
    recipe = recipe_of(job.training, first_phase, *steps, start.optimizer_step, state is None, job.model.frozen)
    problem = problem_of(job, weights.dtype, len(weights), threads, instruction_set, at_once)
    n_runs, dtype = len(weights), weights.dtype
    slots = np.zeros((n_runs, recipe.slots, start.slots.shape[2]), dtype)
    slots[:, : start.slots.shape[1]] = start.slots
    losses, rates = (np.full((n_runs, len(record_steps)), np.nan, dtype) for _ in range(2))
    by = kernel()
    of_runs = by.Runs()
    work, of_runs.slots = np.array(weights, order="C"), slots if slots.size else None
    after = start if state is None else start.copied()
    final_loss, outcome = np.full(n_runs, np.nan, dtype), np.full(n_runs, NOT_RUN, np.int64)
    moments = np.full((n_runs, len(snapshot_steps or ()), slots.shape[2]), np.nan, dtype)
    of_runs.weights, of_runs.outcome, of_runs.turned = work, outcome, state is not None and state.basis is not None
    for name in ("rate", "best", "wait", "cooldown", "narrow", "basis"):
        setattr(of_runs, name, getattr(after, name))
    of_runs.losses, of_runs.rates, of_runs.final_loss, of_runs.snapshots = losses, rates, final_loss, moments
    interrupted = False
    try:
        if n_runs:
            _advance(by, by.Training(problem, recipe, of_runs), stretch, poll)
    except KeyboardInterrupt:
        interrupted = True
    last = _after(job, replace(after, slots=slots), first_phase)
    kept = None
    if snapshot_steps is not None:
        kept = Snapshots.of_training(job.shape, moments, after.basis, weights, snapshot_steps, outcome)
    return Trained(work, last, losses, rates, final_loss, kept, outcome, interrupted)


def _start(job: Job, weights: Flat, state: State | None, first_phase: int) -> State:
    """Return a state of its own arrays to start from, in the width to train in."""
    shape, settings = job.shape, settings_at(job.training, first_phase)
    n_runs, size = len(weights), shape.n_weights
    if weights.shape[1] != size:
        raise ConfigError(f"the flat weights of a run must be {size} numbers, got {weights.shape[1]}")
    fresh = State.at_start(settings.state_kind, n_runs, size, settings.learning_rate, weights.dtype)
    start = fresh if state is None else state.astype(weights.dtype).of_kind(settings.state_kind)
    if len(start) != n_runs:
        raise ConfigError(f"a state must belong to its weights, of {n_runs} runs, got one of {len(start)}")
    width = trained_width(job)
    if width is not None and start.basis is not None:
        start.check_heads(shape, weights)
        return start
    start = in_full_width(job, start)
    steps = sum(phase.steps for phase in job.training.phases[first_phase:])
    remembers = start.slots.size and start.optimizer_step
    if width is None or steps == 0 or remembers:  # what was remembered in the full width goes on in it
        return start
    return start.to_be_turned(shape, width)


def in_full_width(job: Job, state: State) -> State:
    """Return a state of the weights in the model's own width, which go on without what they were trained as."""
    if state.basis is None:
        return state
    n_runs, n_slots = state.slots.shape[:2]
    slots = np.empty((n_runs, n_slots, job.shape.n_weights), state.slots.dtype)
    problem = problem_of(job, slots.dtype, n_runs)
    for slot in range(n_slots if n_runs else 0):
        wide = np.empty((n_runs, job.shape.n_weights), slots.dtype)
        kernel().widen(problem, np.ascontiguousarray(state.basis), np.ascontiguousarray(state.slots[:, slot]), wide)
        slots[:, slot] = wide
    return replace(state, slots=slots, narrow=None, basis=None)


def _after(job: Job, state: State, first_phase: int) -> State:
    """Return the state that the kernel left, with what it does not know of: kind and steps, and as many slots as those have."""
    kind, seen = state.kind, state.optimizer_step
    for number in range(first_phase, len(job.training.phases)):
        before, kind = kind, settings_at(job.training, number).state_kind
        seen = (seen if kind == before else 0) + job.training.phases[number].steps
    last = recipe_of(job.training, max(first_phase, len(job.training.phases) - 1)).slots
    return replace(state, kind=kind, optimizer_step=seen, slots=state.slots[:, :last])


def _advance(by: Kernel, training: Training, stretch: int | None, poll: Callable[[int], None] | None) -> None:
    # Every few milliseconds Python sees Ctrl-C and whoever asked hears of the progress.
    try:
        while not training.read().ended:
            training.advance(2**62 if stretch is None else stretch)
            while not by.wait(training, POLL_MILLISECONDS):
                if poll is not None:
                    poll(training.read().run_steps)
    except BaseException:
        training.cancel()
        while not by.wait(training, POLL_MILLISECONDS):
            continue
        raise


def loss_and_gradient(job: Job, weights: Flat) -> tuple[Flat, Flat]:
    """Return the loss [run] of flat weights [run, weight] and its gradient [run, weight], in the first phase."""
    work = np.ascontiguousarray(weights)
    loss, gradient = np.empty(len(work), work.dtype), np.empty_like(work)
    kind = LOSSES.index(settings_at(job.training, 0).loss)
    kernel().gradient(
        problem_of(job, work.dtype, len(work), None, chosen_instruction_set()), kind, work, loss, gradient
    )
    return loss, gradient
