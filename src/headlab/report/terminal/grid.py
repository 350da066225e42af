"""Tables for a terminal: Rich, with shaded cells, folded to its width."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions
from rich.containers import Lines
from rich.table import Table
from rich.text import Text

from headlab.notation.numbers import decimals
from headlab.notation.visible import escape_unseen

KEPT = "\ue000"  # for private use, one cell wide: a space at which no line ends
GAP = 2  # characters between columns
# From which value a cell has which style. Colours of one lightness, the more blue the larger: as far from a white terminal as
# from a black one, so that larger is louder on both; what is nearly nothing has no colour and steps back.
_SHADES = {
    0.0: "dim",
    0.05: "",
    0.25: "bright_white on color(60)",
    0.5: "bright_white on color(61)",
    0.75: "bold bright_white on color(62)",
    0.95: "bold bright_white on color(63)",
}
MARKS = {"right": "✓", "wrong": "✗", "open": "·", "": " "}


class Prose(Text):
    """A text whose lines never end between a number and its percent sign."""

    def wrap(self, *args: Any, **options: Any) -> Lines:
        """Return its lines, wrapped."""
        kept = Text(self.plain.replace(" %", f"{KEPT}%"), self.style, no_wrap=self.no_wrap, overflow=self.overflow)
        kept.spans = list(self.spans)
        lines = kept.wrap(*args, **options)
        for line in lines:
            line.plain = line.plain.replace(KEPT, " ")
        return lines


def as_text(text: object, style: str = "", **options: Any) -> Text:
    """Return a text for the terminal as it is: brackets are brackets, and what a terminal would obey is written out."""
    return Prose(escape_unseen(text), style=style, **options)


def terminal_table(
    frame: pd.DataFrame,
    *,
    title: str,
    shade: bool = False,
    marks: Sequence[str] | None = None,
    targets: Sequence[str] | None = None,
) -> "TerminalTable":
    """Return a table for Rich; `shade` colours cells by their value in 0 … 1, `marks` says which rows are right."""
    rows = [[_cell(value, shade) for value in row] for row in frame.itertuples(index=False)]
    columns = [
        TableColumn(as_text(str(name)), [row[number] for row in rows], "right")
        for number, name in enumerate(frame.columns)
    ]
    if marks is not None and targets is not None:
        verdicts = [verdict(mark, target) for mark, target in zip(marks, targets, strict=True)]
        columns.append(TableColumn(as_text("target"), verdicts, "left"))
    return TerminalTable(title, [as_text(str(label), style="bold") for label in frame.index], columns)


@dataclass(frozen=True)
class TableColumn:
    """A column of a terminal table: its name, its cells, and which side they keep to."""

    name: Text
    cells: list[Text]
    side: Literal["left", "right"]

    @property
    def width(self) -> int:
        """The characters it takes, the gap to its neighbour included."""
        return max(cell_len(text.plain) for text in (self.name, *self.cells)) + GAP


@dataclass(frozen=True)
class TerminalTable:
    """A table that folds where the terminal is too narrow: the columns left over follow below, with the same rows."""

    title: str
    labels: list[Text]
    columns: list[TableColumn]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Table | Text]:
        """Yield one table after the other, each no wider than the terminal."""
        room = options.max_width - max((cell_len(label.plain) for label in self.labels), default=0)
        yield as_text(self.title, style="bold")
        for number, columns in enumerate(fold(self.columns, room)):
            if number:
                yield as_text("")
            table = Table(box=None, pad_edge=False, padding=(0, 1))
            table.add_column("", no_wrap=True)
            for column in columns:
                table.add_column(column.name, justify=column.side, no_wrap=True)
            for row, label in enumerate(self.labels):
                table.add_row(label, *(column.cells[row] for column in columns))
            yield table


def fold(columns: Sequence[TableColumn], room: int) -> list[list[TableColumn]]:
    """Return the columns in stretches that fit into `room` characters; a column wider than that stands alone.

    >>> column = TableColumn(as_text("man"), [as_text("0.5")], "right")
    >>> [len(stretch) for stretch in fold([column] * 5, room=11)]
    [2, 2, 1]
    """
    stretches: list[list[TableColumn]] = [[]]
    left = room
    for column in columns:
        if column.width > left and stretches[-1]:
            stretches.append([])
            left = room
        stretches[-1].append(column)
        left -= column.width
    return stretches


def _cell(value: object, shade: bool) -> Text:
    if not isinstance(value, float):
        return as_text(str(value))
    text = "" if pd.isna(value) else decimals(value, 3)
    return as_text(text, style=_shade(value) if shade else "")


def _shade(value: float) -> str:
    return [style for start, style in _SHADES.items() if start <= value][-1] if 0 <= value <= 1 else ""


def verdict(mark: str, target: str) -> Text:
    """Return a cell that says whether something is right, wrong or open, in sign and colour."""
    style = {"right": "green", "wrong": "bold red"}.get(mark, "dim")
    return as_text(f"{MARKS[mark]} {target}", style=style)
