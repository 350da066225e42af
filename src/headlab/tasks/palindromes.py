"""Two layers tell palindromes: the first brings each pair of places together, the second counts the pairs that differ."""

import numpy as np

from headlab.config import ModelConfig, Phase, TrainConfig
from headlab.data.batch import Ids
from headlab.data.dataset import Dataset
from headlab.data.draws import Draws
from headlab.data.stream import Stream
from headlab.tasks.reference import Reference
from headlab.tasks.task import Recipe, Task

TEXT = """\
START, twenty numbers from 0 to 30, END; asked at END is whether the numbers are a palindrome. Half of the sequences are: ten
numbers and their mirror image. In the others each number of the mirror image is replaced with probability ½ by any of the 31,
so that a few places differ, and 0.13 % are palindromes by chance, which count as such. Two layers of two heads and no MLP: a
number of the second half looks at its partner in the first, which needs positions alone, and END looks at numbers that
differ from their partner.
The published solution warns of removing heads by putting zeros in the place of what they write: END has come to expect some
sum, so heads without a part in the answer seem to have one; their mean instead of zero shows it.

Published: Adam at 0.001, batches of 512 from a table of 100,000, 15 epochs, the loss in float64. Of 5,000 sequences in
validation 0.646, 0.796, 0.856, 0.917, 0.976 are right after the first five epochs, 0.998 at best, 0.997 after the last.
Here the table has 100,352 sequences, so that each of the 196 steps of an epoch has a whole batch (published: the last has
160); each is of the first half with probability ½ (published: exactly half of them); the loss is computed in float32. That the
number of places that differ is uniform stands in the published docstring and is not what its code does; the code is followed.
"""
LARGEST, HALF = 30, 10
START, END = LARGEST + 1, LARGEST + 2
BATCH_SIZE, STEPS, EPOCHS = 512, 196, 15


def sample(draws: Draws, size: int | None) -> tuple[Ids, Ids]:
    """Return START, twenty numbers and END, and at END whether they are a palindrome (1) or not (0).

    >>> tokens, targets = sample(Draws(0, "train", 0, 50), None)
    >>> bool((targets[:, -1] == (tokens[:, 1:11] == tokens[:, 20:10:-1]).all(axis=1)).all())
    True
    """
    mirrored = draws.integers(2, 1) == 0
    first = draws.integers(LARGEST + 1, HALF)
    other = draws.integers(LARGEST + 1, HALF)
    replaced = draws.integers(2, HALF) == 1
    second = np.where(~mirrored & replaced, other, first[:, ::-1])
    ends = np.full((draws.n, 1), START), np.full((draws.n, 1), END)
    tokens = np.concatenate([ends[0], first, second, ends[1]], axis=1)
    targets = np.full_like(tokens, -1)
    targets[:, -1] = (second == first[:, ::-1]).all(axis=1)
    return tokens, targets


def _table(data_seed: int) -> tuple[Ids, Ids]:
    """Return all that is trained on: as many examples as the whole batches of an epoch have."""
    return sample(Draws(data_seed, "train", 0, BATCH_SIZE * STEPS), None)


STREAM = Stream(
    sample,
    vocabulary=(*(str(number) for number in range(LARGEST + 1)), "START", "END"),
    outputs=("other", "palindrome"),
    n_ctx=2 * HALF + 2,
    table=_table,
)
MODEL = ModelConfig(
    n_layers=2, n_heads=2, d_head=14, d_model=28, factored_values=True, unembed=True, norm="layer", norm_final=True, biases=True,
    init="*=transformer_lens",
)  # fmt: skip
TRAINING = TrainConfig(
    optimizer="adam", learning_rate=0.001, epsilon=1e-8, batch_size=BATCH_SIZE, phases=(Phase(STEPS * EPOCHS),),
    evaluate_every=STEPS, evaluate_on=5000,
)  # fmt: skip

TASK = Task(
    name="palindromes",
    title="two layers tell palindromes: pairs of places are brought together, then those that differ are counted",
    source="github.com/callummcdougall/ARENA_2.0, commit e805ad8, monthly algorithmic problem of July 2023",
    license="none is given for the published code; nothing of it is copied, and the numbers are drawn here",
    text=TEXT,
    make=lambda: Dataset.from_stream(STREAM),
    recipes={"published": Recipe(MODEL, TRAINING)},
    metrics=("token_accuracy", "class_accuracy", "cross_entropy"),
    references=(
        Reference(
            "token_accuracy", 0.997, 0.005, "published", over="median", seeds=8, at_most=False,
            source="training_model.ipynb, epoch 14: 0.997 of 5,000 sequences, one run; 0.998 at best",
            note="two standard deviations of a share of 5,000 are 0.0015; the rest is for what differs by seed",
        ),
    ),
)  # fmt: skip
