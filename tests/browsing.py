"""What the tests of the page share: the browser, where there is one, and the lab's file."""

import shutil
from collections.abc import Iterator
from typing import Any

import pytest

from headlab.report.html.lab import LAB

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
PATIENCE = 60_000  # milliseconds, on a busy machine
QUIET = ["--no-sandbox", "--disable-background-networking", "--disable-component-update", "--no-first-run"]
BUILT = pytest.mark.skipif(not LAB.exists(), reason="headlab was built without its page")
NEEDED = [pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on the PATH"), BUILT]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """One browser for a module's tests, which open pages in it."""
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield started
        started.close()
