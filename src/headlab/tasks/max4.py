"""The largest of four numbers: one head that copies, in a model small enough to be proven right."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from headlab.config import ModelConfig, Phase, TrainConfig
from headlab.data.batch import ABSENT, Ids
from headlab.data.dataset import Dataset
from headlab.data.draws import Draws, every_sequence
from headlab.data.stream import Examples, Stream
from headlab.tasks.reference import EXACT, MEASURED, Reference
from headlab.tasks.task import Recipe, Task

K, V = 4, 64
VOCABULARY = tuple(map(str, range(V)))

TEXT = """Four numbers from 0 to 63 in any order; after the last one the model names the largest. One head is enough. Its
QK circuit gives a number the more attention the larger it is, whatever asks, and its OV circuit copies what is looked at
to the output; the direct path from the last token to the logits adds a little. Draw both circuits as tables over numbers:
scores that grow from left to right, and a diagonal.

The model became known because its accuracy can be proven from its weights, by more or less of an explanation: all 64⁴ =
16,777,216 inputs tried one by one is the longest proof, and shorter ones need to know how the head works. A model that
sees no more than the last number can be right in 26.99 % of inputs and not more: that is what the recipe without layers
reaches."""

_PAPER = "Gross et al., arXiv:2406.11779; JasonGross/guarantees-based-mechanistic-interpretability@fb5b181d"


def sample(draws: Draws, size: int | None) -> Examples:
    """Return four numbers of 0 … 63 each, drawn alike and on their own, and the largest of them at the last place."""
    return answered(draws.integers(V, K))


def answered(tokens: Ids) -> Examples:
    """Return rows of numbers with the largest of each as its last place's target.

    >>> answered(np.array([[3, 9, 2, 9]]))[1].tolist()
    [[-1, -1, -1, 9]]
    """
    targets = np.full_like(tokens, ABSENT)
    targets[:, -1] = tokens.max(axis=1)
    return tokens, targets


def inputs() -> Iterator[Examples]:
    """Yield all 64⁴ inputs, a piece for each first number."""
    rest = every_sequence(V, K - 1)
    for first in range(V):
        yield answered(np.concatenate([np.full((len(rest), 1), first), rest], axis=1))


def dataset() -> Dataset:
    """Return fresh lists of four numbers."""
    return Dataset.from_stream(Stream(sample, VOCABULARY, K, enumerate=inputs))


_TRAINING: dict[str, Any] = {
    "optimizer": "adamw",
    "learning_rate": 0.001,
    "weight_decay": 0.01,
    "epsilon": 1e-8,
    "batch_size": 128,
}
_MODEL: dict[str, Any] = {"d_model": 32, "unembed": True, "factored_values": True, "init": "*=transformer_lens"}

TASK = Task(
    name="max4",
    title="the largest of four numbers: one head looks at it and copies it",
    source=_PAPER,
    text=TEXT,
    license="numbers are drawn here; the repository's recipe is under the MIT license",
    make=dataset,
    recipes={
        "published": Recipe(
            ModelConfig(d_head=32, **_MODEL),
            TrainConfig(**_TRAINING, phases=(Phase(3000),)),
            "one head of size 32, 3,000 steps",
        ),
        "no layers": Recipe(
            ModelConfig(n_layers=0, **{name: value for name, value in _MODEL.items() if name != "factored_values"}),
            TrainConfig(**_TRAINING, phases=(Phase(3000),)),
            "no attention: only the last number is seen",
        ),
    },
    metrics=("token_accuracy", "cross_entropy"),
    references=(
        Reference(
            "token_accuracy", 0.998, 0.0, MEASURED, "eight seeds of headlab 0.1.0 ended at .9873 to .9998, their median .9998",
            "median", 8, at_most=False, note="single runs dip by some thousandths from step to step",
        ),
        Reference(
            "token_accuracy", 0.269921, 0.014, EXACT, "counted: the best answer to each last number, over all 64⁴ inputs",
            "median", 8, "no layers", at_most=True, note="two standard errors of 4,096 held-out examples",
        ),
    ),
)  # fmt: skip
