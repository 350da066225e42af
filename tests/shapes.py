"""Calls of headlab's array functions are held to the shapes that their types promise: the whole suite runs so.

Import this before headlab.
"""

import typing
from collections.abc import Callable
from typing import Any

import jaxtyping
from beartype import beartype

ROOMS = ["headlab.model", "headlab.analysis", "headlab.runs"]


def is_shaped(hint: Any) -> bool:
    """Whether a type is an array of a shape, or holds one."""
    if isinstance(hint, type) and issubclass(hint, jaxtyping.AbstractArray):
        return True
    return any(map(is_shaped, typing.get_args(hint)))


def check(function: Callable[..., Any]) -> Callable[..., Any]:
    """Check a function's arrays when it is called; its other types are mypy's to check."""
    shaped = {name: hint for name, hint in function.__annotations__.items() if is_shaped(hint)}
    if not shaped:
        return function
    function.__annotations__ = shaped
    return beartype(function)


jaxtyping.install_import_hook(ROOMS, "shapes.check")
