"""Curves on a terminal: losses over steps, in marks that every terminal has."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions
from rich.text import Text

from headlab.notation.numbers import decimals, quantity
from headlab.report.terminal.grid import as_text

HEIGHT, WIDEST = 9, 72  # lines and columns of the marks
LARGEST = 1e6  # nats; beyond it nothing is drawn
BEST, OTHER, LINE = "•", "·", "-"


@dataclass(frozen=True, eq=False)
class CurvePlot:
    """Losses of several runs over steps, one of them in front; as wide as the terminal, at most 72 marks.

    steps [recorded step]; loss [run, recorded step], in nats; best: the number of the run in front
    lines: values that the loss is held to, by their names, where they are in sight

    >>> plot = CurvePlot(np.arange(8), np.linspace([2.0, 1.0], 0.0, 8, axis=1), 0, "Loss", {"chance": 1.5})
    >>> plot.best, plot.loss.shape
    (0, (2, 8))
    """

    steps: NDArray[np.int64]
    loss: NDArray[np.float64]
    best: int
    title: str
    lines: Mapping[str, float] = field(default_factory=dict)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Text]:
        """Yield the title, the lines of marks with the loss beside them, and the steps below."""
        finite = np.where(np.abs(self.loss) < LARGEST, self.loss, np.nan)  # no curve of what diverged
        low, high = self._reach(finite)
        labels = [decimals(high, 3), *[""] * (HEIGHT - 2), decimals(low, 3)]
        shown = {name: value for name, value in self.lines.items() if low <= value <= high}
        for value in shown.values():
            labels[_row(value, low, high)] = decimals(value, 3)
        room = max(map(len, labels))
        width = max(8, min(WIDEST, options.max_width - room - 2))
        yield as_text(self.title, style="bold")
        for label, line in zip(labels, self._marks(finite, shown, low, high, width), strict=True):
            yield as_text(f"{label:>{room}} ", style="dim") + as_text(line, style="cyan", no_wrap=True)
        last = quantity(int(self.steps[-1]) + 1 if len(self.steps) else 0, "step")
        yield as_text(f"{'':{room}} 0{last:>{max(0, width - 1)}}", style="dim", no_wrap=True)
        yield as_text(self._legend(shown, options.max_width), style="dim")

    def _reach(self, finite: NDArray[np.float64]) -> tuple[float, float]:
        """Return between which losses there is room: all but those far above where runs began."""
        known = finite[np.isfinite(finite)]
        if not len(known):
            return 0.0, 1.0
        began = finite[:, 0][np.isfinite(finite[:, 0])]
        high = min(float(known.max()), 1.5 * float(began.max(initial=known.min())))
        low = min(float(known.min()), *(value for value in self.lines.values() if 0 <= value <= high), high)
        return (low, high) if high > low else (low, low + 1.0)

    def _marks(
        self, finite: NDArray[np.float64], shown: Mapping[str, float], low: float, high: float, width: int
    ) -> list[str]:
        """Return the lines of marks, from the top."""
        marks = np.full((HEIGHT, width), " ", dtype="<U1")
        for value in shown.values():
            marks[_row(value, low, high)] = LINE
        order = [*(run for run in range(len(finite)) if run != self.best), self.best]
        bounds = np.linspace(0, finite.shape[1], width + 1).round().astype(int)
        for column, (first, end) in enumerate(pairwise(bounds)):
            first = min(first, finite.shape[1] - 1)  # fewer steps than columns: each is drawn wider
            for run in order:
                some = finite[run, first : max(first + 1, end)]
                known = some[np.isfinite(some)]
                if len(known):
                    marks[_row(float(known.mean()), low, high), column] = BEST if run == self.best else OTHER
        return ["".join(row) for row in marks]

    def _legend(self, shown: Mapping[str, float], room: int) -> str:
        others = [f"{OTHER} the others"] if len(self.loss) > 1 else []
        named = [f"{LINE} {name}" for name in shown]
        whole = "   ".join([f"{BEST} {'the best run' if others else 'the run'}", *others, *named])
        return whole if cell_len(whole) <= room else "\n".join(whole.split("   "))


def _row(value: float, low: float, high: float) -> int:
    """Return the line of a value, from the top; what is out of sight is at the edge."""
    share = (min(max(value, low), high) - low) / (high - low)
    return round((1 - share) * (HEIGHT - 1))
