"""Which one is missing? A model of 108 numbers that is right on all 1,048,320 prompts."""

from collections.abc import Iterator
from functools import cache
from itertools import combinations, permutations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headlab.config import ModelConfig, Phase, TrainConfig
from headlab.data.batch import ABSENT, Ids
from headlab.data.dataset import Dataset
from headlab.data.draws import Draws
from headlab.data.stream import Examples, Stream
from headlab.tasks.reference import MEASURED, PUBLISHED, Reference
from headlab.tasks.task import Recipe, Task

SYMBOLS, CHOSEN = 16, 4
START, BAR = SYMBOLS, SYMBOLS + 1
VOCABULARY = (*"abcdefghijklmnop", "<Start>", "|")
N_CTX = 2 * CHOSEN + 2
ORDERS = np.array(list(permutations(range(CHOSEN))))
HELD_OUT = round(0.15 * 1820)  # of the sets, and as many again for tests

TEXT = """Four different letters, a bar, and three of the four in another order: “n b j e | e n b |”, then the missing one:
j. The model has two heads of size 1 in a stream of width 2: 16 letters and two marks on a circle, as it were, and 108
numbers in all. That is enough to be right on every prompt there is: 16 · 15 · 14 · 13 orders of four letters, times 4 · 6
ways to leave one out and order the rest, 1,048,320.

Whole sets of letters are split before they are ordered: 1,274 of the 1,820 sets are trained on, 273 are held out and 273
are left for tests, so that being right everywhere is more than remembering. Look at where the sixteen letters stand in
the plane (W_E), at the two heads' patterns at the last bar, and at the sum of what they write: one side minus the other.

Many runs stop a little short of it: look at the share of runs that are right everywhere, and at the best one."""

_REPOSITORY = "andyrdt/puzzles@ead605bc, 09_2026: README.md, puzzle1/train.py"


@cache
def sets() -> dict[str, NDArray[np.int64]]:
    """Return the sets of four letters [set, letter] of every stream: 1,274, 273 and 273, each letter in all three."""
    every = np.array(list(combinations(range(SYMBOLS), CHOSEN)))
    order = Draws(1729, "order", 0, 1).order(len(every))[0]  # the seed that the repository splits by, with other draws
    trained = len(every) - 2 * HELD_OUT
    parts = (order[:trained], order[trained : trained + HELD_OUT], order[trained + HELD_OUT :])
    return {name: every[part] for name, part in zip(("train", "held out", "test"), parts, strict=True)}


def sample(draws: Draws, size: int | None) -> Examples:
    """Return a set of the stream in random order, and all of it but one in another; that one is asked for at the end."""
    of_stream = sets()[draws.stream]
    which, first, second = draws.integers([[len(of_stream), len(ORDERS), len(ORDERS)]], 3).T
    return asked(of_stream[which[:, None], ORDERS[first]], ORDERS[second])


def asked(letters: Ids, order: Ids) -> Examples:
    """Return prompts of letters [prompt, letter]: the first that an order names is left out after the bar, and asked for.

    >>> tokens, targets = asked(np.array([[13, 1, 9, 4]]), np.array([[2, 3, 0, 1]]))
    >>> " ".join(VOCABULARY[token] for token in tokens[0]), VOCABULARY[targets[0, -1]]
    ('<Start> n b j e | e n b |', 'j')
    """
    tokens, targets = (np.full((len(letters), N_CTX), fill) for fill in (BAR, ABSENT))
    second = np.take_along_axis(letters, order, axis=1)
    tokens[:, 0] = START
    tokens[:, 1 : CHOSEN + 1] = letters
    tokens[:, CHOSEN + 2 : -1] = second[:, 1:]
    targets[:, -1] = second[:, 0]
    return tokens, targets


def inputs() -> Iterator[Examples]:
    """Yield all 1,048,320 prompts, a piece for each order of the second half."""
    letters = np.array(list(permutations(range(SYMBOLS), CHOSEN)))
    for order in ORDERS:
        yield asked(letters, np.tile(order, (len(letters), 1)))


def dataset() -> Dataset:
    """Return fresh prompts about sets that are trained on, and others about sets that are not."""
    return Dataset.from_stream(Stream(sample, VOCABULARY, N_CTX, enumerate=inputs))


_MODEL: dict[str, Any] = {"d_head": 1, "n_heads": 2, "d_model": 2, "unembed": True, "factored_values": True}

TASK = Task(
    name="setdiff",
    title="the letter that is missing: 108 numbers are right on all 1,048,320 prompts",
    source=_REPOSITORY,
    text=TEXT,
    license="the repository states none; prompts are drawn here, sets are split by headlab's own draws",
    make=dataset,
    recipes={
        "own": Recipe(
            ModelConfig(**_MODEL, init="*=normal 0.7, W_E=normal 0.5, W_pos=normal 0.5"),
            TrainConfig(
                optimizer="adamw", learning_rate=0.03, weight_decay=0.0, epsilon=1e-8, batch_size=128,
                phases=(Phase(4000, rate="cosine"),),
            ),
            "wider initial weights and a larger rate: 4,000 steps of 128",
        ),
        "published": Recipe(
            ModelConfig(**_MODEL, init="*=linear, W_E=normal 0.02, W_pos=normal 0.02, W_U=normal 0.02"),
            TrainConfig(
                optimizer="adamw", learning_rate=0.003, weight_decay=0.01, epsilon=1e-8, batch_size=2048,
                phases=(Phase(30_000, rate="cosine", end_rate=0.0001),),
            ),
            "the repository's: 30,000 steps of 2,048",
        ),
    },
    metrics=("exact_accuracy", "token_accuracy", "success_share(1)"),
    references=(
        Reference(
            "exact_accuracy", 1.0, 0.0, PUBLISHED, f"{_REPOSITORY}: “100% on all 1,048,320 valid prompts”, one model",
            "best", 24, "own", note="every prompt is tried",
        ),
        Reference(
            "exact_accuracy", 1.0, 0.0, PUBLISHED, f"{_REPOSITORY}: “100% on all 1,048,320 valid prompts”, one model",
            "best", 8, "published", note="every prompt is tried",
        ),
        Reference(
            "success_share(1)", 0.21, 0.17, MEASURED, "24 seeds of headlab 0.1.0: 5 right everywhere (Wilson .09 to .40)",
            "share", 24, "own", note="two standard errors of 24 runs",
        ),
    ),
)  # fmt: skip
