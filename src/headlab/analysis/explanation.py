"""The explanation of runs: evidence records, one a dependency, from which every word and table is made."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from headlab.analysis import mechanism
from headlab.analysis.attribution import Contributions, contributions
from headlab.analysis.claims import Claims, claims, named
from headlab.analysis.coding import Coding, coding
from headlab.analysis.components import Direct, Head, Positional, Source, components
from headlab.analysis.contrast import Contrast, contrasts
from headlab.analysis.effects import Effects, ablate, patch
from headlab.analysis.subject import Subject
from headlab.analysis.wording import sentence
from headlab.errors import SelectionError
from headlab.model.forward import softmax
from headlab.model.params import Array

PATCHED = ("pattern", "v")


@dataclass(frozen=True, eq=False)
class Evidence:
    """Everything measured about one choice, for all runs at once.

    attention [run, layer, head, key]: the pattern's row at the place; probability [run] of the target; best [run]: the most
    likely token; other_difference [run]: logit(target) - logit(rival) at the other place, where it should be negative
    parts: exact attribution; claims: what it claims; ablations: what became of these; patches: pattern and v exchanged
    with the other sentence, both directions (None without one); coding: the split (None without an other place)
    mechanism [run]
    """

    contrast: Contrast
    attention: Array
    probability: Array
    best: NDArray[np.int64]
    other_difference: Array
    other_probability: Array
    parts: Contributions
    claims: Claims
    ablations: Effects
    patches: Effects | None
    coding: Coding | None
    mechanism: NDArray[np.str_]


@dataclass(frozen=True, eq=False)
class Explanations:
    """Explanations of all runs of a subject; one of them is `explanations[number]`.

    names: what each run is called (its seed, say); evidence: one record a dependency; mechanism [run]
    """

    subject: Subject
    names: tuple[object, ...]
    evidence: tuple[Evidence, ...]
    mechanism: NDArray[np.str_]

    def __len__(self) -> int:
        return self.subject.n_runs

    def __getitem__(self, number: int) -> "Explanation":
        if isinstance(number, bool) or not isinstance(number, int | np.integer) or not -len(self) <= number < len(self):
            raise SelectionError(f"a run must be from 0 to {len(self) - 1}, got {number!r}")
        return Explanation(self, int(number) % len(self))

    def __iter__(self) -> Iterator["Explanation"]:
        return (self[number] for number in range(len(self)))

    @cached_property
    def pattern_share(self) -> Array:
        """[run]: pattern part over the change of the logit difference, averaged over dependencies."""
        shares = [item.coding.share("pattern") for item in self.evidence if item.coding is not None]
        return np.mean(shares, axis=0) if shares else np.full(len(self), np.nan)

    def table(self) -> pd.DataFrame:
        """Return one row a run: name, loss, solved, mechanism, pattern share."""
        return pd.DataFrame(
            {
                "name": list(self.names),
                "loss": self.subject.mean_loss,
                "solved": self.subject.solved,
                "mechanism": self.mechanism,
                "pattern_share": self.pattern_share,
            },
            index=pd.RangeIndex(len(self), name="run"),
        )

    def census(self) -> pd.DataFrame:
        """Return one row a mechanism: runs, share, median pattern share, the name of a prototype run."""
        return mechanism.census(self.mechanism, self.pattern_share, self.subject.mean_loss, self.names)

    def __repr__(self) -> str:
        counts = ", ".join(f"{row['runs']} {name}" for name, row in self.census().iterrows())
        return f"Explanations({len(self)} runs: {counts})"


@dataclass(frozen=True, eq=False)
class Explanation:
    """The explanation of one run: a sentence a dependency, and the numbers that each word rests on.

    >>> import headlab as hl
    >>> print(hl.train(hl.Corpus.notebook(), seeds=4)[0].explain().sentences()[0])
    From “the” it looks most at “man” (97 %), which gives ...
    """

    of: Explanations
    run: int

    @property
    def mechanism(self) -> str:
        """The run's mechanism."""
        return str(self.of.mechanism[self.run])

    @property
    def name(self) -> object:
        """What the run is called."""
        return self.of.names[self.run]

    def records(self) -> list["Record"]:
        """Return one record a dependency."""
        return [Record.of(self.of.subject, item, self.run) for item in self.of.evidence]

    def sentences(self) -> list[str]:
        """Return one sentence of at most 40 words a dependency; every number in it is in its record."""
        return [sentence(record) for record in self.records()]

    def to_dict(self) -> dict[str, Any]:
        """Return mechanism, sentences and records as plain values."""
        return {
            "run": self.name,
            "mechanism": self.mechanism,
            "meaning": mechanism.MEANINGS[self.mechanism],
            "dependencies": [{**record.to_dict(), "sentence": sentence(record)} for record in self.records()],
        }

    def __str__(self) -> str:
        head = f"{self.mechanism}: {mechanism.MEANINGS[self.mechanism]}."
        return "\n".join([head, *(f"• {text}" for text in self.sentences())])

    __repr__ = __str__


