"""Files as they are handed in, and folders and zips of them: what is wrong is a sentence, and nothing is trusted."""

import contextlib
import io
import json
import os
import random
import struct
import sys
import zipfile

import pytest

from headlab.errors import HeadlabError
from headlab.homework.grading import submissions
from headlab.homework.grading.answer_file import MOST_BYTES, AnswerFile, student_of
from headlab.homework.grading.submissions import Submissions

GOOD = {
    "headlab": "answer",
    "format": 1,
    "assignment": "0" * 32,
    "name": "hw1",
    "version": "0.1.0",
    "numerics": 2,
    "id": "Ab12",
    "variant": 5,
    "runs": [["seed=5&d_head=10", "a" * 32], ["seed=6", "b" * 32]],
    "answers": {"looks": {"run": 0, "value": 1}, "why": {"text": "naïve 中"}, "sizes": {"runs": [0, 1]}},
}


def as_bytes(**changes):
    return json.dumps({**GOOD, **changes}, ensure_ascii=False).encode()


def problems(data):
    with pytest.raises(HeadlabError) as caught:
        AnswerFile.of(data)
    return [problem.text for problem in caught.value.problems]


@pytest.mark.parametrize("data", [as_bytes(), b"\xef\xbb\xbf" + as_bytes(), as_bytes().replace(b", ", b",\r\n")])
def test_an_answer_file_is_read_with_its_id_in_lower_case_whatever_an_editor_did_to_its_lines(data):
    file = AnswerFile.of(data)
    assert (file.student, file.variant, file.runs[0].address) == ("ab12", 5, "seed=5&d_head=10")
    assert file.answers["why"]["text"] == "naïve 中"


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "got an empty one"),
        (b" \n", "got an empty one"),
        (b"my answers", "got no JSON at line 1"),
        (b"[]", "JSON of something else"),
        (b'{"headlab": "study"}', "JSON of something else"),
        (as_bytes(format=2), "format must be 1, got 2"),
        (as_bytes(format=True), "format must be 1, got True"),
        (as_bytes().decode().encode("utf-16"), "must be UTF-8, got UTF-16"),
        (as_bytes().decode().replace("中", "").encode("latin-1"), "must be UTF-8, got other bytes"),
        (as_bytes() + b" " * MOST_BYTES, "at most 8,192 bytes"),
        (as_bytes()[:-1] + b', "id": "other"}', "'id' must be there once"),
        (as_bytes().replace(b'"run": 0', b'"run": NaN'), "got NaN"),
        (as_bytes().replace(b'"run": 0', b'"run": -Infinity'), "got -Infinity"),
        (as_bytes().replace(b'"run": 0', b'"run": 1e400'), "run must be a whole number, got inf"),
        (as_bytes(numerics=2.0), "numerics must be a whole number, got 2.0"),
        (as_bytes(numerics=True), "numerics must be a whole number, got True"),
        (as_bytes(numerics=10**20), "at most 2**53"),
        (as_bytes().replace(b'"variant": 5', b'"variant": ' + b"9" * 5000), "at most 2**53"),
        (b"[" * 8000, "levels deep"),
        (as_bytes(answers={"looks": {"runs": [[0]]}}), "levels deep"),
        (as_bytes(id="a b"), "id must be 1 to 64 letters"),
        (as_bytes(id="a\n"), "id must be 1 to 64 letters"),
        (as_bytes(id="x" * 65), "id must be 1 to 64 letters"),
        (as_bytes(assignment="0" * 31), "assignment must be 32 hex digits"),
        (as_bytes(runs=[["seed=5", "A" * 32]], answers={}), "an address and a hash"),
        (as_bytes(runs=[["seed=5"]], answers={}), "an address and a hash"),
        (as_bytes(runs=[GOOD["runs"][0], GOOD["runs"][0]]), "a run must be there once"),
        (as_bytes(runs=[[str(n), "a" * 32] for n in range(120)] + [[1, 2]]), "run 121 must be an address"),
        (as_bytes(answers={"looks": {"run": 2}}), "must be about one of the file's 2 runs, counted from 0, got 2"),
        (as_bytes(answers={"looks": {"run": -1}}), "run must be a whole number"),
        (as_bytes(answers={"looks": {"value": None}}), "value must be text or a whole number"),
        (as_bytes(answers={"looks": 1}), "must be an object"),
        (as_bytes(answers={"sizes": {"runs": [0, 0]}}), "must name each run once"),
        (as_bytes(points=100), "'points' is nothing that a file says"),
        (json.dumps({**GOOD, "answers": {"why": {"text": "\ud800"}}}).encode(), "text must be text"),
    ],
)
def test_what_is_wrong_with_an_answer_file_is_one_sentence(data, said):
    (text,) = problems(data)
    assert said in text
    assert "\n" not in text


