"""Explanations on a terminal: sentences, the tables they rest on, and the command that checks each."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from rich.console import Group as Blocks
from rich.padding import Padding
from rich.rule import Rule

from headlab.analysis.explanation.clauses import listed
from headlab.analysis.parts.mechanism import MEANINGS
from headlab.arrays import Array, Shaped
from headlab.notation.numbers import percent, quantity
from headlab.notation.values import and_more
from headlab.report import limits
from headlab.report.terminal.grid import as_text, terminal_table
from headlab.report.words import explanation as words
from headlab.report.words import minimal
from headlab.report.words.explanation import PLACES

if TYPE_CHECKING:
    from headlab.analysis.explanation.explanation import Explanation, Explanations
    from headlab.analysis.explanation.record import Record
    from headlab.analysis.minimal.minimal_sets import MinimalSets
    from headlab.analysis.trials.effects import Effects
    from headlab.report.words.commands import RunCommands

LEGEND = [
    "weight: attention, of a source the mean of the last layer's heads, of a head its highest.",
    *words.TRIALS,
]


def explanation_blocks(explanation: "Explanation", commands: "RunCommands") -> Iterator[Any]:
    """Yield the screen's blocks of one run, at the first places that are explained, with the commands that check them."""
    yield as_text(f"{explanation.mechanism}: {explanation.meaning}.", style="bold")
    shown = explanation.first(limits.MOST_PLACES)
    for record, checks in zip(shown.records, commands.checks(shown), strict=True):
        yield Rule(as_text(words.place_line(record)), align="left")
        yield as_text("• " + record.sentence)
        yield from _more(record)
        if record.finite:
            yield from _numbers(record)
            lines = [f"{f'check {what}':<20}{line}" for what, line in checks.items()]
            # Whole lines, however narrow the terminal: they are there to be copied.
            yield Blocks("", as_text("\n".join(lines), style="cyan", no_wrap=True, overflow="ignore"))
    yield as_text("")
    yield from _rest_lines(len(explanation) - len(shown), PLACES, commands.export("explanations"))
    frozen = next((record.frozen for record in shown.records), ())
    yield as_text("\n".join([LEGEND[0], gives_line(frozen), *LEGEND[1:]]), style="dim")


def gives_line(frozen: Sequence[str]) -> str:
    """Return what the column says that parts give; frozen: what is held as it is while they are counted.

    >>> gives_line(["norms"])
    'gives: part of the logit difference, with norms held fixed; what zero takes away differs by what these answer to it.'
    """
    if not frozen:
        return "gives: exact part of the logit difference, which is what zero takes away."
    held = f"with {listed(frozen)} held fixed"
    return f"gives: part of the logit difference, {held}; what zero takes away differs by what these answer to it."


def _more(record: "Record") -> Iterator[Any]:
    if record.more:
        yield as_text(f"More: {record.more}", style="dim")


def _numbers(record: "Record") -> Iterator[Any]:
    table = words.part_table(record, limits.MOST_PARTS, limits.OUTCOME)
    yield Padding(terminal_table(table, title=f"{record.pair} = {words.lead_text(record.difference)}"), (1, 0))
    yield from _rest_lines(max(0, len(words.all_parts(record)) - limits.MOST_PARTS), "parts")
    if record.coding is not None and np.isfinite(record.coding["pattern_share"]):
        yield as_text(f"Coding split: {words.coding_sentence(record)}")
    for line in words.patch_lines(record):
        yield as_text(line)


def census_blocks(explanations: "Explanations") -> Iterator[Any]:
    """Yield the screen's blocks of many runs: how many go by which mechanism, and a run to look at for each."""
    some = explanations.in_some_seconds()
    census, left = some.census(), len(explanations.asked) - len(some.asked)
    shown = pd.DataFrame(
        {
            "runs": census["runs"].map(str),
            "share": [percent(share) for share in census["share"]],
            "pattern share": [words.share_text(share) for share in census["pattern_share"]],
            "for instance": [f"seed {name}" for name in census["prototype"]],
        },
        index=census.index,
    )
    yield terminal_table(shown, title=f"Mechanisms of {quantity(len(explanations), 'run')}")
    yield as_text("")
    yield as_text("\n".join(f"{name}: {MEANINGS[str(name)]}." for name in census.index), style="dim")
    yield from _rest_lines(left, PLACES, "headlab export FOLDER mechanisms")


def minimal_blocks(found: "MinimalSets", places_left: int, everything: str) -> Iterator[Any]:
    """Yield the screen's blocks of one run's minimal sets: how many, and which; everything: the command that has all of them."""
    yield terminal_table(minimal.set_table(found), title="Minimal sets of parts that suffice")
    yield as_text("")
    yield as_text("\n".join(minimal.set_lines(found, everything)))
    yield as_text("")
    yield from _rest_lines(places_left, PLACES, everything)
    yield as_text(minimal.MEANING, style="dim")


def distribution_blocks(found: "MinimalSets", mechanisms: Shaped[Array, " run"]) -> Iterator[Any]:
    """Yield the screen's blocks of many runs' minimal sets: how many predictions have how many, and runs by mechanism."""
    if found.counts.max(initial=0) == 0:
        yield as_text("\nNo run predicts the right tokens, so that no set of parts suffices.")
        return
    yield as_text("")
    title = "How many minimal sets a right prediction has, of how many predictions"
    yield terminal_table(minimal.distribution_table(found), title=title)
    yield as_text("")
    yield terminal_table(minimal.group_table(found, mechanisms), title="Runs with exactly one set")
    yield as_text(minimal.MEANING, style="dim")


def effects_blocks(effects: "Effects", pair: str) -> Iterator[Any]:
    """Yield the screen's blocks of interventions on one run."""
    yield terminal_table(words.effect_table(effects), title=pair)
    if effects.disagree.any():
        yield as_text(
            f"{words.FOUND['disagree']} what was tried disagrees: some of it changes the prediction, or moves it much further "
            "than the rest.",
            style="dim",
        )


def frame_blocks(frame: pd.DataFrame, title: str, everything: str = "") -> Iterator[Any]:
    """Yield a table, of a large one the rows and columns with the largest numbers, and how many are left out.

    Its first column names the rows, a number with the column's name; everything: the command that has all of them
    """
    shown, left = limits.cut_table(frame, limits.MOST_ROWS, limits.MOST_COLUMNS, everything)
    name, *others = shown.columns
    rows = [f"{name} {row}" if isinstance(row, int) else str(row) for row in shown[name].tolist()]
    yield Padding(terminal_table(shown[others].set_axis(rows), title=title), (0, 0, 0 if left else 1, 0))
    if left:
        yield Padding(as_text("\n".join(left)), (0, 0, 1, 0))


def _rest_lines(number: int, what: str, everything: str = "") -> Iterator[Any]:
    return (as_text(sentence) for sentence in and_more(number, what, everything))
