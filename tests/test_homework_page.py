"""The page that students open: no way round its rules, its answers kept and handed in, and every honest file graded as it is."""

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from browsing import NEEDED, PATIENCE
from tiers import long, sampled
from vitest import vitest

from headlab.homework.assignment.assignment import Assignment
from headlab.homework.grading.grade import grade
from headlab.homework.grading.graded import MISSING, UNCOUNTED
from headlab.report.handout.page import HOMEWORK, homework_page

pytest.importorskip("playwright")
from playwright.sync_api import Page, expect

AXE = Path(__file__).parents[1] / "web/node_modules/axe-core/axe.min.js"
pytestmark = [*NEEDED, pytest.mark.skipif(not HOMEWORK.exists(), reason="headlab was built without its page")]
TEMPLATE = Path(__file__).parents[1] / "src/headlab/homework/assignment/hw1.toml"
HW1 = Assignment.of_text(TEMPLATE.read_text(encoding="utf-8"), "hw1")
STUDENT = "ab12"
FIRST = HW1.variant_of(STUDENT).seeds[0]
expect.set_options(timeout=PATIENCE)


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """The address of hw1.html."""
    path = tmp_path_factory.mktemp("homework") / "hw1.html"
    path.write_text(homework_page(HW1.public()), encoding="utf-8")
    return path.as_uri()


class Visit:
    """A page that is open, and what it did that it must not."""

    def __init__(self, browser: Any, address: str, **options: Any) -> None:
        options = {"viewport": {"width": 1400, "height": 900}, "reduced_motion": "reduce", **options}
        self.context = browser.new_context(**options)
        self.faults: list[str] = []
        self.page: Page = self.context.new_page()
        self.page.set_default_timeout(PATIENCE)
        self.page.on("console", lambda said: self.faults.append(said.text) if said.type == "error" else None)
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on(
            "request", lambda request: self.faults.append(request.url) if self.is_foreign(request.url) else None
        )
        self.page.goto(address)
        self.settled()

    def is_foreign(self, url: str) -> bool:
        return not url.startswith(("file:", "blob:", "data:"))

    def settled(self) -> Page:
        expect(self.page.locator(".made")).to_contain_text("trained and drawn in")
        return self.page

    def identify(self, student: str = STUDENT) -> None:
        self.page.fill("#student-id", student)
        self.page.keyboard.press("Enter")

    def question(self, name: str) -> Any:
        return self.page.locator(f"#question-{name}")

    def handed_in(self, folder: Path) -> Path:
        with self.page.expect_download() as download:
            self.page.get_by_role("button", name="Hand in").click()
        path = folder / download.value.suggested_filename
        download.value.save_as(path)
        return path

    def leave(self) -> None:
        assert self.faults == []
        self.context.close()


@pytest.fixture
def visit(address, browser):
    made = Visit(browser, address)
    yield made
    made.leave()


def answer_everything(visit: Visit) -> None:
    """Do the homework as a careful student does it."""
    page = visit.page
    visit.identify()
    expect(page.locator("#seed")).to_have_value(str(FIRST))
    shown = page.locator("section:not(.stale):has(#head-title) .facts")
    while "✓ solved" not in shown.inner_text():
        page.get_by_role("button", name="next seed").click()
    page.get_by_role("button", name="attach the run shown").click()
    expect(visit.question("good").locator("img")).to_be_visible()
    page.get_by_role("button", name="train what is missing").click()
    for number, question in enumerate(HW1.questions):
        here = visit.question(question.id)
        if question.kind in ("choose", "claim"):
            here.locator("input[type=radio]").nth(number % 3).check()
        elif question.kind == "number":
            button = here.get_by_role("button", name="take it from")
            expect(button).to_be_enabled()
            button.click()
        elif question.kind == "sentence":
            here.locator("textarea").fill("What is read at the first word differs, and so does what comes next: “é”.")
    expect(page.get_by_text("Everything is answered.")).to_be_visible()


