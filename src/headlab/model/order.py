"""Weights, and whatever is like them, from one order of tokens into another: along the axes that have an entry a token."""

import numpy as np

from headlab.arrays import Array, Int, Shaped
from headlab.config.model import Shape
from headlab.data.batch import Batch
from headlab.data.order import inverse
from headlab.model.params import Params


def order_on(batch: Batch, shape: Shape) -> Int[Array, " d_vocab"]:
    """Return the order in which a shape's tokens are kept on a batch: `Batch.order`, and of pairs of tokens the vocabulary's.

    >>> from headlab.config import ModelConfig
    >>> batch = Batch.equally_weighted([[3, 1]], [[0, 1]], 4, 2)
    >>> pairs = ModelConfig(pairs=True, unembed=True)
    >>> order_on(batch, pairs.on(batch)).tolist(), order_on(batch, ModelConfig(unembed=True).on(batch)).tolist()
    ([0, 1], [3, 1, 0, 2])
    """
    return np.arange(shape.d_vocab) if shape.model.pairs else batch.order


def reordered(params: Params, order: Int[Array, " d_vocab"], shape: Shape) -> Params:
    """Return weights whose token number t is token `order[t]` of the given ones: into training order by `Batch.order`.

    Back again: `restored`.

    >>> from headlab.config import ModelConfig
    >>> from headlab.data.batch import Batch
    >>> batch = Batch.equally_weighted([[1, 0]], [[0, 1]], d_vocab=2)
    >>> reordered(Params(W_E=np.array([[1, 2], [3, 4]])), batch.order, ModelConfig().on(batch)).W_E.tolist()
    [[4, 3], [2, 1]]
    """
    found = {}
    for name, weight in params.items():
        for axis in shape.token_axes(name):
            weight = np.take(weight, order, axis)
        found[name] = weight
    return Params(**found)


def restored(params: Params, order: Int[Array, " d_vocab"], shape: Shape) -> Params:
    """Return weights that `reordered` gave, as they were before: from training order into the vocabulary's by `Batch.order`."""
    return reordered(params, inverse(order), shape)


def reordered_flat(
    flat: Shaped[Array, "*run weight"], order: Int[Array, " d_vocab"], shape: Shape
) -> Shaped[Array, "*run weight"]:
    """Return what is like flat weights (gradients, snapshots, what an optimiser remembers), `reordered`."""
    return reordered(Params.from_flat(flat, shape), order, shape).flat()


def restored_flat(
    flat: Shaped[Array, "*run weight"], order: Int[Array, " d_vocab"], shape: Shape
) -> Shaped[Array, "*run weight"]:
    """Return what is like flat weights, `restored`."""
    return reordered_flat(flat, inverse(order), shape)
