"""The kernel's hand-written gradient against two derivations that are not ours: differences, and autodiff."""

import autograd
import autograd.numpy as anp
import numpy as np
import pytest
from engine_problems import MODELS, WEIGHTS, n_weights, problem, random_weights

from headlab import engine
from headlab.config import LOSSES, ModelConfig
from headlab.errors import ConfigError

ON_BOTH_BACKENDS = True


def unpack(flat, model: ModelConfig, d_vocab: int, n_ctx: int):
    d, h = model.d_model or d_vocab, model.d_head
    blocks = (model.n_layers, model.n_heads)
    v = h if model.factored_values else d
    shapes = {"E": (d_vocab, d)}
    if model.positions:
        shapes["pos"] = (n_ctx, d)
    shapes |= {"Q": (*blocks, d, h), "K": (*blocks, d, h), "V": (*blocks, d, v)}
    if model.factored_values:
        shapes["O"] = (*blocks, h, d)
    if model.unembed:
        shapes["U"] = (d, d_vocab)
    weights, start = {}, 0
    for name, shape in shapes.items():
        size = int(np.prod(shape))
        weights[name] = flat[start : start + size].reshape(shape)
        start += size
    assert start == len(flat)
    return weights


def autodiff_loss(flat, of):
    """The model written once more, sentence by sentence, in the plainest way."""
    model, losses, counts = of.model, [], []
    W = unpack(flat, model, of.d_vocab, of.tokens.shape[1])
    weights_of_targets = np.ones(of.targets.shape) if of.weights is None else of.weights
    for tokens, targets, counting in zip(of.tokens, of.targets, weights_of_targets, strict=True):
        length = int((tokens >= 0).sum())
        x = W["E"][tokens[:length]]
        if model.positions:
            x = x + W["pos"][:length]
        mask = np.tril(np.ones((length, length))) if model.causal else np.ones((length, length))
        for layer in range(model.n_layers):
            out = x if model.residual else 0.0
            for head in range(model.n_heads):
                q, k, v = x @ W["Q"][layer, head], x @ W["K"][layer, head], x @ W["V"][layer, head]
                scores = q @ k.T / np.sqrt(model.d_head) - 1e9 * (1 - mask)
                weights = anp.exp(scores - anp.max(scores, axis=1, keepdims=True))
                z = weights / anp.sum(weights, axis=1, keepdims=True) @ v
                out = out + (z @ W["O"][layer, head] if model.factored_values else z)
            x = out
        logits = x @ W["U"] if model.unembed else x
        p = anp.exp(logits) if of.training.loss == "softmax" else 1 / (1 + anp.exp(-logits))
        p = p / anp.sum(p, axis=1, keepdims=True)
        losses += [-anp.log(p[t, target]) * counting[t] for t, target in enumerate(targets[:length]) if target >= 0]
        counts += [counting[t] for t, target in enumerate(targets[:length]) if target >= 0]
    return sum(losses) / sum(counts)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
def test_gradient_equals_autodiff_of_an_independent_model(model, loss):
    of = problem(model, loss=loss, dtype="float64")
    weights = random_weights(of, 1)
    value, gradient = engine.loss_and_gradient(of, weights)
    assert value[0] == pytest.approx(autodiff_loss(weights[0], of), abs=1e-13)
    np.testing.assert_allclose(gradient[0], autograd.grad(autodiff_loss)(weights[0], of), atol=1e-13)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
def test_gradient_equals_central_differences_for_every_weight(model, loss):
    of = problem(model, loss=loss, dtype="float64")
    weights, step = random_weights(of, 1), 1e-5
    nudges = step * np.eye(n_weights(of))
    up, down = (engine.loss_and_gradient(of, weights + sign * nudges)[0] for sign in (1, -1))
    _, gradient = engine.loss_and_gradient(of, weights)
    np.testing.assert_allclose(gradient[0], (up - down) / (2 * step), atol=1e-9)


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
def test_float32_gradient_is_the_float64_gradient_rounded(model):
    of = problem(model)
    weights = random_weights(of, 8, dtype="float32")
    _, single = engine.loss_and_gradient(of, weights)
    _, double = engine.loss_and_gradient(of, weights.astype("float64"))
    error = np.linalg.norm(single - double, axis=1) / np.linalg.norm(double, axis=1)
    assert error.max() < 2e-6


