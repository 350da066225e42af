"""Induction: letters come again with a period that differs from sequence to sequence."""

import numpy as np

from headlab.config import ModelConfig, Phase, TrainConfig
from headlab.data.dataset import Dataset
from headlab.data.draws import Draws
from headlab.data.stream import Examples, Stream
from headlab.tasks.reference import Reference
from headlab.tasks.task import Recipe, Task

TEXT = """\
Five to sixteen different letters, again and again, until there are 32. Where a letter stands for the second time or
later, what comes next is what came after it before: look for it, go one on, and copy. A head that does this is an
induction head. It takes two layers: the first writes beside each letter the one before it, the second looks for a
letter that stands after one like its own.

How long the period is, is drawn for each sequence, and that matters. Where it is the same in all of them, the usual way
to measure induction, one layer that knows positions is as good: it looks at the place so many before, whatever stands
there, with an induction score close to 1 and no induction. Here a guess among the other letters that were seen is right
in 13 of 100 places; one layer, which also knows where it stands, learns to be right about twice as often, and that is
where it ends. Letters do not come twice within a period, so no answer is open: with two layers all can be right.

The induction score is the attention to all places right after an earlier occurrence of the letter, not to the last one
alone, over the places with such an occurrence. Published for a model of this size: from 1/14 at the start to more than
0.4 within 600 steps; how its sequences are made is not told in full, so that number is one to be above, no more (its
count of parameters, some 5,500, does not fit its sizes, which make 9,088). The recipe of that name has its model and
training, positions that do not move and an unembedding that is the embedding.
"""
LETTERS = "abcdefghijklmnopqrstuvwxyz"
LENGTH, SHORTEST, LONGEST = 32, 5, 16


def sample(draws: Draws, size: int | None) -> Examples:
    """Return letters that come again with a drawn period, and what comes next from the second time on, [example, 32].

    >>> tokens, targets = sample(Draws(0, "train", 0, 1), None)
    >>> first = int((targets[0] < 0).sum())  # what has no target is the first period
    >>> bool((tokens[0, first:] == tokens[0, :-first]).all()), len(set(tokens[0, :first].tolist())) == first
    (True, True)
    """
    period = SHORTEST + draws.integers(LONGEST + 1 - SHORTEST, 1)
    letters, places = draws.chosen(len(LETTERS), LONGEST), np.arange(LENGTH + 1)
    written = np.take_along_axis(letters, places % period, axis=1)
    return written[:, :-1], np.where(places[:-1] >= period, written[:, 1:], -1)


STREAM = Stream(sample, vocabulary=tuple(LETTERS), n_ctx=LENGTH)
TWO_LAYERS = ModelConfig(
    d_head=16, n_heads=2, n_layers=2, d_model=32, factored_values=True, unembed=True, init="*=transformer_lens"
)  # fmt: skip
TRAINING = TrainConfig.of(
    steps=1000, optimizer="adamw", learning_rate=3e-3, epsilon=1e-8, weight_decay=0.01, batch_size=64, evaluate_every=50
)  # fmt: skip

TASK = Task(
    name="induction",
    title="what came after this letter before? two layers find it, one cannot",
    source="Olsson et al. 2022, In-context Learning and Induction Heads; recipe published: "
    "theorempath.com/demo/induction-heads-lab",
    license="none needed: sequences are drawn here",
    text=TEXT,
    make=lambda: Dataset.from_stream(STREAM),
    recipes={
        "two-layers": Recipe(TWO_LAYERS, TRAINING, "two layers of two heads"),
        "one-layer": Recipe(TWO_LAYERS.replace(n_layers=1), TRAINING, "the same with one layer"),
        "published": Recipe(
            TWO_LAYERS.replace(sinusoidal_positions=True, tied=True),
            TRAINING.replace(learning_rate=1e-2, batch_size=16, phases=(Phase(600),)),
            "sinusoidal positions, tied unembedding",
        ),
    },
    metrics=("token_accuracy", "cross_entropy", "prefix_matching", "previous_token", "copying"),
    references=(
        Reference(
            "token_accuracy", 1.0, 0.1, "exact", over="median", seeds=8, recipe="two-layers", at_most=False,
            source="letters differ within a period, so what was seen decides every answer",
            note="what a thousand steps leave open",
        ),
        Reference(
            "token_accuracy", 0.3, 0.1, "measured", over="median", seeds=8, recipe="one-layer", at_most=True,
            source="headlab, the same training",
            note="nobody has proved a bound for one layer; between it and two layers nothing is to be found",
        ),
        Reference(
            "prefix_matching", 0.4, 0.0, "published", over="median", seeds=8, recipe="published", at_most=False,
            source="theorempath.com/demo/induction-heads-lab: above 0.4 within some 600 steps",
            note="of the highest head; the number is one to be above",
        ),
    ),
)  # fmt: skip
