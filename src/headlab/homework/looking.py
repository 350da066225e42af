"""Item 1 in the words of a student: where a token looks, what that gives, and the prediction without it.

What is looked at, what gives most and what stands for the rest are those of the explanation: only the words are plainer.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from headlab.analysis.choice import Choice, choice_at, choices
from headlab.analysis.explanation.clauses import listed, rest_of
from headlab.analysis.explanation.explanation import explain
from headlab.analysis.explanation.sentences import givers, looked_at
from headlab.analysis.looking.predictions import HAIR_LOGITS, TIE, place_leads
from headlab.analysis.part import IRRELEVANT, Word
from headlab.analysis.parts.mechanism import AGAINST, MAIN
from headlab.analysis.words import TABLE
from headlab.notation.numbers import decimals, is_or_are, percent, quantity, with_sign

if TYPE_CHECKING:
    from headlab.analysis.explanation.record import Record, TestedPart
    from headlab.runs.runs import Run

MOST_TRIED = 100  # dependencies among which one is looked for that two sentences share
MOST_GIVERS = 3  # named one by one
NOTICED, NEARLY_ALL = 0.005, 0.9  # shares of the difference between two sentences
SHARES, FOUND = TABLE["coding"], TABLE["findings"]


@dataclass(frozen=True)
class Side:
    """What a run does at one place: its prediction, the position it looks at most, and the prediction without that.

    rivals: what the target is held against; predicted: the most likely tokens, several where they are tied
    probability, second_probability: softmax, of each of the predicted tokens and of the strongest others, `second`
    lead: logit(predicted) - logit(second)
    heads, n_heads: how many heads of the last layer look most at `looks_at`, of how many; weight: their mean attention there.
        looks_at: None where no head has a single highest weight
    gives: what is read there gives to logit(target) - logit(rivals), which is `of`; most: what gives most, and how much each;
        alone: that is what is read there, and nothing else
    without: the prediction by ablation of the position looked at; irrelevant: nothing changes then
    """

    sequence: int
    position: int
    token: Word
    target: str
    rivals: tuple[str, ...]
    predicted: tuple[str, ...]
    probability: float
    second: tuple[str, ...]
    second_probability: float
    lead: float
    heads: int
    n_heads: int
    looks_at: Word | None
    weight: float | None
    gives: float | None
    most: tuple[tuple[str, float], ...]
    alone: bool
    of: float
    without: dict[str, tuple[str, ...]]
    irrelevant: bool

    @property
    def is_right(self) -> bool:
        """Whether the target is predicted, and nothing else beside it."""
        return self.predicted == (self.target,)

    @property
    def is_hair(self) -> bool:
        """Whether it is right by less than half a logit."""
        return self.is_right and self.lead < HAIR_LOGITS

    @property
    def changed(self) -> dict[tuple[str, ...], list[str]]:
        """What it predicts instead, each with the ablations that make it so."""
        found: dict[tuple[str, ...], list[str]] = {}
        for kind, words in self.without.items():
            if words != self.predicted:
                found.setdefault(words, []).append(kind)
        return found

    def to_dict(self) -> dict[str, Any]:
        """Return the numbers as plain values."""
        looked = self.looks_at
        words = {"token": self.token.word, "looks_at": None if looked is None else looked.word}
        place = {"looks_at_position": None if looked is None else looked.position}
        return {**asdict(self), **words, **place, "right": self.is_right, "by_a_hair": self.is_hair}


@dataclass(frozen=True)
class Looking:
    """One dependency in the sentences that share it: a side in each, and how the difference between them is coded.

    shares: of the change of the logit difference between the places, by pattern, value and direct part; None where there is no
        other place (compared is False then), or the two have too little that answers to each other
    layer: the number of layers; places, right: how many places of the corpus an earlier token settles, and at how many of them
        the run is right
    """

    sides: tuple[Side, ...]
    shares: dict[str, float] | None
    compared: bool
    n_layers: int
    places: int
    right: int

    @classmethod
    def of(cls, run: "Run") -> "Looking":
        """Measure the first dependency of a run's corpus that two sentences share; without such a one, the first of all."""
        chosen = _choices_told(run)
        records = explain(run.subject, chosen)[0].records
        places = _places(run)
        where = tuple(np.array(places).T)
        right = place_leads(run.logits(), run.corpus.targets)[where] > TIE
        return cls(
            tuple(_side(run, record) for record in records),
            _shares(records[0]),
            records[0].coding is not None,
            run.model.n_layers,
            len(places),
            int(right.sum()),
        )

    def sentences(self) -> list[str]:
        """Return a sentence a side, one on how the dependency is coded, and one on all other places of the corpus."""
        here = "all" if self.right == self.places else f"{self.right:,}"
        others = (
            f"This corpus has {quantity(self.places, 'place')} where another word decides, of which {len(self.sides)} "
            f"{is_or_are(len(self.sides))} told of here; this run is right at {here} of them."
        )
        return [
            *(self._side(side, first=side is self.sides[0]) for side in self.sides),
            self._conclusion(),
            *([others] if self.places > len(self.sides) else []),
        ]

    def how_sure(self) -> list[str]:
        """Return what the words of the sentences rest on, each explained once."""
        tried = "; ".join(
            f"{side.looks_at} in sentence {side.sequence + 1}: "
            + ", ".join(f"{kind} → {_either(words)}" for kind, words in side.without.items())
            for side in self.sides
            if side.looks_at is not None
        )
        ways = "; ".join(f"{kind}: {meaning}" for kind, meaning in TABLE["ablations"].items())
        trials = f"A trial takes away what is read at a position, and looks at what is predicted then. {ways}. {tried}."
        return [
            *([trials] if tried else []),
            "A probability is the softmax of the outputs.",
            "A number with a sign is in logits, the output before softmax: one more makes a word 2.7 times as likely "
            "against the other.",
        ]

    def to_dict(self) -> dict[str, Any]:
        """Return the numbers behind the sentences as plain values."""
        return {
            "sides": [side.to_dict() for side in self.sides],
            "shares": self.shares,
            "places": self.places,
            "right": self.right,
        }

    def _side(self, side: Side, first: bool) -> str:
        looked, *given = _given(side)
        trial = [] if side.looks_at is None else [_trial_words(side)]
        said = [self._looked(side, first) + looked, *given, _prediction_words(side), *trial]
        return f"Sentence {side.sequence + 1}: {'; '.join(filter(None, said))}."

    def _looked(self, side: Side, first: bool) -> str:
        if side.looks_at is None or side.weight is None:
            return ""
        layer = " of the last layer" * (self.n_layers > 1)
        if side.n_heads > 1:
            looks = f"from {side.token} {side.heads} of {side.n_heads} heads{layer} look{'s' * (side.heads == 1)}"
        else:
            looks = f"from {side.token} the head{layer} looks" if layer else f"{side.token} looks"
        ahead = side.looks_at.position is not None and side.looks_at.position > side.position
        answer = ", the answer itself, which is seen without the causal mask" * ahead
        weight = f"{'mean ' * (side.heads > 1)}attention weight " * first + decimals(side.weight, 3)
        return f"{looks} most at {_at(side)} ({weight}{answer})"

    def _conclusion(self) -> str:
        wrong = [side for side in self.sides if not side.is_right]
        if wrong:
            return "So this run has not learned the dependency."
        if any(side.is_hair for side in self.sides):
            return "So this run hardly codes the dependency: right by a hair is little better than a toss."
        if not self.compared:
            return "No other sentence has the same word with another continuation to compare with."
        if self.shares is None:
            return "How it is coded cannot be compared: too much goes through words without a counterpart elsewhere."
        return _coding_words(self.shares)


