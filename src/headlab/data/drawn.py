"""Whether what somebody's function gives are examples: whole numbers of the right shape, within the vocabulary."""

import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from headlab.data.batch import ABSENT, Ids
from headlab.errors import CorpusError, HeadlabError, Problem
from headlab.notation.values import short_repr

INSTEAD = "return two arrays of whole numbers, [example, position]"
GIVES = {
    "make": "a dataset",
    "bayes": "probabilities",
    "weights": "weights",
}  # functions that give something else than examples


class Sizes(NamedTuple):
    """What examples must fit: how many tokens, classes and positions there are."""

    d_vocab: int
    d_vocab_out: int
    n_ctx: int


def called(name: str, function: Callable[..., Any], *arguments: Any) -> Any:
    """Return what a function gives; raises `CorpusError`, with the place, where it raises.

    >>> called("sample", lambda: 1 / 0)
    Traceback (most recent call last):
    headlab.errors.CorpusError: sample must give examples, and raised ZeroDivisionError (division by zero) at ...
    """
    try:
        return function(*arguments)
    except (MemoryError, HeadlabError):
        raise
    except (Exception, SystemExit) as error:
        frames = traceback.extract_tb(error.__traceback__)[1:]
        own = getattr(getattr(function, "__code__", None), "co_filename", None)
        place = next((frame for frame in reversed(frames) if frame.filename == own), frames[-1] if frames else None)
        where = "" if place is None else f" at {Path(place.filename).name}, line {place.lineno}"
        told = f"{type(error).__name__} ({error})" if str(error) else type(error).__name__
        said = f"{name} must give {GIVES.get(name, 'examples')}, and raised {told}{where}: mend it there"
        raise CorpusError(Problem(said, name, None if place is None else place.lineno)) from error


def examples_of(name: str, given: Any, sizes: Sizes, n: int | None = None, first: int = 0) -> tuple[Ids, Ids]:
    """Return given tokens and targets as arrays of examples; raises `CorpusError`, with the place of what is wrong.

    name: of the function that gave them; n: how many there must be, any but none when left out; first: number of the first

    >>> examples_of("sample", ([[0, 1]], [[-1, 7]]), Sizes(2, 7, 2))
    Traceback (most recent call last):
    headlab.errors.CorpusError: sample must give targets from 0 to 6, or -1 for none, got 7 in example 0, position 1
    """
    pair = given if isinstance(given, tuple | list) and len(given) == 2 else None
    if pair is None:
        raise _wrong(name, f"tokens and targets, got {short_repr(type(given).__name__)}: {INSTEAD}")
    tokens, targets = (_whole_numbers(name, *item) for item in zip(("tokens", "targets"), pair, strict=True))
    wanted = "at least one" if n is None else f"{n}"
    if len(tokens) == 0 or (n is not None and len(tokens) != n):
        raise _wrong(name, f"{wanted} example{'' if wanted in ('1', 'at least one') else 's'}, got {len(tokens)}")
    if not 1 <= tokens.shape[1] <= sizes.n_ctx:
        raise _wrong(name, f"sequences of 1 to n_ctx = {sizes.n_ctx} positions, got {tokens.shape[1]}")
    if targets.shape != tokens.shape:
        raise _wrong(name, f"a target a token, {tokens.shape}, got {targets.shape}: give -1 where there is none")
    for called_so, ids, high in (("tokens", tokens, sizes.d_vocab), ("targets", targets, sizes.d_vocab_out)):
        if ids.min() < ABSENT or ids.max() >= high:
            at = _place((ids < ABSENT) | (ids >= high))
            wide = f"{called_so} from 0 to {high - 1}, or -1 for none, got {ids[at]}"
            raise _wrong(name, f"{wide} in example {first + at[0]}, position {at[1]}")
    _check_places(name, tokens, targets, first)
    return tokens, targets


def _check_places(name: str, tokens: Ids, targets: Ids, first: int) -> None:
    absent = tokens == ABSENT
    if absent.any():
        gap = absent & np.append(~absent[:, 1:], np.ones((len(tokens), 1), bool), axis=1)
        gap[:, -1] = False
        gap[:, 0] |= absent[:, 0]
        for wrong, said in (
            (gap, "a token wherever one follows, and at position 0, got -1"),
            (absent & (targets != ABSENT), "targets where there is a token, got one at -1"),
        ):
            if wrong.any():
                example, position = _place(wrong)
                raise _wrong(name, f"{said} in example {first + example}, position {position}")
    nothing = (targets == ABSENT).all(axis=1)
    if nothing.any():
        raise _wrong(name, f"a target in every example, got none in example {first + int(np.argmax(nothing))}")


def _whole_numbers(name: str, what: str, given: Any) -> Ids:
    try:
        array: NDArray[Any] = np.asarray(given)
    except (ValueError, TypeError, OverflowError):
        raise _wrong(name, f"{what} in rows of one length, got {short_repr(given)}: {INSTEAD}") from None
    if array.ndim != 2 or array.dtype.kind not in "iu":
        raise _wrong(name, f"{what} as whole numbers [example, position], got {array.dtype} {array.shape}: {INSTEAD}")
    return array.astype(np.int64, copy=False)


def _place(wrong: NDArray[np.bool_]) -> tuple[int, int]:
    example, position = np.argwhere(wrong)[0].tolist()
    return example, position


def _wrong(name: str, said: str) -> CorpusError:
    return CorpusError(Problem(f"{name} must give {said}", name))
