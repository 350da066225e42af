"""Shares, quartiles, comparisons and power: arrays in, records out. Every interval and test is SciPy's or statsmodels'."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

LEVEL = 0.95
POWER = 0.8


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
        return f"{self.share:.0%} [{self.low:.0%}, {self.high:.0%}]"


def wilson(successes: int, n: int, level: float = LEVEL) -> Rate:
    """Return a share with its Wilson score interval.

    Source: Wilson 1927; statsmodels' proportion_confint.

    >>> str(wilson(86, 100))
    '86% [78%, 91%]'
    """
    from statsmodels.stats.proportion import proportion_confint

    low, high = proportion_confint(successes, n, alpha=1 - level, method="wilson")
    share = successes / n  # rounding may leave the share of 0 or n successes a hair outside
    return Rate(int(successes), int(n), min(float(low), share), max(float(high), share))


@dataclass(frozen=True)
class Comparison:
    """Two conditions' shares: difference (second - first) with Newcombe's interval, Fisher's exact p, Holm-adjusted p.

    runs_needed: runs in each condition to see the observed difference with 80 % power at the 5 % level (None: no difference)
    """

    first: Any
    second: Any
    difference: float
    low: float
    high: float
    p: float
    p_holm: float
    runs_needed: int | None

    @property
    def noticeable(self) -> bool:
        """Whether the adjusted p is below 0.05."""
        return self.p_holm < 1 - LEVEL


def compare_rates(names: Sequence[Any], rates: Sequence[Rate]) -> list[Comparison]:
    """Return every pair's comparison, p adjusted by Holm over all pairs.

    >>> pair = compare_rates(["a", "b"], [wilson(79, 100), wilson(94, 100)])[0]
    >>> pair.noticeable, round(pair.difference, 2)
    (True, 0.15)
    """
    from scipy.stats import fisher_exact
    from statsmodels.stats.multitest import multipletests

    pairs = list(combinations(range(len(names)), 2))
    if not pairs:
        return []
    tables = [[[r.successes, r.n - r.successes] for r in (rates[i], rates[j])] for i, j in pairs]
    p = [float(fisher_exact(table).pvalue) for table in tables]
    adjusted = multipletests(p, method="holm")[1]
    return [
        Comparison(
            names[i],
            names[j],
            rates[j].share - rates[i].share,
            *newcombe(rates[i], rates[j]),
            p=p[k],
            p_holm=float(adjusted[k]),
            runs_needed=runs_needed(rates[i].share, rates[j].share),
        )
        for k, (i, j) in enumerate(pairs)
    ]


def newcombe(first: Rate, second: Rate, level: float = LEVEL) -> tuple[float, float]:
    """Return Newcombe's interval for second - first. Source: Newcombe 1998, method 10; statsmodels."""
    from statsmodels.stats.proportion import confint_proportions_2indep

    low, high = confint_proportions_2indep(
        second.successes, second.n, first.successes, first.n, method="newcomb", compare="diff", alpha=1 - level
    )
    return float(low), float(high)


def runs_needed(first: float, second: float, power: float = POWER, level: float = LEVEL) -> int | None:
    """Return how many runs each of two conditions needs for a two-sided test to see their difference.

    Source: Cohen 1988, the arcsine effect size h; statsmodels' NormalIndPower.

    >>> runs_needed(0.791, 0.940)
    76
    """
    from statsmodels.stats.power import NormalIndPower
    from statsmodels.stats.proportion import proportion_effectsize

    effect = abs(proportion_effectsize(first, second))
    if effect < 1e-9:
        return None
    return int(np.ceil(NormalIndPower().solve_power(effect, alpha=1 - level, power=power)))


def quartiles(values: NDArray[Any]) -> tuple[float, float, float] | None:
    """Return the first quartile, median and third quartile, or None of no values.

    >>> quartiles(np.array([1.0, 2.0, 3.0, 4.0, 5.0]))
    (2.0, 3.0, 4.0)
    """
    if len(values) == 0:
        return None
    low, middle, high = np.quantile(values.astype(float), [0.25, 0.5, 0.75])
    return float(low), float(middle), float(high)
