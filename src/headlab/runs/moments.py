"""Which moments of a training are worth keeping, so that it can be scrubbed through."""

import numpy as np

from headlab.config import ModelConfig
from headlab.data.corpus import Corpus
from headlab.runs.train import log_steps

MOST_MOMENTS, MOST_NUMBERS = 80, 1_500_000  # moments of training that are drawn; numbers in one array
MOST_SENTENCES = 12  # that are drawn


def moments_of(corpus: Corpus, model: ModelConfig, steps: int, most: int = MOST_NUMBERS) -> list[int]:
    """Return the steps whose weights are worth keeping: half evenly spaced, half on a log scale, fewer for large models.

    >>> len(moments_of(Corpus.notebook(), ModelConfig(), 5020))
    75
    """
    count = room_for(corpus, model, most)
    even = np.linspace(0, steps, max(2, count // 2)).round().astype(int).tolist()
    return sorted({*even, *log_steps(steps, max(2, count - count // 2))})


def room_for(corpus: Corpus, model: ModelConfig, most: int) -> int:
    """Return how many moments an array of so many numbers has room for."""
    return int(np.clip(most // a_moment(corpus, model), 3, MOST_MOMENTS))


def a_moment(corpus: Corpus, model: ModelConfig) -> int:
    """Return how many numbers the largest array of one moment has: the patterns or the logits of the sentences drawn.

    >>> a_moment(Corpus.notebook(), ModelConfig())
    70
    """
    sentences = min(len(corpus.tokens), MOST_SENTENCES)
    return sentences * corpus.n_ctx * max(model.n_layers * model.n_heads * corpus.n_ctx, corpus.d_vocab)
