"""What is explained: why one token and not another comes next at one place, against another place where it is the other's."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from headlab.analysis.looking.predictions import TIE
from headlab.analysis.words import PHRASES
from headlab.arrays import Array, Bool, Float, Int
from headlab.config.model import ModelConfig
from headlab.data.alignment import nearest
from headlab.data.corpus import Corpus
from headlab.data.dependencies import Dependency
from headlab.engine.activations import softmax
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
    """The choice between a place's target and its rivals.

        D = logit(target) - mean over rivals of logit(rival)

    place: where; target: a token id; rivals: one token id, or several that a model holds equal to 1e-9
    others: the places that are nearest in content at which a rival is the target of the same current token, or, where no rival
        ever is, an alternative: all that are equally near, each content once, that
        first at which the rivals are least ahead
    alternatives: every other target of the current token in the corpus
    """

    place: Place
    target: int
    rivals: tuple[int, ...]
    others: tuple[Place, ...] = ()
    alternatives: tuple[int, ...] = ()

    @property
    def other(self) -> Place | None:
        """Of the other places the hardest: where the rivals are least ahead of the target; None where there is none."""
        return self.others[0] if self.others else None

    def words(self, corpus: Corpus) -> str:
        """Return the comparison as a formula.

        >>> Choice(Place(0, 3), 3, (6,)).words(Corpus.notebook())
        'logit(chicken) − logit(beef)'
        """
        return pair_words(corpus.output_names[self.target], [corpus.output_names[rival] for rival in self.rivals])


def pair_words(target: str, rivals: Sequence[str]) -> str:
    """Return what is compared as a formula, of words.

    >>> pair_words("chicken", ["beef", "fish"])
    'logit(chicken) − mean logit(beef, fish)'
    """
    return PHRASES["pair" if len(rivals) == 1 else "pair_of_several"].format(target=target, rivals=", ".join(rivals))


@dataclass(frozen=True, eq=False)
class EachChoice:
    """The choice that every model makes at one place: models that hold the same rivals strongest make the same one.

    made: the different choices; which [run]: the number of each model's among them
    """

    made: tuple[Choice, ...]
    which: Int[Array, " run"]

    def of(self, run: int) -> Choice:
        """Return one model's choice."""
        return self.made[self.which[run]]

    @cached_property
    def numbers(self) -> list[tuple[int, int]]:
        """[run]: the number of each model's choice, and its own among the models that make it."""
        found = np.empty(len(self.which), int)
        for runs, _ in self.groups():
            found[runs] = np.arange(len(runs))
        return list(zip(self.which.tolist(), found.tolist(), strict=True))

    def groups(self) -> Iterator[tuple[Int[Array, " some"], Choice]]:
        """Yield every choice with the numbers of the models that make it."""
        for number, choice in enumerate(self.made):
            yield np.nonzero(self.which == number)[0], choice


def each_choice(subject: "Subject", asked: Dependency | Choice) -> EachChoice:
    """Return the choice of every model at one place; a choice that is given is every model's.

    Where the target is predicted, or tied for it, its rivals are the strongest of the corpus' alternatives in that model at that
    place; where something else is, the rivals are what the model predicts. What is equal to 1e-9 is taken together.

    >>> from headlab.model.initial import initial
    >>> from headlab.analysis.subject import Subject
    >>> from headlab.config import ModelConfig
    >>> corpus = Corpus.notebook()
    >>> subject = Subject(initial(ModelConfig().on(corpus), np.arange(9, dtype=np.uint64)), corpus, ModelConfig())
    >>> each_choice(subject, subject.dependencies[0]).of(0).words(corpus)
    'logit(chicken) − logit(the)'
    """
    if isinstance(asked, Choice):
        return EachChoice((asked,), np.zeros(subject.n_runs, int))
    logits = subject.clean.logits[:, asked.sequence, asked.position]
    rivals, which = _different_rows(_rivals(logits, asked.target, asked.alternatives))
    made: list[Choice] = []
    numbers = np.empty(subject.n_runs, int)
    for group, row in enumerate(rivals):
        some = np.nonzero(which == group)[0]
        choice = _of_dependency(subject, asked, tuple(np.nonzero(row)[0].tolist()))
        hardest = _hardest(logits_elsewhere(subject, choice)[some], choice)
        for first in np.unique(hardest):
            numbers[some[hardest == first]] = len(made)
            made.append(_with_first(choice, int(first)))
    return EachChoice(tuple(made), numbers)


