"""The pages that an instructor reads: self-contained, true to what was graded, and the class's without anybody's name."""

import re

import handed_in
import pytest

from headlab.homework.grading.grade import grade
from headlab.homework.grading.pooled import Class
from headlab.report.handout import class_page, read_page

STUDENTS = ["ab12", "cd34", "ef56", "gh78", "ij90"]
QUICK = handed_in.quick()


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """Five honest students, one of whom writes what a browser must not take for more than text."""
    folder = tmp_path_factory.mktemp("submissions")
    students = handed_in.Class(QUICK, STUDENTS)
    for student in STUDENTS:
        file = students.file(student)
        if student == "ab12":
            file["answers"]["why"]["text"] = "<script>alert(1)</script> & so on"
        (folder / f"quick-{student}.txt").write_bytes(handed_in.as_bytes(file))
    return grade(QUICK, folder)


@pytest.fixture(scope="module")
def pages(graded):
    """Both pages, by name."""
    return {
        "class": class_page.render(QUICK, Class.of(graded)),
        "read": read_page.render(QUICK, graded.graded),
    }


@pytest.mark.parametrize("name", ["class", "read"])
def test_a_page_asks_nobody_for_anything_and_runs_nothing(pages, name):
    assert not re.search(r"<script|<link|<img|https?://(?!www\.w3\.org/)|@import|\bon\w+=", pages[name])
    assert "default-src 'none'" in pages[name]


def test_the_class_s_page_names_nobody_and_has_no_prose(pages):
    assert not [student for student in STUDENTS if student in pages["class"]]
    assert "It looks at the word that differs" not in pages["class"]


def test_the_class_s_page_pools_every_run_once_with_its_interval_and_what_one_student_could_have_seen(pages, graded):
    pooled = Class.of(graded)
    assert pooled.pools[0].seen is not None
    runs = sum(group.rate.n for group in pooled.pools[0].answer.groups)
    assert 6 < runs <= 30  # three at each of two sizes, of students who may have the same variant
    for sentence in (*pooled.pools[0].sentences(), f"<b>{pooled.runs}</b>", f"5 students trained {runs} runs for it"):
        assert sentence in pages["class"]
    assert "Your three runs each could have seen" in pages["class"]
    for group in pooled.pools[0].answer.groups:
        assert f"{100 * group.rate.low:.1f} to {100 * group.rate.high:.1f} %" in pages["class"]


def test_a_sentence_stands_beside_what_was_measured_and_headlab_s_own_as_text_and_without_points(pages, graded):
    first = graded.graded[0]
    assert first.student == "ab12"
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; so on" in pages["read"]
    for line in (*first.facts["why"], *first.explained["why"]):
        assert re.sub(r"[&<>\"']", "", line) in re.sub(r"&#?\w+;|[&<>\"']", "", pages["read"])
    assert pages["read"].count("____ of 3") == len(STUDENTS)
    assert pages["read"].count("The tables of the run") == len(STUDENTS)


def test_who_handed_in_nothing_that_counts_is_told_and_not_read(tmp_path):
    file = {**handed_in.Class(QUICK, []).file("ab12"), "numerics": 1}
    (tmp_path / "a.txt").write_bytes(handed_in.as_bytes(file))
    found = grade(QUICK, tmp_path)
    page = read_page.render(QUICK, found.graded)
    assert "<b>ab12</b>: numerics must be 2, as in the assignment, got 1" in page
    assert "____ of 3" not in page
    assert "0 students" in class_page.render(QUICK, Class.of(found))
