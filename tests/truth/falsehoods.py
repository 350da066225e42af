"""A clause made false: every argument by itself, in every way that is no rounding."""

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any


def falsified(arguments: Mapping[str, Any], words: tuple[str, ...]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the name of each argument with all arguments, of which this one is false."""
    for name, value in arguments.items():
        for other in others(value, words):
            yield name, {**arguments, name: other}


def others(value: Any, words: tuple[str, ...]) -> Iterator[Any]:
    """Yield values of the same type that are other ones: larger numbers, other words, lists with more or less in them."""
    if isinstance(value, bool):
        yield not value
    elif isinstance(value, int):
        yield value + 1
    elif isinstance(value, float):
        yield value + 1e-3 * (1 + abs(value)) if abs(value) < 1e6 else 0.0
    elif value is None:
        yield 0.01
    elif isinstance(value, str):
        yield words[(words.index(value) + 1) % len(words)] if value in words else value + "s"
    elif isinstance(value, Mapping):
        for name, item in value.items():
            yield from ({**value, name: other} for other in others(item, words))
    elif isinstance(value, tuple | list):
        made = type(value)
        for at, item in enumerate(value):
            yield from (made([*value[:at], other, *value[at + 1 :]]) for other in others(item, words))
        if not value or isinstance(value[0], str) or not is_list(value):
            return
        yield made(value[1:])
        yield made([*value, value[0]])
    elif is_dataclass(value):
        for field in fields(value):
            item = getattr(value, field.name)
            if field.name == "kind" or (item is None and field.name not in ("position", "nth")):
                continue  # another kind of part is another part, and the checker would not know its fields
            for other in others(1 if item is None else item, words):
                yield replace(value, **{field.name: other})


def is_list(value: tuple[Any, ...] | list[Any]) -> bool:
    """Whether all items are of one type, as in a list, and not fields that stand in a row."""
    return len({type(item) for item in value}) == 1
