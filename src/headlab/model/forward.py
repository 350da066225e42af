"""The model, readable: what the kernel computes, in NumPy, with every intermediate result kept.

resid_0    = W_E[token] + W_pos[position]; of pairs, W_E[first] and W_E[second] side by side
normed     = norm(resid)                          what heads read: the stream, or that normed before each block
q, k, v    = normed W_Q + b_Q, normed W_K + b_K, normed W_V + b_V       (stream_values: v = normed)
scores     = q · (k + W_R[distance]) / sqrt(d_head)      pattern = softmax over the keys the mask allows
z          = pattern v                            attn_out = sum over heads of z (or z W_O) + b_O
resid_mid  = resid_pre + attn_out
mlp_out    = act(norm(resid_mid) W_in + b_in) W_out + b_out
resid_post = resid_mid + mlp_out                  logits = norm(resid_post of the last layer) (or that W_U + b_U)

norm: (x - mean) / sqrt(variance + 1e-5) · w + b, or x / sqrt(mean of x² + 1e-5) · w; with norm_after it is taken of
resid_mid and of resid_post instead of what a block reads. What a model has not is left out.
Source: Xiong et al. 2020, On Layer Normalization in the Transformer Architecture; Zhang and Sennrich 2019, Root Mean Square
Layer Normalization; Shaw et al. 2018, Self-Attention with Relative Position Representations.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headlab.arrays import Array, Bool, Float, Int, Shaped
from headlab.config.model import ModelConfig
from headlab.model.outputs import sigmoid, softmax
from headlab.model.params import Params

# What an intervention does at one place: it gets the activation's name, its layer, the activation, and those that the
# same layer computed before, and returns what the model goes on with. EDITABLE is the order in which it is asked.
Edit = Callable[[str, int, Array, Mapping[str, Array]], Array]
EDITABLE = ("token_embed", "pos_embed", "resid_pre", "q", "k", "v", "scores", "pattern", "z", "mlp_out", "direct")

NORM_EPSILON = 1e-5  # under the root
OF_STREAM = ("resid_pre", "normed", "attn_out", "resid_mid", "mlp_normed", "mlp_out", "resid_post")


@dataclass(frozen=True, eq=False)
class Activations:
    """Everything the model computes, along the same leading `*run` axes as the weights.

    token_embed, pos_embed, resid_0 [*run, sequence, position, d_model]
    resid_pre, normed, attn_out, resid_mid, mlp_normed, mlp_out, resid_post [*run, layer, sequence, position, d_model]: normed,
        mlp_normed: what heads and MLP read, the stream itself where it is not normed before; without an MLP mlp_out is 0
    mlp_pre, mlp_post [*run, layer, sequence, position, d_mlp]: before and after the activation
    q, k, v, z [*run, layer, head, sequence, position, width]; z includes W_O when there is one, and not b_O
    raw_scores (q · (k + W_R)), scores (scaled, before the mask), pattern [*run, layer, head, sequence, query, key]
    final [*run, sequence, position, d_model]: what is unembedded; logits [*run, sequence, position, d_vocab_out]
    Rows of padding are zero in `pattern`, and without meaning elsewhere.
    """

    token_embed: Float[Array, "*run sequence position d_model"]
    pos_embed: Float[Array, "*run sequence position d_model"]
    resid_0: Float[Array, "*run sequence position d_model"]
    resid_pre: Float[Array, "*run layer sequence position d_model"]
    normed: Float[Array, "*run layer sequence position d_model"]
    q: Float[Array, "*run layer head sequence position d_head"]
    k: Float[Array, "*run layer head sequence position d_head"]
    v: Float[Array, "*run layer head sequence position value_width"]
    raw_scores: Float[Array, "*run layer head sequence position position"]
    scores: Float[Array, "*run layer head sequence position position"]
    pattern: Float[Array, "*run layer head sequence position position"]
    z: Float[Array, "*run layer head sequence position d_model"]
    attn_out: Float[Array, "*run layer sequence position d_model"]
    resid_mid: Float[Array, "*run layer sequence position d_model"]
    mlp_normed: Float[Array, "*run layer sequence position d_model"]
    mlp_pre: Float[Array, "*run layer sequence position d_mlp"]
    mlp_post: Float[Array, "*run layer sequence position d_mlp"]
    mlp_out: Float[Array, "*run layer sequence position d_model"]
    resid_post: Float[Array, "*run layer sequence position d_model"]
    final: Float[Array, "*run sequence position d_model"]
    logits: Float[Array, "*run sequence position d_vocab_out"]

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
    token_embed = embedded(params, tokens, model)
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
    names = layers[0] if layers else {}
    stacked = {name: _stack([kept[name] for kept in layers], len(params.run_shape)) for name in names}
    final = norm(resid, params.ln_final_w, params.ln_final_b, model) if model.norm_final else resid
    known = {"token_embed": token_embed, "pos_embed": pos_embed, "resid_0": resid_0, "final": final}
    return Activations(**known, logits=unembedded(params, final, model), **(stacked or _no_layers(resid, model)))


def embedded(
    params: Params, tokens: Int[Array, "sequence position"], model: ModelConfig
) -> Float[Array, "*run sequence position d_model"]:
    """Return the embedding of every token, or of both of a pair, side by side; padding has that of the first."""
    ids = np.maximum(tokens, 0)
    if not model.pairs:
        return np.asarray(params.W_E[..., ids, :])
    d_vocab = params.W_E.shape[-2]
    return np.concatenate([params.W_E[..., ids // d_vocab, :], params.W_E[..., ids % d_vocab, :]], axis=-1)


def unembedded(
    params: Params, final: Float[Array, "*run sequence position d_model"], model: ModelConfig
) -> Float[Array, "*run sequence position d_vocab_out"]:
    """Return the logits of what is unembedded: itself, or times W_U (or W_E turned), and b_U added where there is one."""
    if not model.unembed:
        return final
    W_U = np.swapaxes(params.W_E, -1, -2) if model.tied else params.W_U
    logits = final @ W_U[..., None, :, :]
    return logits if params.b_U is None else logits + params.b_U[..., None, None, :]


def norm(
    x: Float[Array, "*run sequence position d_model"],
    gain: Float[Array, "*run d_model"],
    bias: Float[Array, "*run d_model"] | None,
    model: ModelConfig,
) -> Float[Array, "*run sequence position d_model"]:
    """Return the stream normed by the model's norm; gain, bias: of one place, [*run, d_model].

    >>> x = np.array([[[1.0, 3.0]]])
    >>> norm(x, np.ones(2), np.zeros(2), ModelConfig(norm="layer")).round(4).tolist()
    [[[-1.0, 1.0]]]
    >>> norm(x, np.ones(2), None, ModelConfig(norm="rms")).round(4).tolist()
    [[[0.4472, 1.3416]]]
    """
    if model.norm == "layer":
        x = x - x.mean(axis=-1, keepdims=True)
    size = np.sqrt((x * x).mean(axis=-1, keepdims=True) + x.dtype.type(NORM_EPSILON))
    scaled = x / size * gain[..., None, None, :]
    return np.asarray(scaled if bias is None else scaled + bias[..., None, None, :])


def activated(x: Float[Array, "*axes"], activation: str) -> Float[Array, "*axes"]:
    """Return max(x, 0), or for gelu its tanh form, x times the sigmoid of 2 sqrt(2/pi) (x + 0.044715 x³).

    Source: Hendrycks and Gimpel 2016, Gaussian Error Linear Units.

    >>> activated(np.array([-1.0, 1.0]), "relu").tolist(), activated(np.array([-1.0, 1.0]), "gelu").round(4).tolist()
    ([0.0, 1.0], [-0.1588, 0.8412])
    """
    if activation == "relu":
        return np.maximum(x, 0)
    inner = x.dtype.type(2 * math.sqrt(2 / math.pi)) * (x + x.dtype.type(0.044715) * x * x * x)
    return np.asarray(x * sigmoid(inner))


def _stack(arrays: list[Array], axis: int) -> Array:
    # Of one layer nothing is copied.
    return np.expand_dims(arrays[0], axis) if len(arrays) == 1 else np.stack(arrays, axis=axis)


def _unedited(name: str, layer: int, activation: Array, before: Mapping[str, Array]) -> Array:
    return activation


def _no_layers(resid: Array, model: ModelConfig) -> dict[str, Array]:
    """Return what the layers of a model without any compute: arrays of no layer."""
    *run, n_sequences, n_ctx, d_model = resid.shape
    heads = (0, model.n_heads, n_sequences, n_ctx)
    widths = {
        "q": model.d_head,
        "k": model.d_head,
        "v": model.d_head if model.factored_values else d_model,
        "z": d_model,
    }
    sizes: dict[str, tuple[int, ...]] = {name: (*heads, width) for name, width in widths.items()}
    sizes |= dict.fromkeys(("raw_scores", "scores", "pattern"), (*heads, n_ctx))
    sizes |= dict.fromkeys(OF_STREAM, (0, n_sequences, n_ctx, d_model))
    sizes |= dict.fromkeys(("mlp_pre", "mlp_post"), (0, n_sequences, n_ctx, model.d_mlp))
    return {name: np.empty((*run, *size), resid.dtype) for name, size in sizes.items()}


def _layer(
    params: Params, layer: int, resid: Array, mask: NDArray[np.bool_], model: ModelConfig, edit: Edit
) -> dict[str, Array]:
    of = params.of_layer(layer)
    before, after = model.norm != "none" and not model.norm_after, model.norm_after
    on: dict[str, Array] = {"resid_pre": edit("resid_pre", layer, resid, {})}
    on["normed"] = norm(on["resid_pre"], of.ln1_w, of.ln1_b, model) if before else on["resid_pre"]
    _heads(on, of, layer, mask, model, edit)
    on["attn_out"] = _plus(on["z"].sum(axis=-4), of.b_O)
    mid = on["resid_pre"] + on["attn_out"] if model.residual else on["attn_out"]
    on["resid_mid"] = norm(mid, of.ln1_w, of.ln1_b, model) if after else mid
    on["mlp_normed"] = norm(on["resid_mid"], of.ln2_w, of.ln2_b, model) if before and model.d_mlp else on["resid_mid"]
    _mlp(on, of, layer, model, edit)
    post = on["resid_mid"] + on["mlp_out"] if model.d_mlp else on["resid_mid"]
    on["resid_post"] = norm(post, of.ln2_w, of.ln2_b, model) if after and model.d_mlp else post
    return on


def _heads(
    on: dict[str, Array], of: Params, layer: int, mask: NDArray[np.bool_], model: ModelConfig, edit: Edit
) -> None:
    """Compute what a layer's heads do, from what they read to what they write."""
    read = on["normed"][..., None, :, :, :]
    for name, weight, bias in (("q", of.W_Q, of.b_Q), ("k", of.W_K, of.b_K), ("v", of.W_V, of.b_V)):
        made = np.repeat(read, model.n_heads, axis=-4) if weight is None else read @ weight[..., :, None, :, :]
        on[name] = edit(name, layer, made if bias is None else made + bias[..., :, None, None, :], on)
    on["raw_scores"] = on["q"] @ np.swapaxes(on["k"], -1, -2)
    if model.relative_positions:
        on["raw_scores"] = on["raw_scores"] + by_distance(on["q"], of.W_R)
    on["scores"] = edit("scores", layer, on["raw_scores"] * on["raw_scores"].dtype.type(model.scale), on)
    on["pattern"] = edit("pattern", layer, softmax(on["scores"], mask), on)
    z, W_O = on["pattern"] @ on["v"], of.W_O
    on["z"] = edit("z", layer, z if W_O is None else z @ W_O[..., :, None, :, :], on)


