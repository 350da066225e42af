"""Static figures: the loss curve, prediction and attention maps, and solved share and loss by head size.

Every function draws into a new matplotlib figure and returns it; nothing touches pyplot's global state.
"""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from headlab.analysis.mechanism import MECHANISMS
from headlab.study.summary import Summary

BLUE, ORANGE, GREY = "#2166ac", "#d95f0e", "#777777"
MAP, DIVERGING = "Blues", "RdBu"
MOST_POINTS = 400
# Okabe and Ito's palette, told apart by every kind of colour vision.
MECHANISM_COLORS = dict(
    zip(
        MECHANISMS,
        ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#999999", "#f0e442", "#bbbbbb", "#555555"),
        strict=True,
    )
)
CONDITION_COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#999999", "#000000")
DARK = ("value-coded", "pattern-coded", "mixed", "position-coded", "unsolved: other")


def loss_curve(
    steps: NDArray[Any],
    loss: NDArray[Any],
    rate: NDArray[Any],
    *,
    floor: float,
    bigram_floor: float,
    seen: str = "softmax",
) -> Figure:
    """Draw the loss over steps with both floors and the steps where the learning rate fell."""
    figure, axes = _new(7.2, 3.2)
    axes.plot(steps, loss, color=BLUE, linewidth=1.8, label="loss")
    for value, name, style in ((floor, "floor (full prefix)", "--"), (bigram_floor, "floor (current token only)", ":")):
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
    axes.set_ylabel(f"{seen} loss (nats per position)")
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
    figure, axes = _new(1.6 + 0.66 * columns, 0.9 + 0.42 * rows)
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
    return figure


def conditions(study: Summary) -> Figure:
    """Draw the solved share with its Wilson interval, and every run's final loss, condition by condition."""
    figure = Figure(figsize=(7.2, 3.2), layout="constrained")
    rate_axes, loss_axes = figure.subplots(1, 2)
    _shares(rate_axes, study)
    _losses(loss_axes, study)
    return figure


def census(study: Summary) -> Figure:
    """Draw the shares of mechanisms, a stacked bar a condition."""
    table = study.census()
    figure, axes = _new(7.2, 0.9 + 0.42 * table[study.factor].nunique())
    _census(axes, study, table)
    return figure


def curves(table: pd.DataFrame) -> Figure:
    """Draw the loss over steps, condition by condition: the median, and bands of the middle 50 % and 80 % of the runs."""
    figure, axes = _new(7.2, 3.6)
    _curves(axes, table)
    return figure


def study(study: Summary, curves: pd.DataFrame | None = None) -> Figure:
    """Draw a study's answer: solved shares, every run's loss, each condition's mechanisms, and curves where they are kept."""
    table = study.census()
    lower = [0.9 + 0.42 * table[study.factor].nunique()] * bool(len(table)) + [3.2] * (curves is not None)
    figure = Figure(figsize=(7.2, 3.2 + sum(lower)), layout="constrained")
    rows = figure.add_gridspec(1 + len(lower), 2, height_ratios=[3.2, *lower])
    _shares(figure.add_subplot(rows[0, 0]), study)
    _losses(figure.add_subplot(rows[0, 1]), study)
    if len(table):
        _census(figure.add_subplot(rows[1, :]), study, table)
    if curves is not None:
        _curves(figure.add_subplot(rows[-1, :]), curves)
    return figure


def _curves(axes: Axes, table: pd.DataFrame) -> None:
    _tidy(axes)
    names = list(dict.fromkeys(table["condition"]))
    for name, color in zip(names, CONDITION_COLORS, strict=False):
        rows = table[table["condition"] == name]
        for low, high, alpha in (("q10", "q90", 0.12), ("q25", "q75", 0.22)):
            axes.fill_between(rows["step"], rows[low], rows[high], color=color, alpha=alpha, linewidth=0)
        axes.plot(rows["step"], rows["q50"], color=color, linewidth=1.6, label=name)
    axes.set_xscale("symlog", linthresh=1)
    axes.set_xlim(0, float(table["step"].max()))
    axes.set_ylim(bottom=0)
    axes.set_xlabel("step (log scale)")
    some = f", {len(CONDITION_COLORS)} of {len(names)} conditions" if len(names) > len(CONDITION_COLORS) else ""
    axes.set_title(f"loss: median, middle 50 % and 80 % of runs{some}", fontsize=9, loc="left")
    axes.legend(frameon=False, fontsize=8)


