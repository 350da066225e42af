"""A planted model as tables over features that can be read: tokens, positions, answers written, tokens moved by a head.

A feature is named as it stands in the tables: a token by its word, a position by its number, "~man" for “man” after a head
moved it there.
"""

from dataclasses import dataclass, field

import numpy as np

from headlab import Corpus

STRONG, LOOK = 8.0, 9.0  # logits; scores
WIDTH = 128  # noise of 1 % of a matrix' norm is small at every single entry


@dataclass(frozen=True)
class Head:
    """A head by what it does.

    scores[query, key]: features of the two that draw the eye
    writes[source, token]: logits for a token from a feature that stands where it looks
    moves: how much of the token that it reads it puts down where it stands, as "~token"; carries: of what was moved there
    """

    scores: dict = field(default_factory=dict)
    writes: dict = field(default_factory=dict)
    moves: float = 0.0
    carries: float = 0.0


@dataclass(frozen=True, eq=False)
class Tables:
    """A planted model in features that can be read, [feature, feature] where nothing else is said.

    embed [token, feature], places [position, feature]
    looks, writes [layer, head, feature, feature], unembed [feature, token]
    """

    embed: np.ndarray
    places: np.ndarray
    looks: np.ndarray
    writes: np.ndarray
    unembed: np.ndarray

    @classmethod
    def of(cls, corpus: Corpus, layers, direct, bigram, positions=True):
        """Return the tables of lists of heads, and of what a token or position writes by itself, direct[feature, token].

        bigram: logits of every token that follows another one somewhere
        """
        V, T = corpus.d_vocab, corpus.n_ctx
        first = V + T  # features: token | position | answer | moved token
        width = max(WIDTH, first + 2 * V)

        def source(feature):
            return feature_row(corpus, feature)

        looks, writes = (np.zeros((len(layers), max(map(len, layers)), width, width)) for _ in range(2))
        for layer, heads in enumerate(layers):
            for number, head in enumerate(heads):
                for (query, key), score in head.scores.items():
                    looks[layer, number, source(query), source(key)] += score
                for (feature, token), logit in head.writes.items():
                    writes[layer, number, source(feature), first + corpus.vocabulary.index(token)] += logit
                moved = slice(first + V, first + 2 * V)
                writes[layer, number, :V, moved] += head.moves * np.eye(V)
                writes[layer, number, moved, moved] += head.carries * np.eye(V)
        unembed = np.zeros((width, V))
        unembed[first : first + V] = np.eye(V)
        unembed[:V] = follows(corpus) * bigram
        for (feature, token), logit in direct.items():
            unembed[source(feature), corpus.vocabulary.index(token)] += logit
        every = np.eye(width)
        return cls(every[:V], every[V:first] * positions, looks, writes, unembed)


def feature_row(corpus: Corpus, feature) -> int:
    """Return where a feature stands: a token, a position given as a number, or a token that a head moved."""
    V, T = corpus.d_vocab, corpus.n_ctx
    if isinstance(feature, int):
        return V + feature
    moved = feature.startswith("~")
    return corpus.vocabulary.index(feature.removeprefix("~")) + moved * (V + T + V)


def follows(corpus: Corpus) -> np.ndarray:
    """Return [token, next token]: 1 for every token that follows it somewhere."""
    return 1.0 * (corpus.association().to_numpy() > 0)


def sinks(corpus: Corpus, *asking: str) -> dict:
    """Return scores with which all tokens but those that ask look at the start token."""
    return {(token, "<Start>"): LOOK for token in corpus.vocabulary if token not in asking}
