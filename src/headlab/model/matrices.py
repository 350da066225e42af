"""The two matrices that a head is: W_QK says where it looks, W_OV what it writes; and how many directions a matrix tells apart.

Source: Elhage et al. 2021, A Mathematical Framework for Transformer Circuits.
"""

from functools import partial

import numpy as np

from headlab.arrays import Array, Float
from headlab.model.decompose import of_finite
from headlab.model.params import Params


def W_QK(params: Params) -> Float[Array, "*run layer head d_model d_model"]:
    """Return W_Q W_Kᵀ [*run, layer, head, d_model, d_model]; its rank is at most d_model, whatever d_head is."""
    with np.errstate(over="ignore", invalid="ignore"):  # diverged runs hold whatever they diverged to
        return np.asarray(params.W_Q @ np.swapaxes(params.W_K, -1, -2))


def W_OV(params: Params) -> Float[Array, "*run layer head d_model d_model"]:
    """Return W_V W_O, or the full W_V where there is no W_O, [*run, layer, head, d_model, d_model]."""
    with np.errstate(over="ignore", invalid="ignore"):
        return params.W_V if params.W_O is None else np.asarray(params.W_V @ params.W_O)


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
