"""headlab, the laboratory for attention heads: train thousands of tiny attention models, and see how each one works.

>>> import headlab as hl
>>> corpus = hl.Corpus.from_text("man ordered the chicken\\nwoman ordered the beef")
>>> runs = hl.train(corpus, seeds=range(16))
>>> runs.loss.shape
(16, 5020)
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from headlab import hooks
from headlab.config import ModelConfig, Phase, Plateau, TrainConfig
from headlab.errors import (
    ConfigError,
    CorpusError,
    HeadlabError,
    OutputError,
    SelectionError,
    StudyError,
    WeightsError,
)

if TYPE_CHECKING:
    from headlab.analysis.explanation.explanation import explain
    from headlab.data.corpus import Corpus
    from headlab.data.dataset import Dataset, Goal
    from headlab.data.stream import Stream
    from headlab.homework.assignment.assignment import Assignment
    from headlab.model.forward import forward
    from headlab.model.params import Params
    from headlab.runs.interrupted import TrainingInterrupted
    from headlab.runs.models import Models
    from headlab.runs.runs import Run, Runs, load
    from headlab.runs.train import resume, train
    from headlab.runs.verify import verify
    from headlab.study.design import StudyDesign
    from headlab.study.study import Study
    from headlab.tasks import tasks
    from headlab.tasks.reference import Reference
    from headlab.tasks.task import Recipe, Task

__version__ = "0.1.0"

# Imported on first use, so that `headlab --help` answers at once.
_LAZY = {
    "Assignment": "headlab.homework.assignment.assignment",
    "Corpus": "headlab.data.corpus",
    "Dataset": "headlab.data.dataset",
    "Goal": "headlab.data.dataset",
    "Models": "headlab.runs.models",
    "Params": "headlab.model.params",
    "Recipe": "headlab.tasks.task",
    "Reference": "headlab.tasks.reference",
    "Run": "headlab.runs.runs",
    "Runs": "headlab.runs.runs",
    "Stream": "headlab.data.stream",
    "Study": "headlab.study.study",
    "StudyDesign": "headlab.study.design",
    "Task": "headlab.tasks.task",
    "TrainingInterrupted": "headlab.runs.interrupted",
    "explain": "headlab.analysis.explanation.explanation",
    "forward": "headlab.model.forward",
    "load": "headlab.runs.runs",
    "resume": "headlab.runs.train",
    "tasks": "headlab.tasks",
    "train": "headlab.runs.train",
    "verify": "headlab.runs.verify",
}

__all__ = [
    "Assignment",
    "ConfigError",
    "Corpus",
    "CorpusError",
    "Dataset",
    "Goal",
    "HeadlabError",
    "ModelConfig",
    "Models",
    "OutputError",
    "Params",
    "Phase",
    "Plateau",
    "Recipe",
    "Reference",
    "Run",
    "Runs",
    "SelectionError",
    "Stream",
    "Study",
    "StudyDesign",
    "StudyError",
    "Task",
    "TrainConfig",
    "TrainingInterrupted",
    "WeightsError",
    "explain",
    "forward",
    "load",
    "resume",
    "tasks",
    "train",
    "verify",
    "view",
]


def view(runs: "Runs | Run", number: int | None = None, *, alone: bool = False) -> Any:
    """Return a widget for a notebook: runs at a glance, one to scrub through its training and to ablate (`headlab[notebook]`).

    number: of several, the run to show first; by default one with good predictions
    alone: it works whatever becomes of other cells, and is some 250 kB larger; else one cell carries the code for all views
    Raises `SelectionError` for a run that does not exist, `HeadlabError` where the package anywidget is not there.
    """
    from headlab.report.notebook.view import view
    from headlab.runs.runs import Run

    return view(runs.runs, 0, alone=alone) if isinstance(runs, Run) else view(runs, number, alone=alone)


def _stream_of(name: str, sha: str) -> Any:
    from headlab.tasks import tasks
    from headlab.tasks.own import known_tasks

    known = [tasks[name]] if name in tasks else [task for task in known_tasks() if task.name == name]
    found = [task.dataset.stream for task in known]
    return next((stream for stream in found if stream is not None and stream.sha == sha), None)


def _words_of(*asked: int) -> Any:
    from headlab.engine import words

    return words(*asked)


hooks.view, hooks.stream, hooks.words = view, _stream_of, _words_of


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'headlab' has no attribute {name!r}")
    return getattr(import_module(_LAZY[name]), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
