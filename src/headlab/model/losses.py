"""The two losses that the notebook's script minimises, depending on the Keras it runs on; see docs/decisions/loss.md."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headlab.arrays import Array, Bool, Float, Int, Shaped
from headlab.errors import ConfigError
from headlab.model.outputs import sigmoid, softmax
from headlab.notation.values import short_repr


@dataclass(frozen=True, eq=False)
class LossPlaces:
    """Where a loss is taken, and how much each place counts.

    counts [sequence, position]: whether there is a target, of a weight above 0
    shares [place that counts]: w / Σ w, or None where all weights are equal, so that the loss is a plain mean
    """

    counts: Bool[Array, "sequence position"]
    shares: Float[Array, " place"] | None

    @classmethod
    def of(cls, targets: Int[Array, "sequence position"], weights: Shaped[Array, "..."] | None = None) -> "LossPlaces":
        """Return the places of targets [sequence, position] (-1: none) and their weights, all equal when left out.

        Raises `ConfigError` for weights of another shape, that are no finite numbers of at least 0, or all 0.

        >>> LossPlaces.of(np.array([[3, 1, 2, -1]]), np.array([[1, 0, 3, 5]])).shares.tolist()
        [0.25, 0.75]
        >>> LossPlaces.of(np.array([[3, 1, 2, -1]]), np.array([[2, 0, 2, 5]])).shares is None
        True
        """
        targeted = np.asarray(targets >= 0)
        if weights is None:
            return cls(targeted, None)
        given = _checked(np.asarray(weights), targeted)
        counts = targeted & (given > 0)
        some = given[counts] / given[counts].max()  # whatever their size, they can be added
        return cls(counts, None if (some == 1).all() else some / some.sum())


def _checked(weights: NDArray[Any], targeted: NDArray[np.bool_]) -> NDArray[np.float64]:
    expected = "weights must be finite numbers of at least 0 [sequence, position]"
    if weights.shape != targeted.shape or weights.dtype.kind not in "fiub":
        raise ConfigError(f"{expected} {targeted.shape}, got {weights.dtype} {weights.shape}: give one a position")
    wrong = weights[~(np.isfinite(weights) & (weights >= 0))]
    if wrong.size:
        raise ConfigError(f"{expected}, got {short_repr(wrong[0].item())}: give 0 to a target that does not count")
    if not (weights[targeted] > 0).any():
        raise ConfigError(f"{expected}, one above 0 where there is a target, got 0 at every target: no loss is left")
    return weights.astype(np.float64)


def mean_loss(
    logits: Float[Array, "*run sequence position d_vocab"],
    targets: Int[Array, "sequence position"],
    kind: str = "softmax",
    weights: Shaped[Array, "..."] | None = None,
) -> Float[Array, "*run"]:
    """Return the mean loss [*run] of logits [*run, sequence, position, d_vocab], in nats per position with a target.

        softmax             -ln softmax(x)_y
        normalized_sigmoid  -ln clip(p_y / sum p, 1e-7, 1 - 1e-7), p = sigmoid(x)

    weights: of the targets [sequence, position], Σ w·l / Σ w; all equal when left out
    Raises `ConfigError` as `LossPlaces.of` does.

    >>> round(float(mean_loss(np.zeros((1, 1, 7)), np.array([[3]]))), 4)  # ln 7
    1.9459
    """
    places = LossPlaces.of(targets, weights)
    where = places.counts
    of_target = _probabilities(logits, kind)[..., where, :][..., np.arange(where.sum()), targets[where]]
    with np.errstate(divide="ignore"):
        losses = -np.log(of_target)
    return np.asarray(losses.mean(axis=-1) if places.shares is None else (losses * places.shares).sum(axis=-1))


def _probabilities(logits: Array, kind: str) -> Array:
    if kind == "softmax":
        return softmax(logits)
    p = sigmoid(logits)
    return np.clip(p / p.sum(axis=-1, keepdims=True), 1e-7, 1 - 1e-7)
