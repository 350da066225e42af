"""Bootstrap intervals: what is drawn, and the BCa bounds of it.

What is drawn comes from a counter, so that an interval is the same one anywhere (web/src/statistics draws it, too): resample b of
sample number s has two numbers u, v in [0, 1), from the words w of Philox4x32-10 with counter (b, s, 0, 1) and key (0, 0):
u = ((w₀ >> 5) · 2²⁶ + (w₁ >> 6)) · 2⁻⁵³, and v likewise from w₂ and w₃. (Counters of initial weights end in 0.)
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headlab.data.philox import philox

RESAMPLES = 10_000  # with 2,000 it is left to chance on which side of 0 a bound falls
LEVEL = 0.95


def drawn(sample: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the two numbers in [0, 1) of every resample of a sample; see the module's formula."""
    zero, resample = np.zeros(RESAMPLES, np.uint64), np.arange(RESAMPLES, dtype=np.uint64)
    words = philox((resample, zero + np.uint64(sample), zero, zero + np.uint64(1)), (zero, zero))
    top = [(words[at] >> np.uint64(5)) * 2.0**26 + (words[at + 1] >> np.uint64(6)) for at in (0, 2)]
    return top[0] * 2.0**-53, top[1] * 2.0**-53


def resampled_median(values: NDArray[Any], sample: int) -> NDArray[np.float64]:
    """Return the medians of bootstrap samples, drawn as ranks: one of the middle one's, and where n is even one of the lower.

    Rank j of n has the middle (the upper one of two) where more than half of n draws are at most j; the lower one of two is
    of smaller rank where exactly half are, and the largest of these then.
    """
    from scipy.stats import binom

    n, ordered = len(values), np.sort(values.astype(float))
    half, ranks = n // 2, np.arange(n)  # from 0: so many are smaller
    ends = binom.sf(half, n, (ranks + 1) / n)
    ends[-1] = 1.0
    u, v = drawn(sample)
    upper = np.searchsorted(ends, u, side="right")
    if n % 2:
        return np.asarray(ordered[upper])
    apart = binom.pmf(half, n, ranks / n) * (1 - ((n - ranks - 1) / (n - ranks)) ** half)
    largest = np.minimum((upper * v ** (1 / half)).astype(int), upper - 1)
    lower = np.where(u >= (ends - apart)[upper], largest, upper)
    return np.asarray((ordered[lower] + ordered[upper]) / 2)


def resampled_mean(changes: NDArray[Any]) -> NDArray[np.float64]:
    """Return the means of bootstrap samples of numbers that are -1, 0 or 1: how often each is drawn is binomial."""
    n, (gained, lost) = len(changes), (int((changes == sign).sum()) for sign in (1, -1))
    u, v = drawn(0)
    more, fewer = _successes(u, n, gained / n), np.zeros(RESAMPLES, int)
    for count in np.unique(more) if lost else ():
        some = more == count
        fewer[some] = _successes(v[some], n - count, lost / (n - gained))
    return np.asarray((more - fewer) / n)


def _successes(u: NDArray[np.float64], n: int, share: float) -> NDArray[np.int64]:
    """Return how many of n are drawn, each with a probability, by uniform numbers."""
    from scipy.stats import binom

    return np.searchsorted(binom.cdf(np.arange(n), n, share), u, side="right")


def medians_without(values: NDArray[Any]) -> NDArray[np.float64]:
    """Return the median of the others for each of some values, in ascending order of these.

    >>> medians_without(np.array([4.0, 1.0, 2.0])).tolist()
    [3.0, 2.5, 1.5]
    """
    ordered, n = np.sort(values.astype(float)), len(values) - 1
    middles = np.array([(n - 1) // 2, n // 2])[:, None]
    lower, upper = ordered[middles + (middles >= np.arange(n + 1))]
    return np.asarray((lower + upper) / 2)


def bca(value: float, resampled: NDArray[np.float64], without: Sequence[NDArray[np.float64]]) -> tuple[float, float]:
    """Return the bias-corrected and accelerated interval of a statistic; not a number where the resamples cannot tell.

    value: of the samples; resampled: of their resamples; without: what it is without each number of a sample, sample by sample,
    up to a constant
    Source: Efron 1987; as SciPy's bootstrap, and without its noise where numbers are equal.
    """
    from scipy.special import ndtr, ndtri

    bias = ndtri(((resampled < value).sum() + (resampled <= value).sum()) / (2 * len(resampled)))
    moved = [(len(left) - 1) * (left.mean() - left) * (np.ptp(left) > 0) for left in without]
    cubes, squares = (sum((move**power).sum() / len(move) ** power for move in moved) for power in (3, 2))
    acceleration = cubes / (6 * squares**1.5) if squares > 0 else 0.0
    limit = ndtri((1 - LEVEL) / 2)
    with np.errstate(invalid="ignore"):
        turned = bias + np.array([limit, -limit])
        at = ndtr(bias + turned / (1 - acceleration * turned))
    low, high = np.quantile(resampled, at) if np.isfinite(at).all() else (np.nan, np.nan)
    return float(low), float(high)
