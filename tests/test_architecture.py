"""The house: who may import whom, who may print, and how large a room may grow. See docs/decisions/."""

import ast
import doctest
import importlib
import pkgutil
import subprocess
import sys
from pathlib import Path

import jaxtyping
import numpy as np
import pytest

import headlab

SOURCE = Path(headlab.__file__).parent
FLOORS = [  # from the top; a module imports only from floors below its own, or its own room
    {"cli", "__main__", "lab"},
    {"report"},
    {"homework"},
    {"study"},
    {"runs"},
    {"analysis"},
    {"tasks"},
    {"engine", "model"},
    {"data"},
    {"config"},
    {"arrays", "errors", "files", "hooks", "notation"},
]
MODULES = {path: path.relative_to(SOURCE).parts for path in SOURCE.rglob("*.py")}
NAMES = [
    info.name
    for info in pkgutil.walk_packages([str(SOURCE)], "headlab.")
    if not info.name.endswith(("_native", "__main__"))
]


def floor(room):
    return next(number for number, rooms in enumerate(FLOORS) if room in rooms)


def room(parts):
    return parts[0].removesuffix(".py")


def imported_rooms(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("headlab."):
            yield node.module.split(".")[1]
        elif isinstance(node, ast.ImportFrom) and node.module == "headlab":
            yield from (alias.name for alias in node.names if alias.name.islower() and (SOURCE / alias.name).exists())
        elif isinstance(node, ast.Import):
            yield from (alias.name.split(".")[1] for alias in node.names if alias.name.startswith("headlab."))


@pytest.mark.parametrize("path", [p for p, parts in MODULES.items() if parts != ("__init__.py",)], ids=str)
def test_imports_go_downward_only(path):
    here = room(MODULES[path])
    for there in imported_rooms(path):
        assert here == there or floor(there) >= floor(here), f"{here} imports {there}"


def test_analysis_never_imports_training():
    for path in (SOURCE / "analysis").rglob("*.py"):
        assert not {"runs", "engine"} & set(imported_rooms(path))


def test_only_the_command_line_prints_or_ends_the_program():
    for path, parts in MODULES.items():
        if room(parts) in {"cli", "__main__"}:
            continue
        calls = {
            node.func.id
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        }
        assert not calls & {"print", "exit", "eval", "exec"}, path


def calls(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func)


def test_text_leaves_the_program_by_one_door():
    # What is printed, and what becomes a terminal's text, is made visible there: no text steers a terminal.
    for path, parts in MODULES.items():
        if room(parts) in {"cli", "__main__"} and parts[-1] != "terminal.py":
            assert not {"click.echo", "click.secho", "print", "json.dumps", "Console"} & set(calls(path)), path
        if room(parts) == "report" and parts[-1] != "grid.py":
            assert not {"Text", "Text.from_markup", "Console"} & set(calls(path)), path


def test_rooms_and_functions_stay_small():
    for path in MODULES:
        text = path.read_text()
        assert len(text.splitlines()) <= 400, path
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef):
                body = node.body[1:] if ast.get_docstring(node) else node.body
                lines = body[-1].end_lineno - body[0].lineno + 1 if body else 0
                assert lines <= 45, f"{path}: {node.name} has {lines} lines"


def test_help_answers_without_heavy_imports():
    heavy = ("scipy", "pandas", "matplotlib", "statsmodels", "numpy")
    code = f"import sys, headlab.cli.main; sys.exit(any(m in sys.modules for m in {heavy}))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("name", NAMES)
def test_examples_in_docstrings_are_true(name):
    options = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
    assert doctest.testmod(importlib.import_module(name), optionflags=options).failed == 0


def test_every_public_function_has_a_docstring():
    for path in MODULES:
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
                assert ast.get_docstring(node), f"{path}: {node.name}"


def test_a_call_with_an_array_of_another_shape_is_refused_in_tests():
    from headlab.model.decompose import of_finite

    with pytest.raises(jaxtyping.TypeCheckError, match="row column"):
        of_finite(np.linalg.eigvals, np.ones(3))