def choices(subject: "Subject") -> list[Choice]:
    """Return one choice for every dependency that what the model sees settles; raises `SelectionError` for none.

    Of several models the choice is made once, by their mean logits.

    >>> from headlab.model.initial import initial
    >>> import numpy as np
    >>> from headlab.analysis.subject import Subject
    >>> from headlab.config import ModelConfig
    >>> corpus = Corpus.notebook()
    >>> subject = Subject(initial(ModelConfig().on(corpus), np.zeros(1, np.uint64)), corpus, ModelConfig())
    >>> [(item.place, item.others) for item in choices(subject)][0]
    (Place(sequence=0, position=3), (Place(sequence=1, position=3),))
    """
    return [_in_common(subject, item) for item in dependencies(subject)]


def choice_at(
    subject: "Subject", sequence: Any = None, position: Any = None, tokens: tuple[Any, Any] | None = None
) -> Choice:
    """Return the choice at a place, by default the corpus' first; every part left out takes its default.

    tokens: two tokens, the first one preferred; by default the target there and the rival that the models hold strongest
    Raises `SelectionError`, which lists what exists.
    """
    anywhere = sequence is None and position is None
    found = choices(subject)[0] if anywhere else _at(subject, sequence, position)
    if tokens is None:
        return found
    if isinstance(tokens, str) or len(tokens) != 2:
        raise SelectionError(f"tokens must be two of {listing(subject.corpus.output_names)}; got {short_repr(tokens)}")
    target, rival = (subject.token(token) for token in tokens)
    if target == rival:
        raise SelectionError(f"tokens must be two different ones, got {short_repr(tokens[0])} twice")
    return _against(subject, found.place, target, (rival,), found.alternatives)


def _at(subject: "Subject", sequence: Any, position: Any) -> Choice:
    row = subject.sequence(0 if sequence is None else sequence)
    if position is None:
        every = dependencies(subject)
        here = [item for item in every if item.sequence == row]
        if not here:
            known = listing((f"sequence {item.sequence}, position {item.position}" for item in every), "; ")
            raise SelectionError(f"a dependency must be one of: {known}; got sequence {row}, which has none")
        return _in_common(subject, here[0])
    place = Place(row, subject.position(row, position))
    for item in subject.corpus.dependencies(subject.model):
        if (item.sequence, item.position) == (place.sequence, place.position):
            return _in_common(subject, item)
    target = int(subject.corpus.targets[row, place.position])
    if target < 0:
        raise SelectionError(
            f"the position must have a target, got {short_repr(position)}, which has none: name two tokens"
        )
    # Nothing is confused with the target here: whatever the models hold strongest serves to say what speaks for it.
    every_other = tuple(token for token in range(subject.corpus.n_outputs) if token != target)
    logits = _mean_logits(subject, place)
    return Choice(place, target, tuple(np.nonzero(_rivals(logits, target, every_other)[0])[0].tolist()))


def _in_common(subject: "Subject", item: Dependency) -> Choice:
    logits = _mean_logits(subject, Place(item.sequence, item.position))
    rivals = np.nonzero(_rivals(logits, item.target, item.alternatives)[0])[0]
    choice = _of_dependency(subject, item, tuple(rivals.tolist()))
    if len(choice.others) < 2:
        return choice
    every = np.concatenate([_mean_logits(subject, other)[:, None] for other in choice.others], axis=1)
    return _with_first(choice, int(_hardest(every, choice)[0]))


def logits_elsewhere(subject: "Subject", choice: Choice) -> Float[Array, "run other d_vocab"]:
    """Return the models' logits at a choice's other places, [run, other, d_vocab]."""
    sequences, positions = ([getattr(at, name) for at in choice.others] for name in ("sequence", "position"))
    return np.asarray(subject.clean.logits[:, sequences, positions])


def _hardest(logits: Float[Array, "run other d_vocab"], choice: Choice) -> Int[Array, " run"]:
    """Return [run]: the number of the hardest other place, of equally hard ones the first."""
    if len(choice.others) < 2:
        return np.zeros(len(logits), int)
    return np.asarray(equally_hard(logits, choice).argmax(axis=1))


