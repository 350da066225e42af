"""Numbers as JavaScript reads and writes them, for what a page and Python both read."""

import math
import re
from decimal import Decimal

_SPACES = "\t\n\v\f\r \xa0\u1680\u2028\u2029\u202f\u205f\u3000\ufeff" + "".join(map(chr, range(0x2000, 0x200B)))
_DECIMAL = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_OTHERS = re.compile(r"0([xX][0-9a-fA-F]+|[oO][0-7]+|[bB][01]+)")
LONGEST = 1024  # bits of what a float can hold; Python writes no number of thousands of digits
WHOLE, LEAST = 1e21, 1e-6  # from here on, and below, numbers have an exponent


def read_number(text: str) -> int | float | None:
    """Return the number that a text is, whole where it can be; None for one that is no finite number.

    >>> [read_number(text) for text in ("1e3", "0.5", " 5.0 ", "0x10", "", "1_000", "1e400")]
    [1000, 0.5, 5, 16, 0, None, None]
    """
    stripped = text.strip(_SPACES)
    if not stripped:
        return 0
    if _OTHERS.fullmatch(stripped):
        number = int(stripped, 0)
        found = plain(str(number)) if number.bit_length() <= LONGEST else math.inf
    else:
        found = plain(stripped) if _DECIMAL.fullmatch(stripped) else math.inf
    return found if math.isfinite(found) else None


def plain(text: str) -> int | float:
    """Return a number of JSON as it is after JavaScript had it: rounded to what it can hold, and whole where it can be.

    >>> plain("2.0"), plain("9007199254740993"), plain("1e21"), plain("1.50"), plain("1e400")
    (2, 9007199254740992, 1e+21, 1.5, inf)
    """
    value = float(text)
    return int(value) if value.is_integer() and abs(value) < WHOLE else value


def written(number: float) -> str:
    """Return a number as JavaScript writes it.

    >>> [written(number) for number in (5, 0.5, 1e-5, 1e-7, 1.5e-7, 1e20, 1e21, -0.0)]
    ['5', '0.5', '0.00001', '1e-7', '1.5e-7', '100000000000000000000', '1e+21', '0']
    """
    if isinstance(number, int):
        return str(number)
    if LEAST <= abs(number) < WHOLE or number == 0:
        return f"{Decimal(repr(abs(number) if number == 0 else number)):f}".removesuffix(".0")
    digits, _, power = repr(number).partition("e")
    return f"{digits.removesuffix('.0')}e{int(power):+d}"
