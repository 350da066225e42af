"""The notebook's experiment against a complete run of it recorded from Keras 2."""

from pathlib import Path

import numpy as np
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
