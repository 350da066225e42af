"""`headlab homework grade`: three students, the careful, the lazy and the one who cheats, and the instructor's own gradebook."""

import json
import os
import subprocess
import sys

import handed_in
import pytest
from backends import without_wasmtime

from headlab.errors import HeadlabError
from headlab.homework.grading import results
from headlab.homework.grading.grade import grade
from headlab.homework.grading.power import Seen, told_apart
from headlab.study.answer import UNTOLD, Answer, Group

ASSIGNMENT = handed_in.quick()
ROSTER = b'\xef\xbb\xbfStudent;SIS Login ID;quick (77);Final\r\n"Careful, Ada";CAREFUL;;"1,5"\r\nLazy;lazy;;\r\nCheat;cheat;;\r\n'


@pytest.fixture(scope="module")
def files():
    """What the three hand in: all of it, half of it, and the careful one's runs and sentence under another id."""
    careful, lazy = handed_in.Class(ASSIGNMENT, ["careful", "lazy"]).files.values()
    lazy = {**lazy, "answers": {name: lazy["answers"][name] for name in ("good", "looks", "sizes")}}
    lazy["answers"]["looks"] = {**lazy["answers"]["looks"], "value": (lazy["answers"]["looks"]["value"] + 1) % 4}
    cheat = {**careful, "id": "cheat", "variant": ASSIGNMENT.variant_of("cheat").number}
    return {file["id"]: handed_in.as_bytes(file) for file in (careful, lazy, cheat)}


@pytest.fixture
def course(files, tmp_path):
    """A folder with the assignment and what was handed in."""
    (tmp_path / "in").mkdir()
    (tmp_path / "quick.toml").write_text(handed_in.QUICK, encoding="utf-8")
    (tmp_path / "roster.csv").write_bytes(ROSTER)
    for student, data in files.items():
        (tmp_path / "in" / f"quick-{student}.txt").write_bytes(data)
    return tmp_path


def test_a_class_is_graded_into_a_table_its_gradebook_and_a_file_for_each(run, course):
    status, out, err = run("homework", "grade", "quick.toml", "in", "--roster", "roster.csv")
    assert (status, err) == (0, "")
    assert "careful      11        3   ✓ 2" in out
    assert "seed must be one of yours" in out
    assert "The same sentence for why, and the same runs: careful." in out
    assert "no difference at all" in out
    assert "you judge: who did it" in out
    assert "Not in these grades yet: up to 6 points for sentences, which you give (read.html)." in " ".join(out.split())
    folder = course / "quick-grades"
    assert {path.name for path in folder.iterdir()} == {"grades.csv", "class.html", "read.html", "results"}
    assert {path.name for path in (folder / "results").iterdir()} == {"careful.json", "cheat.json", "lazy.json"}
    expected = (
        ROSTER.replace(b"CAREFUL;;", b"CAREFUL;11;").replace(b"lazy;;", b"lazy;4;").replace(b"cheat;;", b"cheat;0;")
    )
    assert (folder / "grades.csv").read_bytes() == expected


def test_a_gradebook_without_ids_is_one_sentence_and_the_class_is_graded_all_the_same(run, course):
    (course / "roster.csv").write_bytes(b"Student,quick\nAda,\n")
    status, out, err = run("homework", "grade", "quick.toml", "in", "--roster", "roster.csv")
    assert status == 2
    assert err == (
        "headlab: the roster must have a column with the ids of students, got none: its columns are 'Student', 'quick'\n"
    )
    assert "careful" in out
    text = (course / "quick-grades" / "grades.csv").read_text()
    assert text.startswith("id,points,of,to read,good,")
    assert "\ncareful,11,14,3,2,1,1," in text


def test_as_json_everything_is_there_and_the_class_has_no_ids(run, course):
    status, out, _ = run("homework", "grade", "quick.toml", "in", "--json", "--out", "out")
    told = json.loads(out)
    assert status == 0
    assert {one["student"]: one["score"] for one in told["students"]} == {"careful": 11, "cheat": 0, "lazy": 4}
    careful = next(one for one in told["students"] if one["student"] == "careful")
    assert "solved" in careful["facts"]["why"][0]
    assert careful["explained"]["why"]
    assert len(careful["unchecked"]) == 3
    assert "careful" not in json.dumps(told["class"])


