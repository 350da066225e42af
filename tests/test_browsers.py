"""The same bits in browsers: one file, opened from a disk, trains the golden settings in Chromium, Firefox and WebKit."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from engines import ENGINES, until
from golden import FEW, FILE, MANY
from tiers import sized

WEB = Path(__file__).parents[1] / "web"
VITE = WEB / "node_modules/vite/bin/vite.js"
NODE = shutil.which("node")
PATIENCE = 300  # seconds


def build(folder: Path) -> Path:
    """Build the file, with the module inside, and return where it is."""
    if NODE is None or not VITE.exists():
        pytest.skip("no Node on the PATH, or the page's packages are not there: make page")
    command = [NODE, VITE, "build", "--mode", "bits", "--outDir", folder]
    subprocess.run(command, cwd=WEB, check=True, timeout=PATIENCE, capture_output=True)
    return folder / "tests/kernel/bits.html"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("bits"))


def test_the_file_asks_for_nothing_and_says_that_it_may_not(page: Path) -> None:
    text = page.read_text()
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)
    assert policy is not None
    assert re.sub("'sha256-[^']+'", "its own", policy[1]).split("; ") == [
        "default-src 'none'",
        "script-src its own 'wasm-unsafe-eval' blob:",
        "worker-src blob:",
        "style-src 'unsafe-inline'",
        "img-src data: blob:",
        "base-uri 'none'",
        "form-action 'none'",
    ]
    assert not re.search(r"\b(src|href)=|\bfetch\(|XMLHttpRequest|WebSocket", text)


@pytest.mark.parametrize("seeds", sized(FEW, MANY))
@pytest.mark.parametrize("engine", ENGINES)
def test_every_setting_has_its_hash_in_every_browser(engine: str, seeds: int, page: Path, tmp_path: Path) -> None:
    length = "few" if seeds == FEW else "many"
    with ENGINES[engine](f"{page.as_uri()}#{length}", tmp_path) as opened:
        said = until(lambda: (text := opened.text("#said")).startswith("{") and text, f"the page in {engine}", PATIENCE)
    assert json.loads(said) == {setting["name"]: setting["sha256"][length] for setting in FILE["settings"]}
