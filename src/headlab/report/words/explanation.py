"""Explanations in words and tables of words: what is chosen between, what parts give, how it is coded, what trials did."""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from headlab.analysis.explanation.clauses import listed
from headlab.analysis.looking.predictions import TIE
from headlab.analysis.part import IRRELEVANT, Word
from headlab.analysis.words import PHRASES, TABLE
from headlab.notation.numbers import percent, with_sign
from headlab.notation.values import listing
from headlab.report import limits

if TYPE_CHECKING:
    from headlab.analysis.explanation.record import Record, TestedPart
    from headlab.analysis.looking.circuits import Circuits
    from headlab.analysis.trials.effects import Effects

FOUND, CODED = TABLE["findings"], TABLE["coding"]
PLACES = "places that an earlier word decides"
MOST_BEFORE = 12  # words in front of a place, in its title
TRIALS = [
    *(f"{kind}: {meaning}." for kind, meaning in TABLE["ablations"].items()),
    f"* something else is predicted then, which “without it” names; {FOUND['disagree']} the ablations disagree.",
    f"{FOUND['irrelevant']}: {TABLE['clauses']['changes_nothing']['measure']}.",
]


def place_line(record: "Record") -> str:
    """Return what is chosen between, and where, as a line."""
    words = record.words[: record.place]
    before = " ".join(words if len(words) <= MOST_BEFORE else ["…", *words[-MOST_BEFORE:]])
    return f"Sentence {record.sequence + 1}: {before} [{record.token}] → {record.target}, not {record.rival}"


def part_table(record: "Record", most: int, room: int | None = None) -> pd.DataFrame:
    """Return the table of parts as text: what each gives, and the logit difference without it.

    most: of so many parts, those that do most; room: characters for what is predicted without it
    """
    parts = all_parts(record)
    done = [np.nan_to_num(np.abs([part.contribution, part.after["zero"] - record.difference])).max() for part in parts]
    parts = [parts[at] for at in np.sort(np.argsort(-np.array(done), kind="stable")[:most])]
    rows = [
        {
            "weight": share_text(part.attention),
            "gives": logits_text(part.contribution),
            "without it": trial_words(part, room),
            **{kind: logits_text(value) + "*" * (kind in part.predicts) for kind, value in part.after.items()},
        }
        for part in parts
    ]
    table = pd.DataFrame(rows, index=[part.label for part in parts])
    if abs(record.remainder) > TIE:
        table.loc[PHRASES["remainder"]] = dict.fromkeys(table, "") | {"gives": logits_text(record.remainder)}
    return table


def trial_words(part: "TestedPart", room: int | None = None) -> str:
    """Return what is predicted without a part, in the words of sentences; of several outcomes as many as have room.

    >>> from headlab.analysis.explanation.record import TestedPart
    >>> from headlab.analysis.part import Part
    >>> man = Part("source", position=1)
    >>> otherwise = {"zero": ("beef",), "resample": ("beef", "fish"), "mask": ("beef",)}
    >>> tested = TestedPart(man, "man", 1, 0.9, 3.0, "necessary", {}, tuple(otherwise), "between", True, otherwise)
    >>> trial_words(tested), trial_words(tested, 17)
    ('“beef”, “beef” or “fish”', '“beef”, …')
    """
    outcomes = [first_words(tokens) for tokens in part.outcomes]
    if part.untried:
        return FOUND["impossible"]
    if outcomes:
        fit = [
            ", ".join([*outcomes[:most], *(["…"] if most < len(outcomes) else [])])
            for most in range(len(outcomes), 0, -1)
        ]
        return next((text for text in fit if room is None or len(text) <= room), fit[-1])
    mark = f"{FOUND['disagree']} " if part.disagree else ""
    return mark + FOUND["irrelevant" if part.finding == IRRELEVANT else "same"]


def first_words(tokens: Sequence[str]) -> str:
    """Return what is predicted, in quotes: one token, or several that share the first place.

    >>> first_words(["beef"]), first_words(["beef", "fish", "soup"])
    ('“beef”', '“beef”, “fish” or “soup”')
    """
    return listed([Word(token) for token in tokens], "or")


def largest_parts(record: "Record") -> pd.Series:
    """Return what adds up to the logit difference, of a long sentence the largest parts and all others together."""
    parts = record.parts()
    if len(parts) <= limits.MOST_ROWS:
        return parts
    kept = parts.abs().sort_values(kind="stable").index[-limits.MOST_ROWS :]
    rest = parts[~parts.index.isin(kept)]
    return pd.concat([parts[parts.index.isin(kept)], pd.Series({f"{len(rest)} others": rest.sum()})])


