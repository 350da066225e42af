"""Sentences as token ids with next-token targets, and what can be said about them before any model is trained.

A corpus is a few sentences, one a line. A start token goes before each; a token's target is the next token, and the
last target wraps to the start token (or there is none). From the ids alone follow the association table, the floors
(the smallest reachable loss) and the dependencies (positions that an earlier token decides).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from headlab.config.model import ModelConfig
from headlab.data import notebook
from headlab.data.batch import Batch, Ids, next_tokens, ones_at_targets, padded
from headlab.data.corpus_json import corpus_parts
from headlab.data.dependencies import Dependency
from headlab.data.floors import floor_of
from headlab.data.ids import sequences_of
from headlab.data.letters import WORDS
from headlab.data.lookalikes import lookalikes
from headlab.data.of_batch import OfBatch
from headlab.data.sight import Sight
from headlab.data.text import join_tokens, read_text, split_beginning, split_sentences
from headlab.data.token_names import ids_of, labels_of, names_of
from headlab.errors import CorpusError
from headlab.notation.numbers import quantity
from headlab.notation.values import short_repr
from headlab.notation.visible import escape_unseen

if TYPE_CHECKING:
    import pandas as pd

MOST_SHOWN = 20  # sentences, in a notebook


@dataclass(frozen=True, eq=False)
class Corpus(OfBatch):
    """A batch of sentences, with the vocabulary that its ids index.

    batch: token ids, targets and weights [sequence, position]; vocabulary: the tokens' spelling; labels: their short
    display names; start: the start token, or None; wrap: whether the last target wraps to the first token; tokens_are:
    `words` or `characters`, for texts to come; outputs: what targets are called, where they are no tokens
    Raises `CorpusError`.

    >>> corpus = Corpus.from_text("man ordered the chicken\\nwoman ordered the beef")
    >>> corpus.tokens.shape, round(corpus.floor(), 4), round(corpus.bigram_floor(), 4)
    ((2, 5), 0.1386, 0.2773)
    """

    batch: Batch
    vocabulary: tuple[str, ...]
    labels: tuple[str, ...]
    start: str | None = None
    wrap: bool = True
    tokens_are: str = WORDS
    outputs: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        names, labels, outputs = len(self.vocabulary), len(self.labels), self.outputs
        problems = []
        if {names, labels} != {self.batch.d_vocab}:
            problems.append(
                f"vocabulary and labels must be one a token, {self.batch.d_vocab}, got {names} and {labels}"
            )
        if (None if outputs is None else len(outputs)) != self.batch.d_vocab_out:
            got = "none" if outputs is None else len(outputs)
            problems.append(f"outputs must be one a d_vocab_out of the batch, {self.batch.d_vocab_out}, got {got}")
        if problems:
            raise CorpusError(problems)

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
        labels = labels_of(labels, order)
        ids = {word: number for number, word in enumerate(order)}
        for line, words in enumerate(sentences, 1):
            for word in words:
                if word not in ids:
                    raise CorpusError(
                        f"every token must be in the given vocabulary, got {short_repr(word)} in sentence {line}: "
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
        names = None if vocabulary is None else names_of("vocabulary", vocabulary)
        sequences = sequences_of(ids, base, None if names is None else len(names))
        if names is None:
            names = tuple(map(str, range(base, base + max(map(max, sequences)) + 1)))
        return cls._build(sequences, names, labels_of(labels, names), None, wrap)

    def __repr__(self) -> str:
        """Return how large it is, and its first sentences."""
        first = 0 if self.start is None else 1
        some = [join_tokens(list(words[first:]), self.tokens_are) for words in self.sentences[:2]]
        said = " / ".join([*some, *(["…"] if self.n_sequences > 2 else [])])
        return escape_unseen(f"Corpus({self.size}: {said})")

    def _repr_html_(self) -> str:
        from html import escape

        some = [join_tokens(list(words), self.tokens_are, self.start) for words in self.sentences[:MOST_SHOWN]]
        shown = "<br>".join(escape(escape_unseen(text)) for text in some)
        left = self.n_sequences - MOST_SHOWN
        more = f"<p>… and {left:,} more: <code>sentences</code> has them all.</p>" if left > 0 else ""
        return f"<p><b>Corpus</b>: {self.size}</p><p>{shown}</p>{more}"

    @property
    def size(self) -> str:
        """How large it is, in words."""
        return f"{quantity(self.n_sequences, 'sentence')} of {quantity(self.d_vocab, 'token')}"

    @classmethod
    def notebook(cls) -> Self:
        """Return the notebook's corpus, with its order of tokens and its display names.

        >>> Corpus.notebook().tokens.tolist()
        [[0, 2, 4, 1, 3], [0, 5, 4, 1, 6]]
        """
        return cls.from_text(notebook.TEXT, vocabulary=notebook.VOCABULARY, labels=notebook.LABELS)

    @classmethod
    def _build(
        cls,
        sequences: Sequence[Sequence[int]],
        vocabulary: tuple[str, ...],
        labels: Sequence[str],
        start: str | None,
        wrap: bool,
        tokens_are: str = WORDS,
        targets: Sequence[Sequence[int]] | None = None,
        weights: Sequence[Sequence[float]] | None = None,
        outputs: tuple[str, ...] | None = None,
    ) -> Self:
        if not isinstance(wrap, bool):
            raise CorpusError(
                f"wrap must be True or False, got {short_repr(wrap)}: say whether the last target is the first token"
            )
        if len(vocabulary) < 2:
            raise CorpusError(f"a corpus must have at least 2 different tokens, got {len(vocabulary)}: add words")
        tokens = padded(sequences)
        asked = next_tokens(tokens, wrap) if targets is None else padded(targets)
        if (asked < 0).all():
            raise CorpusError(
                "a corpus must have something to predict, got no target: use longer sentences, or wrap=True"
            )
        counting = None if weights is None else padded(weights, 0.0)
        count = None if outputs is None else len(outputs)
        batch = Batch(tokens, asked, counting, len(vocabulary), count)  # type: ignore[arg-type]
        return cls(batch, vocabulary, tuple(labels), start, wrap, tokens_are, outputs)

    def with_targets(
        self,
        targets: ArrayLike | None = None,
        weights: ArrayLike | None = None,
        outputs: Sequence[str] | None = None,
    ) -> Self:
        """Return the corpus with other things to predict, or with places that count more than others.

        targets: ids [sequence, position], -1 where there is nothing to predict; as they are when left out
        weights: of the targets in the loss, Σ w·l / Σ w [sequence, position], finite and at least 0; a target of weight 0
        is none; 1 at every target when left out
        outputs: what targets are called, where their ids are of these and not of tokens
        Raises `CorpusError`, which lists all problems.

        >>> corpus = Corpus.notebook()
        >>> meal = corpus.with_targets(np.where(np.arange(5) == 3, corpus.targets, -1))  # what was ordered, nothing else
        >>> meal.targets.tolist(), meal.floor(), round(meal.bigram_floor(), 4)
        ([[-1, -1, -1, 3, -1], [-1, -1, -1, 6, -1]], 0.0, 0.6931)
        >>> corpus.with_targets(np.where(np.arange(5) == 3, [[0], [1]], -1), outputs=["fowl", "cattle"]).output_names
        ('fowl', 'cattle')
        """
        asked = self.targets if targets is None else targets
        named = self.outputs if outputs is None else names_of("outputs", outputs)
        count = None if named is None else len(named)
        batch = Batch(self.tokens, asked, weights, self.d_vocab, count)  # type: ignore[arg-type]
        return replace(self, batch=batch, outputs=named)

    @property
    def output_names(self) -> tuple[str, ...]:
        """What can be predicted, by name: the outputs, or the vocabulary."""
        return self.vocabulary if self.outputs is None else self.outputs

    @property
    def output_labels(self) -> tuple[str, ...]:
        """The short display names of what can be predicted."""
        return self.labels if self.outputs is None else self.outputs

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

    def encode(self, text: str) -> Ids:
        """Return the ids [position] of a text that no sentence needs to begin with: the start token, then its tokens.

        An ellipsis at the end may be there or not. Raises `CorpusError`, which names all unknown words.

        >>> Corpus.notebook().encode("woman ordered the …").tolist()
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

    def position_words(self, sequence: int) -> list[str]:
        """Return the positions of one sentence as lists of them show them: number and word.

        >>> Corpus.notebook().position_words(0)
        ['0 <Start>', '1 man', '2 ordered', '3 the', '4 chicken']
        """
        return [f"{position} {word}" for position, word in enumerate(self.sentences[sequence])]

    def position_labels(self, sequence: int) -> list[str]:
        """Return the notebook's row names of a sequence.

        >>> Corpus.notebook().position_labels(0)
        ['0 <ST>', '1 man', '2 ordrd', '3 the', '4 chkn']
        """
        return [
            f"{position} {self.labels[token]}" for position, token in enumerate(self.tokens[sequence]) if token >= 0
        ]

    def association(self) -> "pd.DataFrame":
        """Return P(next token | token) [d_vocab, d_vocab_out] over the corpus; a token that is never followed has zeros.

            sum of the weights of (token, next token) / sum of the weights of token

        >>> float(Corpus.notebook().association().loc["the", "beef"])
        0.5
        """
        import pandas as pd  # which takes longer than all that training needs

        sums = np.zeros((self.d_vocab, self.batch.n_outputs))
        where = self.batch.has_target
        np.add.at(sums, (self.tokens[where], self.targets[where]), self.batch.relative_weights[where])
        totals = sums.sum(axis=1, keepdims=True)
        shares = np.divide(sums, totals, out=np.zeros_like(sums), where=totals > 0)
        return pd.DataFrame(
            shares, index=pd.Index(self.labels, name="token"), columns=pd.Index(self.output_labels, name="next")
        )

    def bigram_probability(self, token: int, target: int) -> float:
        """Return P(target | token) over the corpus, ids alone: one number of `association`.

        >>> Corpus.notebook().bigram_probability(1, 6)
        0.5
        """
        here = (self.tokens == token) & self.batch.has_target
        weights = self.batch.relative_weights
        total = weights[here].sum()
        return float(weights[here & (self.targets == target)].sum() / total) if total > 0 else 0.0

    def floor(self, model: ModelConfig | None = None) -> float:
        """Return the smallest mean loss Σ w·l / Σ w that any model of a shape can reach, in nats per position with a target.

            mean over positions of -ln(share of the target among all positions that look the same to the model)

        Means and shares are by weight.

        model: its causal mask, positions and layers count; None: causal, with positions, where only positions with the
        same prefix look the same

        >>> round(Corpus.notebook().floor(), 4)  # ln 2 / 5
        0.1386
        >>> Corpus.notebook().floor(ModelConfig(causal=False))  # it sees the answer
        0.0
        """
        return self._sight(model).floor

    def bigram_floor(self) -> float:
        """Return the smallest mean loss Σ w·l / Σ w from the current token alone, in nats per position with a target.

        >>> round(Corpus.notebook().bigram_floor(), 4)  # 2 ln 2 / 5
        0.2773
        """
        return floor_of(self.tokens, self.batch)

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
        key = shape.causal, shape.sees_positions, shape.n_layers
        if key not in self._sights:
            self._sights[key] = Sight(self.batch, shape)
        return self._sights[key]

    @cached_property
    def _sights(self) -> dict[tuple[bool, bool, int], Sight]:
        return {}

    def to_dict(self) -> dict[str, Any]:
        """Return the corpus as plain JSON values; targets and weights are among them where they are not the usual ones."""
        usual = {"targets": next_tokens(self.tokens, self.wrap), "weights": ones_at_targets(self.targets)}
        others = {name: getattr(self, name) for name, array in usual.items() if (getattr(self, name) != array).any()}
        return {
            "sequences": self._without_padding(self.tokens),
            "vocabulary": list(self.vocabulary),
            "labels": list(self.labels),
            "start": self.start,
            "wrap": self.wrap,
            **({} if self.tokens_are == WORDS else {"tokens": self.tokens_are}),
            **({} if self.outputs is None else {"outputs": list(self.outputs)}),
            **{name: self._without_padding(array) for name, array in others.items()},
        }

    def _without_padding(self, values: NDArray[Any]) -> list[list[Any]]:
        return [row[:length] for row, length in zip(values.tolist(), self.lengths.tolist(), strict=True)]

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Self:
        """Build a corpus from what `to_dict` returned; raises `CorpusError` for anything else.

        >>> Corpus.from_dict(Corpus.notebook().to_dict()).labels[3]
        'chkn'
        """
        return cls._build(**corpus_parts(fields))
