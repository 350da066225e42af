"""SHA-256 of plain values: of canonical JSON, which any program can write, and of JSON as Python's own module writes it."""

import hashlib
import json
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any


def digest(value: Any) -> str:
    """Return the SHA-256 of a value's JSON, keys in order and without spaces, as Python's `json` writes it, in hex."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def canonical_digest(value: Any) -> str:
    """Return the SHA-256 of a value's canonical JSON, in hex."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


def canonical_json(value: Any) -> str:
    """Return a value as RFC 8785 writes JSON: keys in order, no spaces, numbers as JavaScript writes them.

    So 1 and 1.0 are one number. Whole numbers keep all their digits.

    >>> canonical_json({"b": [1.0, 1e-7, 0.00001, 1e30], "a": True})
    '{"a":true,"b":[1,1e-7,0.00001,1e+30]}'
    """
    match value:
        case float():
            return _number(value)
        case Mapping():
            names = sorted(value, key=lambda name: name.encode("utf-16-be"))
            return f"{{{','.join(f'{json.dumps(name, ensure_ascii=False)}:{canonical_json(value[name])}' for name in names)}}}"
        case list() | tuple():
            return f"[{','.join(map(canonical_json, value))}]"
    return json.dumps(value, ensure_ascii=False)


def _number(value: float) -> str:
    """Return a finite number as ECMAScript's Number::toString does."""
    if value == 0:
        return "0"
    if 1e-6 <= abs(value) < 1e21:
        return f"{Decimal(repr(value)):f}".removesuffix(".0")
    return re.sub(r"e([+-])0*", r"e\1", repr(value))
