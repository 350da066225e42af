"""Translate a corpus and its configurations into the kernel's plan: plain numbers, the same for every run."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

import headlab.engine._native as _native
from headlab.config import ModelConfig, Phase, TrainConfig

Ids = NDArray[np.int64]


def make_plan(
    tokens: Ids,
    targets: Ids,
    d_vocab: int,
    model: ModelConfig,
    training: TrainConfig,
    *,
    d_head: int | None = None,
    record_steps: Sequence[int] = (),
    snapshot_steps: Sequence[int] = (),
    optimizer_step: int = 0,
) -> _native.Plan:
    """Return the kernel's plan for `tokens` and `targets` [sequence, position] (-1 is padding, or no target).

    d_head: the width that is really trained, when it is narrower than the model's (see `rotation`); the scale stays.
    """
    plan = _native.Plan()
    plan.d_vocab, plan.d_model = d_vocab, model.width(d_vocab)
    plan.d_head = model.d_head if d_head is None else d_head
    plan.n_heads, plan.n_layers = model.n_heads, model.n_layers
    plan.n_sequences, plan.n_ctx = tokens.shape
    plan.positions, plan.residual, plan.causal = model.positions, model.residual, model.causal
    plan.factored_values, plan.unembed, plan.scale = model.factored_values, model.unembed, model.scale
    _set_rows(plan, tokens, targets)
    _set_training(plan, training)
    plan.record_steps, plan.snapshot_steps = list(record_steps), list(snapshot_steps)
    plan.optimizer_step = optimizer_step
    return plan


def _set_rows(plan: _native.Plan, tokens: Ids, targets: Ids) -> None:
    sequence, position = np.nonzero(tokens >= 0)
    row_token = tokens[sequence, position]
    inputs, input_of_row = np.unique(np.stack([position, row_token]), axis=1, return_inverse=True)
    plan.sequence_start = [0, *np.cumsum((tokens >= 0).sum(axis=1)).tolist()]
    plan.target = targets[sequence, position].tolist()
    plan.input_of_row = input_of_row.ravel().tolist()
    plan.input_position, plan.input_token = inputs[0].tolist(), inputs[1].tolist()
    plan.identity = list(range(len(row_token)))
    plan.n_targets = int((targets[sequence, position] >= 0).sum())


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
