"""Static figure of a task that was run: how its runs learned, every seed beside the known number, where the best one looks."""

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from headlab.notation.numbers import quantity
from headlab.notation.shades import BAD, CURVE
from headlab.notation.tables import telling_columns
from headlab.report import limits
from headlab.report.figures.drawing import (
    GREY,
    drawable_numbers,
    drawable_text,
    tidy,
    with_style,
    write_heading,
)
from headlab.report.figures.runs import MAP, loss_reach
from headlab.report.words import gallery as words

if TYPE_CHECKING:
    from headlab.runs.runs import Run
    from headlab.study.reproduction import Measured, Reproduction

WIDTH, ABOVE, BELOW = 9.2, 2.9, 3.0  # inches
MOST_POINTS, MOST_CURVES = 200, 24  # of a curve; behind the best one
MOST_HEADS = 4  # whose attention is drawn
SMALL = 10  # positions whose names all have room


@with_style
def reproduction_figure(done: "Reproduction") -> Figure:
    """Draw the losses of all runs over steps, each seed's number beside the known one, and the best run's attention and answers.

    >>> from headlab.study.reproduction import plan, reproduce
    >>> from headlab.tasks import tasks
    >>> len(reproduction_figure(reproduce(plan(tasks["notebook"], seeds=range(3)))).axes)
    4
    """
    run = done.runs[done.best]
    heads = list(np.ndindex(run.model.n_layers, run.model.n_heads))[:MOST_HEADS] if run.finished else []
    about = f"{done.task.name}: {done.task.title}\n{_about(done, run)}"
    rows = [ABOVE, *([BELOW] if heads else [])]
    figure = Figure(figsize=(WIDTH, sum(rows) + 0.4), layout="constrained")
    write_heading(figure, WIDTH, about)
    parts = figure.subfigures(len(rows), 1, squeeze=False, height_ratios=rows)[:, 0]
    left, right = parts[0].subplots(1, 2, width_ratios=[3, 2])
    _curves(left, done)
    _seeds(right, done.headline, [] if done.runs.seeds is None else done.runs.seeds.tolist())
    if heads:
        panels = parts[1].subplots(1, len(heads) + 1, squeeze=False)[0]
        for axes, (layer, head) in zip(panels, heads, strict=False):
            frame = run.attention(layer, head)[0]
            _table(axes, frame, frame.index, f"head {layer}.{head}")
        _predictions(panels[-1], run)
    return figure


def _about(done: "Reproduction", run: "Run") -> str:
    shown = "the run from given weights" if run.seed is None else f"seed {run.seed}"
    trained = f"{done.badge}; recipe {done.recipe}, {quantity(len(done.runs), 'run')}"
    return f"{trained}; below, where {shown}, the best, looks: from row to column"


def _curves(axes: Axes, done: "Reproduction") -> None:
    tidy(axes)
    runs = done.runs
    kept = _some(len(runs.recorded_steps))
    steps, loss = runs.recorded_steps, drawable_numbers(runs.loss)
    others = [number for number in range(len(runs)) if number != done.best][:MOST_CURVES]
    for number in [*others, done.best]:
        best = number == done.best
        x, y = _thinned(steps, loss[number], kept)
        axes.plot(x, y, color=CURVE.light if best else GREY, linewidth=1.6 if best else 0.7, alpha=1 if best else 0.6)
    known = [item for item in done.measured if item.reference is not None and item.metric == "cross_entropy"]
    for item in known:
        assert item.reference is not None
        axes.axhline(item.reference.value, color=GREY, linestyle="--", linewidth=1)
    axes.set_xlabel("step", fontsize=8)
    axes.set_ylabel("loss (nats per place)", fontsize=8)
    if loss.size:
        axes.set_ylim(0, 1.05 * loss_reach(loss, [item.reference.value for item in known if item.reference] or [0.0]))
        axes.set_xlim(0, max(1, int(steps[-1])))
    left = len(runs) - 1 - len(others)
    rest = f" ({len(others)} of {len(runs) - 1})" if left else ""
    axes.set_title(f"loss: the best run in front of the others{rest}", fontsize=9, loc="left")


def _some(count: int) -> int:
    """Return how many steps are drawn as one point."""
    return max(1, -(-count // MOST_POINTS))


def _thinned(steps: NDArray[Any], loss: NDArray[Any], every: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return means over so many steps, which no noise of a batch hides."""
    whole = len(loss) // every * every
    with np.errstate(over="ignore", invalid="ignore"):
        return steps[:whole].reshape(-1, every).mean(axis=1), loss[:whole].reshape(-1, every).mean(axis=1)


def _seeds(axes: Axes, found: "Measured", seeds: list[int]) -> None:
    """Draw every seed's number, and the known one as a line with its tolerance as a band."""
    tidy(axes)
    values, known = drawable_numbers(found.values), found.reference
    at = np.arange(len(values))
    if known is not None:
        low = known.value - known.tolerance * (known.at_most is not True)
        high = known.value + known.tolerance * (known.at_most is not False)
        axes.axhspan(low, high, color=GREY, alpha=0.18, linewidth=0)
        axes.axhline(known.value, color=GREY, linestyle="--", linewidth=1)
        axes.annotate(
            f"{known.kind} {words.number_text(known.value)}", (1, known.value), xycoords=("axes fraction", "data"),
            xytext=(-2, 3), textcoords="offset points", ha="right", fontsize=8, color=GREY,
        )  # fmt: skip
    right = np.array([known is None or known.holds(value) for value in found.values.tolist()], bool)
    axes.plot(at[right], values[right], "o", color=CURVE.light, markersize=4)
    axes.plot(at[~right], values[~right], "x", color=BAD.light, markersize=5)
    every = max(1, len(values) // 12)
    axes.set_xticks(at[::every], [str(seed) for seed in seeds[::every]] if seeds else None)
    axes.set_xlabel("seed", fontsize=8)
    axes.margins(y=0.15)
    axes.set_title(f"{words.metric_words(found.metric)}, seed by seed", fontsize=9, loc="left")


def _predictions(axes: Axes, run: "Run") -> None:
    """Draw what the run answers where there is something to answer."""
    places = np.nonzero(run.corpus.targets[0] >= 0)[0]
    targets = sorted({int(target) for target in run.corpus.targets[0][places]})
    frame = telling_columns(run.predictions("probs")[0].iloc[places], limits.MOST_PAGE_COLUMNS, targets)
    _table(axes, frame, frame.columns, "its answers")


def _table(axes: Axes, frame: pd.DataFrame, columns: Any, title: str) -> None:
    """Draw shares as shades, with as many names as there is room for."""
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    shown = frame.iloc[: limits.MOST_PAGE_ROWS, : limits.MOST_PAGE_ROWS]
    axes.imshow(drawable_numbers(shown.to_numpy(float)), cmap=MAP, vmin=0, vmax=1, aspect="auto")
    for names, ticks in ((columns, axes.set_xticks), (frame.index, axes.set_yticks)):
        some = [drawable_text(name, 10) for name in names[: limits.MOST_PAGE_ROWS]]
        every = 1 if len(some) <= 2 * SMALL else 4
        turned: dict[str, Any] = {"rotation": 90} if ticks == axes.set_xticks else {}
        ticks(range(0, len(some), every), some[::every], fontsize=7 if len(some) <= SMALL else 5, **turned)
    axes.xaxis.tick_top()
    axes.set_title(title, fontsize=8, loc="left")
