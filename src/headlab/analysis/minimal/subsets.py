"""All subsets of some parts at once: subset number s keeps part i exactly where bit i of s is 1."""

from collections.abc import Iterator

import numpy as np

from headlab.arrays import Array, Bool, Float


def sums(parts: Float[Array, "*run part"]) -> Float[Array, "*run subset"]:
    """Return the sum of the parts [*run, part] that each subset lacks, [*run, subset].

    >>> sums(np.array([1.0, 10.0])).tolist()
    [11.0, 10.0, 1.0, 0.0]
    """
    n = parts.shape[-1]
    found = np.zeros((*parts.shape[:-1], 1 << n))
    for part in range(n):  # what the larger half of the subsets so far has, the smaller half lacks
        size = 1 << part
        found[..., size : 2 * size] = found[..., :size]
        found[..., :size] += parts[..., part, None]
    return found


def minimal(suffices: Bool[Array, "run subset"]) -> tuple[Bool[Array, "run subset"], Bool[Array, " run"]]:
    """Return which subsets suffice while no proper subset does [run, subset], and whether sufficiency is monotone [run].

    suffices: [run, subset], of all 2ⁿ subsets; monotone: with a subset, all that hold it suffice. Where it is not, a set from
    which no single part can be spared may still hold a smaller one that suffices: all proper subsets count here, not only
    those that lack one part.

    >>> either = np.array([[False, True, True, True]])
    >>> found, monotone = minimal(either)
    >>> found.tolist(), monotone.tolist()
    ([[False, True, True, False]], [True])
    >>> minimal(np.array([[True, False, False, True]]))[1].tolist()
    [False]
    """
    below = np.zeros(suffices.shape, bool)  # some proper subset suffices
    within = suffices.copy()  # some subset suffices, itself included
    for without, with_it in _halves(within):
        with_it |= without
    for (without, _), (_, with_it) in zip(_halves(within), _halves(below), strict=True):
        with_it |= without
    return suffices & ~below, np.asarray((within == suffices).all(axis=1))


def _halves(table: Bool[Array, "run subset"]) -> Iterator[tuple[Array, Array]]:
    """Yield views of the subsets without and with each part, of a table [run, subset]."""
    for part in range(table.shape[1].bit_length() - 1):
        pairs = table.reshape(len(table), -1, 2, 1 << part)
        yield pairs[:, :, 0], pairs[:, :, 1]


def members(subset: int) -> tuple[int, ...]:
    """Return the numbers of the parts that a subset keeps.

    >>> members(0b1010)
    (1, 3)
    """
    return tuple(part for part in range(subset.bit_length()) if subset >> part & 1)