def test_a_homework_is_done_handed_in_and_graded_printed_on_two_pages_and_kept_over_a_reload(visit, tmp_path):
    answer_everything(visit)
    path = visit.handed_in(tmp_path)
    assert path.name == f"hw1-{STUDENT}.txt"
    assert len(path.read_bytes()) <= 8192
    graded = grade(HW1, tmp_path).graded[0]
    assert (graded.student, graded.problems, graded.variant) == (STUDENT, (), HW1.variant_of(STUDENT).number)
    by_id = {item.question.id: item for item in graded.items}
    for question in HW1.questions:
        item = by_id[question.id]
        if question.kind in ("picture", "runs", "number"):
            assert item.points == question.points, item
        assert item.verdict not in (MISSING, UNCOUNTED), item
    before = path.read_text(encoding="utf-8")
    visit.page.wait_for_timeout(400)  # the address is written when the hand rests
    visit.page.reload()
    visit.settled()
    expect(visit.page.get_by_text("Everything is answered.")).to_be_visible()
    printed = visit.page.pdf(format="A4", prefer_css_page_size=True)
    assert len(re.findall(rb"/Type\s*/Page\b", printed)) == 2
    assert visit.handed_in(tmp_path).read_text(encoding="utf-8") == before


def state(page: Page) -> dict[str, str]:
    given = parse_qs(urlsplit(page.url).fragment, keep_blank_values=True)
    return {name: values[0] for name, values in given.items() if name != "answers"}


def test_no_key_address_reset_arrow_step_back_or_dice_gets_round_the_rules(visit, address):
    page = visit.page
    visit.identify()
    expect(page.locator("#seed")).to_have_value(str(FIRST))
    page.locator(".lab h1").click()
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#seed")).to_have_value(str(FIRST + 99))
    page.keyboard.press("ArrowRight")
    page.get_by_role("button", name="undo", exact=True).click()
    page.get_by_role("button", name="dice").click()
    page.fill("#d_head", "900")
    page.keyboard.press("Enter")
    expect(page.locator("#d_head")).to_have_value("64")
    for control in page.locator(".knob:has(#learning_rate) input, .knob:has(#optimizer) select").all():
        expect(control).to_be_disabled()
    assert page.locator("textarea[aria-label='sentences, one a line']").get_attribute("readonly") is not None
    page.get_by_role("button", name="reset").click()
    assert page.locator("#seed").input_value() == str(FIRST)
    answers = quote(
        json.dumps(
            {"id": STUDENT, "runs": ["seed=7", f"seed={FIRST}&learning_rate=1"], "answers": {"good": {"run": 1}}}
        )
    )
    page.goto("about:blank")
    page.goto(
        f"{address}#seed=7&learning_rate=0.5&text=a+b&d_head=200&fork=9&before=%7B%7D&n_layers=3&hide=&answers={answers}"
    )
    visit.settled()
    assert FIRST <= int(page.locator("#seed").input_value()) <= FIRST + 99
    assert page.locator("#d_head").input_value() == "64"
    assert page.locator("#learning_rate").input_value() == "0.01"
    assert page.locator("textarea[aria-label='sentences, one a line']").input_value().startswith("man ordered")
    page.wait_for_timeout(400)
    assert set(state(page)) <= {"seed", "d_head", "numerics"}
    expect(visit.question("good")).to_contain_text("missing: a run")
    expect(page.get_by_text("A run is left out")).to_be_visible()


def test_what_is_hidden_is_nowhere_and_nothing_that_is_saved_holds_it(visit):
    page = visit.page
    visit.identify()
    visit.settled()
    page.wait_for_timeout(500)
    for title in ("How does it know?", "Does the head size matter?", "What gives"):
        assert page.get_by_role("heading", name=title).count() == 0
    assert page.locator(".keep").count() == 0
    assert not re.search("value-coded|pattern-coded", page.locator("#homework").inner_html())


def test_beside_the_questions_no_note_on_the_head_is_cut_off_and_fixed_sentences_offer_no_examples(visit):
    page = visit.page
    for width in (1024, 1200, 1400):
        page.set_viewport_size({"width": width, "height": 800})
        cut = page.locator(".sentence .scroll").evaluate_all(
            "all => all.map((one) => one.scrollWidth - one.clientWidth)"
        )
        assert (len(cut), [width for width in cut if width > 0]) == (2, [])
    assert page.get_by_label("examples").count() == 0


