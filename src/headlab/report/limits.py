"""How much of a corpus is shown: what a person reads on one screen or page; the rest is counted in a sentence and exported.

A screen of the largest corpus stays under 200 lines of 80 characters, a page under 2 MB; only what is shown is computed.
"""

from collections.abc import Collection

import numpy as np
import pandas as pd

MOST_PLACES = 5  # explained on a screen, with their numbers
MOST_PARTS = 9  # rows of one place's table of parts
MOST_PAGE_PLACES = 8  # explained on a page
MOST_SENTENCES, MOST_PAGE_SENTENCES = 2, 12  # whose predictions and attention are tables
MOST_LISTED = 20  # sentences, dependencies or runs, a line each
MOST_COLUMNS, MOST_PAGE_COLUMNS = 12, 24  # of one table
MOST_ROWS, MOST_PAGE_ROWS = 16, 64  # of one table


def more(left: int, what: str, where: str = "") -> list[str]:
    """Return the sentence that counts what is not shown; none where everything is.

    left: how many; what: of what, in the plural; where: the command or method that has them all

    >>> more(488, "sentences", "headlab export runs/ attention")
    ['… and 488 more sentences; `headlab export runs/ attention` has them all.']
    >>> more(1, "sentences"), more(0, "sentences")
    (['… and 1 more sentence.'], [])
    """
    if left <= 0:
        return []
    counted = f"… and {left:,} more {what.removesuffix('s') if left == 1 else what}"
    return [f"{counted}; `{where}` has them all." if where else f"{counted}."]


def telling_columns(frame: pd.DataFrame, most: int, always: Collection[int] = ()) -> pd.DataFrame:
    """Return a table with the columns that say most, in their own order: those asked for, then those with the largest numbers.

    always: column numbers that stay (a sentence's targets, say), before any other

    >>> frame = pd.DataFrame([[0.1, 0.7, 0.0, 0.2]], columns=list("abcd"))
    >>> list(telling_columns(frame, 2)), list(telling_columns(frame, 2, always=[2]))
    (['b', 'd'], ['b', 'c'])
    """
    if frame.shape[1] <= most:
        return frame
    size = np.nan_to_num(np.abs(frame.to_numpy(float)), nan=0.0).max(axis=0, initial=0.0)
    size[list(always)] = np.inf
    kept = np.sort(np.argsort(-size, kind="stable")[:most])
    return frame.iloc[:, kept]


def window(length: int, place: int, most: int) -> slice:
    """Return the rows of a long sentence that are shown: the first ones, or those that end just behind a place.

    >>> window(5, 3, 16), window(300, 3, 16), window(300, 200, 16)
    (slice(0, 5, None), slice(0, 16, None), slice(186, 202, None))
    """
    end = min(length, max(most, place + 2))
    return slice(max(0, end - most), end)
