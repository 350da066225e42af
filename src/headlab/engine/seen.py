"""How much a step works on: the whole corpus, or a batch that is drawn; and how much an evaluation does."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from headlab.config import Phase
from headlab.data.batch import Ids
from headlab.engine.job import Job
from headlab.engine.recipe import EVALUATED_AT_ONCE, positions_of, settings_at

SAMPLE = 512  # examples that stand for a batch of any size


@dataclass(frozen=True)
class Seen:
    """Sequences, their rows (tokens), inputs (rows that differ in token or position), and pairs of a query and a key.

    wanted: rows that go on behind the last layer's heads, of what is drawn those with a target; asked: pairs whose query is one
    asking: the last layer's inputs that these ask from

    >>> Seen(sequences=2, rows=10, inputs=7, pairs=30, wanted=10, asked=30, asking=7).times(2).rows
    20
    """

    sequences: int
    rows: int
    inputs: int
    pairs: int
    wanted: int
    asked: int
    asking: int

    def times(self, factor: float) -> "Seen":
        """Return how much so many times as many sequences are."""
        return Seen(**{name: round(number * factor) for name, number in vars(self).items()})

    def at_most(self, inputs: int) -> "Seen":
        """Return the same with no more than so many different inputs."""
        ways = {"inputs": min(self.inputs, inputs), "asking": min(self.asking, max(inputs, 1))}
        return Seen(**{**vars(self), **ways})


@lru_cache(64)
def seen_by(job: Job, phase: int = 0) -> Seen:
    """Return how much a step of a job works on in a phase, of a batch that is drawn from a few of its examples.

    >>> import headlab as hl
    >>> seen_by(Job.of(hl.Corpus.notebook(), hl.ModelConfig(), hl.TrainConfig()))
    Seen(sequences=2, rows=10, inputs=7, pairs=30, wanted=10, asked=30, asking=7)
    """
    if job.stream is None or not job.training.phases:
        return _seen(job, job.tokens, job.targets if job.stream is not None else job.tokens)
    size = job.training.phases[phase].size
    return _like(job, "train", settings_at(job.training, phase).batch_size or 1, size)


@lru_cache(64)
def seen_in_evaluation(job: Job) -> Seen | None:
    """Return how much is looked at whenever held-out examples are, None where none are."""
    if job.stream is None or not job.training.evaluate_every:
        return None
    return _like(job, "held out", job.training.evaluate_on, None)


def largest(job: Job) -> Seen:
    """Return the most that any batch may have, which is what there is room for."""
    if job.stream is None:
        return seen_by(job)
    phases = [_room(job, at, phase) for at, phase in enumerate(job.training.phases) if phase.steps]
    if job.training.evaluate_every:
        pieces = min(job.training.evaluate_on, max(1, EVALUATED_AT_ONCE // job.n_ctx))
        phases.append((pieces, job.n_ctx))
    sizes = [_most(job, *size) for size in phases] or [seen_by(job)]
    return Seen(**{name: max(getattr(size, name) for size in sizes) for name in vars(sizes[0])})


def _room(job: Job, at: int, phase: Phase) -> tuple[int, int]:
    assert job.stream is not None
    return settings_at(job.training, at).batch_size or 1, positions_of(job.stream, phase.size)


def _most(job: Job, sequences: int, positions: int) -> Seen:
    rows, pairs = sequences * positions, sequences * positions**2
    inputs = min(rows, positions * _ids(job)) if job.model.n_layers else rows
    asking = inputs if job.model.n_layers == 1 else rows
    return Seen(sequences, rows, inputs, pairs, rows, pairs, asking)


def _like(job: Job, of: str, n: int, size: int | None) -> Seen:
    """Return how much n examples of a stream are, from the first of them."""
    assert job.stream is not None
    tokens, targets = job.stream.examples(of, 0, min(n, SAMPLE), job.training.data_seed, size)
    few = _seen(job, tokens, targets)
    if len(tokens) == n or len(tokens) < min(n, SAMPLE):  # all of them, or all that a table has
        return few
    return few.times(n / len(tokens)).at_most(tokens.shape[1] * _ids(job))


def _seen(job: Job, tokens: Ids, targets: Ids) -> Seen:
    """Return how much some examples are. targets: -1 where a row is not wanted"""
    there, lengths = tokens >= 0, (tokens >= 0).sum(axis=1)
    wanted = targets >= 0
    kinds = np.arange(tokens.shape[1]) * _ids(job) + tokens
    inputs, n_rows = len(np.unique(kinds[there])), int(there.sum())
    n_wanted, n_layers = int(wanted.sum()), job.model.n_layers
    keys = (
        np.minimum(np.arange(tokens.shape[1]) + 1, lengths[:, None])
        if job.model.causal
        else lengths[:, None] + 0 * tokens
    )
    return Seen(
        len(tokens),
        n_rows,
        inputs if n_layers else n_wanted,
        int(keys[there].sum()),
        n_wanted,
        int(keys[wanted].sum()),
        len(np.unique(kinds[wanted])) if n_layers == 1 else n_wanted,
    )


def _ids(job: Job) -> int:
    return job.shape.d_vocab ** (2 if job.model.pairs else 1)
