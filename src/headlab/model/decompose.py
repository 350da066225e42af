"""Decompositions of matrices of which some may hold what is no number: a run that diverged keeps what it diverged to."""

from collections.abc import Callable
from typing import Any

import numpy as np

from headlab.arrays import Array, Float, Shaped


def of_finite(decompose: Callable[[Array], Any], matrix: Float[Array, "*run row column"]) -> Any:
    """Return what `decompose` makes of matrices [*run, row, column], and nan where a matrix is not finite.

    LAPACK complains on standard output, in the middle of an answer for scripts, when it is given such a matrix; so every
    decomposition goes through here. decompose: returns an array, or a tuple of arrays, with the leading axes of `matrix`

    >>> both = np.stack([np.eye(2), np.full((2, 2), np.inf)])
    >>> of_finite(np.linalg.eigvals, both).tolist()
    [[1.0, 1.0], [nan, nan]]
    """
    finite = np.asarray(np.isfinite(matrix).all(axis=(-1, -2)))
    found = decompose(np.where(finite[..., None, None], matrix, 0))
    return (
        tuple(_nan_outside(finite, part) for part in found) if isinstance(found, tuple) else _nan_outside(finite, found)
    )


def _nan_outside(finite: Any, part: Shaped[Array, "*any"]) -> Shaped[Array, "*any"]:
    return np.where(
        finite.reshape(finite.shape + (1,) * (part.ndim - finite.ndim)), part, np.asarray(np.nan, part.dtype)
    )
