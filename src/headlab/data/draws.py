"""What a sampler draws from: words of a counter, so that an example depends on its number, its stream and the data's seed alone.

Word w of example k is word w mod 4 of Philox4x32-10 with counter (w div 4, 2³¹ + stream, k mod 2³², k div 2³²) and key
(seed mod 2³², seed div 2³²). So no example depends on the others, on the size of a batch, or on how many are drawn at once.
Only whole numbers, + − × and comparisons are used, so that a sampler that keeps to them draws the same everywhere.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from headlab import hooks
from headlab.arrays import Array, Float, Int, UInt64
from headlab.data.philox import HALF, LOW, philox

STREAMS = {"train": 0, "held out": 1, "test": 2, "order": 4}
_OF_DATA = np.uint64(0x80000000)  # the second word of the counter: initial weights have the number of an array there


def words_of(seed: int, stream: int, first: int, n: int, block: int, count: int) -> UInt64[Array, "{n} {4*count}"]:
    """Return the words of so many blocks of four, from a block on, of n examples from a first one on.

    >>> words_of(0, 0, 5, 1, 0, 2).tolist() == [words_of(0, 0, 0, 6, 0, 1)[5].tolist() + words_of(0, 0, 5, 1, 1, 1)[0].tolist()]
    True
    """
    example = (np.uint64(first) + np.arange(n, dtype=np.uint64))[:, None]
    blocks = np.arange(block, block + count, dtype=np.uint64)[None, :]
    counter = np.broadcast_arrays(blocks, _OF_DATA | np.uint64(stream), example & LOW, example >> HALF)
    key = (np.uint64(seed) & LOW, np.uint64(seed) >> HALF)
    drawn = philox(tuple(counter), tuple(np.full((1, 1), word) for word in key))  # type: ignore[arg-type]
    return np.stack(drawn, axis=-1).reshape(n, 4 * count)


class Draws:
    """The random numbers of n examples of a stream: each call takes the next words of every example.

    seed: the data's, from 0 to 2⁶⁴ − 1; stream: one of STREAMS; first: the number of the first example

    >>> draws = Draws(0, "train", first=10, n=3)
    >>> draws.integers(6, 2).shape, draws.chosen(5, 5).sum(axis=1).tolist()
    ((3, 2), [10, 10, 10])
    >>> bool((Draws(0, "train", 11, 1).integers(6, 2) == Draws(0, "train", 10, 3).integers(6, 2)[1]).all())
    True
    """

    def __init__(self, seed: int, stream: str, first: int, n: int) -> None:
        self.seed, self.stream, self.first, self.n = seed, stream, first, n
        self._block, self._left = 0, np.zeros((n, 0), np.uint64)

    def words(self, k: int) -> UInt64[Array, "n {k}"]:
        """Return the next k words [example, k], each from 0 to 2³² − 1."""
        lacking = k - self._left.shape[1]
        if lacking > 0:
            count = -(-lacking // 4)
            more = self._blocks(count)
            self._block, self._left = self._block + count, np.concatenate([self._left, more], axis=1)
        taken, self._left = self._left[:, :k], self._left[:, k:]
        return taken

    def _blocks(self, count: int) -> UInt64[Array, "{self.n} {4*count}"]:
        of = self.seed, STREAMS[self.stream], self.first, self.n
        if hooks.words is None:
            return words_of(*of, self._block, count)
        return np.asarray(hooks.words(*of, 4 * self._block, 4 * count), np.uint64)

    def integers(self, high: ArrayLike, k: int) -> Int[Array, "n {k}"]:
        """Return k whole numbers an example, each from 0 to below high: (word · high) div 2³².

        high: one for all, or an array that goes with [example, k]; at most 2³²

        >>> Draws(0, "train", 0, 100).integers([[1, 2, 3]], 3).max(axis=0).tolist()
        [0, 1, 2]
        """
        return np.asarray((self.words(k) * np.asarray(high, np.uint64)) >> HALF).astype(np.int64)

    def uniform(self, k: int) -> Float[Array, "n {k}"]:
        """Return k numbers an example between 0 and 1: (word + ½) 2⁻³².

        >>> u = Draws(0, "train", 0, 1000).uniform(1)
        >>> bool(0 < u.min() < 0.01 and 0.99 < u.max() < 1)
        True
        """
        return (self.words(k) + 0.5) * 2.0**-32

    def chosen(self, high: int, k: int) -> Int[Array, "n {k}"]:
        """Return k different whole numbers from 0 to below high, in random order: the first k steps of Fisher and Yates.

        >>> sorted(Draws(0, "train", 0, 1).chosen(4, 4)[0].tolist())
        [0, 1, 2, 3]
        """
        return self._exchanged(np.tile(np.arange(high), (self.n, 1)), k)[:, :k]

    def shuffled(self, rows: ArrayLike) -> NDArray[Any]:
        """Return rows [example, k] with the entries of each in random order: Fisher and Yates' shuffle.

        >>> Draws(0, "train", 0, 2).shuffled([[7, 8, 9], [7, 8, 9]]).sum(axis=1).tolist()
        [24, 24]
        """
        table = np.array(rows)
        return self._exchanged(table, table.shape[1] - 1)

    def _exchanged(self, table: NDArray[Any], steps: int) -> NDArray[Any]:
        """Exchange entry i of every row, for each i below steps, with one that is drawn from those at i and after."""
        width, rows = table.shape[1], np.arange(len(table))
        places = self.integers(np.arange(width, width - steps, -1)[None, :], steps) + np.arange(steps)
        for place in range(steps):
            other = places[:, place]
            taken = table[rows, other]
            table[rows, other] = table[:, place]
            table[:, place] = taken
        return table

    def order(self, size: int) -> Int[Array, "n {size}"]:
        """Return an order of so many things for every example: they are sorted by 64 bits each.

        >>> sorted(Draws(0, "order", 3, 1).order(5)[0].tolist())
        [0, 1, 2, 3, 4]
        """
        words = self.words(2 * size)
        return np.argsort((words[:, :size] << HALF) | words[:, size:], axis=1, kind="stable")


def every_sequence(n_tokens: int, length: int) -> Int[Array, "{n_tokens**length} {length}"]:
    """Return all sequences of so many tokens that have a length, [sequence, position], the last position's token first to change.

    >>> every_sequence(2, 2).tolist()
    [[0, 0], [0, 1], [1, 0], [1, 1]]
    """
    return np.indices((n_tokens,) * length).reshape(length, -1).T
