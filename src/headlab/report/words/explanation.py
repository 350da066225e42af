"""Explanations in words and tables of words: what is chosen between, what parts give, how it is coded, what trials did."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from headlab.analysis.looking.predictions import TIE
from headlab.analysis.part import IRRELEVANT
from headlab.notation.values import listing
from headlab.report import limits

if TYPE_CHECKING:
    from headlab.analysis.explanation.record import Record, TestedPart
    from headlab.analysis.looking.circuits import Circuits
    from headlab.analysis.trials.effects import Effects

PLACES = "places that an earlier word decides"
TRIALS = (
    "zero, mean, resample, mask: the logit difference when the part becomes zero, its mean over the sentences, or what it is "
    "elsewhere, or when it cannot be looked at and the others share its weight (sources, edges and tokens); * predicts what "
    "“without it” names; ≠ where they disagree. changes nothing: none flips the prediction, and the "
    "target's probability moves by at most 5 points, its lead over any alternative by at most 10 %."
)
MOST_BEFORE = 12  # words in front of a place, in its title
DIRECT = {"direct:token": "direct", "direct:position": "position"}  # kinds of parts
PARTS = {"pattern": "where it looks", "value": "what it reads there", "direct": "the current token and position"}


def place_line(record: "Record") -> str:
    """Return what is chosen between, and where, as a line."""
    words = record.words[: record.place]
    before = " ".join(words if len(words) <= MOST_BEFORE else ["…", *words[-MOST_BEFORE:]])
    return f"Sentence {record.sequence + 1}: {before} [{record.token}] → {record.target}, not {record.rival}"


def part_table(record: "Record", most: int, most_words: int | None = None) -> pd.DataFrame:
    """Return the table of parts as text: what each gives, and the logit difference without it.

    most: of so many parts, those that do most; most_words: so many words are named that are predicted instead; None: all
    """
    parts = all_parts(record)
    done = [np.nan_to_num(np.abs([part.contribution, part.after["zero"] - record.difference])).max() for part in parts]
    parts = [parts[at] for at in np.sort(np.argsort(-np.array(done), kind="stable")[:most])]
    rows = [
        {
            "attention": share_text(part.attention),
            "gives": logits_text(part.contribution),
            **{kind: logits_text(value) + "*" * (kind in part.predicts) for kind, value in part.after.items()},
            "without it": trial_words(part, most_words),
        }
        for part in parts
    ]
    return pd.DataFrame(rows, index=[DIRECT.get(part.part.kind, part.label) for part in parts])


def trial_words(part: "TestedPart", most: int | None = None) -> str:
    """Return what became of the prediction without a part, by any ablation; most: so many words are named, None: all.

    >>> from headlab.analysis.explanation.record import TestedPart
    >>> from headlab.analysis.part import Part
    >>> man = Part("source", position=1)
    >>> otherwise = {"zero": ("beef",), "resample": ("beef", "fish"), "mask": ("beef",)}
    >>> tested = TestedPart(man, "man", 1, 0.9, 3.0, "necessary", {}, tuple(otherwise), "between", True, otherwise)
    >>> trial_words(tested), trial_words(tested, 1)
    ('≠ now “beef”, “beef” or “fish” (tied)', '≠ now “beef”, …')
    """
    mark = "≠ " if part.disagree else ""
    if part.predicts:
        words = list(dict.fromkeys(token for tokens in part.outcomes for token in tokens))
        if most is not None and len(words) > most:
            return f"{mark}now {', '.join(f'“{word}”' for word in words[:most])}, …"
        return f"{mark}now {', '.join(first_words(tokens) for tokens in part.outcomes)}"
    return mark + ("changes nothing" if part.finding == IRRELEVANT else "no flip")


def first_words(tokens: Sequence[str]) -> str:
    """Return what is predicted, in quotes: one token, or several that share the first place.

    >>> first_words(["beef"]), first_words(["beef", "fish", "soup"])
    ('“beef”', '“beef”, “fish” or “soup” (tied)')
    """
    names = [f"“{token}”" for token in tokens]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]} (tied)"


def largest_parts(record: "Record") -> pd.Series:
    """Return what adds up to the logit difference, of a long sentence the largest parts and all others together."""
    parts = record.parts()
    if len(parts) <= limits.MOST_ROWS:
        return parts
    kept = parts.abs().sort_values(kind="stable").index[-limits.MOST_ROWS :]
    rest = parts[~parts.index.isin(kept)]
    return pd.concat([parts[parts.index.isin(kept)], pd.Series({f"{len(rest)} others": rest.sum()})])


def coding_sentence(record: "Record") -> str:
    """Return the coding split as an equation in words."""
    assert record.coding is not None
    parts = ", ".join(
        f"{logits_text(record.coding[name])} ({record.coding[f'{name}_share']:.0%}) {words}"
        for name, words in PARTS.items()
        if name != "direct" or abs(record.coding[name]) > 0.005
    )
    other = f"{lead_text(record.other_difference)} in sentence {(record.other_sequence or 0) + 1}"
    return (
        f"{lead_text(record.difference)} here, {other}. The change of {logits_text(record.coding['total'])} is {parts}."
    )


def patch_lines(record: "Record") -> list[str]:
    """Return what exchanging pattern or values between the two sentences did, a line each."""
    lines = []
    for what, words in (("pattern", "Pattern"), ("v", "Values")):
        both = [row for row in record.patches if row["what"] == what]
        if both:
            effects = [
                f"{logits_text(row['before'])} → {logits_text(row['after'])} "
                f"{'now predicts ' + first_words(row['predicts']) if row['flips'] else 'stays'}"
                for row in both
            ]
            other = (record.other_sequence or 0) + 1
            lines.append(f"{words} of sentence {other}: {effects[0]}; reversed: {effects[1]}")
    return lines


def effect_table(effects: "Effects") -> pd.DataFrame:
    """Return what interventions on one run did, as text."""
    table = effects.table()
    predicted = [effects.predicts(*at) for at in np.ndindex(effects.flips.shape)]
    otherwise = effects.predicts_otherwise.ravel().tolist()
    shown = pd.DataFrame(
        {
            "": table["kind"],
            "before": table["difference_before"].map(logits_text),
            "after": table["difference_after"].map(logits_text),
            "change": table["change"].map(logits_text),
            "p before": table["probability_before"].map(share_text),
            "p after": table["probability_after"].map(share_text),
            "prediction": [
                f"{'≠ ' if disagree else ''}"
                f"{'–' if not predicts else f'now predicts {first_words(predicts)}' if changed else 'stays'}"
                for predicts, changed, disagree in zip(predicted, otherwise, table["disagree"], strict=True)
            ],
        }
    )
    return shown.set_index(table["intervention"])


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
    return "tied" if abs(difference) <= TIE else logits_text(difference)


def logits_text(value: float) -> str:
    """Return a number of logits as text; nothing where there is none."""
    return "" if np.isnan(value) else f"{round(value, 2) + 0.0:+.2f}"


def share_text(value: float) -> str:
    """Return a share as text; nothing where there is none."""
    return "" if np.isnan(value) else f"{value:.0%}"
