"""What the tests of the page share: the browser, where there is one, and a lab that runs."""

import contextlib
import re
import shutil
import subprocess
import sys

import pytest

from headlab.report import PAGE

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
PATIENCE = 60_000  # milliseconds, on a busy machine
NEEDED = [
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on the PATH"),
    pytest.mark.skipif(not (PAGE / "index.html").exists(), reason="headlab was built without its page"),
]
COMMAND = [sys.executable, "-m", "headlab", "lab", "--no-browser", "--port", "0"]


@contextlib.contextmanager
def running_lab(errors=None):
    """Yield the address of a lab, as its command prints it; errors: the file for what it says on stderr."""
    with subprocess.Popen(COMMAND, stdout=subprocess.PIPE, stderr=errors, text=True) as process:
        yield re.search(r"http\S+", process.stdout.readline())[0]
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(10)
        process.kill()
