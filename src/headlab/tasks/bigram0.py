"""No attention at all: a model of zero layers learns which token follows which, and nothing else."""

from headlab.config import ModelConfig, Phase, TrainConfig
from headlab.data.corpus import Corpus
from headlab.data.dataset import Dataset
from headlab.tasks.reference import EXACT, Reference
from headlab.tasks.task import Recipe, Task

LINES = """the cat sees the dog
the cat sees a bird
the dog sees the cat
a dog hears the cat
a bird hears a bird
the bird sings and the cat sleeps
the dog sleeps and a bird sings
a cat sleeps and the bird sings
the cat hears a dog and a dog hears the cat"""

TEXT = """A model without layers is an embedding W_E and an unembedding W_U. What it says after a token can depend on
that token alone, so the best it can do is the table of what follows what in its text. Training finds that table: the
loss comes down to the conditional entropy of the next token given this one, counted in the text, and softmax(W_E W_U)
becomes the table of shares. Look at the floor of the corpus beside its bigram floor: the distance between the two is
what attention heads are for, and what this model will never get."""

_SOURCE = "Elhage et al. 2021, A mathematical framework for transformer circuits, “zero-layer transformers”"
_COUNTED = (
    "counted in the text: H(next | token), the mean over places of -ln(share of what follows among what follows there)"
)


def dataset() -> Dataset:
    """Return nine sentences of eleven tokens, in which what follows a word is seldom settled by that word."""
    return Dataset(Corpus.from_text(LINES))


TASK = Task(
    name="bigram0",
    title="zero layers learn the table of what follows what, to the entropy, and nothing else",
    source=f"{_SOURCE}; the sentences are headlab's own",
    text=TEXT,
    license="the sentences may be used as headlab may",
    make=dataset,
    recipes={
        "own": Recipe(
            ModelConfig(n_layers=0, d_model=16, unembed=True, positions=False, init="*=normal 0.25"),
            TrainConfig(
                optimizer="adam", learning_rate=0.02, phases=(Phase(800), Phase(200, changes={"learning_rate": 0.001}))
            ),
        )
    },
    metrics=("cross_entropy", "bigram_difference"),
    references=(
        Reference(
            "cross_entropy", 0.944123, 0.001, EXACT, _COUNTED, over="each", seeds=8, recipe="own",
            note="ten times what 1,000 steps leave of the way",
        ),
        Reference(
            "bigram_difference", 0.0, 0.01, EXACT,
            "counted in the text: the share of what follows each token; no probability of the model is further away",
            over="each", seeds=8, recipe="own", note="probabilities of 0 and 1 need infinite logits",
        ),
    ),
)  # fmt: skip
