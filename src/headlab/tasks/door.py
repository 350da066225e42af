"""The one door for a name: of a task, of a file that holds one, or else of a text file."""

import os
from pathlib import Path
from typing import Any

from headlab.config.record import nearest
from headlab.data.corpus import Corpus
from headlab.data.dataset import MOST_LETTERS, Dataset
from headlab.data.letters import WORDS
from headlab.errors import CorpusError, Problem, SelectionError
from headlab.notation.values import short_repr
from headlab.notation.visible import escape_letter
from headlab.tasks import tasks
from headlab.tasks.own import is_task_file, known_tasks, task_of_file
from headlab.tasks.task import Recipe, Task

# How a text is read where nothing is said; a task is not read.
USUAL = {"start": "<Start>", "wrap": True, "tokens": WORDS, "vocabulary": None, "labels": None}


def task_of(name: str, folder: Path = Path()) -> Task | None:
    """Return the task that a name stands for: one of the gallery, or what a Python file holds; None for any other name.

    folder: where the file is looked for. Raises `ConfigError` for a file that holds no task, with the line where there is one.

    >>> task_of("notebook").name, task_of("sentences.txt")
    ('notebook', None)
    """
    if name in tasks:
        return tasks[name]
    return task_of_file(folder / name) if is_task_file(name) else None


def named_task(name: str, folder: Path = Path()) -> Task:
    """Return the task that a name stands for, where it must stand for one; raises `SelectionError` where it does not.

    >>> named_task("notebok")
    Traceback (most recent call last):
    headlab.errors.SelectionError: a task must be a known one or a Python file, got 'notebok': did you mean notebook?
    """
    task = task_of(name, folder)
    if task is None:
        said = f"a task must be a known one or a Python file, got {short_repr(name)}: {nearest(str(name), list(tasks))}"
        raise SelectionError(Problem(said, "task"))
    return task


def usual_recipe(dataset: Dataset) -> Recipe:
    """Return how a task's dataset is usually trained, whatever it is called now; of any other the notebook's recipe.

    >>> usual_recipe(tasks["notebook"].dataset) is tasks["notebook"].recipe()
    True
    """
    made = [task for task in (*tasks.loaded(), *known_tasks()) if "dataset" in vars(task)]
    return next((task.recipe() for task in made if task.dataset.corpus is dataset.corpus), Recipe())


def dataset_of(name: str, folder: Path = Path(), **reading: Any) -> Dataset:
    """Return the dataset that a name stands for: that of a task, or else what stands in a text file.

    folder: where the file is looked for (a file that is called as a task is: ./notebook); reading: how a text is read, as
    in `Corpus.from_text`
    Raises `CorpusError`, which names the task that is nearest to a name that is neither; as `task_of`.

    >>> dataset_of("notebook")
    Dataset(notebook: 2 sentences of 7 tokens)
    """
    task = task_of(name, folder)
    if task is not None:
        if odd := [option for option, value in reading.items() if value != USUAL[option]]:
            raise CorpusError(
                f"{', '.join(odd)} must go with a corpus file or sentences, got the task {name}: "
                f"they need a file, or leave them out"
            )
        return task.dataset
    path = folder / name
    if Path(name).name == name and not Path(name).suffix and not os.path.lexists(path):
        raise CorpusError(
            f"a corpus must be the name of a task or of a text file, got {short_repr(name)}, which is neither: "
            f"{nearest(name, list(tasks))}"
        )
    return Dataset(Corpus.from_file(path, **reading), name_of_file(path))


def name_of_file(path: Path) -> str:
    r"""Return what a dataset is called that stands in a file: on one line, and never as a task is.

    >>> name_of_file(Path("texts/pets.txt")), name_of_file(Path("notebook")), name_of_file(Path("a\nb\udcff.txt"))
    ('pets.txt', './notebook', 'a\\nb\\udcff.txt')
    """
    name = "".join(letter if letter.isprintable() else escape_letter(letter) for letter in path.name)
    called = f"./{name}" if name in tasks else name
    return called if len(called) <= MOST_LETTERS else f"{called[: MOST_LETTERS - 1]}…"
