"""Two heads sort ten numbers after one epoch: they divide the numbers among themselves."""

from headlab.config import ModelConfig, Phase, TrainConfig
from headlab.data.batch import Ids
from headlab.data.dataset import Dataset
from headlab.data.draws import Draws
from headlab.data.stream import Stream
from headlab.tasks.epochs import falling
from headlab.tasks.reference import Reference
from headlab.tasks.sorting import sorted_lists
from headlab.tasks.task import Recipe, Task

TEXT = """\
Ten different numbers from 0 to 50, SEP, and the same ten sorted; asked at SEP and at each of the first nine answers. One layer
with two heads. Each answer needs the smallest number that is larger than the one at hand; in the published model, which is
taken apart in arXiv 2501.18666, the heads divide the numbers among themselves: each copies some ranges of them.
A model without attention is right with probability 10/51 at every place, and not more.

Published: Adam with L2 of 0.005 in the gradient, batches of 512 from a table of 150,000 lists, 25 epochs whose rate falls by the
same amount at the start of each, from 0.001 (which no epoch has) to 0.0001. Of 100,000 answers 0.9983 are right after the
first epoch and 0.9989 after the last, with a loss of 0.034. The published recipe here ends after the first epoch, where the
published training is nearly done; 25-epochs is all of it.
Here the table has 150,016 lists, so that each of the 293 steps of an epoch has a whole batch (published: the last has 496), and
the last answer is not fed (nothing is read there).
"""
N_VALUES, LENGTH = 51, 10
BATCH_SIZE, STEPS = 512, 293


def sample(draws: Draws, size: int | None) -> tuple[Ids, Ids]:
    """Return ten numbers, SEP and the same sorted, whose last is asked for but not there.

    >>> [array.shape for array in sample(Draws(0, "train", 0, 2), None)]
    [(2, 20), (2, 20)]
    """
    return sorted_lists(draws, N_VALUES, LENGTH, start=None, middle=N_VALUES)


def _table(data_seed: int) -> tuple[Ids, Ids]:
    """Return all that is trained on: as many examples as the whole batches of an epoch have."""
    return sample(Draws(data_seed, "train", 0, BATCH_SIZE * STEPS), None)


STREAM = Stream(
    sample,
    vocabulary=(*(str(value) for value in range(N_VALUES)), "SEP"),
    n_ctx=2 * LENGTH,
    table=_table,
)
MODEL = ModelConfig(
    d_head=48, n_heads=2, d_model=96, factored_values=True, unembed=True, norm="layer", norm_final=True, biases=True,
    init="*=transformer_lens",
)  # fmt: skip


def _training(epochs: int) -> TrainConfig:
    rate, phase = falling(1e-3, 1e-4, of=25, steps=STEPS, upto=epochs)
    return TrainConfig(
        optimizer="adam", learning_rate=rate, epsilon=1e-8, l2=0.005, batch_size=BATCH_SIZE, phases=(phase,),
        evaluate_every=STEPS, evaluate_on=1000,
    )  # fmt: skip


TASK = Task(
    name="sort10",
    title="two heads sort ten numbers, and divide the numbers among themselves",
    source="github.com/callummcdougall/ARENA_2.0, commit e805ad8, monthly algorithmic problem of October 2023",
    license="none is given for the published code; nothing of it is copied, and the lists are drawn here",
    text=TEXT,
    make=lambda: Dataset.from_stream(STREAM),
    recipes={
        "published": Recipe(MODEL, _training(1), "the first epoch"),
        "25-epochs": Recipe(MODEL, _training(25), "all epochs"),
        "no-attention": Recipe(
            MODEL.replace(n_layers=0, norm="none", norm_final=False, biases=False),
            _training(1).replace(l2=0.0, learning_rate=0.01, phases=(Phase(STEPS),)),
            "without attention",
        ),
    },
    metrics=("token_accuracy", "sequence_accuracy", "cross_entropy"),
    references=(
        Reference(
            "token_accuracy", 0.9983, 0.002, "published", over="median", seeds=8, at_most=False,
            source="training_model.ipynb, epoch 00: 0.9983 of 10,000 lists' answers, one run",
            note="what differs by seed after the first epoch; 0.9989 is what 25 epochs reach",
        ),
        Reference(
            "token_accuracy", 0.9989, 0.001, "published", over="median", seeds=8, at_most=False, recipe="25-epochs",
            source="training_model.ipynb, the best of epochs 00 to 24: 0.9989",
            note="the published epochs 5 to 24 differ among themselves by 0.0008",
        ),
        Reference(
            "token_accuracy", LENGTH / N_VALUES, 0.015, "exact", over="median", seeds=8, recipe="no-attention",
            source="after v the best answer is v + 1, right with probability 10/51 at every place",
            note="three standard deviations of a share of 10,000 answers, and what training leaves between two near equals",
        ),
    ),
)  # fmt: skip
