"""The SCORM package in a learning management system: opened as an activity, kept between visits, and its score reported."""

import json

import learning
import pytest
from browsing import NEEDED, PATIENCE

from headlab.homework.assignment.assignment import Assignment
from headlab.homework.assignment.template import template
from headlab.report.handout.page import HOMEWORK, homework_page
from headlab.report.handout.scorm import scorm_zip

pytest.importorskip("playwright")
from playwright.sync_api import expect

pytestmark = [
    *NEEDED,
    pytest.mark.skipif(not HOMEWORK.exists(), reason="headlab was built without its page"),
    pytest.mark.skipif(not learning.RUNTIME.exists(), reason="scorm-again is not in web/node_modules (npm ci)"),
]
HW1 = Assignment.of_text(template("hw1"), "hw1")


def test_an_activity_keeps_answers_between_visits_and_reports_the_points_of_what_agrees(browser):
    package = scorm_zip(HW1.name, HW1.title, homework_page(HW1.public()))
    with learning.course(package) as address:
        page = browser.new_page(viewport={"width": 1400, "height": 1000})
        page.set_default_timeout(PATIENCE)
        faults = []
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.goto(address)
        inner = page.frame_locator("iframe")
        expect(inner.locator(".made")).to_contain_text("trained and drawn in", timeout=PATIENCE)
        assert learning.kept(page)["core"]["lesson_status"] == "incomplete"
        inner.locator("#student-id").fill("ab12")
        inner.locator("#student-id").press("Enter")
        shown = inner.locator("section:not(.stale):has(#head-title) .facts")
        while "✓ solved" not in shown.inner_text():
            inner.get_by_role("button", name="next seed").click()
        inner.get_by_role("button", name="attach the run shown").click()
        expect(inner.locator("#question-good img")).to_be_visible(timeout=PATIENCE)
        page.wait_for_function("() => Number(window.API.cmi.core.score.raw) >= 2")
        first = learning.kept(page)
        assert float(first["core"]["score"]["raw"]) == 2
        assert float(first["core"]["score"]["max"]) == HW1.points
        assert len(first["suspend_data"]) <= 4096
        assert "ab12" in first["suspend_data"]
        page.evaluate("kept => window.sessionStorage.setItem('kept', kept)", json.dumps(first))
        page.goto(f"{address}?again")
        expect(inner.locator("#student-id")).to_have_value("ab12", timeout=PATIENCE)
        expect(inner.locator("#question-good img")).to_be_visible(timeout=PATIENCE)
        assert faults == []
        page.close()
