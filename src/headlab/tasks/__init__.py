"""Tasks: datasets with a name that every door knows. The room is itself the mapping of names to tasks.

A new task is a file here, of its name with _ for -, whose TASK it is; and a name in the list below. A task of one's own is a
file anywhere: `tasks.from_file("mine.py")`.

>>> import headlab as hl
>>> hl.tasks["notebook"].dataset
Dataset(notebook: 2 sentences of 7 tokens)
>>> "notebook" in hl.tasks
True
"""

import sys
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, cast

from headlab.config.record import nearest
from headlab.errors import Problem, SelectionError
from headlab.notation.values import short_repr
from headlab.tasks.own import task_of_file
from headlab.tasks.task import Task

# In the order in which they are told; each is loaded when it is first asked for.
NAMES = (
    "notebook",
    "bigram0",
    "ioi",
    "max4",
    "max-list",
    "setdiff",
    "sort1",
    "sort10",
    "cumsum",
    "palindromes",
    "permutation",
    "markov",
    "induction",
    "tsar",
    "planted",
    "planted-shift",
    "planted-fractions",
    "planted-counts",
)


class _Room(ModuleType, Mapping[str, Task]):
    """This module, which can be asked for a task by its name: `headlab.tasks["notebook"]`."""

    __eq__, __hash__ = ModuleType.__eq__, ModuleType.__hash__

    def __getitem__(self, name: str) -> Task:
        if name not in self:
            said = f"a task must be a known one, got {short_repr(name)}: {nearest(str(name), NAMES)}"
            raise SelectionError(Problem(said, "task"))
        task: Task = import_module(f"headlab.tasks.{name.replace('-', '_')}").TASK
        return task

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name in NAMES

    def get(self, name: Any, default: Any = None) -> Any:
        if name not in self:
            return default
        return self[name]

    @staticmethod
    def from_file(path: str | Path) -> Task:
        """Return the task that a Python file of one's own holds; raises `ConfigError` with the line where there is one."""
        return task_of_file(path)

    def loaded(self) -> Iterator[Task]:
        """Yield the tasks that were asked for already."""
        return (self[name] for name in NAMES if f"headlab.tasks.{name.replace('-', '_')}" in sys.modules)

    def __iter__(self) -> Iterator[str]:
        return iter(NAMES)

    def __len__(self) -> int:
        return len(NAMES)


sys.modules[__name__].__class__ = _Room
tasks = cast(_Room, sys.modules[__name__])
