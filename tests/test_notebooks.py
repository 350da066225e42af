"""What notebooks show of runs, in the clients that people use and in what they keep: alive or readable, and never a request."""

import contextlib
import re

import pytest
from browsing import NEEDED, PATIENCE
from notebooks import VIEWS, execute, jupyter, marimo, needs, write_notebook

import headlab as hl

pytest.importorskip("playwright")
pytest.importorskip("nbformat")
from playwright.sync_api import TimeoutError as PlaywrightTimeout
from playwright.sync_api import expect

pytestmark = [*NEEDED, pytest.mark.long]
expect.set_options(timeout=PATIENCE)
ANSWER = "How does it know?"
SEVEN = f"{hl.train(hl.Corpus.notebook(), seeds=7, record='none').final_loss[0]:.4f}"
LIVE = ".headlab-view >> .views"


@pytest.fixture
def page(browser):
    opened = browser.new_page(viewport={"width": 1400, "height": 1000}, reduced_motion="reduce")
    opened.set_default_timeout(PATIENCE)
    yield opened
    opened.close()


def try_it(view):
    """Use a view that is on the screen: its answer, another seed, trained here, and a part of that run taken away."""
    expect(view.get_by_role("heading", name=ANSWER)).to_be_visible()
    seed = view.get_by_role("textbox", name="seed", exact=True)
    seed.fill("7")
    seed.press("Enter")
    expect(view.get_by_text(SEVEN, exact=True)).to_be_visible()
    view.get_by_role("button", name=re.compile(r"1 man: .*, ablate it")).first.click()
    expect(view.get_by_role("table", name="without “man”")).to_be_visible()


@pytest.mark.parametrize("app", ["lab", "notebook"])
def test_a_view_lives_in_jupyter_and_in_what_it_saved(app, page, tmp_path):
    pytest.importorskip("jupyterlab" if app == "lab" else "notebook")
    write_notebook(tmp_path / "one.ipynb", [VIEWS])
    with jupyter(app, tmp_path) as address:
        page.goto(f"{address}/{'lab/tree' if app == 'lab' else 'notebooks'}/one.ipynb")
        page.locator(".jp-Cell .cm-content").first.click()
        page.keyboard.press("Shift+Enter")
        try_it(page.locator(LIVE))
        page.keyboard.press("Control+s")  # with the hand in the view
        expect(page.get_by_text(re.compile("Saving completed|Checkpoint created|Last Checkpoint"))).to_be_visible()
        page.reload()
        try_it(page.locator(LIVE))
    kept = (tmp_path / "one.ipynb").read_text()
    assert "text/html" in kept
    assert "widget-view" not in kept


@needs("nbconvert")
def test_an_exported_notebook_is_alive_without_a_network(page, tmp_path):
    import nbconvert

    path = execute(write_notebook(tmp_path / "one.ipynb", [VIEWS, "runs.view(2)"]))
    html, _ = nbconvert.HTMLExporter().from_filename(str(path))
    (tmp_path / "one.html").write_text(html, encoding="utf-8")
    asked = []
    page.route(re.compile("^(?!file:|blob:|data:)"), lambda route: (asked.append(route.request.url), route.abort()))
    page.goto((tmp_path / "one.html").as_uri())
    for number in (0, 1):
        try_it(page.locator(".headlab-view").nth(number).locator(".views"))
    assert not [url for url in asked if "headlab" in url or "anywidget" in url or "widgets" in url]


def test_a_notebook_that_nobody_trusts_is_readable(page, tmp_path):
    pytest.importorskip("jupyterlab")
    execute(write_notebook(tmp_path / "one.ipynb", [VIEWS]))  # signed by nobody
    with jupyter("lab", tmp_path) as address:
        page.goto(f"{address}/lab/tree/one.ipynb")
        expect(page.get_by_text("Attention, sentence 1")).to_be_visible()
        expect(page.get_by_text("model not found")).to_have_count(0)


@needs("marimo")
def test_a_view_lives_in_marimo_however_often_its_cell_runs(page, tmp_path):
    cells = "import marimo\napp = marimo.App()\n@app.cell\ndef _():\n    import marimo as mo\n    return (mo,)\n"
    cells += "@app.cell\ndef _(mo):\n    number = mo.ui.slider(0, 3, label='run')\n    number\n    return (number,)\n"
    cells += "@app.cell\ndef _(number):\n    import headlab as hl\n"
    cells += "    hl.train(hl.Corpus.notebook(), seeds=range(4)).view(number.value)\n    return\n"
    (tmp_path / "one.py").write_text(cells)
    with marimo(tmp_path / "one.py") as address:
        page.goto(address)
        view = page.locator("marimo-anywidget >> .views")
        for _ in range(20):  # until its kernel is there
            page.keyboard.press("Control+Shift+r")
            with contextlib.suppress(PlaywrightTimeout):
                view.wait_for(timeout=5_000)
                break
        try_it(view)
        for _ in range(2):
            page.get_by_role("slider", name="run").press("ArrowRight")
            expect(view.get_by_role("heading", name=ANSWER)).to_be_visible()
        expect(page.get_by_text("attachShadow")).to_have_count(0)


def test_twelve_views_of_a_notebook_take_less_than_a_megabyte(tmp_path):
    pytest.importorskip("nbclient")
    path = write_notebook(tmp_path / "many.ipynb", [VIEWS, *[f"runs.view({n % 4})" for n in range(11)]])
    assert len(execute(path).read_bytes()) < 1_000_000