@pytest.mark.parametrize("form", results.FORMS)
def test_an_autograder_finds_results_of_its_one_submission_whatever_was_handed_in(run, course, files, form):
    for name, content, points in (
        ("good", files["careful"], 11),
        ("cheat", files["cheat"], 0),
        ("broken", files["careful"][:99], 0),
        ("none", None, 0),
    ):
        folder = course / name
        folder.mkdir()
        if content is not None:
            (folder / "answer.txt").write_bytes(content)
        status, _, err = run("homework", "grade", "quick.toml", name, "--format", form, "--out", f"out-{name}")
        assert (status, err) == (0, "")
        found = json.loads((course / f"out-{name}" / "results.json").read_text())
        assert found["score"] == (points if form == results.GRADESCOPE else points / 14)
        if name in ("broken", "none"):
            assert found["tests"] == []
            assert "must" in (found["output"] if form == results.GRADESCOPE else found["message"])


def test_of_a_submission_that_holds_the_files_of_several_students_nothing_is_trained(course, files, monkeypatch):
    monkeypatch.setattr("headlab.homework.grading.grade.trained_again", None)
    (course / "several").mkdir()
    for name in ("careful", "lazy"):
        (course / "several" / f"{name}.txt").write_bytes(files[name])
    with pytest.raises(HeadlabError, match="must be one answer file, got those of careful, lazy"):
        grade(ASSIGNMENT, course / "several", alone=True)


def test_a_student_who_may_try_again_is_told_neither_what_a_run_gives_nor_what_is_good_enough(run, course):
    run("homework", "grade", "quick.toml", "in", "--out", "out")
    found = json.loads((course / "out" / "results" / "lazy.json").read_text())
    wrong = next(item for item in found["tests"] if item["name"].startswith("Where does"))
    assert wrong["output"].endswith("\nWrong.")
    careful = json.loads((course / "out" / "results" / "careful.json").read_text())
    (place,) = careful["leaderboard"]
    assert place == {"name": "small", "value": 3, "order": "asc"}
    assert "points for d_head" not in json.dumps(careful)


@without_wasmtime
def test_the_wasm_backend_grades_the_same(course):
    told = []
    for backend in ({}, {"HEADLAB_BACKEND": "wasm"}):
        done = subprocess.run(
            [sys.executable, "-m", "headlab", "homework", "grade", "quick.toml", "in", "--json"],
            cwd=course,
            env={**os.environ, **backend},
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )
        told.append(json.loads(done.stdout))
    assert told[0] == told[1]


def test_few_runs_are_said_to_see_what_the_verdict_of_the_study_sees():
    for n in (3, 4, 7):
        for first in range(n + 1):
            for second in range(n + 1):
                groups = (Group.of_counts(1, first, 0, n), Group.of_counts(2, second, 0, n))
                (against,) = Answer("d_head", groups).against(1)
                assert told_apart(n)[first, second] == (against.share.verdict != UNTOLD)


def test_a_difference_that_runs_could_have_seen_is_found_four_times_in_five_and_no_smaller_one():
    from scipy.stats import binom

    for n, share in ((5, 0.9), (10, 0.7), (20, 0.5), (20, 1.0)):
        seen = Seen.of(n, share)

        def power(other, n=n, share=share):
            outcomes = [(a, b) for a in range(n + 1) for b in range(n + 1) if told_apart(n)[a, b]]
            return sum(binom.pmf(a, n, share) * binom.pmf(b, n, other) for a, b in outcomes)

        if seen.other is None:
            assert max(power(0.0), power(1.0)) < 0.8
        else:
            assert power(seen.other) >= 0.8
            assert power(seen.other + (0.01 if seen.other < share else -0.01)) < 0.8
    assert Seen.of(3, 0.5).other is None
