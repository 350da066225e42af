"""The two losses that the notebook's script minimises, depending on the Keras it runs on; see docs/decisions/loss.md."""

import numpy as np
from numpy.typing import NDArray

from headlab.model.forward import softmax
from headlab.model.params import Array


def sigmoid(logits: Array) -> Array:
    """Return 1 / (1 + exp(-x)) without overflow.

    >>> sigmoid(np.array([-1e4, 0.0, 1e4])).tolist()
    [0.0, 0.5, 1.0]
    """
    small = np.exp(-np.abs(logits))
    return np.where(logits >= 0, 1, small) / (1 + small)


def mean_loss(logits: Array, targets: NDArray[np.int64], kind: str = "softmax") -> Array:
    """Return the mean loss [*run] of logits [*run, sequence, position, d_vocab], in nats per position with a target.

        softmax             -ln softmax(x)_y
        normalized_sigmoid  -ln clip(p_y / sum p, 1e-7, 1 - 1e-7), p = sigmoid(x)

    >>> round(float(mean_loss(np.zeros((1, 1, 7)), np.array([[3]]))), 4)  # ln 7
    1.9459
    """
    where = targets >= 0
    of_target = _probabilities(logits, kind)[..., where, :][..., np.arange(where.sum()), targets[where]]
    with np.errstate(divide="ignore"):
        return -np.log(of_target).mean(axis=-1)


def _probabilities(logits: Array, kind: str) -> Array:
    if kind == "softmax":
        return softmax(logits)
    p = sigmoid(logits)
    return np.clip(p / p.sum(axis=-1, keepdims=True), 1e-7, 1 - 1e-7)
