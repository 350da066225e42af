"""Sentences as token ids with next-token targets, and what can be said about them before any model is trained.

A corpus is a few sentences, one a line. A start token goes before each; a token's target is the next token, and the
last target wraps to the start token (or there is none). From the ids alone follow the association table, the floors
(the smallest reachable loss) and the dependencies (positions that an earlier token decides).
"""

import math
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from headlab.corpus_text import read_text, split_sentences
from headlab.errors import CorpusError

Ids = NDArray[np.int64]

PADDING = -1
NOTEBOOK_TEXT = "man ordered the chicken\nwoman ordered the beef"
NOTEBOOK_VOCABULARY = ("<Start>", "the", "man", "chicken", "ordered", "woman", "beef")
NOTEBOOK_LABELS = ("<ST>", "the", "man", "chkn", "ordrd", "woman", "beef")


@dataclass(frozen=True)
class Dependency:
    """A position whose target the current token leaves open.

    sequence, position: where; token, target: the ids there; alternatives: the other targets that follow this token
    somewhere in the corpus; settled_by, settled_token: the nearest earlier position whose token decides the target,
    or None; resolvable: whether the whole prefix decides it
    """

    sequence: int
    position: int
    token: int
    target: int
    alternatives: tuple[int, ...]
    settled_by: int | None
    settled_token: int | None
    resolvable: bool


