"""Plain values as TOML, and TOML files as plain values."""

import json
import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from headlab.errors import ConfigError, Problem
from headlab.files import nameable

_LINE = re.compile(r"at line (\d+)")


def text_of_file(path: Path, what: str) -> str:
    """Return the text of a TOML file; what: what it is, in words. Raises `ConfigError` for none that can be read."""
    try:
        data = nameable(path).read_bytes()
    except OSError as error:
        raise ConfigError(f"{what} must be readable, got {str(path)!r} ({error.strerror}): check the path") from None
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise ConfigError(f"{what} must be UTF-8 text, got UTF-16 in {str(path)!r}: save it as UTF-8")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        said = (
            f"{what} must be UTF-8 text, got byte 0x{data[error.start]:02x} in line {line} of {str(path)!r}: "
            f"save it as UTF-8"
        )
        raise ConfigError(Problem(said, line=line)) from None


def fields_of_text(text: str, what: str, name: str) -> dict[str, Any]:
    """Return the fields of a TOML text; what: what it is, in words; name: what it is called. Raises `ConfigError`.

    >>> fields_of_text("steps = 5", "a study file", "study.toml")
    {'steps': 5}
    """
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line = _LINE.search(str(error))
        said = f"{what} must be TOML, got {name!r}: {error}"
        raise ConfigError(Problem(said, line=int(line[1]) if line else None)) from None
    except RecursionError:
        raise ConfigError(f"{what} must be TOML, got lists in lists without end in {name!r}") from None
    except ValueError as error:  # a number of more digits than Python reads
        raise ConfigError(f"{what} must hold numbers and dates that are some, got {error} in {name!r}") from None


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
