"""The order in which tokens are trained: that in which they first appear, so that ids are a matter of display.

What is drawn, summed and named goes by this order; what is shown, kept and given goes by the vocabulary's.
"""

import numpy as np
from numpy.typing import NDArray

Ids = NDArray[np.int64]


def training_order(tokens: Ids, targets: Ids | None, d_vocab: int) -> Ids:
    """Return the ids in the order in which they are trained, [d_vocab]; see `Batch.order`.

    tokens, targets: ids [sequence, position], -1 for padding and for no target; None: targets are no tokens

    >>> training_order(np.array([[3, 1], [3, -1]]), np.array([[1, 2], [-1, -1]]), 5).tolist()
    [3, 1, 2, 0, 4]
    """
    named = [] if targets is None else [targets.ravel()]
    read = np.concatenate([tokens.ravel(), *named, np.arange(d_vocab)])
    ids, first = np.unique(read[read >= 0], return_index=True)
    return ids[np.argsort(first)]


def inverse(order: Ids) -> Ids:
    """Return the place of every id in an order of them all.

    >>> inverse(np.array([1, 2, 0])).tolist()
    [2, 0, 1]
    """
    return np.argsort(order)
