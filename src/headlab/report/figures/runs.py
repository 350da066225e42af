"""Static figures of runs: the loss curve, a head at work, and the parts of a logit difference.

Every function draws into a new matplotlib figure and returns it; nothing touches pyplot's global state. `about` says in
every one of them what it is of, for whoever finds it on paper (see `about_run`).
"""

from bisect import bisect
from collections.abc import Iterable, Sequence
from itertools import accumulate, chain
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from numpy.typing import NDArray
from rich.cells import cell_len

from headlab.notation.numbers import with_sign
from headlab.notation.shades import ANTI, CURVE, DEEP, HUE
from headlab.notation.tables import telling_columns
from headlab.notation.values import and_more
from headlab.report.figures.drawing import (
    GREY,
    LARGEST,
    drawable_numbers,
    drawable_text,
    new_figure,
    reach,
    tidy,
    with_style,
    write_heading,
)
from headlab.report.limits import MOST_PAGE_COLUMNS, MOST_PAGE_ROWS, MOST_PAGE_SENTENCES

if TYPE_CHECKING:
    from headlab.data.corpus import Corpus
    from headlab.runs.models import Model
    from headlab.runs.runs import Run

MAP = LinearSegmentedColormap.from_list("share", ["#ffffff", HUE.light])
DIVERGING = LinearSegmentedColormap.from_list("signed", [ANTI.light, "#ffffff", HUE.light])
MOST_CELLS = 2_000  # in one figure
MOST_DROPS, FLAT_NAME = 4, 9  # of the learning rate, in words; characters that fit above a column


def about_run(run: "Run", moment: "Model | None" = None, step: int | None = None) -> str:
    """Return what a figure of a run is of: its sentences, and its seed, head size, step and loss.

    moment, step: the run as it was at a step of its training, where that is what is drawn; by default its end

    >>> import headlab as hl
    >>> print(about_run(hl.train(hl.Corpus.notebook(), seeds=4)[0]))
    man ordered the chicken / woman ordered the beef
    seed 4, d_head 20, step 5,020, loss 0.166
    """
    model, loss = run.model, run.final_loss if moment is None else moment.loss()
    parts = [
        "given weights" if run.seed is None else f"seed {run.seed}",
        f"d_head {model.d_head}",
        *([f"{model.n_heads} heads"] if model.n_heads > 1 else []),
        *([f"{model.n_layers} layers"] if model.n_layers > 1 else []),
        f"step {run.training.steps if step is None else step:,}",
        f"loss {loss:.3f}" if np.isfinite(loss) else run.outcome_sentence,
    ]
    return f"{about_corpus(run.corpus)}\n{', '.join(parts)}"


def about_corpus(corpus: "Corpus") -> str:
    """Return the first sentences of a corpus in a line.

    >>> import headlab as hl
    >>> about_corpus(hl.Corpus.from_text("a b\\nc d\\ne f"))
    'a b / c d / …'
    """
    first = 0 if corpus.start is None else 1
    some = [" ".join(words[first:]) for words in corpus.sentences[:2]]
    return " / ".join([*some, *(["…"] if len(corpus.sentences) > len(some) else [])])


@with_style
def loss_curve(
    steps: NDArray[Any],
    loss: NDArray[Any],
    rate: NDArray[Any],
    *,
    floor: float,
    bigram_floor: float,
    seen: str = "the full prefix",
    loss_name: str = "softmax",
    about: str = "",
) -> Figure:
    """Draw the loss over steps with both floors and the steps where the learning rate fell; seen: what the floor is with."""
    figure, axes = new_figure(7.2, 3.2 + 0.3 * bool(about), about)
    axes.plot(
        steps,
        drawable_numbers(loss),
        color=CURVE.light,
        linewidth=1.8,
        label="loss",
        marker="o" if len(steps) == 1 else "",
    )
    for value, name, style in (
        (floor, f"floor ({seen.removeprefix('the ')})", "--"),
        (bigram_floor, "bigram floor", ":"),
    ):
        axes.axhline(value, color=GREY, linestyle=style, linewidth=1)
        axes.annotate(
            f"{name}  {value:.4f}", (0, value), xytext=(4, 3), textcoords="offset points", fontsize=8, color=GREY
        )
    _drops(axes, steps, rate)
    axes.set_xlabel("step")
    axes.set_ylabel(f"{loss_name} loss (nats per position)")
    axes.set_ylim(0, 1.05 * loss_reach(loss, (floor, bigram_floor)))
    axes.set_xlim(0, float(steps[-1]) if len(steps) and steps[-1] > 0 else 1.0)
    return figure


