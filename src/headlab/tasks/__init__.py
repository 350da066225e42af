"""Tasks: datasets with a name that every door knows. The room is itself the mapping of names to tasks.

A new task is a file here, and a name in the list below.

>>> import headlab as hl
>>> hl.tasks["notebook"].dataset
Dataset(notebook: 2 sentences of 7 tokens)
>>> list(hl.tasks)
['notebook']
"""

import sys
from collections.abc import Iterator, Mapping
from types import ModuleType
from typing import Any, cast

from headlab.config.record import nearest
from headlab.errors import Problem, SelectionError
from headlab.notation.values import short_repr
from headlab.tasks.notebook import NOTEBOOK
from headlab.tasks.task import Task

_TASKS = {task.name: task for task in (NOTEBOOK,)}


class _Room(ModuleType, Mapping[str, Task]):
    """This module, which can be asked for a task by its name: `headlab.tasks["notebook"]`."""

    __eq__, __hash__ = ModuleType.__eq__, ModuleType.__hash__

    def __getitem__(self, name: str) -> Task:
        if name not in self:
            said = f"a task must be a known one, got {short_repr(name)}: {nearest(str(name), list(_TASKS))}"
            raise SelectionError(Problem(said, "task"))
        return _TASKS[name]

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name in _TASKS

    def get(self, name: Any, default: Any = None) -> Any:
        return _TASKS[name] if name in self else default

    def __iter__(self) -> Iterator[str]:
        return iter(_TASKS)

    def __len__(self) -> int:
        return len(_TASKS)


sys.modules[__name__].__class__ = _Room
tasks = cast(Mapping[str, Task], sys.modules[__name__])