def equally_hard(logits: Float[Array, "run other d_vocab"], choice: Choice) -> Bool[Array, "run other"]:
    """Return which of a choice's other places are the hardest, [run, other], all that are equal to 1e-9.

    The hardest is where the rivals are least ahead of the target, and of several such where the target is most likely.
    """
    with np.errstate(invalid="ignore"):
        ahead = np.nan_to_num(logits[..., list(choice.rivals)].mean(axis=-1) - logits[..., choice.target])
        likely = np.nan_to_num(softmax(logits)[..., choice.target])
    least = ahead <= ahead.min(axis=1, keepdims=True) + TIE
    likely = np.where(least, likely, -np.inf)
    return np.asarray(likely >= likely.max(axis=1, keepdims=True) - TIE)


def _with_first(choice: Choice, number: int) -> Choice:
    others = choice.others
    return replace(choice, others=(others[number], *others[:number], *others[number + 1 :])) if number else choice


def _mean_logits(subject: "Subject", place: Place) -> Float[Array, "1 d_vocab"]:
    # One model's own, of several the mean, in which those that diverged do not count.
    logits = subject.clean.logits[:, place.sequence, place.position]
    finite = np.isfinite(logits).all(axis=1)
    return np.asarray(logits[finite].mean(axis=0, keepdims=True) if finite.any() else np.zeros((1, logits.shape[1])))


def _rivals(
    logits: Float[Array, "run d_vocab"], target: int, alternatives: Sequence[int]
) -> Bool[Array, "run d_vocab"]:
    """Return which tokens the target is held against, [run, d_vocab]."""
    logits = np.where(np.isfinite(logits), logits, 0.0)
    first = logits >= logits.max(axis=1, keepdims=True) - TIE
    among = np.isin(np.arange(logits.shape[1]), alternatives)
    held = np.where(among, logits, -np.inf)
    strongest = held >= held.max(axis=1, keepdims=True) - TIE
    return np.where(first[:, [target]], strongest, first)


def _different_rows(table: Bool[Array, "run d_vocab"]) -> tuple[Bool[Array, "row d_vocab"], Int[Array, " run"]]:
    """Return the different rows in order, and [run]: which of them each is; np.unique takes columns one by one."""
    table = np.ascontiguousarray(table)
    rows = table.view(np.dtype((np.void, table.shape[1])))[:, 0]
    _, first, which = np.unique(rows, return_index=True, return_inverse=True)
    return table[first], which


def _of_dependency(subject: "Subject", item: Dependency, rivals: tuple[int, ...]) -> Choice:
    return _against(subject, Place(item.sequence, item.position), item.target, rivals, item.alternatives)


def _against(
    subject: "Subject", place: Place, target: int, rivals: tuple[int, ...], alternatives: tuple[int, ...]
) -> Choice:
    others = nearest_places(subject, place, rivals) or nearest_places(subject, place, alternatives)
    return Choice(place, target, rivals, others, alternatives)


def nearest_places(subject: "Subject", place: Place, targets: Sequence[int]) -> tuple[Place, ...]:
    """Return where one of some targets follows a place's token, of all such places those nearest to it in content."""
    corpus, at = subject.corpus, (place.sequence, place.position)
    found = np.argwhere((corpus.tokens == corpus.tokens[at]) & np.isin(corpus.targets, targets))
    places = [(row, position) for row, position in found.tolist()]
    return tuple(Place(*other) for other in nearest(corpus.tokens, at, places, subject.model.causal))


def dependencies(subject: "Subject") -> tuple[Dependency, ...]:
    """Return the dependencies that what the model sees settles; raises `SelectionError` for none."""
    check_dependencies(subject.corpus, subject.model)
    return subject.dependencies


def check_dependencies(corpus: Corpus, model: ModelConfig) -> None:
    """Raise `SelectionError` where nothing that a model sees settles any target that its token leaves open.

    >>> from headlab.config import ModelConfig
    >>> check_dependencies(Corpus.notebook(), ModelConfig())
    """
    if not any(item.resolvable for item in corpus.dependencies(model)):
        following = listing(
            (
                f"after “{corpus.vocabulary[token]}” comes {_these([corpus.output_names[t] for t in targets])}"
                for token, targets in _successors(corpus).items()
            ),
            "; ",
        )
        raise SelectionError(
            "a dependency must be a token that goes on differently in different places, with a prefix that tells "
            f"how; this corpus has none: {following}"
        )


def _successors(corpus: Corpus) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for token, target in zip(corpus.tokens.ravel().tolist(), corpus.targets.ravel().tolist(), strict=True):
        if target >= 0 and target not in found.setdefault(token, []):
            found[token].append(target)
    return found


def _these(words: Sequence[str]) -> str:
    return listing((f"“{word}”" for word in words), " or ", 5)
