"""What scores and logits become: shares of one by softmax, and the sigmoid of each alone."""

import numpy as np

from headlab.arrays import Array, Bool, Float


def softmax(scores: Float[Array, "*axes"], mask: Bool[Array, "..."] | bool = True) -> Float[Array, "*axes"]:
    """Return exp(scores) / sum over the last axis, exactly zero where the mask is off; a row that is off is all zero.

    >>> softmax(np.array([[0.0, 0.0], [np.nan, 0.0]]))
    array([[0.5, 0.5],
           [nan, nan]])
    """
    top = np.max(np.where(mask, scores, -np.inf), axis=-1, keepdims=True)
    top = np.where(np.isfinite(top), top, 0.0).astype(scores.dtype)
    raised = np.exp(np.where(mask, scores - top, -np.inf))
    total = raised.sum(axis=-1, keepdims=True)
    return np.divide(raised, total, out=np.zeros_like(raised), where=total != 0)


def sigmoid(logits: Float[Array, "*axes"]) -> Float[Array, "*axes"]:
    """Return 1 / (1 + exp(-x)) without overflow.

    >>> sigmoid(np.array([-1e4, 0.0, 1e4])).tolist()
    [0.0, 0.5, 1.0]
    """
    small = np.exp(-np.abs(logits))
    return np.where(logits >= 0, 1, small) / (1 + small)
