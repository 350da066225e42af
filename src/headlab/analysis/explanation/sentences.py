"""From a record to clauses: what one run does at one place, nothing said that was not measured as the table says.

What is said first matters most: `clauses.sentence_of` leaves out the last clauses where there would be too many words.
"""

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from headlab.analysis.explanation.clauses import Clause, Named, Outcome, rest_of
from headlab.analysis.part import IRRELEVANT, Word
from headlab.analysis.words import THRESHOLDS

if TYPE_CHECKING:
    from headlab.analysis.explanation.record import Record, TestedPart
    from headlab.analysis.parts.eye import EyeRecord

MOST_GIVERS = 3  # that are tried by name
TIE, HAIR, MAIN, AGAINST, UNDOES = (THRESHOLDS[name] for name in ("tie", "hair", "main", "against", "undoes"))
SHOWN = 0.005  # a smaller share is 0 %
BIGRAM = "unsolved: bigram only"


def clauses_of(record: "Record") -> tuple[Clause, ...]:
    """Return everything that may be said of one run at one place, what matters most first."""
    if not record.finite:
        return (Clause("diverged", {}),)
    if record.mechanism == BIGRAM:
        return tuple(_bigram(record))
    if record.tied:
        return tuple(_undecided(record))
    looked, given = looked_at(record), givers(record)
    reason, trials = tuple(_reason(record, looked, given)), tuple(_trials(record, looked, given))
    if record.predicted != record.target:
        return (*_wrong(record), *_alike(record), *reason, *trials)
    coding = tuple(_coding(record))
    return (*_caveats(record), *reason, *trials[:1], *_sets(record), *coding, *_heads(record), *trials[1:])


def _bigram(record: "Record") -> Iterator[Clause]:
    yield Clause("bigram", {**_here(record), "share": record.probability})
    yield from _elsewhere(record)
    if record.tied or record.predicted != record.target:
        predicted = record.tied or (record.predicted,)
        yield Clause("predicts", {"predicted": _words(predicted), "share": record.predicted_probability})
    yield Clause("floor", {"loss": record.loss, "floor": record.bigram_floor})


def _undecided(record: "Record") -> Iterator[Clause]:
    token = _here(record)["token"]
    yield Clause("undecided", {"token": token, "tied": _words(record.tied), "share": record.predicted_probability})
    if record.target not in record.tied:
        yield Clause("not_target", {"target": Word(record.target), "share": record.probability})
    yield from _alike(record)


def _alike(record: "Record") -> Iterator[Clause]:
    if record.same:
        yield Clause("alike", {})


def _wrong(record: "Record") -> Iterator[Clause]:
    told = {"predicted": Word(record.predicted), "share": record.predicted_probability}
    yield Clause("wrong", {"token": _here(record)["token"], **told})
    yield Clause("not_target", {"target": Word(record.target), "share": record.probability})


def _caveats(record: "Record") -> Iterator[Clause]:
    """Yield that it is right by a hair, and that the other place is not told apart."""
    if record.lead < HAIR:
        told = {"share": record.probability, "over": _words(record.runners_up), "lead": record.lead}
        yield Clause("hair", {**_here(record), **told})
        yield from _elsewhere(record, "hair_elsewhere")
        if record.little:
            yield Clause("little", {})
    if not record.right_there or record.other_difference < -TIE:
        return
    pair = {"target": Word(record.target), "rivals": _words(record.rivals), "right": _words(record.right_there)}
    kind = "both_ways" if record.other_difference > TIE else "tied_there"
    yield Clause(kind, {**pair, "here": record.difference, "there": record.other_difference})
    yield from _alike(record)


def _elsewhere(record: "Record", kind: str = "elsewhere") -> Iterator[Clause]:
    if record.right_there:
        yield Clause(kind, {"share": record.other_probability, "right": _words(record.right_there)})


def _reason(record: "Record", looked: "TestedPart | None", given: "Sequence[TestedPart]") -> Iterator[Clause]:
    """Yield where it looks, and what gives the prediction."""
    yield from _looks(record, looked)
    if given:
        sign = 1 if record.difference > 0 else -1
        pair = {"target": Word(record.target), "rivals": _words(record.rivals)}
        if sign < 0:
            pair = {"target": Word(record.rivals[0]), "rivals": _words([record.target])}
        values = [sign * part.contribution for part in given]
        total = sign * record.difference
        told = {**pair, "rest": rest_of(total, values), "total": total}
        if looked is not None and given == [looked]:
            yield Clause("gives_it", {"source": _named(record, looked), "contribution": values[0], **told})
        else:
            if looked is not None and looked not in given:
                yield Clause("adds", {"source": _named(record, looked), "contribution": sign * looked.contribution})
            parts = tuple((_named(record, part), value) for part, value in zip(given, values, strict=True))
            yield Clause("gives", {"parts": parts, **told})
    if record.predicted == record.target and record.difference - record.lead > TIE:
        yield Clause("nearer", {"tokens": _words(record.runners_up), "lead": record.lead})


def _looks(record: "Record", looked: "TestedPart | None") -> Iterator[Clause]:
    who = {"of": len(record.attention), "last_layer": record.n_layers > 1}
    if looked is not None:
        position = looked.position or 0
        rows = [row for row, top in zip(record.attention, tops_of(record), strict=True) if top == position]
        told = {"source": _named(record, looked), "share": sum(row[position] for row in rows) / len(rows)}
        yield Clause("looks", {"token": _here(record)["token"], "who": {"heads": len(rows), **who}, **told})
        return
    weights = np.array(record.attention)
    first = weights >= weights.max(axis=1, keepdims=True) - TIE
    if (first == first[0]).all():
        sources = tuple(Word.of(record.words, key) for key in np.nonzero(first[0])[0].tolist())
        share = float(weights[:, first[0]].mean())
        told = {"sources": sources, "share": share}
        yield Clause("looks_equally", {"token": _here(record)["token"], "who": {"heads": len(weights), **who}, **told})


