"""Which of several runs: by a number, a slice, a mask or a list."""

from typing import Any

import numpy as np

from headlab.analysis.subject import run_number
from headlab.errors import SelectionError
from headlab.notation.values import short_repr


def number_of(index: Any, count: int) -> int | None:
    """Return the number of the run that an index is, None where it chooses several; raises `SelectionError`.

    >>> number_of(-1, 3), number_of([0, 2], 3)
    (2, None)
    """
    if isinstance(index, int | np.integer) and not isinstance(index, bool):
        return run_number(index, count, from_end=True)
    try:
        chosen = np.arange(count)[index]
    except (IndexError, TypeError, ValueError):
        chosen = None
    if np.ndim(chosen) != 1 or chosen is None:  # NumPy takes None, True and two lists for further axes
        raise SelectionError(
            f"runs must be chosen by a number, a slice, a mask or a list of numbers from 0 to {count - 1}, "
            f"got {short_repr(index)}"
        )
    return None
