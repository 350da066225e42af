"""Python and the page say the same: the committed sample here, and in web/tests/twins; for long, all problems in both."""

import os
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from twins.drawn import drawn
from twins.plain import differences
from twins.problems import PROBLEMS
from twins.saying import SAMPLE, Line, read, said_of, whole, write

WEB = Path(__file__).parents[1] / "web"
VITEST = WEB / "node_modules/vitest/vitest.mjs"
NODE = shutil.which("node")
PATIENCE = 3000  # seconds
LINES = {line["problem"]: line for line in read(SAMPLE)}
AGAIN = "python tests/twins/write.py"


@pytest.mark.parametrize("problem", PROBLEMS, ids=lambda problem: problem.name)
def test_python_still_says_what_the_page_is_held_to(problem: Any) -> None:
    found = list(differences(said_of(problem, problem.sample), LINES[problem.name]))
    assert not found, f"{problem.name}: if that is meant, {AGAIN}\n" + "\n".join(found[:20])


def test_the_sample_has_every_problem() -> None:
    assert list(LINES) == [problem.name for problem in PROBLEMS]


@pytest.mark.parametrize(
    ("one", "other", "path"),
    [
        ({"a": [1.0, {"b": "x"}]}, {"a": [1.0, {"b": "y"}]}, ".a[1].b"),
        ([0.0], [2e-12], "[0]"),
        ([1e6], [1e6 + 1e-5], "[0]"),
        ([None], [{"$": "nan"}], "[0]"),
        ([True], [1], "[0]"),
        ([1], [1, 2], ""),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, ""),
        ({"total": 1.0, "value_share": 0.7}, {"total": 1.0, "value_share": 0.7 - 7e-10}, ".value_share"),
    ],
)
def test_a_difference_is_found_where_it_is(one: Any, other: Any, path: str) -> None:
    assert [found.split(": ")[0] for found in differences(one, other)] == [path]


def test_last_bits_are_no_difference() -> None:
    assert not list(differences([1.0, 1e9, {"$": "nan"}], [1 + 1e-13, 1e9 + 1e-4, {"$": "nan"}]))


@pytest.mark.long
@pytest.mark.parametrize("problem", PROBLEMS, ids=lambda problem: problem.name)
def test_the_page_says_what_python_says_of_all_seeds(problem: Any, tmp_path: Path) -> None:
    held_equal(whole(problem), tmp_path / "twins")


@pytest.mark.long
@pytest.mark.parametrize("seed", range(4))
def test_the_page_says_what_python_says_of_problems_that_are_drawn(seed: int, tmp_path: Path) -> None:
    held_equal((said_of(problem, problem.sample) for problem in drawn(seed, 25)), tmp_path / "twins")


def held_equal(lines: Iterable[Line], folder: Path) -> None:
    if NODE is None or not VITEST.exists():
        pytest.skip("no Node on the PATH, or the page's packages are not there: make page")
    write(lines, folder)
    done = subprocess.run(
        [NODE, VITEST, "run", "tests/twins"],
        cwd=WEB,
        timeout=PATIENCE,
        capture_output=True,
        env=os.environ | {"HEADLAB_TWINS": str(folder)},
        text=True,
    )
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-4000:]
