"""Static figures of runs: the loss curve, heat maps, and the parts of a logit difference.

Every function draws into a new matplotlib figure and returns it; nothing touches pyplot's global state.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

BLUE, ORANGE, GREY = "#2166ac", "#d95f0e", "#777777"
MAP, DIVERGING = "Blues", "RdBu"


def loss_curve(
    steps: NDArray[Any],
    loss: NDArray[Any],
    rate: NDArray[Any],
    *,
    floor: float,
    bigram_floor: float,
    seen: str = "the full prefix",
    loss_name: str = "softmax",
) -> Figure:
    """Draw the loss over steps with both floors and the steps where the learning rate fell; seen: what the floor is with."""
    figure, axes = new(7.2, 3.2)
    axes.plot(steps, loss, color=BLUE, linewidth=1.8, label="loss")
    for value, name, style in (
        (floor, f"floor ({seen.removeprefix('the ')})", "--"),
        (bigram_floor, "floor (current token only)", ":"),
    ):
        axes.axhline(value, color=GREY, linestyle=style, linewidth=1)
        axes.annotate(
            f"{name}  {value:.4f}", (0, value), xytext=(4, 3), textcoords="offset points", fontsize=8, color=GREY
        )
    for drop in steps[1:][np.diff(rate) < 0]:
        axes.axvline(drop, color=ORANGE, linewidth=1, alpha=0.8)
    drops = [
        f"{float(r):g} from step {s}" for s, r in zip(steps[1:], rate[1:], strict=True) if r < _before(rate, steps, s)
    ]
    if drops:
        axes.set_title("learning rate: " + ", ".join(drops), fontsize=8, color=ORANGE, loc="right")
    axes.set_xlabel("step")
    axes.set_ylabel(f"{loss_name} loss (nats per position)")
    axes.set_ylim(0, float(np.nanmax(loss)) * 1.05)
    axes.set_xlim(0, float(steps[-1]))
    return figure


def _before(rate: NDArray[Any], steps: NDArray[Any], step: Any) -> Any:
    return rate[int(np.searchsorted(steps, step)) - 1]


def heat_map(frame: pd.DataFrame, *, title: str) -> Figure:
    """Draw a table with every number readable: shares in 0 … 1 in one colour, anything else in two, white at zero.

    >>> import headlab as hl
    >>> run = hl.train(hl.Corpus.notebook(), seeds=4)[0]
    >>> figure = heat_map(run.circuits().scores["token–token"], title="QK")
    """
    rows, columns = frame.shape
    figure, axes = new(1.6 + 0.66 * columns, 0.9 + 0.42 * rows)
    _draw_table(axes, frame, title)
    return figure


def head_at_work(patterns: Sequence[pd.DataFrame], predictions: Sequence[pd.DataFrame], *, view: str) -> Figure:
    """Draw where a head looks and what is predicted, one row a sentence.

    >>> import headlab as hl
    >>> run = hl.train(hl.Corpus.notebook(), seeds=4)[0]
    >>> figure = head_at_work(run.attention(), run.predictions("probs"), view="probs")
    """
    widths = [frames[0].shape[1] + 2 for frames in (patterns, predictions)]
    heights = [frame.shape[0] + 2.2 for frame in patterns]
    figure = Figure(figsize=(0.62 * sum(widths), 0.42 * sum(heights)), layout="constrained")
    axes = figure.subplots(len(patterns), 2, squeeze=False, width_ratios=widths, height_ratios=heights)
    for row, frames in enumerate(zip(patterns, predictions, strict=True)):
        for place, frame, what in zip(axes[row], frames, ("pattern", view), strict=True):
            tidy(place)
            _draw_table(place, frame, f"sentence {row + 1}: {what}")
    return figure


def _draw_table(axes: Axes, frame: pd.DataFrame, title: str) -> None:
    rows, columns = frame.shape
    values = frame.to_numpy(float)
    shares = bool((values >= 0).all() and (values <= 1).all())
    reach = 1.0 if shares else float(np.abs(values).max())
    axes.imshow(values, cmap=MAP if shares else DIVERGING, vmin=0 if shares else -reach, vmax=reach, aspect="auto")
    for row, column in np.ndindex(rows, columns):
        value = float(values[row, column])
        ink = "white" if abs(value) > 0.6 * reach else "black"
        text = f"{value:.3f}" if shares else f"{round(value, 1) + 0.0:+.1f}"
        axes.text(column, row, text, ha="center", va="center", fontsize=8, color=ink)
    axes.set_xticks(range(columns), [str(name) for name in frame.columns], fontsize=8)
    axes.set_yticks(range(rows), [str(name) for name in frame.index], fontsize=8)
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_title(title, fontsize=10, loc="left")


def contributions(parts: pd.Series, *, title: str) -> Figure:
    """Draw the parts of a logit difference as bars that add up to their total, the last bar."""
    names = [*parts.index, "sum"]
    values = [*parts.to_numpy(float), float(parts.sum())]
    figure, axes = new(5.2, 0.8 + 0.32 * len(names))
    starts = [0.0, *np.cumsum(values[:-2]).tolist(), 0.0]
    colors = [BLUE if value >= 0 else ORANGE for value in values[:-1]] + [GREY]
    axes.barh(range(len(names)), values, left=starts, color=colors, height=0.62)
    reach = max(abs(start + value) for start, value in zip(starts, values, strict=True)) or 1.0
    for row, (start, value) in enumerate(zip(starts, values, strict=True)):
        axes.text(max(start, start + value) + reach * 0.02, row, f"{value:+.2f}", va="center", fontsize=8)
    axes.margins(x=0.14)
    axes.set_yticks(range(len(names)), names, fontsize=8)
    axes.invert_yaxis()
    axes.axvline(0, color=GREY, linewidth=0.8)
    axes.set_title(title, fontsize=9, loc="left")
    return figure


def new(width: float, height: float) -> tuple[Figure, Axes]:
    """Return a figure of so many inches, and its axes."""
    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.subplots()
    tidy(axes)
    return figure, axes


def tidy(axes: Axes) -> None:
    """Take away what says nothing."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=8)
