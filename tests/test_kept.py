"""What the lab's page saves, Python reads: weights to the byte, code to the letter (web/tests/keep.test.ts writes the same)."""

import contextlib
import io
import json
from pathlib import Path

import numpy as np
import pytest

import headlab as hl
from headlab.errors import WeightsError
from headlab.runs.experiment import Experiment
from headlab.runs.runs import load

DATA = Path(__file__).parent / "data"
SAVED = DATA / "page_run.safetensors"
FIELDS = {"d_head": 4, "n_heads": 2, "seed": 7, "steps": 60}
CODES = json.loads((DATA / "page_python.json").read_text(encoding="utf-8"))


def same_weights(run, other):
    return all(np.array_equal(value, getattr(other.params, name)) for name, value in run.params.items())


def trained(fields):
    experiment = Experiment.of(fields)
    return hl.train(experiment.dataset, experiment.model, experiment.training, seeds=[experiment.seed], record="all")[0]


def test_a_file_of_the_page_is_the_run_that_python_trains():
    run, own = hl.Runs.load(SAVED)[0], trained(FIELDS)
    assert same_weights(run, own)
    assert (run.seed, run.final_loss, run.grade(), run.outcome) == (7, own.final_loss, own.grade(), own.outcome)
    assert (run.model, run.training) == (own.model, own.training)
    np.testing.assert_array_equal(run.loss, own.loss)
    np.testing.assert_array_equal(run.learning_rate, own.learning_rate)
    assert run.link() == own.link()


def test_the_command_line_explains_it(run):
    status, out, err = run("explain", str(SAVED))
    assert (status, err) == (0, "")
    shown = " ".join(out.split())
    for sentence in trained(FIELDS).explain().sentences():
        assert " ".join(sentence.split()) in shown


@pytest.mark.parametrize("at", [0, 9, 60, 700, -1])
def test_a_file_in_which_anything_changed_is_refused_in_a_sentence(tmp_path, at):
    data = bytearray(SAVED.read_bytes())
    data[at] ^= 1
    path = tmp_path / "changed.safetensors"
    path.write_bytes(data)
    with pytest.raises(WeightsError, match=r"must (be|say|describe|have)"):
        load(path)


@pytest.mark.parametrize(
    "data", [b"", b"\xff" * 8, (2).to_bytes(8, "little") + b"{}", (4).to_bytes(8, "little") + b"[[]]"]
)
def test_what_the_page_did_not_save_is_refused_in_a_sentence(tmp_path, data):
    path = tmp_path / "other.safetensors"
    path.write_bytes(data)
    with pytest.raises(WeightsError, match="must say what it is weights of"):
        load(path)


@pytest.mark.parametrize("number", range(len(CODES)))
def test_the_code_of_the_page_trains_the_run_of_its_settings(number):
    fields, code = CODES[number]["fields"], CODES[number]["code"]
    fields = {name: int(value) if name == "seed" else value for name, value in fields.items()}  # digits, in JSON
    made = {}
    with contextlib.redirect_stdout(io.StringIO()) as out:
        exec(code, made)
    assert same_weights(made["run"], trained(fields))
    assert out.getvalue().strip()
