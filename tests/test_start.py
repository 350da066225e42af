"""How a command starts and ends: what it imports, beside what, and what it leaves undone; all without a clock."""

import gc
import json
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

import headlab as hl
from headlab.cli.ahead import imported_beside
from headlab.cli.exercise import threads_beside_imports
from headlab.homework.cost import Plan

COMMAND = """
import atexit, gc, json, sys, threading

imported = []

def hear(event, details):
    if event == "import":
        meanwhile = any(thread.name == "imports" for thread in threading.enumerate())
        imported.append((details[0], threading.current_thread().name, meanwhile))

def tell():
    found = {"imported": imported, "modules": list(sys.modules), "watched": len(gc.get_objects())}
    with open("told.json", "w") as file:
        json.dump(found, file)

sys.addaudithook(hear)
atexit.register(tell)  # what is registered later is done before
sys.argv[0] = "headlab"
from headlab.cli.main import main
main()
"""


def told(folder: Path, *arguments: str) -> Any:
    """What a command imported, what it had at its end, and how many objects Python would have looked at then."""
    done = [sys.executable, "-c", COMMAND, *arguments]
    subprocess.run(done, cwd=folder, check=True, capture_output=True, timeout=120)
    return json.loads((folder / "told.json").read_text())


@pytest.fixture(scope="module")
def exercised(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What a small exercise did."""
    return told(
        tmp_path_factory.mktemp("exercised"), *["exercise", "--runs", "2", "--steps", "50", "--head-sizes", "4"]
    )


def test_an_exercise_imports_what_its_answers_need_beside_the_training(exercised: Any) -> None:
    by = {name: thread for name, thread, _ in reversed(exercised["imported"])}  # who was the first
    for name in (
        "scipy.stats._stats_py",
        "scipy.optimize._optimize",
        "statsmodels.tools.tools",
        "matplotlib.projections",
        "jinja2",
    ):
        assert by[name] == "imports", name
    assert {"statsmodels.stats.power", "statsmodels.stats.contingency_tables"} <= set(exercised["modules"])


def test_nothing_else_is_imported_meanwhile(exercised: Any) -> None:
    """Two threads that import modules of one ring would wait for each other."""
    others = {name for name, thread, meanwhile in exercised["imported"] if meanwhile and thread != "imports"}
    assert {name for name in others if not name.startswith("encodings.")} == set()


def test_an_exercise_imports_no_library_that_it_does_not_need(exercised: Any) -> None:
    others = {"duckdb", "safetensors.torch", "distributed", "anywidget", "matplotlib.pyplot"}
    assert others & set(exercised["modules"]) == set()


def test_a_command_ends_without_looking_for_garbage(exercised: Any) -> None:
    assert exercised["watched"] < 1_000 < len(exercised["modules"])


def test_the_version_needs_no_tables(tmp_path: Path) -> None:
    found = set(told(tmp_path, "--version")["modules"])
    assert "numpy" in found
    assert {"pandas", "scipy", "rich", "matplotlib"} & found == set()


def write_modules(folder: Path, monkeypatch: pytest.MonkeyPatch, **modules: str) -> None:
    for name, text in modules.items():
        (folder / f"{name}.py").write_text(text)
    monkeypatch.syspath_prepend(folder)


def test_what_cannot_be_imported_complains_where_it_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_modules(tmp_path, monkeypatch, broken_here="raise RuntimeError('broken')", whole_here="")
    with imported_beside("broken_here", "whole_here"):
        pass
    assert "whole_here" in sys.modules
    with pytest.raises(RuntimeError, match="broken"):
        __import__("broken_here")


def test_a_block_that_fails_leaves_the_other_imports_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_modules(tmp_path, monkeypatch, slow_here="import time\ntime.sleep(0.3)", later_here="")
    with pytest.raises(KeyboardInterrupt), imported_beside("slow_here", "later_here"):
        raise KeyboardInterrupt
    assert ("slow_here" in sys.modules, "later_here" in sys.modules) == (True, False)
    assert not [thread for thread in threading.enumerate() if thread.name == "imports"]
    assert gc.isenabled()


def test_a_short_exercise_leaves_a_processor_to_its_imports(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("headlab.engine.default_threads", lambda: 4)
    corpus, model = hl.Corpus.notebook(), hl.ModelConfig()
    short, long = ((hl.TrainConfig.of(steps=5), 2), (hl.TrainConfig(), 10_000_000))
    asked = [(*short, None), (*short, 3), (*short, 1), (*long, None), (*long, 3)]
    found = [threads_beside_imports(Plan(corpus, model, how, [20], runs, threads)) for how, runs, threads in asked]
    assert found == [3, 2, 1, None, 3]


def test_threads_that_are_no_number_are_refused_in_a_sentence(run: Any) -> None:
    assert run("exercise", "--threads", "many") == (
        2,
        "",
        "headlab: threads must be a whole number from 1 to 1024, got 'many'\n",
    )
