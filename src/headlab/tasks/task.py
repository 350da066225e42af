"""What a task is: a dataset with a name that every door knows, and how it is usually trained."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property

from headlab.config import ModelConfig, TrainConfig
from headlab.data.dataset import Dataset


@dataclass(frozen=True, eq=False)
class Task:
    """A named dataset, with the model and the training that it is usually tried with.

    name: one word, of small letters, digits and hyphens; title: one line on what there is to find; source: where it is from
    make: builds the dataset, when it is first asked for

    >>> from headlab.data.corpus import Corpus
    >>> Task("toss", "a coin toss", make=lambda: Dataset(Corpus.from_text("a b\\na c"))).dataset
    Dataset(toss: 2 sentences of 4 tokens)
    """

    name: str
    title: str
    make: Callable[[], Dataset] = field(repr=False)
    source: str = ""
    model: ModelConfig = field(default=ModelConfig(), repr=False)
    training: TrainConfig = field(default=TrainConfig(), repr=False)

    @cached_property
    def dataset(self) -> Dataset:
        """What is trained on; it has the task's name."""
        return replace(self.make(), name=self.name)
