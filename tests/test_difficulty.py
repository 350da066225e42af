"""How hard a variant is, by training it; and the assignments that are given as examples."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from headlab.cli.main import cli
from headlab.errors import ConfigError, OutputError
from headlab.homework.assignment.assignment import Assignment
from headlab.homework.assignment.difficulty import Difficulty, cost_of_submission, problems_of_difficulty
from headlab.homework.assignment.template import template

EXAMPLES = Path(__file__).parents[1] / "examples"
WRONG = re.compile('d_heads|points = "')
FEW = {"number = 24": "number = 3"}
LESSON = {"better"}  # of three runs each it cannot be told: that is the lesson


def read(text: str) -> Assignment:
    return Assignment.of_text(text, "hw1")


def changed(text: str, changes: dict[str, str]) -> str:
    for before, after in changes.items():
        assert before in text, before
        text = text.replace(before, after)
    return text


@pytest.mark.parametrize("name", ["hw1", "copying-head", "three-way"])
def test_an_example_can_be_handed_out_and_its_answers_differ_from_run_to_run(name: str) -> None:
    found = Assignment.of_text(changed((EXAMPLES / f"{name}.toml").read_text(encoding="utf-8"), FEW), name)
    tried = Difficulty.of(found)
    assert tried.problems == []
    for question in found.questions:
        answers = {answer.shown for item in tried.tried for answer in item.answers.get(question.id, ())}
        assert len(answers) > 1 or question.id in LESSON or question.quantity is None, question
        assert "nothing that can be measured" not in answers, question
    runs, seconds = cost_of_submission(found)
    assert runs >= 1
    assert 0 < seconds < 10


@pytest.mark.long
@pytest.mark.parametrize("name", ["hw1", "copying-head", "three-way"])
def test_every_variant_of_an_example_can_be_handed_out(name: str) -> None:
    assert problems_of_difficulty(Assignment.read(EXAMPLES / f"{name}.toml")) == []


def test_variants_that_are_too_hard_or_too_easy_are_named() -> None:
    bounds = {"solved = [0.5, 1.0]": 'solved = [0.8, 1.0]\nmechanisms = { "pattern-coded" = [0.0, 0.4] }'}
    found = problems_of_difficulty(read(changed(template(), {**FEW, **bounds})))
    assert found == [
        "80 % to 100 % of a variant's runs must be solved, got variants 1 (75 %) and 2 (70 %): "
        "put them into skip, or widen solved",
        "0 % to 40 % of a variant's runs must be pattern-coded, got variant 0 (50 %): put it into skip, or widen pattern-coded",
    ]
    skipped = {
        "skip = []": "skip = [0, 1, 2]",
        "number = 24": "number = 4",
        "solved = [0.5, 1.0]": "solved = [0.6, 1.0]",
    }
    assert [item.number for item in Difficulty.of(read(changed(template(), skipped))).tried] == [3]


def test_corpora_that_are_one_run_under_other_words_are_named() -> None:
    corpora = (
        'number = 3\ncorpora = ["man ordered the chicken\\nwoman ordered the beef", "cat saw a dog\\ncow saw a fox", '
        '"man ordered the chicken\\nthe woman ordered the beef"]'
    )
    text = changed(ONLY_LOSS, {"[variants]": f"[variants]\n{corpora}"})
    assert problems_of_difficulty(read(text)) == [
        "corpus 2 must be another experiment than corpus 1, and is the same run under other words: "
        "give it another structure, or leave it out",
        "variants must have other answers than each other, and all of the first runs of 0 and 1 have the same: "
        "put all but one of them into skip",
    ]


def test_variants_whose_answers_agree_are_named() -> None:
    corpora = 'number = 4\ncorpora = ["a b a c", "b a c a b"]'
    found = problems_of_difficulty(read(changed(ONLY_LOSS, {"[variants]": f"[variants]\n{corpora}"})))
    assert [line.split("runs of ")[1][:7] for line in found] == ["0 and 2", "1 and 3"]


def test_a_goal_that_no_first_run_reaches_is_named() -> None:
    text = changed((EXAMPLES / "three-way.toml").read_text(encoding="utf-8"), FEW)
    hard = changed(
        text, {"d_head = 8": "d_head = 8\nresidual = false", "par = 2": "par = 1", "solved = [0.4": "solved = [0.0"}
    )
    assert problems_of_difficulty(read(hard)) == [
        "question smallest must be one that can be answered, and none of the first 20 runs of variant 0, 1 and 2 "
        "with d_head 1, its par, is solved"
    ]


ONLY_LOSS = (
    'title = "a"\n[lab]\nsteps = 60\n[lab.range]\nseed = [0, 4]\n[variants]\n[[question]]\nid = "loss"\nkind = "number"\n'
    'ask = "Loss?"\npoints = 1\ntolerance = 0.0\nquantity = { name = "loss" }\n'
)


def run(*arguments: str) -> Any:
    return CliRunner().invoke(cli, ["homework", *arguments])


def test_new_writes_what_check_accepts_and_overwrites_nothing(tmp_path: Path) -> None:
    path = tmp_path / "week 3.toml"
    assert run("new", str(path)).exit_code == 0
    assert Assignment.read(path).name == "hw1"
    again = run("new", str(path))
    assert isinstance(again.exception, OutputError)
    assert "must not be there yet" in str(again.exception)
    assert path.read_text(encoding="utf-8") == template()


def test_check_shows_what_a_student_sees_what_it_costs_and_every_variant(tmp_path: Path) -> None:
    path = tmp_path / "hw1.toml"
    path.write_text(changed(template(), FEW), encoding="utf-8")
    done = run("check", str(path))
    assert done.exit_code == 0, done.exception
    for said in (
        "Can be changed: seed (those of the variant) and d_head (1 to 64).",
        "13 questions, 20 points.",
        "1200 to 1219",
    ):
        assert said in done.output
    told = json.loads(run("check", str(path), "--json").output)
    assert told["problems"] == []
    assert told["points"] == 20
    assert [item["variant"] for item in told["tried"]] == [0, 1, 2]


def test_check_tells_every_problem_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "hw1.toml"
    path.write_text(
        changed(template(), {"points = 3": 'points = "3"', "d_head = 20": "d_heads = 20"}), encoding="utf-8"
    )
    done = run("check", str(path))
    assert isinstance(done.exception, ConfigError)
    lines = [
        number for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1) if WRONG.match(line)
    ]
    assert [problem.line for problem in done.exception.problems] == lines
    assert [str(problem).split(":")[0] for problem in done.exception.problems] == [f"line {line}" for line in lines]
