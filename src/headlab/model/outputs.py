"""What scores and logits become: shares of one by softmax, and the sigmoid of each alone."""

import numpy as np

from headlab.arrays import Array, Bool, Float

FEW = 16  # values, of which the largest is found one by one


def softmax(scores: Float[Array, "*axes"], mask: Bool[Array, "..."] | bool = True) -> Float[Array, "*axes"]:
    """Return exp(scores) / sum over the last axis, exactly zero where the mask is off; a row that is off is all zero.

    >>> softmax(np.array([[0.0, 0.0], [np.nan, 0.0]]))
    array([[0.5, 0.5],
           [nan, nan]])
    """
    seen = scores if mask is True else np.where(mask, scores, scores.dtype.type(-np.inf))
    top = _largest(seen)
    raised = np.exp(seen - np.where(np.isfinite(top), top, 0.0).astype(scores.dtype))
    total = raised.sum(axis=-1, keepdims=True)
    return np.divide(raised, np.where(total == 0, 1, total).astype(scores.dtype), out=raised)


def _largest(values: Array) -> Array:
    if 0 < values.shape[-1] <= FEW:
        return np.maximum.reduce([values[..., [at]] for at in range(values.shape[-1])])
    return values.max(axis=-1, keepdims=True)


def sigmoid(logits: Float[Array, "*axes"]) -> Float[Array, "*axes"]:
    """Return 1 / (1 + exp(-x)) without overflow.

    >>> sigmoid(np.array([-1e4, 0.0, 1e4])).tolist()
    [0.0, 0.5, 1.0]
    """
    small = np.exp(-np.abs(logits))
    return np.where(logits >= 0, 1, small) / (1 + small)
