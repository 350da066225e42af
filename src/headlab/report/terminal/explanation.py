"""Explanations on a terminal: sentences, the tables they rest on, and the command that checks each."""

import shlex
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from rich.console import Group
from rich.padding import Padding
from rich.rule import Rule

from headlab.analysis.explanation.claims import IRRELEVANT
from headlab.analysis.explanation.sentences import sentence
from headlab.analysis.looking.predictions import TIE
from headlab.analysis.parts.mechanism import MEANINGS, in_words
from headlab.notation.numbers import counted
from headlab.notation.values import listed
from headlab.report import limits
from headlab.report.terminal.grid import as_text, terminal_table

if TYPE_CHECKING:
    from headlab.analysis.explanation.explanation import Explanation, Explanations
    from headlab.analysis.explanation.record import Record, TestedPart
    from headlab.analysis.looking.circuits import Circuits
    from headlab.analysis.trials.effects import Effects

LEGEND = (
    "gives: exact part of the logit difference, what zero takes away. zero, mean, resample: the logit difference when the part "
    "becomes zero, its mean over the sentences, or what it is in the other sentence; ≠ where the three disagree. "
    "irrelevant: none moves it by 10 %."
)
PLACES = "places that an earlier word decides"
MOST_BEFORE = 12  # words in front of a place, in its title
DIRECT = {"direct:token": "direct", "direct:position": "position"}  # kinds of parts
PARTS = {"pattern": "where it looks", "value": "what it reads there", "direct": "the current token and position"}


def explanation_blocks(explanation: "Explanation", command: str) -> Iterator[Any]:
    """Yield the screen's blocks of one run, at the first places that are explained.

    command: what explains this run, for the checks that the screen offers
    """
    yield as_text(f"{in_words(explanation.mechanism)}: {explanation.meaning}.", style="bold")
    shown = explanation.first(limits.MOST_PLACES)
    for record, checks in zip(shown.records, check_commands(shown, command), strict=True):
        yield Rule(as_text(place(record)), align="left")
        yield as_text("• " + sentence(record))
        if record.finite:
            yield from _numbers(record)
            lines = [f"{f'check {what}':<20}{line}" for what, line in checks.items()]
            # Whole lines, however narrow the terminal: they are there to be copied.
            yield Group("", as_text("\n".join(lines), style="cyan", no_wrap=True, overflow="ignore"))
    yield as_text("")
    yield from _left(len(explanation) - len(shown), PLACES, limits.export_command(command, "explanations"))
    yield as_text(LEGEND, style="dim")


def check_commands(explanation: "Explanation", command: str) -> list[dict[str, str]]:
    """Return, for every record, the commands that show what its claims rest on."""
    found, seen = [], set()
    for record in explanation.records:
        where = f"{command} --sentence {record.sequence + 1}"
        if record.sequence in seen:
            where += f" --position {record.place}"
        seen.add(record.sequence)
        parts = [part for part in (*record.sources, *record.others) if np.isfinite(part.contribution)]
        checks = {}
        if parts:  # a run that diverged has none to try
            strongest = max(parts, key=lambda part: abs(part.contribution))
            checks["gives, flips"] = f"{where} --ablate {shlex.quote(strongest.spelling)}"
        if record.patches:
            checks["coding"] = f"{where} --patch pattern,v"
        found.append(checks)
    return found


def place(record: "Record") -> str:
    """Return what is chosen between, and where, as a line."""
    words = record.words[: record.place]
    before = " ".join(words if len(words) <= MOST_BEFORE else ["…", *words[-MOST_BEFORE:]])
    return f"Sentence {record.sequence + 1}: {before} [{record.token}] → {record.target}, not {record.rival}"


def _numbers(record: "Record") -> Iterator[Any]:
    table = part_table(record, limits.MOST_PARTS)
    yield Padding(terminal_table(table, title=f"{record.pair} = {_lead(record.difference)}"), (1, 0))
    yield from _left(len(_parts(record)) - len(table), "parts")
    if record.coding is not None and np.isfinite(record.coding["pattern_share"]):
        yield as_text(f"Coding split: {coding_sentence(record)}")
    for line in patch_lines(record):
        yield as_text(line)


def _parts(record: "Record") -> list["TestedPart"]:
    return [*record.sources, *record.heads, *record.others]


def part_table(record: "Record", most: int) -> pd.DataFrame:
    """Return the table of parts as text: what each gives, and the logit difference without it.

    most: of so many parts, those that do most
    """
    parts = _parts(record)
    done = [np.nan_to_num(np.abs([part.contribution, part.after["zero"] - record.difference])).max() for part in parts]
    parts = [parts[at] for at in np.sort(np.argsort(-np.array(done), kind="stable")[:most])]
    rows = [
        {
            "attention": _share(part.attention),
            "gives": _number(part.contribution),
            **{kind: _number(value) for kind, value in part.after.items()},
            "without it": without(part),
        }
        for part in parts
    ]
    return pd.DataFrame(rows, index=[DIRECT.get(part.part.kind, part.label) for part in parts])


def telling_parts(record: "Record") -> pd.Series:
    """Return what adds up to the logit difference, of a long sentence the largest parts and all others together."""
    parts = record.parts()
    if len(parts) <= limits.MOST_ROWS:
        return parts
    kept = parts.abs().sort_values(kind="stable").index[-limits.MOST_ROWS :]
    rest = parts[~parts.index.isin(kept)]
    return pd.concat([parts[parts.index.isin(kept)], pd.Series({f"{len(rest)} others": rest.sum()})])


