"""`headlab homework build`: every file or none, the same bytes twice, and the key in no file that students get."""

import io
import json
import re
import zipfile

import handed_in
import handed_out
import pytest

from headlab.homework.assignment.assignment import Assignment
from headlab.homework.assignment.difficulty import Difficulty
from headlab.report.handout import key
from headlab.report.handout.build import handout
from headlab.report.handout.wheel import Wheel

STUB = "<html><body><p>The lab</p></body></html>"
EASY = handed_in.QUICK.replace("number = 8", "number = 2")
PUZZLE = EASY.replace("par = 3", "par = 4").replace(
    'id = "looks"', 'id = "looks"\nright = "Well <seen>"\nwrong = "Look & see"'
)


@pytest.fixture(autouse=True)
def stub(tmp_path, monkeypatch):
    """A page and a wheel that are made in no time."""
    (tmp_path / "stub.html").write_text(STUB)
    monkeypatch.setattr("headlab.report.handout.page.HOMEWORK", tmp_path / "stub.html")
    monkeypatch.setattr(
        "headlab.report.handout.autograder.pure_wheel", lambda: Wheel("headlab-0-py3-none-any.whl", b"")
    )


@pytest.fixture
def file(tmp_path):
    """An assignment's file."""
    (tmp_path / "quick.toml").write_text(EASY)
    return tmp_path / "quick.toml"


def test_all_files_are_beside_the_assignment_and_it_is_said_whom_each_is_for(run, file):
    status, out, err = run("homework", "build", str(file))
    assert (status, err) == (0, "")
    names = ["quick.html", "key.html", "quick-scorm.zip", "autograder.zip", "quick.ipynb"]
    assert [line.split()[0] for line in out.splitlines()] == [str(file.parent / name) for name in names]
    assert "for students" in out.splitlines()[0]
    assert all((file.parent / name).stat().st_size > 100 for name in names)


def test_a_key_of_another_assignment_is_not_replaced_in_silence(run, file):
    (file.parent / "other.toml").write_text(EASY.replace('name = "quick"', 'name = "other"'))
    assert run("homework", "build", str(file))[2] == ""
    assert run("homework", "build", str(file))[2] == ""
    status, _, err = run("homework", "build", str(file.parent / "other.toml"))
    assert status == 0
    assert "were those of 'quick', and are replaced" in " ".join(err.split())


def test_the_same_assignment_gives_the_same_bytes(file):
    assert handout(file) == handout(file)


def test_files_go_to_the_folder_that_is_asked_for_and_are_told_to_scripts(run, file, tmp_path):
    status, out, _ = run("homework", "build", str(file), "--out", str(tmp_path / "a" / "b"), "--json")
    told = json.loads(out)["files"]
    assert (status, len(told)) == (0, 5)
    for item in told:
        assert item["bytes"] == (tmp_path / "a" / "b" / item["path"].rpartition("/")[2]).stat().st_size


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("number = 2", "number = 2\nsolved = [0.99, 1]"), "99 % to 100 % of a variant's runs must be solved"),
        (("points = 3", "points = -3"), "points must be a number from 0 to 1000, got -3"),
    ],
)
def test_nothing_is_written_where_an_assignment_is_wrong_or_too_hard(run, file, change, said):
    file.write_text(EASY.replace(*change))
    status, _, err = run("homework", "build", str(file))
    assert (status, said in err) == (2, True)
    assert {path.name for path in file.parent.iterdir()} == {"quick.toml", "stub.html"}


def test_nothing_is_written_where_one_file_cannot_be(run, file):
    (file.parent / "quick-scorm.zip").mkdir()
    status, _, err = run("homework", "build", str(file))
    assert (status, "quick-scorm.zip" in err) == (2, True)
    assert not (file.parent / "quick.html").exists()


def test_without_the_page_one_sentence_says_so(run, file, monkeypatch, tmp_path):
    monkeypatch.setattr("headlab.report.handout.page.HOMEWORK", tmp_path / "none.html")
    assert run("homework", "build", str(file))[2].startswith("headlab: the homework's page must be built")


def test_what_students_get_holds_nothing_that_only_the_instructor_knows(file):
    file.write_text(handed_out.TEXT)
    files = {item.name: item.content for item in handout(file)}
    packed = {"scorm": zipfile.ZipFile(io.BytesIO(files["quick-scorm.zip"])).read("index.html")}
    for content in (files["quick.html"], files["quick.ipynb"], packed["scorm"]):
        assert not [secret for secret in handed_out.SECRETS if secret.encode() in content]
    told = re.search(r'id="headlab-assignment">(.*)</script>', files["quick.html"].decode())[1]
    assert not [name for name in handed_out.KEYS if name in handed_out.keys(json.loads(told))]
    assert b"Secretly right" in files["key.html"]
    assert b"Secretly right" in zipfile.ZipFile(io.BytesIO(files["autograder.zip"])).read("quick.toml")


def test_the_key_has_every_variant_s_right_answers_how_many_runs_share_them_and_why():
    assignment = Assignment.of_text(PUZZLE, "quick")
    difficulty = Difficulty.of(assignment)
    page = key.render(difficulty)
    assert not re.search(r"<script|<link|<img|https?://(?!www\.w3\.org/)|@import", page)
    for text in (
        "Well &lt;seen&gt;",
        "Look &amp; see",
        "the lowest d_head of a run that is solved; 4 has all points",
        "the loss at the end, to 0.0005",
        assignment.hash,
    ):
        assert text in page
    for tried in difficulty.tried:
        assert f"Variant {tried.variant.number}: seed" in page
        assert f"<td>{round(20 * tried.solved)} of 20</td>" in page
        shown = [measured.shown for measured in tried.answers["looks"]]
        first = tried.runs.grade().tolist().index("solved")
        assert f"{shown[first]}</td><td>{shown.count(shown[first])} of 20 runs" in page
    assert page.count("What headlab says of it") == 2
    assert "it looks most at" in page


def test_the_key_of_an_assignment_without_variants_is_that_of_all_students():
    text = re.sub(r"\[variants\]\nnumber = 2\nfirst = 1000\neach = 100\n", "", EASY)
    page = key.render(Difficulty.of(Assignment.of_text(text, "quick")))
    assert "Every student: seed" in page
    assert "All have the same experiment." in page
