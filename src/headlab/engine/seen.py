"""How much a step works on: the whole corpus, or the largest batch that is drawn."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from headlab.engine.job import Job
from headlab.engine.recipe import settings_at

SAMPLE = 512  # examples that stand for a batch of any size


@dataclass(frozen=True)
class Seen:
    """sequences, rows (their tokens), inputs (rows that differ in token or position), pairs of a query and a key that it sees."""

    sequences: int
    rows: int
    inputs: int
    pairs: int


@lru_cache(16)
def seen_by(job: Job) -> Seen:
    """Return how much a step of a job works on, of a batch from a few of its examples.

    >>> import headlab as hl
    >>> seen_by(Job.of(hl.Corpus.notebook(), hl.ModelConfig(), hl.TrainConfig()))
    Seen(sequences=2, rows=10, inputs=7, pairs=30)
    """
    tokens, times = job.tokens, 1.0
    if job.stream is not None:
        training = job.training
        numbers = [at for at, phase in enumerate(training.phases) if phase.steps] or [0]
        batch, number = max((settings_at(training, at).batch_size or 1, -at) for at in numbers)
        size = training.phases[-number].size if training.phases else None
        tokens = job.stream.examples("train", 0, min(batch, SAMPLE), training.data_seed, size)[0]
        times = batch / len(tokens)
    there, lengths = tokens >= 0, (tokens >= 0).sum(axis=1)
    positions = np.nonzero(there)[1]
    distinct = len(np.unique(positions * job.d_vocab + tokens[there]))
    pairs = (lengths * (lengths + 1) // 2 if job.model.causal else lengths**2).sum()
    most = tokens.shape[1] * job.d_vocab
    return Seen(
        round(len(tokens) * times),
        round(int(there.sum()) * times),
        distinct if times == 1 else min(most, round(distinct * times)),
        round(int(pairs) * times),
    )
