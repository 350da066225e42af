"""Looks and activations of models with every block, drawn: what the readable forward pass gives with the same changes."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_look import some_change
from tiers import sized

from headlab.analysis.clean import Clean
from headlab.config.model import ModelConfig
from headlab.data.batch import Batch
from headlab.engine import instruction_sets
from headlab.engine.look import Look
from headlab.errors import ConfigError
from headlab.model.forward import allowed, forward
from headlab.model.interventions import Case, Change, intervened
from headlab.model.params import Params

N_RUNS, D_VOCAB = 3, 6
TOKENS = np.array([[0, 2, 1, 3, 2], [0, 3, 3, -1, -1], [4, 1, 0, 2, -1]])
FLAGS = ("factored_values", "unembed", "residual", "positions", "causal", "norm_after", "norm_final", "biases", "tied")
MODELS = {
    "the usual transformer": ModelConfig(
        d_head=3, n_heads=2, n_layers=2, d_model=6, d_mlp=9, activation="gelu", norm="layer", norm_final=True,
        biases=True, factored_values=True, unembed=True, d_vocab_out=4,
    ),
    "normed after its blocks": ModelConfig(d_head=2, n_layers=2, d_mlp=5, norm="layer", norm_after=True, biases=True),
    "RMSNorm, no MLP": ModelConfig(d_head=7, n_heads=2, norm="rms", norm_final=True),
    "MLP alone beside heads": ModelConfig(d_head=2, n_heads=2, n_layers=2, d_mlp=130),
    "distances instead of positions": ModelConfig(d_head=3, n_layers=2, relative_positions=True, positions=False),
    "values that are the stream": ModelConfig(d_head=3, n_layers=2, n_heads=2, stream_values=True, d_mlp=4),
    "pairs": ModelConfig(d_head=3, d_model=8, unembed=True, pairs=True, d_vocab_out=5, d_mlp=7),
    "tied": ModelConfig(d_head=3, d_model=5, unembed=True, tied=True, biases=True, n_layers=2),
    "no residual, with an MLP": ModelConfig(d_head=3, n_layers=2, residual=False, d_mlp=4, causal=False),
    "no layers": ModelConfig(n_layers=0, d_model=4, unembed=True, biases=True),
    "no layers, normed": ModelConfig(n_layers=0, d_model=4, unembed=True, norm="layer", norm_final=True),
}  # fmt: skip


@st.composite
def models(draw: Callable[..., Any]) -> ModelConfig:
    """Draw settings that go together."""
    fields: dict[str, Any] = {name: draw(st.booleans()) for name in FLAGS}
    fields |= {name: draw(st.booleans()) for name in ("relative_positions", "stream_values", "pairs")}
    fields |= {name: draw(st.integers(1, most)) for name, most in {"d_head": 9, "n_heads": 3, "n_layers": 3}.items()}
    fields |= {"d_mlp": draw(st.sampled_from([0, 1, 6])), "norm": draw(st.sampled_from(["none", "layer", "rms"]))}
    if fields["d_mlp"]:
        fields["activation"] = draw(st.sampled_from(["relu", "gelu"]))
    if fields["unembed"]:
        fields["d_model"] = draw(st.sampled_from([None, 4, 10]))
        fields["d_vocab_out"] = None if fields["tied"] else draw(st.sampled_from([None, 3, 8]))
    try:
        return ModelConfig(**fields)
    except ConfigError:
        loose = {"tied": False, "relative_positions": False, "norm_after": False, "norm_final": False, "pairs": False}
        loose |= {"stream_values": False, "d_vocab_out": None if not fields["unembed"] else fields.get("d_vocab_out")}
        return ModelConfig(**fields | loose)


def batch_of(model: ModelConfig, tokens: np.ndarray = TOKENS) -> Batch:
    outputs = model.d_vocab_out or (D_VOCAB if model.pairs else None)
    if model.pairs:
        seconds = (tokens * 5 + np.arange(tokens.shape[1])) % D_VOCAB
        tokens = np.where(tokens >= 0, tokens * D_VOCAB + seconds, -1)
    d_vocab = D_VOCAB**2 if model.pairs else D_VOCAB
    return Batch(tokens, np.where(tokens >= 0, 0, -1), None, d_vocab, outputs)


def weights_of(model: ModelConfig, rng: np.random.Generator, size: float = 0.7) -> Params:
    shapes = model.on(batch_of(model)).weights
    return Params(**{name: size * rng.standard_normal((N_RUNS, *shape)) for name, shape in shapes.items()})


def some_case(model: ModelConfig, rng: np.random.Generator, anywhere: bool) -> Case:
    sequence = int(rng.integers(len(TOKENS)))
    many = rng.choice([0, 1, 1, 1, 2, 5]) if model.n_layers else 0
    changes = tuple(some_change(model, rng, sequence) for _ in range(many))
    if not model.n_layers:
        changes = tuple(
            Change(what, how, at=1, donor=2)
            for what in ("token", "position", "direct_token")[: rng.integers(4)]
            for how in ("mean", "from")
        )
    return Case(sequence, changes, None if anywhere else int(rng.integers((TOKENS[sequence] >= 0).sum())))


def check_looks(model: ModelConfig, seed: int, anywhere: bool, n: int) -> None:
    rng, batch = np.random.default_rng(seed), batch_of(model)
    params, cases = weights_of(model, rng), [some_case(model, rng, anywhere) for _ in range(n)]
    looked = Look(batch, model.on(batch), params.flat())
    found, patterns = looked.logits(cases), looked.patterns(cases)
    for number, case in enumerate(cases):
        on, real = intervened(params, batch.tokens, model, case), TOKENS[case.sequence] >= 0
        here, expected = (found[:, number], on.logits[:, 0])
        here, expected = (here[:, real], expected[:, real]) if anywhere else (here, expected[:, case.at])
        size = np.abs(expected).max()
        np.testing.assert_allclose(here, expected, rtol=1e-9, atol=1e-9 * size, err_msg=f"{model} {case}")
        if case.at is not None or not anywhere:
            np.testing.assert_allclose(patterns[:, number], on.pattern[:, :, :, 0], rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("anywhere", [False, True])
def test_looks_are_the_readable_forward_pass_with_the_same_changes(name: str, anywhere: bool) -> None:
    check_looks(MODELS[name], 1, anywhere, 60)


@pytest.mark.parametrize("n", sized(20, 200))
def test_looks_of_drawn_models_are_so_too(n: int) -> None:
    @settings(max_examples=n)
    @given(models(), st.integers(0, 2**32 - 1), st.booleans())
    def check(model: ModelConfig, seed: int, anywhere: bool) -> None:
        check_looks(model, seed, anywhere, 12)

    check()


NAMES = ("resid_0", "resid_pre", "normed", "q", "k", "v", "pattern", "z", "attn_out", "resid_mid", "mlp_normed")
NAMES += ("mlp_pre", "mlp_post", "mlp_out", "resid_post", "final", "logits", "token_embed", "pos_embed")


def check_activations(model: ModelConfig, seed: int) -> None:
    batch = batch_of(model)
    params = weights_of(model, np.random.default_rng(seed))
    on, clean = forward(params, batch.tokens, model), Clean.of(params, batch, model)
    real, seen = TOKENS >= 0, allowed(batch.tokens, model.causal)
    for name in NAMES:
        mine, meant = getattr(clean, name)[..., real, :], getattr(on, name)[..., real, :]
        np.testing.assert_allclose(mine, meant, rtol=1e-9, atol=1e-9, err_msg=f"{name} of {model}")
        if name not in ("token_embed", "pos_embed"):
            assert not getattr(clean, name)[..., ~real, :].any()
    for name in ("raw_scores", "scores"):
        np.testing.assert_allclose(getattr(clean, name)[..., seen], getattr(on, name)[..., seen], rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(clean.seen_scores[..., seen], on.scores[..., seen], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", MODELS)
def test_activations_are_those_of_the_readable_forward_pass(name: str) -> None:
    check_activations(MODELS[name], 2)


@pytest.mark.parametrize("n", sized(20, 200))
def test_activations_of_drawn_models_are_so_too(n: int) -> None:
    @settings(max_examples=n)
    @given(models(), st.integers(0, 2**32 - 1))
    def check(model: ModelConfig, seed: int) -> None:
        check_activations(model, seed)

    check()


@pytest.mark.parametrize("name", MODELS)
def test_every_instruction_set_looks_alike_to_the_bit(name: str) -> None:
    model, rng = MODELS[name], np.random.default_rng(3)
    batch, params = batch_of(model), weights_of(model, rng)
    cases = [some_case(model, rng, anywhere=False) for _ in range(20)]
    for dtype in (np.float64, np.float32):
        flat = params.flat().astype(dtype)
        found = [Look(batch, model.on(batch), flat, instruction_set=isa).logits(cases) for isa in instruction_sets()]
        for other in found[1:]:
            np.testing.assert_array_equal(found[0], other)


def test_what_the_mlp_does_is_seen_where_it_is_removed() -> None:
    model = MODELS["the usual transformer"]
    batch, params = batch_of(model), weights_of(model, np.random.default_rng(4))
    cases = [Case(0, some, 4) for some in ((), (Change("mlp", "zero", 1),), (Change("mlp", "mean", 0),))]
    whole, removed, mean = np.moveaxis(Look(batch, model.on(batch), params.flat()).logits(cases), 1, 0)
    for name in ("W_out", "b_out"):
        getattr(params, name)[:, 1] = 0
    (without,) = np.moveaxis(Look(batch, model.on(batch), params.flat()).logits(cases[:1]), 1, 0)
    np.testing.assert_array_equal(removed, without)
    assert np.abs(whole - removed).max() > 0.01
    assert np.abs(whole - mean).max() > 0.01


@pytest.mark.parametrize(
    ("name", "changes", "said"),
    [
        ("RMSNorm, no MLP", (Change("mlp", "zero"),), "an MLP must be in the model to be edited"),
        ("normed after its blocks", (Change("direct_token", "zero"),), "the direct path must be in the model"),
        ("the usual transformer", (Change("mlp", "mask"),), "only scores can be masked"),
        ("no layers", (Change("z", "zero", layer=0),), "layer and head must be in the model"),
    ],
)
def test_changes_of_what_is_not_there_are_refused(name: str, changes: tuple[Change, ...], said: str) -> None:
    model = MODELS[name]
    batch = batch_of(model)
    flat = weights_of(model, np.random.default_rng(5)).flat()
    with pytest.raises(ValueError, match=said):
        Look(batch, model.on(batch), flat).logits([Case(0, changes, 0)])


def test_what_single_keys_give_is_refused_where_something_comes_behind() -> None:
    for name in ("the usual transformer", "normed after its blocks", "MLP alone beside heads"):
        model = MODELS[name]
        batch, case = batch_of(model), Case(0, (Change("edge", "zero", 0, at=1, key=0),), 3)
        looked = Look(batch, model.on(batch), weights_of(model, np.random.default_rng(6)).flat())
        with pytest.raises(ValueError, match="what is read must reach the logits as it is"):
            looked.some_changes(case, np.array([[True]]), [(0, 0)])
