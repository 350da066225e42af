"""The task that headlab grew from: what is ordered depends on who orders."""

from headlab.data.corpus import Corpus
from headlab.data.dataset import Dataset
from headlab.tasks.task import Task

TASK = Task(
    name="notebook",
    title="what is ordered depends on who orders: one dependency in two sentences",
    source="the course's notebook, two items of homework",
    make=lambda: Dataset(Corpus.notebook()),
)
