"""A job as every peer is given it: sizes, ids and first weights, in the arrays that frameworks multiply best."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

import headlab as hl
from headlab import engine

# Trains so many steps on, at least one, and returns the loss [] or [run] that the last of them began with.
Train = Callable[[int], np.ndarray]


@dataclass(frozen=True)
class Model:
    """One run of a job: causal, residual, with positions and without padding.

    tokens, targets [sequence, position]
    weights: E [d_vocab, d_model], P [n_ctx, d_model]; of every layer l QKV{l} [d_model, heads · (2 d_head + value_width)],
        the queries of all heads side by side, then their keys, then their values, and with W_O its rows of all heads
        O{l} [heads · value_width, d_model]; with W_U also U [d_model, d_vocab]
    """

    tokens: np.ndarray
    targets: np.ndarray
    d_model: int
    d_head: int
    value_width: int
    n_heads: int
    n_layers: int
    factored: bool
    unembed: bool
    rate: float
    weights: dict[str, np.ndarray]

    @classmethod
    def of(cls, job: engine.Job, flat: np.ndarray) -> "Model":
        """Return the model of a job that begins with these flat weights [weight]; raises `ValueError` for another kind of job."""
        model, shape, params = job.model, job.shape, hl.Params.from_flat(flat[None], job.shape)
        places = job.loss_places()
        plain = model.causal and model.residual and model.positions and (job.tokens >= 0).all()
        equal = places.counts.all() and places.shares is None
        if not (plain and equal and job.training.optimizer == "sgd" and job.training.momentum == 0):
            raise ValueError("peers train whole sentences with a causal mask, a residual stream and positions, by SGD")
        weights = {"E": params.W_E[0], "P": params.W_pos[0]}
        for layer in range(model.n_layers):
            three = [np.concatenate(list(W[0, layer]), axis=1) for W in (params.W_Q, params.W_K, params.W_V)]
            weights[f"QKV{layer}"] = np.concatenate(three, axis=1)
            if params.W_O is not None:
                weights[f"O{layer}"] = params.W_O[0, layer].reshape(-1, shape.d_model)
        if params.W_U is not None:
            weights["U"] = params.W_U[0]
        return cls(
            np.array(job.tokens), np.array(job.targets), shape.d_model, shape.d_head, shape.value_width, model.n_heads,
            model.n_layers, model.factored_values, model.unembed, job.training.learning_rate,
            {name: np.array(weight, np.float32) for name, weight in weights.items()},
        )  # fmt: skip

    @property
    def cuts(self) -> tuple[int, int, int]:
        """The widths of all queries, all keys and all values in QKV."""
        return self.n_heads * self.d_head, self.n_heads * self.d_head, self.n_heads * self.value_width
