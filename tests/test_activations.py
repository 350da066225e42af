"""What the kernel computes when nobody intervenes, and makes of logits: what the readable definitions say, on every backend."""

from dataclasses import fields

import numpy as np
import pytest
from test_look import MODELS, TOKENS, batch_of, weights_of

import headlab as hl
from headlab.analysis.subject import Subject
from headlab.config.model import ModelConfig
from headlab.engine import activations as kernel
from headlab.engine import instruction_sets
from headlab.model import outputs
from headlab.model.forward import allowed, forward
from headlab.model.initial import initial
from headlab.model.params import Params

ON_BOTH_BACKENDS = True
REAL = TOKENS >= 0


def computed(model, params, **how):
    return kernel.activations(batch_of(TOKENS), model.on(batch_of(TOKENS)), params.flat(), **how)


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
def test_activations_are_those_of_the_readable_forward_pass(model: ModelConfig) -> None:
    params = weights_of(model, np.random.default_rng(1), 0.5, runs=11)
    on, found = forward(params, TOKENS, model), computed(model, params)
    seen = allowed(TOKENS, model.causal)
    pairs = [
        (found["resid"][:, :-1, REAL], on.resid_pre[:, :, REAL]),
        (found["resid"][:, 1:, REAL], on.resid_post[:, :, REAL]),
    ]
    pairs += [(found[name][:, :, :, REAL], getattr(on, name)[:, :, :, REAL]) for name in "qkvz"]
    pairs += [(found["scores"][..., seen], on.scores[..., seen]), (found["pattern"], on.pattern)]
    pairs += [(found["logits"][:, REAL], on.logits[:, REAL])]
    for mine, meant in pairs:
        np.testing.assert_allclose(mine, meant, rtol=1e-12, atol=1e-12)
    for name, array in found.items():
        nothing = ~seen if name in ("scores", "pattern") else ~REAL
        assert not array[
            (..., nothing) if array.shape[-2:] == nothing.shape[-2:] else (..., nothing, slice(None))
        ].any()


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
def test_subjects_have_every_activation_of_the_readable_forward_pass(model: ModelConfig) -> None:
    corpus = hl.Corpus.from_text("a b c d e\nb a c\nd d a c")
    params = initial(model.on(corpus), np.arange(5, dtype=np.uint64), np.float64)
    params.W_E[1, 2, 0] = np.inf
    subject = Subject(params, corpus, model)
    on, real = forward(subject.params, corpus.tokens, model), corpus.tokens >= 0
    seen, pairs = allowed(corpus.tokens, model.causal), real[:, :, None] & real[:, None, :]
    for name in (field.name for field in fields(on)):
        where = {"raw_scores": (..., pairs), "scores": (..., pairs), "pattern": (..., seen)}.get(
            name, (..., real, slice(None))
        )
        for some in (slice(None), slice(3, 5)):
            mine, meant = (
                getattr(subject[some].clean if some.start is None else subject.clean[some], name),
                getattr(on, name),
            )
            np.testing.assert_allclose(mine[where], meant[some][where], rtol=1e-12, atol=1e-12)
    assert subject.finite.tolist() == [True, False, True, True, True]
    np.testing.assert_array_equal(subject.clean.seen_scores[..., ~seen], 0)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_what_models_say_they_compute_is_the_kernels_to_the_bit_in_the_type_of_their_weights(dtype: str) -> None:
    corpus, model = hl.Corpus.from_text("a b c d e\nb a c\nd d a c"), hl.ModelConfig(n_layers=2, n_heads=2, d_head=3)
    params = Params(
        **{
            name: 9 * weight.astype(dtype)
            for name, weight in initial(model.on(corpus), np.arange(5, dtype=np.uint64)).items()
        }
    )
    models, here = hl.Models(params, corpus, model), corpus.batch
    on = kernel.activations(here, model.on(here), params.flat())
    for name, array in {"logits": models.logits(), "pattern": models.pattern(), "z": models.activations().z}.items():
        assert array.dtype == dtype
        np.testing.assert_array_equal(array, on[name])
    assert {str(array.dtype) for array in (models.activations().scores, models.activations().pos_embed)} == {dtype}
    np.testing.assert_array_equal(models[3].logits(), models.logits()[3])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_activations_have_the_same_bits_in_any_batch_and_on_every_instruction_set(
    dtype: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = MODELS["two layers of two heads"]
    params = Params(
        **{name: weight.astype(dtype) for name, weight in weights_of(model, np.random.default_rng(2), runs=21).items()}
    )
    every = computed(model, params)
    for name in instruction_sets():
        monkeypatch.setenv("HEADLAB_INSTRUCTION_SET", name)
        some = computed(model, params[3:20], wanted=["pattern", "resid", "logits"], threads=2)
        for wanted, array in some.items():
            assert array.dtype == dtype
            np.testing.assert_array_equal(array, every[wanted][3:20])


def test_a_run_that_is_no_number_stays_so_alone() -> None:
    model = MODELS["notebook"]
    params = weights_of(model, np.random.default_rng(3), runs=3)
    params.W_E[1] = np.nan
    found = computed(model, params)
    assert np.isnan(found["logits"][1][REAL]).all()
    assert np.isfinite(found["logits"][[0, 2]]).all()


def test_shares_and_logarithms_are_those_of_numpy_to_rounding() -> None:
    rng = np.random.default_rng(4)
    for shape in ((13, 7), (2, 3, 1), (0, 4)):
        rows = 30 * rng.standard_normal(shape)
        np.testing.assert_allclose(kernel.softmax(rows), outputs.softmax(rows), rtol=1e-13)
    far = np.array([[0, -700, -709, -740, -1e4, -np.inf], [np.nan, 0, 0, 0, 0, 0], [1e300, -1e300, 0, 1, 2, 3]])
    np.testing.assert_allclose(kernel.softmax(far), outputs.softmax(far), rtol=1e-13, atol=5e-324)
    numbers = np.concatenate([np.exp(rng.uniform(-700, 700, 1000)), [1, 5e-324, 1e-310, 2.3e-308, 1e308]])
    np.testing.assert_allclose(kernel.log(numbers), np.log(numbers), rtol=1e-14)
    np.testing.assert_array_equal(kernel.log(np.array([0, -1, np.nan, np.inf])), [-np.inf, np.nan, np.nan, np.inf])
