"""Shares, quartiles, comparisons and power: arrays in, records out. Intervals and tests are SciPy's and statsmodels'."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headlab.notation.numbers import percent
from headlab.study.bootstrap import LEVEL, bca, medians_without, resampled_mean, resampled_median

POWER = 0.8
SMALLEST_EXPECTED = 5  # runs in a cell, for a test that is not exact
FEWEST_LOSSES = 3  # for an interval of their median
FEW_RUNS = 20  # below so many, the number of runs needed is counted up to instead of solved for


@dataclass(frozen=True)
class Rate:
    """A share of runs: successes out of n, with its Wilson interval."""

    successes: int
    n: int
    low: float
    high: float

    @property
    def share(self) -> float:
        """successes / n."""
        return self.successes / self.n

    def __str__(self) -> str:
        return f"{percent(self.share)} [{percent(self.low)}, {percent(self.high)}]"


def wilson(successes: int, n: int, level: float = LEVEL) -> Rate:
    """Return a share with its Wilson score interval.

    Source: Wilson 1927; statsmodels' proportion_confint.

    >>> str(wilson(86, 100))
    '86 % [78 %, 91 %]'
    """
    from statsmodels.stats.proportion import proportion_confint

    low, high = proportion_confint(successes, n, alpha=1 - level, method="wilson")
    share = successes / n  # rounding may leave the share of 0 or n successes a hair outside
    return Rate(int(successes), int(n), min(float(low), share), max(float(high), share))


@dataclass(frozen=True)
class Comparison:
    """Two conditions' shares: difference (second - first) with Newcombe's interval, a test, its Holm-adjusted p, Cohen's h.

    test: the score test, or Fisher's exact test where fewer than 5 runs would be expected in a cell
    runs_needed: runs in each condition to see the observed difference with 80 % power at the 5 % level (None: no difference)
    """

    first: Any
    second: Any
    difference: float
    low: float
    high: float
    test: str
    p: float
    p_holm: float
    effect: float
    runs_needed: int | None

    @property
    def noticeable(self) -> bool:
        """Whether the adjusted p is below 0.05."""
        return self.p_holm < 1 - LEVEL


def compare_rates(
    names: Sequence[Any], rates: Sequence[Rate], pairs: Sequence[tuple[int, int]] | None = None
) -> list[Comparison]:
    """Return every pair's comparison, p adjusted by Holm over all pairs.

    pairs: which numbers are compared, (first, second); by default all

    >>> pair = compare_rates(["a", "b"], [wilson(79, 100), wilson(94, 100)])[0]
    >>> pair.noticeable, round(pair.difference, 2), pair.test
    (True, 0.15, 'score')
    """
    pairs = list(combinations(range(len(names)), 2)) if pairs is None else pairs
    tests = [rate_test(rates[i], rates[j]) for i, j in pairs]
    adjusted = holm([p for _, p in tests])
    return [
        Comparison(
            names[i],
            names[j],
            rates[j].share - rates[i].share,
            *newcombe(rates[i], rates[j]),
            test=tests[k][0],
            p=tests[k][1],
            p_holm=adjusted[k],
            effect=cohens_h(rates[i].share, rates[j].share),
            runs_needed=runs_needed(rates[i].share, rates[j].share),
        )
        for k, (i, j) in enumerate(pairs)
    ]


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values adjusted for being so many; source: Holm 1979.

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    # As statsmodels' multipletests does it, to the bit; that one also collects Python's garbage, which takes far longer.
    order = np.argsort(p_values)
    steps = np.asarray(p_values, np.float64)[order] * np.arange(len(p_values), 0, -1)
    adjusted = np.empty(len(p_values))
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1)
    return adjusted.tolist()


@lru_cache(maxsize=10_000)
def rate_test(first: Rate, second: Rate) -> tuple[str, float]:
    """Return which test compares two shares, and its two-sided p.

    The score test; Fisher's exact test where fewer than 5 successes or failures would be expected in either.
    Source: Agresti 2013, Categorical Data Analysis; SciPy, statsmodels.

    >>> rate_test(wilson(3, 10), wilson(6, 10))[0]
    'fisher'
    """
    from scipy.stats import fisher_exact
    from statsmodels.stats.proportion import test_proportions_2indep

    counts = [(rate.successes, rate.n - rate.successes) for rate in (first, second)]
    share = (first.successes + second.successes) / (first.n + second.n)
    if min(first.n, second.n) * min(share, 1 - share) < SMALLEST_EXPECTED:
        return "fisher", float(fisher_exact(counts).pvalue)
    with np.errstate(divide="ignore", invalid="ignore"):
        found = test_proportions_2indep(
            second.successes, second.n, first.successes, first.n, method="score", compare="diff", correction=False
        )
    return "score", float(found.pvalue)


def cohens_h(first: float, second: float) -> float:
    """Return Cohen's effect size h, 2 arcsin √p₂ - 2 arcsin √p₁: 0.2 is small, 0.5 medium, 0.8 large. Source: Cohen 1988."""
    from statsmodels.stats.proportion import proportion_effectsize

    return float(proportion_effectsize(second, first))


