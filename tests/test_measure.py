"""Right answers: what a quantity is of these very runs, against what the tables of the runs show."""

import json
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from twins import collected
from twins.plain import differences

import headlab as hl
from headlab.homework.assignment.measure import Measured, measure, measure_collected, number_of, reaches, shown
from headlab.homework.assignment.quantities import PARAMETERS, QUANTITIES, Quantity
from headlab.study.answer import Group

SEEDS = range(40)


@pytest.fixture(scope="module")
def runs() -> hl.Runs:
    return hl.train(hl.Corpus.notebook(), seeds=SEEDS, record="none")


@pytest.fixture(scope="module")
def heads() -> hl.Runs:
    return hl.train(hl.Corpus.notebook(), hl.ModelConfig(n_heads=3, d_head=4), seeds=range(4), record="none")


def of(runs: hl.Runs, **given: Any) -> list[Measured]:
    return measure(Quantity.of(given), runs)


def test_every_quantity_has_all_that_both_sides_read() -> None:
    for name, row in QUANTITIES.items():
        assert {"of", "parameters", "answer", "label"} <= row.keys(), name
        assert set(row["parameters"]) <= PARAMETERS.keys(), name
        assert ("options" in row) == (row["answer"] == "option"), name
        assert ("digits" in row) == (row["answer"] == "number"), name


def test_the_documentation_tells_every_quantity_with_its_parameters() -> None:
    told = (Path(__file__).parents[1] / "docs/homework.md").read_text(encoding="utf-8")
    rows = {
        found[1]: found[2]
        for found in re.finditer(r"^\| `(\w+)` \| (?:a run|collected runs) \| ([^|]*)\|", told, re.MULTILINE)
    }
    assert {name: re.findall(r"`(\w+)`", text) for name, text in rows.items()} == {
        name: row["parameters"] for name, row in QUANTITIES.items()
    }


def test_answers_are_those_of_the_tables(runs: hl.Runs) -> None:
    looks, weighs = of(runs, name="looks_most", word="the"), of(runs, name="weight", word="the", on="man")
    predicts, likely = of(runs, name="predicted", word="the"), of(runs, name="probability", word="the", of="beef")
    for number, run in enumerate(runs):
        row = run.attention()[0].iloc[3].to_numpy()
        assert looks[number].values == (int(row.argmax()),)
        assert weighs[number].values[0] == pytest.approx(row[1], abs=1e-6)
        probabilities = run.probs()[0, 3]
        assert predicts[number].values == (runs.corpus.vocabulary[int(probabilities.argmax())],)
        assert likely[number].values[0] == pytest.approx(probabilities[6], abs=1e-6)
    assert [found.values[0] for found in of(runs, name="loss")] == runs.final_loss.astype(float).tolist()
    assert [found.values[0] for found in of(runs, name="grade")] == runs.grade().tolist()


def test_coding_is_what_the_explanation_says_of_runs_that_are_clearly_right(runs: hl.Runs) -> None:
    words = {"value-coded": "value", "pattern-coded": "pattern", "mixed": "both"}
    coded = of(runs, name="coding", word="the")
    for run, found in list(zip(runs, coded, strict=True))[::4]:
        mechanism = run.explain().records[0].mechanism
        if run.grade() == "solved":
            assert found.values == (words.get(mechanism, "neither"),)
        elif run.grade() == "not solved":
            assert found.values == ("neither",)
    assert {found.values[0] for found in coded} == {"value", "pattern", "both", "neither"}


def test_an_ablation_flips_where_the_trial_says_so(runs: hl.Runs) -> None:
    for kind in PARAMETERS["ablation"]["options"]:
        found = of(runs, name="flips", word="the", part="source:man", ablation=kind)
        for run, answer in list(zip(runs, found, strict=True))[::4]:
            table = run.choice(0, 3).ablate("source:man").table().set_index("kind")
            assert answer.values == ("yes" if table.loc[kind, "flips"] else "no",)


def test_the_head_that_gives_most_is_that_of_the_exact_parts(heads: hl.Runs) -> None:
    for run, found in zip(heads, of(heads, name="gives_most", word="the"), strict=True):
        parts = run.contributions(0, 3).by_last_head
        assert found.values == ("{}.{}".format(*max(parts, key=lambda head: float(parts[head][0]))),)


def test_the_head_that_copies_most_is_that_of_the_circuits(heads: hl.Runs) -> None:
    for number, found in enumerate(of(heads, name="copies_most")):
        raises = []
        for head in range(3):
            writes = heads[[number]].circuits(0, head).writes["token"].to_numpy()
            others = writes[~np.eye(len(writes), dtype=bool)]
            raises.append(np.diag(writes).mean() - others.mean())
        assert found.values == (f"0.{int(np.argmax(raises))}",)


