"""The readable definition of the model: against the recorded Keras run, and by its symmetries."""

from pathlib import Path

import numpy as np
import pytest
from engine_problems import MODELS, TARGETS, TOKENS, WEIGHTS, problem, random_weights

from headlab import Corpus, ModelConfig, engine, train
from headlab.model.forward import forward
from headlab.model.losses import mean_loss
from headlab.model.matrices import W_QK, effective_rank
from headlab.model.params import Params, coerce

REFERENCE = Path(__file__).parent / "data" / "keras2_notebook_seed777_dhead20.npz"


def random_params(model, n_runs=3, seed=0):
    of = problem(model)
    return Params.from_flat(random_weights(of, n_runs, seed), of.shape)


def test_forward_pass_on_keras_weights_gives_keras_outputs():
    with np.load(REFERENCE) as keras:
        weights = {name[6:]: keras[name] for name in keras.files if name.startswith("final_")}
        on = forward(coerce(weights, ModelConfig().on(Corpus.notebook())), Corpus.notebook().tokens, ModelConfig())
        np.testing.assert_allclose(1 / (1 + np.exp(-on.logits[0])), keras["sigmoid_output"], atol=1e-6)
        np.testing.assert_allclose(on.pattern[0, 0, 0], keras["pattern"], atol=1e-6)


@pytest.mark.parametrize("kind", ["softmax", "normalized_sigmoid"])
@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
def test_kernel_computes_the_loss_that_the_definition_computes(model, kind):
    of = problem(model, loss=kind, dtype="float64")
    params = random_params(model)
    expected = mean_loss(forward(params, TOKENS, model).logits, TARGETS, kind)
    np.testing.assert_allclose(engine.loss_and_gradient(of, params.flat())[0], expected, atol=1e-12)


@pytest.mark.parametrize("instruction_set", engine.instruction_sets())
@pytest.mark.parametrize("kind", ["softmax", "normalized_sigmoid"])
@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
def test_kernel_weighs_targets_as_the_definition_does(model, kind, instruction_set, monkeypatch):
    monkeypatch.setenv("HEADLAB_INSTRUCTION_SET", instruction_set)
    of = problem(model, WEIGHTS, loss=kind, dtype="float64")
    params = random_params(model)
    expected = mean_loss(forward(params, TOKENS, model).logits, TARGETS, kind, WEIGHTS)
    np.testing.assert_allclose(engine.loss_and_gradient(of, params.flat())[0], expected, atol=1e-12)


def test_equal_weights_are_the_plain_mean_to_the_bit():
    logits = forward(random_params(MODELS["notebook"]), TOKENS, MODELS["notebook"]).logits
    equal = np.where(TARGETS >= 0, 0.3, 0)
    np.testing.assert_array_equal(mean_loss(logits, TARGETS), mean_loss(logits, TARGETS, weights=equal))


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
def test_one_run_equals_its_row_among_many(model):
    params = random_params(model)
    many, one = forward(params, TOKENS, model), forward(params[1], TOKENS, model)
    np.testing.assert_allclose(one.logits, many.logits[1], atol=1e-13)
    np.testing.assert_allclose(one.pattern, many.pattern[1], atol=1e-13)


@pytest.mark.parametrize("name", ["notebook", "two layers", "everything"])
def test_future_tokens_change_no_bit_of_earlier_positions(name):
    model = MODELS[name]
    params, changed = random_params(model), TOKENS.copy()
    changed[0, 3:] = [1, 4]
    before, after = (forward(params, tokens, model).logits[:, 0, :3] for tokens in (TOKENS, changed))
    np.testing.assert_array_equal(before, after)


def test_pattern_rows_sum_to_one_and_hold_exact_zeros_for_padding_and_future():
    pattern = forward(random_params(MODELS["two heads"]), TOKENS, MODELS["two heads"]).pattern
    real = np.broadcast_to(TOKENS >= 0, pattern.shape[:-1])
    np.testing.assert_allclose(pattern.sum(axis=-1)[real], 1, atol=1e-12)
    assert (pattern[~real] == 0).all()
    assert (np.triu(pattern, 1) == 0).all()


def test_permuting_the_vocabulary_permutes_the_logits():
    model, order = MODELS["notebook"], np.array([3, 0, 4, 1, 2])
    params = random_params(model)
    place = np.argsort(order)
    permuted = Params(
        W_E=params.W_E[:, order][..., order],
        W_pos=params.W_pos[..., order],
        W_Q=params.W_Q[..., order, :],
        W_K=params.W_K[..., order, :],
        W_V=params.W_V[..., order, :][..., order],
    )
    tokens = np.where(TOKENS >= 0, place[TOKENS], -1)
    np.testing.assert_allclose(
        forward(permuted, tokens, model).logits[:, 0],
        forward(params, TOKENS, model).logits[:, 0][..., order],
        atol=1e-12,
    )


def test_rank_of_W_QK_is_bounded_by_d_model_whatever_the_head_size():
    runs = train(Corpus.notebook(), ModelConfig(d_head=40), seeds=range(4), record="none")
    assert (effective_rank(W_QK(runs.params)) <= 7).all()