def loss_reach(losses: Any, floors: Sequence[float]) -> float:
    """Return how far an axis of losses goes: to the largest one, but not to what a run reached that diverged.

    >>> loss_reach([1.9, 0.2], (0.1, 0.3)), loss_reach([1.9, 1e30], (0.1, 0.3)), loss_reach([np.nan], (0.1, 0.3))
    (1.9, 3.8, 0.3)
    """
    known = drawable_numbers(losses)
    sane = known[np.abs(known) < LARGEST]
    if len(sane) == 0:
        return reach(floors)
    return max(reach(floors), float(min(np.nanmax(known), 2 * max(sane[0], *floors))))


def _drops(axes: Axes, steps: NDArray[Any], rate: NDArray[Any]) -> None:
    falls = np.nonzero(np.diff(rate) < 0)[0] + 1
    for step in steps[falls]:
        axes.axvline(step, color=GREY, linewidth=1, alpha=0.8)
    words = [f"{float(rate[at]):g} from step {steps[at]:,}" for at in falls[:MOST_DROPS]]
    if words:
        some = [*words, *(["…"] if len(falls) > len(words) else [])]
        axes.set_title("learning rate: " + ", ".join(some), fontsize=8, color=GREY, loc="right")


@with_style
def head_at_work(
    patterns: Sequence[pd.DataFrame], predictions: Sequence[pd.DataFrame], *, output: str, about: str = ""
) -> Figure:
    """Draw where a head looks and what is predicted, a row a sentence: shares in one colour, all else in two, white at 0.

    output: what the predictions are: sigmoid, probs or logits

    >>> import headlab as hl
    >>> run = hl.train(hl.Corpus.notebook(), seeds=4)[0]
    >>> figure = head_at_work(run.attention(), run.predictions("probs"), output="probs", about=about_run(run))
    """
    pairs = list(zip(patterns, predictions, strict=True))
    narrow = [(_part_with_room(one), _part_with_room(two)) for one, two in pairs[:MOST_PAGE_SENTENCES]]
    cells = list(accumulate(one.size + two.size for one, two in narrow))
    shown = narrow[: max(1, bisect(cells, MOST_CELLS))]
    widths = [max(3, *(frames[side].shape[1] for frames in shown)) + 2 for side in (0, 1)]
    heights = [max(frame.shape[0] for frame in frames) + 2.2 + max(map(_room_above, frames)) / 0.42 for frames in shown]
    left = [*and_more(len(pairs) - len(shown), "sentences"), *_rest(chain(*pairs[: len(shown)]), chain(*shown))]
    lines = [*about.split("\n"), *left]
    width = 0.62 * sum(widths)
    figure = Figure(figsize=(width, 0.42 * sum(heights) + 0.18 * len(lines)), layout="constrained")
    write_heading(figure, width, "\n".join(lines).strip())
    axes = figure.subplots(len(shown), 2, squeeze=False, width_ratios=widths, height_ratios=heights)
    for row, frames in enumerate(shown):
        for place, frame, what in zip(axes[row], frames, ("pattern", output), strict=True):
            tidy(place)
            _draw_table(place, frame, f"sentence {row + 1}: {what}")
    return figure


def _part_with_room(frame: pd.DataFrame) -> pd.DataFrame:
    """Return what there is room for: the first rows, the columns with the largest numbers."""
    return telling_columns(frame.iloc[:MOST_PAGE_ROWS], MOST_PAGE_COLUMNS)


def _rest(frames: Iterable[pd.DataFrame], shown: Iterable[pd.DataFrame]) -> list[str]:
    """Return how many rows and columns are left out of the table that loses most."""
    left = [np.subtract(whole.shape, part.shape) for whole, part in zip(frames, shown, strict=True)]
    rows, columns = np.max(left, axis=0, initial=0).tolist()
    return [*and_more(rows, "rows"), *and_more(columns, "columns")]


