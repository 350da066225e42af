"""What models are tried on that they were not trained on: held-out examples, a piece at a time."""

from collections.abc import Iterator
from dataclasses import replace

from headlab.data.batch import Batch
from headlab.data.dataset import Dataset


def held_out(dataset: Dataset, n: int, at_a_time: int) -> Iterator[Batch]:
    """Yield batches of at most `at_a_time` of the first n held-out examples; of a corpus all sentences, which are what there is.

    Fewer where a table holds out fewer than n.

    >>> from headlab.data.corpus import Corpus
    >>> from headlab.data.stream import Stream
    >>> [batch.n_sequences for batch in held_out(Dataset(Corpus.notebook()), 512, at_a_time=1)]
    [1, 1]
    >>> echo = Stream(lambda draws, size: (drawn := draws.integers(3, 2), drawn), ("a", "b", "c"), n_ctx=2)
    >>> [batch.n_sequences for batch in held_out(Dataset.from_stream(echo), 500, at_a_time=200)]
    [200, 200, 100]
    """
    stream, whole = dataset.stream, dataset.batch
    count = whole.n_sequences if stream is None else n
    for first in range(0, count, at_a_time):
        size = min(at_a_time, count - first)
        if stream is None:
            some = slice(first, first + size)
            yield replace(whole, tokens=whole.tokens[some], targets=whole.targets[some], weights=whole.weights[some])
            continue
        tokens, targets = stream.examples("held out", first, size)
        if len(tokens) == 0:
            return
        yield Batch.equally_weighted(tokens, targets, whole.d_vocab, whole.d_vocab_out)
