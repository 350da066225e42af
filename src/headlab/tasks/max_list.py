"""The largest of five digits, said as a list: one layer that is right on all 100,000 lists."""

from collections.abc import Iterator
from functools import lru_cache

import numpy as np

from headlab.config import ModelConfig, Phase, TrainConfig
from headlab.data.batch import ABSENT, Ids
from headlab.data.dataset import Dataset
from headlab.data.draws import Draws, every_sequence
from headlab.data.stream import Examples, Stream
from headlab.tasks.reference import PUBLISHED, Reference
from headlab.tasks.task import Recipe, Task

DIGITS, LENGTH = 10, 5
START, COMMA, IS, END = range(DIGITS, DIGITS + 4)
VOCABULARY = (*"0123456789", "<Start>", ",", "max", "<End>")
N_CTX = 2 * LENGTH + 2
TRIED, KEPT, ANYHOW = 2_000, 200, 55_000  # lists with a given maximum: drawn, kept; lists that are drawn anyhow
MOST_HELD_OUT = 5_000

TEXT = """“3 , 1 , 4 , 1 , 5 max” goes on with 5, and then with the end. Attention of one layer does it: at “max” the heads
look at large digits and copy them, and after the answer the end is due wherever one stands. All 10⁵ = 100,000 lists can
be tried, so that “right” here means right on every one.

As published, the training data are a table that is drawn once: 200 lists for each largest digit 0 … 9, and some 42,000
different lists of 55,000 drawn anyhow; a tenth of the table is held out. Two things to know of that split: the first part
repeats lists (there is only one list with the maximum 0), and the two parts overlap, so that some held-out lists are
trained on, too; and it has far more lists with small maxima than chance would give. So a model can be right on 99.998 %
of all lists and on 99.5 % of the held-out ones: trust the count over all lists."""

_REPOSITORY = "andyrdt/puzzles@7857375d, 04_2026: puzzle1a/train.py, model.py"


def written(digits: Ids) -> Examples:
    """Return lists of digits as they are trained: separated, then what the largest is, then that this was all.

    >>> tokens, targets = written(np.array([[3, 1, 4, 1, 5]]))
    >>> " ".join(VOCABULARY[token] for token in tokens[0]), targets[0, -2:].tolist() == [5, END]
    ('<Start> 3 , 1 , 4 , 1 , 5 max 5', True)
    """
    tokens, targets = (np.full((len(digits), N_CTX), fill) for fill in (COMMA, ABSENT))
    tokens[:, 0] = START
    tokens[:, 1 : 2 * LENGTH : 2] = digits
    tokens[:, -2], tokens[:, -1] = IS, digits.max(axis=1)
    targets[:, -2], targets[:, -1] = digits.max(axis=1), END
    return tokens, targets


def sample(draws: Draws, size: int | None) -> Examples:
    """Return lists of five digits, drawn alike and on their own."""
    return written(draws.integers(DIGITS, LENGTH))


def inputs() -> Iterator[Examples]:
    """Yield all 100,000 lists, a piece for each first digit."""
    rest = every_sequence(DIGITS, LENGTH - 1)
    for first in range(DIGITS):
        yield written(np.concatenate([np.full((len(rest), 1), first), rest], axis=1))


@lru_cache(2)
def split(seed: int) -> tuple[Ids, Ids]:
    """Return the digits [list, place] of the table and of the lists held out, by the published rule with headlab's draws."""
    parts = []
    for largest in range(DIGITS):
        draws = Draws(seed, "train", largest * TRIED, TRIED)
        lists = draws.integers(largest + 1, LENGTH)
        lists[np.arange(TRIED), draws.integers(LENGTH, 1)[:, 0]] = largest
        parts.append(np.resize(_different(lists)[:KEPT], (KEPT, LENGTH)))  # over again where there are fewer
    parts.append(_different(Draws(seed, "train", DIGITS * TRIED, ANYHOW).integers(DIGITS, LENGTH)))
    together = np.concatenate(parts)
    shuffled = together[Draws(seed, "train", 2**32, 1).order(len(together))[0]]
    held_out = min(MOST_HELD_OUT, len(together) // 10)
    return shuffled[:-held_out], shuffled[-held_out:]


def _different(lists: Ids) -> Ids:
    """Return lists without those that were there before, in their order."""
    return lists[np.sort(np.unique(lists @ DIGITS ** np.arange(LENGTH), return_index=True)[1])]


def table(seed: int) -> Examples:
    """Return the lists that are trained on."""
    return written(split(seed)[0])


def held_out(seed: int) -> Examples:
    """Return the lists that are held out."""
    return written(split(seed)[1])


def dataset() -> Dataset:
    """Return the table of lists, and those held out."""
    return Dataset.from_stream(Stream(sample, VOCABULARY, N_CTX, enumerate=inputs, table=table, held_out=held_out))


_MODEL = ModelConfig(
    d_head=16, n_heads=4, d_model=64, unembed=True, factored_values=True,
    init="*=linear, W_E=normal 0.02, W_pos=normal 0.02, W_U=normal 0.02",
)  # fmt: skip


def _recipe(steps: int, title: str) -> Recipe:
    training = TrainConfig(
        optimizer="adamw", learning_rate=0.001, weight_decay=0.01, epsilon=1e-8, batch_size=512,
        phases=(Phase(steps, rate="cosine"),),
    )  # fmt: skip
    return Recipe(_MODEL, training, title)


def _right_everywhere(recipe: str) -> Reference:
    said = f"{_REPOSITORY}; puzzles.baulab.info/april-2026: “trained to 100% accuracy”, on its held-out lists"
    why = "here on all 100,000 lists, none of which may be wrong"
    return Reference("exact_accuracy", 1.0, 0.0, PUBLISHED, said, "best", 8, recipe, note=why)


TASK = Task(
    name="max-list",
    title="the largest of five digits: one layer of four heads, right on all 100,000 lists",
    source=_REPOSITORY,
    text=TEXT,
    license="the repository states none; the table is drawn here by its rule",
    make=dataset,
    recipes={
        "short": _recipe(3_000, "the published recipe with its cosine over 3,000 steps"),
        "published": _recipe(20_000, "20,000 steps of 512"),
    },
    metrics=("exact_accuracy", "token_accuracy", "cross_entropy"),
    references=(_right_everywhere("short"), _right_everywhere("published")),
)
