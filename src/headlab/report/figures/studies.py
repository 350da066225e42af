"""Static figures of studies: solved shares, losses, mechanisms and curves, condition by condition.

Conditions stand side by side where their names are short and few, and below each other where they are not.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure

from headlab.analysis.looking.predictions import HAIR, NOT_SOLVED, NOTHING_TO_SOLVE, SOLVED
from headlab.analysis.parts.mechanism import MECHANISMS
from headlab.notation.numbers import percent, quantity
from headlab.notation.shades import BAD, CURVE
from headlab.notation.values import listing
from headlab.report.figures.drawing import (
    GREY,
    drawable_numbers,
    drawable_text,
    tidy,
    with_style,
    write_heading,
)
from headlab.report.figures.runs import about_corpus, loss_reach
from headlab.report.palette import PALETTE

if TYPE_CHECKING:
    from headlab.study.answer import Answer, Group
    from headlab.study.design import StudyDesign

Floors = Mapping[str, tuple[float, float]]  # a condition's floor and bigram floor, by its name

WIDTH = 7.2  # inches
MOST_POINTS, MOST_CONDITIONS, MOST_CURVES, COLUMNS = 400, 60, 10, 5
SHORT_NAME, LONG_NAME, FEW_CONDITIONS = 8, 36, 12
# Right by a hair: as solved, but empty.
MARKS: dict[str, dict[str, Any]] = {
    SOLVED: {"marker": "o", "color": CURVE.light, "markeredgewidth": 0},
    HAIR: {"marker": "o", "color": CURVE.light, "markerfacecolor": "none"},
    NOT_SOLVED: {"marker": "x", "color": BAD.light},
    NOTHING_TO_SOLVE: {"marker": "o", "color": GREY, "markeredgewidth": 0},
}


def about_study(design: "StudyDesign") -> str:
    """Return what a figure of a study is of: its title, its sentences, and how much was trained.

    >>> import headlab as hl
    >>> from headlab.study.design import StudyDesign
    >>> print(about_study(StudyDesign.grid(hl.Corpus.notebook(), seeds=range(40), d_head=[5, 10])))
    man ordered the chicken / woman ordered the beef
    2 conditions, 40 seeds each, 5,020 steps
    """
    steps = {condition.training.steps for condition in design.conditions}
    trained = f"{quantity(len(design.conditions), 'condition')}, {quantity(len(design.seeds), 'seed')} each"
    trained += f", {quantity(steps.pop(), 'step')}" if len(steps) == 1 else ""
    datasets = design.datasets
    about = (
        [about_corpus(item.corpus) for item in datasets.values()] if len(datasets) == 1 else [listing(datasets, most=4)]
    )
    return "\n".join([*([design.title] if design.title else []), *about, trained])


@with_style
def conditions(answer: "Answer", about: str = "") -> Figure:
    """Draw the solved share with its Wilson interval, and every run's final loss, condition by condition."""
    return _stack([(_conditions_height(answer), lambda part: _conditions(part, answer))], about)


@with_style
def census(answer: "Answer", about: str = "") -> Figure:
    """Draw the shares of mechanisms, a stacked bar a condition."""
    return _stack([(_census_height(answer), lambda part: _census(part, answer))], about)


@with_style
def curves(table: pd.DataFrame, floors: Floors | None = None, about: str = "") -> Figure:
    """Draw the loss over steps, a panel a condition: the median, and bands of the middle 50 % and 80 % of the runs.

    floors: of each condition, by its name, which are drawn
    """
    return _stack([(_curves_height(table), lambda part: _curves(part, table, floors or {}))], about)


@with_style
def answer_figure(
    answer: "Answer",
    table: pd.DataFrame | None = None,
    floors: Floors | None = None,
    about: str = "",
) -> Figure:
    """Draw a study's answer: solved shares and losses, mechanisms, and the curves where a table of them is given."""
    parts: list[Any] = [(_conditions_height(answer), lambda part: _conditions(part, answer))]
    if len(answer.census()):
        parts.append((_census_height(answer), lambda part: _census(part, answer)))
    if table is not None and len(table):
        parts.append((_curves_height(table), lambda part: _curves(part, table, floors or {})))
    return _stack(parts, about)


def _stack(parts: list[Any], about: str) -> Figure:
    heights = [height for height, _ in parts]
    lines = about.count("\n") + 1 if about else 0
    figure = Figure(figsize=(WIDTH, sum(heights) + 0.18 * lines), layout="constrained")
    write_heading(figure, WIDTH, about)
    for part, (_, draw) in zip(
        figure.subfigures(len(parts), 1, squeeze=False, height_ratios=heights).flat, parts, strict=True
    ):
        draw(part)
    return figure


