"""The kernel's blocks: gradients against autograd of the model written again, bits everywhere, and what models say of a batch."""

from dataclasses import replace

import autograd
import numpy as np
import pytest
from plain_model import BLOCK_MODELS, loss_of, tokens_of

from headlab import engine
from headlab.config import TrainConfig
from headlab.data.batch import Batch
from headlab.engine import Job
from headlab.engine.backend import kernel
from headlab.engine.trainer import problem_of
from headlab.model.forward import forward
from headlab.model.params import Params

ON_BOTH_BACKENDS = True
pytestmark = pytest.mark.filterwarnings("ignore:overflow encountered in cosh")  # autograd's own, of tanh far from 0
LOSSES = ("softmax", "normalized_sigmoid")
MODELS = pytest.mark.parametrize("name", BLOCK_MODELS)


def job_of(name: str, **training: object) -> Job:
    model = BLOCK_MODELS[name]
    tokens, targets = tokens_of(model)
    fields = {"steps": 30, "learning_rate": 0.05, "dtype": "float64", **training}
    ids = 9 if model.pairs else 5
    return Job(tokens, targets, ids, model, TrainConfig.of(**fields), None, None, model.d_vocab_out)


def weights_of(job: Job, n_runs: int, dtype: str = "float64") -> np.ndarray:
    return (np.random.default_rng(0).normal(size=(n_runs, job.shape.n_weights)) * 0.4).astype(dtype)


@pytest.mark.parametrize("loss", LOSSES)
@MODELS
def test_gradients_are_those_of_autograd_in_double(name, loss):
    job = job_of(name, loss=loss)
    weights, equal = weights_of(job, 1), np.ones(job.tokens.shape)

    def written_again(flat):
        return loss_of(flat, job.tokens, job.targets, equal, job.model, job.shape.d_vocab, loss)

    value, gradient = engine.loss_and_gradient(job, weights)
    assert value[0] == pytest.approx(written_again(weights[0]), abs=1e-12)
    np.testing.assert_allclose(gradient[0], autograd.grad(written_again)(weights[0]), atol=1e-11)


@MODELS
def test_gradients_are_those_of_central_differences(name):
    job = job_of(name)
    weights, step = weights_of(job, 1), 1e-5
    nudges = step * np.eye(job.shape.n_weights)
    up, down = (engine.loss_and_gradient(job, weights + sign * nudges)[0] for sign in (1, -1))
    np.testing.assert_allclose(engine.loss_and_gradient(job, weights)[1][0], (up - down) / (2 * step), atol=1e-8)


@MODELS
def test_gradients_in_single_are_those_in_double_rounded(name):
    job = job_of(name)
    weights = weights_of(job, 8, "float32")
    single, double = (engine.loss_and_gradient(job, weights.astype(dtype))[1] for dtype in ("float32", "float64"))
    error = np.linalg.norm(single - double, axis=1) / np.linalg.norm(double, axis=1)
    assert error.max() < 1e-5


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
@MODELS
def test_a_training_has_the_same_bits_on_every_instruction_set_alone_or_not(name, optimizer):
    job = job_of(name, dtype="float32", optimizer=optimizer, learning_rate=0.01)
    first = weights_of(job, 3, "float32")
    trained = [
        engine.train_flat(job, first, instruction_set=instruction_set, at_once=at_once).weights
        for instruction_set in engine.instruction_sets()
        for at_once in (1, 2)
    ]
    assert np.isfinite(trained[0]).all()
    assert not np.array_equal(trained[0], first)
    for other in trained[1:]:
        np.testing.assert_array_equal(trained[0].view(np.int32), other.view(np.int32))


@MODELS
def test_what_models_say_of_a_batch_is_what_the_readable_forward_pass_says(name):
    job = job_of(name)
    weights = weights_of(job, 3)
    batch = Batch.equally_weighted(job.tokens, job.targets, job.d_vocab, job.d_vocab_out)
    outputs, shape = batch.n_outputs, (3, *job.tokens.shape)
    losses, right = np.empty(3), np.empty((3, 2), np.int64)
    predicted, logits = np.empty(shape, np.int32), np.empty((*shape, outputs))
    problem = problem_of(job, weights.dtype, 3, None)
    kernel().evaluate(problem, 0, weights, losses, right, predicted, logits)
    there, learnt = job.tokens >= 0, job.targets >= 0
    expected = forward(Params.from_flat(weights, job.shape), job.tokens, job.model).logits
    np.testing.assert_allclose(logits[:, there], expected[:, there], atol=1e-11)
    assert (predicted[:, ~there] == -1).all()
    np.testing.assert_array_equal(predicted[:, there], logits[:, there].argmax(axis=-1))
    good = (predicted == job.targets) & learnt
    np.testing.assert_array_equal(right[:, 0], good.sum(axis=(1, 2)))
    np.testing.assert_array_equal(right[:, 1], ((good | ~learnt).all(axis=2) & learnt.any(axis=1)).sum(axis=1))
    np.testing.assert_allclose(losses, engine.loss_and_gradient(job, weights)[0], atol=1e-14)
    some_losses, some_right = np.empty_like(losses), np.empty_like(right)
    kernel().evaluate(problem, 0, weights, some_losses, some_right, None, None)
    np.testing.assert_allclose(some_losses, losses, atol=1e-14)
    np.testing.assert_array_equal(some_right, right)


def test_of_equal_logits_the_one_with_the_lowest_id_is_right():
    job = replace(job_of("outputs"), targets=np.where(job_of("outputs").targets < 0, -1, 0))
    weights, right = np.zeros((2, job.shape.n_weights)), np.empty((2, 2), np.int64)
    kernel().evaluate(problem_of(job, weights.dtype, 2, None), 0, weights, None, right, None, None)
    assert right.tolist() == [[int((job.targets == 0).sum()), 4]] * 2
    job = replace(job, targets=np.where(job.targets < 0, -1, 1))
    kernel().evaluate(problem_of(job, weights.dtype, 2, None), 0, weights, None, right, None, None)
    assert not right.any()
