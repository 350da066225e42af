"""From a record to clauses: what one run does at one place, nothing said that was not measured as the table says.

What is said first matters most: `clauses.sentence_of` leaves out the last clauses where there would be too many words.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from headlab.analysis.explanation.clauses import Clause, Outcome, rest_of
from headlab.analysis.part import Word
from headlab.analysis.words import LIMITS, TABLE, THRESHOLDS

if TYPE_CHECKING:
    from headlab.analysis.explanation.record import Record
    from headlab.analysis.parts.eye import EyeRecord

MOST_GIVERS = LIMITS["givers"]  # that are tried by name
TIE, HAIR, MAIN, AGAINST, UNDOES = (THRESHOLDS[name] for name in ("tie", "hair", "main", "against", "undoes"))
SHOWN = float(TABLE["rounding"]["share"]["none"])  # a smaller share is 0 %
BIGRAM = "unsolved: bigram only"
SHARES = {name: f"{name}_share" for name in ("pattern", "value", "direct")}


def clauses_of(record: "Record") -> Iterator[Clause]:
    """Yield everything that may be said of one run at one place, what matters most first, each when it is asked for."""
    if not record.finite:
        yield Clause("diverged", {})
    elif record.mechanism == BIGRAM:
        yield from _bigram(record)
    elif record.tied:
        yield from _undecided(record)
    else:
        right, looked, given = record.predicted == record.target, looked_at(record), givers(record)
        trials = _trials(record, looked, given)
        if right:
            yield from _caveats(record)
        else:
            yield from _wrong(record)
            yield from _alike(record)
        yield from _reason(record, looked, given)
        if right:
            yield from islice(trials, 1)
            yield from _sets(record)
            yield from _coding(record)
            yield from _heads(record)
        yield from trials


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
        yield Clause("not_target", {"target": _word(record.target), "share": record.probability})
    yield from _alike(record)


def _alike(record: "Record") -> Iterator[Clause]:
    if record.same:
        yield Clause("alike", {})


def _wrong(record: "Record") -> Iterator[Clause]:
    told = {"predicted": _word(record.predicted), "share": record.predicted_probability}
    yield Clause("wrong", {"token": _here(record)["token"], **told})
    yield Clause("not_target", {"target": _word(record.target), "share": record.probability})


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
    pair = {"target": _word(record.target), "rivals": _words(record.rivals), "right": _words(record.right_there)}
    kind = "both_ways" if record.other_difference > TIE else "tied_there"
    yield Clause(kind, {**pair, "here": record.difference, "there": record.other_difference})
    yield from _alike(record)


def _elsewhere(record: "Record", kind: str = "elsewhere") -> Iterator[Clause]:
    if record.right_there:
        yield Clause(kind, {"share": record.other_probability, "right": _words(record.right_there)})


def _reason(record: "Record", looked: int | None, given: Sequence[int]) -> Iterator[Clause]:
    """Yield where it looks, and what gives the prediction; looked, given: numbers of parts."""
    yield from _looks(record, looked)
    if given:
        sign = 1 if record.difference > 0 else -1
        pair = {"target": _word(record.target), "rivals": _words(record.rivals)}
        if sign < 0:
            pair = {"target": _word(record.rivals[0]), "rivals": _words((record.target,))}
        values = [sign * record.gives[part] for part in given]
        total = sign * record.difference
        told = {**pair, "rest": rest_of(total, values), "total": total}
        if looked is not None and given == [looked]:
            yield Clause("gives_it", {"source": record.named[looked], "contribution": values[0], **told})
        else:
            if looked is not None and looked not in given:
                yield Clause("adds", {"source": record.named[looked], "contribution": sign * record.gives[looked]})
            parts = tuple((record.named[part], value) for part, value in zip(given, values, strict=True))
            yield Clause("gives", {"parts": parts, **told})
        if record.frozen:
            yield Clause("frozen", {"what": record.frozen})
    if record.predicted == record.target and record.difference - record.lead > TIE:
        yield Clause("nearer", {"tokens": _words(record.runners_up), "lead": record.lead})


def _looks(record: "Record", looked: int | None) -> Iterator[Clause]:
    if not record.attention:
        return  # without layers nothing looks
    who = {"of": len(record.attention), "last_layer": record.n_layers > 1}
    if looked is not None:
        shares = [row[looked] for row, top in zip(record.attention, record.tops, strict=True) if top == looked]
        told = {"source": record.named[looked], "share": sum(shares) / len(shares)}
        yield Clause("looks", {"token": _here(record)["token"], "who": {"heads": len(shares), **who}, **told})
        return
    weights = np.array(record.attention)
    first = weights >= weights.max(axis=1, keepdims=True) - TIE
    if (first == first[0]).all():
        sources = tuple(record.spelled[key] for key in np.nonzero(first[0])[0].tolist())
        share = float(weights[:, first[0]].mean())
        told = {"sources": sources, "share": share}
        yield Clause("looks_equally", {"token": _here(record)["token"], "who": {"heads": len(weights), **who}, **told})


def _trials(record: "Record", looked: int | None, given: Sequence[int]) -> Iterator[Clause]:
    """Yield what became of the prediction without what it looks at, and without what gives most."""
    for part in ([] if looked is None else [looked]) + [part for part in given[:MOST_GIVERS] if part != looked]:
        if part in record.untried:
            continue
        named, predicts = record.named[part], record.otherwise.get(part)
        if predicts:
            outcomes = tuple([Outcome(_words(tokens), tuple(kinds)) for tokens, kinds in by_outcome(predicts).items()])
            yield Clause("without", {"part": named, "outcomes": outcomes})
        else:
            yield Clause("changes_nothing" if record.unchanged[part] else "flips_nothing", {"part": named})


def by_outcome(predicts: Mapping[str, tuple[str, ...]]) -> dict[tuple[str, ...], list[str]]:
    """Return what is predicted instead, each with the ablations that make it so.

    >>> by_outcome({"zero": ("beef",), "mean": ("rice",), "mask": ("beef",)})
    {('beef',): ['zero', 'mask'], ('rice',): ['mean']}
    """
    found: dict[tuple[str, ...], list[str]] = {}
    for kind, tokens in predicts.items():
        found.setdefault(tokens, []).append(kind)
    return found


def _coding(record: "Record") -> Iterator[Clause]:
    """Yield how the difference between the places is coded, where there is one."""
    if record.coding is None or not record.other_difference < -TIE:
        return
    shares = {name: record.coding[share] for name, share in SHARES.items()}
    if not all(map(math.isfinite, shares.values())):
        yield Clause("not_compared", {})
        return
    most = max(shares, key=lambda name: shares[name])
    rest = record.coding.get("rest_share", 0.0)
    if min(*shares.values(), rest) < -AGAINST:
        kind = "opposed"
    elif shares[most] >= MAIN:
        kind = {"value": "value_coded", "pattern": "pattern_coded", "direct": "position_coded"}[most]
    else:
        kind = "mixed"
    told: dict[str, float | None] = dict(shares)
    if kind in ("mixed", "opposed") and abs(shares["direct"]) < SHOWN:
        told["direct"] = None
    yield Clause(kind, told)
    if abs(rest) >= SHOWN:
        yield Clause("left_over", {"what": record.frozen, "share": rest})
    if record.eye is not None and record.eye.undone >= UNDOES - TIE:  # all together, and not only each alone
        yield from _eye(record, record.eye)


def _eye(record: "Record", eye: "EyeRecord") -> Iterator[Clause]:
    """Yield what draws the eye here, and what draws it at the other place and not here."""
    predicts, every = _words(eye.predicts) if eye.flips else None, eye.told()
    for here, kind in ((True, "draws_here"), (False, "draws_there")):
        told = tuple([item for item in every if item.here == here])
        if told:
            alone = len(record.rivals) == 1 and record.rivals == record.right_there
            right = _word(record.rivals[0]) if alone else None
            arguments = {"told": told, "undone": eye.undone, "predicts": predicts}
            yield Clause(kind, arguments | ({} if here else {"right": right}))


def _sets(record: "Record") -> Iterator[Clause]:
    """Yield how many explanations there are, once that is known."""
    if not record.sets:
        return
    counted = {kind: number for kind, (number, _, _) in record.sets.items() if number}
    if counted:
        tried, left = next((parts, left) for number, parts, left in record.sets.values() if number)
        told = {"tried": tried, "parts": tried + left} if left else {"tried": None, "parts": None}
        yield Clause("sets", {"sets": counted, **told})


def _heads(record: "Record") -> Iterator[Clause]:
    """Yield which heads are needed, where there are several."""
    heads = [(number, named) for number, named in enumerate(record.named) if named.part.kind == "head"]
    if not heads:
        return
    needed = tuple((named, tuple(record.otherwise[head])) for head, named in heads if head in record.otherwise)
    yield Clause("needed", {"heads": needed}) if needed else Clause("no_head_needed", {})


def looked_at(record: "Record") -> int | None:
    """Return the position that most heads of the last layer look at most, each at one more than at any other.

    Of sources with equally many heads, the one that gives most, then the one with the higher mean weight in these; of equal ones
    the nearest.
    """
    heads: dict[int, list[float]] = {}
    for row, top in zip(record.attention, record.tops, strict=True):
        if top is not None:
            heads.setdefault(top, []).append(row[top])

    sign = 1 if record.difference > 0 else -1

    def rank(position: int) -> tuple[int, float, float, int, int]:
        shares, gives = heads[position], sign * record.gives[position]
        share = sum(shares) / len(shares)
        return len(shares), round(gives, 9), round(share, 9), -abs(position - record.place), -position

    return max(heads, key=rank, default=None) if len(heads) != 1 else next(iter(heads))


def givers(record: "Record") -> list[int]:
    """Return the numbers of the parts that give most: the one that does, and all that give at least two thirds as much.

    The largest come first.
    """
    sign = 1 if record.difference > 0 else -1
    values = [sign * value for value in record.gives]
    most = max([value for value in values if math.isfinite(value)], default=0.0)
    if most <= TIE:
        return []
    least = MAIN * most - TIE
    main = [part for part, value in enumerate(values) if least <= value <= most]
    return sorted(main, key=lambda part: -round(values[part], 9)) if len(main) > 1 else main


def _here(record: "Record") -> dict[str, Any]:
    return {"token": record.spelled[record.place], "target": _word(record.target)}


def _word(word: str) -> Word:
    return _words((word,))[0]


@lru_cache(1024)  # of many runs at one place the same few words are said
def _words(words: tuple[str, ...]) -> tuple[Word, ...]:
    return tuple(map(Word, words))
