"""Uniform attention adds up: one head tells the sign of a running sum."""

import numpy as np

from headlab.config import ModelConfig, Phase, TrainConfig
from headlab.data.batch import Ids
from headlab.data.dataset import Dataset
from headlab.data.draws import Draws
from headlab.data.stream import Stream
from headlab.tasks.epochs import falling
from headlab.tasks.reference import Reference
from headlab.tasks.task import Recipe, Task

TEXT = """\
Twenty numbers from −5 to 5; asked at each is whether the sum up to and with it is negative, zero or positive. The first number
is any of the eleven; each further one has with probability 0.7 the sign that leads the sum back towards zero (a sum of zero
counts as negative), and a size from 0 to 5, so that sums of zero are common. A head that looks everywhere alike reads the mean
of the numbers so far, whose sign is the sum's: nothing has to be looked for.

Published: one layer, one head of size 12, an MLP of 8, no norms; Adam with L2 of 0.01 in the gradient, batches of 512 from a
table of 150,000, 20 epochs whose rate falls by the same amount at the start of each, from 0.001 (which no epoch has) to
0.0001. Of 200,000 places in validation 0.9339 are right after the first epoch, 0.9999 after the second, and 1.0000 after
the third and every later one. The published recipe here ends after the third epoch; 20-epochs is all of it, and the last
batches' loss was published as 0.071 to 0.078.
Here the table has 150,016 sequences, so that each of the 293 steps of an epoch has a whole batch (published: the last has 496).
The plain recipe shows that neither the MLP nor biases are needed. Without attention only the number at hand is known, and its
place: what the best answers to those reach is worked out exactly from how the numbers are drawn.
"""
LARGEST, LENGTH, BACK = 5, 20, 0.7
BATCH_SIZE, STEPS = 512, 293
WITHOUT_ATTENTION = 0.6152620253573091  # the share of places that the number at hand and its place decide, at best


def sample(draws: Draws, size: int | None) -> tuple[Ids, Ids]:
    """Return numbers, each as itself + 5, and at each whether the sum so far is negative (0), zero (1) or positive (2).

    >>> tokens, targets = sample(Draws(0, "train", 0, 2), None)
    >>> bool((targets == np.sign((tokens - LARGEST).cumsum(axis=1)) + 1).all())
    True
    """
    numbers = np.empty((draws.n, LENGTH), np.int64)
    numbers[:, 0] = total = draws.integers(2 * LARGEST + 1, 1)[:, 0] - LARGEST
    sizes = draws.integers(LARGEST + 1, LENGTH - 1)
    back = draws.uniform(LENGTH - 1) < BACK
    for place in range(1, LENGTH):
        negative = back[:, place - 1] == (total > 0)
        numbers[:, place] = np.where(negative, -1, 1) * sizes[:, place - 1]
        total = total + numbers[:, place]
    return numbers + LARGEST, np.sign(numbers.cumsum(axis=1)) + 1


def _table(data_seed: int) -> tuple[Ids, Ids]:
    """Return all that is trained on: as many examples as the whole batches of an epoch have."""
    return sample(Draws(data_seed, "train", 0, BATCH_SIZE * STEPS), None)


STREAM = Stream(
    sample,
    vocabulary=tuple(f"{number:+d}" for number in range(-LARGEST, LARGEST + 1)),
    outputs=("negative", "zero", "positive"),
    n_ctx=LENGTH,
    table=_table,
)
PLAIN = ModelConfig(d_head=12, d_model=24, factored_values=True, unembed=True, init="*=transformer_lens")


def _training(epochs: int) -> TrainConfig:
    rate, phase = falling(1e-3, 1e-4, of=20, steps=STEPS, upto=epochs)
    return TrainConfig(
        optimizer="adam", learning_rate=rate, epsilon=1e-8, l2=0.01, batch_size=BATCH_SIZE, phases=(phase,),
        evaluate_every=STEPS, evaluate_on=1000,
    )  # fmt: skip


_STEADY = _training(3).replace(l2=0.0, learning_rate=0.001, phases=(Phase(4 * STEPS),))
TASK = Task(
    name="cumsum",
    title="one head that looks everywhere alike tells the sign of a running sum",
    source="github.com/callummcdougall/ARENA_2.0, commit e805ad8, monthly algorithmic problem of November 2023",
    license="none is given for the published code; nothing of it is copied, and the numbers are drawn here",
    text=TEXT,
    make=lambda: Dataset.from_stream(STREAM),
    recipes={
        "published": Recipe(PLAIN.replace(d_mlp=8, biases=True), _training(3), "the first three epochs"),
        "20-epochs": Recipe(PLAIN.replace(d_mlp=8, biases=True), _training(20), "all epochs"),
        "plain": Recipe(PLAIN, _STEADY, "without MLP and biases, at a constant rate"),
        "no-attention": Recipe(
            PLAIN.replace(n_layers=0),
            _STEADY.replace(phases=(Phase(2 * STEPS),), learning_rate=0.01),
            "without attention",
        ),
    },
    metrics=("token_accuracy", "class_accuracy", "cross_entropy"),
    references=(
        Reference(
            "token_accuracy", 1.0, 0.0005, "published", over="median", seeds=8, at_most=False,
            source="training_model.ipynb, epoch 02: 1.0000 of 200,000 places, one run",
            note="printed with four digits; after two epochs 0.9999 were right",
        ),
        Reference(
            "token_accuracy", 1.0, 0.0005, "published", over="median", seeds=8, at_most=False, recipe="plain",
            source="training_model.ipynb: 1.0000 of 200,000 places, by a model with an MLP and biases",
            note="the same number without MLP and biases, after four epochs at a constant rate",
        ),
        Reference(
            "token_accuracy", WITHOUT_ATTENTION, 0.01, "exact", over="best", seeds=8, at_most=True, recipe="no-attention",
            source="the best answers to a number and its place, by the distribution of sums",
            note="what a share of 20,000 places that hang together by twenty may be off; a number and its place add up in the "
            "logits, so that not every answer to both can be given",
        ),
    ),
)  # fmt: skip
