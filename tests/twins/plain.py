"""Values as JSON, and how two of them differ: texts to the letter, numbers to 1e-12, what is no finite number alike."""

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

CLOSE = 1e-12  # of a number, and of itself where it is larger than one
DIGITS = 14  # of a number, as it is kept
# Where shares stand: in a split and in what draws the eye, and in clauses about these.
SHARES = re.compile(r"_share$|\.(makes|undone)$|\.arguments\.(pattern|value|direct)$")
NO_NUMBER = "$"  # {"$": "nan"} is what JSON cannot hold


def plain(value: Any) -> Any:
    """Return a value as JSON holds it, every number to 14 digits.

    >>> plain({"loss": np.float32(0.5), "rest": (math.inf, None, np.arange(2))})
    {'loss': 0.5, 'rest': [{'$': 'inf'}, None, [0, 1]]}
    """
    match value:
        case None | bool() | str() | int():
            return value
        case float() | np.floating():
            number = float(value)
            return float(f"{number:.{DIGITS}g}") if math.isfinite(number) else {NO_NUMBER: str(number)}
        case np.ndarray() | np.integer() | np.bool_():
            return plain(value.tolist())
        case Mapping():
            return {str(name): plain(item) for name, item in value.items()}
    return [plain(item) for item in value]


def differences(one: Any, other: Any, path: str = "", whole: float = 1.0) -> Iterator[str]:
    """Yield where two plain values differ, with both; whole: what shares are of, as far as that is less than one.

    A share of next to nothing is as exact as what it is of: x · |whole| to 1e-12.

    >>> list(differences({"a": [1.0, "x"]}, {"a": [1.0 + 1e-15, "y"]}))
    ['.a[1]: "x" is not "y"']
    >>> list(differences({"total": 1e-8, "value_share": 0.7}, {"total": 1e-8 + 1e-17, "value_share": 0.7 - 7e-10}))
    []
    """
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        if list(one) != list(other):
            yield f"{path}: {list(one)} are not {list(other)}"
        whole = min(whole, _whole_in(one))
        for name in one.keys() & other.keys():
            yield from differences(one[name], other[name], f"{path}.{name}", whole)
    elif isinstance(one, list) and isinstance(other, list):
        if len(one) != len(other):
            yield f"{path}: {len(one)} are not {len(other)}"
        for number, (mine, theirs) in enumerate(zip(one, other, strict=False)):
            yield from differences(mine, theirs, f"{path}[{number}]", whole)
    elif not _same(one, other, whole if SHARES.search(path) else 1.0):
        yield f"{path}: {_shown(one)} is not {_shown(other)}"


def _whole_in(table: Mapping[str, Any]) -> float:
    """Return the size of the smallest whole that a table holds: a change that is coded, what the pattern makes of one."""
    coding, eye = table.get("coding") or table, table.get("eye") or {}
    total, makes = coding.get("total"), eye.get("makes", 1.0)
    return max(abs(total) * min(1.0, abs(makes)), 1e-300) if _is_number(total) and _is_number(makes) else 1.0


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _same(one: Any, other: Any, whole: float) -> bool:
    if _is_number(one) and _is_number(other):
        return bool(abs(one - other) * min(1.0, whole) <= CLOSE * max(1.0, abs(one), abs(other)))
    return type(one) is type(other) and bool(one == other)


def _shown(value: Any) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value)
