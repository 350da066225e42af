"""Tables as CSV, for spreadsheets and other programs: every number in full, every text as it is."""

import json
import math
from datetime import date, time
from typing import Any

import numpy as np
import pandas as pd

FORMULAS = "=+-@\t\r\n＝＋－＠"  # what a cell begins with that a spreadsheet runs


def csv_text(frame: pd.DataFrame, *, safe: bool = False) -> str:
    """Return a table as CSV (RFC 4180, lines end in a line feed), without its index.

    Numbers are in full: a float32 is written as the float64 that equals it, so that whoever reads the cell gets the very
    value, as in JSON. What is missing or no finite number is an empty cell, and an empty text a pair of quotes. Booleans are
    TRUE and FALSE, dates ISO 8601, lists JSON.
    safe: text that a spreadsheet would run as a formula (it begins with one of = + - @, a tab or a line end) gets an
        apostrophe in front, and so does text that begins with an apostrophe: without its first one, every cell is as it was

    >>> csv_text(pd.DataFrame({"loss": np.float32([0.5, np.nan]), "solved": [True, False], "word": ["=1+1", "a,b"]}))
    'loss,solved,word\\n0.5,TRUE,=1+1\\n,FALSE,"a,b"\\n'
    >>> csv_text(pd.DataFrame({"word": ["=1+1", "'t"], "change": [-1, 2]}), safe=True)
    "word,change\\n'=1+1,-1\\n''t,2\\n"
    """
    empty = '""' if frame.shape[1] == 1 else ""  # a blank line would be no row at all
    columns = [[_cell(value, safe) or empty for value in _values(frame.iloc[:, n])] for n in range(frame.shape[1])]
    header = [_text(str(name), safe) for name in frame.columns]
    return "".join(f"{','.join(row)}\n" for row in (header, *zip(*columns, strict=True)))


def _values(column: pd.Series) -> list[Any]:
    real = column.dtype.kind == "f"
    return (column.to_numpy(np.float64, na_value=np.nan) if real else column.array).tolist()


def _cell(value: Any, safe: bool) -> str:
    match value:
        case bool():
            return "TRUE" if value else "FALSE"
        case float():
            return repr(value) if math.isfinite(value) else ""
        case int():
            return str(value)
        case np.floating():
            return _cell(float(value), safe)
        case np.ndarray() | np.integer() | np.bool_():
            return _cell(value.tolist(), safe)
        case list() | tuple() | dict():
            return _text(json.dumps(value, ensure_ascii=False, default=str), safe)
        case _ if value is None or value is pd.NaT or value is pd.NA:
            return ""
        case date() | time():
            return value.isoformat()
    return _text(str(value), safe)


def _text(text: str, safe: bool) -> str:
    if safe and text.startswith(("'", *FORMULAS)):
        text = f"'{text}"
    return f'"{text.replace(chr(34), chr(34) * 2)}"' if not text or any(mark in text for mark in ',"\r\n') else text
