"""A training as the kernel has it: phases with what is in force in each, what is kept when, what is evaluated when."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from headlab.config import Phase, Shape, TrainConfig
from headlab.config.phase import RATES
from headlab.config.settings import CHANGEABLE
from headlab.engine.backend import kernel
from headlab.engine.interface import Recipe
from headlab.engine.problem import kernel_shape
from headlab.model.params import NAMES

if TYPE_CHECKING:
    from headlab.data.stream import Stream
    from headlab.engine.job import Job

LOSSES = ("softmax", "normalized_sigmoid")  # as headlab.h numbers them
OPTIMIZERS = ("sgd", "rmsprop", "adam", "adamw")
EVALUATED_AT_ONCE = 2048  # positions, about
_APART = ("optimizer", "loss", "decayed", "clip", "batch_size")  # settings that the kernel has in its own way


def recipe_of(
    training: TrainConfig,
    first_phase: int = 0,
    recorded: Sequence[int] = (),
    snapshots: Sequence[int] = (),
    optimizer_step: int = 0,
    afresh: bool = True,
    frozen: Sequence[str] = (),
    stream: "Stream | None" = None,
    data_seed: int | None = None,
    most: int | None = None,
) -> Recipe:
    """Return a training from a phase on, as the kernel has it; steps are counted from there.

    afresh: the first phase sets its learning rate; otherwise each run's rate goes on
    frozen: weights that move in no phase (`ModelConfig.frozen`)
    stream: what steps are fed from; data_seed: of what is held out, which is left out without one
    most: examples of a batch, of larger ones so many: to ask how it goes, not to train
    """
    numbers = range(first_phase, len(training.phases))
    phases = [_phase(settings_at(training, at), training.phases[at], frozen, stream) for at in numbers]
    phases = phases or [_no_steps(training)]
    phases[0].sets_rate |= afresh
    for phase in phases if most is not None else ():
        phase.n_sequences = min(phase.n_sequences, most)
    held_out = None if stream is None or data_seed is None else _held_out(training, first_phase, stream, data_seed)
    return kernel().Recipe(phases, list(recorded), list(snapshots), optimizer_step, held_out)


def evaluated_steps(training: TrainConfig, first_phase: int = 0) -> tuple[list[int], bool]:
    """Return the steps from a phase on at which held-out examples are looked at, and whether the last is at the end alone.

    Of a training that goes on, the step that it begins at was looked at before.

    >>> evaluated_steps(TrainConfig.of(steps=25, evaluate_every=10))
    ([0, 10, 20, 25], True)
    """
    every, before = training.evaluate_every, sum(phase.steps for phase in training.phases[:first_phase])
    if every == 0:
        return [], False
    first = 0 if first_phase == 0 else every * (before // every + 1)
    steps = [step - before for step in range(first, training.steps + 1, every)]
    end = training.steps - before
    apart = end not in steps and end > 0
    return [*steps, *([end] if apart else [])], apart


def _held_out(training: TrainConfig, first_phase: int, stream: "Stream", data_seed: int) -> Any:
    steps, last_apart = evaluated_steps(training, first_phase)
    if not steps:
        return None
    tokens, targets = stream.examples("held out", 0, training.evaluate_on, data_seed)
    return kernel().HeldOut(
        np.ascontiguousarray(tokens, np.int32),
        np.ascontiguousarray(targets, np.int32),
        at_once=max(1, EVALUATED_AT_ONCE // tokens.shape[1]),
        by_sequence=stream.counts == "sequences",
        steps=steps,
        last_apart=last_apart,
        stop_at=1.0 if training.stop_at is None else training.stop_at,
        stop_count=0 if training.stop_at is None else training.stop_count,
    )


@lru_cache(256)
def positions_of(stream: "Stream", size: int | None) -> int:
    """Return how many positions the examples have that a stream gives for a size."""
    return int(stream.examples("train", 0, 1, 0, size)[0].shape[1])


def trained_width(job: "Job") -> int | None:
    """Return the narrower width that a job's heads are trained with, or None: of wide heads under SGD, 2 d_model.

    >>> import headlab as hl
    >>> from headlab.engine import Job
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


def _phase(settings: TrainConfig, given: Phase, frozen: Sequence[str] = (), stream: "Stream | None" = None) -> Any:
    phase = kernel().Phase()
    phase.steps = given.steps
    phase.frozen = _bits({*given.freeze, *frozen})
    phase.spared = 0 if settings.decayed is None else _bits([name for name in NAMES if name not in settings.decayed])
    phase.optimizer, phase.loss = OPTIMIZERS.index(settings.optimizer), LOSSES.index(settings.loss)
    for name in CHANGEABLE:
        if name not in _APART:
            setattr(phase, name, getattr(settings, name))
    phase.clip = settings.clip or 0.0
    phase.sets_rate = int("learning_rate" in given.changes)
    phase.schedule, phase.schedule_from = RATES.index(given.rate), given.rate_from
    phase.schedule_steps = given.schedule_steps
    for name in ("end_rate", "rate_every", "warmup"):
        setattr(phase, name, getattr(given, name))
    phase.reset, phase.plateau_goes_on = int(given.reset), int(given.plateau_goes_on)
    if given.plateau is not None:
        phase.plateau, phase.plateau_on = 1, int(given.plateau.on == "held_out")
        for name in ("factor", "min_rate", "min_delta", "patience", "cooldown"):
            setattr(phase, name, getattr(given.plateau, name))
    if stream is not None and given.steps:
        phase.n_sequences, phase.n_positions = settings.batch_size, positions_of(stream, given.size)
    return phase


def _bits(names: Iterable[str]) -> int:
    return sum(1 << NAMES.index(name) for name in names)
