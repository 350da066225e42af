"""From a record to a sentence: at most 40 words, every number taken from the record, nothing said that was not tried."""

from typing import TYPE_CHECKING

import pandas as pd

from headlab.analysis.claims import IRRELEVANT
from headlab.analysis.mechanism import BIGRAM, HAIR, MIXED, OTHER, PATTERN, POSITION, UNCLASSIFIED, VALUE

if TYPE_CHECKING:
    from headlab.analysis.explanation import Record

MAX_WORDS = 40
POSITIONS, DIRECT = "position embeddings", "direct path"
_CODING = {
    VALUE: "it is value-coded ({value:.0%})",
    PATTERN: "it is pattern-coded ({pattern:.0%})",
    POSITION: "the position itself tells ({direct:.0%})",
    MIXED: "its coding is mixed (pattern {pattern:.0%}, value {value:.0%})",
    UNCLASSIFIED: "its parts oppose each other (pattern {pattern:.0%}, value {value:.0%})",
}


def sentence(record: "Record") -> str:
    """Return what one run does at one place, in at most 40 words."""
    if not record.finite:
        return "The run diverged: its weights are no finite numbers, and there is nothing to explain."
    if record.mechanism == BIGRAM:
        return _bigram(record)
    if record.predicted != record.target:
        return _wrong(record)
    if record.mechanism == OTHER:
        return (
            f"It prefers “{record.target}” to “{record.rival}” here ({_signed(record.difference)}) and also where "
            f"“{record.rival}” is right ({_signed(record.other_difference)}): it does not tell the sentences apart."
        )
    if record.mechanism == HAIR:
        return (
            f"It is right by a hair: after “{record.token}” it gives “{record.target}” {record.probability:.0%} here and "
            f"{record.other_probability:.0%} where “{record.rival}” is right: there is little to explain."
        )
    return _shortened([_reason(record), _test(record), _coding(record), _heads(record)])


def _bigram(record: "Record") -> str:
    return (
        f"It does not tell the sentences apart: after “{record.token}” it gives “{record.target}” {record.probability:.0%} "
        f"here and {record.other_probability:.0%} where “{record.rival}” is right "
        f"(loss {record.loss:.3f}, bigram floor {record.bigram_floor:.3f})."
    )


def _wrong(record: "Record") -> str:
    looked = _looked(record)
    row = record.sources.loc[looked]
    return (
        f"It is wrong: after “{record.token}” it predicts “{record.predicted}” ({record.predicted_probability:.0%}), not "
        f"“{record.target}” ({record.probability:.0%}); it looks most at “{row['word']}” ({row['attention']:.0%}), "
        f"which gives {_signed(row['contribution'])} of {_signed(record.difference)}."
    )


def _reason(record: "Record") -> str:
    """Return where it looks, and what gives the prediction."""
    looked, carrier = _looked(record), _carrier(record)
    row = record.sources.loc[looked]
    text = f"From “{record.token}” {_who(record)} most at “{row['word']}” ({row['attention']:.0%})"
    pair = f"{_signed(record.difference)} for “{record.target}” over “{record.rival}”"
    if looked == carrier:
        return f"{text}, which gives {_signed(row['contribution'])} of {pair}"
    only = "only " if row["contribution"] >= 0 else ""
    name, gives = _given_by(record, carrier)
    return f"{text}, which gives {only}{_signed(row['contribution'])} of {pair}; {name} gives {_signed(gives)}"


def _who(record: "Record") -> str:
    last = _last_heads(record)
    which = "" if record.n_layers == 1 else "last-layer "
    if len(last) <= 1:
        return "it looks" if record.n_layers == 1 else "the last layer looks"
    agree = int((last["position"] == _looked(record)).sum())
    return f"{agree} of {len(last)} {which}heads look{'s' if agree == 1 else ''}"


def _last_heads(record: "Record") -> pd.DataFrame:
    return record.heads[record.heads["layer"] == record.n_layers - 1] if len(record.heads) else record.heads


def _given_by(record: "Record", carrier: int | str) -> tuple[str, float]:
    if isinstance(carrier, str):
        return f"the {carrier.removesuffix('s')}", record.positional if carrier == POSITIONS else record.direct
    row = record.sources.loc[carrier]
    return f"“{row['word']}”", row["contribution"]


def _test(record: "Record") -> str:
    """Return what became of the prediction when the place it looks at, and what gives most, were taken away."""
    looked, carrier = _looked(record), _carrier(record)
    row = record.sources.loc[looked]
    if carrier == looked:
        return f"; {'' if row['flips'] else 'yet '}ablating it {_effect(row)}"
    if isinstance(carrier, str):
        held = record.others[record.others["part"] == carrier].iloc[0]
    else:
        held = record.sources.loc[carrier]
    return f"; ablating “{row['word']}” {_effect(row)}, ablating {_given_by(record, carrier)[0]} {_effect(held)}"


def _effect(row: pd.Series) -> str:
    if row["flips"]:
        return f"flips the prediction ({row['flips']})"
    return "changes nothing" if row["verdict"] == IRRELEVANT else "flips nothing"


def _coding(record: "Record") -> str:
    if record.coding is None or record.mechanism not in _CODING:
        return ""
    shares = {name: record.coding[f"{name}_share"] for name in ("pattern", "value", "direct")}
    return "; " + _CODING[record.mechanism].format(**shares)


def _heads(record: "Record") -> str:
    """Return which heads are needed, where there are several."""
    if len(record.heads) == 0:
        return ""
    needed = record.heads[record.heads["flips"] != ""]["head"].tolist()
    if not needed:
        return "; no single head is needed"
    return f"; needed: head {', '.join(needed)}" if len(needed) < len(record.heads) else "; every head is needed"


def _shortened(clauses: list[str]) -> str:
    """Return the clauses as one sentence, without the last ones where there would be too many words."""
    while len("".join(clauses).split()) > MAX_WORDS:
        clauses.pop()
    return "".join(clauses) + "."


def _looked(record: "Record") -> int:
    """Return the position that most heads of the last layer look at most."""
    attention, last = record.sources["attention"], _last_heads(record)
    if len(last) <= 1:
        return int(attention.idxmax())
    votes = last["position"].value_counts()
    return int(attention.loc[votes.index[votes == votes.max()]].idxmax())


def _carrier(record: "Record") -> int | str:
    """Return what gives most of the prediction: a source position, the position embedding, or the direct path."""
    best = int(record.sources["contribution"].idxmax())
    gives: dict[int | str, float] = {
        best: record.sources.loc[best, "contribution"],
        POSITIONS: record.positional,
        DIRECT: record.direct,
    }
    return max(gives, key=gives.__getitem__)


def _signed(value: float) -> str:
    return f"{round(value, 2) + 0.0:+.2f}"  # never -0.00
