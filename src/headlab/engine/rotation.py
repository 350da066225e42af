"""Train wide heads narrow: under SGD, (W_Q, W_K) may be rotated by one orthogonal matrix.

    scores depend on W_Q W_Kᵀ alone, and for any orthogonal R:  (W_Q R)(W_K R)ᵀ = W_Q W_Kᵀ.

The gradient of W_Q R is (d W_Q) R, and SGD (with or without momentum, under any schedule) is linear in it, so the
rotated run is the run, rotated. Stack M = [W_Q; W_K], of 2 d_model rows: with Mᵀ = R L (a QR decomposition) the
narrow weights L are 2 d_model wide whatever d_head was, and W_Q = L_Q Rᵀ at every step. Adam and RMSprop divide
element by element and are not equivariant: they train the wide form.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from headlab.config import Shape, TrainConfig
from headlab.model.decompose import of_finite

NUMBERS_AT_A_TIME = 1 << 20


def narrow_width(shape: Shape, training: TrainConfig) -> int | None:
    """Return the width that the same run can be trained with, or None where the full width is needed.

    >>> from headlab.config import ModelConfig, Phase
    >>> from headlab.data.corpus import Corpus
    >>> shape = ModelConfig(d_head=160).on(Corpus.notebook())
    >>> narrow_width(shape, TrainConfig()), narrow_width(shape, TrainConfig(optimizer="adam"))
    (14, None)
    >>> narrow_width(shape, TrainConfig(phases=(Phase(5), Phase(5, freeze=("W_K",))))) is None
    True
    """
    if shape.model.factored_values or shape.d_head <= 2 * shape.d_model:
        return None
    optimizers = {training.optimizer, *(phase.changes.get("optimizer", "sgd") for phase in training.phases)}
    frozen = {name for phase in training.phases for name in phase.freeze}
    return 2 * shape.d_model if optimizers == {"sgd"} and not frozen & {"W_Q", "W_K"} else None


@dataclass(frozen=True)
class Rotation:
    """The orthonormal columns R [run, block, d_head, 2 d_model] that turn wide weights into narrow ones and back."""

    basis: NDArray[np.floating]

    @classmethod
    def narrowing(cls, W_Q: NDArray[np.floating], W_K: NDArray[np.floating]) -> "tuple[Rotation, NDArray[np.floating]]":
        """Return the rotation and the narrow [W_Q; W_K] [run, block, 2 d_model, 2 d_model] of wide weights.

        W_Q, W_K: [run, block, d_model, d_head], where a block is one head of one layer.
        """
        runs, blocks, d_model, d_head = W_Q.shape
        basis = np.empty((runs, blocks, d_head, 2 * d_model), W_Q.dtype)
        narrow = np.empty((runs, blocks, 2 * d_model, 2 * d_model), W_Q.dtype)
        at_a_time = max(1, NUMBERS_AT_A_TIME // max(1, basis[:1].size))
        for start in range(0, runs, at_a_time):  # the decomposition in float64, without a float64 copy of all
            some = slice(start, start + at_a_time)
            stacked = np.concatenate([W_Q[some], W_K[some]], axis=-2).astype(np.float64)
            basis[some], upper = of_finite(lambda wide: tuple(np.linalg.qr(wide)), np.swapaxes(stacked, -1, -2))
            with np.errstate(over="ignore"):  # weights at the end of float32: the run diverges at its start
                narrow[some] = np.swapaxes(upper, -1, -2)
        return cls(basis), narrow

    def widen(self, narrow: NDArray[np.floating]) -> NDArray[np.floating]:
        """Return the wide form of narrow weights [run, ..., block, d_model, 2 d_model], in their own dtype."""
        basis = self.basis.reshape(self.basis.shape[:1] + (1,) * (narrow.ndim - 4) + self.basis.shape[1:])
        with np.errstate(over="ignore", invalid="ignore"):  # diverged runs hold whatever they diverged to
            return (narrow @ np.swapaxes(basis, -1, -2)).astype(narrow.dtype, copy=False)
