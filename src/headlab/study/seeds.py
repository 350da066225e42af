"""Seeds of a study: counted before they are taken one by one, so that no list is larger than a study may be."""

import itertools
import operator
from collections.abc import Iterable, Sequence, Sized
from typing import Any

import numpy as np

from headlab.config import MAX_RUNS
from headlab.config.seeds import is_seed, range_length, seeds_of_text
from headlab.errors import ConfigError
from headlab.notation.numbers import quantity
from headlab.notation.values import short_repr
from headlab.study.conditions import first_repeated


def seeds_of(given: Any, n_conditions: int) -> tuple[int, ...]:
    """Return seeds as numbers: of one, of a text like 0:1000, of a range, a list, an array or a generator.

    Raises `ConfigError` for what is no seed, a seed named twice, or more runs than a study may have.

    >>> seeds_of("0:3", 1), seeds_of(np.arange(2), 1), seeds_of(7, 1)
    ((0, 1, 2), (0, 1), (7,))
    """
    several = seeds_of_text(given, most=None) if isinstance(given, str) else [given] if is_seed(given) else given
    if not isinstance(several, Iterable):
        raise ConfigError(_expectation(short_repr(given)))
    if isinstance(several, Sized):
        check_count(range_length(several) if isinstance(several, range) else len(several), n_conditions)
    most = MAX_RUNS // max(1, n_conditions)
    found = list(itertools.islice(several.tolist() if isinstance(several, np.ndarray) else several, most + 1))
    if len(found) > most:
        check_count(most + 1, n_conditions, "at least ")
    wrong = [short_repr(seed) for seed in found if not is_seed(seed)]
    if wrong or not found:
        raise ConfigError(_expectation(wrong[0] if wrong else "none"))
    seeds = tuple(map(operator.index, found))
    if len(set(seeds)) < len(seeds):
        raise ConfigError(f"seeds must each be named once, got {first_repeated(seeds)} twice")
    return seeds


def check_count(n_seeds: int, n_conditions: int, about: str = "") -> None:
    """Raise `ConfigError` where conditions × seeds are more runs than a study may have."""
    fitting = MAX_RUNS // max(1, n_conditions)
    if n_seeds > fitting:
        raise ConfigError(
            f"a study must have at most {MAX_RUNS:,} runs, got {quantity(n_conditions, 'condition')} × "
            f"{about}{n_seeds:,} seeds: take at most {fitting:,} seeds"
        )


def ranges(seeds: Sequence[int]) -> list[list[int]]:
    """Return seeds as half-open ranges.

    >>> ranges([0, 1, 2, 7])
    [[0, 3], [7, 8]]
    """
    found: list[list[int]] = []
    for seed in seeds:
        if found and found[-1][1] == seed:
            found[-1][1] += 1
        else:
            found.append([seed, seed + 1])
    return found


def of_ranges(given: Any, n_conditions: int) -> tuple[int, ...]:
    """Return the seeds of half-open ranges; raises `ConfigError` for anything else, or too many of them."""
    wrong = [item for item in given if not _is_range(item)] if isinstance(given, list) else [given]
    if wrong:
        raise ConfigError(f"seeds must be ranges of whole numbers from 0 to 2**64 - 1, got {short_repr(wrong[0])}")
    check_count(sum(last - first for first, last in given), n_conditions)
    return tuple(seed for first, last in given for seed in range(first, last))


def _is_range(item: Any) -> bool:
    whole = isinstance(item, list) and len(item) == 2 and all(type(number) is int for number in item)
    return whole and 0 <= item[0] < item[1] <= 2**64


def _expectation(got: str) -> str:
    return f"seeds must be whole numbers from 0 to 2**64 - 1, at least one, got {got}"