def test_a_question_whether_something_flips_can_be_tried_though_the_reasons_are_hidden(browser, tmp_path):
    three = Assignment.read(Path(__file__).parents[1] / "examples/three-way.toml")
    path = tmp_path / "three-way.html"
    path.write_text(homework_page(three.public()), encoding="utf-8")
    made = Visit(browser, path.as_uri())
    made.identify()
    made.page.get_by_role("button", name="the looks at child").click()
    expect(made.page.locator(".tried")).to_contain_text("zero")
    assert made.page.get_by_text("value-coded").count() == made.page.get_by_text("pattern-coded").count() == 0
    made.leave()


def test_an_answer_that_is_given_while_runs_are_trained_loses_none_of_them(visit):
    visit.identify()
    visit.page.get_by_role("button", name="train what is missing").click()
    visit.question("why").locator("textarea").fill("not long")
    expect(visit.question("sizes").locator("tbody tr", has_text="0.")).to_have_count(9)


def test_a_file_can_be_handed_in_though_something_is_missing_and_a_draft_goes_on(visit, address, tmp_path):
    page = visit.page
    page.get_by_role("button", name="Hand in").click()
    expect(page.locator(".hand-in [role=status]")).to_contain_text("id first")
    visit.identify()
    visit.question("why").locator("textarea").fill("not long")
    path = visit.handed_in(tmp_path)
    expect(page.locator(".hand-in [role=status]")).to_contain_text("something is missing")
    assert json.loads(path.read_text(encoding="utf-8"))["answers"] == {"why": {"text": "not long"}}
    page.goto("about:blank")
    page.goto(address)
    page.set_input_files("input[type=file]", path)
    expect(page.locator("#student-id")).to_have_value(STUDENT)
    expect(visit.question("why").locator("textarea")).to_have_value("not long")
    other = tmp_path / "other.txt"
    other.write_text(path.read_text(encoding="utf-8").replace(HW1.hash, "0" * 32), encoding="utf-8")
    page.set_input_files("input[type=file]", other)
    expect(page.locator(".hand-in [role=status]")).to_contain_text("another assignment")


@pytest.mark.parametrize("screen", sampled([(1400, "light"), (360, "dark"), (1024, "dark"), (360, "light")], every=4))
def test_it_can_be_read_by_everybody_and_on_narrow_screens(address, browser, screen):
    width, scheme = screen
    made = Visit(browser, address, viewport={"width": width, "height": 800}, color_scheme=scheme)
    made.identify()
    made.page.get_by_role("button", name="train what is missing").click()
    expect(made.page.get_by_text("3/3")).to_have_count(3)
    assert made.page.evaluate("document.documentElement.scrollWidth") <= width
    made.page.evaluate(AXE.read_text(encoding="utf-8"))
    found = made.page.evaluate("axe.run().then(({ violations }) => violations)")
    told = [f"{one['id']}: {[node['target'] for node in one['nodes']][:3]}" for one in found]
    assert told == []
    made.leave()


@long
def test_files_that_the_pages_own_functions_make_are_graded_as_they_are(tmp_path):
    students = 300
    given = tmp_path / "hw1.json"
    given.write_text(json.dumps(HW1.public()), encoding="utf-8")
    asked = {
        "HEADLAB_ASSIGNMENT": str(given),
        "HEADLAB_OUT": str(tmp_path / "files"),
        "HEADLAB_STUDENTS": str(students),
    }
    assert vitest("tests/homework/honest.test.ts", patience=1500, **asked) == ""
    grades = grade(HW1, tmp_path / "files", explain=False)
    assert (len(grades.graded), grades.refused) == (students, ())
    wrong = [item for one in grades.graded for item in one.items if item.checked and item.points < item.max]
    assert (wrong, [one.problems for one in grades.graded if one.problems]) == ([], [])
