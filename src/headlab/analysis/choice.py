"""What is explained: why one token and not another comes next at one place, against another place where it is the other's."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from headlab.analysis.subject import Subject
from headlab.data.corpus import Corpus
from headlab.data.floors import Dependency
from headlab.errors import SelectionError
from headlab.notation.values import brief, listed


@dataclass(frozen=True)
class Place:
    """A position of a sequence."""

    sequence: int
    position: int


@dataclass(frozen=True)
class Contrast:
    """The choice between two tokens at one place.

    place: where; target, rival: the token ids whose logits are compared, logit(target) - logit(rival)
    other: a place with the same current token where the rival is the target, or None where the corpus has none
    subject: the nearest position whose token settles the answer here (see `Dependency`), or None
    """

    place: Place
    target: int
    rival: int
    other: Place | None = None
    subject: int | None = None

    def words(self, corpus: Corpus) -> str:
        """Return the comparison as a formula.

        >>> Contrast(Place(0, 3), 3, 6).words(Corpus.notebook())
        'logit(chicken) − logit(beef)'
        """
        return f"logit({corpus.vocabulary[self.target]}) − logit({corpus.vocabulary[self.rival]})"


def contrasts(subject: Subject) -> list[Contrast]:
    """Return one contrast for every dependency of the corpus that what the model sees settles; raises `SelectionError` for none.

    >>> from headlab.model.initial import initial
    >>> import numpy as np
    >>> from headlab.config import ModelConfig
    >>> corpus = Corpus.notebook()
    >>> subject = Subject(initial(ModelConfig(), 7, 5, np.zeros(1, np.uint64)), corpus, ModelConfig())
    >>> [(item.place, item.other) for item in contrasts(subject)][0]
    (Place(sequence=0, position=3), Place(sequence=1, position=3))
    """
    return [_of_dependency(subject.corpus, item) for item in subject.settled()]


def contrast(
    subject: Subject, sequence: Any = None, position: Any = None, tokens: tuple[Any, Any] | None = None
) -> Contrast:
    """Return the contrast at a place, by default the corpus' first; every part left out takes its default.

    tokens: two tokens, the first one preferred; by default the target there and what the corpus confuses it with
    Raises `SelectionError`, which lists what exists.
    """
    anywhere = sequence is None and position is None
    found = contrasts(subject)[0] if anywhere else _at(subject, sequence, position)
    if tokens is None:
        return found
    if isinstance(tokens, str) or len(tokens) != 2:
        raise SelectionError(f"tokens must be two of {listed(subject.corpus.vocabulary)}; got {brief(tokens)}")
    target, rival = (subject.token(token) for token in tokens)
    if target == rival:
        raise SelectionError(f"tokens must be two different ones, got {brief(tokens[0])} twice")
    other = _other_place(subject.corpus, found.place, rival)
    return Contrast(found.place, target, rival, other, found.subject)


def _at(subject: Subject, sequence: Any, position: Any) -> Contrast:
    row = subject.sequence(0 if sequence is None else sequence)
    if position is None:
        settled = [item for item in subject.settled() if item.sequence == row]
        if not settled:
            known = listed((f"sequence {d.sequence}, position {d.position}" for d in subject.settled()), "; ")
            raise SelectionError(f"a dependency must be one of: {known}; got sequence {row}, which has none")
        return _of_dependency(subject.corpus, settled[0])
    place = Place(row, subject.position(row, position))
    for item in subject.corpus.dependencies(subject.model):
        if (item.sequence, item.position) == (place.sequence, place.position):
            return _of_dependency(subject.corpus, item)
    target = int(subject.corpus.targets[row, place.position])
    if target < 0:
        raise SelectionError(f"the position must have a target, got {brief(position)}, which has none: name two tokens")
    # Nothing is confused with the target here: any other token serves to say what speaks for it.
    return Contrast(place, target, next(token for token in range(subject.corpus.d_vocab) if token != target))


def _of_dependency(corpus: Corpus, item: Dependency) -> Contrast:
    place = Place(item.sequence, item.position)
    # Best is a sentence that differs at this very position; then any other place. All at once: there may be thousands.
    found = np.argwhere((corpus.tokens == item.token) & np.isin(corpus.targets, item.alternatives))
    if len(found) == 0:
        return Contrast(place, item.target, item.alternatives[0], None, item.settled_by)
    rows, positions = found.T
    targets = corpus.targets[rows, positions]
    order = {token: number for number, token in enumerate(item.alternatives)}
    ranks = np.array([order[int(token)] for token in targets])
    elsewhere, apart = rows == place.sequence, positions != place.position
    best = np.lexsort((ranks, np.abs(rows - place.sequence), apart, elsewhere))[0]
    return Contrast(
        place, item.target, int(targets[best]), Place(int(rows[best]), int(positions[best])), item.settled_by
    )


def _other_place(corpus: Corpus, place: Place, rival: int) -> Place | None:
    token = corpus.tokens[place.sequence, place.position]
    places = np.argwhere((corpus.tokens == token) & (corpus.targets == rival))
    found = [Place(row, position) for row, position in places.tolist()]
    return min(found, key=lambda other: _distance(place, other), default=None)


def _distance(place: Place, other: Place) -> tuple[bool, bool, int]:
    return other.sequence == place.sequence, other.position != place.position, abs(other.sequence - place.sequence)
