"""The evidence about one choice: measured for all runs at once, and read for one run as a record."""

from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from headlab.analysis.choice import Choice, Place
from headlab.analysis.explanation.claims import Claims, claims, named
from headlab.analysis.parts import mechanism
from headlab.analysis.parts.coding import NOTHING, Coding
from headlab.analysis.parts.contributions import Contributions, contributions
from headlab.analysis.subject import Subject
from headlab.analysis.trials.components import Component, Direct, Head, Positional, Source, components, spelling
from headlab.analysis.trials.effects import Effects, Prediction, ablate, patch
from headlab.model.params import Array

PATCHED = ("pattern", "v")


@dataclass(frozen=True, eq=False)
class Evidence:
    """Everything measured about one choice, for all runs of a subject; each part is computed when it is asked for."""

    subject: Subject
    choice: Choice

    def prediction(self, place: Place) -> Prediction:
        """Return what the models predict at a place, for and against the choice's tokens."""
        logits = self.subject.clean.logits[:, place.sequence, place.position]
        return Prediction(logits, self.choice.target, self.choice.rival)

    @cached_property
    def here(self) -> Prediction:
        """What the models predict at the choice's place."""
        return self.prediction(self.choice.place)

    @cached_property
    def there(self) -> Prediction | None:
        """What they predict at the other place, where the rival is right; None where there is none."""
        return None if self.choice.other is None else self.prediction(self.choice.other)

    @property
    def attention(self) -> Array:
        """The pattern's row at the place, [run, layer, head, key]."""
        place = self.choice.place
        return self.subject.clean.pattern[:, :, :, place.sequence, place.position]

    @cached_property
    def parts(self) -> Contributions:
        """The exact attribution."""
        return contributions(self.subject, self.choice.place, self.choice.target, self.choice.rival)

    @cached_property
    def claims(self) -> Claims:
        """What attribution claims about edges, before any intervention."""
        return claims(self.subject, self.choice)

    @cached_property
    def ablations(self) -> Effects:
        """What became of the choice when each component was taken away."""
        return ablate(self.subject, self.choice)

    @cached_property
    def claimed(self) -> NDArray[np.str_]:
        """What attribution claims about every source position, [run, key]."""
        return self.claims.sources()

    @cached_property
    def verdicts(self) -> NDArray[np.str_]:
        """What ablation says of every component, [run, component]: `necessary`, `irrelevant` or `between`."""
        return named(np.moveaxis(self.ablations.change, 2, 0), self.ablations.before.difference[:, :, 0])

    @cached_property
    def patches(self) -> Effects | None:
        """Pattern and values exchanged with the other sentence, both ways; None without one that fits."""
        place, other, lengths = self.choice.place, self.choice.other, self.subject.corpus.lengths
        if other is None or other.sequence == place.sequence or other.position != place.position:
            return None  # patching goes position by position
        if not self.subject.model.causal and lengths[place.sequence] != lengths[other.sequence]:
            return None
        return patch(self.subject, self.choice, PATCHED)

    @cached_property
    def _coded(self) -> tuple[NDArray[np.str_], Coding | None]:
        return mechanism.of_choice(self.subject, self.choice)

    @property
    def mechanism(self) -> NDArray[np.str_]:
        """The mechanism of this choice, [run]."""
        return self._coded[0]

    @cached_property
    def leads(self) -> tuple[Array, Array]:
        """By how many logits the right token leads, here and at the other place, [run] each; see `mechanism.leads`."""
        return mechanism.leads(self.subject, self.choice)

    @property
    def coding(self) -> Coding | None:
        """The coding split between both places; None without an other place."""
        return self._coded[1]


@dataclass(frozen=True)
class Tested:
    """A part of the model, what it gives, and what became of the choice without it.

    spelling: the part as `headlab explain --ablate` takes it; position: its place in the sentence (of a head: where it looks
    most); attention: how much it gets (a source position, mean of the last layer's heads; of a head: its highest weight)
    contribution: what it adds to the logit difference (nan for a head and for all positions together)
    claim: what attribution says of it (sources only)
    after: the logit difference by ablation; flips: the ablations that change the prediction; disagree: see `Effects`
    verdict: `necessary` (it loses in every ablation), `irrelevant` (none moves it by 10 %), `between`
    """

    name: str
    spelling: str
    position: int | None
    attention: float
    contribution: float
    claim: str
    after: dict[str, float]
    flips: tuple[str, ...]
    verdict: str
    disagree: bool


