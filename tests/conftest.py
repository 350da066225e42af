"""Let test modules import the helpers that stand beside them, and run the command line."""

import gc
import sys
from pathlib import Path
from typing import Any

import hypothesis
import pytest

sys.path.insert(0, str(Path(__file__).parent))

import shapes  # noqa: F401  # from here on, calls are held to their shapes
from backends import backend, parametrize  # noqa: F401
from browsing import browser  # noqa: F401

from headlab.cli.main import main

hypothesis.settings.register_profile("headlab", deadline=None)  # another process may have the processor
hypothesis.settings.load_profile("headlab")


def pytest_collection_finish() -> None:
    """Leave thousands of tests and all modules to themselves: Python would look for garbage among them again and again."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Any:
    """Run a command in an empty folder and return its status, standard output and standard error."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["headlab", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        captured = capsys.readouterr()
        return int(ended.value.code or 0), captured.out, captured.err

    return call


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Have the tests of the engine run on every backend."""
    parametrize(metafunc)