def _places(run: "Run") -> list[tuple[int, int]]:
    return [(item.sequence, item.position) for item in run.subject.dependencies]


def _choices_told(run: "Run") -> list[Choice]:
    """Return the choice that is told about, and the same one from the other sentence's side where an earlier token settles it."""
    found, places = choices(run.subject)[:MOST_TRIED], set(_places(run))

    def is_shared(choice: Choice) -> bool:
        other = choice.other
        return (
            other is not None and other.sequence != choice.place.sequence and (other.sequence, other.position) in places
        )

    first = next((choice for choice in found if is_shared(choice)), found[0])
    if not is_shared(first) or first.other is None:
        return [first]
    return [first, choice_at(run.subject, first.other.sequence, first.other.position)]


def _side(run: "Run", record: "Record") -> Side:
    at, given = looked_at(record), givers(record)
    looked = None if at is None else record.tested[at]
    second = run.corpus.vocabulary.index(record.runners_up[0])
    on_it = [] if at is None else [row[at] for row, top in zip(record.attention, record.tops, strict=True) if top == at]
    predicted = record.tied or (record.predicted,)
    return Side(
        sequence=record.sequence,
        position=record.place,
        token=record.spelled[record.place],
        target=record.target,
        rivals=record.rivals,
        predicted=predicted,
        probability=record.predicted_probability,
        second=record.runners_up,
        second_probability=float(run.probs()[record.sequence, record.place, second]),
        lead=record.lead,
        heads=len(on_it),
        n_heads=len(record.attention),
        looks_at=None if at is None else record.spelled[at],
        weight=sum(on_it) / len(on_it) if on_it else None,
        gives=None if looked is None else looked.contribution,
        most=tuple((str(record.named[part]), record.gives[part]) for part in given[:MOST_GIVERS]),
        alone=at is not None and given == [at],
        of=record.difference,
        without={} if looked is None else _without(predicted, looked),
        irrelevant=looked is not None and looked.finding == IRRELEVANT,
    )


