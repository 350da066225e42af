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
    record_steps: Sequence[int] = (),
    snapshot_steps: Sequence[int] = (),
    optimizer_step: int = 0,
) -> _native.Plan:
    """Return the kernel's plan of a problem.

    d_head: the width that is really trained, when it is narrower than the model's (see `rotation`); the scale stays.
    """
    plan, model = _native.Plan(), problem.model
    shape = problem.shape if d_head is None else problem.shape.narrow(d_head)
    for name in ("d_vocab", "n_ctx", "d_model", "d_head", "n_heads", "n_layers", "scale"):
        setattr(plan, name, getattr(shape, name))
    plan.n_sequences = len(problem.tokens)
    plan.positions, plan.residual, plan.causal = model.positions, model.residual, model.causal
    plan.factored_values, plan.unembed = model.factored_values, model.unembed
    _set_rows(plan, problem)
    _set_training(plan, problem.training)
    plan.record_steps, plan.snapshot_steps = list(record_steps), list(snapshot_steps)
    plan.optimizer_step = optimizer_step
    return plan


def _set_rows(plan: _native.Plan, problem: Problem) -> None:
    real, places = problem.tokens >= 0, problem.loss_places()
    position = np.nonzero(real)[1]
    row_token = problem.tokens[real]
    inputs, input_of_row = np.unique(np.stack([position, row_token]), axis=1, return_inverse=True)
    plan.sequence_start = [0, *np.cumsum(real.sum(axis=1)).tolist()]
    plan.input_of_row = input_of_row.ravel().tolist()
    plan.input_position, plan.input_token = inputs[0].tolist(), inputs[1].tolist()
    plan.identity = list(range(len(row_token)))
    plan.target = np.where(places.counts, problem.targets, -1)[real].tolist()
    plan.n_targets = int(places.counts[real].sum())
    if places.shares is not None:
        share = np.zeros(real.shape)
        share[places.counts] = places.shares
        plan.share = share[real].tolist()


def _set_training(plan: _native.Plan, training: TrainConfig) -> None:
    plan.optimizer = getattr(_native.Optimizer, training.optimizer)
    plan.loss = getattr(_native.Loss, training.loss)
    for name in ("learning_rate", "momentum", "nesterov", "rho", "centered", "beta_1", "beta_2", "epsilon"):
        setattr(plan, name, getattr(training, name))
    plan.weight_decay = training.weight_decay
    plan.phases = [_phase(phase) for phase in training.phases]


def _phase(phase: Phase) -> _native.Phase:
    native = _native.Phase()
    native.steps = phase.steps
    if phase.plateau is not None:
        native.plateau = True
        for name in ("factor", "min_rate", "min_delta", "patience", "cooldown"):
            setattr(native, name, getattr(phase.plateau, name))
    return native
