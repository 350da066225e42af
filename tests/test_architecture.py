"""The house: who may import whom, who may print, and how large a room may grow. See docs/decisions/."""

import ast
import doctest
import importlib
import pkgutil
import re
from pathlib import Path

import imports
import pytest

import headlab

SOURCE = Path(headlab.__file__).parent
FLOORS = [  # from the top; a module imports only from floors below its own, or its own room
    {"__main__"},
    {"cli"},
    {"report"},
    {"homework"},
    {"study"},
    {"runs"},
    {"analysis"},
    {"tasks"},
    {"engine"},
    {"model"},
    {"data"},
    {"config"},
    {"locks"},
    {"arrays", "files", "hooks"},
    {"errors", "system"},
    {"notation"},
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


GRAPH = imports.graph()
MOST_IN_A_CHAIN = 24


def room_of(name):
    return name.split(".")[1]


@pytest.mark.parametrize("name", GRAPH)
def test_imports_go_downward_only(name):
    here = room_of(name)
    for other in GRAPH[name] - {"headlab"}:
        there = room_of(other)
        assert here == there or floor(there) > floor(here), f"{name} imports {other}"


def test_no_modules_import_each_other_in_a_ring():
    assert imports.cycle(GRAPH) == []


def test_chains_of_imports_stay_short():
    chain = imports.longest_chain(GRAPH)
    assert len(chain) <= MOST_IN_A_CHAIN, " → ".join(chain)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("import headlab.errors", {"headlab.errors"}),
        ("from headlab import errors", {"headlab.errors"}),
        ("from headlab import train", {"headlab.runs.train"}),
        ("from headlab.study import store as kept", {"headlab.study.store"}),
        ("def f():\n    from headlab.files import partial", {"headlab.files"}),
        ("class A:\n    def f(self):\n        import_module('headlab.notation.numbers')", {"headlab.notation.numbers"}),
        ("if TYPE_CHECKING:\n    import headlab.errors\nelse:\n    import headlab.files", {"headlab.files"}),
        ("import headlab_tools", set()),
    ],
)
def test_every_form_of_import_is_seen(text, found):
    assert imports.imported(text) == found


def test_a_ring_and_a_long_chain_are_found():
    assert set(imports.cycle({"a": {"b"}, "b": {"c"}, "c": {"a"}})) == {"a", "b", "c"}
    assert imports.longest_chain({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == ["a", "b", "c"]


def test_analysis_never_imports_training():
    """Of the kernel it asks only what computes, looks and takes apart."""
    others = {other for name in GRAPH if room_of(name) == "analysis" for other in GRAPH[name]}
    assert not {name for name in others if room_of(name) == "runs"}
    asked = {name for name in others if room_of(name) == "engine"}
    assert asked <= {f"headlab.engine.{name}" for name in ("activations", "evaluation", "look", "parts")}
    trains = {"headlab.engine.trainer", "headlab.engine.job", "headlab.engine.state"}
    assert not trains & {other for name in asked for other in GRAPH[name]}


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


@pytest.mark.parametrize("name", NAMES)
def test_examples_in_docstrings_are_true(name):
    options = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
    assert doctest.testmod(importlib.import_module(name), optionflags=options).failed == 0


def test_the_map_names_every_room_in_the_order_of_the_floors():
    root = Path(__file__).parents[1]  # an installed package has no map, and no C++
    source, told = root / "src" / "headlab", (root / "docs" / "house.md").read_text(encoding="utf-8")
    folders = {f"{path.parent.name}/" for path in source.rglob("__init__.py") if path.parent != source}
    files = {path.name for path in source.glob("*.py")} - {"__init__.py", "__main__.py"}
    assert [name for name in folders | files if name not in told] == []
    named = re.findall(r"`([a-z_/]+/[a-z_]+\.(?:py|hpp))`", told)
    assert [name for name in named if not ((source / name).exists() or (root / name).exists())] == []
    order = [told.index(f"| `{name}/") for rooms in FLOORS for name in sorted(rooms) if (source / name).is_dir()]
    assert order == sorted(order)


def test_the_map_names_every_header_and_folder_of_the_kernel():
    root = Path(__file__).parents[1]
    told = (root / "docs" / "house.md").read_text(encoding="utf-8")
    headers = {path.name for path in (root / "kernel").glob("*.h*")}
    folders = {f"{path.name}/" for path in (root / "kernel").iterdir() if path.is_dir()} - {"__pycache__/"}
    assert len(headers) > 10
    assert [name for name in headers | folders if f"`{name}`" not in told] == []


def test_every_public_function_has_a_docstring():
    for path in MODULES:
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
                assert ast.get_docstring(node), f"{path}: {node.name}"
