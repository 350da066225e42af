"""From a record to a sentence: at most 40 words, every number taken from the record, nothing said that was not tried."""

import math
from collections import Counter
from typing import TYPE_CHECKING

from headlab.analysis.explanation.claims import IRRELEVANT
from headlab.analysis.looking.predictions import TIE
from headlab.analysis.parts.mechanism import BIGRAM, HAIR, MIXED, OTHER, PATTERN, POSITION, UNCLASSIFIED, VALUE

if TYPE_CHECKING:
    from headlab.analysis.explanation.record import Record, TestedPart

MAX_WORDS = 40
MOST_TIED = 4  # named in a sentence
_PAST_HEADS = {"direct:token": "the direct path", "direct:position": "its own position"}
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
    if record.tied:
        return _undecided(record)
    if record.predicted != record.target:
        return _wrong(record)
    if record.mechanism == OTHER:
        return _same(record)
    if record.mechanism == HAIR:
        return _hair(record)
    return _shortened([_reason(record), _test(record), _coding(record), _heads(record)])


def _undecided(record: "Record") -> str:
    names = [f"“{name}”" for name in record.tied]
    shown = names if len(names) <= MOST_TIED else [*names[: MOST_TIED - 1], f"{len(names) - MOST_TIED + 1} others"]
    target = "" if record.target in record.tied else f", not “{record.target}” ({record.probability:.0%})"
    return (
        f"It is undecided: after “{record.token}” {', '.join(shown[:-1])} and {shown[-1]} are tied "
        f"({record.predicted_probability:.0%} each){target}."
    )


def _same(record: "Record") -> str:
    here = f"It prefers “{record.target}” to “{record.rival}” here ({_signed(record.difference)})"
    there = f"where “{record.rival}” is right"
    if abs(record.other_difference) <= TIE:
        return f"{here}, and {there} the two are tied: it does not tell the sentences apart."
    return f"{here} and also {there} ({_signed(record.other_difference)}): it does not tell the sentences apart."


def _hair(record: "Record") -> str:
    """Return by how little it is right; that there is little to explain only where that is so in both sentences."""
    text = (
        f"It is right by a hair: after “{record.token}” it gives “{record.target}” {record.probability:.0%} (softmax) here, "
        f"a lead of {_small(record.lead)}"
    )
    if math.isnan(record.other_lead):
        return f"{text}."
    leads = "leads" if record.other_lead > 0 else "is behind"
    there = (
        f"{text}, and {record.other_probability:.0%} where “{record.rival}” is right, which {leads} there by "
        f"{_small(abs(record.other_lead))}"
    )
    return f"{there}: there is little to explain." if record.little else f"{there}."


def _small(logits: float) -> str:
    return f"{logits:.3f} logits" if logits >= 0.0005 else "less than a thousandth"


def _bigram(record: "Record") -> str:
    return (
        f"It does not tell the sentences apart: after “{record.token}” it gives “{record.target}” {record.probability:.0%} "
        f"here and {record.other_probability:.0%} where “{record.rival}” is right "
        f"(loss {record.loss:.3f}, bigram floor {record.bigram_floor:.3f})."
    )


def _wrong(record: "Record") -> str:
    looked = _looked(record)
    return (
        f"It is wrong: after “{record.token}” it predicts “{record.predicted}” ({record.predicted_probability:.0%}), not "
        f"“{record.target}” ({record.probability:.0%}); it looks most at “{looked.name}” ({looked.attention:.0%}), "
        f"which gives {_signed(looked.contribution)} of {_signed(record.difference)}."
    )


def _reason(record: "Record") -> str:
    """Return where it looks, and what gives the prediction."""
    looked, carrier = _looked(record), _carrier(record)
    text = f"From “{record.token}” {_who(record)} most at “{looked.name}” ({looked.attention:.0%})"
    pair = f"{_signed(record.difference)} for “{record.target}” over “{record.rival}”"
    if looked == carrier:
        return f"{text}, which gives {_signed(looked.contribution)} of {pair}"
    gives = "gives" if record.n_layers == 1 else "itself gives"
    only = "only " if looked.contribution >= 0 else ""
    carried = f"{_name(carrier)} gives {_signed(carrier.contribution)}"
    return f"{text}, which {gives} {only}{_signed(looked.contribution)} of {pair}; {carried}"


def _who(record: "Record") -> str:
    last = _last_heads(record)
    if len(last) <= 1:
        return "it looks" if record.n_layers == 1 else "the last layer looks"
    agree = sum(head.position == _looked(record).position for head in last)
    which = "" if record.n_layers == 1 else "last-layer "
    return f"{agree} of {len(last)} {which}heads look{'s' if agree == 1 else ''}"


def _test(record: "Record") -> str:
    """Return what became of the prediction when the place it looks at, and what gives most, were taken away."""
    looked, carrier = _looked(record), _carrier(record)
    if carrier == looked:
        return f"; {'' if looked.flips else 'yet '}ablating it {_effect(looked)}"
    return f"; ablating “{looked.name}” {_effect(looked)}, ablating {_name(carrier)} {_effect(carrier)}"


def _effect(part: "TestedPart") -> str:
    if part.flips:
        return f"flips the prediction ({', '.join(part.flips)})"
    return "changes nothing" if part.finding == IRRELEVANT else "flips nothing"


def _coding(record: "Record") -> str:
    if record.coding is None or record.mechanism not in _CODING:
        return ""
    shares = {name: record.coding[f"{name}_share"] for name in ("pattern", "value", "direct")}
    return "; " + _CODING[record.mechanism].format(**shares)


def _heads(record: "Record") -> str:
    """Return which heads are needed, where there are several."""
    if not record.heads:
        return ""
    needed = [f"{head.part.layer}.{head.part.head}" for head in record.heads if head.flips]
    if not needed:
        return "; no single head is needed"
    return f"; needed: head {', '.join(needed)}" if len(needed) < len(record.heads) else "; every head is needed"


def _shortened(clauses: list[str]) -> str:
    """Return the clauses as one sentence, without the last ones where there would be too many words."""
    while len("".join(clauses).split()) > MAX_WORDS:
        clauses.pop()
    return "".join(clauses) + "."


def _looked(record: "Record") -> "TestedPart":
    """Return the source position that most heads of the last layer look at most."""
    last = _last_heads(record)
    votes = Counter(head.position for head in last) if len(last) > 1 else Counter[int | None]()
    return max(record.sources, key=lambda source: (votes[source.position], source.attention))


def _last_heads(record: "Record") -> list["TestedPart"]:
    return [head for head in record.heads if head.part.layer == record.n_layers - 1]


def _carrier(record: "Record") -> "TestedPart":
    """Return what gives most of the prediction: a source position, or one of the direct parts."""
    parts = (*record.sources, *record.others)
    return max((part for part in parts if not math.isnan(part.contribution)), key=lambda part: part.contribution)


def _name(part: "TestedPart") -> str:
    """Return a part as a sentence calls it."""
    return _PAST_HEADS.get(part.part.kind, f"“{part.name}”")


def _signed(value: float) -> str:
    return f"{round(value, 2) + 0.0:+.2f}"  # never -0.00
