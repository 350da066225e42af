"""What a lower floor asks of an upper one, without knowing it: the top of the package says who answers."""

from collections.abc import Callable
from typing import Any

from headlab.errors import HeadlabError


def _nobody(runs: Any, number: int | None, *, alone: bool) -> Any:
    raise HeadlabError("view() must have something that draws, and nothing has been set: import headlab")


view: Callable[..., Any] = _nobody  # who draws runs in a notebook, and which of them first


def _unknown(name: str) -> Any:
    return None


words: Callable[[int, int, int, int, int, int], Any] | None = None  # who draws words quicker than `data.draws` does
stream: Callable[[str], Any] = _unknown  # the stream of the task of a name, None where there is none
