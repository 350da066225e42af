"""Where a loss curve rests: stretches in which it falls slowly, after which it falls faster again, or which it ends with.

A stretch of consecutive evaluations whose losses lie within a band of `width` nats is a rest if

    it lasts longer than   width / (loss at the start - loss at the end) · all steps      (the average over the training)
    and longer than the curve takes after it to fall by another width                     (or it is there at the end)

So a curve that falls ever more slowly, or evenly, rests nowhere but at its end. Rests are found longest first and do not
overlap. Nobody tells where to look.
"""

from dataclasses import dataclass

import numpy as np

from headlab.arrays import Array, Float, Int

WIDTH = 0.02  # nats


@dataclass(frozen=True)
class Rest:
    """A stretch in which a loss curve rests: its first and its last step, and the mean of its losses in nats."""

    first: int
    last: int
    loss: float


def rests(
    steps: Int[Array, " evaluation"], losses: Float[Array, " evaluation"], width: float = WIDTH
) -> tuple[Rest, ...]:
    """Return where a loss curve rests, in the order of the steps; nowhere in one that does not fall, or is not finite.

    steps: at which the loss was measured, rising; losses: in nats; width: of the band, in nats

    >>> steps = np.arange(0, 1000, 50)
    >>> losses = np.where(steps < 250, 0.69, np.where(steps < 650, 0.58, 0.51))
    >>> [(rest.first, rest.last, round(rest.loss, 2)) for rest in rests(steps, losses)]
    [(0, 200, 0.69), (250, 600, 0.58), (650, 950, 0.51)]
    >>> rests(steps, 0.69 - 0.0002 * steps)
    ()
    """
    finite = len(losses) > 1 and bool(np.isfinite(losses).all())
    if not finite or losses[0] <= losses[-1]:
        return ()
    least = width / float(losses[0] - losses[-1]) * float(steps[-1] - steps[0]) * (1 + 1e-9)
    stretches = [(first, _last(losses, first, width)) for first in range(len(losses))]
    slow = [at for at in stretches if steps[at[1]] - steps[at[0]] > max(least, _after(steps, losses, at, width))]
    found: list[Rest] = []
    for first, last in sorted(slow, key=lambda at: steps[at[0]] - steps[at[1]]):
        if all(steps[last] < rest.first or steps[first] > rest.last for rest in found):
            found.append(Rest(int(steps[first]), int(steps[last]), float(losses[first : last + 1].mean())))
    return tuple(sorted(found, key=lambda rest: rest.first))


def plateau(
    steps: Int[Array, " evaluation"],
    losses: Float[Array, "run evaluation"],
    level: float,
    width: float = WIDTH,
) -> Float[Array, " run"]:
    """Return the loss at which each run's curve rests that is nearest to a level, [run]; nan where it rests nowhere.

    >>> steps = np.arange(0, 1000, 50)
    >>> curve = np.where(steps < 150, 0.69, np.where(steps < 650, 0.58, 0.51))
    >>> plateau(steps, np.stack([curve, 0.69 - 0.0002 * steps]), level=0.5822).round(2).tolist()
    [0.58, nan]
    """
    values = [[rest.loss for rest in rests(steps, curve, width)] for curve in losses]
    return np.array([min(found, key=lambda loss: abs(loss - level), default=np.nan) for found in values])


def _last(losses: Float[Array, " evaluation"], first: int, width: float) -> int:
    """Return the last evaluation of the stretch from a first one on whose losses lie within a band."""
    spread = np.maximum.accumulate(losses[first:]) - np.minimum.accumulate(losses[first:])
    return first + int(np.searchsorted(spread, width, side="right")) - 1


def _after(
    steps: Int[Array, " evaluation"], losses: Float[Array, " evaluation"], stretch: tuple[int, int], width: float
) -> float:
    """Return in how many steps the curve falls after a stretch by another width: 0 at the curve's end, infinite for never."""
    first, last = stretch
    if last == len(losses) - 1:
        return 0.0
    below = np.flatnonzero(losses[last:] <= losses[first : last + 1].min() - width)
    return float(steps[last + below[0]] - steps[last]) if len(below) else np.inf
