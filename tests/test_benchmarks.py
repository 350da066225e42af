"""Benchmarks run seldom: what they take from headlab is looked for here, so that none is found broken when it is wanted."""

import ast
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest

SCRIPTS = sorted((Path(__file__).parents[1] / "benchmarks").rglob("*.py"))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_what_a_benchmark_imports_is_there(script: Path) -> None:
    for node in ast.walk(ast.parse(script.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "headlab":
            module = import_module(str(node.module))
            for name in (alias.name for alias in node.names):
                below = hasattr(module, "__path__") and find_spec(f"{node.module}.{name}")
                assert hasattr(module, name) or below, f"{node.module} has no {name}"
