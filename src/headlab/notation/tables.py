"""Of a table that is too large to show, the rows and columns that say most."""

from collections.abc import Collection

import numpy as np
import pandas as pd


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
