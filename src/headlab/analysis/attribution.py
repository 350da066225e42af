"""Which source position contributes what to the choice between two tokens: exact, by linearity.

With one layer the logits are a sum: the residual stream's direct part, and for every head and source position s the
value at s weighted by the pattern. So  logit(a) - logit(b) = direct + sum over heads and s of pattern[t, s] · (v_s · w),
where w = (W_O W_U)[:, a] - (W_O W_U)[:, b]. With more layers the same sum over the last layer is exact too; its `direct`
part then holds what earlier layers wrote.
"""

from dataclasses import dataclass

import numpy as np

from headlab.model.forward import Activations
from headlab.model.params import Array, Params


@dataclass(frozen=True, eq=False)
class Contributions:
    """The parts of logit(a) - logit(b) at one position.

    direct [*run]: what the residual stream already held; by_source [*run, head, key]: what each head reads from each
    source position; total [*run]: their sum, the logit difference
    """

    direct: Array
    by_source: Array
    total: Array


def source_contributions(
    params: Params, activations: Activations, sequence: int, position: int, a: int, b: int, *, residual: bool = True
) -> Contributions:
    """Return the exact parts of logit(a) - logit(b) at one position of one sequence, by head and source position.

    residual: whether the model has a residual connection (`ModelConfig.residual`)
    """
    layer = (..., -1)
    v = activations.v[..., -1, :, sequence, :, :]
    if params.W_O is not None:
        v = v @ params.W_O[(*layer, slice(None), slice(None), slice(None))]
    readout = _readout(params, a, b, v.shape[-1])
    pattern = activations.pattern[..., -1, :, sequence, position, :]
    by_source = pattern * np.einsum("...hkd,...d->...hk", v, readout)
    stream = activations.resid_pre[..., -1, sequence, position, :]
    direct = (
        np.einsum("...d,...d->...", stream, readout) if residual else np.zeros(by_source.shape[:-2], by_source.dtype)
    )
    return Contributions(direct, by_source, direct + by_source.sum(axis=(-1, -2)))


def _readout(params: Params, a: int, b: int, width: int) -> Array:
    if params.W_U is not None:
        return params.W_U[..., a] - params.W_U[..., b]
    unit = np.zeros((*params.run_shape, width), params.W_E.dtype)
    unit[..., a] += 1
    unit[..., b] -= 1
    return unit