def _conditions_height(answer: "Answer") -> float:
    return 1.0 + 0.24 * len(_groups_with_room(answer)) if _is_lying(answer) else 3.2


def _conditions(figure: SubFigure, answer: "Answer") -> None:
    lying, drawn = _is_lying(answer), _groups_with_room(answer)
    draw = [_losses] if answer.nothing_to_solve else [_shares, _losses]
    panels = figure.subplots(1, len(draw), sharey=lying, squeeze=False)[0]
    names = [drawable_text(group.value, LONG_NAME) for group in drawn]
    for axes, panel in zip(panels, draw, strict=True):
        panel(axes, drawn, lying)
        tidy(axes)
        if lying:
            axes.set_ylim(len(names) - 0.4, -0.6)
        else:
            axes.set_xticks(range(len(names)), names)
            axes.set_xlim(-0.6, len(names) - 0.4)
            axes.set_xlabel(drawable_text(answer.factor))
    present = {name for group in drawn for name in np.unique(group.grade)}
    marks = [
        panels[-1].plot([], [], markersize=4, linestyle="", label=name, **style)[0]
        for name, style in MARKS.items()
        if name in present
    ]
    figure.legend(handles=marks, frameon=False, fontsize=8, loc="outside lower right", ncols=4, handletextpad=0.1)
    if lying:
        panels[0].set_yticks(range(len(names)), names, fontsize=7)
        for axes in panels[1:]:
            axes.tick_params(labelleft=False)
    if len(drawn) < len(answer.groups):
        figure.suptitle(f"{len(drawn)} of {len(answer.groups)} conditions", fontsize=9)


def _shares(axes: Axes, drawn: list["Group"], lying: bool) -> None:
    for at, group in enumerate(drawn):
        if group.nothing_to_solve:
            continue
        rate, right = group.rate, float((group.solved | group.hair).mean())
        x, y = (rate.share, at) if lying else (at, rate.share)
        style: dict[str, Any] = {"capsize": 2, "markersize": 4} if lying else {"capsize": 5, "markersize": 7}
        style["xerr" if lying else "yerr"] = [[rate.share - rate.low], [rate.high - rate.share]]
        axes.errorbar(x, y, fmt="o", color=CURVE.light, **style)
        if right > rate.share:
            axes.plot(*((right, at) if lying else (at, right)), markersize=style["markersize"], **MARKS[HAIR])
        if not lying:
            axes.annotate(percent(rate.share), (x, y), xytext=(8, -3), textcoords="offset points", fontsize=9)
    percents = ["0 %", "25 %", "50 %", "75 %", "100 %"]
    (axes.set_xlim if lying else axes.set_ylim)(-0.03, 1.03)
    (axes.set_xticks if lying else axes.set_yticks)([0, 0.25, 0.5, 0.75, 1], percents)
    axes.set_title("runs solved, 95 % interval; ○ with hairs", fontsize=8 if lying else 9, loc="left")


def _losses(axes: Axes, drawn: list["Group"], lying: bool) -> None:
    for at, group in enumerate(drawn):
        shown = np.linspace(0, len(group.losses) - 1, min(len(group.losses), MOST_POINTS)).astype(int)
        losses, grade = drawable_numbers(group.losses[shown]), group.grade[shown]
        spread = at + np.random.default_rng(0).uniform(-0.22, 0.22, len(losses))
        for name, style in MARKS.items():
            mask = grade == name
            x, y = (losses[mask], spread[mask]) if lying else (spread[mask], losses[mask])
            axes.plot(x, y, linestyle="", markersize=2.5 if lying else 3.5, alpha=0.6, **style)
    some = any(len(group.losses) > MOST_POINTS for group in drawn)
    diverged = sum(int(group.diverged.sum()) for group in drawn)
    title = f"final loss, {MOST_POINTS} runs each" if some else "final loss of every run"
    axes.set_title(f"{title}; {diverged:,} diverged" if diverged else title, fontsize=8 if lying else 9, loc="left")


def _census_height(answer: "Answer") -> float:
    return 0.9 + (0.24 if _is_lying(answer) else 0.4) * len(_groups_with_room(answer))


