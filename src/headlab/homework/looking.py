"""Item 1 in the words of a student: where a token looks, what that gives, and the prediction without it."""

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from headlab.analysis.choice import Choice, Place, choice_at, choices
from headlab.analysis.explanation.explanation import explain
from headlab.analysis.looking.predictions import HAIR_LOGITS
from headlab.analysis.parts.mechanism import AGAINST, MAIN
from headlab.notation.numbers import is_or_are, percent, quantity, with_sign

if TYPE_CHECKING:
    from headlab.analysis.explanation.record import Record, TestedPart
    from headlab.runs.runs import Run

MOST_TRIED = 100  # dependencies among which one is looked for that two sentences share
NOTICED, NEARLY_ALL = 0.005, 0.9  # shares of the difference between two sentences
WAYS = {
    "zero": "zero",
    "mean": "the mean of the sentences",
    "resample": "that of another sentence",
    "mask": "nothing, and the other words share its attention",
}
SHARES = {"pattern": "where it looks", "value": "what it reads there", "direct": "what passes the heads by"}


@dataclass(frozen=True)
class Side:
    """What a run does at one place: its prediction, the position it looks at most, and the prediction without that.

    probability: softmax, of the predicted token; second, second_probability: the next most likely one
    lead: logit(predicted) - logit(second); weight: attention on the position looked at (several heads: their mean)
    gives: what is read there gives to logit(target) - logit(rival), which is `of`; most: what gives more, and how much
    without: the prediction by ablation
    """

    sequence: int
    position: int
    token: str
    target: str
    rival: str
    predicted: str
    probability: float
    second: str
    second_probability: float
    lead: float
    looks_at: str
    looks_at_position: int
    weight: float
    gives: float
    most: tuple[str, float] | None
    of: float
    without: dict[str, str]

    @property
    def is_right(self) -> bool:
        """Whether the target is predicted."""
        return self.predicted == self.target

    @property
    def is_hair(self) -> bool:
        """Whether it is right by less than half a logit."""
        return self.is_right and self.lead < HAIR_LOGITS

    @property
    def flips(self) -> dict[str, list[str]]:
        """The words that it predicts instead, each with the ablations that make it so."""
        found: dict[str, list[str]] = {}
        for kind, word in self.without.items():
            if word != self.predicted:
                found.setdefault(word, []).append(kind)
        return found


@dataclass(frozen=True)
class Looking:
    """One dependency in the sentences that share it: a side in each, and how the difference between them is coded.

    shares: of the change of the logit difference between the two places, by pattern, value and direct part; None: no other place
    places, right: how many places of the corpus an earlier token settles, and at how many of them the run is right
    """

    sides: tuple[Side, ...]
    shares: dict[str, float] | None
    heads: str
    places: int
    right: int

    @classmethod
    def of(cls, run: "Run") -> "Looking":
        """Measure the first dependency of a run's corpus that two sentences share; without such a one, the first of all."""
        chosen = _choices_told(run)
        records = explain(run.subject, chosen)[0].records
        places = _places(run)
        where = tuple(np.array(places).T)
        right = run.logits().argmax(axis=-1)[where] == run.corpus.targets[where]
        return cls(
            tuple(_side(run, choice, record) for choice, record in zip(chosen, records, strict=True)),
            _shares(records[0]),
            _heads(run.model.n_layers, run.model.n_heads),
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
            f"“{side.looks_at}” in sentence {side.sequence + 1}: "
            + ", ".join(f"{WAYS[kind]} → “{word}”" for kind, word in side.without.items())
            for side in self.sides
        )
        return [
            f"A trial replaces what is read at that position, and looks at what is predicted then. {tried}.",
            "A number with a sign is in logits, the output before softmax: one more makes a word 2.7 times as likely "
            "against the other.",
        ]

    def to_dict(self) -> dict[str, Any]:
        """Return the numbers behind the sentences as plain values."""
        return {
            "sides": [{**asdict(side), "right": side.is_right, "by_a_hair": side.is_hair} for side in self.sides],
            "shares": self.shares,
            "places": self.places,
            "right": self.right,
        }

    def _side(self, side: Side, first: bool) -> str:
        at = "itself" if side.looks_at_position == side.position else f"“{side.looks_at}”"
        answer = ", the answer itself, which is seen without the causal mask" * (side.looks_at_position > side.position)
        weight = f"{'attention weight ' if first else ''}{side.weight:.3f}"
        given = [round(side.gives, 2), *([round(side.most[1], 2)] if side.most else [])]
        most = f"{side.most[0]} {with_sign(given[1], 2)}, " if side.most else ""
        rest = round(side.of, 2) - sum(given)
        return (
            f"Sentence {side.sequence + 1}: “{side.token}” {self.heads} most at {at} ({weight}{answer}), which gives "
            f"{with_sign(given[0], 2)} for “{side.target}” over “{side.rival}” ({most}the rest {with_sign(rest, 2)}, together "
            f"{with_sign(side.of, 2)}); {_prediction_words(side)}; without reading {at} {_trial_words(side)}."
        )

    def _conclusion(self) -> str:
        wrong = [side for side in self.sides if not side.is_right]
        if wrong:
            return "So this run has not learned the dependency."
        if any(side.is_hair for side in self.sides):
            return "So this run hardly codes the dependency: right by a hair is little better than a toss."
        if self.shares is None:
            return "No other sentence has the same word with another continuation to compare with."
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


