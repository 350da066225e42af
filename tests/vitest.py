"""The page's own tests, asked about files that a test of Python wrote."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

WEB = Path(__file__).parents[1] / "web"
VITEST = WEB / "node_modules/vitest/vitest.mjs"
NODE = shutil.which("node")


def vitest(name: str, patience: float, **environment: str) -> str:
    """Return what the tests of a file in web/ say that failed, nothing where all passed; skipped where no Node is.

    patience: seconds; environment: variables that the tests read
    """
    if NODE is None or not VITEST.exists():
        pytest.skip("no Node on the PATH, or the page's packages are not there: make page")
    asked = [NODE, VITEST, "run", name]
    done = subprocess.run(
        asked, cwd=WEB, timeout=patience, capture_output=True, env=os.environ | environment, text=True, check=False
    )
    return "" if done.returncode == 0 else done.stdout[-8000:] + done.stderr[-4000:]
