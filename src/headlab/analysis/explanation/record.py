"""The record of one choice of one run: plain numbers, read from the evidence, that sentences and tables are made of."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from headlab.analysis.explanation.clauses import Clause, sentence_of
from headlab.analysis.explanation.sentences import clauses_of
from headlab.analysis.part import Part
from headlab.analysis.parts.coding import Coding
from headlab.analysis.trials.effects import Effects
from headlab.analysis.trials.spelling import spelling

if TYPE_CHECKING:
    from headlab.analysis.explanation.evidence import Evidence
    from headlab.analysis.subject import Subject


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
        found: dict[tuple[str, ...], list[str]] = {}
        for kind, predicted in self.predicts.items():
            found.setdefault(predicted, []).append(kind)
        return found

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values, its spelling included."""
        return {**asdict(self), "spelling": self.spelling}


@dataclass(frozen=True, eq=False)
class Record:
    """One choice of one run: plain numbers, with the corpus' own words.

    difference: logit(target) - mean over rivals of logit(rival); the names `other_…` say the same of the other place
    lead: of the target over the strongest other token; other_lead: of what is right at the other place, if that is settled
    same: it does not tell the sentences apart; little: there is little to explain
    right_there: the target at the other place; runners_up: the strongest tokens but the target, all that are equal
    tied: the most likely tokens, where several are
    attention: the weights of every head of the last layer, [head][position]
    direct, positional, remainder: what token and position embedding give past all heads, and what no listed path gives
    sources, heads, others: every source position, head (where there are several), direct part, and all position embeddings
    coding: pattern, value and direct part of the difference between both places, with their shares
    patches: the logit difference before and after exchanging pattern or v with the other sentence, a row a direction
    """

    words: tuple[str, ...]
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
    right_there: str | None
    runners_up: tuple[str, ...]
    tied: tuple[str, ...]
    direct: float
    positional: float
    remainder: float
    sources: tuple[TestedPart, ...]
    attention: tuple[tuple[float, ...], ...]
    heads: tuple[TestedPart, ...]
    others: tuple[TestedPart, ...]
    coding: dict[str, float] | None
    patches: tuple[dict[str, Any], ...]
    mechanism: str
    n_layers: int
    loss: float
    bigram_floor: float
    finite: bool

    @classmethod
    def of(cls, evidence: "Evidence", run: int = 0) -> "Record":
        """Take one run's numbers out of the evidence."""
        subject, corpus, c = evidence.subject, evidence.subject.corpus, evidence.choice
        here, there = evidence.here, evidence.there
        best = int(here.best[run])

        tested = [_tested(evidence, run, number) for number in range(len(evidence.ablations.parts))]
        return cls(
            words=corpus.sentences[c.place.sequence],
            sequence=c.place.sequence,
            place=c.place.position,
            target=corpus.vocabulary[c.target],
            rivals=named(subject, run, c.rivals),
            other=None if c.other is None else corpus.sentences[c.other.sequence],
            other_sequence=None if c.other is None else c.other.sequence,
            predicted=corpus.vocabulary[best],
            predicted_probability=float(here.probabilities[run, best]),
            probability=float(here.probability[run]),
            other_probability=np.nan if there is None else float(there.probability[run]),
            difference=float(here.difference[run]),
            other_difference=np.nan if there is None else float(there.difference[run]),
            lead=float(evidence.lead[run]),
            other_lead=float(evidence.other_lead[run]),
            same=bool(evidence.same[run]),
            little=bool(evidence.little[run]),
            right_there=None
            if c.other is None
            else corpus.vocabulary[corpus.targets[c.other.sequence, c.other.position]],
            runners_up=named(subject, run, evidence.runners_up(run)),
            tied=named(subject, run, here.tied(run)),
            direct=float(evidence.contributions.direct[run]),
            positional=float(evidence.contributions.positional[run]),
            remainder=float(evidence.contributions.remainder[run]),
            sources=tuple(item for item in tested if item.part.kind == "source"),
            attention=tuple(
                tuple(row[: len(corpus.sentences[c.place.sequence])].tolist()) for row in evidence.attention[run, -1]
            ),
            heads=tuple(item for item in tested if item.part.kind == "head"),
            others=tuple(item for item in tested if item.part.kind not in ("source", "head")),
            coding=_coding_record(evidence.coding, run),
            patches=_patch_records(evidence.patches, run),
            mechanism=str(evidence.mechanism[run]),
            n_layers=subject.model.n_layers,
            loss=float(subject.mean_loss[run]),
            bigram_floor=corpus.bigram_floor(),
            finite=bool(subject.finite[run]),
        )

    @property
    def token(self) -> str:
        """The current token."""
        return self.words[self.place]

    @cached_property
    def clauses(self) -> tuple[Clause, ...]:
        """Everything that is said of it, what matters most first."""
        return clauses_of(self)

    @property
    def sentence(self) -> str:
        """What the run does here, in at most 40 words."""
        return sentence_of(self.clauses)

    @property
    def rival(self) -> str:
        """The rivals' words, of several with commas between them."""
        return ", ".join(self.rivals)

    @property
    def pair(self) -> str:
        """The comparison as a formula."""
        return f"logit({self.target}) − {'mean ' if len(self.rivals) > 1 else ''}logit({self.rival})"

    def parts(self) -> pd.Series:
        """Return the parts that add up to the logit difference: direct path, position, and every source position."""
        parts = {"direct": self.direct, "position": self.positional}
        parts |= {item.label: item.contribution for item in self.sources}
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

    def to_dict(self) -> dict[str, Any]:
        """Return the record as plain values."""
        tested = {name: [item.to_dict() for item in getattr(self, name)] for name in ("sources", "heads", "others")}
        clauses = [clause.to_dict() for clause in self.clauses]
        return {"sentence": self.sentence, "clauses": clauses, **asdict(self), **tested}


