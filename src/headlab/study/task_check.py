"""A task of one's own, checked before anything is trained: every problem with its place, or what its recipes will take."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from headlab.config.record import gathered
from headlab.engine import Job, cost
from headlab.errors import ConfigError, HeadlabError, Problem
from headlab.notation.values import short_repr
from headlab.runs.moments import KeptSteps
from headlab.runs.train import check_fits, thread_count
from headlab.study.reproduction import Plan, plan
from headlab.tasks import tasks
from headlab.tasks.own import placed, task_of_file
from headlab.tasks.task import Task


@dataclass(frozen=True)
class Taken:
    """What a recipe takes: seconds on this machine, and bytes of memory, for its seeds."""

    plan: Plan
    seconds: float
    bytes: int


@dataclass(frozen=True)
class Checked:
    """A task in which nothing is wrong, and what each of its recipes takes."""

    task: Task
    taken: tuple[Taken, ...]


def checked(file: Path, threads: Any = None) -> Checked:
    """Return a file's task with what its recipes take; raises `ConfigError` with every problem, and its place in the file."""
    count, task, problems = thread_count(threads), sound(file), list[Problem]()
    taken = [gathered(problems, partial(_taken, task, name, count)) for name in task.recipes]
    if problems:
        told = {problem.text: placed(problem, task, str(file)) for problem in problems}  # what recipes share, once
        raise ConfigError(list(told.values()))
    return Checked(task, tuple(item for item in taken if item is not None))


def sound(file: Path) -> Task:
    """Return a file's task, which gives what it is to; raises `ConfigError` with every problem, and its place in the file."""
    task = task_of_file(file)
    _check_dataset(task, str(file))
    if problems := list(_problems(task)):
        raise ConfigError([placed(problem, task, str(file)) for problem in problems])
    return task


def _check_dataset(task: Task, file: str) -> None:
    """Raise `ConfigError` where a task gives no dataset."""
    try:
        assert task.dataset
    except HeadlabError as error:
        raise ConfigError([placed(problem, task, file, error) for problem in error.problems]) from None


def _problems(task: Task) -> Iterator[Problem]:
    if task.name in tasks:
        said = f"a task's name must be its own, got {short_repr(task.name)}, which headlab has: choose another"
        yield Problem(said, "name")
    yield from task.check()


def _taken(task: Task, recipe: str, threads: int | None) -> Taken:
    """Return what a recipe takes; raises `ConfigError` where it cannot be trained here."""
    asked = plan(task, recipe)
    try:
        job = Job.of(task.dataset, asked.model, asked.training)
        kept = KeptSteps.of("all", "log", asked.training.steps)
        check_fits(job, len(asked.seeds), kept, threads)
    except HeadlabError as error:
        raise ConfigError([problem.within(f"recipe {recipe}") for problem in error.problems]) from None
    n_runs = len(asked.seeds)
    return Taken(asked, cost.seconds(job, n_runs, threads), kept.bytes_of(job, n_runs, threads))
