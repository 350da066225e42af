"""Who gets it? The name that was not said twice: indirect objects in their smallest form, with one head and with two."""

from itertools import permutations

from headlab.config import ModelConfig, Phase, TrainConfig
from headlab.data.batch import ABSENT, Batch
from headlab.data.corpus import Corpus
from headlab.data.dataset import Dataset
from headlab.tasks.reference import MEASURED, PUBLISHED, Reference
from headlab.tasks.task import Recipe, Task

NAMES = ("Anna", "Ben", "Cleo", "Dan", "Eva", "Finn")
VOCABULARY = ("<Start>", *NAMES, "to")

TEXT = """“Anna and Ben met. Anna gave it to …”: Ben. Here the sentence is cut down to what matters: a start token, two
different names, one of them again, and “to”, after which the other name is asked for: 6 · 5 · 2 = 60 sentences, all of
them in every step. Copying a name that was seen is not enough: both were, so a head that looks at both equally is right
half of the time at a loss of ln 2. Something has to hold the repeated name down.

Published is that one layer of two heads does it completely, one adding both names and the other taking the repeated one
away; that one head gets stuck at one half; and that two layers of one head each do it, too. On how those two layers work
together the paper's versions contradict each other: the first abstract says by queries and values, the second mainly by
queries and keys. Sizes and training are not stated in what can be read of it; these are headlab's own.

Look at the share of runs that are right in all 60 rather than at one run: a run is either stuck at one half or right
everywhere. “One head cannot” is a statement about the typical run: of narrow models with one head, some runs do it."""

_PAPER = "Adhikari, arXiv:2510.25013"
_MORE = "accuracy 1 of a run means all of the 60 sentences"


def sequences() -> tuple[list[list[int]], list[list[int]]]:
    """Return all 60 sentences as ids, and their targets: at “to” the name that was said once."""
    tokens, targets = [], []
    for one, other in permutations(range(1, 1 + len(NAMES)), 2):
        for repeated, asked in ((one, other), (other, one)):
            tokens.append([0, one, other, repeated, len(VOCABULARY) - 1])
            targets.append([ABSENT] * 4 + [asked])
    return tokens, targets


def dataset() -> Dataset:
    """Return the 60 sentences, all of which are trained on in every step."""
    batch = Batch.equally_weighted(*sequences(), len(VOCABULARY))
    return Dataset(Corpus(batch, VOCABULARY, VOCABULARY, wrap=False))


def _recipe(title: str, n_layers: int, n_heads: int) -> Recipe:
    model = ModelConfig(
        n_layers=n_layers, n_heads=n_heads, d_model=16, d_head=16 // n_heads, unembed=True, factored_values=True,
        init="*=transformer_lens",
    )  # fmt: skip
    training = TrainConfig(optimizer="adamw", learning_rate=0.01, weight_decay=0.1, epsilon=1e-8, phases=(Phase(1000),))
    return Recipe(model, training, title)


def _published(value: float, over: str, recipe: str, tolerance: float = 0.0, note: str = _MORE) -> Reference:
    return Reference("token_accuracy", value, tolerance, PUBLISHED, _PAPER, over, 8, recipe, note=note)


def _share(value: float, tolerance: float, recipe: str, interval: str) -> Reference:
    said = f"400 seeds of headlab 0.1.0: 95 % interval (Wilson) {interval}"
    note = "two standard errors of 64 runs"
    return Reference("success_share(1)", value, tolerance, MEASURED, said, "share", 64, recipe, note=note)


TASK = Task(
    name="ioi",
    title="the name that was not said twice: two heads find it, one mostly does not",
    source=f"{_PAPER} (versions 1 and 2); no repository; sizes and training are headlab's own",
    text=TEXT,
    license="none needed: all 60 sentences are written by a rule",
    make=dataset,
    recipes={
        "1L2H": _recipe("one layer of two heads", 1, 2),
        "1L1H": _recipe("one layer of one head", 1, 1),
        "2L1H": _recipe("two layers of one head", 2, 1),
    },
    metrics=("token_accuracy", "cross_entropy", "success_share(1)"),
    references=(
        _published(1.0, "best", "1L2H"),
        _published(0.5, "median", "1L1H", 0.05, "about 50 %, as published; a name more or less of 60 is 1.7 %"),
        _published(1.0, "best", "2L1H"),
        _share(0.66, 0.12, "1L2H", ".61 to .70"),
        _share(0.08, 0.07, "1L1H", ".06 to .11"),
        _share(0.93, 0.07, "2L1H", ".90 to .95"),
    ),
)
