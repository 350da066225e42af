"""Values and tables as strict JSON: every number in full, whatever is no finite number as null, every text as it is."""

import json
import math
import re
from collections.abc import Mapping
from datetime import date, time
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd

from headlab.notation.visible import is_unseen


def json_value(value: Any, largest: float = math.inf) -> Any:
    """Return a value that strict JSON can hold: a float32 as the float64 that equals it, dates as ISO 8601.

    largest: whole numbers beyond it go as text, for a reader that could not hold them exactly

    >>> json_value({"loss": np.float32(0.5), "seed": np.uint64(2**64 - 1), "rest": (np.inf, pd.NA, date(2026, 1, 2))})
    {'loss': 0.5, 'seed': 18446744073709551615, 'rest': [None, None, '2026-01-02']}
    >>> json_value([4, 2**60], largest=2**53)
    [4, '1152921504606846976']
    """
    match value:
        case bool() | str() | None:
            return value
        case int():
            return value if abs(value) <= largest else str(value)
        case float():
            return float(value) if math.isfinite(value) else None
        case np.floating():
            return json_value(float(value))
        case np.ndarray() | np.integer() | np.bool_():
            return json_value(value.tolist(), largest)
        case Decimal():
            return json_value(float(value))
        case _ if value is pd.NaT or value is pd.NA:
            return None
        case list() | tuple() | set() | frozenset():
            return [json_value(item, largest) for item in value]
        case Mapping():
            return {str(name): json_value(item, largest) for name, item in value.items()}
        case date() | time():
            return value.isoformat()
    return str(value)


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return a table's rows as values that strict JSON can hold."""
    names = [str(name) for name in frame.columns]
    columns = [[json_value(value) for value in frame.iloc[:, n].array.tolist()] for n in range(frame.shape[1])]
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


def json_text(value: Any, *, ascii_only: bool = False, in_a_line: bool = False) -> str:
    r"""Return a value as JSON text; characters that a terminal obeys or nobody sees are escaped, which changes no value.

    ascii_only: escape everything beyond ASCII, for a stream that cannot hold it; in_a_line: for who reads line by line

    >>> print(json_text({"word": "中\u202e\x9b"}), json_text("中", ascii_only=True))
    {
      "word": "中\u202e\u009b"
    } "\u4e2d"
    """
    text = json.dumps(json_value(value), indent=None if in_a_line else 2, ensure_ascii=ascii_only, allow_nan=False)
    return re.sub(r"[^\n -~]", lambda found: json.dumps(found[0])[1:-1] if is_unseen(found[0]) else found[0], text)
