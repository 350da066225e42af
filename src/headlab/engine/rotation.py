"""Train wide heads narrow: under SGD, (W_Q, W_K) may be rotated by one orthogonal matrix.

    scores depend on W_Q W_Kᵀ alone, and for any orthogonal R:  (W_Q R)(W_K R)ᵀ = W_Q W_Kᵀ.

The gradient of W_Q R is (d W_Q) R, and SGD (with or without momentum, under any schedule) is linear in it, so the
rotated run is the run, rotated. Stack M = [W_Q; W_K], of 2 d_model rows: with Mᵀ = R L (a QR decomposition) the
narrow weights L are 2 d_model wide whatever d_head was, and W_Q = L_Q Rᵀ at every step. Adam and RMSprop divide
element by element and are not equivariant, and a weight that is frozen alone cannot turn: a training of which one phase
is such trains the wide form from its first step on.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from headlab.arrays import Array
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


@dataclass(frozen=True)
class FlatHeads:
    """W_Q and W_K within flat weights [*run, weight], or within anything of their order, of either width."""

    start: int
    blocks: int
    d_model: int
    d_head: int

    @classmethod
    def of(cls, shape: Shape) -> "FlatHeads":
        """Return those of a model on a batch."""
        return cls(shape.place("W_Q").start, shape.n_layers * shape.n_heads, shape.d_model, shape.d_head)

    def split(self, flat: Array, width: int) -> tuple[Array, Array, Array]:
        """Return what stands before them, W_Q and W_K [*run, 2, block, d_model, width], and what stands after them."""
        size = 2 * self.blocks * self.d_model * width
        middle = flat[..., self.start : self.start + size]
        heads = middle.reshape(*flat.shape[:-1], 2, self.blocks, self.d_model, width)
        return flat[..., : self.start], heads, flat[..., self.start + size :]

    def narrow(self, flat: Array) -> tuple[Rotation, Array]:
        """Return the rotation of wide weights [run, weight], and the narrow ones."""
        before, wide, after = self.split(flat, self.d_head)
        rotation, stacked = Rotation.narrowing(wide[:, 0], wide[:, 1])
        q, k = stacked[:, :, : self.d_model], stacked[:, :, self.d_model :]
        return rotation, _joined(before, np.stack([q, k], axis=1).astype(flat.dtype), after)

    def with_heads(self, flat: Array, heads: Array) -> Array:
        """Return wide weights [run, weight] with W_Q and W_K in another form, [run, 2, block, d_model, 2 d_model]."""
        before, _, after = self.split(flat, self.d_head)
        return _joined(before, heads, after)

    def widen(self, flat: Array, rotation: Rotation) -> Array:
        """Return the wide form of narrow weights, or of what is like them, [run, ..., weight]."""
        before, narrow, after = self.split(flat, 2 * self.d_model)
        return _joined(before, rotation.widen(narrow), after)


def _joined(before: Array, heads: Array, after: Array) -> Array:
    middle = heads.reshape(*before.shape[:-1], math.prod(heads.shape[-4:]))
    return np.ascontiguousarray(np.concatenate([before, middle, after], axis=-1))
