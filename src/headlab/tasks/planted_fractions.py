"""How many of the letters until here are an l, as a share, by one head that is set by hand and looks everywhere alike."""

from collections.abc import Iterator
from fractions import Fraction

import numpy as np

from headlab.config import ModelConfig, TrainConfig
from headlab.data.batch import Ids
from headlab.data.dataset import Dataset
from headlab.data.draws import Draws, every_sequence
from headlab.data.stream import Examples, Stream
from headlab.model.params import Params
from headlab.tasks.reference import Reference
from headlab.tasks.task import Recipe, Task

TEXT = """\
Nothing is trained here: the weights are written down. Of five letters, each of h, e, l and o, every place is to say
which share of the letters until here is an l: hello gives 0, 0, 1/3, 1/2, 2/5.

The head's queries are 0, so all scores are 0 and it looks at every place until here alike; its value is 1 at an l and 0
elsewhere, so what it writes is the share itself. That is how a head counts: it cannot add up, it can take a mean. There
are 11 shares that five letters can have, and each is an answer of its own: the unembedding gives share s, where f was
written, the logit 8,000 (2 s f - s²), which is highest for the share that is nearest to f. The same program is a test
case of Tracr.
"""
LETTERS, COUNTED = "helo", 2
LENGTH = 5
SHARES = tuple(sorted({Fraction(some, of) for of in range(1, LENGTH + 1) for some in range(of + 1)}))
SHARP = 8000.0  # so that shares 1/20 apart are 20 nats apart


def answers(tokens: Ids) -> Ids:
    """Return which share of the letters until here is an l, as the share's number, [example, position].

    >>> [str(SHARES[share]) for share in answers(np.array([[0, 1, 2, 2, 3]]))[0]]
    ['0', '0', '1/3', '1/2', '2/5']
    """
    number = {share: at for at, share in enumerate(SHARES)}
    table = np.array(
        [[number.get(Fraction(some, of), -1) for some in range(LENGTH + 1)] for of in range(1, LENGTH + 1)]
    )
    return table[np.arange(LENGTH), (tokens == COUNTED).cumsum(axis=1)]


def sample(draws: Draws, size: int | None) -> Examples:
    """Return five letters each, and the share of l until every place."""
    tokens = draws.integers(len(LETTERS), LENGTH)
    return tokens, answers(tokens)


def every() -> Iterator[Examples]:
    """Yield all 1,024 inputs."""
    tokens = every_sequence(len(LETTERS), LENGTH)
    yield tokens, answers(tokens)


def weights() -> Params:
    """Return the weights: a stream of the letter, a 1, and the share that the head writes.

    >>> weights().W_E[COUNTED].tolist()
    [0.0, 0.0, 1.0, 0.0, 1.0, 0.0]
    """
    n = len(LETTERS)
    share, width, d_head = n + 1, n + 2, MODEL.d_head
    W_E, W_U = np.eye(n, width), np.zeros((width, len(SHARES)))
    W_V, W_O = np.zeros((1, 1, width, d_head)), np.zeros((1, 1, d_head, width))
    W_E[:, n] = W_V[0, 0, COUNTED, 0] = W_O[0, 0, 0, share] = 1.0
    shares = np.array([float(value) for value in SHARES])
    W_U[share], W_U[n] = SHARP * 2 * shares, -SHARP * shares**2
    zero = np.zeros((1, 1, width, d_head))
    return Params(W_E=W_E, W_Q=zero, W_K=zero, W_V=W_V, W_O=W_O, W_U=W_U)


MODEL = ModelConfig(
    d_head=1, d_model=len(LETTERS) + 2, factored_values=True, unembed=True, positions=False, d_vocab_out=len(SHARES)
)  # fmt: skip
STREAM = Stream(
    sample, vocabulary=tuple(LETTERS), n_ctx=LENGTH, outputs=tuple(map(str, SHARES)), enumerate=every
)  # fmt: skip

TASK = Task(
    name="planted-fractions",
    title="a head set by hand that takes a mean: the share of l until here",
    source="Lindner et al. 2023, Tracr; github.com/google-deepmind/tracr, commit 9ce2b8c, compiler/test_cases.py, frac_prevs_1",
    license="Tracr is under the Apache License 2.0; of it only the test case is taken",
    text=TEXT,
    make=lambda: Dataset.from_stream(STREAM),
    recipes={"by-hand": Recipe(MODEL, TrainConfig.of(steps=0), "weights set by hand", weights=weights)},
    metrics=("exact_accuracy", "cross_entropy"),
    references=(
        Reference(
            "exact_accuracy", 1.0, 0.0, "exact", over="each", seeds=1, recipe="by-hand",
            source="all 1,024 inputs", note="every answer; hello gives 0, 0, 1/3, 1/2, 2/5 as in Tracr's test case",
        ),
    ),
)  # fmt: skip
