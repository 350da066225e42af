"""Statistical induction: two states follow each other by chances that are drawn anew for every sequence."""

import numpy as np
from numpy.typing import NDArray

from headlab.config import ModelConfig, TrainConfig
from headlab.data.batch import Ids
from headlab.data.dataset import Dataset
from headlab.data.draws import Draws
from headlab.data.stream import Examples, Stream
from headlab.tasks.reference import Reference
from headlab.tasks.task import Recipe, Task

TEXT = """\
A chain of 101 zeros and ones. How likely 0 and 1 are after 0, and after 1, is drawn for each sequence, every chance as
likely as any other, and so is the first state by a coin. At each of the first 100 states the next one is asked for.
Nothing that is worth knowing can be kept in the weights but how to count: after the current state, what came next until
now?

Who knows how chains are drawn says (1 + how often it came next) / (2 + how often the state was left): nobody can do
better, and that costs 0.5112 nats a state, where a coin toss costs 0.6931. Counting zeros and ones without their order
costs 0.5822, and knowing the current state besides, 0.5667 at the least. Training takes these one after the other: the
curve falls to the counts without order, rests there, and falls again when the two layers have found each other: the
first writes beside each state the one before it, the second looks for states that came after one like the current: an
induction head whose answer is a share.

Where the curve rests is found by program: a stretch within 0.02 nats, longer than on average over the training and
longer than the next 0.02 nats take. The values that nobody trains for are computed exactly, from how often each count
is met.

Published: two layers of one head, relative positions, LayerNorm, AdamW at 0.0005, and a dropout of 0.1, which is left
out here. The published program means to start a chain as it goes on in the long run, and starts it by a coin: so does
this. The plain recipe has positions of its own, no norm, a larger rate and larger first weights, and leaves the rest
sooner.
"""
N_STATES, LENGTH = 2, 100
BAYES, COUNTS = 0.5112, 0.5822  # nats a state, exactly: tests/test_markov_task.py


def sample(draws: Draws, size: int | None) -> Examples:
    """Return chains and what comes next in them, [example, 100] each.

    >>> tokens, targets = sample(Draws(0, "train", 0, 2), None)
    >>> bool((tokens[:, 1:] == targets[:, :-1]).all())
    True
    """
    to_zero, chance = draws.uniform(N_STATES), draws.uniform(LENGTH + 1)
    chains, rows = np.empty(chance.shape, np.int64), np.arange(len(chance))
    chains[:, 0] = chance[:, 0] >= 0.5
    for at in range(1, LENGTH + 1):
        chains[:, at] = chance[:, at] >= to_zero[rows, chains[:, at - 1]]
    return chains[:, :-1], chains[:, 1:]


def bayes(tokens: Ids) -> NDArray[np.float64]:
    """Return what comes next to who knows how chains are drawn, [example, position, state]: one more than was counted.

    >>> bayes(np.array([[0, 1, 0, 1, 1]]))[0, :, 0].round(3).tolist()  # of 0 coming next
    [0.5, 0.5, 0.333, 0.667, 0.5]
    """
    state = np.eye(N_STATES, dtype=np.int64)[tokens]
    moves = np.zeros((*tokens.shape, N_STATES, N_STATES), np.int64)
    moves[:, 1:] = state[:, :-1, :, None] * state[:, 1:, None, :]
    counts = 1 + np.take_along_axis(moves.cumsum(axis=1), tokens[:, :, None, None], axis=2)[:, :, 0]
    return np.asarray(counts / counts.sum(axis=-1, keepdims=True))


STREAM = Stream(sample, vocabulary=("0", "1"), n_ctx=LENGTH, bayes=bayes)
PLAIN = ModelConfig(
    d_head=16, n_layers=2, d_model=16, factored_values=True, unembed=True, init="*=transformer_lens"
)  # fmt: skip
PUBLISHED = TrainConfig.of(
    steps=2000, optimizer="adamw", learning_rate=5e-4, beta_2=0.95, epsilon=1e-8, weight_decay=0.1,
    decayed=("W_Q", "W_K", "W_V", "W_O", "W_U"), batch_size=64, evaluate_every=25,
)  # fmt: skip

TASK = Task(
    name="markov",
    title="what came next until now? two layers learn to count it, after resting at a count without order",
    source="Edelman et al. 2024, arXiv 2402.11004; github.com/EzraEdelman/Evolution-of-Statistical-Induction-Heads, "
    "commit 3ab0b29, plots.ipynb",
    license="the published program is under the MIT license; chains are drawn here",
    text=TEXT,
    make=lambda: Dataset.from_stream(STREAM),
    recipes={
        "published": Recipe(
            PLAIN.replace(
                positions=False, relative_positions=True, norm="layer", norm_final=True,
                init="*=normal 0.02, W_O=normal 0.01",
            ),
            PUBLISHED,
        ),
        "plain": Recipe(PLAIN, PUBLISHED.replace(learning_rate=3e-3, beta_2=0.999, weight_decay=0.01, decayed=None)),
    },
    metrics=("above_bayes", "cross_entropy", f"plateau({COUNTS})", "prefix_matching", "previous_token"),
    references=(
        *(
            Reference(
                "above_bayes", 0.0, 0.025, "exact", over="best", seeds=8, recipe=recipe, at_most=True,
                source="the Bayes predictor, one more than was counted, on the same chains",
                note="a third of what is between it and the counts without order, 0.071 nats",
            )
            for recipe in ("published", "plain")
        ),
        Reference(
            f"plateau({COUNTS})", COUNTS, 0.02, "exact", over="best", seeds=8,
            source="expected cross-entropy of the counts without order and one more, over all counts",
            note="0.0155 nats below it is the best that the current state can add to such counts: a model at rest is between",
        ),
    ),
)  # fmt: skip
