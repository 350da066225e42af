"""The table of weights: every array that a model can have, in the flat order that kernel, files and analysis share.

A row says what a weight is called, which sizes its axes have, which setting it comes with, and how it begins. Shapes,
`Params`, initial draws, checks of given weights, the engine's places, and which axes follow the vocabulary's order are read
from here; there is no other list.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

BLOCK = ("n_layers", "n_heads")


@dataclass(frozen=True)
class Weight:
    """A row of the table.

    number: of its stream of random numbers; it never changes, wherever the row stands
    axes: the names of its sizes, outermost first; a weight of every head begins with those of `BLOCK`
    limit: the bound of its uniform distribution at the start, of its shape
    comes_with: the flag of the model that it needs, None for a weight that every model has
    """

    number: int
    name: str
    axes: tuple[str, ...]
    limit: Callable[[tuple[int, ...]], float]
    comes_with: str | None = None

    def token_axes(self, *, unembed: bool, factored_values: bool) -> tuple[int, ...]:
        """Return which axes have an entry a token of the vocabulary, counted from the last, which is -1.

        d_vocab always; what is as wide as the residual stream if and only if there is no W_U, since it is the logits then

        >>> [row.token_axes(unembed=False, factored_values=False) for row in WEIGHTS[:5]]
        [(-2, -1), (-1,), (-2,), (-2,), (-2, -1)]
        """
        as_wide = {"d_model"} if factored_values else {"d_model", "value_width"}
        of_tokens = {"d_vocab"} if unembed else {"d_vocab"} | as_wide
        return tuple(number - len(self.axes) for number, axis in enumerate(self.axes) if axis in of_tokens)


def embedding(_: tuple[int, ...]) -> float:
    """Return Keras' limit of an embedding, 0.05."""
    return 0.05


def glorot(shape: tuple[int, ...]) -> float:
    """Return Glorot's limit, sqrt(6 / (in + out)).

    >>> round(glorot((1, 1, 7, 20)), 4)
    0.4714
    """
    return math.sqrt(6.0 / (shape[-2] + shape[-1]))


WEIGHTS = (
    Weight(0, "W_E", ("d_vocab", "d_model"), embedding),
    Weight(1, "W_pos", ("n_ctx", "d_model"), embedding, comes_with="positions"),
    Weight(2, "W_Q", (*BLOCK, "d_model", "d_head"), glorot),
    Weight(3, "W_K", (*BLOCK, "d_model", "d_head"), glorot),
    Weight(4, "W_V", (*BLOCK, "d_model", "value_width"), glorot),
    Weight(5, "W_O", (*BLOCK, "value_width", "d_model"), glorot, comes_with="factored_values"),
    Weight(6, "W_U", ("d_model", "d_vocab"), glorot, comes_with="unembed"),
)