def without(part: "TestedPart") -> str:
    """Return what became of the prediction without a part.

    >>> from headlab.analysis.explanation.record import TestedPart
    >>> from headlab.analysis.part import Part
    >>> man = Part("source", position=1)
    >>> without(TestedPart(man, "man", 1, 0.9, 3.0, "necessary", {}, ("zero", "resample"), "between", True))
    '≠ flips (zero, resample)'
    """
    mark = "≠ " if part.disagree else ""
    if part.flips:
        return f"{mark}flips ({', '.join(part.flips)})"
    return mark + ("irrelevant" if part.finding == IRRELEVANT else "no flip")


def coding_sentence(record: "Record") -> str:
    """Return the coding split as an equation in words."""
    assert record.coding is not None
    parts = ", ".join(
        f"{_number(record.coding[name])} ({record.coding[f'{name}_share']:.0%}) {words}"
        for name, words in PARTS.items()
        if name != "direct" or abs(record.coding[name]) > 0.005
    )
    other = f"{_lead(record.other_difference)} in sentence {(record.other_sequence or 0) + 1}"
    return f"{_lead(record.difference)} here, {other}. The change of {_number(record.coding['total'])} is {parts}."


def patch_lines(record: "Record") -> list[str]:
    """Return what exchanging pattern or values between the two sentences did, a line each."""
    lines = []
    for what, words in (("pattern", "Pattern"), ("v", "Values")):
        both = [row for row in record.patches if row["what"] == what]
        if both:
            effects = [
                f"{_number(row['before'])} → {_number(row['after'])} {'flips' if row['flips'] else 'stays'}"
                for row in both
            ]
            other = (record.other_sequence or 0) + 1
            lines.append(f"{words} of sentence {other}: {effects[0]}; reversed: {effects[1]}")
    return lines


def census_blocks(explanations: "Explanations", command: str) -> Iterator[Any]:
    """Yield the screen's blocks of many runs: how many go by which mechanism, and a run to look at for each."""
    judged = explanations.judged()
    census, left = judged.census(), len(explanations.choices) - len(judged.choices)
    shown = pd.DataFrame(
        {
            "runs": census["runs"].map(str),
            "share": [f"{share:.0%}" for share in census["share"]],
            "pattern share": [_share(share) for share in census["pattern_share"]],
            "for instance": [f"seed {name}" if command else f"run {name}" for name in census["prototype"]],
        },
        index=census.index,
    ).rename(index=in_words)
    yield terminal_table(shown, title=f"Mechanisms of {counted(len(explanations), 'run')}")
    yield as_text("")
    yield as_text("\n".join(f"{in_words(str(name))}: {MEANINGS[str(name)]}." for name in census.index), style="dim")
    yield from _left(left, PLACES, "headlab export FOLDER mechanisms")


def effects_blocks(effects: "Effects", pair: str) -> Iterator[Any]:
    """Yield the screen's blocks of interventions on one run."""
    yield terminal_table(effect_table(effects), title=pair)
    if effects.disagree.any():
        yield as_text(
            "≠ what was tried disagrees: some flips the prediction or moves it much further than the rest", style="dim"
        )


def effect_table(effects: "Effects") -> pd.DataFrame:
    """Return what interventions on one run did, as text."""
    table = effects.table()
    shown = pd.DataFrame(
        {
            "": table["kind"],
            "before": table["difference_before"].map(_number),
            "after": table["difference_after"].map(_number),
            "change": table["change"].map(_number),
            "p before": table["probability_before"].map(_share),
            "p after": table["probability_after"].map(_share),
            "prediction": [
                f"{'≠ ' if disagree else ''}{'–' if np.isnan(after) else 'flips' if flips else 'stays'}"
                for after, flips, disagree in zip(
                    table["difference_after"], table["flips"], table["disagree"], strict=True
                )
            ],
        }
    )
    return shown.set_index(table["intervention"])


def singular_lines(circuits: "Circuits") -> Iterator[str]:
    """Yield the singular values of one head's circuits, a line a circuit."""
    for name, values in circuits.singular_values.items():
        numbers = listed((f"{value:.2f}" for value in values), most=limits.MOST_COLUMNS)
        yield f"{name}: singular values {numbers}; effective rank {circuits.effective_rank[name]:.2f}"


def frame_blocks(frame: pd.DataFrame, title: str, everything: str = "") -> Iterator[Any]:
    """Yield a table, of a large one the rows and columns with the largest numbers, and how many are left out.

    Its first column names the rows, a number with the column's name; everything: the command that has all of them
    """
    shown, left = limits.fitting(frame, limits.MOST_ROWS, limits.MOST_COLUMNS, everything)
    name, *others = shown.columns
    rows = [f"{name} {row}" if isinstance(row, int) else str(row) for row in shown[name].tolist()]
    yield Padding(terminal_table(shown[others].set_axis(rows), title=title), (0, 0, 0 if left else 1, 0))
    if left:
        yield Padding(as_text("\n".join(left)), (0, 0, 1, 0))


def _left(number: int, what: str, everything: str = "") -> Iterator[Any]:
    return (as_text(sentence) for sentence in limits.more(number, what, everything))


def _lead(difference: float) -> str:
    return "tied" if abs(difference) <= TIE else _number(difference)


def _number(value: float) -> str:
    return "" if np.isnan(value) else f"{round(value, 2) + 0.0:+.2f}"


def _share(value: float) -> str:
    return "" if np.isnan(value) else f"{value:.0%}"
