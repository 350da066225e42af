"""The table of weights: every array that a model can have, in the flat order that kernel, files and analysis share.

A row says what a weight is called, which sizes its axes have, which blocks it comes with, and how it begins. Shapes,
`Params`, initial draws, checks of given weights, the engine's places, and which axes follow the vocabulary's order are read
from here; there is no other list.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

BLOCK = ("n_layers", "n_heads")
LAYER = "n_layers"
EMBEDDING, GLOROT, ZEROS, ONES = "embedding", "glorot", "zeros", "ones"  # how a weight usually begins

Has = Callable[[Any], bool]  # whether a model has it, asked of its settings


def _always(model: Any) -> bool:
    return True


@dataclass(frozen=True)
class Weight:
    """A row of the table.

    number: of its stream of random numbers; it never changes, wherever the row stands
    axes: the names of its sizes, outermost first; a weight of every head begins with those of `BLOCK`
    start: how it begins where `ModelConfig.init` says nothing else, an initial rule by its name
    there: whether a model has it, asked of its settings; what every layer has is in no model without layers
    fan_in: the names of the sizes whose product is how many numbers each of its outputs is a sum of; none: it is no such sum
    """

    number: int
    name: str
    axes: tuple[str, ...]
    start: str
    there: Has = _always
    fan_in: tuple[str, ...] = ()

    def token_axes(self, *, unembed: bool, factored_values: bool, own_outputs: bool = False) -> tuple[int, ...]:
        """Return which axes have an entry a token of the vocabulary, counted from the last, which is -1.

        d_vocab always; d_vocab_out unless what is predicted are outputs of their own; what is as wide as the residual
        stream if and only if there is no W_U, since it is the logits then

        >>> [row.token_axes(unembed=False, factored_values=False) for row in WEIGHTS[:5]]
        [(-2, -1), (-1,), (-2,), (-2,), (-2, -1)]
        """
        as_wide = {"d_model", "d_embed"} if factored_values else {"d_model", "d_embed", "value_width"}
        of_tokens = {"d_vocab"} | (set() if own_outputs else {"d_vocab_out"}) | (set() if unembed else as_wide)
        return tuple(number - len(self.axes) for number, axis in enumerate(self.axes) if axis in of_tokens)


def _set(*fields: str) -> Has:
    """Return the question whether all of these settings of a model are neither False nor 0."""
    return lambda model: all(getattr(model, field) for field in fields)


def _norm(*fields: str, biased: bool = False) -> Has:
    """Return the question whether a model has norms (or those that have biases), and what else is set."""
    return lambda model: model.norm != "none" and (model.norm == "layer" or not biased) and _set(*fields)(model)


def _values(*fields: str) -> Has:
    return lambda model: not model.stream_values and _set(*fields)(model)


def _own_unembedding(model: Any) -> bool:
    return bool(model.unembed and not model.tied)


STREAM, HEADS, MLP = ("d_model",), ("n_heads", "value_width"), ("d_mlp",)  # what sums are over

WEIGHTS = (
    Weight(0, "W_E", ("d_vocab", "d_embed"), EMBEDDING),
    Weight(1, "W_pos", ("n_ctx", "d_model"), EMBEDDING, _set("positions")),
    Weight(2, "W_Q", (*BLOCK, "d_model", "d_head"), GLOROT, fan_in=STREAM),
    Weight(3, "W_K", (*BLOCK, "d_model", "d_head"), GLOROT, fan_in=STREAM),
    Weight(4, "W_V", (*BLOCK, "d_model", "value_width"), GLOROT, _values(), STREAM),
    Weight(5, "W_O", (*BLOCK, "value_width", "d_model"), GLOROT, _set("factored_values"), HEADS),
    Weight(6, "W_U", ("d_model", "d_vocab_out"), GLOROT, _own_unembedding, STREAM),
    Weight(7, "W_R", (*BLOCK, "n_ctx", "d_head"), EMBEDDING, _set("relative_positions")),
    Weight(8, "b_Q", (*BLOCK, "d_head"), ZEROS, _set("biases"), STREAM),
    Weight(9, "b_K", (*BLOCK, "d_head"), ZEROS, _set("biases"), STREAM),
    Weight(10, "b_V", (*BLOCK, "value_width"), ZEROS, _values("biases"), STREAM),
    Weight(11, "b_O", (LAYER, "d_model"), ZEROS, _set("biases"), HEADS),
    Weight(12, "b_U", ("d_vocab_out",), ZEROS, _set("biases", "unembed"), STREAM),
    Weight(13, "W_in", (LAYER, "d_model", "d_mlp"), GLOROT, _set("d_mlp"), STREAM),
    Weight(14, "b_in", (LAYER, "d_mlp"), ZEROS, _set("d_mlp"), STREAM),
    Weight(15, "W_out", (LAYER, "d_mlp", "d_model"), GLOROT, _set("d_mlp"), MLP),
    Weight(16, "b_out", (LAYER, "d_model"), ZEROS, _set("d_mlp"), MLP),
    Weight(17, "ln1_w", (LAYER, "d_model"), ONES, _norm()),
    Weight(18, "ln1_b", (LAYER, "d_model"), ZEROS, _norm(biased=True)),
    Weight(19, "ln2_w", (LAYER, "d_model"), ONES, _norm("d_mlp")),
    Weight(20, "ln2_b", (LAYER, "d_model"), ZEROS, _norm("d_mlp", biased=True)),
    Weight(21, "ln_final_w", ("d_model",), ONES, _norm("norm_final")),
    Weight(22, "ln_final_b", ("d_model",), ZEROS, _norm("norm_final", biased=True)),
)
NAMES = tuple(row.name for row in WEIGHTS)


def has(row: Weight, model: Any) -> bool:
    """Return whether a model has a weight, asked of its settings.

    >>> from headlab.config import ModelConfig
    >>> [row.name for row in WEIGHTS if has(row, ModelConfig(n_layers=0, unembed=True))]
    ['W_E', 'W_pos', 'W_U']
    """
    return bool(row.there(model)) and (LAYER not in row.axes or model.n_layers > 0)
