"""Sentences as token ids with next-token targets, and what can be said about them before any model is trained.

A corpus is a few sentences, one a line. A start token goes before each; a token's target is the next token, and the
last target wraps to the start token (or there is none). From the ids alone follow the association table, the floors
(the smallest reachable loss) and the dependencies (positions that an earlier token decides).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from headlab.config import ModelConfig
from headlab.data.floors import Dependency, Ids, Sight, floor_of
from headlab.data.lookalikes import lookalikes
from headlab.data.text import HALF_A_CHARACTER, KINDS, WORDS, join_tokens, read_text, split_beginning, split_sentences
from headlab.data.token_names import checked_labels, ids_of, names_of
from headlab.errors import CorpusError
from headlab.notation.numbers import counted
from headlab.notation.values import brief
from headlab.notation.visible import visible

PADDING = -1
MAX_VOCABULARY = 65_536  # as wide as a model can be
MOST_SHOWN = 20  # sentences, in a notebook
NOTEBOOK_TEXT = "man ordered the chicken\nwoman ordered the beef"
NOTEBOOK_VOCABULARY = ("<Start>", "the", "man", "chicken", "ordered", "woman", "beef")
NOTEBOOK_LABELS = ("<ST>", "the", "man", "chkn", "ordrd", "woman", "beef")


@dataclass(frozen=True, eq=False)
class Corpus:
    """Token ids and targets [sequence, position] (-1: padding, or no target), with the vocabulary they index.

    vocabulary: the tokens' spelling; labels: their short display names; start: the start token, or None;
    wrap: whether the last target wraps to the first token; tokens_are: `words` or `characters`, for texts to come
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
    tokens_are: str = WORDS

    @classmethod
    def from_text(
        cls,
        text: str,
        *,
        start: str | None = "<Start>",
        wrap: bool = True,
        vocabulary: Sequence[str] | None = None,
        labels: Sequence[str] | None = None,
        tokens: str = WORDS,
    ) -> Self:
        """Read one sentence a line; tokens are what spaces separate, or characters.

        start: put before every sentence (None: nothing); wrap: the last target is the sentence's first token
        vocabulary: the order of the ids; by default the start token, then tokens as they first appear
        labels: short display names, in the vocabulary's order
        tokens: `words`, or `characters`: a letter with its marks each, and ␣ for what separates words
        Raises `CorpusError`.

        >>> Corpus.from_text("a b\\na c", start=None).vocabulary
        ('a', 'b', 'c')
        >>> Corpus.from_text("你 好", start=None, tokens="characters").vocabulary
        ('你', '␣', '好')
        """
        sentences = split_sentences(text, start, tokens)
        if start is not None:
            sentences = [[start, *words] for words in sentences]
        order = (
            tuple(dict.fromkeys(word for words in sentences for word in words))
            if vocabulary is None
            else names_of("vocabulary", vocabulary)
        )
        labels = checked_labels(labels, order)
        ids = {word: number for number, word in enumerate(order)}
        for line, words in enumerate(sentences, 1):
            for word in words:
                if word not in ids:
                    raise CorpusError(
                        f"every token must be in the given vocabulary, got {brief(word)} in sentence {line}: "
                        f"add it to the vocabulary, or leave the vocabulary out"
                    )
        return cls._build([[ids[word] for word in words] for words in sentences], order, labels, start, wrap, tokens)

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
        if isinstance(base, bool) or not isinstance(base, int | np.integer):
            raise CorpusError(f"base must be a whole number, got {brief(base)}: give the smallest id")
        sequences = [[_id(number, base) for number in sequence] for sequence in _sequences(ids)]
        if not sequences or not all(sequences):
            raise CorpusError(
                "ids must be at least one sequence with at least one id each, got none: give the token ids"
            )
        top = max(map(max, sequences))
        if top >= MAX_VOCABULARY:
            raise CorpusError(
                f"ids must be below {base + MAX_VOCABULARY}, as so many tokens fit, got {base + top}: number them anew"
            )
        names = (
            tuple(map(str, range(base, base + top + 1))) if vocabulary is None else names_of("vocabulary", vocabulary)
        )
        if top >= len(names):
            hint = " (ids that count from 1 need base=1)" if top == len(names) and base == 0 else ""
            raise CorpusError(
                f"ids must be from {base} to {base + len(names) - 1}, got {base + top}{hint}: extend the vocabulary"
            )
        return cls._build(sequences, names, checked_labels(labels, names), None, wrap)

    def __repr__(self) -> str:
        """Return how large it is, and its first sentences."""
        first = 0 if self.start is None else 1
        some = [join_tokens(list(words[first:]), self.tokens_are) for words in self.sentences[:2]]
        said = " / ".join([*some, *(["…"] if self.n_sequences > 2 else [])])
        return visible(f"Corpus({self._counted()}: {said})")

    def _repr_html_(self) -> str:
        from html import escape

        some = [join_tokens(list(words), self.tokens_are, self.start) for words in self.sentences[:MOST_SHOWN]]
        shown = "<br>".join(escape(visible(text)) for text in some)
        left = self.n_sequences - MOST_SHOWN
        more = f"<p>… and {left:,} more: <code>sentences</code> has them all.</p>" if left > 0 else ""
        return f"<p><b>Corpus</b>: {self._counted()}</p><p>{shown}</p>{more}"

    def _counted(self) -> str:
        return f"{counted(self.n_sequences, 'sentence')} of {counted(self.d_vocab, 'token')}"

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
        labels: Sequence[str],
        start: str | None,
        wrap: bool,
        tokens_are: str = WORDS,
    ) -> Self:
        if not isinstance(wrap, bool):
            raise CorpusError(
                f"wrap must be True or False, got {brief(wrap)}: say whether the last target is the first token"
            )
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
        return cls(tokens, targets, vocabulary, tuple(labels), start, wrap, tokens_are)

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

    @cached_property
    def sentences(self) -> tuple[tuple[str, ...], ...]:
        """The tokens' spelling, sequence by sequence, start token included."""
        return tuple(tuple(self.vocabulary[token] for token in row if token >= 0) for row in self.tokens)

    def sentence(self, sequence: int) -> str:
        """Return a sequence as text, the start token included.

        >>> Corpus.notebook().sentence(0)
        '<Start> man ordered the chicken'
        """
        words = [self.vocabulary[token] for token in self.tokens[sequence] if token >= 0]
        return join_tokens(words, self.tokens_are, self.start)

    def beginning(self, text: str) -> Ids:
        """Return the ids [position] of a text that no sentence needs to begin with: the start token, then its tokens.

        An ellipsis at the end may be there or not. Raises `CorpusError`, which names all unknown words.

        >>> Corpus.notebook().beginning("woman ordered the …").tolist()
        [0, 5, 4, 1]
        """
        names, called = {*self.vocabulary, *self.labels}, dict(zip(self.vocabulary, self.labels, strict=True))
        words = split_beginning(text, names, self.start, self.tokens_are, called.get(str(self.start)))
        return np.array(ids_of(words, self.vocabulary, self.labels), np.int64)

    def notes(self) -> tuple[str, ...]:
        """Return what a reader may overlook, a sentence each: tokens that look alike and are not the same.

        >>> Corpus.from_text("The cat\\nthe dog").notes()
        ('“The” (sentence 1) and “the” (sentence 2) differ only in capital letters: they are 2 tokens.',)
        """
        return tuple(map(str, lookalikes(self)))

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

    def chance(self, token: int, target: int) -> float:
        """Return P(target | token) over the corpus, ids alone: one number of `association`.

        >>> Corpus.notebook().chance(1, 6)
        0.5
        """
        following = self.targets[(self.tokens == token) & (self.targets >= 0)]
        return float((following == target).mean()) if len(following) else 0.0

    def floor(self, model: ModelConfig | None = None) -> float:
        """Return the smallest mean loss that any model of a shape can reach, in nats per position with a target.

            mean over positions of -ln(share of the target among all positions that look the same to the model)

        model: its causal mask, positions and layers count; None: causal, with positions, where only positions with the
        same prefix look the same

        >>> round(Corpus.notebook().floor(), 4)  # ln 2 / 5
        0.1386
        >>> Corpus.notebook().floor(ModelConfig(causal=False))  # it sees the answer
        0.0
        """
        return self._sight(model).floor

    def bigram_floor(self) -> float:
        """Return the smallest mean loss from the current token alone, in nats per position with a target.

        >>> round(Corpus.notebook().bigram_floor(), 4)  # 2 ln 2 / 5
        0.2773
        """
        where = self.targets >= 0
        return floor_of(self.tokens[where].tolist(), self.targets[where].tolist())

    def resolvable(self, model: ModelConfig | None = None) -> NDArray[np.bool_]:
        """Return [sequence, position]: there is a target, and what the model sees (None: the prefix) decides it."""
        return self._sight(model).resolvable

    def dependencies(self, model: ModelConfig | None = None) -> tuple[Dependency, ...]:
        """Return the positions whose target the current token leaves open, in order.

        model: as for `floor`

        >>> [(d.sequence, d.position, d.settled_by) for d in Corpus.notebook().dependencies()]
        [(0, 0, None), (0, 3, 1), (1, 0, None), (1, 3, 1)]
        """
        return self._sight(model).dependencies

    def _sight(self, model: ModelConfig | None) -> Sight:
        shape = model or ModelConfig()
        key = shape.causal, shape.positions, shape.n_layers
        if key not in self._sights:
            self._sights[key] = Sight(self.tokens, self.targets, shape)
        return self._sights[key]

    @cached_property
    def _sights(self) -> dict[tuple[bool, bool, int], Sight]:
        return {}

    def to_dict(self) -> dict[str, Any]:
        """Return the corpus as plain JSON values."""
        return {
            "sequences": [[int(token) for token in row if token >= 0] for row in self.tokens],
            "vocabulary": list(self.vocabulary),
            "labels": list(self.labels),
            "start": self.start,
            "wrap": self.wrap,
            **({} if self.tokens_are == WORDS else {"tokens": self.tokens_are}),
        }

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Self:
        """Build a corpus from what `to_dict` returned; raises `CorpusError` for anything else.

        >>> Corpus.from_dict(Corpus.notebook().to_dict()).labels[3]
        'chkn'
        """
        rows, order, labels, start, wrap, kind = _plain_fields(fields)
        return cls._build(rows, order, labels, start, wrap, kind)


