"""The notebook's experiment against a complete run of it recorded from Keras 2, and other seeds against plain NumPy."""

from pathlib import Path

import numpy as np
import plain_notebook
import pytest

import headlab as hl
from headlab import engine

REFERENCE = Path(__file__).parent / "data" / "keras2_notebook_seed777_dhead20.npz"


@pytest.fixture(scope="module")
def keras():
    with np.load(REFERENCE) as data:
        return dict(data)


@pytest.fixture(scope="module", params=engine.instruction_sets())
def run(request, keras):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HEADLAB_INSTRUCTION_SET", request.param)
        init = {name.removeprefix("init_"): array for name, array in keras.items() if name.startswith("init_")}
        return hl.train(hl.Corpus.notebook(), init=init)[0]


def test_loss_of_all_5020_epochs_is_keras_loss(run, keras):
    np.testing.assert_allclose(run.loss, keras["loss"], atol=1e-6)


def test_learning_rate_falls_in_the_same_epochs(run, keras):
    np.testing.assert_array_equal(run.learning_rate[10:5010], keras["learning_rate_plateau_phase"])


def test_pattern_and_outputs_are_keras(run, keras):
    np.testing.assert_allclose(run.pattern(), keras["pattern"], atol=1e-4)
    np.testing.assert_allclose(run.sigmoid(), keras["sigmoid_output"], atol=1e-4)


def test_weights_are_keras(run, keras):
    for name in ("W_E", "W_pos", "W_Q", "W_K", "W_V"):
        np.testing.assert_allclose(np.squeeze(getattr(run.params, name)), keras[f"final_{name}"], atol=1e-4)


NAMES, SEEDS = ("W_E", "W_pos", "W_Q", "W_K", "W_V"), range(8)


def trained(dtype):
    return hl.train(hl.Corpus.notebook(), training=hl.TrainConfig(dtype=dtype), seeds=SEEDS, snapshots=[0])


def start_of(runs):
    params = runs.at(0).params
    arrays = {name: getattr(params, name) for name in NAMES}
    return {name: array.reshape(len(runs), *array.shape[-2:]) for name, array in arrays.items()}  # one layer, one head


def falls(rates):
    return [np.flatnonzero(np.diff(rate)) for rate in rates]


def test_in_float64_all_epochs_and_rates_of_other_seeds_are_those_of_a_plain_training():
    runs, corpus = trained("float64"), hl.Corpus.notebook()
    loss, rates = plain_notebook.train(start_of(runs), corpus.tokens, corpus.targets)
    np.testing.assert_allclose(runs.loss, loss, rtol=0, atol=1e-13)
    np.testing.assert_array_equal(runs.learning_rate, rates)
    assert sum(map(len, falls(rates))) > len(SEEDS)  # there is something to agree on


def test_in_float32_a_rate_of_other_seeds_may_fall_some_epochs_off_as_it_does_when_one_weight_moves_by_its_last_digit():
    runs, corpus = trained("float32"), hl.Corpus.notebook()
    start = start_of(runs)
    nudged = {name: array.copy() for name, array in start.items()}
    nudged["W_V"][:, 0, 0] = np.nextafter(nudged["W_V"][:, 0, 0], np.float32(1))
    itself = hl.train(corpus, init=nudged)
    plain = plain_notebook.train(start, corpus.tokens, corpus.targets)
    for loss, rates in ((itself.loss, itself.learning_rate), plain):
        np.testing.assert_allclose(loss, runs.loss, rtol=0, atol=5e-4)
        pairs = list(zip(falls(rates), falls(runs.learning_rate), strict=True))
        off = [np.abs(ours - theirs).max(initial=0) for ours, theirs in pairs if len(ours) == len(theirs)]
        assert len(off) >= len(pairs) - 1  # near an edge, a fall may be missing
        assert 0 < max(off) <= 20
