"""The two matrices that a head is: W_QK says where it looks, W_OV what it writes; and how many directions a matrix tells apart.

Source: Elhage et al. 2021, A Mathematical Framework for Transformer Circuits.
"""

from functools import partial

import numpy as np

from headlab.arrays import Array, Float
from headlab.config.model import ModelConfig
from headlab.model.decompose import of_finite
from headlab.model.params import Params


def W_QK(params: Params) -> Float[Array, "*run layer head d_model d_model"]:
    """Return W_Q W_Kᵀ [*run, layer, head, d_model, d_model]; its rank is at most d_model, whatever d_head is."""
    with np.errstate(over="ignore", invalid="ignore"):  # diverged runs hold whatever they diverged to
        return np.asarray(params.W_Q @ np.swapaxes(params.W_K, -1, -2))


def W_OV(params: Params) -> Float[Array, "*run layer head d_model d_model"]:
    """Return W_V W_O, or the full W_V where there is no W_O, [*run, layer, head, d_model, d_model].

    Where values are what heads read, without a W_V, it changes nothing.
    """
    if params.W_V is None:
        d_model = params.W_Q.shape[-2]
        return np.broadcast_to(np.eye(d_model), (*params.W_Q.shape[:-2], d_model, d_model))
    with np.errstate(over="ignore", invalid="ignore"):
        return params.W_V if params.W_O is None else np.asarray(params.W_V @ params.W_O)


def token_circuit(
    params: Params, model: ModelConfig
) -> tuple[Float[Array, "*run layer head d_vocab d_model"], Float[Array, "*run layer head d_model d_vocab"]] | None:
    """Return two factors of what each token, read as it was embedded, adds to each logit, [*run, layer, head, ...].

        W_E   and   W_V W_O W_U        with a norm   W_E C diag(ln1_w)   and   W_V W_O C diag(ln_final_w) W_U

    C takes the mean away where the norm is LayerNorm; a norm divides by a length besides, which differs from place to place
    and changes no sign and no order. None where logits are not the tokens', and where the stream is normed after each block.

    >>> import numpy as np
    >>> first, last = token_circuit(Params(W_E=np.eye(3), W_V=2 * np.eye(3)[None, None]), ModelConfig())
    >>> (first @ last)[0, 0].tolist()
    [[2.0, 0.0, 0.0], [0.0, 2.0, 0.0], [0.0, 0.0, 2.0]]
    """
    first, back = params.W_E, np.swapaxes(params.W_E, -1, -2)
    last = np.eye(first.shape[-1]) if params.W_U is None else params.W_U
    last = back if model.tied else last
    if model.pairs or model.norm_after or model.d_vocab_out is not None or last.shape[-1] != first.shape[-2]:
        return None
    if params.ln_final_w is not None:
        last = params.ln_final_w[..., None] * last
        last = last - last.mean(axis=-2, keepdims=True) if model.norm == "layer" else last
    first, last = first[..., None, None, :, :], last[..., None, None, :, :]
    if params.ln1_w is not None:
        first = first - first.mean(axis=-1, keepdims=True) if model.norm == "layer" else first
        first = first * params.ln1_w[..., None, None, :]
    with np.errstate(over="ignore", invalid="ignore"):
        last = last if model.stream_values else W_OV(params) @ last
    per_head = (*params.run_shape, model.n_layers, model.n_heads)
    return np.broadcast_to(first, per_head + first.shape[-2:]), np.broadcast_to(last, per_head + last.shape[-2:])


def effective_rank(matrix: Float[Array, "*run row column"]) -> Float[Array, "*run"]:
    """Return exp of the entropy of the normalised singular values [*run, ...]: from 1 to the full rank.

        p_i = s_i / sum s        effective rank = exp(-sum p_i ln p_i)

    Not a number where the matrix holds what is none, or nothing but zeros.
    Source: Roy & Vetterli 2007, The effective rank.

    >>> round(float(effective_rank(np.eye(7))), 6), effective_rank(np.full((2, 2), np.inf))
    (7.0, array(nan))
    """
    singular = singular_values(matrix)
    total = singular.sum(axis=-1, keepdims=True)
    shares = np.divide(singular, total, out=np.full_like(singular, np.nan), where=total > 0)
    logs = np.log(shares, out=np.zeros_like(shares), where=shares > 0)
    return np.asarray(np.exp(-(shares * logs).sum(axis=-1)))


def singular_values(matrix: Float[Array, "*run row column"]) -> Float[Array, "*run number"]:
    """Return the singular values [*run, ..., number], largest first; not a number where the matrix holds what is none.

    >>> singular_values(np.stack([np.eye(2), np.full((2, 2), np.nan)])).tolist()
    [[1.0, 1.0], [nan, nan]]
    """
    return np.asarray(of_finite(partial(np.linalg.svd, compute_uv=False), matrix))
