"""A run as HTML tables, as Jupyter shows it."""

from bisect import bisect
from collections.abc import Sequence
from html import escape
from itertools import accumulate

import pandas as pd

from headlab.notation.shades import DEEP, HUE, channels
from headlab.notation.tables import telling_columns
from headlab.notation.values import and_more

MOST_CELLS = 600  # of one kind of table in a notebook, which keeps whatever it shows
MOST_COLUMNS = 24  # of one table
COLOR = ",".join(map(str, channels(HUE.light)))


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
            parts.append(_table(f"{name}, sentence {number}", frame))
        left = [*and_more(len(frames) - len(shown), "sentences"), *and_more(_narrower(frames, narrow), "columns")]
        parts += [f"<p>{sentence[:-1]}: <code>run.{call}()</code> has them all.</p>" for sentence in left]
    return "\n".join(parts)


def _narrower(frames: Sequence[pd.DataFrame], narrow: Sequence[pd.DataFrame]) -> int:
    return max((before.shape[1] - after.shape[1] for before, after in zip(frames, narrow, strict=True)), default=0)


def _table(caption: str, frame: pd.DataFrame) -> str:
    # A style a cell: a notebook that is not trusted keeps no other.
    head = "".join(f"<th>{escape(str(label))}</th>" for label in frame.columns)
    rows = (
        f"<tr><th>{escape(str(label))}</th>{''.join(map(_cell, values))}</tr>"
        for label, values in zip(frame.index, frame.to_numpy().tolist(), strict=True)
    )
    return f"<table><caption>{caption}</caption><tr><th></th>{head}</tr>{''.join(rows)}</table>"


def _cell(value: float) -> str:
    """Return a cell with the shade of its value in 0 … 1; the text stays readable on every shade, in light and dark.

    >>> _cell(0.25), _cell(float("nan"))
    ('<td style="background-color:rgba(86,54,166,0.25)">0.250</td>', '<td>nan</td>')
    """
    share = round(value, 2) if 0 <= value <= 1 else 0.0
    color = ";color:#fff" if share > DEEP else ""
    style = f' style="background-color:rgba({COLOR},{share:g}){color}"' if share else ""
    return f"<td{style}>{value:.3f}</td>"
