"""A task of one's own: a Python file that holds one, and where in it something is wrong."""

import contextlib
import importlib.abc
import importlib.util
import os
import sys
import traceback
from pathlib import Path
from types import ModuleType
from typing import Any

from headlab.data.stream import Stream
from headlab.errors import ConfigError, HeadlabError, Problem
from headlab.notation.values import short_repr
from headlab.tasks.task import Task

SUFFIX = ".py"  # what tells a task's file from a text
_KNOWN: dict[tuple[str, bytes], Task] = {}  # by file and content


def is_task_file(name: str | Path) -> bool:
    """Return whether a name is that of a task's file, whether it is there or not.

    >>> is_task_file("mine.py"), is_task_file("sentences.txt")
    (True, False)
    """
    return Path(name).suffix.lower() == SUFFIX


def task_of_file(path: str | Path) -> Task:
    """Return the one task that a Python file holds, after running it; one that has not changed is run once.

    Raises `ConfigError`, whose problems name the file, and the line where there is one.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder, "pets.py")
    ...     lines = ["import headlab as hl", "from headlab.tasks.task import Task"]
    ...     lines += ["task = Task('pets', 'cat or dog', make=lambda: hl.Dataset(hl.Corpus.from_text('a b\\\\na c')))"]
    ...     _ = file.write_text("\\n".join(lines))
    ...     task_of_file(file).dataset
    Dataset(pets: 2 sentences of 4 tokens)
    """
    try:
        source = Path(path).read_bytes()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        said = f"a task's file must be a Python file that can be read, got {str(path)!r} ({reason}): "
        missing = isinstance(error, FileNotFoundError)
        raise ConfigError(f"{said}{'headlab tasks new writes one' if missing else 'name a file'}") from None
    known = (os.path.realpath(path), source)
    if known not in _KNOWN:
        _KNOWN[known] = _task_of(known[0], str(path), source)
    return _KNOWN[known]


def known_tasks() -> list[Task]:
    """Return the tasks of all files that were read."""
    return list(_KNOWN.values())


def _task_of(real: str, name: str, source: bytes) -> Task:
    module = _run(real, name, source)
    found = {id(value): value for value in vars(module).values() if isinstance(value, Task)}
    if len(found) != 1:
        got = "none" if not found else f"{len(found)} ({', '.join(sorted(task.name for task in found.values()))})"
        hint = "write task = Task(…)" if not found else "leave one, and give each of the others a file"
        raise ConfigError(f"{name}: a task's file must hold one Task, got {got}: {hint}")
    return next(iter(found.values()))


def _run(real: str, name: str, source: bytes) -> ModuleType:
    """Return the module that a file is, after running it; what it prints goes to standard error."""
    loader = _Source(f"_headlab_task_{len(sys.modules)}_{Path(real).stem}", real, source)
    spec = importlib.util.spec_from_loader(loader.name, loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses and pickle look there for it
    sys.path.insert(0, str(Path(real).parent))
    try:
        with contextlib.redirect_stdout(sys.stderr):
            loader.exec_module(module)
    except HeadlabError as error:
        raise ConfigError([_said(problem, line_of(error, real), name) for problem in error.problems]) from None
    except (Exception, SystemExit) as error:
        raise ConfigError(raised("a task's file must run without an error", error, name, real)) from None
    finally:
        sys.path.remove(str(Path(real).parent))
    return module


class _Source(importlib.abc.ExecutionLoader):
    """A Python file as it was read: nothing is kept beside it."""

    def __init__(self, name: str, path: str, source: bytes) -> None:
        self.name, self.path, self.source = name, path, source

    def get_source(self, fullname: str) -> str:
        return importlib.util.decode_source(self.source)

    def get_filename(self, fullname: str) -> str:
        return self.path


def raised(expected: str, error: BaseException, name: str, real: str | None = None) -> Problem:
    """Return what is to be said of an error that somebody's own code raised, with its last line in their file.

    name: of the file, as they wrote it; real: as Python knows it, name by default

    >>> str(raised("a sampler must run without an error", ZeroDivisionError("division by zero"), "mine.py"))
    'mine.py: a sampler must run without an error, got ZeroDivisionError (division by zero)'
    """
    said = short_repr(error.msg if isinstance(error, SyntaxError) else str(error))[1:-1]
    got = f"{type(error).__name__}{f' ({said})' if said else ''}"
    return _said(Problem(f"{expected}, got {got}"), line_of(error, real or os.path.realpath(name)), name)


def line_of(error: BaseException, real: str) -> int | None:
    """Return the last line of a file that an error came by, None where it came by none."""
    if isinstance(error, SyntaxError) and error.filename == real:
        return error.lineno
    frames = traceback.extract_tb(error.__traceback__)
    return next((frame.lineno for frame in reversed(frames) if frame.filename == real), None)


def placed(problem: Problem, task: Task, name: str, error: BaseException | None = None) -> Problem:
    """Return a problem with the file that it is in, and the line: its own, or that of the function which it is about.

    error: with which it came, where one was raised
    """
    if problem.text.startswith(name):
        return problem
    real, line = os.path.realpath(name), problem.line
    code = getattr(_function(problem.field, task, error), "__code__", None)
    if line is None and code is not None and code.co_filename == real:
        line = code.co_firstlineno
    if line is None and error is not None:
        line = line_of(error, real)
    return _said(problem, line, name)


def _function(field: str | None, task: Task, error: BaseException | None) -> Any:
    """Return the function that a problem is about: the task's, its stream's, or that of one which could not be used."""
    if field == "make":
        return task.make
    if error is None:
        return getattr(task.dataset.stream, field or "", None)
    frames = [frame.f_locals.get("self") for frame, _ in traceback.walk_tb(error.__traceback__)]
    return next((getattr(found, field or "", None) for found in frames if isinstance(found, Stream)), None)


def _said(problem: Problem, line: int | None, name: str) -> Problem:
    where = name if line is None else f"{name}, line {line}"
    return Problem(f"{where}: {problem.text}", problem.field, line)
