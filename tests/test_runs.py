"""Runs: one path for one and many, saving and loading, replaying."""

import json

import numpy as np
import pytest

import headlab as hl
from headlab import Corpus, ModelConfig, TrainConfig
from headlab.analysis.looking.circuits import circuits
from headlab.homework.exercise import Exercise
from headlab.report.export import table_of


@pytest.fixture(scope="module")
def runs():
    return hl.train(Corpus.notebook(), seeds=range(12))


def test_contract_of_the_design(runs):
    assert runs.loss.shape == runs.learning_rate.shape == (12, 5020)
    assert runs.logits().shape == runs.sigmoid().shape == runs.probs().shape == (12, 2, 5, 7)
    assert runs.pattern().shape == (12, 2, 5, 5)
    assert runs.solved().dtype == bool
    assert runs.params.W_Q.shape[0] == 12
    np.testing.assert_allclose(runs.probs().sum(axis=-1), 1, atol=1e-6)


def test_single_run_equals_row_of_many(runs):
    alone = hl.train(Corpus.notebook(), seeds=7)[0]
    np.testing.assert_array_equal(alone.loss, runs[7].loss)
    np.testing.assert_array_equal(alone.logits(), runs[7].logits())


def test_no_run_falls_below_the_floor(runs):
    assert runs.loss.min() > runs.corpus.floor() - 1e-6


def test_tables_are_labelled_as_in_the_notebook(runs):
    run = runs[0]
    assert list(run.predictions()[0].columns) == ["<ST>", "the", "man", "chkn", "ordrd", "woman", "beef"]
    assert list(run.attention()[1].index) == ["0 <ST>", "1 woman", "2 ordrd", "3 the", "4 beef"]
    assert run.attention()[0].shape == (5, 5)


def test_notebook_layers_are_found_by_number_and_by_name(runs):
    layers = runs[0].layers()
    assert len(layers) == 14
    np.testing.assert_array_equal(layers[9], layers["AttnWts"])
    np.testing.assert_array_equal(layers["AttnWts"], runs[0].pattern())
    np.testing.assert_allclose(layers["skipadd"], layers["Voutput"] + layers["XwithPos"], atol=1e-6)
    assert layers["Qmat"].shape == (2, 5, 20)
    with pytest.raises(hl.SelectionError, match="9 AttnWts"):
        layers["Attention"]


def test_summary_counts_413_parameters(runs):
    assert int(runs[0].summary().loc["total", "parameters"]) == 413


def test_snapshots_replay_the_training(runs):
    first, last = runs.at(0), runs.at(5020)
    np.testing.assert_array_equal(
        first.params.flat(),
        hl.train(Corpus.notebook(), training=TrainConfig.of(steps=0), seeds=range(12)).params.flat(),
    )
    np.testing.assert_array_equal(last.logits(), runs.logits())
    with pytest.raises(hl.SelectionError, match="kept"):
        runs.at(17_000)


def test_going_on_equals_calling_fit_again():
    corpus, short = Corpus.notebook(), TrainConfig.of(steps=30, optimizer="adam")
    whole = hl.train(corpus, training=TrainConfig.of(steps=60, optimizer="adam"), seeds=range(3))
    again = hl.resume(hl.train(corpus, training=short, seeds=range(3)), short)
    np.testing.assert_array_equal(again.params.flat(), whole.params.flat())
    with pytest.raises(hl.ConfigError, match="optimizer must stay adam"):
        hl.resume(again, TrainConfig.of(steps=5))
    sgd = hl.resume(
        again, hl.Phase(5, changes={"optimizer": "sgd"})
    )  # said outright, it starts with nothing remembered
    assert sgd.training.in_words() == "60 steps of adam at learning rate 0.001, then 5 of sgd"


def test_selecting_runs_keeps_their_arrays_together(runs):
    some = runs[runs.solved()]
    assert len(some) == runs.solved().sum()
    assert some.solved().all()
    np.testing.assert_array_equal(some.seeds, runs.seeds[runs.solved()])
    with pytest.raises(hl.SelectionError, match="from 0 to 11"):
        runs[12]


