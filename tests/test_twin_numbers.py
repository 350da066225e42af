"""Numbers and values as text: Python writes what tests/data/notation.json says, and the page is held to the same file."""

import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from headlab.notation import numbers, values, visible

FILE = Path(__file__).parent / "data" / "notation.json"
WRITES: dict[str, Callable[..., Any]] = {
    "decimals": numbers.decimals,
    "withSign": numbers.with_sign,
    "percent": numbers.percent,
    "fixed": lambda value, digits: f"{value:.{digits}f}",
    "rounded": lambda value, digits: repr(round(value, digits)),
    "quantity": numbers.quantity,
    "duration": numbers.duration,
    "isOrAre": numbers.is_or_are,
    "shortRepr": values.short_repr,
    "listing": values.listing,
    "enumeration": values.enumeration,
    "andMore": values.and_more,
    "escapeUnseen": visible.escape_unseen,
}
HALVES = [0.5, 1.5, 2.5, 0.125, 0.375, 2.675, 1.005, 0.285, 10.425, 1e15 + 0.5, 0.0625, 123456789.5, 4503599627370497.5]
BOUNDS = [
    0.0,
    -0.0,
    1e21,
    1e22,
    123456789012345678901234.0,
    1e300,
    5e-324,
    1e-9,
    9.5e-10,
    5e-10,
    0.9999999995,
    999.9995,
]
ODD = [float("inf"), float("-inf"), float("nan")]
TEXTS = [
    "a",
    "it's",
    '"',
    "'\"",
    "\\",
    "\n\t\r",
    "\x1b[31m\x9b",
    "中 naïve ✓",
    "\u202e\ufeff",
    "\ud800",
    "👩\u200d🌾",
    "a\u200db",
]
TEXTS += [
    "a\u200db",
    "x" * 198,
    "y" * 400,
    "🏴\U000e0067\U000e0062\U000e007f",
    "\u2028",
    "\xa0",
    "\U0001f600",
    "\x7f",
    "a b",
]


def asked() -> Iterator[tuple[str, list[Any]]]:
    """Yield what the file holds: the name of a function, and what it is given."""
    draw = random.Random(17)
    some = [sign * value for value in HALVES + BOUNDS for sign in (1, -1)] + ODD
    some += [draw.uniform(-1, 1) * 10 ** draw.randint(-12, 12) for _ in range(12)]
    some += [draw.randint(-999, 999) / 2 ** draw.randint(1, 9) for _ in range(12)]
    for value in some:
        for digits in (0, 2, 3, 9):
            for name in ("decimals", "withSign", "fixed", "rounded"):
                yield name, [value, digits]
    for value in some:
        if abs(value) < 1e9:
            yield "percent", [value]
            yield "percent", [value / 100, True]
    for value in [0, 1, 2, 1200, 999, 1000, 1234567]:
        yield "quantity", [value, "run"]
        yield "isOrAre", [value]
    for value in [0.0, 0.05, 2.04, 9.95, 9.96, 10.5, 11.5, 89.5, 90.0, 150.0, 5399.0, 5400.0, 9000.0]:
        yield "duration", [value]
    for value in [*TEXTS, 0, -1, 2**53 - 1, 0.1, 1e-5, 1.5e-7, 0.0001, 1.25e22, None, True, False, [1, "a", None]]:
        yield "shortRepr", [value]
    yield "shortRepr", [{"steps": [1, 2], "x": {"y": "z"}}]
    yield "shortRepr", [list(range(100))]
    for count in (0, 1, 2, 20, 21, 1500):
        yield "listing", [[f"w{number}" for number in range(count)]]
        yield "listing", [["a", "b", "c", "d"][:count], "; ", 3]
    for count in (1, 2, 3, 5):
        yield "enumeration", [["a", "b", "c", "d", "e"][:count], 3]
    for what in ("sentences", "dependencies of places", "head sizes", "tokens that differ"):
        for left in (-1, 1, 1488):
            yield "andMore", [left, what]
            yield "andMore", [left, what, "headlab export runs/ attention"]
    for text in TEXTS:
        yield "escapeUnseen", [text]


def plain(value: Any) -> Any:
    """Return a value as JSON holds it: of numbers those that it has no way to write, as text."""
    if isinstance(value, float) and (not np.isfinite(value) or abs(value) >= 1e21 or value == 0):
        return {"number": repr(value).replace("inf", "Infinity").replace("nan", "NaN")}
    return value


def told() -> list[list[Any]]:
    """Return what the file holds, and what is written."""
    return [[name, list(map(plain, given)), WRITES[name](*given)] for name, given in asked()]


def text() -> str:
    """Return the file."""
    return "[\n" + ",\n".join(json.dumps(row) for row in told()) + "\n]\n"


def test_python_writes_what_the_page_is_held_to() -> None:
    assert FILE.read_text(encoding="utf-8") == text()


@pytest.mark.parametrize("value", [2.675, 1.005, -0.285, 10.425])
def test_a_number_of_numpy_is_written_as_the_same_number_of_python(value: float) -> None:
    assert numbers.decimals(np.float64(value), 2) == numbers.decimals(value, 2)
    assert numbers.with_sign(np.float64(value), 2) == numbers.with_sign(value, 2)


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
