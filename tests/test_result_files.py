"""Results as Gradescope and PrairieLearn publish what they read, of every kind of submission, in one and in many."""

import json
from pathlib import Path

import handed_in
import pytest

from headlab.homework.grading.grade import grade
from headlab.homework.grading.graded import Grades, Refused
from headlab.homework.grading.results import FORMS, of, of_one

QUICK = handed_in.quick()
SCHEMAS = Path(__file__).parent / "data" / "results"
LARGEST = 1_000_000  # bytes, that PrairieLearn takes


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """An honest file, a lazy one, one of another assignment, and one that is none."""
    folder = tmp_path_factory.mktemp("submissions")
    honest = handed_in.Class(QUICK, []).file("ab12")
    lazy = {**honest, "id": "cd34", "variant": QUICK.variant_of("cd34").number, "runs": [], "answers": {}}
    other = {**honest, "id": "ef56", "assignment": "0" * 32}
    for name, file in {"honest": honest, "lazy": lazy, "other": other}.items():
        (folder / f"{name}.txt").write_bytes(handed_in.as_bytes(file))
    (folder / "none.txt").write_bytes(b"my answers")
    return grade(QUICK, folder)


@pytest.mark.parametrize("form", FORMS)
def test_results_are_as_their_reader_says_whatever_was_handed_in(graded, form):
    schema = json.loads((SCHEMAS / f"{form}.json").read_text())
    validator = pytest.importorskip("jsonschema").Draft202012Validator(schema)
    several = [of(one, QUICK.points, form) for one in (*graded.graded, *graded.refused)]
    alone = [
        of_one(Grades(QUICK, some, none), form) for some in ((), graded.graded[:1]) for none in ((), graded.refused)
    ]
    nothing = of_one(Grades(QUICK, (), (Refused("", ("there is no file",)),)), form)
    assert len(several) == 4
    for found in (*several, *alone, nothing):
        validator.validate(json.loads(json.dumps(found)))
        assert len(json.dumps(found)) < LARGEST
    assert not validator.is_valid({**several[0], "points": 1})


def test_points_add_up_to_the_score_and_what_was_found_is_on_the_leaderboard(graded):
    found = of(graded.graded[0], QUICK.points)
    assert sum(test["score"] for test in found["tests"]) == found["score"]
    assert sum(test["max_score"] for test in found["tests"]) == QUICK.points
    assert found["leaderboard"] == [{"name": "small", "value": 3, "order": "asc"}]
    share = of(graded.graded[0], QUICK.points, "prairielearn")
    assert share["score"] == pytest.approx(found["score"] / QUICK.points)


def test_what_is_good_enough_is_not_told_to_who_may_hand_in_again(graded):
    told = json.dumps([of(one, QUICK.points, form) for one in graded.graded for form in FORMS])
    assert "all points for" not in told
