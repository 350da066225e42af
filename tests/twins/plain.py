"""Values as JSON, and how two of them differ: texts to the letter, numbers to 1e-12, what is no finite number alike."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

CLOSE = 1e-12  # of a number, and of itself where it is larger than one
NO_NUMBER = "$"  # {"$": "nan"} is what JSON cannot hold


def plain(value: Any) -> Any:
    """Return a value as JSON holds it, every number in full.

    >>> plain({"loss": np.float32(0.5), "rest": (math.inf, None, np.arange(2))})
    {'loss': 0.5, 'rest': [{'$': 'inf'}, None, [0, 1]]}
    """
    match value:
        case None | bool() | str() | int():
            return value
        case float() | np.floating():
            number = float(value)
            return number if math.isfinite(number) else {NO_NUMBER: str(number)}
        case np.ndarray() | np.integer() | np.bool_():
            return plain(value.tolist())
        case Mapping():
            return {str(name): plain(item) for name, item in value.items()}
    return [plain(item) for item in value]


def differences(one: Any, other: Any, path: str = "") -> Iterator[str]:
    """Yield where two plain values differ, with both.

    >>> list(differences({"a": [1.0, "x"]}, {"a": [1.0 + 1e-15, "y"]}))
    ['.a[1]: "x" is not "y"']
    >>> list(differences({"total": 1e-8, "value_share": 0.7}, {"total": 1e-8 + 1e-17, "value_share": 0.7 - 7e-10}))
    []
    """
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        if list(one) != list(other):
            yield f"{path}: {list(one)} are not {list(other)}"
        for name in one.keys() & other.keys():
            wholes = _wholes(one, other) if name.endswith("_share") else None
            mine, theirs = one[name], other[name]
            if wholes and all(isinstance(share, float | int) for share in (mine, theirs)):
                # A share of next to nothing is as exact as what it is of.
                mine, theirs = mine * wholes[0], theirs * wholes[1]
            yield from differences(mine, theirs, f"{path}.{name}")
    elif isinstance(one, list) and isinstance(other, list):
        if len(one) != len(other):
            yield f"{path}: {len(one)} are not {len(other)}"
        for number, (mine, theirs) in enumerate(zip(one, other, strict=False)):
            yield from differences(mine, theirs, f"{path}[{number}]")
    elif not _same(one, other):
        yield f"{path}: {_shown(one)} is not {_shown(other)}"


def _wholes(one: Mapping[str, Any], other: Mapping[str, Any]) -> tuple[float, float] | None:
    wholes = one.get("total"), other.get("total")
    return wholes if all(isinstance(whole, int | float) for whole in wholes) else None  # type: ignore[return-value]


def _same(one: Any, other: Any) -> bool:
    numbers = [isinstance(value, int | float) and not isinstance(value, bool) for value in (one, other)]
    if all(numbers):
        return bool(abs(one - other) <= CLOSE * max(1.0, abs(one), abs(other)))
    return type(one) is type(other) and bool(one == other)


def _shown(value: Any) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value)
