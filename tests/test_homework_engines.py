"""A homework in other engines than Chromium: done, handed in, and graded as it is."""

import json
from pathlib import Path

import pytest
from browsing import BUILT
from engines import ENGINES, Page, until
from test_lab_engines import LISTENS, press, saved, type_in
from tiers import long

from headlab.homework.assignment.assignment import Assignment
from headlab.homework.grading.grade import grade
from headlab.report.handout.page import HOMEWORK, homework_page

pytestmark = [BUILT, pytest.mark.skipif(not HOMEWORK.exists(), reason="headlab was built without its page")]
HW1 = Assignment.read(Path(__file__).parents[1] / "examples/hw1.toml")
STUDENT = "ab12"
MADE = "document.querySelector('.made')?.textContent.includes('trained and drawn in')"
READY = f"!document.querySelector('section.stale') && {MADE}"


def click_all(page: Page, selector: str) -> None:
    """Click everything that a selector finds."""
    page.run(f"void [...document.querySelectorAll({json.dumps(selector)})].forEach((one) => one.click())")


@long
@pytest.mark.parametrize("engine", ["WebKit", "Firefox"])
def test_in_every_engine_a_homework_is_done_and_graded_as_it_is(engine: str, tmp_path: Path) -> None:
    (tmp_path / "profile").mkdir()
    (tmp_path / "hw1.html").write_text(homework_page(HW1.public()), encoding="utf-8")
    with ENGINES[engine]((tmp_path / "hw1.html").as_uri(), tmp_path / "profile") as page:
        until(lambda: page.run(f"Boolean({READY})"), "the first run")
        page.run(LISTENS)
        type_in(page, "#student-id", STUDENT)
        first = HW1.variant_of(STUDENT).fields["seed"]
        until(
            lambda: page.run(f"document.querySelector('#seed').value === '{first}' && Boolean({READY})"), "their seed"
        )
        press(page, "attach the run shown")
        press(page, "train what is missing")
        until(lambda: page.run("document.querySelectorAll('#question-sizes tbody tr').length === 9"), "nine runs")
        until(lambda: "training" not in page.text("#question-sizes"), "the facts of nine runs")
        click_all(page, ".question input[type=radio]")
        page.run(
            "void [...document.querySelectorAll('button')].forEach((one) => one.textContent.startsWith('take it') && one.click())"
        )
        for question in ("why", "size"):
            type_in(
                page,
                f"#question-{question} textarea",
                "What is read at the first word differs, and so does what comes next: “é”.",
            )
        until(lambda: "is answered" in page.text(".hand-in") or "1 place" in page.text(".hand-in"), "all answers")
        data = saved(page, tmp_path / "profile", "Hand in", f"hw1-{STUDENT}.txt")
        assert page.run("faults") == []
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / f"hw1-{STUDENT}.txt").write_bytes(data)
    graded = grade(HW1, tmp_path / "in").graded[0]
    assert (graded.student, graded.problems) == (STUDENT, ())
    for item in graded.items:
        if item.question.kind in ("runs", "number"):
            assert item.points == item.max, item
