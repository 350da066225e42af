"""How much of a corpus is shown: what a person reads on one screen or page; the rest is counted in a sentence and exported.

A screen of the largest corpus stays under 200 lines of 80 characters, a page under 2 MB; only what is shown is computed.
"""

from collections.abc import Collection

import numpy as np
import pandas as pd

from headlab.notation.values import and_more

MOST_PLACES = 5  # explained on a screen, with their numbers
MOST_PARTS = 9  # rows of one place's table of parts
MOST_PAGE_PLACES = 8  # explained on a page
MOST_SENTENCES, MOST_PAGE_SENTENCES = 2, 12  # whose predictions and attention are tables
MOST_LISTED = 20  # sentences, dependencies or runs, a line each
MOST_COLUMNS, MOST_PAGE_COLUMNS = 12, 24  # of one table
MOST_ROWS, MOST_PAGE_ROWS = 16, 64  # of one table


def telling_rows(frame: pd.DataFrame, most: int) -> pd.DataFrame:
    """Return a table with the rows that hold the largest numbers, in their own order.

    >>> telling_rows(pd.DataFrame({"x": [0.1, -3.0, 2.0]}), 2).index.tolist()
    [1, 2]
    """
    if len(frame) <= most:
        return frame
    size = np.nan_to_num(np.abs(frame.select_dtypes("number").to_numpy(float)), nan=0.0).max(axis=1, initial=0.0)
    return frame.iloc[np.sort(np.argsort(-size, kind="stable")[:most])]


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


def fitting(frame: pd.DataFrame, rows: int, columns: int, where: str = "") -> tuple[pd.DataFrame, list[str]]:
    """Return the rows and columns of a table that hold the largest numbers, and sentences that count the rest.

    The first column, which names the rows, stays; where: see `and_more`

    >>> frame = pd.DataFrame({"token": ["a", "b"], "x": [0.1, 3.0], "y": [0.2, 0.0]})
    >>> shown, left = fitting(frame, 1, 1)
    >>> shown.to_dict("list"), left
    ({'token': ['b'], 'x': [3.0]}, ['… and 1 more row.', '… and 1 more column.'])
    """
    kept = telling_rows(frame, rows)
    if frame.shape[1] - 1 > columns:
        kept = pd.concat([kept.iloc[:, :1], telling_columns(kept.iloc[:, 1:], columns)], axis=1)
    left = frame.shape[0] - kept.shape[0], frame.shape[1] - kept.shape[1]
    return kept, [*and_more(left[0], "rows", where), *and_more(left[1], "columns", where)]


def window(length: int, place: int, most: int) -> slice:
    """Return the rows of a long sentence that are shown: the first ones, or those that end just behind a place.

    >>> window(5, 3, 16), window(300, 3, 16), window(300, 200, 16)
    (slice(0, 5, None), slice(0, 16, None), slice(186, 202, None))
    """
    end = min(length, max(most, place + 2))
    return slice(max(0, end - most), end)
