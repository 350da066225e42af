"""Whether a model is the table of what follows what in its text, and no more."""

import numpy as np

from headlab.analysis.subject import Subject
from headlab.arrays import Array, Float


def bigram_difference(subject: Subject) -> Float[Array, " run"]:
    """Return how far probabilities are from the counted shares of what follows each token, at most, [run].

        max over places with a target and tokens of |softmax(logits) - share of the token after this one in the corpus|

    0 is a bigram table; whoever looks back differs from it where looking back helps.

    >>> import numpy as np
    >>> from headlab.config import ModelConfig
    >>> from headlab.data.corpus import Corpus
    >>> from headlab.model.initial import initial
    >>> corpus, model = Corpus.notebook(), ModelConfig()
    >>> seeds = np.zeros(1, np.uint64)
    >>> bigram_difference(Subject(initial(model.on(corpus), seeds), corpus, model)).round(1).tolist()  # all tokens alike
    [0.9]
    """
    corpus, logits = subject.corpus, subject.clean.logits
    where = corpus.targets >= 0
    shares = corpus.association().to_numpy()[corpus.tokens[where]]
    there = logits[:, where].astype(float)
    odds = np.exp(there - there.max(axis=-1, keepdims=True))
    return np.asarray(abs(odds / odds.sum(axis=-1, keepdims=True) - shares).max(axis=(1, 2)))