def by_distance(
    q: Float[Array, "*run head sequence position d_head"], W_R: Float[Array, "*run head n_ctx d_head"] | None
) -> Float[Array, "*run head sequence position position"]:
    """Return q_t · W_R[t - s] [..., query, key], 0 where the key comes after the query."""
    assert W_R is not None
    n_ctx = q.shape[-2]
    behind = np.arange(n_ctx)[:, None] - np.arange(n_ctx)
    of_all = q @ np.swapaxes(W_R, -1, -2)[..., :, None, :, :n_ctx]
    found = np.take_along_axis(of_all, np.broadcast_to(np.maximum(behind, 0), of_all.shape), axis=-1)
    return np.where(behind >= 0, found, found.dtype.type(0))


def _mlp(on: dict[str, Array], of: Params, layer: int, model: ModelConfig, edit: Edit) -> None:
    """Compute what a layer's MLP writes; nothing, and of no width within, where there is none."""
    W_in, W_out = of.W_in, of.W_out
    if W_in is None or W_out is None:
        on["mlp_pre"] = on["mlp_post"] = on["mlp_normed"][..., :0]
        on["mlp_out"] = np.zeros_like(on["resid_mid"])
        return
    on["mlp_pre"] = _plus(on["mlp_normed"] @ W_in[..., None, :, :], of.b_in)
    on["mlp_post"] = activated(on["mlp_pre"], model.activation)
    on["mlp_out"] = edit("mlp_out", layer, _plus(on["mlp_post"] @ W_out[..., None, :, :], of.b_out), on)


def _plus(x: Array, bias: Array | None) -> Array:
    return x if bias is None else x + bias[..., None, None, :]
