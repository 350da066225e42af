"""`headlab explain`: what it prints, that its checks run as printed, and that its JSON is what Python returns."""

import re
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from strict import strict

import headlab as hl
from headlab.notation.numbers import percent

NOTEBOOK = hl.Corpus.notebook()


def flat(text: str) -> str:
    return " ".join(text.split())


def test_one_seed_is_explained_as_in_python(run: Any) -> None:
    status, out, err = run("explain", "--seeds", "4")
    explanation = hl.train(NOTEBOOK, seeds=4)[0].explain()
    assert (status, err) == (0, "")
    for text in (*explanation.sentences(), f"{explanation.mechanism}: {explanation.meaning}."):
        assert flat(text) in flat(out)


def test_the_run_explained_by_itself_is_the_one_the_exercise_shows(run: Any) -> None:
    explained = strict(run("explain", "--json")[1])
    shown = strict(run("exercise", "--json", "--head-sizes", "20")[1])
    assert explained["run"] == shown["seed"]
    assert [item["sentence"] for item in explained["dependencies"]] == [
        item["sentence"] for item in shown["explanation"]["dependencies"]
    ]


@pytest.mark.parametrize("options", [[], ["--d-head", "10", "--no-positions"], ["--n-heads", "2", "--factored-values"]])
def test_every_check_that_is_offered_runs_as_it_is_printed(run: Any, options: list[str]) -> None:
    out = run("explain", "--seeds", "3", *options)[1]
    commands = re.findall(r"headlab (explain .*)", out)
    assert len(commands) == 4
    for command in commands:
        status, checked, err = run(*shlex.split(command))
        assert (status, err) == (0, "")
        assert "logit difference" in checked


def test_a_check_shows_the_number_that_the_sentence_claims(run: Any) -> None:
    found = strict(run("explain", "--seeds", "4", "--sentence", "1", "--ablate", "source:1", "--json")[1])
    record = hl.train(NOTEBOOK, seeds=4)[0].explain().records[0]
    assert found["effects"][0]["change"] == pytest.approx(-record.sources[1].contribution)
    assert tuple(row["kind"] for row in found["effects"] if row["flips"]) == record.sources[1].flips


def test_several_seeds_are_counted(run: Any) -> None:
    found = strict(run("explain", "--seeds", "0:40", "--json")[1])
    assert sum(row["runs"] for row in found["census"]) == len(found["runs"]) == 40
    status, out, _ = run("explain", "--seeds", "0:40")
    assert status == 0
    for row in found["census"]:
        assert re.search(rf"{row['mechanism']}\s+{row['runs']}\s", out)


def test_saved_runs_are_explained_as_they_were_trained(run: Any) -> None:
    run("train", "--seeds", "0:5", "--d-head", "10", "--save", "kept")
    found = strict(run("explain", "kept", "--run", "2", "--json")[1])
    assert found["run"] == 2
    assert found["mechanism"] == hl.Runs.load("kept")[2].explain().mechanism
    assert "headlab explain kept --run 2 --sentence 1" in run("explain", "kept", "--run", "2")[1]
    status, _, err = run("explain", "kept", "--d-head", "20")
    assert (status, err.count("\n")) == (2, 1)
    assert "--d-head" in err


@pytest.mark.parametrize("table", ["circuits", "scores", "battery", "paths", "minimal"])
def test_tables_are_printed_and_come_as_json(run: Any, table: str) -> None:
    status, out, err = run("explain", "--seeds", "4", "--show", table)
    assert (status, err) == (0, "")
    assert len(out.splitlines()) >= 3
    frames = strict(run("explain", "--seeds", "4", "--show", table, "--json")[1])
    assert all(frames.values())


def test_paths_add_up_to_the_logit_difference(run: Any) -> None:
    rows = strict(run("explain", "--seeds", "4", "--show", "paths", "--n-layers", "2", "--json")[1])["paths"]
    logits = hl.train(NOTEBOOK, hl.ModelConfig(n_layers=2), seeds=4).logits()[0, 0, 3]
    assert sum(row["sum"] for row in rows) == pytest.approx(float(logits[3] - logits[6]), abs=1e-5)


