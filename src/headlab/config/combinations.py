"""Which settings of a model go together: those that would do nothing, or mean two things at once, are refused."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from headlab.errors import Problem

if TYPE_CHECKING:
    from headlab.config.model import ModelConfig


def problems_together(model: "ModelConfig") -> list[Problem]:
    """Return what is wrong with settings of which each alone is right, all of it.

    >>> from headlab.config import ModelConfig
    >>> from headlab.errors import ConfigError
    >>> try:
    ...     ModelConfig(n_layers=0, activation="gelu")
    ... except ConfigError as error:
    ...     print(error)
    n_layers must be at least 1 where there is no W_U, got 0: ask for unembed=True, or take a layer
    activation goes with an MLP, got gelu and none: give d_mlp, or leave activation out
    """
    return [Problem(said, said.split(" ", 1)[0]) for said in _wrong(model)]


def _wrong(model: "ModelConfig") -> Iterator[str]:
    if model.n_layers == 0:
        yield from _without_layers(model)
    if model.d_mlp == 0 and model.activation != "relu":
        yield f"activation goes with an MLP, got {model.activation} and none: give d_mlp, or leave activation out"
    for name in ("norm_after", "norm_final"):
        if getattr(model, name) and model.norm == "none":
            yield f"{name} goes with a norm, got none: give norm='layer' or 'rms', or leave {name} out"
    if not model.unembed:
        for name, value in (("tied", model.tied), ("pairs", model.pairs), ("d_vocab_out", model.d_vocab_out)):
            if value:
                yield f"{name} goes with an unembedding, got {value} and none: ask for unembed=True, or leave {name} out"
    for name, value in (("d_vocab_out", model.d_vocab_out), ("pairs", model.pairs)):
        if model.tied and value:
            yield f"tied goes with logits of the tokens that W_E embeds, got {name}={value}: leave one of them out"
    if model.relative_positions and not model.causal:
        yield "relative_positions goes with the causal mask, got causal=False: leave one of them out"
    if model.sinusoidal_positions and not model.positions:
        yield "sinusoidal_positions goes with positions, got positions=False: leave one of them out"
    if model.stream_values and model.factored_values:
        yield "stream_values goes with values that no weight makes, got factored_values=True: leave one of them out"
    width = model.d_model
    if model.pairs and width is not None and width % 2:
        yield f"pairs goes with an even d_model, got {width}: each of the two tokens is embedded in half of it"


def _without_layers(model: "ModelConfig") -> Iterator[str]:
    if not model.unembed:
        yield "n_layers must be at least 1 where there is no W_U, got 0: ask for unembed=True, or take a layer"
    for name in ("d_mlp", "norm_after", "relative_positions", "stream_values"):
        if value := getattr(model, name):
            yield f"{name} goes with layers, got {value} and n_layers=0: take a layer, or leave {name} out"
    if model.norm != "none" and not model.norm_final:
        yield f"norm goes with layers or a final norm, got {model.norm} and n_layers=0: leave it out"
