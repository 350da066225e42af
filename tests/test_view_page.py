"""The page inside of something else, in a browser: in a widget, in what a notebook keeps, in a report; each lives alone."""

import json
import re
from urllib.parse import urlsplit

import pytest
from browsing import NEEDED, PATIENCE
from tiers import sampled

import headlab as hl
from headlab.report import PAGE
from headlab.report.carried import Carried

pytest.importorskip("playwright")
pytest.importorskip("anywidget")
from playwright.sync_api import expect

pytestmark = NEEDED
expect.set_options(timeout=PATIENCE)
NOTEBOOK = hl.Corpus.notebook()
FIRST = 2**53  # seeds that a page's numbers cannot tell apart
WIDGET = """<!doctype html><body><div class="view"></div><div class="view"></div><script type="module">
import widget from './embed.js'
const model = { get: () => %s }
for (const el of document.querySelectorAll('.view')) widget.render({ model, el })
widget.render({ model, el: document.querySelector('.view') }) // as marimo does where a cell runs again
</script>"""


@pytest.fixture
def page(browser):
    """A page that faults and requests to elsewhere fail."""
    context = browser.new_context(reduced_motion="reduce")
    opened, wrong = context.new_page(), []
    opened.set_default_timeout(PATIENCE)
    opened.on("pageerror", lambda error: wrong.append(str(error)))
    opened.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
    yield opened
    context.close()
    assert wrong == []


@pytest.fixture(scope="module")
def runs():
    return hl.train(NOTEBOOK, seeds=range(FIRST, FIRST + 8))


def serve(page, html):
    """Open a page of a text, which may import the page's code and nothing else."""
    pages = {"/": ("text/html", html), "/embed.js": ("text/javascript", (PAGE / "embed.js").read_text())}

    def answer(route):
        kind, body = pages[urlsplit(route.request.url).path]
        route.fulfill(content_type=kind, body=body)

    page.route("http://notebook.test/**", answer)
    page.goto("http://notebook.test/")


def loss_of(run):
    return f"{float(run.final_loss):.4f}"


def ablate(view, run):
    view.get_by_role("button", name=re.compile("1 man: .*, ablate it")).click()
    rows = view.get_by_role("table", name="without “man”").locator("tbody tr")
    expect(rows).to_have_count(4)
    for row, value in enumerate(run.ablate("source:1").table()["difference_after"]):
        expect(rows.nth(row)).to_contain_text(f"{abs(value):.2f}")


def test_each_view_of_a_widget_shows_trains_and_tries_its_own_run(page, runs):
    serve(page, WIDGET % json.dumps(Carried.of(runs[4], runs, moments=False).text()))
    one, two = page.locator(".view").all()
    ablate(two, runs[4])
    two.get_by_label(re.compile(f"^seed {FIRST + 7}, ")).click()
    expect(two.get_by_text(loss_of(runs[7]), exact=True)).to_be_visible()
    expect(one.get_by_text(loss_of(runs[4]), exact=True)).to_be_visible()
    ablate(two, runs[7])
    ablate(one, runs[4])
    drawn = "mini => [getComputedStyle(mini).maskImage.slice(0, 14), getComputedStyle(mini).backgroundColor]"
    assert two.locator(".mini .pattern").first.evaluate(drawn) == ['url("data:imag', "rgb(86, 54, 166)"]
    expect(one.locator(".mini")).to_have_count(8)  # those that it came with, and not the seeds around


HELD = """const Made = Worker
window.held = []
window.Worker = class extends Made {
  postMessage(...said) {
    if (window.held) window.held.push(() => super.postMessage(...said))
    else super.postMessage(...said)
  }
}
window.letGo = () => [window.held, window.held = null][0].forEach(say => say())"""


@pytest.mark.parametrize(
    "name", sampled(["1 man: .*, ablate it", "the looks at man: .*, ablate it", "^v$", "woman … the → beef"], every=2)
)
def test_what_is_pressed_while_the_run_is_trained_is_done(page, runs, name):
    page.add_init_script(HELD)
    serve(page, WIDGET % json.dumps(Carried.of(runs[4], runs, moments=False).text()))
    view = page.locator(".view").first
    button = view.get_by_role("button", name=re.compile(name)).first
    button.hover()
    page.mouse.down()
    page.evaluate("letGo()")
    expect(view.get_by_role("button", name="play")).to_be_enabled()  # of a run with its moments
    button.evaluate("element => element.getRootNode().querySelector('.views').style.paddingTop = '60px'")
    page.mouse.up()
    if "…" in name:
        expect(button).to_have_attribute("aria-pressed", "true")
    else:
        expect(view.locator("table.trial tbody tr").first).to_contain_text("→")