@dataclass(frozen=True)
class Paired:
    """Two conditions' runs of the same seeds: difference of solved shares with its interval, and McNemar's test.

    only_first, only_second: seeds that only one of the two solved; low, high: BCa bootstrap over seeds
    """

    first: Any
    second: Any
    n: int
    only_first: int
    only_second: int
    difference: float
    low: float
    high: float
    p: float


def compare_paired(
    first: Any, second: Any, solved_first: NDArray[np.bool_], solved_second: NDArray[np.bool_]
) -> Paired:
    """Return the paired comparison of two conditions, seed by seed; McNemar's test is exact below 25 discordant seeds.

    Source: McNemar 1947; Efron 1987 for BCa; statsmodels and SciPy.

    >>> a, b = np.arange(60) < 40, np.arange(60) < 55
    >>> found = compare_paired("a", "b", a, b)
    >>> found.only_first, found.only_second, found.p < 0.001
    (0, 15, True)
    """
    from statsmodels.stats.contingency_tables import mcnemar

    both = int((solved_first & solved_second).sum())
    only_first, only_second = int((solved_first & ~solved_second).sum()), int((~solved_first & solved_second).sum())
    neither = len(solved_first) - both - only_first - only_second
    discordant = only_first + only_second
    exact = discordant < 25
    p = 1.0
    if discordant:
        p = float(mcnemar([[both, only_first], [only_second, neither]], exact=exact, correction=False).pvalue)
    change = solved_second.astype(float) - solved_first.astype(float)
    low = high = float(change.mean())
    if np.ptp(change) > 0:
        low, high = bca(float(change.mean()), resampled_mean(change), [-change / (len(change) - 1)])
    return Paired(first, second, len(change), only_first, only_second, float(change.mean()), low, high, p)


def median_difference(first: NDArray[Any], second: NDArray[Any]) -> tuple[float, float, float] | None:
    """Return the difference of two medians (second - first) with its BCa bootstrap interval; None with too few values.

    Source: Efron 1987; 10,000 resamples.
    """
    if min(len(first), len(second)) < FEWEST_LOSSES:
        return None
    value = float(np.median(second) - np.median(first))
    if max(np.ptp(first), np.ptp(second)) == 0:  # nothing varies: the interval is a point
        return value, value, value
    resampled = resampled_median(second, 1) - resampled_median(first, 0)
    return value, *bca(value, resampled, [-medians_without(first), medians_without(second)])


def median_test(first: NDArray[Any], second: NDArray[Any]) -> float:
    """Return the two-sided p of Mood's median test: do as many of each lie above the median of all?

    Source: Mood 1954; the shares are compared as `rate_test` does.

    >>> round(median_test(np.arange(100), np.arange(30, 130)), 5)
    2e-05
    """
    middle = np.median(np.concatenate([first, second]))
    return rate_test(*(wilson(int((values > middle).sum()), len(values)) for values in (first, second)))[1]


@dataclass(frozen=True)
class Trend:
    """Mantel's linear-by-linear test for a trend of shares over an ordered factor: its z (above 0: rising) and p."""

    z: float
    p: float


def trend(values: Sequence[float], rates: Sequence[Rate]) -> Trend | None:
    """Return the trend of shares over a factor's ranks; None with fewer than three values, or where all runs agree.

        z = (Σ r (s - mean s)) / √(p (1 - p) Σ n (s - mean s)² N / (N - 1))

    r of n runs are solved at the score s, N in all, p their share. (Cochran and Armitage's test has no N / (N - 1).)
    Source: Mantel 1963; Agresti 2013, section 3.4; statsmodels' test of ordinal association.

    >>> trend([10, 20, 40], [wilson(79, 100), wilson(87, 100), wilson(94, 100)]).p < 0.01
    True
    """
    from statsmodels.stats.contingency_tables import Table

    successes = sum(rate.successes for rate in rates)
    if len(rates) < 3 or successes in (0, sum(rate.n for rate in rates)):
        return None
    order = np.argsort(np.asarray(values, float))
    counts = np.array([[rates[i].n - rates[i].successes, rates[i].successes] for i in order])
    found = Table(counts, shift_zeros=False).test_ordinal_association(
        row_scores=np.arange(len(rates)), col_scores=np.array([0, 1])
    )
    return Trend(float(found.zscore), float(found.pvalue))


