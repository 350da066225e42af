"""Tables for a terminal (Rich, shaded cells) and for Jupyter and the page (HTML)."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import pandas as pd
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from headlab.runs import Run

_SHADES = (16, 17, 18, 19, 25, 31, 37, 43, 79, 115, 151)  # 256-colour steps from dark blue to pale green
MARKS = {"right": "✓", "wrong": "✗", "open": "·", "": " "}


def terminal_table(
    frame: pd.DataFrame,
    *,
    title: str,
    shade: bool = False,
    marks: Sequence[str] | None = None,
    targets: Sequence[str] | None = None,
) -> Table:
    """Return a Rich table of numbers; `shade` colours cells by their value in 0 … 1, `marks` says which rows are right."""
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False, padding=(0, 1))
    table.add_column("")
    for name in frame.columns:
        table.add_column(str(name), justify="right", no_wrap=True)
    if marks is not None:
        table.add_column("target", justify="left")
    for number, (label, row) in enumerate(frame.iterrows()):
        cells = [Text(str(label), style="bold"), *(_cell(value, shade) for value in row)]
        if marks is not None and targets is not None:
            cells.append(_verdict(marks[number], targets[number]))
        table.add_row(*cells)
    return table


def _cell(value: object, shade: bool) -> Text:
    if not isinstance(value, float):
        return Text(str(value))
    text = "" if pd.isna(value) else f"{value:.3f}"
    if not shade or not 0 <= value <= 1:
        return Text(text)
    level = round(value * (len(_SHADES) - 1))
    ink = "black" if level > 6 else "bright_white"
    return Text(text, style=f"{ink} on color({_SHADES[level]})")


def _verdict(mark: str, target: str) -> Text:
    style = {"right": "green", "wrong": "bold red"}.get(mark, "dim")
    return Text(f"{MARKS[mark]} {target}", style=style)


def shading(frame: pd.DataFrame, color: str = "33, 110, 180") -> Callable[[object], str]:
    """Return the CSS of a cell by its value in 0 … 1, for a pandas Styler; the text stays readable on every shade."""

    def css(value: object) -> str:
        share = float(value) if isinstance(value, int | float) and 0 <= value <= 1 else 0.0
        return f"background-color: rgba({color}, {share:.3f}); color: {'#fff' if share > 0.6 else 'inherit'}"

    return css


def run_html(run: "Run") -> str:
    """Return a run's predictions and attention as HTML tables, for Jupyter."""
    parts = [f"<p><b>{_escape(repr(run))}</b></p>"]
    for name, frames in (("Predictions (sigmoid)", run.predictions()), ("Attention", run.attention())):
        for number, frame in enumerate(frames, 1):
            styled = frame.rename(index=_escape, columns=_escape).style.format("{:.3f}").map(shading(frame))
            parts.append(styled.set_caption(f"{name}, sentence {number}").to_html())
    return "\n".join(parts)


def _escape(text: object) -> str:
    import html

    return html.escape(str(text))
