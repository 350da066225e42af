"""A head is two matrices: W_QK says where it looks, W_OV what it writes from there.

Source: Elhage et al. 2021, A Mathematical Framework for Transformer Circuits.
"""

import numpy as np

from headlab.model.params import Array, Params


def W_QK(params: Params) -> Array:
    """Return W_Q W_Kᵀ [*run, layer, head, d_model, d_model]; its rank is at most d_model, whatever d_head is."""
    return params.W_Q @ np.swapaxes(params.W_K, -1, -2)


def W_OV(params: Params) -> Array:
    """Return W_V W_O, or the full W_V where there is no W_O, [*run, layer, head, d_model, d_model]."""
    return params.W_V if params.W_O is None else params.W_V @ params.W_O


def effective_rank(matrix: Array) -> Array:
    """Return exp of the entropy of the normalised singular values [*run, ...]: from 1 to the full rank.

        p_i = s_i / sum s        effective rank = exp(-sum p_i ln p_i)

    Source: Roy & Vetterli 2007, The effective rank.

    >>> round(float(effective_rank(np.eye(7))), 6)
    7.0
    """
    singular = np.linalg.svd(matrix, compute_uv=False)
    shares = singular / singular.sum(axis=-1, keepdims=True)
    logs = np.log(shares, out=np.zeros_like(shares), where=shares > 0)
    return np.exp(-(shares * logs).sum(axis=-1))