def test_the_minimal_sets_of_one_run_and_of_many_are_said_in_both_forms(run: Any) -> None:
    found = strict(run("explain", "--seeds", "4", "--show", "minimal", "--sentence", "2", "--json")[1])["minimal"]
    expected = hl.train(NOTEBOOK, seeds=4)[0].explain().minimal()
    assert [(row["sentence"], row["ablation"], len(row["sets"])) for row in found] == [
        (2, kind, expected.count(0, 1, kind)) for kind in ("zero", "resample")
    ]
    for row in found:  # what is left out of a set can be tried, as it is spelled
        hl.train(NOTEBOOK, seeds=4)[0].ablate(*row["sets"][0], sequence=1)
    out = flat(run("explain", "--seeds", "4", "--show", "minimal", "--sentence", "2")[1])
    assert all(words in out for row in found for words in row["in_words"])
    many = strict(run("explain", "--seeds", "0:9", "--show", "minimal", "--json")[1])
    status, out, err = run("explain", "--seeds", "0:9", "--show", "minimal")
    assert (status, err) == (0, "")
    for row in many["minimal"]:
        assert f"{row['predictions']} ({percent(row['share'])})" in out
    assert all({"one_zero", "most_resample"} <= row.keys() for row in many["census"])


def test_a_run_that_predicts_nothing_right_has_no_minimal_set(run: Any) -> None:
    assert "not predicted right there" in run("explain", "--seeds", "0", "--steps", "1", "--show", "minimal")[1]
    assert "no set of parts suffices" in run("explain", "--seeds", "0:3", "--steps", "1", "--show", "minimal")[1]


def test_a_pattern_can_be_set_by_hand(run: Any) -> None:
    found = strict(run("explain", "--seeds", "4", "--pattern", "man=0.5,2=0.5", "--json")[1])["effects"]
    expected = hl.train(NOTEBOOK, seeds=4)[0].set_pattern({"man": 0.5, "ordered": 0.5})
    assert found[0]["difference_after"] == pytest.approx(float(expected.after.difference[0, 0, 0]))


def test_another_corpus_keeps_its_file_in_the_checks(run: Any) -> None:
    Path("my words.txt").write_text("the cat sat on the mat\nthe dog sat on the log\n")
    status, out, _ = run("explain", "my words.txt", "--seeds", "0")
    assert status == 0
    assert "headlab explain 'my words.txt' --seeds 0 --sentence 1" in flat(out)


BAD = [
    (["--sentence", "3"], "1 <Start> man ordered the chicken; 2 <Start> woman"),
    (["--sentence", "0"], "--sentence must be one of"),
    (["--sentence", "1", "--position", "9"], "0 <Start>, 1 man"),
    (["--tokens", "fish,beef"], "got 'fish'"),
    (["--tokens", "beef"], "must be two of"),
    (["--ablate", "source:king"], "0 <Start>, 1 man"),
    (["--ablate", "head:1.0"], "layer must be 0, got 1"),
    (["--ablate", "everything"], "source:POSITION"),
    (["--patch", "w"], "q, k, v, z, pattern, scores, resid"),
    (["--patch", "v", "--head", "2"], "head must be 0, got 2"),
    (["--pattern", "man"], "weights like man=0.5"),
    (["--pattern", "man=2"], "from 0 to 1"),
    (["--show", "everything"], "circuits, scores, battery, paths"),
    (["--show", "circuits", "--layer", "4"], "layer must be 0, got 4"),
    (["--run", "3"], "must go with a folder"),
    (["--seeds", "0:9", "--ablate", "direct"], "one run must be chosen"),
    (["--seeds", "many"], "--seeds must be"),
    (["nowhere.txt"], "nowhere.txt"),
    (["plain.txt"], "this corpus has none"),
]


@pytest.mark.parametrize(("options", "expected"), BAD, ids=[" ".join(options) for options, _ in BAD])
def test_what_cannot_be_explained_is_one_sentence_and_status_2(run: Any, options: list[str], expected: str) -> None:
    Path("plain.txt").write_text("a b c\n")
    status, out, err = run("explain", *([] if "--seeds" in options else ["--seeds", "4"]), *options)
    assert (status, out) == (2, "")
    assert expected in err
    assert err.count("\n") == 1
    assert err.startswith("headlab: ")


def test_without_a_seed_a_saved_run_with_good_predictions_is_explained(run: Any) -> None:
    run("train", "--seeds", "9:12", "--save", "kept")
    runs = hl.Runs.load("kept")
    good = int(np.argmax(runs.solved()))
    assert strict(run("explain", "kept", "--json")[1])["run"] == int(runs.seeds[good])