def simultaneous_intervals(counts: Sequence[int]) -> list[tuple[float, float]]:
    """Return intervals for the shares of several kinds that hold together with 95 %.

    Source: Goodman 1965; statsmodels' multinomial_proportions_confint.

    >>> [round(low, 2) for low, _ in simultaneous_intervals([19, 46, 35])]
    [0.11, 0.35, 0.25]
    """
    from statsmodels.stats.proportion import multinomial_proportions_confint

    if len(counts) == 1:
        rate = wilson(counts[0], counts[0])
        return [(rate.low, rate.high)]
    bounds = multinomial_proportions_confint(counts, 1 - LEVEL, "goodman")
    shares = np.asarray(counts) / sum(counts)  # rounding may leave the share of none or all a hair outside
    return [
        (min(float(low), share), max(min(float(high), 1.0), share))
        for (low, high), share in zip(bounds, shares.tolist(), strict=True)
    ]


def smallest_difference(share: float, n: int, power: float = POWER, level: float = LEVEL) -> float:
    """Return the difference from a share, up or down, that n runs in each of two conditions see with a given power.

    Source: Cohen 1988, solved for the effect size h; statsmodels' NormalIndPower.

    >>> round(smallest_difference(0.791, 76), 2)
    0.21
    """
    from statsmodels.stats.power import NormalIndPower

    h = float(NormalIndPower().solve_power(None, nobs1=n, alpha=1 - level, power=power))
    angle = float(np.arcsin(np.sqrt(share)))
    turned = [angle + h / 2, angle - h / 2]  # beyond 0 or 1 there is nothing to see
    inside = [t for t in turned if 0 <= t <= np.pi / 2] or list(np.clip(turned, 0, np.pi / 2))
    return float(max(abs(np.sin(t) ** 2 - share) for t in inside))


def newcombe(first: Rate, second: Rate, level: float = LEVEL) -> tuple[float, float]:
    """Return Newcombe's interval for second - first. Source: Newcombe 1998, method 10; statsmodels."""
    from statsmodels.stats.proportion import confint_proportions_2indep

    low, high = confint_proportions_2indep(
        second.successes, second.n, first.successes, first.n, method="newcomb", compare="diff", alpha=1 - level
    )
    return float(low), float(high)


@lru_cache(maxsize=10_000)  # a class of students asks for the same few shares over and over
def runs_needed(first: float, second: float, power: float = POWER, level: float = LEVEL) -> int | None:
    """Return how many runs each of two conditions needs for a two-sided test to see their difference.

    Source: Cohen 1988, the arcsine effect size h; statsmodels' NormalIndPower.

    >>> runs_needed(0.791, 0.940), runs_needed(0.0, 1.0)
    (76, 2)
    """
    from statsmodels.stats.power import NormalIndPower

    effect = abs(cohens_h(first, second))
    if effect < 1e-9:
        return None
    size, alpha = NormalIndPower(), 1 - level
    few = np.arange(2, FEW_RUNS)  # where solve_power finds no root
    enough = few[size.power(effect, few, alpha) >= power]
    return int(enough[0]) if len(enough) else int(np.ceil(size.solve_power(effect, alpha=alpha, power=power)))


def quartiles(values: NDArray[Any]) -> tuple[float, float, float] | None:
    """Return the first quartile, median and third quartile, or None of no values.

    >>> quartiles(np.array([1.0, 2.0, 3.0, 4.0, 5.0]))
    (2.0, 3.0, 4.0)
    """
    if len(values) == 0:
        return None
    low, middle, high = np.quantile(values.astype(float), [0.25, 0.5, 0.75])
    return float(low), float(middle), float(high)


def median_interval(values: NDArray[Any], level: float = LEVEL) -> tuple[float, float] | None:
    """Return an interval for the median by order statistics, whatever the distribution; None of fewer than six values.

        [x₍ₖ₎, x₍ₙ₊₁₋ₖ₎],   k the largest with P(Binomial(n, ½) < k) ≤ (1 - level) / 2

    Source: Thompson 1936; Conover 1999, Practical Nonparametric Statistics.

    >>> median_interval(np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0]))
    (2.0, 8.0)
    >>> median_interval(np.arange(5.0)) is None
    True
    """
    from scipy.stats import binom

    n, ordered = len(values), np.sort(values.astype(float))
    rank = int((binom.cdf(np.arange(n), n, 0.5) <= (1 - level) / 2).sum())
    return None if rank == 0 else (float(ordered[rank - 1]), float(ordered[n - rank]))


def mean_interval(values: NDArray[Any], level: float = LEVEL) -> tuple[float, float] | None:
    """Return Student's interval for the mean; None of fewer than two values.

        mean ± t s / √n,   s² = Σ (x - mean)² / (n - 1)

    Source: Student 1908; SciPy.

    >>> [round(bound, 3) for bound in mean_interval(np.array([1.0, 2.0, 3.0]))]
    [-0.484, 4.484]
    """
    from scipy.stats import t

    n = len(values)
    if n < 2:
        return None
    mean, half = float(values.mean()), float(t.ppf((1 + level) / 2, n - 1) * values.std(ddof=1) / np.sqrt(n))
    return mean - half, mean + half
