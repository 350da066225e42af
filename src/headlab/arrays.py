"""Arrays whose shapes are part of their type: `Float[Array, "run sequence position d_vocab"]`.

A type checker reads jaxtyping's types and sees arrays. Tests import jaxtyping before headlab, and then every call is checked
against the shapes that it promises; whoever uses headlab has no jaxtyping, and the names mean nothing but an array.
Axes: one name a size, the same in all arguments of a call; `*run` is any number of leading axes; `1`, `2` a size.
"""

import sys
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int, Shaped, UInt32, UInt64
    from numpy.typing import NDArray

    Array = NDArray[Any]
elif "jaxtyping" in sys.modules:
    from jaxtyping import Bool, Float, Int, Shaped, UInt32, UInt64

    Array = np.ndarray
else:
    Array = np.ndarray

    class _Unchecked:
        """An array of a shape that nobody checks."""

        def __class_getitem__(cls, described: tuple[type, str]) -> type:
            return described[0]

    Bool = Float = Int = Shaped = UInt32 = UInt64 = _Unchecked

__all__ = ["Array", "Bool", "Float", "Int", "Shaped", "UInt32", "UInt64"]
