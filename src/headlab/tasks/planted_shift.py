"""What stood one before, by one head that is set by hand."""

from collections.abc import Iterator

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
Nothing is trained here: the weights are written down. Of five letters, each of a, b, c and d, every place is to say the
letter one before it: abcd gives a, b, c from the second place on (and nothing at the first).

The residual stream has a number for each letter, one for each letter again, and one for each place. The head reads
places alone: a query looks at the place one before, by 100 nats, and writes the letter there into the second part,
which the unembedding reads. That is a previous-token head. The same program is a test case of Tracr, which compiles
such programs into transformers.
"""
LETTERS = "abcd"
LENGTH = 5
SHARP = 100.0  # nats between the score of the place before and all others


def answers(tokens: Ids) -> Ids:
    """Return the letter one before, [example, position]; none at the first place.

    >>> answers(np.array([[0, 1, 2, 3]])).tolist()
    [[-1, 0, 1, 2]]
    """
    return np.concatenate([np.full((len(tokens), 1), -1), tokens[:, :-1]], axis=1)


def sample(draws: Draws, size: int | None) -> Examples:
    """Return five letters each, and the letter one before."""
    tokens = draws.integers(len(LETTERS), LENGTH)
    return tokens, answers(tokens)


def every() -> Iterator[Examples]:
    """Yield all 1,024 inputs."""
    tokens = every_sequence(len(LETTERS), LENGTH)
    yield tokens, answers(tokens)


def weights() -> Params:
    """Return the weights of the head.

    >>> {name: weight.shape for name, weight in weights().items()}["W_Q"]
    (1, 1, 13, 5)
    """
    n, width = len(LETTERS), 2 * len(LETTERS) + LENGTH
    W_Q, W_K, W_V = (np.zeros((1, 1, width, LENGTH)) for _ in range(3))
    W_O = np.zeros((1, 1, LENGTH, width))
    W_Q[0, 0, 2 * n :] = SHARP / MODEL.scale * np.eye(LENGTH)
    W_K[0, 0, 2 * n :] = np.eye(LENGTH, k=1)
    W_V[0, 0, :n], W_O[0, 0, :, n : 2 * n] = np.eye(n, LENGTH), np.eye(LENGTH, n)
    return Params(
        W_E=np.eye(n, width), W_pos=np.eye(LENGTH, width, k=2 * n), W_Q=W_Q, W_K=W_K, W_V=W_V, W_O=W_O,
        W_U=np.eye(width, n, k=-n),
    )  # fmt: skip


MODEL = ModelConfig(d_head=LENGTH, d_model=2 * len(LETTERS) + LENGTH, factored_values=True, unembed=True)
STREAM = Stream(sample, vocabulary=tuple(LETTERS), n_ctx=LENGTH, enumerate=every)

TASK = Task(
    name="planted-shift",
    title="a previous-token head set by hand",
    source="Lindner et al. 2023, Tracr; github.com/google-deepmind/tracr, commit 9ce2b8c, compiler/test_cases.py, shift_by_one",
    license="Tracr is under the Apache License 2.0; of it only the test case is taken",
    text=TEXT,
    make=lambda: Dataset.from_stream(STREAM),
    recipes={"by-hand": Recipe(MODEL, TrainConfig.of(steps=0), "weights set by hand", weights=weights)},
    metrics=("exact_accuracy", "previous_token"),
    references=(
        Reference(
            "exact_accuracy", 1.0, 0.0, "exact", over="each", seeds=1, recipe="by-hand",
            source="all 1,024 inputs", note="every answer; abcd gives none, a, b, c as in Tracr's test case",
        ),
        Reference(
            "previous_token", 1.0, 1e-6, "exact", over="each", seeds=1, recipe="by-hand",
            source="the weights were written so", note="exact but for rounding",
        ),
    ),
)  # fmt: skip
