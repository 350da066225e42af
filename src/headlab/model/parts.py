"""What gives what, readable: what the kernel's parts compute, in NumPy. With patterns held a model is linear in its embeddings.

A path goes from an embedding through some heads, at most one a layer, to the logits. G_p[s] carries the readout w back along the
path p, from a place to each source position s; through a head

    G'[s] = sum over queries q of pattern[q, s] · G[q] W_OVᵀ

and logits · readout = sum over paths p and positions s of (W_E[token_s] + W_pos[s]) · G_p[s].
Source: Elhage et al. 2021, A Mathematical Framework for Transformer Circuits.
"""

from collections.abc import Sequence

import numpy as np

from headlab.arrays import Array, Float
from headlab.config.model import ModelConfig
from headlab.model.forward import Activations
from headlab.model.matrices import W_OV
from headlab.model.params import Params
from headlab.model.paths import TOKEN, Path, features


def read_by(params: Params, readout: Float[Array, " d_vocab"]) -> Float[Array, "run d_model"]:
    """Return w [run, d_model] with logits · readout = resid · w; tokens that it does not read count for nothing.

    >>> read_by(Params(W_E=np.ones((2, 3, 3))), np.array([1.0, 0.0, -1.0])).tolist()
    [[1.0, 0.0, -1.0], [1.0, 0.0, -1.0]]
    """
    if params.W_U is None:
        return np.tile(readout, (*params.run_shape, 1))
    some = np.flatnonzero(readout)
    return np.asarray(params.W_U[..., some] @ readout[some])


def flow(
    params: Params,
    pattern: Float[Array, "run layer head position position"],
    w: Float[Array, "run d_model"],
    position: int,
    path: Path,
) -> Float[Array, "run position d_model"]:
    """Return G along one path, [run, source, d_model]; position: where the readout w is taken."""
    G, OV = _start(pattern, w, position), W_OV(params)
    for layer, head in reversed(path):
        G = _back(pattern[:, layer, head], G, OV[:, layer, head])
    return G


def path_parts(
    params: Params,
    on: Activations,
    place: tuple[int, int],
    readout: Float[Array, " d_vocab"],
    paths: Sequence[Path],
) -> tuple[Float[Array, "run path source"], Float[Array, "run path source"]]:
    """Return what token and position embeddings give along each path, by the position at which it starts.

    on: of the same runs; place: (sequence, position)
    """
    sequence, position = place
    w, pattern = read_by(params, readout), on.pattern[:, :, :, sequence]
    flows = [flow(params, pattern, w, position, path) for path in paths]
    embeds = on.token_embed[:, sequence], on.pos_embed[:, sequence]
    token, positional = (np.stack([np.einsum("rsd,rsd->rs", G, embed) for G in flows], axis=1) for embed in embeds)
    return token, positional


def adjoints(
    params: Params,
    model: ModelConfig,
    pattern: Float[Array, "run layer head position position"],
    w: Float[Array, "run d_model"],
    position: int,
) -> Float[Array, "run stream position d_model"]:
    """Return G before each layer and after the last: what a vector there adds to the readout w along all paths."""
    G, OV = _start(pattern, w, position), W_OV(params)
    found = [G]
    for layer in reversed(range(model.n_layers)):
        through = _back(pattern[:, layer], G[:, None], OV[:, layer]).sum(axis=1)
        G = G + through if model.residual else through
        found.append(G)
    return np.stack(found[::-1], axis=1)


def edges(
    params: Params, model: ModelConfig, on: Activations, place: tuple[int, int], readout: Float[Array, " d_vocab"]
) -> Float[Array, "run layer head position position"]:
    """Return what is read along each edge of a place's sentence, pattern[q, s] · v_s W_O, seen through all behind it."""
    sequence, position = place
    pattern, OV = on.pattern[:, :, :, sequence], W_OV(params)
    G = adjoints(params, model, pattern, read_by(params, readout), position)
    read = on.resid_pre[:, :, None, sequence] @ OV  # [run, layer, head, key, d_model]
    return np.asarray(pattern * (G[:, 1:, None] @ np.swapaxes(read, -1, -2)))


def gradients(
    params: Params, model: ModelConfig, on: Activations, place: tuple[int, int], readout: Float[Array, " d_vocab"]
) -> Float[Array, "run stream position d_model"]:
    """Return the gradient of logits · readout before each layer and after the last: as `adjoints`, but patterns react."""
    sequence, position = place
    G = _start(on.pattern[:, :, :, sequence], read_by(params, readout), position)
    found = [G]
    for layer in reversed(range(model.n_layers)):
        q, k, v, pattern = (getattr(on, name)[:, layer, :, sequence] for name in ("q", "k", "v", "pattern"))
        to_z = G[:, None]
        if params.W_O is not None:
            to_z = to_z @ _turned(params.W_O[:, layer])
        to_pattern = to_z @ _turned(v)
        to_scores = pattern * (to_pattern - (pattern * to_pattern).sum(axis=-1, keepdims=True)) * model.scale
        through = (
            to_scores @ k @ _turned(params.W_Q[:, layer])
            + _turned(to_scores) @ q @ _turned(params.W_K[:, layer])
            + _turned(pattern) @ to_z @ _turned(params.W_V[:, layer])
        ).sum(axis=1)
        G = G + through if model.residual else through
        found.append(G)
    return np.stack(found[::-1], axis=1)


def stream_parts(
    model: ModelConfig, on: Activations, layer: int, places: Sequence[tuple[int, int]]
) -> Float[Array, "run place feature d_model"]:
    """Return the features of the stream that a layer reads at some places (sequence, position)."""
    parts = []
    for feature in features(model, layer):
        if isinstance(feature, tuple):
            part = on.z[:, feature[0], feature[1]]
        else:
            part = on.token_embed if feature == TOKEN else on.pos_embed
        parts.append(np.stack([part[:, sequence, position] for sequence, position in places], axis=1))
    return np.stack(parts, axis=2)


def score_parts(
    params: Params,
    model: ModelConfig,
    on: Activations,
    layer: int,
    queries: Sequence[tuple[int, int]],
    keys: Sequence[tuple[int, int]],
) -> Float[Array, "run head query key query_feature key_feature"]:
    """Return the scores of a layer's heads as sums over features: part[i, j] = r_i[query] W_Q (r_j[key] W_K)ᵀ / sqrt(d_head).

    queries, keys: places, (sequence, position); before the mask
    """
    q = stream_parts(model, on, layer, queries)[:, None] @ params.W_Q[:, layer, :, None]
    k = stream_parts(model, on, layer, keys)[:, None] @ params.W_K[:, layer, :, None]
    return np.asarray(np.einsum("rhqid,rhkjd->rhqkij", q, k) * model.scale)


def _start(pattern: Array, w: Array, position: int) -> Array:
    G = np.zeros((len(w), pattern.shape[-1], w.shape[-1]))
    G[:, position] = w
    return G


def _back(pattern: Array, G: Array, OV: Array) -> Array:
    return np.swapaxes(pattern, -1, -2) @ (G @ np.swapaxes(OV, -1, -2))


def _turned(matrices: Array) -> Array:
    return np.swapaxes(matrices, -1, -2)