def _trials(record: "Record", looked: "TestedPart | None", given: "Sequence[TestedPart]") -> Iterator[Clause]:
    """Yield what became of the prediction without what it looks at, and without what gives most."""
    for part in ([] if looked is None else [looked]) + [part for part in given[:MOST_GIVERS] if part != looked]:
        named = _named(record, part)
        if part.predicts:
            outcomes = tuple(Outcome(_words(tokens), tuple(kinds)) for tokens, kinds in part.outcomes.items())
            yield Clause("without", {"part": named, "outcomes": outcomes})
        else:
            yield Clause("changes_nothing" if part.finding == IRRELEVANT else "flips_nothing", {"part": named})


def _coding(record: "Record") -> Iterator[Clause]:
    """Yield how the difference between the places is coded, where there is one."""
    if record.coding is None or not record.other_difference < -TIE:
        return
    shares = {name: record.coding[f"{name}_share"] for name in ("pattern", "value", "direct")}
    if not all(map(math.isfinite, shares.values())):
        yield Clause("not_compared", {})
        return
    most = max(shares, key=lambda name: shares[name])
    if min(shares.values()) < -AGAINST:
        kind = "opposed"
    elif shares[most] >= MAIN:
        kind = {"value": "value_coded", "pattern": "pattern_coded", "direct": "position_coded"}[most]
    else:
        kind = "mixed"
    told: dict[str, float | None] = dict(shares)
    if kind in ("mixed", "opposed") and abs(shares["direct"]) < SHOWN:
        told["direct"] = None
    yield Clause(kind, told)
    if record.eye is not None and record.eye.undone >= UNDOES - TIE:  # all together, and not only each alone
        yield from _eye(record, record.eye)


def _eye(record: "Record", eye: "EyeRecord") -> Iterator[Clause]:
    """Yield what draws the eye here, and what draws it at the other place and not here."""
    predicts = _words(eye.predicts) if eye.flips else None
    for here, kind in ((True, "draws_here"), (False, "draws_there")):
        told = tuple(item for item in eye.told() if item.here == here)
        if told:
            alone = len(record.rivals) == 1 and record.rivals == record.right_there
            right = Word(record.rivals[0]) if alone else None
            arguments = {"told": told, "undone": eye.undone, "predicts": predicts}
            yield Clause(kind, arguments | ({} if here else {"right": right}))


def _sets(record: "Record") -> Iterator[Clause]:
    """Yield how many explanations there are, once that is known."""
    counted = {kind: number for kind, (number, _, _) in record.sets.items() if number}
    if counted:
        tried, left = next((parts, left) for number, parts, left in record.sets.values() if number)
        told = {"tried": tried, "parts": tried + left} if left else {"tried": None, "parts": None}
        yield Clause("sets", {"sets": counted, **told})


def _heads(record: "Record") -> Iterator[Clause]:
    """Yield which heads are needed, where there are several."""
    if not record.heads:
        return
    needed = tuple((Named(head.part), tuple(head.predicts)) for head in record.heads if head.predicts)
    yield Clause("needed", {"heads": needed}) if needed else Clause("no_head_needed", {})


def looked_at(record: "Record") -> "TestedPart | None":
    """Return the source that most heads of the last layer look at most, each at one more than at any other.

    Of sources with equally many heads, the one that gives most, then the one with the higher mean weight in these; of equal ones
    the nearest.
    """
    tops = tops_of(record)
    heads: dict[int, list[float]] = {}
    for row, top in zip(record.attention, tops, strict=True):
        if top is not None:
            heads.setdefault(top, []).append(row[top])

    sign = 1 if record.difference > 0 else -1

    def rank(position: int) -> tuple[int, float, float, int, int]:
        shares, gives = heads[position], sign * record.sources[position].contribution
        share = sum(shares) / len(shares)
        return len(shares), round(gives, 9), round(share, 9), -abs(position - record.place), -position

    return record.sources[max(heads, key=rank)] if heads else None


def tops_of(record: "Record") -> list[int | None]:
    """Return for each head of the last layer the position with its single highest weight; None where several share it."""
    found: list[int | None] = []
    for row in record.attention:
        top = max(row)
        first = [position for position, weight in enumerate(row) if weight >= top - TIE]
        found.append(first[0] if len(first) == 1 else None)
    return found


def givers(record: "Record") -> "list[TestedPart]":
    """Return what gives most of the prediction, and all that gives at least two thirds as much, the largest first."""
    sign = 1 if record.difference > 0 else -1
    parts = [part for part in (*record.sources, *record.others) if math.isfinite(part.contribution)]
    most = max((sign * part.contribution for part in parts), default=0.0)
    if most <= TIE:
        return []
    main = [part for part in parts if sign * part.contribution >= MAIN * most - TIE]
    return sorted(main, key=lambda part: -round(sign * part.contribution, 9))


def _here(record: "Record") -> dict[str, Any]:
    return {"token": Word.of(record.words, record.place), "target": Word(record.target)}


def _words(words: Sequence[str]) -> tuple[Word, ...]:
    return tuple(map(Word, words))


def _named(record: "Record", part: "TestedPart") -> Named:
    at_source = part.part.kind == "source" and part.position is not None
    return Named(part.part, Word.of(record.words, part.position or 0) if at_source else None)
