"""The model, readable: what the kernel computes, in NumPy, with every intermediate result kept.

resid_0    = W_E[token] + W_pos[position]
q, k, v    = resid W_Q, resid W_K, resid W_V
scores     = q · k / sqrt(d_head)                 pattern = softmax over the keys the mask allows
z          = pattern v                            attn_out = sum over heads of z (or z W_O)
resid_post = resid_pre + attn_out                 logits = resid_post of the last layer (or that times W_U)
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headlab.arrays import Array, Bool, Float, Int, Shaped
from headlab.config.model import ModelConfig
from headlab.model.outputs import softmax
from headlab.model.params import Params

# What an intervention does at one place: it gets the activation's name, its layer, the activation, and those that the
# same layer computed before, and returns what the model goes on with. EDITABLE is the order in which it is asked.
Edit = Callable[[str, int, Array, Mapping[str, Array]], Array]
EDITABLE = ("token_embed", "pos_embed", "resid_pre", "q", "k", "v", "scores", "pattern", "z", "direct")


@dataclass(frozen=True, eq=False)
class Activations:
    """Everything the model computes, along the same leading `*run` axes as the weights.

    token_embed, pos_embed, resid_0 [*run, sequence, position, d_model]
    resid_pre, attn_out, resid_post [*run, layer, sequence, position, d_model]
    q, k, v, z [*run, layer, head, sequence, position, width]; z includes W_O when there is one
    raw_scores (q · k), scores (scaled, before the mask), pattern [*run, layer, head, sequence, query, key]
    logits [*run, sequence, position, d_vocab]
    Rows of padding are zero in `pattern`, and without meaning elsewhere.
    """

    token_embed: Float[Array, "*run sequence position d_model"]
    pos_embed: Float[Array, "*run sequence position d_model"]
    resid_0: Float[Array, "*run sequence position d_model"]
    resid_pre: Float[Array, "*run layer sequence position d_model"]
    q: Float[Array, "*run layer head sequence position d_head"]
    k: Float[Array, "*run layer head sequence position d_head"]
    v: Float[Array, "*run layer head sequence position value_width"]
    raw_scores: Float[Array, "*run layer head sequence position position"]
    scores: Float[Array, "*run layer head sequence position position"]
    pattern: Float[Array, "*run layer head sequence position position"]
    z: Float[Array, "*run layer head sequence position d_model"]
    attn_out: Float[Array, "*run layer sequence position d_model"]
    resid_post: Float[Array, "*run layer sequence position d_model"]
    logits: Float[Array, "*run sequence position d_vocab"]

    def __getitem__(self, index: Any) -> "Activations":
        return _Some(self, index)

    def in_sentence(self, name: str, sequence: int) -> Shaped[Array, "..."]:
        """Return one activation on one of the sequences."""
        return np.asarray(getattr(self, name)[..., sequence, :, :])


class _Some(Activations):
    """Activations of some of the runs, each taken when it is asked for: of many nobody asks."""

    _every: Activations

    def __init__(self, every: Activations, index: Any) -> None:
        self.__dict__.update(_every=every, _index=index)

    def __getattr__(self, name: str) -> Array:
        if name.startswith("_"):
            raise AttributeError(name)
        taken: Array = getattr(self._every, name)[self._index]
        self.__dict__[name] = taken
        return taken

    def in_sentence(self, name: str, sequence: int) -> Shaped[Array, "..."]:
        """Return one activation on one of the sequences; nothing is taken of the others."""
        if name in self.__dict__:
            return super().in_sentence(name, sequence)
        return self._every.in_sentence(name, sequence)[self._index]


def allowed(tokens: Int[Array, "sequence position"], causal: bool) -> Bool[Array, "sequence position position"]:
    """Return which key each query may attend to, [sequence, query, key]: no padding, and no future under the mask.

    >>> allowed(np.array([[3, 1, -1]]), causal=True)[0].astype(int).tolist()
    [[1, 0, 0], [1, 1, 0], [0, 0, 0]]
    """
    real = tokens >= 0
    mask = real[:, :, None] & real[:, None, :]
    return mask & np.tri(tokens.shape[1], dtype=bool) if causal else mask


def forward(
    params: Params, tokens: Int[Array, "sequence position"], model: ModelConfig, edit: Edit | None = None
) -> Activations:
    """Return every activation of the model on token ids [sequence, position].

    edit: called with every activation named in EDITABLE, which it may replace; `direct` is the embeddings' own part of
        the last residual stream, 0 in a model without residual connection

    >>> from headlab.model.initial import initial
    >>> from headlab.data.corpus import Corpus
    >>> params = initial(ModelConfig().on(Corpus.notebook()), np.arange(3, dtype=np.uint64))
    >>> forward(params, np.array([[0, 2, 4, 1, 3]]), ModelConfig()).pattern.shape
    (3, 1, 1, 1, 5, 5)
    """
    mask = allowed(tokens, model.causal)
    token_embed = params.W_E[..., np.maximum(tokens, 0), :]
    pos_embed = np.zeros_like(token_embed)
    if params.W_pos is not None:
        pos_embed = np.broadcast_to(params.W_pos[..., None, : tokens.shape[1], :], token_embed.shape)
    if edit is not None:
        token_embed, pos_embed = edit("token_embed", 0, token_embed, {}), edit("pos_embed", 0, pos_embed, {})
    resid: Array = token_embed + pos_embed
    resid_0 = resid
    layers = []
    for layer in range(model.n_layers):
        layers.append(_layer(params, layer, resid, mask, model, edit or _unedited))
        resid = layers[-1]["resid_post"]
    if edit is not None and model.residual:
        resid = resid + (edit("direct", model.n_layers, resid_0, {}) - resid_0)
    stacked = {name: _stack([kept[name] for kept in layers], len(params.run_shape)) for name in layers[0]}
    logits = resid if params.W_U is None else resid @ params.W_U[..., None, :, :]
    return Activations(token_embed=token_embed, pos_embed=pos_embed, resid_0=resid_0, logits=logits, **stacked)


def _stack(arrays: list[Array], axis: int) -> Array:
    # Of one layer nothing is copied.
    return np.expand_dims(arrays[0], axis) if len(arrays) == 1 else np.stack(arrays, axis=axis)


def _unedited(name: str, layer: int, activation: Array, before: Mapping[str, Array]) -> Array:
    return activation


def _layer(
    params: Params, layer: int, resid: Array, mask: NDArray[np.bool_], model: ModelConfig, edit: Edit
) -> dict[str, Array]:
    W_Q, W_K, W_V = (w[..., layer, :, None, :, :] for w in (params.W_Q, params.W_K, params.W_V))
    on: dict[str, Array] = {"resid_pre": edit("resid_pre", layer, resid, {})}
    for name, weight in (("q", W_Q), ("k", W_K), ("v", W_V)):
        on[name] = edit(name, layer, on["resid_pre"][..., None, :, :, :] @ weight, on)
    on["raw_scores"] = on["q"] @ np.swapaxes(on["k"], -1, -2)
    on["scores"] = edit("scores", layer, on["raw_scores"] * on["raw_scores"].dtype.type(model.scale), on)
    on["pattern"] = edit("pattern", layer, softmax(on["scores"], mask), on)
    z = on["pattern"] @ on["v"]
    if params.W_O is not None:
        z = z @ params.W_O[..., layer, :, None, :, :]
    on["z"] = edit("z", layer, z, on)
    on["attn_out"] = on["z"].sum(axis=-4)
    on["resid_post"] = on["resid_pre"] + on["attn_out"] if model.residual else on["attn_out"]
    return on
