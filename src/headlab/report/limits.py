"""How much of a corpus is shown: what a person reads on one screen or page; the rest is counted in a sentence and exported.

A screen of the largest corpus stays under 200 lines of 80 characters, a page under 2 MB; only what is shown is computed.
"""

import pandas as pd

from headlab.notation.tables import telling_columns, telling_rows
from headlab.notation.values import and_more

MOST_PLACES = 5  # explained on a screen, with their numbers
MOST_PARTS = 9  # rows of one place's table of parts
OUTCOME = (
    17  # characters of what is predicted without a part, in that table: with the short names of parts, it fits a screen
)
MOST_PAGE_PLACES = 8  # explained on a page
MOST_SENTENCES, MOST_PAGE_SENTENCES = 2, 12  # whose predictions and attention are tables
MOST_LISTED = 20  # sentences, dependencies or runs, a line each
MOST_COLUMNS, MOST_PAGE_COLUMNS = 12, 24  # of one table
MOST_ROWS, MOST_PAGE_ROWS = 16, 64  # of one table


def cut_table(frame: pd.DataFrame, rows: int, columns: int, where: str = "") -> tuple[pd.DataFrame, list[str]]:
    """Return the rows and columns of a table that hold the largest numbers, and sentences that count the rest.

    The first column, which names the rows, stays; where: see `and_more`

    >>> frame = pd.DataFrame({"token": ["a", "b"], "x": [0.1, 3.0], "y": [0.2, 0.0]})
    >>> shown, left = cut_table(frame, 1, 1)
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
