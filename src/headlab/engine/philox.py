"""Random words for data, which depend on a data seed, a stream, and the number of an example, and on nothing else."""

import numpy as np

from headlab.arrays import Array, UInt32
from headlab.engine.backend import kernel


def words(seed: int, stream: int, first: int, n: int, start: int, count: int) -> UInt32[Array, "example word"]:
    """Return words `start` to start + count - 1 of the examples `first` to first + n - 1 of a stream of a data seed.

    Word w of example k is word w mod 4 of Philox4x32-10 with counter (w div 4, 2³¹ + stream, k mod 2³², k div 2³²) and
    key (seed mod 2³², seed div 2³²), whichever backend draws it and however it is asked for.
    seed, first: below 2⁶⁴; stream: below 2³¹
    Raises `ValueError` for a negative start, or a word beyond 2³¹.
    Source: Salmon et al. 2011, Parallel random numbers: as easy as 1, 2, 3.

    >>> words(0, 1, 0, 2, 3, 2).shape, bool((words(0, 1, 5, 1, 0, 8)[0, 3:5] == words(0, 1, 5, 1, 3, 2)[0]).all())
    ((2, 2), True)
    """
    found = np.empty((n, count), np.uint32)
    kernel().words(seed, stream, first, start, found)
    return found
