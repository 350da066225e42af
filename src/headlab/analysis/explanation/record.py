"""The record of one choice of one run: plain numbers, read from the evidence, that sentences and tables are made of."""

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property, partial
from html import escape
from typing import TYPE_CHECKING, Any

import pandas as pd

from headlab.analysis.choice import pair_words
from headlab.analysis.explanation.clauses import Clause, Named, more_of, sentence_of
from headlab.analysis.explanation.sentences import by_outcome, clauses_of
from headlab.analysis.part import Part, Word
from headlab.analysis.parts.eye import EyeRecord
from headlab.analysis.trials.spelling import spelling
from headlab.notation.numbers import percent, with_sign
from headlab.notation.visible import escape_unseen

if TYPE_CHECKING:
    from headlab.analysis.explanation.columns import Columns

ROWS = 64  # parts that a printed record shows


@dataclass(frozen=True)
class TestedPart:
    """A part of the model, what it gives, and what became of the choice without it.

    name: in words, a source by its word alone; position: its place in the sentence (of a head: where it looks most)
    attention: how much it gets (a source position, mean of the last layer's heads; of a head: its highest weight)
    contribution: what it adds to the logit difference (nan for a head and for all positions together)
    claim: what attribution says of it (sources only)
    after: the logit difference by ablation, nan where that is not possible; flips: the ablations that
        change the prediction; disagree: see `Effects`
    finding: `necessary` (in no ablation the target is the most likely token), `irrelevant` (see `Effects.changes_nothing`),
        or `between`
    predicts: by ablation after which something else is predicted, what it is: one token, or those that share the first place, in
        which the one predicted before may be
    """

    part: Part
    name: str
    position: int | None
    attention: float
    contribution: float
    claim: str
    after: dict[str, float]
    flips: tuple[str, ...]
    finding: str
    disagree: bool
    predicts: dict[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def untried(self) -> bool:
        """Whether no ablation takes it away."""
        return bool(self.after) and all(map(math.isnan, self.after.values()))

    @property
    def label(self) -> str:
        """The part as a list of parts shows it: a source with its position."""
        return f"{self.position} {self.name}" if self.part.kind == "source" else self.name

    @property
    def spelling(self) -> str:
        """The part as `headlab explain --ablate` takes it."""
        return spelling(self.part)

    @property
    def outcomes(self) -> dict[tuple[str, ...], list[str]]:
        """What is predicted instead, each with the ablations that make it so."""
        return by_outcome(self.predicts)

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values, its spelling included."""
        return {**asdict(self), "spelling": self.spelling}


Patches = tuple[dict[str, Any], ...]
Rest = tuple[tuple[TestedPart, ...], Patches]


@dataclass(frozen=True, eq=False)
class Record:
    """One choice of one run: plain numbers, with the corpus' own words.

    difference: logit(target) - mean over rivals of logit(rival); the names `other_…` say the same of the other place
    lead: of the target over the strongest other token; other_lead: of what is right at the other place, if that is settled
    same: it does not tell the sentences apart; little: there is little to explain
    right_there: the target at the hardest other place, of equally hard ones each
    runners_up: the strongest tokens but the target, all that are equal
    tied: the most likely tokens, where several are
    attention: the weights of every head of the last layer, [head][position]
    direct, positional, remainder: what token and position embedding give past all heads, and what no listed path gives
    sources, heads, others: every source position, head (where there are several), direct part, and all position embeddings
    coding: pattern, value and direct part of the difference between both places, with their shares
    eye: what draws the eye, where the pattern decides; sets: by ablation, how many minimal sets of parts suffice, of how many
        parts, and how many parts were left out, once that was asked for
    patches: the logit difference before and after exchanging pattern or v with the other sentence, a row a direction

    What sentences are made of, besides, for every part by its number, of which a source's is its position:
    spelled, named: words and parts as sentences name them; tops: where each head of the last layer looks most, see `Columns`
    gives: see `TestedPart.contribution`; unchanged: nothing changes without it; otherwise: see `TestedPart.predicts`
    frozen: what is held as it is while parts are counted, besides patterns; untried: parts that no ablation takes away
    rest: makes `tested` and `patches`, which no sentence needs, when they are asked for
    """

    rest: Callable[[], Rest] = field(repr=False)
    words: tuple[str, ...]
    spelled: tuple[Word, ...] = field(repr=False)
    named: tuple[Named, ...] = field(repr=False)
    sequence: int
    place: int
    target: str
    rivals: tuple[str, ...]
    other: tuple[str, ...] | None
    other_sequence: int | None
    predicted: str
    predicted_probability: float
    probability: float
    other_probability: float
    difference: float
    other_difference: float
    lead: float
    other_lead: float
    same: bool
    little: bool
    right_there: tuple[str, ...]
    runners_up: tuple[str, ...]
    tied: tuple[str, ...]
    direct: float
    positional: float
    remainder: float
    tops: list[int | None] = field(repr=False)
    gives: list[float] = field(repr=False)
    unchanged: list[bool] = field(repr=False)
    otherwise: dict[int, dict[str, tuple[str, ...]]] = field(repr=False)
    attention: tuple[tuple[float, ...], ...]
    coding: dict[str, float] | None
    mechanism: str
    n_layers: int
    loss: float
    bigram_floor: float
    finite: bool
    eye: EyeRecord | None
    sets: dict[str, tuple[int, int, int]] = field(default_factory=dict)
    frozen: tuple[str, ...] = field(default=(), repr=False)
    untried: frozenset[int] = field(default=frozenset(), repr=False)

    @classmethod
    def of(cls, columns: "Columns", run: int = 0) -> "Record":
        """Take one run's numbers out of the evidence; what no sentence needs is taken when it is asked for."""
        return cls(
            rest=partial(_taken, columns, run),
            **columns.shared,
            **dict(zip(columns.numbers, columns.rows[run], strict=True)),
        )

    def whole(self) -> "Record":
        """Return it with all that it holds, so that nothing needs the evidence any longer."""
        rest = self._rest
        return replace(self, rest=lambda: rest)

    @cached_property
    def _rest(self) -> Rest:
        return self.rest()

    @property
    def tested(self) -> tuple[TestedPart, ...]:
        """Every part, by its number."""
        return self._rest[0]

    @property
    def patches(self) -> Patches:
        """What became of the choice when pattern or values were exchanged with the other sentence."""
        return self._rest[1]

    @property
    def sources(self) -> tuple[TestedPart, ...]:
        """Every source position that the place sees."""
        return tuple(item for item in self.tested if item.part.kind == "source")

    @property
    def heads(self) -> tuple[TestedPart, ...]:
        """Every head, where there are several."""
        return tuple(item for item in self.tested if item.part.kind == "head")

    @property
    def others(self) -> tuple[TestedPart, ...]:
        """The direct parts, and all position embeddings."""
        return tuple(item for item in self.tested if item.part.kind not in ("source", "head"))

    @property
    def token(self) -> str:
        """The current token."""
        return self.words[self.place]

    @cached_property
    def clauses(self) -> tuple[Clause, ...]:
        """Everything that is said of it, what matters most first."""
        return tuple(clauses_of(self))

    @property
    def sentence(self) -> str:
        """What the run does here, in at most 40 words."""
        return sentence_of(clauses_of(self))  # it has no use for the last ones

    @property
    def more(self) -> str:
        """What its sentence leaves out; nothing where it has it all."""
        return more_of(self.clauses)

    @property
    def text(self) -> str:
        """All that is said: its sentence, and more."""
        return f"{self.sentence} More: {self.more}" if self.more else self.sentence

    @property
    def rival(self) -> str:
        """The rivals' words, of several with commas between them."""
        return ", ".join(self.rivals)

    @property
    def pair(self) -> str:
        """The comparison as a formula."""
        return pair_words(self.target, self.rivals)

    def parts(self) -> pd.Series:
        """Return the parts that add up to the logit difference: direct path, position, every source position, MLPs, biases."""
        parts = {"direct": self.direct, "position": self.positional}
        parts |= {item.label: item.contribution for item in self.sources}
        parts |= {item.label: item.contribution for item in self.others if item.part.kind in ("mlp", "biases")}
        if abs(self.remainder) > 1e-9:
            parts["remainder"] = self.remainder
        return pd.Series(parts, name="contribution")

    def table(self) -> pd.DataFrame:
        """Return every part, what it gives, and what became of the choice without it."""
        rows = [
            {
                "part": item.label,
                "attention": item.attention,
                "contribution": item.contribution,
                **item.after,
                "flips": ", ".join(item.flips),
                "predicts": "; ".join(
                    f"{', '.join(words)} ({', '.join(kinds)})" for words, kinds in item.outcomes.items()
                ),
                "claim": item.claim,
                "finding": item.finding,
                "disagree": item.disagree,
            }
            for item in (*self.sources, *self.heads, *self.others)
        ]
        return pd.DataFrame(rows).set_index("part")

    def __repr__(self) -> str:
        return f"Record({self.pair} at sequence {self.sequence}, position {self.place}: {escape_unseen(self.text)})"

    def _repr_html_(self) -> str:
        shown = self.table().head(ROWS).drop(columns=["flips", "claim", "finding", "disagree"])
        table = shown.to_html(float_format=_logits, formatters={"attention": share_text}, na_rep="")
        return f"<p>{escape(' '.join(self.words))}<br>{escape(self.text)}</p>\n{table}"

    def to_dict(self) -> dict[str, Any]:
        """Return the record as plain values."""
        plain = {name: getattr(self, name) for name in _PLAIN}
        tested = {name: [item.to_dict() for item in plain[name]] for name in ("sources", "heads", "others")}
        copied = {
            "eye": None if self.eye is None else asdict(self.eye),
            "coding": None if self.coding is None else dict(self.coding),
            "patches": tuple(map(dict, self.patches)),
            "sets": dict(self.sets),
        }
        clauses = [clause.to_dict() for clause in self.clauses]
        return {"sentence": self.sentence, "clauses": clauses, **plain, **copied, **tested}


def _logits(value: Any) -> str:
    return with_sign(value, 2)


def share_text(value: Any) -> str:
    """Return a share in percent; nothing where there is none.

    >>> share_text(0.25), share_text(math.nan)
    ('25 %', '')
    """
    return "" if math.isnan(value) else percent(value)


# What a record is as plain values, in this order.
_PLAIN = (
    *(
        "words",
        "sequence",
        "place",
        "target",
        "rivals",
        "other",
        "other_sequence",
        "predicted",
        "predicted_probability",
    ),
    *("probability", "other_probability", "difference", "other_difference", "lead", "other_lead", "same", "little"),
    *(
        "right_there",
        "runners_up",
        "tied",
        "direct",
        "positional",
        "remainder",
        "sources",
        "attention",
        "heads",
        "others",
    ),
    *("coding", "patches", "mechanism", "n_layers", "loss", "bigram_floor", "finite", "eye", "sets"),
)


def _taken(columns: "Columns", run: int) -> Rest:
    tested = tuple(_tested(columns, run, number) for number in range(len(columns.shared["named"])))
    patches = tuple(
        {**row, **{name: row[name][run] for name in ("before", "after", "flips", "predicts")}}
        for row in columns.patches
    )
    return tested, patches


def _tested(columns: "Columns", run: int, number: int) -> TestedPart:
    effects, numbers = columns.evidence.ablations, columns.numbers
    part, name, position = effects.parts[number], effects.names[number], effects.parts[number].position
    attention, claim = math.nan, ""
    match part.kind:
        case "source":
            assert position is not None
            name = columns.shared["words"][position]
            last = columns.attention[run][-1]
            attention = sum(row[position] for row in last) / len(last)
            claim = columns.claims[run][position]
        case "head":
            row = columns.attention[run][part.layer][part.head]
            attention = max(row)
            position = row.index(attention)
    return TestedPart(
        part=part,
        name=name,
        position=position,
        attention=attention,
        contribution=numbers["gives"][run][number],
        claim=claim,
        after=dict(zip(effects.kinds, columns.after[run][number], strict=True)),
        flips=tuple(effects.kinds[at] for at in columns.flips[run][number]),
        finding=columns.findings[run][number],
        disagree=columns.disagree[run][number],
        predicts=numbers["otherwise"][run].get(number, {}),
    )
