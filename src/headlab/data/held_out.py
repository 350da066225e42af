"""What models are tried on that they were not trained on: held-out examples, or all inputs that there are, a piece at a time."""

from collections.abc import Iterator

from headlab.data.batch import ABSENT, Batch, Ids
from headlab.data.dataset import Dataset
from headlab.data.draws import Draws

FEW = 20_000  # inputs that are all tried without each head
TOGETHER = 2**17  # inputs that are put in another order together


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


def mixed_inputs(dataset: Dataset, at_a_time: int, *, seed: int = 0) -> Iterator[Batch]:
    """Yield batches of all inputs in a drawn order: those of a batch have no more in common than others. As `every_input`.

    Of more than 131,072 inputs so many are mixed at a time.

    >>> from headlab.data.corpus import Corpus
    >>> sorted(int(batch.tokens[0, 1]) for batch in mixed_inputs(Dataset(Corpus.notebook()), 1))
    [2, 5]
    """
    for number, whole in enumerate(_together(dataset)):
        order = Draws(seed, "order", number, 1).order(whole.n_sequences)[0]
        yield from _sentences(whole.sequences(order), at_a_time)


def _together(dataset: Dataset) -> Iterator[Batch]:
    """Yield all inputs, as many pieces of them as one batch as have room and are of one length."""
    held: list[Batch] = []
    for batch in every_input(dataset, TOGETHER):
        fits = sum(part.n_sequences for part in held) + batch.n_sequences <= TOGETHER
        if held and not (fits and held[0].n_ctx == batch.n_ctx):
            yield held[0].joined(*held[1:])
            held = []
        held.append(batch)
    if held:
        yield held[0].joined(*held[1:])


def are_few(dataset: Dataset, most: int = FEW) -> bool:
    """Return whether all inputs can be named, and are so few that all can be tried; of a corpus its sentences are.

    >>> from headlab.data.corpus import Corpus
    >>> are_few(Dataset(Corpus.notebook()), 2), are_few(Dataset(Corpus.notebook()), 1)
    (True, False)
    """
    if dataset.stream is None:
        return dataset.batch.n_sequences <= most
    if dataset.stream.enumerate is None:
        return False
    count = 0
    for tokens, _ in dataset.stream.pieces():
        count += len(tokens)
        if count > most:
            return False
    return True


def _sentences(whole: Batch, at_a_time: int) -> Iterator[Batch]:
    for first in range(0, whole.n_sequences, at_a_time):
        some = slice(first, first + at_a_time)
        if (whole.targets[some] != ABSENT).any():
            yield whole.sequences(some)


def _like(whole: Batch, tokens: Ids, targets: Ids) -> Batch:
    return Batch.equally_weighted(tokens, targets, whole.d_vocab, whole.d_vocab_out)
