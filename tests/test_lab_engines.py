"""The lab's file in other engines than Chromium: it opens from a disk, trains Python's bits, ablates, links and saves."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from browsing import BUILT
from engines import ENGINES, Page, firefox, until
from safetensors.numpy import load
from tiers import long, sampled

import headlab as hl
from headlab.report.html.lab import LAB

pytestmark = BUILT
SEED = 12
SENTENCES = "cat chased the mouse\ndog chased the ball"
LISTENS = """void (window.faults = [],
  ['error', 'unhandledrejection', 'securitypolicyviolation'].forEach((kind) =>
    addEventListener(kind, (event) => faults.push(`${kind}: ${event.message ?? event.reason ?? event.blockedURI}`))))"""
DRAWN = """document.querySelector('.made')?.textContent.includes('trained and drawn in')
  && document.querySelector('section:not(.stale):has(#why-title) svg text.value') !== null"""


def drawn(page: Page, seed: int) -> str:
    """Wait until a seed's run is shown with its reasons, and return its loss as it stands there."""
    of_seed = f"document.querySelector('#seed')?.value === '{seed}' && !document.querySelector('section.stale')"
    until(lambda: page.run(f"Boolean({of_seed} && {DRAWN})"), f"the run of seed {seed}")
    return page.text(".facts b")


def press(page: Page, name: str) -> None:
    """Click the first button whose name begins so."""
    buttons = "[...document.querySelectorAll('button, [role=button]')]"
    named = f"(one.ariaLabel || one.textContent).trim().startsWith({json.dumps(name)})"
    page.run(f"{buttons}.find((one) => {named}).dispatchEvent(new MouseEvent('click', {{ bubbles: true }}))")


def type_in(page: Page, selector: str, text: str) -> None:
    """Write into a field, as if by hand."""
    field = f"document.querySelector({json.dumps(selector)})"
    told = "['input', 'change'].forEach((kind) => field.dispatchEvent(new Event(kind, { bubbles: true })))"
    page.run(f"((field) => {{ field.value = {json.dumps(text)}; {told} }})({field})")


def saved(page: Page, folder: Path, button: str, name: str) -> bytes:
    """Return what a button of the page saves under a name in the folder for downloads."""
    path = folder / name
    path.unlink(missing_ok=True)
    press(page, button)
    until(lambda: path.exists() and path.stat().st_size, f"{name} in {folder}")
    return path.read_bytes()


@pytest.mark.parametrize("engine", sampled(["WebKit", "Firefox"], every=2))
def test_in_every_engine_the_file_trains_ablates_links_and_saves_what_python_does(engine: str, tmp_path: Path) -> None:
    runs = hl.train(hl.Corpus.from_text(SENTENCES), seeds=[SEED])
    run = runs[0]
    with ENGINES[engine](LAB.as_uri(), tmp_path) as page:
        assert drawn(page, 1) == f"{float(hl.train(hl.Corpus.notebook(), seeds=1)[0].final_loss):.4f}"
        page.run(LISTENS)
        type_in(page, "textarea", SENTENCES)
        type_in(page, "#seed", str(SEED))
        assert drawn(page, SEED) == f"{float(run.final_loss):.4f}"

        name = f"headlab-sentences-d20-seed{SEED}.safetensors"
        data = saved(page, tmp_path, "weights", name)
        assert sha256(load(data)) == sha256(dict(runs.params[0].items()))

        press(page, "1 cat: ")
        until(lambda: page.text("table.trial tbody"), "the table of a trial")
        rows = page.run("[...document.querySelectorAll('table.trial tbody tr')].map((row) => row.textContent)")
        effects = run.ablate("source:1", sequence=0, position=3).table()
        assert len(rows) == len(effects) == 4
        for row, after in zip(rows, effects["difference_after"], strict=True):
            assert f"{after:+.2f}".replace("-", "−") in row

        address = until(lambda: f"seed={SEED}" in page.run("location.href") and page.run("location.href"), "the link")
        assert page.run("faults") == []
        assert page.run("performance.getEntriesByType('resource').map(({ name }) => name)") == []
        page.open("about:blank")
        page.open(address)
        assert drawn(page, SEED) == f"{float(run.final_loss):.4f}"
        assert saved(page, tmp_path, "weights", name) == data


def sha256(weights: dict[str, np.ndarray]) -> str:
    """Return the hash of weights in the order of their names; what else is saved is left out."""
    names = sorted(name for name in weights if not name.startswith("run."))
    return hashlib.sha256(b"".join(name.encode() + weights[name].tobytes() for name in names)).hexdigest()


@long
def test_firefox_saves_every_file(tmp_path: Path) -> None:
    run = "headlab-notebook-d20-seed1"
    starts = {
        "report": ("html", b"<!doctype html>"),
        "Python": ("py", b"import headlab"),
        "table": ("csv", b""),
        "figure, SVG": ("svg", b"<svg "),
        "figure, PNG": ("png", b"\x89PNG"),
    }
    with firefox(LAB.as_uri(), tmp_path) as page:
        drawn(page, 1)
        found = {button: saved(page, tmp_path, button, f"{run}.{ending}") for button, (ending, _) in starts.items()}
    assert {button: data[: len(starts[button][1])] for button, data in found.items()} == {
        button: start for button, (_, start) in starts.items()
    }


def test_without_webassembly_the_recorded_run_is_read_and_one_sentence_says_why(tmp_path: Path) -> None:
    off = {"javascript.options.wasm": False}
    with firefox(f"{LAB.as_uri()}#seed={SEED}&numerics=2", tmp_path, **off) as page:
        until(lambda: page.text(".notice"), "why nothing trains")
        assert (
            page.text(".notice")
            == "This browser cannot train, as it has no WebAssembly: what was recorded can be read."
        )
        assert page.text(".facts b") == f"{float(hl.train(hl.Corpus.notebook(), seeds=1)[0].final_loss):.4f}"
        assert page.text(".answer p")
        fields = "[...document.querySelectorAll('input, textarea')].map((field) => field.type)"
        assert page.run(fields) == ["range"]  # the moment; nothing is set that nobody would train
        buttons = "[...document.querySelectorAll('button')].map((button) => button.ariaLabel || button.innerText)"
        assert not {"undo", "reset", "dice"} & set(page.run(buttons))
        assert "…" not in page.run("[...document.querySelectorAll('p')].map((said) => said.innerText)")