def test_all_that_is_wrong_is_said_at_once():
    assert len(problems(as_bytes(id="", numerics="2", answers={"a": {"run": 9}, "b": {"what": 1}}))) == 4


def test_whatever_bytes_come_nothing_but_sentences_is_raised():
    rng, data = random.Random(1), as_bytes()
    for _ in range(2000):
        broken = bytearray(data)
        for _ in range(rng.randrange(1, 4)):
            broken[rng.randrange(len(broken))] = rng.randrange(256)
        broken = broken[: rng.randrange(len(broken) + 1)] if rng.random() < 0.3 else broken
        student_of(bytes(broken))
        with contextlib.suppress(HeadlabError):
            AnswerFile.of(bytes(broken))


def zipped(files, compression=zipfile.ZIP_DEFLATED):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", compression) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return packed.getvalue()


def places(found):
    return [file.place for file in found.files]


def test_folders_and_the_zips_of_course_pages_are_looked_through(tmp_path):
    (tmp_path / "late").mkdir()
    (tmp_path / "late" / "hw1-ab12.txt").write_bytes(as_bytes())
    (tmp_path / "essay.pdf").write_bytes(b"%PDF")
    (tmp_path / ".DS_Store").write_bytes(b"x")
    (tmp_path / "hw1.ipynb").write_bytes(b'{"cells": ["import \\"headlab\\""], "x": "' + b"x" * 9000 + b'"}')
    (tmp_path / "results.json").write_bytes(b'{"score": 1, "output": "headlab"}')
    own = zipped({"hw1-eve.txt": as_bytes(id="eve"), "__MACOSX/._hw1-eve.txt": b"x"})
    canvas = {
        "doejane_LATE_12345_678_hw1-jd.txt": as_bytes(id="jd"),
        "roe_1_2_hw1.zip": own,
        "Ada Lovelace_99_assignsubmission_file_/hw1-ada.txt": as_bytes(id="ada"),
        "Ada Lovelace_99_assignsubmission_onlinetext_/onlinetext.html": b"<p>",
        "no extension": as_bytes(id="bob"),
    }
    (tmp_path / "submissions.ZIP").write_bytes(zipped(canvas))
    found = Submissions.of(tmp_path)
    assert {place.rpartition("/")[2] for place in places(found)} == {
        "hw1-ab12.txt", "doejane_LATE_12345_678_hw1-jd.txt", "hw1-eve.txt", "hw1-ada.txt", "no extension"
    }  # fmt: skip
    assert {AnswerFile.of(file.data).student for file in found.files} == {"ab12", "jd", "eve", "ada", "bob"}
    assert not found.refused
    assert sorted(place.rpartition("/")[2] for place in found.left_out) == [
        "essay.pdf",
        "hw1.ipynb",
        "onlinetext.html",
        "results.json",
    ]
    assert places(Submissions.of(tmp_path / "late" / "hw1-ab12.txt")) == ["hw1-ab12.txt"]
    assert len(Submissions.of(tmp_path / "submissions.ZIP").files) == 4


def test_an_empty_folder_and_one_that_is_not_there_are_one_sentence(tmp_path):
    with pytest.raises(HeadlabError, match="got none in"):
        Submissions.of(tmp_path)
    (tmp_path / "essay.pdf").write_bytes(b"%PDF")
    with pytest.raises(HeadlabError, match=r"got none in .* but essay\.pdf"):
        Submissions.of(tmp_path)
    with pytest.raises(HeadlabError, match="which is not there"):
        Submissions.of(tmp_path / "nowhere")


def test_files_that_are_no_answers_are_refused_one_by_one_and_the_others_are_read(tmp_path):
    (tmp_path / "good.txt").write_bytes(as_bytes())
    with (tmp_path / "huge.txt").open("wb") as file:
        file.truncate(50 << 20)  # sparse: 50 MB
    (tmp_path / "broken.zip").write_bytes(zipped({"a.txt": as_bytes()})[:-30])
    (tmp_path / "none.zip").write_bytes(b"PK but no zip")
    bomb = zipped({"a.txt": b"0" * (40 << 20), "b.txt": as_bytes(id="b")})
    assert len(bomb) < 100_000
    (tmp_path / "bomb.zip").write_bytes(bomb)
    deep = as_bytes(id="deep")
    for _ in range(4):
        deep = zipped({"hw1-x.txt": deep} if deep.startswith(b"{") else {"inner.zip": deep})
    (tmp_path / "deep.zip").write_bytes(deep)
    (tmp_path / "packed.zip").write_bytes(zipped({"a.txt": as_bytes()}, zipfile.ZIP_LZMA))
    found = Submissions.of(tmp_path)
    assert places(found) == ["bomb.zip/b.txt", "good.txt"]
    said = dict(found.refused)
    assert said["huge.txt"].startswith("an answer file must have at most 8,192 bytes, got 52.4 MB")
    assert "at most 8,192 bytes" in said["bomb.zip/a.txt"]
    assert "cannot be read" in said["broken.zip"]
    assert "cannot be read" in said["none.zip"]
    assert "at most 2 deep" in said["deep.zip/inner.zip/inner.zip"]
    assert "packed in another way" in said["packed.zip/a.txt"]
    assert len(said) == 6