def _without(predicted: tuple[str, ...], part: "TestedPart") -> dict[str, tuple[str, ...]]:
    """Return what is predicted by every ablation that is possible."""
    return {kind: part.predicts.get(kind, predicted) for kind, after in part.after.items() if np.isfinite(after)}


def _shares(record: "Record") -> dict[str, float] | None:
    if record.coding is None or not np.isfinite(record.coding["pattern_share"]):
        return None
    return {name: record.coding[f"{name}_share"] for name in SHARES}


def _at(side: Side) -> str:
    itself = side.looks_at is not None and side.looks_at.position == side.position
    return f"{side.looks_at}{' itself' * itself}" if side.n_heads > 1 or not itself else "itself"


def _given(side: Side) -> list[str]:
    """Return what is said of what gives most: of what is looked at in the same breath, of other parts by themselves."""
    sign = 1 if side.of > 0 else -1
    looked = "" if side.gives is None else f", which gives {with_sign(sign * side.gives, 2)}"
    if not side.most:
        return [looked]
    values = [sign * value for _, value in side.most]
    pair = (side.target, side.rivals) if sign > 0 else (side.rivals[0], (side.target,))
    rest = rest_of(sign * side.of, values)
    whole = "" if rest is None else f" (the rest {with_sign(rest, 2)}, together {with_sign(sign * side.of, 2)})"
    over = f" for “{pair[0]}” over {listed(list(map(Word, pair[1])))}{whole}"
    if side.alone:
        return [looked + over]
    names = [name for name, _ in side.most]
    gives = [f"{name} {with_sign(value, 2)}" for name, value in zip(names, values, strict=True)]
    gives[0] = f"{names[0]} gives {with_sign(values[0], 2)}"
    return ["" if str(side.looks_at) in names else looked, listed(gives) + over]


def _prediction_words(side: Side) -> str:
    text = f"predicts {_either(side.predicted)} (probability {percent(side.probability)})"
    right = f", and “{side.target}” would be right"
    if len(side.predicted) > 1:
        tied = f"it is undecided: {listed(list(map(Word, side.predicted)))} are tied ({percent(side.probability)} each)"
        return tied + right * (side.target not in side.predicted)
    if not side.is_right:
        return f"it {text}{right}"
    if side.is_hair:
        have = "has" if len(side.second) == 1 else "have"
        second = f"{listed(list(map(Word, side.second)))} {have} {percent(side.second_probability)}"
        return f"it {text}, right by a hair: {second}"
    return f"it rightly {text}"


def _trial_words(side: Side) -> str:
    without = f"without reading {_at(side)}"
    if not side.changed:
        return f"{without} {FOUND['irrelevant']}" if side.irrelevant else f"{without} it predicts {FOUND['same']}"
    words = " or ".join(map(_either, side.changed))
    turned, tried = sum(map(len, side.changed.values())), len(side.without)
    trials = (
        "the only trial" if tried == 1 else f"{f'all {tried}' if turned == tried else f'{turned} of {tried}'} trials"
    )
    return f"{without} it predicts {words} (in {trials})"


def _either(words: Sequence[str]) -> str:
    return listed(list(map(Word, words)), "or")


def _coding_words(shares: dict[str, float]) -> str:
    of = "of the difference between the sentences"
    past = f" ({SHARES['direct']} makes {percent(shares['direct'])})" if abs(shares["direct"]) >= NOTICED else ""
    if min(shares.values()) < AGAINST:
        said = [f"{words} makes {percent(shares[name])}" for name, words in SHARES.items()]
        return f"So its parts work against each other: {of}, {', '.join(said)}."
    main = [name for name in SHARES if shares[name] >= MAIN]
    if not main:
        return (
            f"So the dependency is coded both in {SHARES['pattern']} and in {SHARES['value']}: {percent(shares['pattern'])} and "
            f"{percent(shares['value'])} {of}{past}."
        )
    if main[0] == "direct":
        return f"So no head is needed for it: {SHARES['direct']} makes {percent(shares['direct'])} {of}."
    less = {"pattern": "value", "value": "pattern"}[main[0]]
    more, than = ("", ", not in") if shares[main[0]] >= NEARLY_ALL else ("more ", " than in")
    return (
        f"So the dependency is coded {more}in {SHARES[main[0]]}{than} {SHARES[less]}: {percent(shares[main[0]])} {of} against "
        f"{percent(shares[less])}{past}."
    )
