"""Initial weights: Keras' initialisers, drawn from a counter so that a seed gives the same ones anywhere.

Weight number w of array number a (`headlab.config.WEIGHTS` numbers them) under seed s is word w mod 4 of
Philox4x32-10 with counter (w div 4, a, 0, 0) and key (s mod 2³², s div 2³²). A word r becomes u = (r >> 8) · 2⁻²⁴ in
[0, 1), exactly, and the weight (2u - 1) · limit in float32. So no weight depends on another, on the other runs, on the
platform, or on NumPy's random state. Weights are numbered with tokens in the order in which they are trained
(`Batch.order`), so that none depends on the ids that tokens have.
Source: Salmon et al. 2011, Parallel random numbers: as easy as 1, 2, 3.
"""

import math

import numpy as np

from headlab.arrays import Array, Float, Int, UInt64
from headlab.config.model import Shape
from headlab.config.weights import WEIGHTS, Weight
from headlab.model.order import restored
from headlab.model.params import Params

Words = UInt64[Array, "..."]

_MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
_KEY_STEPS = (0x9E3779B9, 0xBB67AE85)
_LOW = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)
NUMBERS_AT_A_TIME = 1 << 21  # each takes some 50 bytes on the way


def philox(counter: tuple[Words, Words, Words, Words], key: tuple[Words, Words]) -> tuple[Words, Words, Words, Words]:
    """Return the four 32-bit words that Philox4x32-10 makes of a counter and a key (32-bit words in uint64 arrays).

    >>> zero = np.zeros(1, np.uint64)
    >>> [hex(int(word[0])) for word in philox((zero, zero, zero, zero), (zero, zero))]
    ['0x6627e8d5', '0xe169c58d', '0xbc57ac4c', '0x9b00dbd8']
    """
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(10):
        first, second = c0 * np.uint64(_MULTIPLIERS[0]), c2 * np.uint64(_MULTIPLIERS[1])
        c0, c1, c2, c3 = (second >> _HALF) ^ c1 ^ k0, second & _LOW, (first >> _HALF) ^ c3 ^ k1, first & _LOW
        k0, k1 = (k0 + np.uint64(_KEY_STEPS[0])) & _LOW, (k1 + np.uint64(_KEY_STEPS[1])) & _LOW
    return c0, c1, c2, c3


def uniform(seeds: UInt64[Array, " run"], array: int, size: int) -> Float[Array, "run {size}"]:
    """Return u in [0, 1) for every seed and weight, [run, size]; see the module's formula."""
    blocks = np.arange(-(-size // 4), dtype=np.uint64)[None, :]
    zero, number = np.zeros_like(blocks), np.full_like(blocks, array)
    key = (seeds[:, None] & _LOW, seeds[:, None] >> _HALF)
    words = np.stack(np.broadcast_arrays(*philox((blocks, number, zero, zero), key)), axis=-1)
    top = (words.reshape(len(seeds), -1)[:, :size] >> np.uint64(8)).astype(np.float32)
    return top * np.float32(2.0**-24)


def initial(
    shape: Shape,
    seeds: UInt64[Array, " run"],
    dtype: np.dtype | type = np.float32,
    order: Int[Array, " d_vocab"] | None = None,
) -> Params:
    """Return the initial weights of every seed, with one leading run axis, in the vocabulary's order.

    order: in which tokens are trained (`Batch.order`); the vocabulary's when left out

    >>> from headlab.config import ModelConfig
    >>> from headlab.data.corpus import Corpus
    >>> initial(ModelConfig().on(Corpus.notebook()), np.arange(3, dtype=np.uint64)).W_Q.shape
    (3, 1, 1, 7, 20)
    """
    rows = [row for row in WEIGHTS if row.name in shape.weights]
    flat = np.empty((len(seeds), shape.n_weights), dtype)
    at_a_time = max(1, NUMBERS_AT_A_TIME // flat.shape[1])
    for start in range(0, len(seeds), at_a_time):
        some = slice(start, start + at_a_time)
        flat[some] = np.concatenate([_draw(row, shape, seeds[some]) for row in rows], axis=1)
    drawn = Params.from_flat(flat, shape)
    return drawn if order is None else restored(drawn, order, shape)


def _draw(row: Weight, shape: Shape, seeds: UInt64[Array, " run"]) -> Array:
    own = shape.weights[row.name]
    u = uniform(seeds, row.number, math.prod(own))
    with np.errstate(over="ignore", invalid="ignore"):  # a scale beyond float32 is a run that diverges at its start
        return (u * np.float32(2) - np.float32(1)) * np.float32(row.limit(own) * shape.model.init_scale)
