"""The notebook's list of layers, with their own names and numbers, over headlab's activations."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from headlab.arrays import Array, Int, Shaped
from headlab.errors import SelectionError
from headlab.model.forward import Activations
from headlab.model.outputs import sigmoid
from headlab.notation.values import short_repr


@dataclass(frozen=True, eq=False)
class Layer:
    """One layer of the notebook: its number, its name, and its output for every sequence."""

    number: int
    name: str
    output: Shaped[Array, "..."]


class Layers:
    """The notebook's 14 layers of one run, by number or by name: `layers[9]` is `layers["AttnWts"]`.

    With several layers or heads, the attention rows keep those two axes in front.
    """

    def __init__(self, tokens: Int[Array, "sequence position"], activations: Activations) -> None:
        on = activations
        positions = np.broadcast_to(np.arange(tokens.shape[1]), tokens.shape)
        outputs: dict[str, Any] = {
            "Xseqids": tokens,
            "PosInput": positions,
            "XEmbed": on.token_embed,
            "PosEmbed": on.pos_embed,
            "XwithPos": on.resid_0,
            "Qmat": _squeeze(on.q),
            "Kmat": _squeeze(on.k),
            "dot": _squeeze(on.raw_scores),
            "lambda": _squeeze(on.scores),
            "AttnWts": _squeeze(on.pattern),
            "Vmat": _squeeze(on.v),
            "Voutput": on.attn_out[0] if len(on.attn_out) == 1 else on.attn_out,
            "skipadd": on.resid_post[0] if len(on.resid_post) == 1 else on.resid_post,
            "activation": sigmoid(on.logits),
        }
        self._layers = tuple(Layer(number, name, output) for number, (name, output) in enumerate(outputs.items()))

    def __getitem__(self, key: int | str) -> Shaped[Array, "..."]:
        for layer in self._layers:
            if key in (layer.name, layer.number):
                return layer.output
        known = ", ".join(f"{layer.number} {layer.name}" for layer in self._layers)
        raise SelectionError(f"a layer must be one of {known}; got {short_repr(key)}")

    def __iter__(self) -> Iterator[Layer]:
        return iter(self._layers)

    def __len__(self) -> int:
        return len(self._layers)


def _squeeze(array: Array) -> Array:
    return array[0, 0] if array.shape[:2] == (1, 1) else array
