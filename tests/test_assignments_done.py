"""The assignments given as examples, done by an honest student: every measured point is there, a neighbour's file worth none."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import headlab as hl
from headlab.homework.assignment.assignment import Assignment
from headlab.homework.assignment.difficulty import Difficulty
from headlab.homework.assignment.measure import Measured, measure, measure_collected, reaches
from headlab.homework.assignment.question import Question
from headlab.homework.grading.grade import grade
from headlab.homework.sheet import Sheet
from headlab.study.answer import Group

EXAMPLES = Path(__file__).parents[1] / "examples"
NAMES = ["hw1", "copying-head", "three-way"]
SAID = "It looks at the first word of the sentence, and what it reads there decides between the two words."


class Student:
    """An honest one, who tries seeds until a run is good enough, and reads every answer off their own runs."""

    def __init__(self, assignment: Assignment, name: str) -> None:
        self.sheet = Sheet.of(assignment.public(), name)
        self.seeds: Sequence[int] = self.sheet.variant.seeds or range(100)
        self.runs: dict[str, str] = {}  # by question, its address
        self.collected: dict[str, list[Group]] = {}
        for question in assignment.questions:
            self.sheet.put(question.id, self.answer(question))

    def answer(self, question: Question) -> dict[str, Any]:
        if question.kind == "sentence":
            return {"text": SAID}
        if question.runs is not None:
            return {"runs": self.collect(question)}
        if question.source is not None and question.quantity is not None:
            return {"value": said(measure_collected(question.quantity, "d_head", self.collected[question.source]))}
        if question.has_run:
            self.runs[question.id] = next(self.good_enough(question))
        address = self.runs[question.run or question.id]
        if question.quantity is None:
            return {"run": address}
        return {"run": address, "value": said(measure(question.quantity, self.sheet.train(address).runs)[0])}

    def good_enough(self, question: Question) -> Any:
        find = question.find
        for seed in self.seeds:
            address = f"seed={seed}" if find is None else f"seed={seed}&{find.setting}=2"
            if reaches(self.sheet.train(address).grade(), question.needs if find is None else find.goal):
                yield address

    def collect(self, question: Question) -> list[str]:
        asked, found, groups = question.runs, [], []
        assert asked is not None
        for value in asked.values:
            seeds = self.seeds[: asked.each]
            found += [f"seed={seed}&{asked.setting}={value}" for seed in seeds]
            groups.append(Group.of(hl.train(hl.Corpus.notebook(), hl.ModelConfig(d_head=value), seeds=seeds), value))
        self.collected[question.id] = groups
        return found


def said(found: Measured) -> Any:
    return found.shown if isinstance(found.values[0], float) else found.values[0]


@pytest.mark.parametrize("name", NAMES)
def test_an_honest_student_has_every_measured_point(name: str, tmp_path: Path) -> None:
    assignment = Assignment.read(EXAMPLES / f"{name}.toml")
    path = Student(assignment, "Ab12@school").sheet.save(tmp_path)
    assert len(path.read_bytes()) < 8192
    (graded,) = grade(assignment, tmp_path).graded
    assert not graded.problems
    for item in graded.items:
        assert item.points == (0 if item.question.kind == "sentence" else item.question.points), item
    assert graded.to_read == sum(question.points for question in assignment.questions if question.kind == "sentence")


def test_students_of_other_sentences_have_every_measured_point_too(tmp_path: Path) -> None:
    assignment = Assignment.of_text(CORPORA, "corpora")
    assert Difficulty.of(assignment).problems == []
    texts = set()
    for number in range(6):
        student = Student(assignment, f"s{number}")
        texts.add(student.sheet.variant.fields["text"])
        student.sheet.save(tmp_path)
    assert len(texts) == 2
    for graded in grade(assignment, tmp_path).graded:
        assert (graded.score, graded.problems) == (3, ()), graded.items


CORPORA = """
title = "Other sentences for each"
[lab]
optimizer = "adam"
steps = 300
fixed = "all"
[variants]
number = 4
first = 0
each = 50
solved = [0.1, 1.0]
corpora = ["man ordered the chicken\\nwoman ordered the beef", "so the old man ate the fish\\nthen old women ate the rice"]
[[question]]
id = "good"
kind = "picture"
ask = "Find a run with good predictions."
points = 1
needs = "right by a hair"
[[question]]
id = "most"
kind = "choose"
ask = "Where does the last word of sentence 2 look most?"
points = 1
run = "good"
quantity = { name = "looks_most", sentence = 2, word = 4 }
[[question]]
id = "next"
kind = "choose"
ask = "What is predicted there?"
points = 1
run = "good"
quantity = { name = "predicted", sentence = 2, word = 4 }
"""


def test_a_neighbour_s_file_is_worth_nothing_under_another_id(tmp_path: Path) -> None:
    assignment = Assignment.read(EXAMPLES / "copying-head.toml")
    text = json.loads(Student(assignment, "ab12").sheet.text())
    other = next(f"cd{n}" for n in range(99) if assignment.variant_of(f"cd{n}") != assignment.variant_of("ab12"))
    (tmp_path / "copied.txt").write_text(
        json.dumps(text | {"id": other, "variant": assignment.variant_of(other).number})
    )
    (graded,) = grade(assignment, tmp_path).graded
    assert graded.score == 0
    assert graded.problems
