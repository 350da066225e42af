"""The task that headlab grew from: what is ordered depends on who orders."""

from headlab.config import ModelConfig
from headlab.data.corpus import Corpus
from headlab.data.dataset import Dataset
from headlab.tasks.reference import EXACT, MEASURED, Reference
from headlab.tasks.task import Recipe, Task

TEXT = """“man ordered the chicken”, “woman ordered the beef”: after “the” two words could come, and who ordered decides
which. A model that knew only the last word would be left with a loss of 2 ln 2 / 5; one that looks back to the second
word comes down to ln 2 / 5 = 0.1386, which is what nobody can know: whether a man or a woman begins. One head of size 20
in a stream as wide as the vocabulary is trained for 5,020 steps; most runs learn to look back, and some do not.

Look at the pattern's row “the”: which earlier word is looked at? Then take that away (ablation), and ask how the word is
coded: in what the head writes, or in what it leaves alone. Compare head sizes: the larger the head, the more runs find
it, and which runs do is a matter of their first weights."""

_FLOOR = "counted in the corpus: half of the first targets of five, ln 2 / 5"


def _share(value: float, recipe: str, interval: str) -> Reference:
    return Reference(
        "solved", value, 0.07, MEASURED, f"1,000 seeds of headlab 0.1.0: 95 % interval (Wilson) {interval}", "share", 200,
        recipe, note="two standard errors of 200 runs are .03 to .07",
    )  # fmt: skip


TASK = Task(
    name="notebook",
    title="what is ordered depends on who orders: one dependency in two sentences",
    source="the course's notebook, two items of homework",
    text=TEXT,
    license="the two sentences are the course's",
    make=lambda: Dataset(Corpus.notebook()),
    recipes={
        "published": Recipe(title="the notebook's: one head of size 20"),
        "d_head 40": Recipe(ModelConfig(d_head=40), title="one head of size 40"),
        "d_head 10": Recipe(ModelConfig(d_head=10), title="one head of size 10"),
        "d_head 1": Recipe(ModelConfig(d_head=1), title="one head of size 1"),
    },
    metrics=("cross_entropy", "solved"),
    references=(
        Reference(
            "cross_entropy", 0.1386294361, 0.035, EXACT, _FLOOR, "best", 8,
            note="5,020 steps of SGD leave runs that solve it .017 to .03 above the floor",
        ),
        _share(0.893, "published", ".872 to .911"),
        _share(0.945, "d_head 40", ".929 to .957"),
        _share(0.793, "d_head 10", ".767 to .817"),
        _share(0.692, "d_head 1", ".663 to .720"),
    ),
)  # fmt: skip