def _room_above(frame: pd.DataFrame) -> float:
    """Return how many inches the names above the columns take beyond one line: long ones are slanted."""
    longest = max((cell_len(drawable_text(name)) for name in frame.columns), default=0)
    return 0.0 if longest <= FLAT_NAME else 0.06 * longest


def _draw_table(axes: Axes, frame: pd.DataFrame, title: str) -> None:
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_title(drawable_text(title, 60), fontsize=10, loc="left")
    if frame.size == 0:
        axes.set(xticks=[], yticks=[])
        return
    values = drawable_numbers(frame.to_numpy(float))
    known = values[np.isfinite(values)]
    shares = bool(len(known) and (known >= 0).all() and (known <= 1).all())
    scaled = values if shares else values / reach(values)
    axes.imshow(scaled, cmap=MAP if shares else DIVERGING, vmin=0 if shares else -1, vmax=1, aspect="auto")
    for row, column in np.ndindex(*values.shape):
        ink = "white" if abs(scaled[row, column]) > DEEP else "black"
        words = _number(float(values[row, column]), shares)
        cell = axes.text(column, row, words, ha="center", va="center", fontsize=8, color=ink)
        cell.set_in_layout(False)  # it is inside, and measuring thousands of them takes minutes
    slanted = _room_above(frame) > 0
    slant: dict[str, Any] = {"rotation": 35, "ha": "left", "rotation_mode": "anchor"} if slanted else {}
    axes.set_xticks(range(frame.shape[1]), [drawable_text(name) for name in frame.columns], fontsize=8, **slant)
    axes.set_yticks(range(frame.shape[0]), [drawable_text(name) for name in frame.index], fontsize=8)
    axes.xaxis.tick_top()


def _large(value: float, digits: int) -> str:
    return f"{value:+.{digits}e}".replace("-", "−")


def _number(value: float, share: bool = False) -> str:
    """Return a number as it fits into a cell."""
    if np.isnan(value):
        return "–"
    if share:
        return f"{value:.3f}"
    return _large(value, 1) if abs(value) >= 1e4 else with_sign(value, 1)


@with_style
def contributions(parts: pd.Series, *, title: str, about: str = "") -> Figure:
    """Draw the parts of a logit difference as bars that add up to their total, the last bar; what takes away is hatched."""
    values = drawable_numbers([*parts.to_numpy(float), float(drawable_numbers(parts).sum())])
    names = [*(drawable_text(name) for name in parts.index), "sum"]
    sizes = np.nan_to_num(values)
    figure, axes = new_figure(5.2, 0.8 + 0.32 * len(names) + 0.3 * bool(about), about)
    starts = np.array([0.0, *np.cumsum(sizes[:-1])[:-1], 0.0])[-len(names) :]
    colors = [HUE.light if value >= 0 else ANTI.light for value in sizes[:-1]] + [GREY]
    bars = axes.barh(range(len(names)), sizes, left=starts, color=colors, height=0.62)
    for bar, value in zip(bars[:-1], sizes, strict=False):
        bar.set(hatch="////" if value < 0 else "", edgecolor="white", linewidth=0)
    far = reach([*starts, *(starts + sizes)])
    for row, (start, size, value) in enumerate(zip(starts, sizes, values, strict=True)):
        words = "–" if np.isnan(value) else _large(value, 2) if abs(value) >= 1e4 else with_sign(value, 2)
        axes.text(max(start, start + size) + far * 0.02, row, words, va="center", fontsize=8)
    low, high = min(0.0, *starts, *(starts + sizes)), max(0.0, *starts, *(starts + sizes))
    axes.set_xlim(low - 0.05 * far, high + 0.16 * far)
    axes.set_yticks(range(len(names)), names, fontsize=8)
    axes.invert_yaxis()
    axes.axvline(0, color=GREY, linewidth=0.8)
    axes.set_title(drawable_text(title, 64), fontsize=9, loc="left")
    return figure
