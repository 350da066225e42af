"""Plain values as TOML."""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any


def lines_of(fields: Mapping[str, Any]) -> list[str]:
    """Return fields as TOML, a line each."""
    return [f"{name} = {value_text(value)}" for name, value in fields.items()]


def value_text(value: Any) -> str:
    """Return a value as TOML.

    >>> value_text({"steps": 5, "plateau": {"factor": 0.5}, "freeze": ["W_E"]})
    '{steps = 5, plateau = {factor = 0.5}, freeze = ["W_E"]}'
    """
    match value:
        case bool():
            return str(value).lower()
        case int() | float():
            return repr(value)
        case str():
            return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
        case Mapping():
            return f"{{{', '.join(lines_of(value))}}}"
    assert isinstance(value, Iterable)
    return f"[{', '.join(map(value_text, value))}]"


def key_text(name: str) -> str:
    """Return a name as a TOML key.

    >>> key_text("a-b"), key_text("corpus 1")
    ('a-b', '"corpus 1"')
    """
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else json.dumps(name, ensure_ascii=False)
