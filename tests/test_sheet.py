"""Answers in Python, and the notebook that asks for them: the page's rules, the page's file, nbgrader's cells, and no key."""

import ast
import json
import os
import re
import sqlite3
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import handed_in
import handed_out
import nbformat
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some
from tiers import long

from headlab.errors import ConfigError, HeadlabError
from headlab.homework.assignment.assignment import Assignment
from headlab.homework.assignment.public import assignment_of
from headlab.homework.assignment.template import template
from headlab.homework.assignment.variants import Variants
from headlab.homework.grading.answer_file import AnswerFile
from headlab.homework.grading.grade import grade
from headlab.homework.sheet import Sheet
from headlab.report.handout.notebook import notebook

QUICK = handed_in.quick()
TEMPLATE = Assignment.of_text(template("hw1"), "hw1")


@pytest.fixture(scope="module")
def honest():
    """What a student hands in, and the same with every run by its address."""
    file = handed_in.Class(QUICK, []).file("ab12")
    address = [run[0] for run in file["runs"]]
    told = {name: dict(answer) for name, answer in file["answers"].items()}
    for answer in told.values():
        answer |= {"run": address[answer["run"]]} if "run" in answer else {}
        answer |= {"runs": [address[number] for number in answer["runs"]]} if "runs" in answer else {}
    return file, told


def filled(told, assignment=QUICK):
    sheet = Sheet.of(json.dumps(assignment.public()), "AB12")
    for name, answer in told.items():
        sheet.put(name, answer)
    return sheet


def test_a_sheet_saves_what_the_page_hands_in_and_it_has_the_points_of_the_page_s(honest, tmp_path):
    file, told = honest
    sheet = filled(told)
    path = sheet.save(tmp_path)
    assert (path.name, AnswerFile.of(path.read_bytes())) == ("quick-ab12.txt", AnswerFile.of(handed_in.as_bytes(file)))
    items = grade(QUICK, path).graded[0].items
    known = [item for item in items if item.question.id not in ("small", "why")]
    assert [sheet.points(item.question.id) for item in known] == [item.points for item in known]
    assert sum(item.points for item in known) == 9


def test_a_setting_that_was_found_has_half_of_its_points_without_the_key_and_all_with_it(honest, tmp_path, monkeypatch):
    _, told = honest
    assert filled(told).points("small") == 1
    (tmp_path / "quick.toml").write_text(handed_in.QUICK)
    monkeypatch.setenv("HEADLAB_KEY", str(tmp_path / "quick.toml"))
    assert filled(told).points("small") == 2
    (tmp_path / "quick.toml").write_text(handed_in.QUICK.replace("points = 1", "points = 2"))
    with pytest.raises(ConfigError, match="HEADLAB_KEY must name the file of quick as it was handed out"):
        filled({})


@pytest.mark.parametrize(
    ("name", "answer", "said"),
    [
        ("good", {"run": "learning_rate=0.5"}, "learning_rate is fixed at 0.3 in this assignment, got 0.5"),
        ("good", {"run": "seed=5"}, "seed must be one of yours, from 1600 to 1699, got 5"),
        ("good", {"run": ...}, "good is not answered yet: run must be there in place of ..."),
        ("sizes", {"runs": [...]}, "sizes is not answered yet: runs must be there"),
        ("good", {"run": 5}, 'the run of good must be an address in quotes, like "seed=5", got 5'),
        ("good", 5, "the answer to good must be in braces"),
        ("sizes", {"runs": "seed=5"}, "the runs of sizes must be a list of addresses, got 'seed=5'"),
        ("sizes", {"runs": [5]}, 'a run must be an address in quotes, like "seed=5", got 5'),
        ("loss", {"value": None}, "the value of loss must be a number, or text in quotes, got None"),
        ("looks", {"values": 1}, "looks has no 'values': it has run, runs, value, text, view"),
        ("bad", {"value": 1}, "a question must be one of good, looks"),
    ],
)
def test_what_is_missing_or_against_the_rules_is_said_at_once_and_is_no_answer(name, answer, said):
    sheet = filled({})
    with pytest.raises(HeadlabError, match=re.escape(said)):
        sheet.put(name, answer)
    assert sheet.answers == {}


def test_numbers_of_numpy_are_answers_and_a_file_that_would_be_refused_is_not_saved(tmp_path):
    run = filled({}).train()
    looks = np.argmax(run.pattern()[0, 3])
    sheet = filled({"good": {"run": ""}, "looks": {"value": looks}, "loss": {"value": np.float64(run.final_loss)}})
    assert [sheet.points(name) for name in ("looks", "loss")] == [1, 1]
    sheet.put("median", {"value": -1})
    assert not grade(QUICK, sheet.save(tmp_path)).refused
    sheet.put("why", {"text": "x" * 9000})
    with pytest.raises(HeadlabError, match="at most 8,192 bytes"):
        sheet.save(tmp_path)


VARIANTS = some.builds(
    Variants,
    number=some.just(9),
    first=some.none() | some.integers(0, 500),
    each=some.integers(1, 40),
    skip=some.sets(some.integers(0, 8), max_size=8).map(lambda numbers: tuple(sorted(numbers))),
    corpora=some.sampled_from([(), ("a b\na c",), ("a b\na c", "d e\nd f", "g h i")]),
).filter(lambda variants: variants.first is not None or variants.corpora)


@given(variants=VARIANTS, student=some.from_regex(r"[a-z0-9._@+-]{1,20}", fullmatch=True))
def test_an_assignment_is_read_back_from_what_students_see_of_it_with_every_student_s_variant(variants, student):
    assignment = replace(QUICK, variants=variants)
    found = assignment_of(json.loads(json.dumps(assignment.public())))
    assert (found.hash, found.public()) == (assignment.hash, assignment.public())
    assert found.variant_of(student) == assignment.variant_of(student)


