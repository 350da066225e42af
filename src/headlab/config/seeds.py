"""Seeds, and what else is a list of whole numbers: checked, and read from text."""

import operator
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from headlab.config import MAX_RUNS
from headlab.errors import ConfigError, Problem
from headlab.notation.values import short_repr


def seed_array(seeds: int | Iterable[int]) -> NDArray[np.uint64]:
    """Return seeds as an array; raises `ConfigError` for an empty list or a seed that is not in 0 … 2⁶⁴-1.

    >>> seed_array(range(3)).tolist()
    [0, 1, 2]
    """
    several = isinstance(seeds, Iterable) and not isinstance(seeds, str) and getattr(seeds, "ndim", 1) > 0
    given = at_most_runs("seeds", cast(Iterable[Any], seeds)) if several else [seeds]
    wrong = [seed for seed in telling_values(given) if not is_seed(seed)]
    if wrong or not given:
        got = short_repr(wrong[0]) if wrong else "none"
        raise ConfigError(Problem(f"seeds must be whole numbers from 0 to 2**64 - 1, at least one, got {got}", "seeds"))
    return np.fromiter(map(operator.index, given), np.uint64, len(given))


def at_most_runs(name: str, values: Iterable[Any]) -> Sequence[Any]:
    """Return values as a range or a list, of at most MAX_RUNS; reads no further than that."""
    some: Sequence[Any] = values if isinstance(values, range) else list(islice(values, MAX_RUNS + 1))
    count = range_length(some) if isinstance(some, range) else len(some)
    if count > MAX_RUNS:
        got = f"{count:,}" if isinstance(some, range) else "more"
        raise ConfigError(Problem(f"{name} must be at most {MAX_RUNS:,}, got {got}: train in several parts", name))
    return some


def telling_values(values: Sequence[Any]) -> Sequence[Any]:
    """Return those that decide whether all are whole numbers in a range: a range's two ends, or all."""
    return [values[0], values[-1]] if isinstance(values, range) and values else values


def range_length(numbers: range) -> int:
    """Return how many numbers a range has, which `len` refuses to say of long ones.

    >>> range_length(range(0, 10**30, 10))
    100000000000000000000000000000
    """
    return max(0, -((numbers.start - numbers.stop) // numbers.step))


def seeds_of_text(text: str, name: str = "seeds", most: int | None = MAX_RUNS) -> Sequence[int]:
    """Read `7`, `0:1000` or `1,5,9`; raises `ConfigError`, which calls the text by its name.

    most: how many they may be; None where they are counted later

    >>> seeds_of_text("0:1000"), seeds_of_text("1,5,9")
    (range(0, 1000), [1, 5, 9])
    """
    seeds: Sequence[int]
    try:
        if ":" in text:
            first, last = text.split(":")
            seeds = range(int(first or 0), int(last))
        else:
            seeds = [int(part) for part in text.split(",")]
    except ValueError:
        seeds = []
    if not seeds:
        said = f"{name} must be a number, a range like 0:1000 or a list like 1,5,9, got {short_repr(text)}"
        raise ConfigError(Problem(said, "seeds"))
    count = range_length(seeds) if isinstance(seeds, range) else len(seeds)
    if most is not None and count > most:
        said = f"{name} must be at most {most:,} seeds, got {short_repr(text)}: train them in several parts"
        raise ConfigError(Problem(said, "seeds"))
    return seeds


def is_seed(seed: Any) -> bool:
    """Return whether a value is a whole number from 0 to 2⁶⁴ - 1."""
    if isinstance(seed, bool | np.bool_):
        return False
    try:
        return 0 <= operator.index(seed) < 2**64
    except TypeError:
        return False
