"""An induction head that is set by hand, in two layers: what detectors of heads must say 1 of."""

import numpy as np

from headlab.config import ModelConfig, TrainConfig
from headlab.data.dataset import Dataset
from headlab.model.params import Params
from headlab.tasks.induction import LENGTH, LETTERS, STREAM
from headlab.tasks.reference import Reference
from headlab.tasks.task import Recipe, Task

TEXT = """\
Nothing is trained here: the weights are written down, so it is known what each head does, and whoever measures heads
can see whether the measure says so. The sequences are those of the task induction.

The residual stream has a number for each letter (what stands here), one for each letter again (what stands one before),
and one for each place. The head of layer 0 reads places alone: a query looks at the place one before, and writes the
letter there into the second part. The head of layer 1 looks for a place whose second part is the letter that stands at
the query, which is the place right after an earlier occurrence, and writes the letter there into the first part, twenty
times as strongly as the letter that is there already. The first place has nothing before it and would write its own
letter; layer 1 does not look at it.

Scores differ by 100 nats, so the softmax leaves nothing to other places, not even in 64-bit numbers: the previous-token
score of layer 0, the prefix-matching score of layer 1, and its copying score, from the eigenvalues of W_E W_V W_O W_U,
are 1 to the last digit.
"""
SHARP = 100.0  # nats between the score of what is looked for and all others
LOUD = 20.0  # of what is copied, where what stands there already is 1


def weights() -> Params:
    """Return the weights of both heads.

    >>> {name: weight.shape for name, weight in weights().items()}["W_Q"]
    (2, 1, 84, 32)
    """
    n, width, d_head = len(LETTERS), 2 * len(LETTERS) + LENGTH, MODEL.d_head
    here, before, place = slice(0, n), slice(n, 2 * n), slice(2 * n, width)
    sharp = SHARP / MODEL.scale
    W_Q, W_K, W_V = (np.zeros((2, 1, width, d_head)) for _ in range(3))
    W_O = np.zeros((2, 1, d_head, width))
    W_Q[0, 0, place] = sharp * np.eye(LENGTH, d_head)
    W_K[0, 0, place] = np.eye(LENGTH, d_head, k=1)
    W_Q[1, 0, here] = sharp * np.eye(n, d_head)
    W_K[1, 0, before] = np.eye(n, d_head)
    W_Q[1, 0, place, n], W_K[1, 0, 2 * n, n] = sharp, -2.0  # nobody looks at the first place
    W_V[:, 0, here] = np.eye(n, d_head)
    W_O[0, 0, :, before], W_O[1, 0, :, here] = np.eye(d_head, n), LOUD * np.eye(d_head, n)
    return Params(
        W_E=np.eye(n, width), W_pos=np.eye(LENGTH, width, k=2 * n), W_Q=W_Q, W_K=W_K, W_V=W_V, W_O=W_O, W_U=np.eye(width, n)
    )  # fmt: skip


MODEL = ModelConfig(d_head=32, n_layers=2, d_model=2 * len(LETTERS) + LENGTH, factored_values=True, unembed=True)
EXACTLY = "the weights were written so"

TASK = Task(
    name="planted",
    title="an induction head set by hand: every detector says 1.000",
    source="the two-layer circuit of Elhage et al. 2021 and Olsson et al. 2022, written down as weights",
    license="none needed: sequences are drawn here",
    text=TEXT,
    make=lambda: Dataset.from_stream(STREAM),
    recipes={"by-hand": Recipe(MODEL, TrainConfig.of(steps=0), "weights set by hand", weights=weights)},
    metrics=("token_accuracy", "cross_entropy", "prefix_matching", "previous_token", "copying"),
    references=tuple(
        Reference(metric, 1.0, tolerance, "exact", EXACTLY, "each", seeds=1, recipe="by-hand", note=note)
        for metric, tolerance, note in (
            ("token_accuracy", 0.0, "every answer"),
            ("prefix_matching", 1e-6, "exact but for rounding"),
            ("previous_token", 1e-6, "exact but for rounding"),
            ("copying", 1e-6, "exact but for rounding"),
        )
    ),
)