def _side(run: "Run", choice: Choice, record: "Record") -> Side:
    looked = _most_attended(record)
    place, names = choice.place, run.corpus.vocabulary
    second, best = np.argsort(run.logits()[place.sequence, place.position], kind="stable")[-2:]
    logits, probs = (values[place.sequence, place.position] for values in (run.logits(), run.probs()))
    return Side(
        sequence=place.sequence,
        position=place.position,
        token=record.token,
        target=record.target,
        rival=record.rival,
        predicted=names[int(best)],
        probability=float(probs[best]),
        second=names[int(second)],
        second_probability=float(probs[second]),
        lead=float(logits[best] - logits[second]),
        looks_at=_distinct_name(record, looked),
        looks_at_position=int(looked.position or 0),
        weight=looked.attention,
        gives=looked.contribution,
        most=_most(record, looked),
        of=record.difference,
        without=_predictions_without(run, place, looked),
    )


def _most_attended(record: "Record") -> "TestedPart":
    return max(record.sources, key=lambda source: source.attention)


def _most(record: "Record", looked: "TestedPart") -> tuple[str, float] | None:
    """Return what gives most, where that is not the position that is looked at, and how much."""
    parts = [part for part in (*record.sources, *record.others) if np.isfinite(part.contribution)]
    best = max(parts, key=lambda part: part.contribution)
    if best == looked or best.contribution <= max(0.0, looked.contribution):
        return None
    past = {"direct:token": f"“{record.token}” past the heads", "direct:position": "its position past the heads"}
    return past.get(best.part.kind, f"“{_distinct_name(record, best)}”"), best.contribution


def _distinct_name(record: "Record", part: "TestedPart") -> str:
    return part.name if record.words.count(part.name) == 1 else f"{part.name} at position {part.position}"


def _predictions_without(run: "Run", place: Place, part: "TestedPart") -> dict[str, str]:
    effects = run.ablate(part.part, sequence=place.sequence, position=place.position)
    before = run.corpus.vocabulary[effects.before.best[0, 0, 0]]
    tried = np.isfinite(effects.after.difference[0, 0]).tolist()
    flips = effects.flips[0, 0].tolist()
    return {
        kind: "” or “".join(effects.predicts(0, 0, at)) if flips[at] else before
        for at, kind in enumerate(effects.kinds)
        if tried[at]
    }


def _shares(record: "Record") -> dict[str, float] | None:
    if record.coding is None or not np.isfinite(record.coding["pattern_share"]):
        return None
    return {name: record.coding[f"{name}_share"] for name in SHARES}


def _heads(n_layers: int, n_heads: int) -> str:
    if n_heads == 1:
        return "looks" if n_layers == 1 else "looks (in the last layer)"
    return "looks (mean of the heads)" if n_layers == 1 else "looks (mean of the last layer's heads)"


def _prediction_words(side: Side) -> str:
    text = f"predicts “{side.predicted}” (probability {percent(side.probability)})"
    if not side.is_right:
        return f"it {text}, and “{side.target}” would be right"
    if side.is_hair:
        return f"it {text}, right by a hair: “{side.second}” has {percent(side.second_probability)}"
    return f"it rightly {text}"


def _trial_words(side: Side) -> str:
    if not side.flips:
        return f"it still predicts “{side.predicted}”"
    words = " or ".join(f"“{word}”" for word in side.flips)
    turned, tried = sum(map(len, side.flips.values())), len(side.without)
    trials = (
        "the only trial" if tried == 1 else f"{f'all {tried}' if turned == tried else f'{turned} of {tried}'} trials"
    )
    return f"it predicts {words} (in {trials})"


def _coding_words(shares: dict[str, float]) -> str:
    of = "of the difference between the two sentences"
    past = f" ({percent(shares['direct'])} pass the heads by)" if abs(shares["direct"]) >= NOTICED else ""
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
        return f"So no head is needed for it: {percent(shares['direct'])} {of} pass the heads by."
    less = {"pattern": "value", "value": "pattern"}[main[0]]
    more, than = ("", ", not in") if shares[main[0]] >= NEARLY_ALL else ("more ", " than in")
    return (
        f"So the dependency is coded {more}in {SHARES[main[0]]}{than} {SHARES[less]}: {percent(shares[main[0]])} {of} against "
        f"{percent(shares[less])}{past}."
    )
