"""One head sorts: it looks for the next larger number, and copies it."""

from headlab.config import ModelConfig, Phase, Plateau, TrainConfig
from headlab.data.batch import Ids
from headlab.data.dataset import Dataset
from headlab.data.draws import Draws
from headlab.data.stream import Stream
from headlab.tasks.reference import Reference
from headlab.tasks.sorting import sorted_lists
from headlab.tasks.task import Recipe, Task

TEXT = """\
START, five different numbers from 0 to 63, MID, and the same five sorted; asked at MID and at each of the first four answers.
One layer with one head and no MLP is enough: at MID it looks at the smallest number, at an answer at the next larger one, and
what it reads there is the next answer. A model without attention sees the last token alone: its best answer after v is v + 1,
right with probability 5/64 at every place, and no training gets beyond that.

Published: Adam at 0.001 on fresh batches of 128, the rate times 0.1 where the loss of a batch has not fallen for more than 100
steps, until ten evaluations in a row, 100 steps apart and each of 1,000 lists, have no list wrong: at step 2,100. On the way
0.568 of the lists were right at step 100, 0.888 at 200, 0.958 at 300, 0.980 at 400 and 0.996 at 600. Its lists were drawn by a
generator without a seed, so nobody can have that very run.
Here the last answer is not fed (nothing is read there); training ends at step 3,000 at the latest (published: 20,000, with the
rate at its lowest, 1e-8, long before); any fall of the loss counts as one (published: of 0.01 %).
The plain recipe leaves out norms and biases and needs more steps; no-attention is the model of the last token alone.
"""
N_VALUES, LENGTH = 64, 5


def sample(draws: Draws, size: int | None) -> tuple[Ids, Ids]:
    """Return START, five numbers, MID and the same sorted, whose last is asked for but not there.

    >>> [array.shape for array in sample(Draws(0, "train", 0, 2), None)]
    [(2, 11), (2, 11)]
    """
    return sorted_lists(draws, N_VALUES, LENGTH, start=N_VALUES, middle=N_VALUES + 1)


STREAM = Stream(
    sample,
    vocabulary=(*(str(value) for value in range(N_VALUES)), "START", "MID"),
    n_ctx=2 * LENGTH + 1,
    counts="sequences",
)
PLAIN = ModelConfig(d_head=32, d_model=128, factored_values=True, unembed=True, init="*=transformer_lens")
PUBLISHED = TrainConfig(
    optimizer="adam", learning_rate=0.001, epsilon=1e-8, batch_size=128,
    evaluate_every=100, evaluate_on=1000, stop_at=1.0, stop_count=10,
    phases=(Phase(3000, Plateau(factor=0.1, patience=101, min_rate=1e-8, min_delta=0.0)),),
)  # fmt: skip

TASK = Task(
    name="sort1",
    title="one head sorts five numbers: it looks for the next larger one and copies it",
    source="github.com/MatthewBaggins/one-attention-head-is-all-you-need, commit 17b8f81 (2023), notebook 1",
    license="MIT for the published notebook; nothing of it is copied, and the lists are drawn here",
    text=TEXT,
    make=lambda: Dataset.from_stream(STREAM),
    recipes={
        "published": Recipe(PLAIN.replace(norm="layer", norm_final=True, biases=True), PUBLISHED),
        "plain": Recipe(PLAIN, PUBLISHED.replace(phases=(Phase(3000),)), "without norms and biases, at a constant rate"),
        "no-attention": Recipe(
            PLAIN.replace(n_layers=0),
            PUBLISHED.replace(phases=(Phase(1000),), stop_at=None, stop_count=1, learning_rate=0.01),
            "without attention",
        ),
    },
    metrics=("sequence_accuracy", "token_accuracy", "cross_entropy"),
    references=(
        Reference(
            "sequence_accuracy", 1.0, 0.005, "published", over="median", seeds=8, at_most=False,
            source="notebook 1: all of 1,000 lists in validation and all of 1,000 in test, one run",
            note="none of 1,000 wrong goes with an error of up to 0.3 %; the rest is for what differs by seed",
        ),
        Reference(
            "token_accuracy", LENGTH / N_VALUES, 0.015, "exact", over="median", seeds=8, recipe="no-attention",
            source="after v the best answer is v + 1, right with probability 5/64 at every place",
            note="three standard deviations of a share of 5,000 answers, and what training leaves between two near equals",
        ),
    ),
)  # fmt: skip