def test_a_damaged_zip_costs_its_own_files_only():
    rng, data = random.Random(2), zipped({f"{n}.txt": as_bytes(id=f"s{n}") for n in range(5)})
    for _ in range(300):
        broken = bytearray(data)
        for _ in range(rng.randrange(1, 6)):
            broken[rng.randrange(len(broken))] = rng.randrange(256)
        found = Submissions()
        found._take("a.zip", io.BytesIO(bytes(broken)), len(broken), 0)
        assert len(found.files) + len(found.left_out) <= 5


def test_a_zip_that_says_to_have_millions_of_names_is_not_opened(monkeypatch):
    end = struct.pack("<4s4H2LH", submissions.END, 0, 0, 65535, 65535, 30 << 20, 0, 0)
    wide = struct.pack("<4sQ2H2L4Q", submissions.END_64, 44, 45, 45, 0, 0, 9, 9, 30 << 20, 0)
    locator = struct.pack("<4sLQL", submissions.LOCATOR_64, 0, 0, 1)
    monkeypatch.setattr(zipfile, "ZipFile", lambda *_: pytest.fail("opened"))
    for tail in (end, wide + locator + end.replace(struct.pack("<L", 30 << 20), struct.pack("<L", 10))):
        found = Submissions()
        found._take("a.zip", _Tail(31 << 20, tail), 31 << 20, 0)
        assert "list of files must have at most" in found.refused[0][1]


class _Tail(io.BytesIO):
    """A file of zeros but for its end."""

    def __init__(self, size, tail):
        super().__init__(tail)
        self.whole, self.tail, self.at = size, tail, 0

    def seek(self, at, whence=0):
        self.at = at + (self.whole if whence == 2 else 0)
        return self.at

    def read(self, size=-1):
        data = bytes(max(0, self.whole - self.at - len(self.tail))) + self.tail
        self.at += size
        return data[-(self.whole - self.at + size) :][:size]


def test_zips_within_zips_are_bounded_in_all(monkeypatch):
    monkeypatch.setattr(submissions, "MOST_ZIPPED", 10_000)
    inner = zipped({"a.txt": as_bytes()}, zipfile.ZIP_STORED)
    found = Submissions(_room=2 * len(inner) + 10)
    data = zipped({f"{n}.zip": inner for n in range(4)} | {"large.zip": b"0" * 20_000})
    found._take("all.zip", io.BytesIO(data), len(data), 0)
    assert len(found.files) == 2
    assert len(found.refused) == 3


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_no_link_is_followed_and_no_pipe_waited_for(tmp_path):
    outside = tmp_path / "secret.txt"
    outside.write_bytes(as_bytes(id="secret"))
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "good.txt").write_bytes(as_bytes())
    (folder / "link.txt").symlink_to(outside)
    (folder / "up").symlink_to(tmp_path, target_is_directory=True)
    os.mkfifo(folder / "pipe.txt")
    found = Submissions.of(folder)
    assert places(found) == ["good.txt"]
    assert sorted(place for place, _ in found.refused) == ["link.txt", "pipe.txt", "up"]


def test_folders_beyond_a_depth_and_files_beyond_a_number_are_told(tmp_path, monkeypatch):
    monkeypatch.setattr(submissions, "MOST_FOLDERS", 3)
    monkeypatch.setattr(submissions, "MOST_FILES", 3)
    inner = tmp_path.joinpath(*"abcde")
    inner.mkdir(parents=True)
    (inner / "x.txt").write_bytes(as_bytes())
    for name in "vwyz":
        (tmp_path / f"{name}.txt").write_bytes(as_bytes())
    found = Submissions.of(tmp_path)
    assert len(found.files) == 3
    assert any("more: grade them folder by folder" in said for _, said in found.refused)