@dataclass(frozen=True, eq=False)
class Corpus:
    """Token ids and targets [sequence, position] (-1: padding, or no target), with the vocabulary they index.

    vocabulary: the tokens' spelling; labels: their short display names; start: the start token, or None;
    wrap: whether the last target wraps to the first token
    Raises `CorpusError`.

    >>> corpus = Corpus.from_text("man ordered the chicken\\nwoman ordered the beef")
    >>> corpus.tokens.shape, round(corpus.floor(), 4), round(corpus.bigram_floor(), 4)
    ((2, 5), 0.1386, 0.2773)
    """

    tokens: Ids
    targets: Ids
    vocabulary: tuple[str, ...]
    labels: tuple[str, ...]
    start: str | None = None
    wrap: bool = True

    @classmethod
    def from_text(
        cls,
        text: str,
        *,
        start: str | None = "<Start>",
        wrap: bool = True,
        vocabulary: Sequence[str] | None = None,
        labels: Sequence[str] | None = None,
    ) -> Self:
        """Read one sentence a line; tokens are what spaces separate.

        start: put before every sentence (None: nothing); wrap: the last target is the sentence's first token
        vocabulary: the order of the ids; by default the start token, then tokens as they first appear
        labels: short display names, in the vocabulary's order
        Raises `CorpusError`.

        >>> Corpus.from_text("a b\\na c", start=None).vocabulary
        ('a', 'b', 'c')
        """
        sentences = split_sentences(text, start)
        if start is not None:
            sentences = [[start, *words] for words in sentences]
        order = (
            tuple(dict.fromkeys(word for words in sentences for word in words))
            if vocabulary is None
            else tuple(vocabulary)
        )
        _check_names(order, labels)
        ids = {word: number for number, word in enumerate(order)}
        for line, words in enumerate(sentences, 1):
            for word in words:
                if word not in ids:
                    raise CorpusError(
                        f"every token must be in the given vocabulary, got {word!r} in sentence {line}: "
                        f"add it to the vocabulary, or leave the vocabulary out"
                    )
        return cls._build([[ids[word] for word in words] for words in sentences], order, labels, start, wrap)

    @classmethod
    def from_file(cls, path: str | Path, **options: Any) -> Self:
        """Read a UTF-8 text file; `options` as in `from_text`. Raises `CorpusError`."""
        return cls.from_text(read_text(path), **options)

    @classmethod
    def from_ids(
        cls,
        ids: Iterable[Sequence[int]],
        vocabulary: Sequence[str] | None = None,
        *,
        labels: Sequence[str] | None = None,
        base: int = 0,
        wrap: bool = True,
    ) -> Self:
        """Build a corpus from sequences of token ids, which may count from `base` and differ in length.

        >>> Corpus.from_ids([[1, 2, 3], [1, 3]], base=1).tokens.tolist()
        [[0, 1, 2], [0, 2, -1]]
        """
        sequences = [[_id(number, base) for number in sequence] for sequence in ids]
        if not sequences or not all(sequences):
            raise CorpusError(
                "ids must be at least one sequence with at least one id each, got none: give the token ids"
            )
        top = max(map(max, sequences))
        names = tuple(map(str, range(base, base + top + 1))) if vocabulary is None else tuple(vocabulary)
        if top >= len(names):
            hint = " (ids that count from 1 need base=1)" if top == len(names) and base == 0 else ""
            raise CorpusError(
                f"ids must be from {base} to {base + len(names) - 1}, got {base + top}{hint}: extend the vocabulary"
            )
        _check_names(names, labels)
        return cls._build(sequences, names, labels, None, wrap)

    @classmethod
    def notebook(cls) -> Self:
        """Return the notebook's corpus, with its order of tokens and its display names.

        >>> Corpus.notebook().tokens.tolist()
        [[0, 2, 4, 1, 3], [0, 5, 4, 1, 6]]
        """
        return cls.from_text(NOTEBOOK_TEXT, vocabulary=NOTEBOOK_VOCABULARY, labels=NOTEBOOK_LABELS)

    @classmethod
    def _build(
        cls,
        sequences: list[list[int]],
        vocabulary: tuple[str, ...],
        labels: Sequence[str] | None,
        start: str | None,
        wrap: bool,
    ) -> Self:
        if len(vocabulary) < 2:
            raise CorpusError(f"a corpus must have at least 2 different tokens, got {len(vocabulary)}: add words")
        width = max(map(len, sequences))
        tokens, targets = (np.full((len(sequences), width), PADDING, np.int64) for _ in range(2))
        for row, sequence in enumerate(sequences):
            tokens[row, : len(sequence)] = sequence
            following = [*sequence[1:], sequence[0] if wrap else PADDING]
            targets[row, : len(sequence)] = following
        if (targets < 0).all():
            raise CorpusError(
                "a corpus must have something to predict, got no target: use longer sentences, or wrap=True"
            )
        tokens.flags.writeable = targets.flags.writeable = False
        return cls(tokens, targets, vocabulary, tuple(labels or vocabulary), start, wrap)

    @property
    def d_vocab(self) -> int:
        """The number of tokens in the vocabulary."""
        return len(self.vocabulary)

    @property
    def n_ctx(self) -> int:
        """The length of the longest sequence, start token included."""
        return int(self.tokens.shape[1])

    @property
    def n_sequences(self) -> int:
        """The number of sequences."""
        return int(self.tokens.shape[0])

    @property
    def lengths(self) -> Ids:
        """The length of every sequence, without padding."""
        return np.asarray((self.tokens >= 0).sum(axis=1))

    @property
    def sentences(self) -> tuple[tuple[str, ...], ...]:
        """The tokens' spelling, sequence by sequence, start token included."""
        return tuple(tuple(self.vocabulary[token] for token in row if token >= 0) for row in self.tokens)

    def position_labels(self, sequence: int) -> list[str]:
        """Return the notebook's row names of a sequence.

        >>> Corpus.notebook().position_labels(0)
        ['0 <ST>', '1 man', '2 ordrd', '3 the', '4 chkn']
        """
        return [
            f"{position} {self.labels[token]}" for position, token in enumerate(self.tokens[sequence]) if token >= 0
        ]

    def association(self) -> pd.DataFrame:
        """Return P(next token | token) [d_vocab, d_vocab] over the corpus; a token that is never followed has zeros.

        >>> float(Corpus.notebook().association().loc["the", "beef"])
        0.5
        """
        counts = np.zeros((self.d_vocab, self.d_vocab))
        has_target = self.targets >= 0
        np.add.at(counts, (self.tokens[has_target], self.targets[has_target]), 1.0)
        totals = counts.sum(axis=1, keepdims=True)
        shares = np.divide(counts, totals, out=np.zeros_like(counts), where=totals > 0)
        return pd.DataFrame(
            shares, index=pd.Index(self.labels, name="token"), columns=pd.Index(self.labels, name="next")
        )

    def floor(self) -> float:
        """Return the smallest mean loss that any causal model can reach, in nats per position with a target.

            mean over positions of -ln(share of the target among all positions with the same prefix)

        >>> round(Corpus.notebook().floor(), 4)  # ln 2 / 5
        0.1386
        """
        return _floor([(self._prefix(where), target) for where, target in self._with_target])

    def bigram_floor(self) -> float:
        """Return the smallest mean loss from the current token alone, in nats per position with a target.

        >>> round(Corpus.notebook().bigram_floor(), 4)  # 2 ln 2 / 5
        0.2773
        """
        return _floor([(int(self.tokens[where]), target) for where, target in self._with_target])

    def resolvable(self) -> NDArray[np.bool_]:
        """Return [sequence, position]: there is a target, and the prefix decides it."""
        result = np.zeros(self.tokens.shape, bool)
        for where, _ in self._with_target:
            result[where] = len(self._targets_of_prefix[self._prefix(where)]) == 1
        return result

    def dependencies(self) -> tuple[Dependency, ...]:
        """Return the positions whose target the current token leaves open, in order.

        >>> [(d.sequence, d.position, d.settled_by) for d in Corpus.notebook().dependencies()]
        [(0, 0, None), (0, 3, 1), (1, 0, None), (1, 3, 1)]
        """
        following = defaultdict(set)
        for where, target in self._with_target:
            following[int(self.tokens[where])].add(target)
        return tuple(
            self._dependency(where, target, following[int(self.tokens[where])])
            for where, target in self._with_target
            if len(following[int(self.tokens[where])]) > 1
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the corpus as plain JSON values."""
        return {
            "sequences": [[int(token) for token in row if token >= 0] for row in self.tokens],
            "vocabulary": list(self.vocabulary),
            "labels": list(self.labels),
            "start": self.start,
            "wrap": self.wrap,
        }

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Self:
        """Build a corpus from what `to_dict` returned.

        >>> Corpus.from_dict(Corpus.notebook().to_dict()).labels[3]
        'chkn'
        """
        return cls._build(
            [list(row) for row in fields["sequences"]],
            tuple(fields["vocabulary"]),
            fields["labels"],
            fields["start"],
            fields["wrap"],
        )

    @cached_property
    def _with_target(self) -> list[tuple[tuple[int, int], int]]:
        return [((int(b), int(t)), int(self.targets[b, t])) for b, t in np.argwhere(self.targets >= 0)]

    def _prefix(self, where: tuple[int, int]) -> tuple[int, ...]:
        return tuple(self.tokens[where[0], : where[1] + 1].tolist())

    @cached_property
    def _targets_of_prefix(self) -> dict[tuple[int, ...], set[int]]:
        found: dict[tuple[int, ...], set[int]] = defaultdict(set)
        for where, target in self._with_target:
            found[self._prefix(where)].add(target)
        return found

    def _dependency(self, where: tuple[int, int], target: int, following: set[int]) -> Dependency:
        sequence, position = where
        resolvable = len(self._targets_of_prefix[self._prefix(where)]) == 1
        settled_by = self._settling_position(where, target) if resolvable else None
        return Dependency(
            sequence=sequence,
            position=position,
            token=int(self.tokens[where]),
            target=target,
            alternatives=tuple(sorted(following - {target})),
            settled_by=settled_by,
            settled_token=None if settled_by is None else int(self.tokens[sequence, settled_by]),
            resolvable=resolvable,
        )

    def _settling_position(self, where: tuple[int, int], target: int) -> int | None:
        # The nearest earlier position whose token, wherever the same pair occurs, always goes with this target.
        sequence, position = where
        for earlier in range(position - 1, -1, -1):
            pair = (self.tokens[:, earlier] == self.tokens[sequence, earlier]) & (
                self.tokens[:, position] == self.tokens[where]
            )
            pair &= self.targets[:, position] >= 0
            if set(self.targets[pair, position].tolist()) == {target}:
                return earlier
        return None


def _floor(observed: list[tuple[Hashable, int]]) -> float:
    contexts = Counter(context for context, _ in observed)
    pairs = Counter(observed)
    return sum(-count * math.log(count / contexts[context]) for (context, _), count in pairs.items()) / len(observed)


def _check_names(vocabulary: tuple[str, ...], labels: Sequence[str] | None) -> None:
    repeated = [word for word, count in Counter(vocabulary).items() if count > 1]
    if repeated:
        raise CorpusError(f"the vocabulary must name every token once, got {repeated[0]!r} twice: leave one out")
    if labels is not None and len(labels) != len(vocabulary):
        raise CorpusError(
            f"labels must be as many as the vocabulary, {len(vocabulary)}, got {len(labels)}: give one a token"
        )


def _id(number: Any, base: int) -> int:
    if isinstance(number, bool) or not isinstance(number, int | np.integer):
        raise CorpusError(f"ids must be whole numbers, got {number!r}: give token ids from {base}")
    if number < base:
        raise CorpusError(f"ids must be at least {base}, got {number}: set base to the smallest id")
    return int(number) - base
