"""What can be taken away from a model, or contributes to what it predicts: which kind of part, and which one of them."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from headlab.analysis.words import PHRASES, TABLE
from headlab.data.corpus import Corpus
from headlab.model.paths import mlp_name

Kind = Literal[
    "source", "edge", "head", "token", "direct", "direct:token", "direct:position", "positions", "mlp", "biases"
]
NECESSARY, IRRELEVANT, BETWEEN = "necessary", "irrelevant", "between"  # what a trial says of a part
ORDINALS: dict[str, Any] = TABLE["ordinals"]
DIRECT_TOKEN: Kind = "direct:token"
DIRECT_POSITION: Kind = "direct:position"


@dataclass(frozen=True)
class Word:
    """A token as a sentence names it: by its number, too, where its sentence holds it more than once.

    >>> str(Word("the")), str(Word("the", 3, 2))
    ('“the”', '“the” (2nd)')
    """

    word: str
    position: int | None = None
    nth: int | None = None

    @classmethod
    def of(cls, words: Sequence[str], position: int) -> "Word":
        """Return the word at a position of a sentence."""
        word = words[position]
        several = words.count(word) > 1
        return cls(word, position, words[: position + 1].count(word) if several else None)

    @classmethod
    def each(cls, words: Sequence[str]) -> "tuple[Word, ...]":
        """Return every word of a sentence.

        >>> [str(word) for word in Word.each(["the", "cat", "saw", "the"])]
        ['“the” (1st)', '“cat”', '“saw”', '“the” (2nd)']
        """
        count, seen = Counter(words), Counter[str]()
        found = []
        for position, word in enumerate(words):
            seen[word] += 1
            found.append(cls(word, position, seen[word] if count[word] > 1 else None))
        return tuple(found)

    def __str__(self) -> str:
        return _quoted(self.word, self.nth)


@lru_cache(4096)
def _quoted(word: str, nth: int | None) -> str:
    if nth is None:
        return PHRASES["quoted"].format(word=word)
    teen = nth % 100 in (11, 12, 13)
    last = ORDINALS["from_11_to_13"] if teen else ORDINALS["by_last_digit"][nth % 10]
    return PHRASES["nth"].format(word=word, nth=nth, ordinal=last)


@dataclass(frozen=True)
class Part:
    """A part of a model, in one sentence.

    source           what all heads of all layers read from one position, for every query
    edge             what heads read from the key at `position` for one query; layer and head None: all of them
    head             everything that one head writes
    token            the embedding of a token, wherever it stands in the sentence
    direct           the direct path, past all heads: what the embeddings write to the logits
    direct:token     of that, what the token embedding writes
    direct:position  of that, what the position embedding writes
    positions        the position embeddings, for all heads and the direct path, everywhere in the sentence
    mlp              what the MLP of a layer writes, everywhere in the sentence
    biases           what is added whatever the sentence says; no ablation takes it away

    position, query: in the sentence, from 0; token: an id. What a kind does not have is None.
    """

    kind: Kind
    layer: int | None = None
    head: int | None = None
    position: int | None = None
    query: int | None = None
    token: int | None = None

    def name(self, corpus: Corpus, sequence: int) -> str:
        """Return the part in words.

        >>> Part("edge", 0, 1, position=1, query=3).name(Corpus.notebook(), 0)
        'edge 3 the → 1 man of head 0.1'
        """
        rows = corpus.position_words(sequence)
        match self:
            case Part("source", position=int(position)):
                return PHRASES["source"].format(key=rows[position])
            case Part("edge", layer=layer, position=int(position), query=int(query)):
                of = {} if layer is None else {"head": head_name(layer, self.head)}
                return PHRASES["edge_of" if of else "edge"].format(query=rows[query], key=rows[position], **of)
            case Part("head", layer=layer):
                return head_name(layer, self.head)
            case Part("mlp", layer=int(layer)):
                return mlp_name(layer)
            case Part("token", token=int(token)):
                return PHRASES["token"].format(token=corpus.vocabulary[token])
        return str(TABLE["listed"][self.kind])

    def label(self, corpus: Corpus, sequence: int) -> str:
        """Return the part as a list of parts shows it: a source by its position alone.

        >>> Part("source", position=3).label(Corpus.notebook(), 0), Part("direct:token").label(Corpus.notebook(), 0)
        ('3 the', 'direct path')
        """
        if self.kind == "source" and self.position is not None:
            return corpus.position_words(sequence)[self.position]
        return self.name(corpus, sequence)


def head_name(layer: int | None, head: int | None) -> str:
    """Return a head in words.

    >>> head_name(0, 1)
    'head 0.1'
    """
    return PHRASES["head"].format(layer=layer, head=head)
