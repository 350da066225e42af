"""What is explained: why one token and not another comes next at one place, against another place where it is the other's."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from headlab.data.corpus import Corpus
from headlab.data.dependencies import Dependency
from headlab.errors import SelectionError
from headlab.notation.values import listing, short_repr

if TYPE_CHECKING:
    from headlab.analysis.subject import Subject


@dataclass(frozen=True)
class Place:
    """A position of a sequence."""

    sequence: int
    position: int


@dataclass(frozen=True)
class Choice:
    """The choice between two tokens at one place.

    place: where; target, rival: the token ids whose logits are compared, logit(target) - logit(rival)
    other: a place with the same current token where the rival is the target, or None where the corpus has none
    """

    place: Place
    target: int
    rival: int
    other: Place | None = None

    def words(self, corpus: Corpus) -> str:
        """Return the comparison as a formula.

        >>> Choice(Place(0, 3), 3, 6).words(Corpus.notebook())
        'logit(chicken) − logit(beef)'
        """
        return f"logit({corpus.vocabulary[self.target]}) − logit({corpus.vocabulary[self.rival]})"


def choices(subject: "Subject") -> list[Choice]:
    """Return one choice for every dependency of the corpus that what the model sees settles; raises `SelectionError` for none.

    >>> from headlab.model.initial import initial
    >>> import numpy as np
    >>> from headlab.analysis.subject import Subject
    >>> from headlab.config import ModelConfig
    >>> corpus = Corpus.notebook()
    >>> subject = Subject(initial(ModelConfig().on(corpus), np.zeros(1, np.uint64)), corpus, ModelConfig())
    >>> [(item.place, item.other) for item in choices(subject)][0]
    (Place(sequence=0, position=3), Place(sequence=1, position=3))
    """
    return [_of_dependency(subject.corpus, item) for item in _dependencies(subject)]


def choice_at(
    subject: "Subject", sequence: Any = None, position: Any = None, tokens: tuple[Any, Any] | None = None
) -> Choice:
    """Return the choice at a place, by default the corpus' first; every part left out takes its default.

    tokens: two tokens, the first one preferred; by default the target there and what the corpus confuses it with
    Raises `SelectionError`, which lists what exists.
    """
    anywhere = sequence is None and position is None
    found = choices(subject)[0] if anywhere else _at(subject, sequence, position)
    if tokens is None:
        return found
    if isinstance(tokens, str) or len(tokens) != 2:
        raise SelectionError(f"tokens must be two of {listing(subject.corpus.vocabulary)}; got {short_repr(tokens)}")
    target, rival = (subject.token(token) for token in tokens)
    if target == rival:
        raise SelectionError(f"tokens must be two different ones, got {short_repr(tokens[0])} twice")
    other = _other_place(subject.corpus, found.place, rival)
    return Choice(found.place, target, rival, other)


def _at(subject: "Subject", sequence: Any, position: Any) -> Choice:
    row = subject.sequence(0 if sequence is None else sequence)
    if position is None:
        every = _dependencies(subject)
        here = [item for item in every if item.sequence == row]
        if not here:
            known = listing((f"sequence {item.sequence}, position {item.position}" for item in every), "; ")
            raise SelectionError(f"a dependency must be one of: {known}; got sequence {row}, which has none")
        return _of_dependency(subject.corpus, here[0])
    place = Place(row, subject.position(row, position))
    for item in subject.corpus.dependencies(subject.model):
        if (item.sequence, item.position) == (place.sequence, place.position):
            return _of_dependency(subject.corpus, item)
    target = int(subject.corpus.targets[row, place.position])
    if target < 0:
        raise SelectionError(
            f"the position must have a target, got {short_repr(position)}, which has none: name two tokens"
        )
    # Nothing is confused with the target here: any other token serves to say what speaks for it.
    return Choice(place, target, next(token for token in range(subject.corpus.d_vocab) if token != target))


def _of_dependency(corpus: Corpus, item: Dependency) -> Choice:
    place = Place(item.sequence, item.position)
    # Best is a sentence that differs at this very position; then any other place. All at once: there may be thousands.
    found = np.argwhere((corpus.tokens == item.token) & np.isin(corpus.targets, item.alternatives))
    if len(found) == 0:
        return Choice(place, item.target, item.alternatives[0])
    rows, positions = found.T
    targets = corpus.targets[rows, positions]
    order = {token: number for number, token in enumerate(item.alternatives)}
    ranks = np.array([order[int(token)] for token in targets])
    elsewhere, apart = rows == place.sequence, positions != place.position
    best = np.lexsort((ranks, np.abs(rows - place.sequence), apart, elsewhere))[0]
    return Choice(place, item.target, int(targets[best]), Place(int(rows[best]), int(positions[best])))


def _other_place(corpus: Corpus, place: Place, rival: int) -> Place | None:
    token = corpus.tokens[place.sequence, place.position]
    places = np.argwhere((corpus.tokens == token) & (corpus.targets == rival))
    found = [Place(row, position) for row, position in places.tolist()]
    return min(found, key=lambda other: _distance(place, other), default=None)


def _distance(place: Place, other: Place) -> tuple[bool, bool, int]:
    return other.sequence == place.sequence, other.position != place.position, abs(other.sequence - place.sequence)


def _dependencies(subject: "Subject") -> tuple[Dependency, ...]:
    if not subject.dependencies:
        following = listing(
            (
                f"after “{subject.corpus.vocabulary[token]}” comes {_these([subject.corpus.vocabulary[t] for t in targets])}"
                for token, targets in _successors(subject.corpus).items()
            ),
            "; ",
        )
        raise SelectionError(
            "a dependency must be a token that goes on differently in different places, with a prefix that tells "
            f"how; this corpus has none: {following}"
        )
    return subject.dependencies


def _successors(corpus: Corpus) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for token, target in zip(corpus.tokens.ravel().tolist(), corpus.targets.ravel().tolist(), strict=True):
        if target >= 0 and target not in found.setdefault(token, []):
            found[token].append(target)
    return found


def _these(words: Sequence[str]) -> str:
    return listing((f"“{word}”" for word in words), " or ", 5)


def donor_sentence(subject: "Subject", choice: Choice) -> int | None:
    """Return the sentence that parts are resampled from: the choice's other one, else the next; None without any."""
    row = choice.place.sequence
    if choice.other is not None and choice.other.sequence != row:
        return choice.other.sequence
    return None if subject.corpus.n_sequences == 1 else (row + 1) % subject.corpus.n_sequences
