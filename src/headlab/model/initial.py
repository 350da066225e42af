"""Initial weights: Keras' initialisers, or rules of one's own, drawn from a counter so that a seed gives the same ones anywhere.

Weight number w of array number a (`headlab.config.WEIGHTS` numbers them) under seed s is word w mod 4 of
Philox4x32-10 with counter (w div 4, a, 0, 0) and key (s mod 2³², s div 2³²). A word r becomes u = (r >> 8) · 2⁻²⁴ in
[0, 1), exactly, and a uniform weight (2u - 1) · limit in float32. A normal one is the standard normal quantile of
(r + ½) 2⁻³² times its standard deviation, a sinusoid's the sine (in odd columns the cosine) of position / 10000^(2i / d_model)
with i = column div 2, times its size; both in float64, rounded to float32. So no weight depends on another, on the other runs,
on the platform, or on NumPy's random state. Weights are numbered with tokens in the order in which they are trained
(`Batch.order`), so that none depends on the ids that tokens have.
Source: Wichura 1988, Algorithm AS 241: the percentage points of the normal distribution; Vaswani et al. 2017, Attention is all
you need.
"""

import math
from statistics import NormalDist

import numpy as np

from headlab.arrays import Array, Float, Int, UInt64
from headlab.config.model import Shape
from headlab.config.starts import CONSTANT, NORMAL, SINUSOIDAL
from headlab.config.weights import WEIGHTS, Weight
from headlab.data.philox import HALF, LOW, philox
from headlab.model.order import restored
from headlab.model.params import Params

NUMBERS_AT_A_TIME = 1 << 21  # each takes some 50 bytes on the way


def uniform(seeds: UInt64[Array, " run"], array: int, size: int) -> Float[Array, "run {size}"]:
    """Return u in [0, 1) for every seed and weight, [run, size]; see the module's formula."""
    return (_words(seeds, array, size) >> np.uint64(8)).astype(np.float32) * np.float32(2.0**-24)


def normal(seeds: UInt64[Array, " run"], array: int, size: int) -> Float[Array, "run {size}"]:
    """Return standard normal numbers for every seed and weight, [run, size], in float64; see the module's formula.

    >>> normal(np.array([3], np.uint64), 0, 2).round(4).tolist()
    [[0.9027, -1.191]]
    """
    quantile = np.vectorize(NormalDist().inv_cdf, otypes=[np.float64])
    return np.asarray(quantile((_words(seeds, array, size) + 0.5) * 2.0**-32))


def sinusoid(n_ctx: int, d_model: int) -> Float[Array, "{n_ctx} {d_model}"]:
    """Return sines in even columns and cosines in odd ones, of wavelengths from 2π to 20000π positions, in float64.

    >>> sinusoid(2, 4).round(3).tolist()
    [[0.0, 1.0, 0.0, 1.0], [0.841, 0.54, 0.01, 1.0]]
    """
    position, column = np.arange(n_ctx)[:, None], np.arange(d_model)[None, :]
    angle = position / 10000.0 ** (column // 2 * 2 / d_model)
    return np.where(column % 2 == 0, np.sin(angle), np.cos(angle))


def _words(seeds: UInt64[Array, " run"], array: int, size: int) -> UInt64[Array, "run {size}"]:
    blocks = np.arange(-(-size // 4), dtype=np.uint64)[None, :]
    zero, number = np.zeros_like(blocks), np.full_like(blocks, array)
    key = (seeds[:, None] & LOW, seeds[:, None] >> HALF)
    words = np.stack(np.broadcast_arrays(*philox((blocks, number, zero, zero), key)), axis=-1)
    return words.reshape(len(seeds), -1)[:, :size]


def initial(
    shape: Shape,
    seeds: UInt64[Array, " run"],
    dtype: np.dtype | type = np.float32,
    order: Int[Array, " d_vocab"] | None = None,
) -> Params:
    """Return the initial weights of every seed, with one leading run axis, in the vocabulary's order.

    `Shape.draws` says how each begins. order: in which tokens are trained (`Batch.order`); the vocabulary's when left out

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
    size = math.prod(shape.weights[row.name])
    rule, of = shape.draws[row.name]
    if rule == CONSTANT:
        return np.full((len(seeds), size), of, np.float32)
    if rule == SINUSOIDAL:
        drawn = (of * sinusoid(shape.n_ctx, shape.d_model)).astype(np.float32)
        return np.broadcast_to(drawn.reshape(-1), (len(seeds), size))
    with np.errstate(over="ignore", invalid="ignore"):  # a scale beyond float32 is a run that diverges at its start
        if rule == NORMAL:
            return (normal(seeds, row.number, size) * (of * shape.model.init_scale)).astype(np.float32)
        u = uniform(seeds, row.number, size)
        return (u * np.float32(2) - np.float32(1)) * np.float32(of * shape.model.init_scale)
