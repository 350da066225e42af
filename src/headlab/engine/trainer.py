"""The trainer: flat weights in, trained flat weights and curves out.

Arrays are in the order of the vocabulary; the kernel trains in its own (`Batch.order`), and gathers at its door.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from headlab.arrays import Array, UInt64
from headlab.config import Shape
from headlab.engine.backend import kernel
from headlab.engine.feeding import Piece, pieces
from headlab.engine.held_out import HeldOut
from headlab.engine.interface import Draw, Kernel, Problem, Training
from headlab.engine.job import Job
from headlab.engine.problem import chosen_instruction_set, kernel_problem, named_instruction_set
from headlab.engine.recipe import LOSSES, evaluated_steps, recipe_of, settings_at, trained_width
from headlab.engine.snapshots import Snapshots
from headlab.engine.state import Flat, State
from headlab.errors import ConfigError
from headlab.model.params import NAMES

FINISHED = -1
NOT_RUN = -2
STOPPED = -3
POLL_MILLISECONDS = 4
MANY = 200_000  # weights: fewer are drawn before another thread has begun
SEEDS = 2**64
RULES = ("usual", "uniform", "normal", "constant", "sinusoidal")  # as headlab.h numbers them


@dataclass(frozen=True)
class Trained:
    """What one call of the kernel leaves.

    weights [run, weight], and the state to go on from; loss and rate [run, recorded step], final_loss [run],
    kept: the weights at snapshot_steps; outcome [run]: FINISHED, NOT_RUN, STOPPED, or the step at which the run diverged
    held_out: evaluations, where there were any; stopped [run]: the step at which a run reached its goal, -1 where it has not
    """

    weights: Flat
    state: State
    loss: Flat
    rate: Flat
    final_loss: Flat
    kept: Snapshots | None
    outcome: NDArray[np.int64]
    interrupted: bool
    held_out: HeldOut | None
    stopped: NDArray[np.int64]

    @property
    def snapshots(self) -> Flat | None:
        """[run, snapshot, weight]: the weights before snapshot_steps."""
        return None if self.kept is None else self.kept.flat

    def except_for(self, runs: NDArray[np.bool_], weights: Flat) -> "Trained":
        """Return it with the weights [run, weight] that some runs [run] had before: those had ended."""
        return replace(self, weights=np.where(runs[:, None], weights, self.weights)) if runs.any() else self


def problem_of(
    job: Job, dtype: DTypeLike, n_runs: int, threads: int | None = 1, name: str | None = None, at_once: int = 0
) -> Problem:
    """Return what the kernel is asked about: a job in a dtype, on so many threads (all when None).

    name: of the instruction set, the kernel's choice when left out
    """
    name = name or named_instruction_set()
    asked, float64 = (job.shape, job.tokens, job.targets, job.weights), np.dtype(dtype) == np.float64
    how: dict[str, Any] = {"float64": float64, "n_runs": n_runs, "threads": threads, "at_once": at_once}
    return kernel_problem(*asked, name=name, declared=job.stream is not None, **how)


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
    seeds: UInt64[Array, " run"] | None = None,
) -> Trained:
    """Train every row of `weights` [run, weight] and return the results; the arguments are left untouched.

    state: what an earlier call left, with these weights. Trained on from there is the same to the bit as trained in one
        call, where both train the heads in one width; without it, everything but the weights starts afresh.
    first_phase: the phase of the training to begin with; steps to record, and outcomes, count from there
    poll: called some 200 times a second with the number of (run, step) pairs done so far
    instruction_set: the one that is quickest for so many runs when left out
    at_once: 1 to train one run after the other, 2 to train groups of them; the quicker when left out, to the same bits
    stretch: by how many steps all runs advance before any goes on, all when left out; nothing depends on it
    seeds: of the runs, where each has data of its own; their numbers when left out
    A KeyboardInterrupt stops the kernel at its next step; the result then has runs NOT_RUN and `interrupted` set.
    Raises `ConfigError` where weights or state do not fit the job, `CorpusError` where examples cannot be drawn.
    """
    start = _start(job, np.asarray(weights), state, first_phase)
    kept_steps = record_steps, snapshot_steps or ()
    asked = (job.training, first_phase, *kept_steps, start.optimizer_step, state is None, job.model.frozen)
    recipe, n_runs = recipe_of(*asked), len(weights)
    arrays = _arrays(job, np.asarray(weights), start, recipe.slots, state is None, first_phase, len(record_steps))
    moments = np.full((n_runs, len(snapshot_steps or ()), start.slots.shape[2]), np.nan, weights.dtype)
    arrays["snapshots"] = moments
    by, done, interrupted = kernel(), 0, False
    try:
        for some, data_seed in _parts(job, n_runs, seeds):
            recipe = recipe_of(*asked, stream=job.stream, data_seed=data_seed)
            problem = problem_of(job, weights.dtype, some.stop - some.start, threads, instruction_set, at_once)
            runs = _runs(by, arrays, some, turned=state is not None and state.basis is not None)
            told = None if poll is None else _further(poll, done)
            _advance(by, by.Training(problem, recipe, runs), pieces(job, first_phase, data_seed), stretch, told)
            done += (some.stop - some.start) * recipe_steps(job, first_phase)
    except KeyboardInterrupt:
        interrupted = True
    left: dict[str, Any] = {name: array for name, array in arrays.items() if name in start.arrays()}
    last = _after(job, replace(start, **left), first_phase)
    kept = None
    if snapshot_steps is not None:
        kept = Snapshots.of_training(job.shape, moments, last.basis, weights, snapshot_steps, arrays["outcome"])
    evaluated = np.array(evaluated_steps(job.training, first_phase)[0], np.int64)
    held_out = HeldOut(evaluated, arrays["held_loss"], arrays["held_right"]) if len(evaluated) else None
    return Trained(
        weights=arrays["weights"],
        state=last,
        loss=arrays["losses"],
        rate=arrays["rates"],
        final_loss=arrays["final_loss"],
        kept=kept,
        outcome=arrays["outcome"],
        interrupted=interrupted,
        held_out=held_out,
        stopped=arrays["stopped"],
    )


def _arrays(
    job: Job, weights: Flat, start: State, n_slots: int, afresh: bool, first_phase: int, n_recorded: int
) -> dict[str, NDArray[Any]]:
    """Return the arrays of all runs that the kernel reads and writes, by their names in hl_runs."""
    n_runs, dtype = len(weights), weights.dtype
    slots = np.zeros((n_runs, n_slots, start.slots.shape[2]), dtype)
    slots[:, : start.slots.shape[1]] = start.slots
    names = ("rate", "best", "wait", "cooldown", "reached", "narrow", "basis")
    own = start if afresh else start.copied()
    n_evaluated = len(evaluated_steps(job.training, first_phase)[0])
    sizes = {"losses": n_recorded, "rates": n_recorded, "held_loss": n_evaluated, "held_right": n_evaluated}
    return {
        "weights": np.array(weights, order="C"),
        "slots": slots,
        **{name: array for name in names if (array := getattr(own, name)) is not None},
        **{name: np.full((n_runs, size), np.nan, dtype) for name, size in sizes.items()},
        "final_loss": np.full(n_runs, np.nan, dtype),
        "stopped": np.full(n_runs, -1, np.int64),
        "outcome": np.full(n_runs, NOT_RUN, np.int64),
    }


def _runs(by: Kernel, arrays: dict[str, NDArray[Any]], some: slice, turned: bool) -> Any:
    """Return some runs of all arrays as the kernel has them; what is of no use to a recipe is left out."""
    runs = by.Runs()
    for name, array in arrays.items():
        setattr(runs, name, array[some] if array.size or name in ("weights", "outcome") else None)
    runs.turned = turned
    return runs


def _parts(job: Job, n_runs: int, seeds: UInt64[Array, " run"] | None) -> Iterator[tuple[slice, int]]:
    """Yield the runs that see the same data, and its seed: all of them, or where each has its own one after the other."""
    if not job.training.data_per_run:
        yield from [(slice(0, n_runs), job.training.data_seed)] if n_runs else []
        return
    for run in range(n_runs):
        own = run if seeds is None else int(seeds[run])
        yield slice(run, run + 1), (job.training.data_seed + own) % SEEDS


def _further(poll: Callable[[int], None], before: int) -> Callable[[int], None]:
    return lambda done: poll(before + done)


def recipe_steps(job: Job, first_phase: int) -> int:
    """Return how many steps a job has from a phase on."""
    return sum(phase.steps for phase in job.training.phases[first_phase:])


def _start(job: Job, weights: Flat, state: State | None, first_phase: int) -> State:
    """Return a state of its own arrays to start from, in the width to train in."""
    shape, settings = job.shape, settings_at(job.training, first_phase)
    n_runs, size = len(weights), shape.n_weights
    if weights.shape[1] != size:
        raise ConfigError(f"the flat weights of a run must be {size} numbers, got {weights.shape[1]}")
    fresh = State.at_start(settings.state_kind, n_runs, size, settings.learning_rate, weights.dtype)
    start = fresh if state is None else state.astype(weights.dtype).of_kind(settings.state_kind)
    if job.training.phases[first_phase:] and job.training.phases[first_phase].reset:
        start = start.forgetful()
    if len(start) != n_runs:
        raise ConfigError(f"a state must belong to its weights, of {n_runs} runs, got one of {len(start)}")
    width = trained_width(job)
    if width is not None and start.basis is not None:
        start.check_heads(shape, weights)
        return start
    start = in_full_width(job, start)
    steps = recipe_steps(job, first_phase)
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
        goes_on = kind == before and not job.training.phases[number].reset
        seen = (seen if goes_on else 0) + job.training.phases[number].steps
    last = recipe_of(job.training, max(first_phase, len(job.training.phases) - 1)).slots
    return replace(state, kind=kind, optimizer_step=seen, slots=state.slots[:, :last])


def _advance(
    by: Kernel,
    training: Training,
    fed: Iterator[Piece],
    stretch: int | None,
    poll: Callable[[int], None] | None,
) -> None:
    # Every few milliseconds Python sees Ctrl-C and whoever asked hears of the progress. While steps are trained, what those after
    # them are fed with is drawn.
    piece = next(fed, None)
    try:
        while not training.read().ended:
            if piece is not None:
                training.feed(piece.steps, piece.tokens, piece.targets)
            training.advance(2**62 if stretch is None else stretch)
            piece = next(fed, None)
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