def named(subject: "Subject", run: int, tokens: Iterable[int]) -> tuple[str, ...]:
    """Return tokens by their words, in an order that the vocabulary's does not decide."""
    return tuple(subject.corpus.vocabulary[token] for token in subject.in_order(run, tokens))


def _tested(evidence: "Evidence", run: int, number: int) -> TestedPart:
    effects = evidence.ablations
    part, name, position = effects.parts[number], effects.names[number], effects.parts[number].position
    attention, contribution, claim = np.nan, np.nan, ""
    match part:
        case Part("source", position=int(key)):
            name = evidence.subject.corpus.sentences[evidence.choice.place.sequence][key]
            attention = float(evidence.attention[run, -1, :, key].mean())
            contribution = float(evidence.contributions.by_source[run, key])
            claim = str(evidence.source_claims[run, key])
        case Part("head", int(layer), int(head)):
            row = evidence.attention[run, layer, head]
            position = int(row.argmax())
            attention = float(row[position])
        case Part("direct:token"):
            contribution = float(evidence.contributions.direct[run])
        case Part("direct:position"):
            contribution = float(evidence.contributions.positional[run])
    after = effects.after.difference[run, number].tolist()
    flips = [at for at, flip in enumerate(effects.flips[run, number].tolist()) if flip]
    now, before = effects.winners[run, number], evidence.here.winners[run]
    changed = np.nonzero(now.any(axis=1) & (now != before).any(axis=1))[0].tolist()
    return TestedPart(
        part=part,
        name=name,
        position=position,
        attention=attention,
        contribution=contribution,
        claim=claim,
        after=dict(zip(effects.kinds, after, strict=True)),
        flips=tuple(effects.kinds[at] for at in flips),
        finding=str(evidence.findings[run, number]),
        disagree=bool(effects.disagree[run, number]),
        predicts={effects.kinds[at]: named(evidence.subject, run, np.nonzero(now[at])[0].tolist()) for at in changed},
    )


def _coding_record(split: Coding | None, run: int) -> dict[str, float] | None:
    if split is None:
        return None
    record = {name: float(getattr(split, name)[run]) for name in ("pattern", "value", "direct", "total")}
    return record | {f"{name}_share": float(split.share(name)[run]) for name in ("pattern", "value", "direct")}


def _patch_records(patches: Effects | None, run: int) -> tuple[dict[str, Any], ...]:
    if patches is None:
        return ()
    return tuple(
        {
            "what": what,
            "direction": direction,
            "before": float(patches.before.difference[run, 0, way]),
            "after": float(patches.after.difference[run, number, way]),
            "flips": bool(patches.flips[run, number, way]),
            "predicts": patches.predicts(run, number, way),
        }
        for number, what in enumerate(patches.names)
        for way, direction in enumerate(patches.kinds)
    )
