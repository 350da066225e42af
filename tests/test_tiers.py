"""The two tiers of tests are what they are said to be."""

import doctest
import re
import tomllib
from pathlib import Path

import tiers

ROOT = Path(__file__).parents[1]


def test_examples_of_the_tiers_are_true():
    assert doctest.testmod(tiers) == (0, 2)


def test_long_tests_wait_for_make_test_all_which_runs_every_test():
    options = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["pytest"]["ini_options"]
    assert options["addopts"][-2:] == ["-m", "not long"]
    commands = dict(re.findall(r"^(test\S*): .*\n\t@(.+)$", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert commands["test"].endswith("pytest -q -n $(WORKERS) --dist worksteal")
    assert '-m "long or not long"' in commands["test-all"]