def coding_sentence(record: "Record") -> str:
    """Return the coding split as an equation in words, whose digits add up as they are shown."""
    assert record.coding is not None
    here, change = round(record.difference, 2), record.coding["total"]
    compared = record.difference - change
    if abs(compared - record.other_difference) < 0.005:
        other = "in_sentence"
    else:
        other = "where_it_is" if len(record.rivals) == 1 else "where_they_are"
    there = PHRASES[other].format(logits=lead_text(compared), sentence=(record.other_sequence or 0) + 1)
    coded = dict(CODED)
    if "rest" in record.coding:
        coded["rest"] = PHRASES["frozen_rest"].format(what=listed(record.frozen))
    shown = {name: round(record.coding[name], 2) for name in coded}
    total = here - round(compared, 2)
    largest = max(coded, key=lambda name: abs(shown[name]))
    shown[largest] = total - sum(value for name, value in shown.items() if name != largest)
    parts = [
        PHRASES["coded_part"].format(
            logits=logits_text(shown[name]), share=percent(record.coding[f"{name}_share"]), part=meaning
        )
        for name, meaning in coded.items()
        if name not in ("direct", "rest") or shown[name]
    ]
    here_words, change_words = lead_text(record.difference), logits_text(total)
    return PHRASES["coded"].format(here=here_words, there=there, total=change_words, parts=", ".join(parts))


def patch_lines(record: "Record") -> list[str]:
    """Return what exchanging pattern or values between the two sentences did, a line each."""
    lines, other = [], (record.other_sequence or 0) + 1
    for what, name in (("pattern", "pattern"), ("v", "values")):
        both = [row for row in record.patches if row["what"] == what]
        if both:
            here, there = (
                f"{first_words(row['predicts']) if row['flips'] else FOUND['same']} "
                f"({logits_text(row['before'])} → {logits_text(row['after'])})"
                for row in both
            )
            lines.append(f"With the {name} of sentence {other} it predicts {here}; the other way round {there}.")
    return lines


def effect_table(effects: "Effects") -> pd.DataFrame:
    """Return what interventions on one run did, as text."""
    table = effects.table()
    shown = pd.DataFrame(
        {
            "": table["kind"],
            "logit difference": _changes(table, "difference", logits_text),
            "probability": _changes(table, "probability", share_text),
            "prediction": prediction_words(effects),
        }
    )
    return shown.set_index(table["intervention"])


def prediction_words(effects: "Effects", marks: bool = True) -> list[str]:
    """Return what one run predicts after each intervention and kind, in the order of `Effects.table`.

    marks: with a mark where the kinds disagree
    """
    predicted = [effects.predicts(*at) for at in np.ndindex(effects.flips.shape)]
    otherwise = effects.predicts_otherwise.ravel().tolist()
    disagree = np.repeat(effects.disagree.ravel(), len(effects.kinds)).tolist()
    return [
        (f"{FOUND['disagree']} " if marks and apart and tokens else "")
        + (FOUND["impossible"] if not tokens else first_words(tokens) if changed else FOUND["same"])
        for tokens, changed, apart in zip(predicted, otherwise, disagree, strict=True)
    ]


def _changes(table: pd.DataFrame, name: str, text: Callable[[float], str]) -> list[str]:
    both = zip(table[f"{name}_before"], table[f"{name}_after"], strict=True)
    return [f"{text(before)} → {text(after)}" if np.isfinite(after) else "" for before, after in both]


def singular_lines(circuits: "Circuits") -> Iterator[str]:
    """Yield the singular values of one head's circuits, a line a circuit."""
    for name, values in circuits.singular_values.items():
        numbers = listing((f"{value:.2f}" for value in values), most=limits.MOST_COLUMNS)
        yield f"{name}: singular values {numbers}; effective rank {circuits.effective_rank[name]:.2f}"


def all_parts(record: "Record") -> list["TestedPart"]:
    """Return every part of a record: sources, heads, and what passes them by."""
    return [*record.sources, *record.heads, *record.others]


def lead_text(difference: float) -> str:
    """Return a logit difference as text, `tied` where there is none.

    >>> lead_text(1.234), lead_text(-1e-9)
    ('+1.23', 'tied')
    """
    return PHRASES["tied"] if abs(difference) <= TIE else logits_text(difference)


def logits_text(value: float) -> str:
    """Return a number of logits as text; nothing where there is none."""
    return "" if np.isnan(value) else with_sign(value, TABLE["rounding"]["logits"]["decimals"])


def share_text(value: float) -> str:
    """Return a share as text; nothing where there is none."""
    return "" if np.isnan(value) else percent(value)
