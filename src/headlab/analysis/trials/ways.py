"""The ways to take a part away: which are possible, and where a part is resampled from."""

from dataclasses import dataclass

import numpy as np

from headlab.analysis.choice import Choice, donor_sentence
from headlab.analysis.part import Part
from headlab.analysis.subject import Subject

KINDS = ("zero", "mean", "resample", "mask")
WITHIN_SENTENCE = ("positions", "direct:position")  # kinds of parts: their mean and resampling need no other sentence
KEYS = ("source", "edge", "token")  # kinds of parts that are looked at, and can be masked


@dataclass(frozen=True)
class Donor:
    """The sentence that a part is resampled from, and its position for every one here, -1 where it has none."""

    sequence: int
    positions: tuple[int, ...]


@dataclass(frozen=True)
class Way:
    """A part of a sentence, and how it is taken away; donor: where it is resampled from."""

    sequence: int
    part: Part
    kind: str
    donor: Donor | None = None


def ways(subject: Subject, choice: Choice, part: Part, kind: str) -> list[Way]:
    """Return the ways to take a part away by one kind of ablation, none where that is not possible."""
    row = choice.place.sequence
    if kind == "mask" and part.kind not in KEYS:
        return []
    if kind in ("zero", "mask") or part.kind in WITHIN_SENTENCE:
        return [Way(row, part, kind)]
    other = donor_sentence(subject, choice)
    if other is None:
        return []  # mean and resampling would put back what was there
    if kind == "mean":
        return [Way(row, part, kind)]
    there = subject.corpus.tokens[other] >= 0
    return [Way(row, part, kind, Donor(other, tuple(np.where(there, np.arange(len(there)), -1).tolist())))]
