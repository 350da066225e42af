"""Sequences of token ids as somebody gives them, checked: whole numbers from a base on, and of the vocabulary."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from headlab.data.batch import MAX_VOCABULARY
from headlab.errors import CorpusError
from headlab.notation.values import short_repr


def sequences_of(ids: Any, base: int = 0, d_vocab: int | None = None) -> list[list[int]]:
    """Return sequences of ids that count from `base` as lists of ids that count from 0; raises `CorpusError`.

    d_vocab: how many tokens there are, where that is known

    >>> sequences_of([[1, 2, 3], [1, 3]], base=1)
    [[0, 1, 2], [0, 2]]
    """
    if isinstance(base, bool) or not isinstance(base, int | np.integer):
        raise CorpusError(f"base must be a whole number, got {short_repr(base)}: give the smallest id")
    sequences = [[_id(number, base) for number in sequence] for sequence in _lists(ids)]
    if not sequences or not all(sequences):
        raise CorpusError("ids must be at least one sequence with at least one id each, got none: give the token ids")
    top = max(map(max, sequences))
    if top >= MAX_VOCABULARY:
        raise CorpusError(
            f"ids must be below {base + MAX_VOCABULARY}, as so many tokens fit, got {base + top}: number them anew"
        )
    if d_vocab is not None and top >= d_vocab:
        hint = " (ids that count from 1 need base=1)" if top == d_vocab and base == 0 else ""
        raise CorpusError(
            f"ids must be from {base} to {base + d_vocab - 1}, got {base + top}{hint}: extend the vocabulary"
        )
    return sequences


def _lists(ids: Iterable[Any]) -> list[list[Any]]:
    try:
        return [list(sequence) for sequence in ids]
    except TypeError:
        raise CorpusError(
            f"ids must be sequences of token ids, like [[0, 1], [0, 2]], got {short_repr(ids)}: give a list each"
        ) from None


def _id(number: Any, base: int) -> int:
    if isinstance(number, bool) or not isinstance(number, int | np.integer):
        raise CorpusError(f"ids must be whole numbers, got {short_repr(number)}: give token ids from {base}")
    if number < base:
        raise CorpusError(f"ids must be at least {base}, got {number}: set base to the smallest id")
    return int(number) - base