@dataclass(frozen=True, eq=False)
class Record:
    """One dependency of one run: plain numbers and tables with the corpus' own words.

    sources: a row a source position: attention (mean of the last layer's heads), contribution (through all heads), claim, the
    logit difference after each ablation, which of these flip the prediction, verdict; heads, others (direct path and position
    embeddings): likewise
    coding: pattern, value, direct part and their shares; patches: a row a direction of patching pattern and v
    """

    words: tuple[str, ...]
    place: int
    target: str
    rival: str
    other: tuple[str, ...] | None
    sequence: int
    other_sequence: int | None
    predicted: str
    predicted_probability: float
    probability: float
    other_probability: float
    difference: float
    other_difference: float
    direct: float
    positional: float
    remainder: float
    sources: pd.DataFrame
    heads: pd.DataFrame
    others: pd.DataFrame
    coding: dict[str, float] | None
    patches: pd.DataFrame | None
    mechanism: str
    n_layers: int
    loss: float
    bigram_floor: float
    finite: bool

    @classmethod
    def of(cls, subject: Subject, evidence: Evidence, run: int) -> "Record":
        """Take one run's numbers out of the evidence."""
        corpus, c = subject.corpus, evidence.contrast
        row = c.place.sequence
        best = int(evidence.best[run])
        logits = subject.clean.logits[run, row, c.place.position]
        sources, heads, others = _ablation_tables(subject, evidence, run)
        return cls(
            words=corpus.sentences[row],
            place=c.place.position,
            target=corpus.vocabulary[c.target],
            rival=corpus.vocabulary[c.rival],
            other=None if c.other is None else corpus.sentences[c.other.sequence],
            sequence=row,
            other_sequence=None if c.other is None else c.other.sequence,
            predicted=corpus.vocabulary[best],
            predicted_probability=float(softmax(logits)[best]),
            probability=float(evidence.probability[run]),
            other_probability=float(evidence.other_probability[run]),
            difference=float(evidence.parts.total[run]),
            other_difference=float(evidence.other_difference[run]),
            direct=float(evidence.parts.direct[run]),
            positional=float(evidence.parts.positional[run]),
            remainder=float(evidence.parts.remainder[run]),
            sources=sources,
            heads=heads,
            others=others,
            coding=_coding_record(evidence.coding, run),
            patches=None if evidence.patches is None else evidence.patches.table(run),
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

    def to_dict(self) -> dict[str, Any]:
        """Return the record as plain values; tables become lists of rows."""
        plain = {}
        for name, value in vars(self).items():
            plain[name] = value.to_dict("records") if isinstance(value, pd.DataFrame) else value
        return plain


def explain(
    subject: Subject, chosen: Sequence[Contrast] | None = None, names: Sequence[object] | None = None
) -> Explanations:
    """Explain every run: attribution, coding split, claims, ablations and patches for every dependency of the corpus.

    chosen: choices to explain; by default one for each dependency that the prefix settles
    names: what each run is called; by default its number
    Raises `SelectionError` for a corpus without such a dependency.
    """
    picked = contrasts(subject) if chosen is None else list(chosen)
    evidence = tuple(_gather(subject, contrast) for contrast in picked)
    found = mechanism.of_runs(subject, [item.mechanism for item in evidence])
    return Explanations(subject, tuple(range(subject.n_runs) if names is None else names), evidence, found)


def _gather(subject: Subject, contrast: Contrast) -> Evidence:
    place, other, target, rival = contrast.place, contrast.other, contrast.target, contrast.rival
    logits = subject.clean.logits[:, place.sequence, place.position]
    nothing = np.full(subject.n_runs, np.nan)
    with np.errstate(over="ignore", invalid="ignore"):
        best, probability = logits.argmax(axis=-1), softmax(logits)[:, target]
        there = None if other is None else subject.clean.logits[:, other.sequence, other.position]
        other_difference = nothing if there is None else there[:, target] - there[:, rival]
        other_probability = nothing if there is None else softmax(there)[:, target]
        told_apart = (best == target) & subject.finite & ((other_difference < 0) | (other is None))
        split = coding(subject, contrast)
        patchable = other is not None and other.sequence != place.sequence and _same_length_or_causal(subject, contrast)
        return Evidence(
            contrast=contrast,
            attention=subject.clean.pattern[:, :, :, place.sequence, place.position],
            probability=probability,
            best=best,
            other_difference=other_difference,
            other_probability=other_probability,
            parts=contributions(subject, place, target, rival),
            claims=claims(subject, contrast),
            ablations=ablate(subject, contrast),
            patches=patch(subject, contrast, PATCHED) if patchable else None,
            coding=split,
            mechanism=mechanism.classify(told_apart, mechanism.near_bigram(subject, contrast), split),
        )


def _same_length_or_causal(subject: Subject, contrast: Contrast) -> bool:
    rows = [contrast.place.sequence, contrast.place.sequence if contrast.other is None else contrast.other.sequence]
    lengths = subject.corpus.lengths[rows]
    return subject.model.causal or bool(lengths[0] == lengths[1])


def _coding_record(split: Coding | None, run: int) -> dict[str, float] | None:
    if split is None:
        return None
    record = {name: float(getattr(split, name)[run]) for name in ("pattern", "value", "direct", "total")}
    return record | {f"{name}_share": float(split.share(name)[run]) for name in ("pattern", "value", "direct")}


def _ablation_tables(
    subject: Subject, evidence: Evidence, run: int
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Return what was taken away and what became of it: source positions, heads, and the rest."""
    place = evidence.contrast.place
    labels = subject.corpus.sentences[place.sequence]
    parts = components(subject, place.sequence, place.position)
    effects = evidence.ablations
    verdicts = named(np.moveaxis(effects.change, 2, 0), effects.before.difference[:, :, 0])
    claimed = evidence.claims.sources()
    rows: dict[type, list[dict[str, Any]]] = {Source: [], Head: [], Direct: [], Positional: []}
    for number, part in enumerate(parts):
        after, flips = effects.after.difference[run, number], effects.flips[run, number]
        tested = {
            **{kind: float(value) for kind, value in zip(effects.kinds, after, strict=True)},
            "flips": ", ".join(kind for kind, flip in zip(effects.kinds, flips, strict=True) if flip),
            "verdict": str(verdicts[run, number]),
            "disagree": bool(effects.disagree[run, number]),
        }
        match part:
            case Source(key):
                about: dict[str, Any] = {
                    "position": key,
                    "word": labels[key],
                    "attention": float(evidence.attention[run, -1, :, key].mean()),
                    "contribution": float(evidence.parts.by_source[run, key]),
                    "claim": str(claimed[run, key]),
                }
            case Head(layer, head):
                row = evidence.attention[run, layer, head]
                about = {
                    "head": f"{layer}.{head}",
                    "layer": layer,
                    "position": int(row.argmax()),
                    "looks_at": labels[int(row.argmax())],
                    "attention": float(row.max()),
                }
            case _:
                about = {"part": part.name(subject.corpus, place.sequence)}
        rows[type(part)].append(about | tested)
    return pd.DataFrame(rows[Source]), pd.DataFrame(rows[Head]), pd.DataFrame(rows[Direct] + rows[Positional])