def _shares(axes: Axes, study: Summary) -> None:
    for at, group in enumerate(study.groups):
        rate = group.rate
        error = [[rate.share - rate.low], [rate.high - rate.share]]
        axes.errorbar(at, rate.share, error, fmt="o", color=BLUE, capsize=5, markersize=7)
        axes.annotate(f"{rate.share:.0%}", (at, rate.share), xytext=(8, -3), textcoords="offset points", fontsize=9)
    axes.set_ylim(0, 1.03)
    axes.set_yticks([0, 0.25, 0.5, 0.75, 1], ["0 %", "25 %", "50 %", "75 %", "100 %"])
    axes.set_title("runs solved, 95 % Wilson interval", fontsize=9, loc="left")
    _name_conditions(axes, study)


def _losses(axes: Axes, study: Summary) -> None:
    for at, group in enumerate(study.groups):
        shown = np.linspace(0, len(group.losses) - 1, min(len(group.losses), MOST_POINTS)).astype(int)
        _scatter(axes, at, group.losses[shown], group.solved[shown])
    axes.set_title("final loss of every run", fontsize=9, loc="left")
    if any(len(group.losses) > MOST_POINTS for group in study.groups):
        axes.set_title(f"final loss ({MOST_POINTS} runs each)", fontsize=9, loc="left")
    axes.plot([], [], "o", color=BLUE, markersize=4, label="solved")
    axes.plot([], [], "x", color=ORANGE, markersize=4, label="not solved")
    axes.legend(frameon=False, fontsize=8, loc="lower right", bbox_to_anchor=(1, 1), ncols=2, handletextpad=0.1)
    _name_conditions(axes, study)


def _census(axes: Axes, study: Summary, census: pd.DataFrame) -> None:
    _tidy(axes)
    shares = census.pivot_table(index=study.factor, columns="mechanism", values="share", fill_value=0.0, sort=False)
    shares = shares.loc[[group.value for group in study.groups if group.value in shares.index]]
    left = np.zeros(len(shares))
    for name in [name for name in MECHANISMS if name in shares.columns]:
        widths = shares[name].to_numpy(float)
        axes.barh(range(len(shares)), widths, left=left, color=MECHANISM_COLORS[name], label=name, height=0.6)
        for row, (start, width) in enumerate(zip(left, widths, strict=True)):
            if width > 0.06:
                ink = "white" if name in DARK else "black"
                axes.text(start + width / 2, row, f"{width:.0%}", ha="center", va="center", fontsize=8, color=ink)
        left = left + widths
    axes.set_yticks(range(len(shares)), [str(value) for value in shares.index])
    axes.set_ylabel(study.factor)
    axes.invert_yaxis()
    axes.set_xlim(0, 1)
    axes.set_xticks([])
    axes.spines["bottom"].set_visible(False)
    axes.legend(frameon=False, fontsize=8, loc="lower center", bbox_to_anchor=(0.5, 1), ncols=4, handlelength=1)


def _name_conditions(axes: Axes, study: Summary) -> None:
    _tidy(axes)
    names = [str(group.value) for group in study.groups]
    axes.set_xticks(range(len(names)), names, rotation=30 if max(map(len, names)) > 8 else 0)
    axes.set_xlim(-0.6, len(names) - 0.4)
    axes.set_xlabel("" if study.factor == "condition" else study.factor)


def _scatter(axes: Axes, at: int, losses: NDArray[Any], solved: NDArray[np.bool_]) -> None:
    spread = np.random.default_rng(0).uniform(-0.22, 0.22, len(losses))
    for mask, marker, color in ((solved, "o", BLUE), (~solved, "x", ORANGE)):
        axes.scatter(at + spread[mask], losses[mask], s=12, marker=marker, color=color, alpha=0.6, linewidth=1)


def contributions(parts: pd.Series, *, title: str) -> Figure:
    """Draw the parts of a logit difference as bars that add up to their total, the last bar."""
    names = [*parts.index, "sum"]
    values = [*parts.to_numpy(float), float(parts.sum())]
    figure, axes = _new(5.2, 0.8 + 0.32 * len(names))
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


def _new(width: float, height: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.subplots()
    _tidy(axes)
    return figure, axes


def _tidy(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=8)
