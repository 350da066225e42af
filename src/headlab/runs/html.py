"""A run as HTML tables, as Jupyter shows it."""

from bisect import bisect
from collections.abc import Callable, Sequence
from html import escape
from itertools import accumulate

import pandas as pd

from headlab.notation.tables import telling_columns
from headlab.notation.values import and_more

MOST_CELLS = 600  # of one kind of table in a notebook, which keeps whatever it shows
MOST_COLUMNS = 24  # of one table
BLUE = "33, 110, 180"


def tables_html(title: str, predictions: Sequence[pd.DataFrame], attention: Sequence[pd.DataFrame]) -> str:
    """Return predictions and attention, a table a sentence each, as HTML: as many as a notebook should keep."""
    parts = [f"<p><b>{escape(title)}</b></p>"]
    for name, call, frames in (
        ("Predictions (sigmoid)", "predictions", predictions),
        ("Attention", "attention", attention),
    ):
        narrow = [telling_columns(frame, MOST_COLUMNS) for frame in frames]
        shown = narrow[: max(1, bisect(list(accumulate(frame.size for frame in narrow)), MOST_CELLS))]
        for number, frame in enumerate(shown, 1):
            styled = frame.rename(index=_escaped, columns=_escaped).style.format("{:.3f}").map(_shading())
            parts.append(styled.set_caption(f"{name}, sentence {number}").to_html())
        left = [*and_more(len(frames) - len(shown), "sentences"), *and_more(_narrower(frames, narrow), "columns")]
        parts += [f"<p>{sentence[:-1]}: <code>run.{call}()</code> has them all.</p>" for sentence in left]
    return "\n".join(parts)


def _narrower(frames: Sequence[pd.DataFrame], narrow: Sequence[pd.DataFrame]) -> int:
    return max((before.shape[1] - after.shape[1] for before, after in zip(frames, narrow, strict=True)), default=0)


def _escaped(label: object) -> str:
    return escape(str(label))


def _shading() -> Callable[[object], str]:
    """Return the CSS of a cell by its value in 0 … 1, for a pandas Styler; the text stays readable on every shade."""

    def css(value: object) -> str:
        share = float(value) if isinstance(value, int | float) and 0 <= value <= 1 else 0.0
        return f"background-color: rgba({BLUE}, {share:.3f}); color: {'#fff' if share > 0.6 else 'inherit'}"

    return css