def test_what_a_notebook_keeps_lives_wherever_its_code_is(page, runs, monkeypatch):
    from headlab.report.notebook import html

    monkeypatch.setattr(html, "_carrier", [])
    monkeypatch.setattr(html, "_cell", iter(["one", "two"]).__next__)
    carries, needs = (runs.view(number)._repr_mimebundle_()[0]["text/html"] for number in (4, 7))
    serve(page, f"<!doctype html><body>{needs}<hr>")
    expect(page.get_by_text("Attention, sentence 1")).to_be_visible()  # readable meanwhile
    expect(page.get_by_text("needs the code that another cell")).to_be_visible()
    page.evaluate(
        """html => {
            const cell = document.createElement('div')
            cell.innerHTML = html
            document.body.append(cell)
            for (const script of cell.querySelectorAll('script')) {
                const again = document.createElement('script')
                for (const { name, value } of script.attributes) again.setAttribute(name, value)
                again.textContent = script.textContent
                script.replaceWith(again)
            }
        }""",
        carries,
    )
    for number, run in ((0, runs[7]), (1, runs[4])):
        view = page.locator(".headlab-view").nth(number)
        expect(view.get_by_text(loss_of(run), exact=True)).to_be_visible()
        expect(view.get_by_text("Attention, sentence 1")).to_be_hidden()
        ablate(view, run)


def test_a_view_has_its_clients_colours_and_leaves_it_its_keys(page, runs):
    serve(page, WIDGET % json.dumps(Carried.of(runs[4], moments=False).text()))
    view = page.locator(".view").first
    paper = "element => getComputedStyle(element.shadowRoot.querySelector('.embedded')).backgroundColor"
    expect(view.get_by_role("heading", name="How does it know?")).to_be_visible()
    shades = {}
    for theme in ("true", "false"):
        page.evaluate("theme => document.body.dataset.jpThemeLight = theme", theme)
        expect(view).to_have_attribute("data-theme", {"true": "light", "false": "dark"}[theme])
        shades[theme] = view.evaluate(paper)
    assert shades["true"] != shades["false"]
    page.evaluate(
        """() => document.addEventListener('keydown', ({ key, target }) => {
            if (!target.closest('[data-lm-suppress-shortcuts]')) (window.heard ??= []).push(key)
        }, { capture: true })"""
    )
    view.get_by_role("textbox", name="seed", exact=True).focus()
    for key in ("d", "Control+z", "Control+s"):
        page.keyboard.press(key)
    assert [key for key in page.evaluate("window.heard") if key != "Control"] == ["s"]


def test_a_report_trains_other_runs_offline(page, runs, tmp_path):
    from headlab.homework.exercise import Exercise
    from headlab.report.html import homework as report

    path = report.write(Exercise.of(runs, 4), tmp_path / "report.html")
    page.context.set_offline(True)
    page.goto(path.as_uri())
    view = page.locator("#headlab-views")
    expect(view.get_by_text(loss_of(runs[4]), exact=True)).to_be_visible()
    ablate(view, runs[4])
    seed = view.get_by_role("textbox", name="seed", exact=True)
    seed.fill(str(FIRST + 6))
    seed.press("Enter")
    expect(view.get_by_text(loss_of(runs[6]), exact=True)).to_be_visible()


GIVEN = {
    "weights": lambda runs: hl.train(NOTEBOOK, init=runs.params, training=hl.TrainConfig.of(steps=20))[4],
    "float64": lambda _: hl.train(NOTEBOOK, training=hl.TrainConfig(dtype="float64"), seeds=3)[0],
    "weights of targets": lambda _: hl.train(
        hl.Corpus.from_dict(NOTEBOOK.to_dict() | {"weights": [[1, 1, 0.5, 1, 0]] * 2}), seeds=5
    )[0],
}


@pytest.mark.parametrize("how", GIVEN)
def test_a_run_that_settings_do_not_train_is_tried_as_python_tries_it_and_not_trained(page, runs, how, tmp_path):
    given = GIVEN[how](runs)
    serve(page, WIDGET % json.dumps(Carried.of(given, moments=False).text()))
    view = page.locator(".view").first
    expect(view.get_by_text(loss_of(given), exact=True)).to_be_visible()
    expect(view.get_by_role("textbox", name="seed", exact=True)).to_have_count(0)
    expect(view.get_by_text("Settings alone do not train this run")).to_be_visible()
    ablate(view, given)
    view.get_by_role("button", name="v", exact=True).click()
    rows = view.locator("table.trial tbody tr")
    expect(rows.first).to_contain_text(f"{abs(given.patch('v').table()['difference_after'].iloc[0]):.2f}")
    view.get_by_text("How many explanations are there?").click()
    view.get_by_role("button", name="find").click()
    expect(view.get_by_role("button", name="find")).to_have_count(0)
    view.get_by_text("save", exact=True).click()
    assert view.locator(".keep li b").all_inner_texts() == ["weights", "table", "figure, SVG", "figure, PNG"]
    with page.expect_download() as download:
        view.get_by_role("button", name=re.compile("^weights")).click()
    kept = tmp_path / "run.safetensors"
    download.value.save_as(kept)
    read = hl.Runs.load(kept)
    mine = dict(given.params.items())
    assert all(array.tobytes() == mine[name].tobytes() for name, array in read.params.items())
    assert float(read.final_loss[0]) == float(given.final_loss)
