"""Translate a problem into the kernel's plan: plain numbers, the same for every run."""

from collections.abc import Sequence

import numpy as np

import headlab.engine._native as _native
from headlab.config import Phase, TrainConfig
from headlab.engine.problem import Problem


def make_plan(
    problem: Problem,
    *,
    d_head: int | None = None,
    first_phase: int = 0,
    record_steps: Sequence[int] = (),
    snapshot_steps: Sequence[int] = (),
    optimizer_step: int = 0,
) -> _native.Plan:
    """Return the kernel's plan of a problem.

    d_head: the width that is really trained, when it is narrower than the model's (see `rotation`); the scale stays.
    first_phase: the number of the phase that it begins with; steps are counted from there
    """
    plan, model = _native.Plan(), problem.model
    shape = problem.shape if d_head is None else problem.shape.narrow(d_head)
    for name in ("d_vocab", "n_ctx", "d_model", "d_head", "n_heads", "n_layers", "scale"):
        setattr(plan, name, getattr(shape, name))
    plan.n_sequences = len(problem.tokens)
    plan.positions, plan.residual, plan.causal = model.positions, model.residual, model.causal
    plan.factored_values, plan.unembed = model.factored_values, model.unembed
    _set_rows(plan, problem)
    plan.phases = _phases(problem.training, first_phase)
    plan.record_steps, plan.snapshot_steps = list(record_steps), list(snapshot_steps)
    plan.optimizer_step = optimizer_step
    return plan


def _set_rows(plan: _native.Plan, problem: Problem) -> None:
    real, places = problem.tokens >= 0, problem.loss_places()
    position = np.nonzero(real)[1]
    inputs, input_of_row = np.unique(np.stack([position, problem.tokens[real]]), axis=1, return_inverse=True)
    plan.sequence_start = [0, *np.cumsum(real.sum(axis=1)).tolist()]
    plan.input_of_row = input_of_row.ravel().tolist()
    plan.input_position, plan.input_token = inputs[0].tolist(), inputs[1].tolist()
    plan.target = np.where(places.counts, problem.targets, -1)[real].tolist()
    plan.n_targets = int(places.counts[real].sum())
    if places.shares is not None:
        share = np.zeros(real.shape)
        share[places.counts] = places.shares
        plan.share = share[real].tolist()


def _phases(training: TrainConfig, first: int) -> list[_native.Phase]:
    there = [
        _phase(training.settings(number), training.phases[number]) for number in range(first, len(training.phases))
    ]
    return there or [_no_steps(training)]


def _no_steps(training: TrainConfig) -> _native.Phase:
    """Return a phase in which nothing happens, for the loss of the weights as they are."""
    native = _phase(settings_at(training, len(training.phases)), Phase(0))
    native.plateau_goes_on = True
    return native


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
    for name in (
        "learning_rate",
        "momentum",
        "nesterov",
        "rho",
        "centered",
        "beta_1",
        "beta_2",
        "epsilon",
        "weight_decay",
    ):
        setattr(native, name, getattr(settings, name))
    native.sets_rate = "learning_rate" in given.changes
    native.plateau_goes_on = given.plateau_goes_on
    if given.plateau is not None:
        native.plateau = True
        for name in ("factor", "min_rate", "min_delta", "patience", "cooldown"):
            setattr(native, name, getattr(given.plateau, name))
    return native
