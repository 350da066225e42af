"""How often each symbol is in its list, by one head without W_V and W_O that is set by hand."""

import numpy as np

from headlab.config import ModelConfig, TrainConfig
from headlab.data.dataset import Dataset
from headlab.data.draws import Draws
from headlab.data.stream import Examples, Stream
from headlab.model.params import Params
from headlab.tasks.reference import Reference
from headlab.tasks.task import Recipe, Task

TEXT = """\
Nothing is trained here: the weights are written down. BOS and ten symbols out of 32; at each of the ten: how often is
this symbol in the list? A list is made from a way to write 10 as a sum, each of the 42 as likely: 10 = 7 + 2 + 1 gives
seven of one symbol, two of a second and one of a third, in random order.

A softmax always adds up to 1, so looking at all symbols like this one says nothing about how many they are; looking at
those and BOS does. Symbols are the 32 unit vectors of a stream of 32 numbers, and BOS is their sum. A query looks at
its own symbol's places and at BOS, all alike, by 100 nats: of c such places and BOS each gets 1/(c+1). What is read is
added to the stream unchanged (no W_V, no W_O), and the sum of the stream is then 1 + (32 + c)/(c + 1), which differs
for each count. The unembedding reads this sum alone.

Published with an MLP of one hidden number between stream and answers, which is this sum and never negative, so that its
ReLU does nothing; its two weights are written as one matrix of rank 1 here. Their program tests 50,000 lists of two
symbols; here are all ways to write 10 as a sum.
"""
N_SYMBOLS, LENGTH = 32, 10
SHARP = 100.0  # nats between the score of what is looked for and all others
LOUD = 1000.0  # so that the counts 9 and 10, whose sums are 0.28 apart, are 80 nats apart


def ways(total: int, most: int) -> list[tuple[int, ...]]:
    """Return all ways to write a number as a sum of numbers that do not rise, none above `most`.

    >>> ways(4, 4)
    [(4,), (3, 1), (2, 2), (2, 1, 1), (1, 1, 1, 1)]
    """
    if total == 0:
        return [()]
    return [(first, *rest) for first in range(min(total, most), 0, -1) for rest in ways(total - first, first)]


def sample(draws: Draws, size: int | None) -> Examples:
    """Return BOS and ten symbols, and how often each of these is there, [example, 11].

    >>> tokens, targets = sample(Draws(0, "train", 0, 1), None)
    >>> [int((tokens[0] == token).sum()) for token in tokens[0, 1:]] == targets[0, 1:].tolist()
    True
    """
    sums = ways(LENGTH, LENGTH)
    part = np.array([[at for at, count in enumerate(one) for _ in range(count)] for one in sums])
    often = np.array([[count for count in one for _ in range(count)] for one in sums])
    which = draws.integers(len(sums), 1)[:, 0]
    symbols = np.take_along_axis(draws.chosen(N_SYMBOLS, LENGTH), part[which], axis=1)
    order = draws.chosen(LENGTH, LENGTH)
    bos, nothing = np.full((len(which), 1), N_SYMBOLS), np.full((len(which), 1), -1)
    tokens = np.concatenate([bos, np.take_along_axis(symbols, order, axis=1)], axis=1)
    return tokens, np.concatenate([nothing, np.take_along_axis(often[which], order, axis=1)], axis=1)


def weights() -> Params:
    """Return the weights: unit vectors, BOS as their sum, and an unembedding that reads the sum of the stream.

    >>> {name: weight.shape for name, weight in weights().items()}["W_U"]
    (32, 11)
    """
    unit = np.eye(N_SYMBOLS)
    counts = np.arange(LENGTH + 1)
    sums = np.where(counts > 0, 1 + (N_SYMBOLS + counts) / (counts + 1), 0.0)  # no symbol is there never
    return Params(
        W_E=np.concatenate([unit, np.ones((1, N_SYMBOLS))]),
        W_Q=SHARP / MODEL.scale * unit[None, None],
        W_K=unit[None, None],
        W_U=LOUD * 2 * sums * np.ones((N_SYMBOLS, 1)),
        b_Q=np.zeros((1, 1, N_SYMBOLS)),
        b_K=np.zeros((1, 1, N_SYMBOLS)),
        b_O=np.zeros((1, N_SYMBOLS)),
        b_U=-LOUD * sums**2,
    )


MODEL = ModelConfig(
    d_head=N_SYMBOLS, d_model=N_SYMBOLS, unembed=True, positions=False, causal=False, stream_values=True, biases=True,
    d_vocab_out=LENGTH + 1,
)  # fmt: skip
STREAM = Stream(
    sample, vocabulary=(*(f"s{number}" for number in range(N_SYMBOLS)), "BOS"), n_ctx=LENGTH + 1,
    outputs=tuple(map(str, range(LENGTH + 1))),
)  # fmt: skip

TASK = Task(
    name="planted-counts",
    title="a head set by hand that counts symbols like its own, against BOS",
    source="Behrens et al. 2024, Counting in Small Transformers, arXiv 2407.11542; github.com/SPOC-group/counting-attention, "
    "commit 507b82d, explicit constructions for d = T",
    license="the published program has no license; lists and weights are made here",
    text=TEXT,
    make=lambda: Dataset.from_stream(STREAM),
    recipes={"by-hand": Recipe(MODEL, TrainConfig.of(steps=0), "weights set by hand", weights=weights)},
    metrics=("token_accuracy", "sequence_accuracy", "cross_entropy"),
    references=(
        Reference(
            "token_accuracy", 1.0, 0.0, "published", over="each", seeds=1, recipe="by-hand",
            source="Behrens et al. 2024: BOS with softmax, one hidden number, d = T = 32: every one of 50,000 lists",
            note="every answer",
        ),
    ),
)  # fmt: skip
