"""What every figure is drawn with: text that is only text, fonts that have its letters, limits that exist, one way out."""

import functools
import io
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ParamSpec

import numpy as np
from matplotlib import font_manager, rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from numpy.typing import NDArray
from rich.cells import cell_len

from headlab.notation.visible import escape_unseen

Arguments = ParamSpec("Arguments")

GREY = "#777777"  # what is beside the point: floors, axes, sums
LONGEST_NAME = 16  # characters of a token or a condition on an axis
CHARACTERS_PER_INCH = 14  # at 8 points
LARGEST = 1e30  # what is drawn; more would overflow, and no picture shows it
# Asked for letters that the first one lacks, as far as they are there: Chinese, Japanese, Korean, Arabic, Indian, pictures.
FONTS = (
    "DejaVu Sans", "Noto Sans CJK SC", "Noto Sans CJK JP", "Noto Sans SC", "Source Han Sans SC", "PingFang SC",
    "Hiragino Sans GB", "Hiragino Sans", "Microsoft YaHei", "Yu Gothic", "SimHei", "WenQuanYi Zen Hei",
    "WenQuanYi Micro Hei", "Noto Sans CJK KR", "Apple SD Gothic Neo", "Malgun Gothic", "Noto Sans Arabic",
    "Noto Sans Hebrew", "Noto Sans Devanagari", "Nirmala UI", "Arial Unicode MS", "Noto Emoji", "Segoe UI Emoji",
    "Segoe UI Symbol", "Symbola",
)  # fmt: skip


def style() -> Any:
    """Return the settings that a figure depends on, whatever the user's own ones are."""
    layout = {"figure.autolayout": False, "figure.constrained_layout.use": False}
    return {"font.family": _fonts(), "text.usetex": False, "text.parse_math": True, "svg.hashsalt": "headlab", **layout}


@functools.cache
def _fonts() -> list[str]:
    there = set(font_manager.get_font_names())
    return [*(name for name in FONTS if name in there), "sans-serif"]


def with_style(draw: Callable[Arguments, Figure]) -> Callable[Arguments, Figure]:
    """Let a function draw in that style."""

    @functools.wraps(draw)
    def inside(*args: Arguments.args, **more: Arguments.kwargs) -> Figure:
        with rc_context(style()):
            return draw(*args, **more)

    return inside


def image(figure: Figure, kind: str, settings: Any = None, **options: Any) -> bytes:
    """Return a figure as the bytes of a file: the same ones for the same figure.

    kind: png, svg or pdf; settings: of matplotlib, for this once; options: of `Figure.savefig`
    """
    metadata: dict[str, Any] = {"svg": {"Date": None, "Creator": None}, "pdf": {"CreationDate": None}}.get(kind, {})
    buffer = io.BytesIO()
    with rc_context({**style(), **(settings or {})}), warnings.catch_warnings():
        # No font here has this letter: the reader's may, or a box stands for it. Nobody can do anything about it now.
        warnings.filterwarnings("ignore", message=r"Glyph \d+ .* missing from")
        warnings.filterwarnings("ignore", message=r"Matplotlib currently does not support \w+ natively")
        with _laid_out(figure, kind):
            figure.savefig(buffer, format=kind, metadata=metadata, **{"dpi": 200, **options})
    return buffer.getvalue()


@contextmanager
def _laid_out(figure: Figure, kind: str) -> Iterator[None]:
    """Lay a figure out for an SVG while the block runs; `savefig` would draw all of it once more, only to lay it out."""
    engine, canvas, dpi = figure.get_layout_engine(), figure.canvas, figure.get_dpi()
    if kind != "svg" or engine is None:
        yield
        return
    try:
        FigureCanvasSVG(figure)  # by its letters' widths
        engine.execute(figure)
        figure.set_layout_engine(None)
        figure.set_dpi(dpi)
        yield
    finally:
        figure.set_layout_engine(engine)
        figure.set_canvas(canvas)


def drawable_text(text: object, most: int = LONGEST_NAME) -> str:
    r"""Return somebody's text as matplotlib draws it letter by letter: no formula, no control character, not too long.

    >>> drawable_text("a dollar $x_{$"), drawable_text("two\nlines"), drawable_text("\x07")
    ('a dollar \\$x_{\\$', 'two lines', '\\x07')
    >>> drawable_text("a very long word indeed", most=10)
    'a very lo…'
    """
    words = escape_unseen(" ".join(str(text).splitlines())).replace("\t", " ")
    if cell_len(words) > most:
        while cell_len(words) > most - 1:
            words = words[:-1]
        words += "…"
    return words.replace("$", r"\$")


def drawable_numbers(values: Any) -> NDArray[np.float64]:
    """Return numbers as they can be drawn: none that is not a number, none too large."""
    with np.errstate(over="ignore", invalid="ignore"):
        return np.nan_to_num(np.asarray(values, np.float64), nan=np.nan, posinf=LARGEST, neginf=-LARGEST).clip(
            -LARGEST, LARGEST
        )


def reach(values: Any) -> float:
    """Return the largest size of any number among some, 1 where there is none above 0.

    >>> reach([-3, 2, float("nan")]), reach([]), reach([0.0])
    (3.0, 1.0, 1.0)
    """
    sizes = np.abs(drawable_numbers(values))
    return float(np.max(sizes, initial=0.0, where=np.isfinite(sizes))) or 1.0


def new_figure(width: float, height: float, about: str = "") -> tuple[Figure, Axes]:
    """Return a figure of so many inches, and its axes."""
    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.subplots()
    tidy(axes)
    write_heading(figure, width, about)
    return figure, axes


def write_heading(figure: Figure, width: float, about: str) -> None:
    """Write above a figure what it is of, a line after the other."""
    if about:
        lines = [drawable_text(line, int(width * CHARACTERS_PER_INCH)) for line in about.split("\n")]
        figure.suptitle("\n".join(lines), fontsize=8, x=0.01, ha="left")


def tidy(axes: Axes) -> None:
    """Take away what says nothing."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=8)