def test_large_model_is_tiled_and_packed_without_changing_the_gradient():
    rng = np.random.default_rng(0)
    model = ModelConfig(d_head=16, n_heads=2, d_model=33, unembed=True, factored_values=True)
    tokens = rng.integers(0, 11, (4, 50))
    of = engine.Job(tokens, np.roll(tokens, -1, axis=1), 11, model, problem(dtype="float64").training)
    weights = random_weights(of, 1, scale=0.2)
    value, gradient = engine.loss_and_gradient(of, weights)
    assert value[0] == pytest.approx(autodiff_loss(weights[0], of), abs=1e-12)
    np.testing.assert_allclose(gradient[0], autograd.grad(autodiff_loss)(weights[0], of), atol=1e-12)


def test_long_sequences_that_begin_alike_share_their_gradient():
    rng = np.random.default_rng(0)
    tokens = rng.integers(0, 6, (3, 100))
    tokens[1:, :70] = tokens[0, :70]
    for factored in (False, True):
        model = ModelConfig(d_head=2, n_heads=2, d_model=5, unembed=True, factored_values=factored)
        of = engine.Job(tokens, np.roll(tokens, -1, axis=1), 6, model, problem(dtype="float64").training)
        weights = random_weights(of, 1)
        _, gradient = engine.loss_and_gradient(of, weights)
        np.testing.assert_allclose(gradient[0], autograd.grad(autodiff_loss)(weights[0], of), atol=1e-12)


@pytest.mark.parametrize("instruction_set", engine.instruction_sets())
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("name", ["notebook", "no mask", "everything"])
def test_gradient_of_weighted_targets_equals_differences_and_autodiff(name, loss, instruction_set, monkeypatch):
    monkeypatch.setenv("HEADLAB_INSTRUCTION_SET", instruction_set)
    of = problem(MODELS[name], WEIGHTS, loss=loss, dtype="float64")
    weights, step = random_weights(of, 1), 1e-5
    value, gradient = engine.loss_and_gradient(of, weights)
    assert value[0] == pytest.approx(autodiff_loss(weights[0], of), abs=1e-12)
    np.testing.assert_allclose(gradient[0], autograd.grad(autodiff_loss)(weights[0], of), atol=1e-12)
    nudges = step * np.eye(n_weights(of))
    up, down = (engine.loss_and_gradient(of, weights + sign * nudges)[0] for sign in (1, -1))
    np.testing.assert_allclose(gradient[0], (up - down) / (2 * step), atol=1e-8)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("loss", LOSSES)
def test_equal_weights_of_targets_change_no_bit(loss, dtype):
    plain = problem(loss=loss, dtype=dtype)
    equal = problem(weights=np.where(plain.targets >= 0, 0.7, 12.0), loss=loss, dtype=dtype)
    weights = random_weights(plain, 20, dtype=dtype)
    for a, b in zip(engine.loss_and_gradient(plain, weights), engine.loss_and_gradient(equal, weights), strict=True):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(engine.train_flat(plain, weights).weights, engine.train_flat(equal, weights).weights)


@pytest.mark.parametrize("loss", LOSSES)
def test_target_of_weight_zero_is_no_target(loss):
    plain = problem(loss=loss)
    masked = engine.Job(
        plain.tokens, np.where(WEIGHTS > 0, plain.targets, -1), plain.d_vocab, plain.model, plain.training
    )
    zeros = problem(weights=(WEIGHTS > 0) * 3.0, loss=loss)
    weights = random_weights(plain, 20, dtype="float32")
    np.testing.assert_array_equal(engine.train_flat(masked, weights).weights, engine.train_flat(zeros, weights).weights)


def test_only_the_proportions_of_weights_matter_whatever_their_size():
    weights = random_weights(problem(), 3)
    expected = engine.loss_and_gradient(problem(weights=WEIGHTS), weights)[1]
    for scale in (1e-300, 1e300):
        scaled = engine.loss_and_gradient(problem(weights=WEIGHTS * scale), weights)[1]
        np.testing.assert_allclose(scaled, expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("weights", "words"),
    [
        (np.zeros((3, 5)), "got 0 at every target: no loss is left"),
        (np.ones((3, 4)), r"got float64 \(3, 4\)"),
        (np.full((3, 5), np.nan), "got nan"),
        (np.full((3, 5), -1.0), "got -1.0"),
        (np.full((3, 5), "a"), "got <U1"),
    ],
)
def test_weights_that_no_loss_can_have_are_refused_where_they_enter(weights, words):
    with pytest.raises(ConfigError, match=words):
        problem(weights=weights)
