"""What a few runs can see: how large a difference must be for the study's own verdict to find it, by counting every outcome."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from headlab.arrays import Array, Bool, Float
from headlab.notation.numbers import percent, quantity
from headlab.study.bootstrap import LEVEL
from headlab.study.statistics import POWER, rate_test, wilson

STEPS = 100  # of a share: differences are looked for in whole percent
NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")


@dataclass(frozen=True)
class Seen:
    """What n runs at each of two values can see from a share of solved ones: the nearest share that is told from it.

    share: of solved runs at one value; other: the nearest share at the other one that is told apart from it with 80 % power,
    as every one beyond it is; None: none is

    >>> Seen.of(3, 0.7).other, Seen.of(10, 0.7).other, Seen.of(100, 0.7).other
    (None, 0.05, 0.87)
    """

    n: int
    share: float
    other: float | None

    @classmethod
    def of(cls, n: int, share: float) -> "Seen":
        """Count every outcome of n runs at a share and n at each other one, and what the verdict says of it."""
        told = told_apart(n)
        from_here = (
            chances(n, np.array([share]))[0] @ told
        )  # [solved of the others]: how often it is told from these runs
        others = np.arange(STEPS + 1) / STEPS
        power = chances(n, others) @ from_here
        seen = power >= POWER - 1e-12
        above, below = others > share, others < share
        found = [*_first(others[above], seen[above]), *_first(others[below][::-1], seen[below][::-1])]
        return cls(n, share, min(found, key=lambda other: abs(other - share), default=None))

    def sentence(self) -> str:
        """Return it in words, said to who has these runs.

        >>> Seen.of(3, 0.7).sentence()
        'Your three runs each could have seen no difference at all: even none of three against all three is no verdict.'
        >>> Seen.of(10, 0.7).sentence()
        'Your ten runs each could have seen a difference of 65 percentage points, 70 % solved against 5 %, four times in five.'
        """
        runs = f"{_word(self.n)} {quantity(self.n, 'run').split()[-1]} each"
        if not told_apart(self.n).any():
            most = f"even none of {_word(self.n)} against all {_word(self.n)} is no verdict"
            return f"Your {runs} could have seen no difference at all: {most}."
        if self.other is None:
            why = f"from {percent(self.share)} solved, none is found four times in five"
            return f"Your {runs} could have seen no difference reliably: {why}."
        points = round(100 * abs(self.other - self.share))
        against = f"{percent(self.share)} solved against {percent(self.other)}"
        return f"Your {runs} could have seen a difference of {points} percentage points, {against}, four times in five."


def _first(others: Float[Array, " other"], seen: Bool[Array, " other"]) -> list[float]:
    """Return the first of some shares from which on all are seen; none where the last one is not."""
    unseen = np.nonzero(~seen)[0]
    return others[unseen[-1] + 1 if len(unseen) else 0 :][:1].tolist()


@lru_cache
def told_apart(n: int) -> Bool[Array, "first second"]:
    """Return [solved, solved]: whether so many of n runs each are better or worse by the study's verdict, of one pair alone.

    >>> [int(told_apart(n).sum()) for n in (3, 4, 5)]
    [0, 2, 6]
    """
    told = np.zeros((n + 1, n + 1), bool)
    for first in range(n + 1):
        for second in range(first, n + 1):
            if (n - second, n - first) < (first, second):  # the same with what is solved and what is not exchanged
                found = told[n - second, n - first]
            else:
                found = rate_test(wilson(first, n), wilson(second, n))[1] < 1 - LEVEL
            told[first, second] = told[second, first] = found
    return told


def chances(n: int, shares: Float[Array, " share"]) -> Float[Array, "share solved"]:
    """Return how likely each number of n runs is to be solved, at each share: the binomial distribution."""
    from scipy.stats import binom

    return np.asarray(binom.pmf(np.arange(n + 1), n, shares[:, None]))


def _word(number: int) -> str:
    return NUMBERS[number] if number < len(NUMBERS) else f"{number:,}"
