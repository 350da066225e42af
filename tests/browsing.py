"""What the tests of the page share: the browser, where there is one, and the lab's file."""

import shutil

import pytest

from headlab.report.html.lab import LAB

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
PATIENCE = 60_000  # milliseconds, on a busy machine
QUIET = ["--no-sandbox", "--disable-background-networking", "--disable-component-update", "--no-first-run"]
BUILT = pytest.mark.skipif(not LAB.exists(), reason="headlab was built without its page")
NEEDED = [pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on the PATH"), BUILT]
