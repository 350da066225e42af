"""The ways to take a part away: which are possible, and where a part is resampled from."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from headlab.analysis.choice import Choice, Place
from headlab.analysis.part import Part
from headlab.analysis.subject import Subject
from headlab.data.alignment import Alignment, alignments, visible

KINDS = ("zero", "mean", "resample", "mask")
WITHIN_SENTENCE = ("positions", "direct:position")  # kinds of parts: their mean and resampling need no other sentence
KEYS = ("source", "edge", "token")  # kinds of parts that are looked at, and can be masked
_EMBEDDED = ("token", "direct", "direct:token")  # kinds of parts of which all that matters elsewhere is the token


@dataclass(frozen=True)
class Donor:
    """The sentence that a part is resampled from, and its position for every one here, -1 where it has none.

    Positions here that say nothing of the part at the choice's place have none either.
    """

    sequence: int
    positions: tuple[int, ...]


@dataclass(frozen=True)
class Way:
    """A part of a sentence, and how it is taken away; donor: where it is resampled from."""

    sequence: int
    part: Part
    kind: str
    donor: Donor | None = None


def ways(subject: Subject, choice: Choice, parts: Sequence[Part]) -> list[list[list[Way]]]:
    """Return the ways to take each part away, [part][kind]: none where a kind is not possible, as KINDS has them.

    A part is resampled from every other place of the choice, in every alignment of the two; what has no counterpart there
    becomes zero. Ways that replace it by the same thing are one.

    >>> import headlab as hl
    >>> from headlab.analysis.choice import choices
    >>> subject = hl.train(hl.Corpus.notebook(), training=hl.TrainConfig.of(steps=3)).subject
    >>> [[len(some) for some in of_part] for of_part in ways(subject, choices(subject)[0], [Part("source", position=1)])]
    [[1, 1, 1, 1]]
    """
    found = list(_alignments(subject, choice))
    return [[_of_kind(subject, choice, part, kind, found) for kind in KINDS] for part in parts]


def _alignments(subject: Subject, choice: Choice) -> Iterator[tuple[Place, Alignment]]:
    here, tokens = (choice.place.sequence, choice.place.position), subject.corpus.tokens
    for other in choice.others:
        for found in alignments(tokens, here, (other.sequence, other.position), subject.model.causal):
            yield other, found


def _of_kind(
    subject: Subject, choice: Choice, part: Part, kind: str, found: Sequence[tuple[Place, Alignment]]
) -> list[Way]:
    row = choice.place.sequence
    if part.kind == "biases" or (part.kind.startswith("direct") and subject.model.norm_after):
        return []  # nothing takes these away
    possible = {
        "zero": True,
        "mean": part.kind in WITHIN_SENTENCE or subject.corpus.n_sequences > 1,  # else it would put back what was there
        "resample": part.kind in WITHIN_SENTENCE,
        "mask": part.kind in KEYS,
    }
    if kind == "resample" and not possible[kind]:
        return [Way(row, part, kind, donor) for donor in _donors(subject, choice, part, found)]
    return [Way(row, part, kind)] if possible[kind] else []


def _donors(subject: Subject, choice: Choice, part: Part, found: Sequence[tuple[Place, Alignment]]) -> list[Donor]:
    tokens, some = subject.corpus.tokens, _that_matter(subject, choice, part)
    different: dict[object, Donor] = {}
    for other, alignment in found:
        there = dict(alignment.pairs)
        positions = tuple(there.get(at, -1) if at in some else -1 for at in range(tokens.shape[1]))
        donor = Donor(other.sequence, positions)
        read = tuple(int(tokens[other.sequence, at]) if at >= 0 else -1 for at in positions)
        different.setdefault(read if part.kind in _EMBEDDED else donor, donor)
    return list(different.values())


def _that_matter(subject: Subject, choice: Choice, part: Part) -> set[int]:
    """Return the positions whose counterparts say what a part becomes, as far as the choice's place can tell."""
    row, place, last = choice.place.sequence, choice.place.position, subject.model.n_layers - 1
    match part:
        case Part("source", position=int(key)) if last == 0:
            return {place, key}
        case Part("edge", position=int(key), query=int(query)):
            return {query, key}
        case Part("head", layer=layer) if layer == last:
            return {place}
        case Part("token", token=int(token)):
            return set(np.nonzero(subject.corpus.tokens[row] == token)[0].tolist())
        case Part("direct" | "direct:token"):
            return {place}
    return set(visible(subject.corpus.tokens[row], place, subject.model.causal))