def test_an_assignment_that_was_changed_is_none():
    for change in ({"title": "Another"}, {"variants": {}}, {"questions": [1]}, {"start": None}):
        with pytest.raises(ConfigError, match="an assignment must be as its page has it"):
            assignment_of({**QUICK.public(), **change})


@pytest.mark.parametrize("assignment", [QUICK, TEMPLATE], ids=["quick", "template"])
def test_the_notebook_is_valid_to_jupyter_and_its_cells_to_nbgrader(assignment):
    text = notebook(assignment)
    assert text == notebook(assignment)
    read = nbformat.reads(text, 4)
    nbformat.validate(read)
    told = [cell.metadata.nbgrader for cell in read.cells if "nbgrader" in cell.metadata]
    assert sum(cell.get("points", 0) for cell in told) == assignment.points
    assert len({cell.grade_id for cell in told}) == len(told)
    format = pytest.importorskip(
        "nbgrader.nbgraderformat.v3", reason="nbgrader, which knows its cells, is not installed"
    )
    from nbgrader.utils import compute_checksum

    format.MetadataValidatorV3().validate_nb(read)
    locked = [cell for cell in read.cells if "nbgrader" in cell.metadata]
    assert [compute_checksum(cell) for cell in locked] == [cell.metadata.nbgrader.checksum for cell in locked]


def test_a_student_fills_the_notebook_s_cells_and_its_hidden_lines_give_the_points(honest, tmp_path, monkeypatch):
    file, told = honest
    monkeypatch.chdir(tmp_path)
    names, points = {}, {}
    for cell in nbformat.reads(notebook(QUICK), 4).cells:
        if cell.cell_type != "code":
            continue
        source = cell.source.replace('ID = ""', 'ID = "ab12"')
        if cell.id.endswith("-answer"):
            name = cell.id.removesuffix("-answer")
            assert ast.parse(source)  # as it was handed out it runs, too
            source = f"answers[{name!r}] = {told[name]!r}"
        body = ast.parse(source).body
        last = body.pop() if isinstance(body[-1], ast.Expr) else None
        exec(compile(ast.Module(body, []), cell.id, "exec"), names)
        value = None if last is None else eval(compile(ast.Expression(last.value), cell.id, "eval"), names)
        if cell.metadata.get("nbgrader", {}).get("grade"):
            points[cell.id] = value
    assert points == {
        "good": 2,
        "looks": 1,
        "next": points["next"],
        "loss": 1,
        "sizes": 2,
        "median": 1,
        "better": 1,
        "small": 1,
    }
    assert AnswerFile.of((tmp_path / "quick-ab12.txt").read_bytes()) == AnswerFile.of(handed_in.as_bytes(file))


def test_the_notebook_s_empty_cells_say_what_goes_there_and_run_until_they_are_put_in():
    names = {"answers": {}}
    cells = {cell.id: cell.source for cell in nbformat.reads(notebook(QUICK), 4).cells}
    for name, source in cells.items():
        if name.endswith("-answer"):
            exec(source, names)
    assert names["answers"]["sizes"] == {"runs": [...]}
    assert set(names["answers"]) == {question.id for question in QUICK.questions}
    assert "3 at each of d_head 4, 10, other seeds" in cells["sizes-answer"]
    assert "the lowest d_head whose run is solved" in cells["small-answer"]


def test_nothing_that_only_the_instructor_knows_is_in_the_notebook():
    text = notebook(handed_out.secretive())
    assert not [secret for secret in handed_out.SECRETS if secret in text]
    assert not [key for key in handed_out.KEYS if key in handed_out.keys(handed_out.secretive().public())]


@long
def test_nbgrader_hands_the_notebook_out_without_its_hidden_lines_and_gives_the_points(honest, tmp_path):
    pytest.importorskip("nbgrader", reason="nbgrader is not installed")
    _, told = honest
    told = {**told, "looks": {"value": 0}}
    key = tmp_path / "quick.toml"
    key.write_text(handed_in.QUICK)
    tools = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])

    def nbgrader(*words):
        environment = {**os.environ, "PATH": tools, "HEADLAB_KEY": str(key)}
        command = [sys.executable, "-m", "nbgrader", *words, "--create"]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr

    (tmp_path / "source" / "quick").mkdir(parents=True)
    (tmp_path / "source" / "quick" / "quick.ipynb").write_text(notebook(QUICK))
    nbgrader("generate_assignment", "quick")
    released = nbformat.read(tmp_path / "release" / "quick" / "quick.ipynb", 4)
    assert "sheet.points" not in str(released)
    for cell in released.cells:
        if cell.id == "student":
            cell.source = 'ID = "ab12"'
        if cell.id.endswith("-answer"):
            name = cell.id.removesuffix("-answer")
            cell.source = f"answers[{name!r}] = {told[name]!r}"
    handed = tmp_path / "submitted" / "ab12" / "quick" / "quick.ipynb"
    handed.parent.mkdir(parents=True)
    nbformat.write(released, handed)
    nbgrader("autograde", "quick")
    with sqlite3.connect(tmp_path / "gradebook.db") as book:
        asked = "select base_cell.name, grade.auto_score from grade join base_cell on grade.cell_id = base_cell.id"
        points = dict(book.execute(asked).fetchall())
    book.close()
    assert points == {
        "good": 2,
        "looks": 0,
        "next": 1,
        "loss": 1,
        "sizes": 2,
        "median": 1,
        "better": 1,
        "small": 2,
        "why": None,
    }
    assert AnswerFile.of(next(tmp_path.glob("autograded/**/quick-ab12.txt")).read_bytes()).student == "ab12"