@dataclass(frozen=True, eq=False)
class Record:
    """One choice of one run: plain numbers, with the corpus' own words.

    difference: logit(target) - logit(rival); the names `other_…` say the same of the other place
    lead: of the target over the strongest other token; other_lead: of the rival where it is right, if that is settled
    tied: the most likely tokens, where several are
    direct, positional, remainder: what token and position embedding give past all heads, and what no listed path gives
    sources, heads, others: every source position, head (where there are several), direct part, and all position embeddings
    coding: pattern, value and direct part of the difference between both places, with their shares
    patches: the logit difference before and after exchanging pattern or v with the other sentence, a row a direction
    """

    words: tuple[str, ...]
    sequence: int
    place: int
    target: str
    rival: str
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
    tied: tuple[str, ...]
    direct: float
    positional: float
    remainder: float
    sources: tuple[Tested, ...]
    heads: tuple[Tested, ...]
    others: tuple[Tested, ...]
    coding: dict[str, float] | None
    patches: tuple[dict[str, Any], ...]
    mechanism: str
    n_layers: int
    loss: float
    bigram_floor: float
    finite: bool

    @classmethod
    def of(cls, evidence: Evidence, run: int = 0) -> "Record":
        """Take one run's numbers out of the evidence."""
        subject, corpus, c = evidence.subject, evidence.subject.corpus, evidence.choice
        here, there = evidence.here, evidence.there
        best = int(here.best[run])
        tested = [_tested(evidence, run, *item) for item in enumerate(_components(evidence))]
        return cls(
            words=corpus.sentences[c.place.sequence],
            sequence=c.place.sequence,
            place=c.place.position,
            target=corpus.vocabulary[c.target],
            rival=corpus.vocabulary[c.rival],
            other=None if c.other is None else corpus.sentences[c.other.sequence],
            other_sequence=None if c.other is None else c.other.sequence,
            predicted=corpus.vocabulary[best],
            predicted_probability=float(here.probabilities[run, best]),
            probability=float(here.probability[run]),
            other_probability=np.nan if there is None else float(there.probability[run]),
            difference=float(here.difference[run]),
            other_difference=np.nan if there is None else float(there.difference[run]),
            lead=float(evidence.leads[0][run]),
            other_lead=float(evidence.leads[1][run]),
            tied=tuple(corpus.vocabulary[token] for token in here.tied(run)),
            direct=float(evidence.parts.direct[run]),
            positional=float(evidence.parts.positional[run]),
            remainder=float(evidence.parts.remainder[run]),
            sources=tuple(item for part, item in tested if isinstance(part, Source)),
            heads=tuple(item for part, item in tested if isinstance(part, Head)),
            others=tuple(item for part, item in tested if isinstance(part, Direct | Positional)),
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

    @property
    def pair(self) -> str:
        """The comparison as a formula."""
        return f"logit({self.target}) − logit({self.rival})"

    def parts(self) -> pd.Series:
        """Return the parts that add up to the logit difference: direct path, position, and every source position."""
        parts = {"direct": self.direct, "position": self.positional}
        parts |= {f"{item.position} {item.name}": item.contribution for item in self.sources}
        if abs(self.remainder) > 1e-9:
            parts["remainder"] = self.remainder
        return pd.Series(parts, name="contribution")

    def table(self) -> pd.DataFrame:
        """Return every part, what it gives, and what became of the choice without it."""
        rows = [
            {
                "part": f"{item.position} {item.name}" if item in self.sources else item.name,
                "attention": item.attention,
                "contribution": item.contribution,
                **item.after,
                "flips": ", ".join(item.flips),
                "claim": item.claim,
                "verdict": item.verdict,
                "disagree": item.disagree,
            }
            for item in (*self.sources, *self.heads, *self.others)
        ]
        return pd.DataFrame(rows).set_index("part")

    def to_dict(self) -> dict[str, Any]:
        """Return the record as plain values."""
        return asdict(self)


def _components(evidence: Evidence) -> list[Component]:
    place = evidence.choice.place
    return components(evidence.subject, place.sequence, place.position)


def _tested(evidence: Evidence, run: int, number: int, part: Component) -> tuple[Component, Tested]:
    subject, effects, place = evidence.subject, evidence.ablations, evidence.choice.place
    words = subject.corpus.sentences[place.sequence]
    name, position, attention, contribution, claim = part.name(subject.corpus, place.sequence), None, np.nan, np.nan, ""
    match part:
        case Source(key):
            name, position = words[key], key
            attention = float(evidence.attention[run, -1, :, key].mean())
            contribution = float(evidence.parts.by_source[run, key])
            claim = str(evidence.claimed[run, key])
        case Head(layer, head):
            row = evidence.attention[run, layer, head]
            position = int(row.argmax())
            attention = float(row[position])
        case Direct(of):
            contribution = float((evidence.parts.positional if of == "position" else evidence.parts.direct)[run])
    after = effects.after.difference[run, number].tolist()
    flips = effects.flips[run, number].tolist()
    return part, Tested(
        name=name,
        spelling=spelling(part),
        position=position,
        attention=attention,
        contribution=contribution,
        claim=claim,
        after=dict(zip(effects.kinds, after, strict=True)),
        flips=tuple(kind for kind, flip in zip(effects.kinds, flips, strict=True) if flip),
        verdict=str(evidence.verdicts[run, number]),
        disagree=bool(effects.disagree[run, number]),
    )


def _coding_record(split: Coding | None, run: int) -> dict[str, float] | None:
    if split is None:
        return None
    record = {name: float(getattr(split, name)[run]) for name in ("pattern", "value", "direct", "total")}
    total = record["total"] if abs(record["total"]) > NOTHING else np.nan
    return record | {f"{name}_share": record[name] / total for name in ("pattern", "value", "direct")}


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
        }
        for number, what in enumerate(patches.names)
        for way, direction in enumerate(patches.kinds)
    )