def _plain_fields(fields: Any) -> tuple[list[list[int]], tuple[str, ...], tuple[str, ...], str | None, bool, str]:
    """Return the checked fields of a corpus's plain values; raises `CorpusError`."""
    given = dict(fields) if isinstance(fields, Mapping) else {}
    rows, start, wrap, kind = given.get("sequences"), given.get("start"), given.get("wrap"), given.get("tokens", WORDS)
    order, labels = (_texts(given.get(name)) for name in ("vocabulary", "labels"))
    fit = {
        "vocabulary": order is not None and len(set(order)) == len(order),
        "labels": order is not None and labels is not None and len(labels) == len(order),
        "sequences": isinstance(rows, list) and bool(rows) and all(_are_ids(row, len(order or ())) for row in rows),
        "start": "start" in given and (start is None or _texts([start]) is not None),
        "wrap": isinstance(wrap, bool),
        "tokens": kind in KINDS,
    }
    if wrong := [name for name in {**fit, **given} if not fit.get(name, False)]:
        raise CorpusError(f"a corpus must be what headlab wrote, got other {', '.join(wrong)}: restore the file")
    return rows, order, labels, start, wrap, kind  # type: ignore[return-value]


def _texts(given: Any) -> tuple[str, ...] | None:
    texts = isinstance(given, list | tuple) and all(isinstance(text, str) for text in given)
    return tuple(given) if texts and not any(map(HALF_A_CHARACTER.search, given)) else None


def _are_ids(row: Any, count: int) -> bool:
    return isinstance(row, list) and bool(row) and all(type(token) is int and 0 <= token < count for token in row)


def _sequences(ids: Any) -> list[list[Any]]:
    try:
        return [list(sequence) for sequence in ids]
    except TypeError:
        raise CorpusError(
            f"ids must be sequences of token ids, like [[0, 1], [0, 2]], got {brief(ids)}: give a list each"
        ) from None


def _id(number: Any, base: int) -> int:
    if isinstance(number, bool) or not isinstance(number, int | np.integer):
        raise CorpusError(f"ids must be whole numbers, got {brief(number)}: give token ids from {base}")
    if number < base:
        raise CorpusError(f"ids must be at least {base}, got {number}: set base to the smallest id")
    return int(number) - base