def test_one_run_and_many_have_the_same_answers(runs: hl.Runs) -> None:
    for given in (
        {"name": "coding"},
        {"name": "flips", "part": "head:0.0"},
        {"name": "gives_most"},
        {"name": "looks_most"},
    ):
        every = of(runs, word="the", **given)
        for number in range(0, len(SEEDS), 7):
            assert of(runs[[number]], word="the", **given) == [every[number]]


def test_ties_are_all_right() -> None:
    flat = hl.train(
        hl.Corpus.notebook(), hl.ModelConfig(init_scale=0.0), hl.TrainConfig.of(steps=1), seeds=0, record="none"
    )
    looks = of(flat, name="looks_most", word="the")[0]
    assert looks.values == (0, 1, 2, 3)
    assert looks.shown == "“<Start>” or “man” or “ordered” or “the”"
    assert looks.holds(2)
    assert not looks.holds(4)


def test_of_a_run_that_diverged_nothing_is_right_but_that_it_is_not_solved() -> None:
    lost = hl.train(
        hl.Corpus.notebook(), training=hl.TrainConfig.of(learning_rate=1e6, steps=50), seeds=0, record="none"
    )
    assert not lost.finished.any()
    assert of(lost, name="grade")[0].values == ("not solved",)
    for name in ("loss", "predicted", "looks_most", "probability"):
        assert of(lost, name=name, **({} if name == "loss" else {"word": "the"}))[0].values == ()


def test_what_a_run_has_not_is_measured_as_nothing(runs: hl.Runs) -> None:
    for given in (
        {"name": "looks_most", "word": "the", "head": 1},
        {"name": "looks_most", "word": "moon"},
        {"name": "looks_most", "sentence": 3, "word": 1},
        {"name": "coding", "word": "man"},
        {"name": "flips", "word": "the", "part": "source:moon"},
        {"name": "flips", "word": "the", "part": "head:0.0", "ablation": "mask"},
    ):
        assert of(runs, **given)[0].values == ()


@pytest.mark.parametrize(
    ("said", "right"),
    [
        (0.1432, True),
        ("0.1432", True),
        ("0,1432", True),
        (" 0.143 ", False),
        ("0.2", False),
        ("", False),
        (None, False),
        (True, False),
    ],
)
def test_a_number_is_right_as_it_is_shown(said: Any, right: bool) -> None:
    assert Measured((0.143249,), "0.1432", 4).holds(said) == right


def test_a_number_is_right_within_its_tolerance() -> None:
    found = Measured((0.5,), "0.500", 3)
    assert found.holds("0.51", 0.01)
    assert not found.holds("0.512", 0.01)
    assert not Measured((0.5,), "0.500", 3).holds(math.inf, 1e9)
    assert not Measured((), "").holds("0.5", 1.0)


def test_kinds_of_answers_are_not_mixed_up() -> None:
    assert not Measured((1,), "“man”").holds("1")
    assert not Measured((1,), "“man”").holds(1.0)
    assert not Measured((1,), "“man”").holds(True)
    assert not Measured(("1",), "“1”").holds(1)
    assert [number_of(text) for text in ("1e3", "−2", "0x10", "nan", "1" * 50, [1])] == [
        1000.0,
        -2.0,
        None,
        None,
        None,
        None,
    ]


def test_grades_reach_their_goals() -> None:
    grades = ["solved", "right by a hair", "not solved", "nothing to solve"]
    assert [reaches(grade, "right by a hair") for grade in grades] == [True, True, False, False]
    assert [reaches(grade, "solved") for grade in grades] == [True, False, False, False]
    assert all(reaches(grade, None) for grade in grades)


def test_collected_runs_are_compared_as_a_study_does(runs: hl.Runs) -> None:
    groups = [Group.of(runs[:20], 10), Group.of(runs[20:], 20)]
    share = measure_collected(Quantity.of({"name": "share", "value": 10}), "d_head", groups)
    assert share.values == (float((runs[:20].grade() == "solved").mean()),)
    median = measure_collected(Quantity.of({"name": "median_loss", "value": 20}), "d_head", groups)
    assert median.values[0] == pytest.approx(np.median(runs.final_loss[20:]))
    assert measure_collected(Quantity.of({"name": "share", "value": 40}), "d_head", groups).values == ()


def test_python_still_says_what_the_page_is_held_to_of_collected_runs() -> None:
    there = json.loads(collected.PATH.read_text(encoding="utf-8"))
    found = list(differences(json.loads(json.dumps(collected.table())), there))
    assert not found, "if that is meant, python tests/twins/write.py\n" + "\n".join(found[:20])
    verdicts = {
        answer["shown"] for row in there for answer in row["answers"] if answer["quantity"]["name"] == "difference"
    }
    assert {"noticeably better", "noticeably worse", "cannot be told"} <= verdicts


def test_a_head_with_thousands_of_digits_is_an_answer_like_any_other_that_is_wrong() -> None:
    said = f"{'9' * 5000}.0"
    assert shown(Quantity.of({"name": "copies_most"}), said) == said