def _census(figure: SubFigure, answer: "Answer") -> None:
    axes = figure.subplots()
    tidy(axes)
    table = answer.census()
    shares = table.pivot_table(index=answer.factor, columns="mechanism", values="share", fill_value=0.0, sort=False)
    shares = shares.loc[[group.value for group in _groups_with_room(answer) if group.value in shares.index]]
    left = np.zeros(len(shares))
    for name in [name for name in MECHANISMS if name in shares.columns]:
        widths = shares[name].to_numpy(float)
        swatch = PALETTE[name]
        look: dict[str, Any] = {"color": swatch.color, "hatch": swatch.hatch, "edgecolor": "white", "linewidth": 0.5}
        axes.barh(range(len(shares)), widths, left=left, label=name, height=0.72, **look)
        for row, (start, width) in enumerate(zip(left, widths, strict=True)):
            if width > 0.06:
                middle = start + width / 2
                words = axes.text(middle, row, percent(width), ha="center", va="center", fontsize=8, color=swatch.ink)
                words.set_bbox({"facecolor": swatch.color, "edgecolor": "none", "pad": 1})
        left = left + widths
    names = [drawable_text(value, LONG_NAME) for value in shares.index]
    axes.set_yticks(range(len(shares)), names, fontsize=7 if _is_lying(answer) else 8)
    axes.set_ylabel("" if answer.factor == "condition" else drawable_text(answer.factor))
    axes.set_ylim(len(shares) - 0.5, -0.5)
    axes.set_xlim(0, 1)
    axes.set_xticks([])
    axes.spines["bottom"].set_visible(False)
    axes.legend(
        frameon=False,
        fontsize=8,
        loc="lower left",
        bbox_to_anchor=(0, 1),
        ncols=5,
        handlelength=1,
        columnspacing=1.2,
        borderaxespad=0.2,
    )


def _curves_height(table: pd.DataFrame) -> float:
    return 0.4 + 1.9 * -(-min(MOST_CURVES, table["condition"].nunique()) // COLUMNS)


def _curves(figure: SubFigure, table: pd.DataFrame, floors: Floors) -> None:
    names = list(dict.fromkeys(table["condition"]))
    drawn, last = names[:MOST_CURVES], float(table["step"].max()) + 1
    late = table[table["step"] >= last / 100] if last > 2 else table
    x: dict[str, Any] = {"xscale": "log", "xlim": (max(1.0, last / 100), last)} if last > 2 else {"xlim": (-0.5, last)}
    top = loss_reach(
        late["q90"], [*(bigram for _, bigram in floors.values()), *late.groupby("condition")["q50"].first()]
    )
    columns = min(COLUMNS, len(drawn))
    panels = figure.subplots(-(-len(drawn) // columns), columns, sharex=True, sharey=True, squeeze=False)
    for number, (axes, name) in enumerate(zip(panels.flat, drawn, strict=False)):
        _curve(axes, late[late["condition"] == name])
        for floor, style in zip(floors.get(name, ()), ("--", ":"), strict=False):
            axes.axhline(floor, color=GREY, linestyle=style, linewidth=0.8)
        tidy(axes)
        axes.set(**x, ylim=(0, 1.05 * top))
        axes.tick_params(labelbottom=number + columns >= len(drawn))
        axes.set_title(drawable_text(name, 80 // columns), fontsize=8, loc="left")
    for axes in panels.flat[len(drawn) :]:
        axes.remove()
    some = f" ({len(drawn)} of {len(names)} conditions)" if len(drawn) < len(names) else ""
    title = f"loss over steps: median, middle 50 % and 80 % of runs; grey: the two floors{some}"
    figure.suptitle(title, fontsize=9, x=0.01, ha="left")


def _curve(axes: Axes, rows: pd.DataFrame) -> None:
    for low, high, alpha in (("q10", "q90", 0.15), ("q25", "q75", 0.3)):
        axes.fill_between(
            rows["step"],
            drawable_numbers(rows[low]),
            drawable_numbers(rows[high]),
            color=CURVE.light,
            alpha=alpha,
            linewidth=0,
        )
    axes.plot(
        rows["step"],
        drawable_numbers(rows["q50"]),
        color=CURVE.light,
        linewidth=1.4,
        marker="o" if len(rows) == 1 else "",
    )


def _groups_with_room(answer: "Answer") -> list["Group"]:
    return list(answer.groups[:MOST_CONDITIONS])


def _is_lying(answer: "Answer") -> bool:
    names = [str(group.value) for group in answer.groups]
    return len(names) > FEW_CONDITIONS or max(map(len, names)) > SHORT_NAME
