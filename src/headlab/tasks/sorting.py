"""Lists of different numbers and their sorted order as one sequence: what the two tasks of sorting draw."""

import numpy as np

from headlab.data.batch import Ids
from headlab.data.draws import Draws


def sorted_lists(draws: Draws, n_values: int, length: int, *, start: int | None, middle: int) -> tuple[Ids, Ids]:
    """Return sequences (start), unsorted, middle, sorted without its last, whose targets are the sorted list.

    A list is of so many different numbers below n_values, every list as likely as every other. Its first answer is asked at
    middle, each further one at the answer before it; the last answer is nobody's input.
    start, middle: ids of the tokens before and after the unsorted list; no start where it is None

    >>> tokens, targets = sorted_lists(Draws(0, "train", 0, 1), 9, 3, start=9, middle=10)
    >>> tokens.shape, targets[0, :4].tolist(), bool((targets[0, 4:] == np.sort(tokens[0, 1:4])).all())
    ((1, 7), [-1, -1, -1, -1], True)
    """
    unsorted = draws.chosen(n_values, length)
    answers = np.sort(unsorted, axis=1)
    before = [] if start is None else [np.full((draws.n, 1), start)]
    tokens = np.concatenate([*before, unsorted, np.full((draws.n, 1), middle), answers[:, :-1]], axis=1)
    targets = np.full_like(tokens, -1)
    targets[:, -length:] = answers
    return tokens, targets
