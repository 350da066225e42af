"""What models are tried on that they were not trained on: held-out examples, or all inputs that there are, a piece at a time."""

from collections.abc import Iterator

from headlab.data.batch import ABSENT, Batch, Ids
from headlab.data.dataset import Dataset


def held_out(dataset: Dataset, n: int, at_a_time: int, *, seed: int = 0) -> Iterator[Batch]:
    """Yield batches of at most `at_a_time` of the first n held-out examples; of a corpus all sentences, which are what there is.

    Fewer where a table holds out fewer than n. seed: of the data

    >>> from headlab.data.corpus import Corpus
    >>> from headlab.data.stream import Stream
    >>> [batch.n_sequences for batch in held_out(Dataset(Corpus.notebook()), 512, at_a_time=1)]
    [1, 1]
    >>> echo = Stream(lambda draws, size: (drawn := draws.integers(3, 2), drawn), ("a", "b", "c"), n_ctx=2)
    >>> [batch.n_sequences for batch in held_out(Dataset.from_stream(echo), 500, at_a_time=200)]
    [200, 200, 100]
    """
    if dataset.stream is None:
        yield from _sentences(dataset.batch, at_a_time)
        return
    for first in range(0, n, at_a_time):
        tokens, targets = dataset.stream.examples("held out", first, min(at_a_time, n - first), seed)
        if len(tokens) == 0:
            return
        yield _like(dataset.batch, tokens, targets)


def every_input(dataset: Dataset, at_a_time: int) -> Iterator[Batch]:
    """Yield batches of at most `at_a_time` of all inputs; of a corpus all sentences, which are what there is.

    Raises `ConfigError` where nobody can name them all.
    """
    if dataset.stream is None:
        yield from _sentences(dataset.batch, at_a_time)
        return
    for tokens, targets in dataset.stream.pieces():
        for first in range(0, len(tokens), at_a_time):
            some = slice(first, first + at_a_time)
            yield _like(dataset.batch, tokens[some], targets[some])


def _sentences(whole: Batch, at_a_time: int) -> Iterator[Batch]:
    for first in range(0, whole.n_sequences, at_a_time):
        some = slice(first, first + at_a_time)
        if (whole.targets[some] != ABSENT).any():
            arrays = whole.tokens[some], whole.targets[some], whole.weights[some]
            yield Batch(*arrays, whole.d_vocab, whole.d_vocab_out)


def _like(whole: Batch, tokens: Ids, targets: Ids) -> Batch:
    return Batch.equally_weighted(tokens, targets, whole.d_vocab, whole.d_vocab_out)
