"""The gallery's page in a browser: trained there as in Python, scrubbed through as it was recorded, and nobody is asked."""

import json
from dataclasses import replace
from pathlib import Path

import gallery_live
import pytest
from browsing import NEEDED, PATIENCE

from headlab.report.html.gallery import GALLERY, gallery_page
from headlab.report.json.gallery import Shown, page_json
from headlab.report.words.gallery import number_text
from headlab.tasks import tasks

pytest.importorskip("playwright")
from playwright.sync_api import expect

pytestmark = [*NEEDED, pytest.mark.skipif(not GALLERY.exists(), reason="headlab was built without its page")]
expect.set_options(timeout=PATIENCE)
AXE = Path(__file__).parents[1] / "web/node_modules/axe-core/axe.min.js"
SHOWN = ("ioi", "bigram0", "max4", "induction", "planted", "max-list")
UNRECORDED = "max-list"  # as one that was not run yet


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """The address of a page with some tasks, of which one has no recording."""
    shown = [Shown.of(tasks[name]) for name in SHOWN]
    shown = [replace(one, recording=None) if one.task.name == UNRECORDED else one for one in shown]
    file = tmp_path_factory.mktemp("gallery") / "gallery.html"
    file.write_text(gallery_page(lambda: page_json(shown)), encoding="utf-8")
    return file.as_uri()


@pytest.fixture
def opened(browser, address):
    """What opens the page at an address's end, and holds in the end that nothing went wrong and nobody was asked."""
    wrong, contexts = [], []

    def opens(end, **options):
        contexts.append(browser.new_context(viewport={"width": 1400, "height": 900}, **options))
        page = contexts[-1].new_page()
        page.set_default_timeout(PATIENCE)
        page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("request", lambda asked: None if asked.url.startswith(("file:", "data:")) else wrong.append(asked.url))
        page.goto(address + end)
        return page

    yield opens
    for context in contexts:
        context.close()
    assert wrong == []


def test_trainings_of_the_page_are_still_pythons():
    assert json.loads(gallery_live.FILE.read_text(encoding="utf-8")) == gallery_live.told(), (
        "run `python tests/gallery_live.py`, and see why numbers changed"
    )


@pytest.mark.parametrize(("recipe", "seed"), [("1L2H", 5), ("1L1H", 0)])
def test_a_live_task_ends_with_pythons_loss(opened, recipe, seed):
    page = opened(f"#ioi&recipe={recipe}&seed={seed}")
    found = gallery_live.trained("ioi", tasks["ioi"].recipe(recipe).model, tasks["ioi"].recipe(recipe).training, seed)
    expect(page.locator("#run-title + span")).to_contain_text(f"{number_text(found['final_loss'])} loss at the end")
    expect(page.get_by_text("nothing here is recorded")).to_be_visible()
    page.get_by_role("button", name="the next seed").click()
    expect(page).to_have_url(f"{page.url.rpartition('=')[0]}={seed + 1}")
    expect(page.get_by_role("button", name="train again")).to_be_visible()


def test_a_recording_is_scrubbed_by_keys(opened):
    page = opened("#max4")
    recording = Shown.of(tasks["max4"]).recording
    expect(page.get_by_text("this page does not train this task")).to_contain_text(f"seed {recording.seed}")
    slider, said = page.get_by_label("moment of the training"), page.locator(".bar .number")
    slider.focus()
    for key, moment in (
        ("Home", recording.moments[0]),
        ("ArrowRight", recording.moments[1]),
        ("End", recording.moments[-1]),
    ):
        page.keyboard.press(key)
        expect(said).to_have_text(f"step {moment.step:,} of {recording.n_steps:,}")
        (label, share), *_ = moment.said[0][0]
        first = page.locator(".predicted tbody .bar").first
        expect(first).to_contain_text(label)
        expect(first).to_contain_text(f"{share:.2f}".removeprefix("0"))


def test_every_task_is_reached_from_the_list_and_says_what_it_is(opened):
    page = opened("")
    for name, says in zip(
        SHOWN, ("Live:", "no heads", "A recording:", "head 1.1", "set by hand", "no recording"), strict=True
    ):
        page.get_by_role("link", name=f"{name} ").first.click()
        expect(page.locator("#title")).to_contain_text(f"{name}:")
        expect(page.locator("main")).to_contain_text(says)
        page.get_by_role("link", name="headlab").click()
        expect(page.locator("#title")).to_have_text(f"{len(SHOWN)} tasks")


@pytest.mark.parametrize(("scheme", "end", "width"), [("light", "#ioi", 360), ("dark", "#induction", 1400)])
def test_no_barrier_is_found(opened, scheme, end, width):
    page = opened(end, color_scheme=scheme, bypass_csp=True, reduced_motion="reduce")
    page.set_viewport_size({"width": width, "height": 900})
    page.add_script_tag(path=str(AXE))
    expect(page.locator(".predicted tbody tr").first).to_be_visible()
    found = page.evaluate("axe.run()")["violations"]
    assert [(item["id"], [node["html"][:200] for node in item["nodes"]]) for item in found] == []


def test_nothing_is_wider_than_a_telephone(opened):
    page = opened("")
    page.set_viewport_size({"width": 360, "height": 900})
    for name in ("all", *SHOWN):
        page.evaluate("name => { location.hash = name }", name)
        expect(page.locator("#title")).to_contain_text("tasks" if name == "all" else f"{name}:")
        assert page.evaluate("document.documentElement.scrollWidth") <= 360, name