DOORS = {
    "runs": lambda runs, number: runs[number],
    "explanations": lambda runs, number: runs.explain()[number],
    "circuits": lambda runs, number: circuits(runs.subject, run=number),
    "predictions": lambda runs, number: runs.predict("man")[number],
    "a table": lambda runs, number: table_of(runs, "weights", number),
    "a report": Exercise.of,
}


@pytest.mark.parametrize("door", DOORS)
def test_a_run_that_is_not_there_is_refused_alike_at_every_door(runs, door):
    DOORS[door](runs, np.int64(11))
    for number in (12, -13):
        with pytest.raises(hl.SelectionError, match=f"a run must be from 0 to 11, got {number}: give its number"):
            DOORS[door](runs, number)


def test_diverged_runs_are_counted_not_hidden():
    runs = hl.train(Corpus.notebook(), training=TrainConfig.of(steps=200, learning_rate=1e4), seeds=range(8))
    assert (~runs.finished).any()
    assert not runs.solved()[~runs.finished].any()
    assert "diverged at step" in " ".join(runs.outcomes())


@pytest.mark.parametrize(
    "model",
    [ModelConfig(), ModelConfig(d_head=3, n_layers=2, n_heads=2, d_model=9, unembed=True, factored_values=True)],
)
def test_save_and_load_give_back_every_bit(tmp_path, model):
    runs = hl.train(Corpus.notebook(), model, TrainConfig.of(steps=20, momentum=0.5), seeds=range(3))
    again = hl.Runs.load(runs.save(tmp_path / "saved"))
    np.testing.assert_array_equal(again.params.flat(), runs.params.flat())
    np.testing.assert_array_equal(again.loss, runs.loss)
    np.testing.assert_array_equal(again.seeds, runs.seeds)
    assert (again.model, again.training) == (runs.model, runs.training)
    np.testing.assert_array_equal(
        hl.resume(again, runs.training).params.flat(), hl.resume(runs, runs.training).params.flat()
    )


def test_other_programs_can_read_the_weights(tmp_path, runs):
    from safetensors.numpy import load_file

    folder = runs.save(tmp_path / "saved")
    np.testing.assert_array_equal(load_file(folder / "weights.safetensors")["W_E"], runs.params.W_E)


def flip(data):
    return data[:900] + bytes([data[900] ^ 1]) + data[901:]


@pytest.mark.parametrize("damage", [flip, lambda data: data[:-1], lambda data: b"", lambda data: data + b"x"])
def test_damaged_weights_are_named_never_read(tmp_path, damage):
    folder = hl.train(Corpus.notebook(), training=TrainConfig.of(steps=2)).save(tmp_path / "saved")
    file = folder / "weights.safetensors"
    file.write_bytes(damage(file.read_bytes()))
    with pytest.raises(hl.WeightsError, match="damaged"):
        hl.Runs.load(folder)


def test_missing_foreign_and_newer_files_are_named(tmp_path):
    folder = hl.train(Corpus.notebook(), training=TrainConfig.of(steps=2)).save(tmp_path / "saved")
    with pytest.raises(hl.WeightsError, match=r"readable run\.json"):
        hl.Runs.load(tmp_path)
    config = json.loads((folder / "run.json").read_text())
    for content, match in [
        ("{", "must be JSON"),
        ("[]", "headlab's"),
        (json.dumps(config | {"format": 99}), "update headlab"),
    ]:
        (folder / "run.json").write_text(content)
        with pytest.raises(hl.WeightsError, match=match):
            hl.Runs.load(folder)


def test_saving_into_a_file_says_so_and_changes_nothing(tmp_path):
    (tmp_path / "file").write_text("kept")
    with pytest.raises(hl.OutputError, match="choose another place"):
        hl.train(Corpus.notebook(), training=TrainConfig.of(steps=0)).save(tmp_path / "file")
    assert (tmp_path / "file").read_text() == "kept"
