"""MLPs, norms, biases, distances, pairs, outputs: the readable forward pass against PyTorch and the model written again."""

import json
from pathlib import Path

import numpy as np
import pytest
from plain_model import BLOCK_MODELS, cut, logits_of, sizes_of, tokens_of

import headlab as hl
from headlab.analysis.choice import Place
from headlab.analysis.parts.gradients import gradients
from headlab.config.blocks import BLOCKS, blocks_of
from headlab.data.batch import Batch
from headlab.model.forward import activated, forward, norm
from headlab.model.order import reordered
from headlab.model.params import Params, coerce

TORCH = json.loads((Path(__file__).parent / "data" / "torch_blocks.json").read_text())
MODELS = pytest.mark.parametrize("model", BLOCK_MODELS.values(), ids=BLOCK_MODELS)


def batch_of(model):
    tokens, targets = tokens_of(model)
    return Batch.equally_weighted(tokens, targets, 9 if model.pairs else 5, model.d_vocab_out)


def random_params(model, n_runs=3):
    shape = model.on(batch_of(model))
    return Params.from_flat(np.random.default_rng(0).normal(size=(n_runs, shape.n_weights)) * 0.7, shape)


def test_norms_and_gelu_are_pytorchs():
    x, gain, bias = (np.array(TORCH[name]) for name in ("x", "gain", "bias"))
    for kind, of in (("layer", bias), ("rms", None)):
        found = norm(x, gain, of, hl.ModelConfig(norm=kind))
        np.testing.assert_allclose(found, TORCH[f"{kind}_norm"], atol=1e-14)
    np.testing.assert_allclose(activated(3 * x, "gelu"), TORCH["gelu"], atol=1e-14)


@pytest.mark.parametrize("name", ["norm_first", "norm_after"])
def test_a_layer_is_pytorchs_encoder_layer(name):
    first = name == "norm_first"
    model = hl.ModelConfig(
        d_head=3, n_heads=2, d_model=6, factored_values=True, unembed=True, d_mlp=7, biases=True, norm="layer",
        norm_after=not first, norm_final=first, activation="gelu" if first else "relu", d_vocab_out=3,
    )  # fmt: skip
    tokens = np.array(TORCH["tokens"])
    shape = model.on(Batch.equally_weighted(tokens, tokens % 3, 5, 3))
    params = coerce(TORCH[name]["weights"], shape)
    np.testing.assert_allclose(forward(params, tokens, model).logits[0], TORCH[name]["logits"], atol=1e-12)


@MODELS
def test_a_shape_has_the_weights_that_the_model_written_again_has(model):
    shape = model.on(batch_of(model))
    assert dict(shape.weights) == sizes_of(model, shape.d_vocab, 5)
    assert list(shape.weights) == list(sizes_of(model, shape.d_vocab, 5))
    assert list(shape.draws) == list(shape.weights)


@MODELS
def test_logits_are_those_of_the_model_written_again(model):
    batch, params = batch_of(model), random_params(model)
    found = forward(params, batch.tokens, model).logits
    assert found.shape == (3, 4, 5, batch.n_outputs)
    for run in range(3):
        W = cut(params.flat()[run], sizes_of(model, model.on(batch).d_vocab, 5))
        for sequence, length in enumerate(batch.lengths):
            expected = logits_of(W, batch.tokens[sequence, :length], model)
            np.testing.assert_allclose(found[run, sequence, :length], expected, atol=1e-12)


@MODELS
def test_every_intermediate_result_is_along_the_runs_and_adds_up(model):
    batch, params = batch_of(model), random_params(model)
    on, one = forward(params, batch.tokens, model), forward(params[1], batch.tokens, model)
    for name, array in vars(on).items():
        assert array.shape[0] == 3, name
        np.testing.assert_allclose(array[1], getattr(one, name), atol=1e-12, err_msg=name)
    if model.residual and not model.norm_after:
        np.testing.assert_allclose(on.resid_pre + on.attn_out + on.mlp_out, on.resid_post, atol=1e-12)
    if model.norm == "none" or model.norm_after:
        np.testing.assert_array_equal(on.normed, on.resid_pre)
    biases = 0 if params.b_O is None else params.b_O[:, :, None, None, :]
    np.testing.assert_allclose(on.z.sum(axis=2) + biases, on.attn_out, atol=1e-12)


@MODELS
def test_weights_in_training_order_are_the_same_model(model):
    batch, params = batch_of(model), random_params(model)
    if model.pairs:  # whose tokens are two
        return
    shape, order = model.on(batch), batch.order
    other = forward(reordered(params, order, shape), batch.renumbered(order).tokens, model).logits
    where = batch.tokens >= 0
    expected = forward(params, batch.tokens, model).logits
    if batch.names_tokens:
        expected = expected[..., order]
    np.testing.assert_allclose(other[:, where], expected[:, where], atol=1e-12)


def test_pairs_are_two_tokens_side_by_side():
    model = hl.ModelConfig(d_head=2, d_model=4, unembed=True, pairs=True, d_vocab_out=3)
    params = random_params(model, 1)
    on = forward(params, np.array([[1 * 3 + 2, 0 * 3 + 1]]), model)
    np.testing.assert_array_equal(on.token_embed[0, 0, 0], np.concatenate([params.W_E[0, 1], params.W_E[0, 2]]))
    np.testing.assert_array_equal(on.token_embed[0, 0, 1], np.concatenate([params.W_E[0, 0], params.W_E[0, 1]]))


NONSENSE = {
    "n_layers": {"n_layers": 0},
    "activation": {"activation": "gelu"},
    "norm_after": {"norm_after": True},
    "norm_final": {"norm_final": True},
    "tied": {"tied": True},
    "pairs": {"pairs": True},
    "d_vocab_out": {"d_vocab_out": 3},
    "relative_positions": {"relative_positions": True, "causal": False},
    "sinusoidal_positions": {"sinusoidal_positions": True, "positions": False},
    "stream_values": {"stream_values": True, "factored_values": True},
}


@pytest.mark.parametrize("field", NONSENSE)
def test_a_setting_that_goes_with_nothing_is_refused(field):
    with pytest.raises(hl.ConfigError) as refused:
        hl.ModelConfig(**NONSENSE[field])
    assert [problem.field for problem in refused.value.problems] == [field]


def test_settings_that_do_not_go_together_are_refused_all_at_once():
    with pytest.raises(hl.ConfigError) as refused:
        hl.ModelConfig(
            n_layers=0,
            d_mlp=3,
            norm="rms",
            tied=True,
            pairs=True,
            d_model=5,
            relative_positions=True,
            init="W_R=linear",
        )
    fields = [problem.field for problem in refused.value.problems]
    assert fields == ["n_layers", "d_mlp", "relative_positions", "norm", "tied", "pairs", "tied", "pairs", "init"]
    with pytest.raises(hl.ConfigError, match="norm goes with layers or a final norm"):
        hl.ModelConfig(n_layers=0, unembed=True, norm="layer")


def test_a_model_does_not_fit_data_with_other_outputs():
    tokens = np.array([[0, 1, 2]])
    plain, classes = Batch.equally_weighted(tokens, tokens, 3), Batch.equally_weighted(tokens, tokens % 2, 3, 2)
    with pytest.raises(hl.ConfigError, match=r"d_vocab_out must be what the data has to predict, 3, got 2"):
        hl.ModelConfig(unembed=True, d_vocab_out=2).on(plain)
    with pytest.raises(hl.ConfigError, match="unembed must be True where 2 outputs of 3 tokens"):
        hl.ModelConfig().on(classes)
    with pytest.raises(hl.ConfigError, match="tied must be False"):
        hl.ModelConfig(unembed=True, tied=True).on(classes)
    with pytest.raises(hl.ConfigError, match="pairs must be of d_vocab² ids"):
        hl.ModelConfig(unembed=True, pairs=True).on(classes)
    assert hl.ModelConfig(unembed=True).on(classes).weights["W_U"] == (3, 2)


def test_every_block_is_refused_by_what_cannot_treat_it_with_its_setting_and_value():
    found = {name for model in BLOCK_MODELS.values() for name in blocks_of(model.on(batch_of(model)))}
    assert found == {*BLOCKS} - {"initial rules"}
    assert blocks_of(hl.ModelConfig().on(hl.Corpus.notebook())) == []


@MODELS
def test_predictions_and_patterns_are_there_and_what_cannot_treat_a_block_says_so(model):
    tokens, targets = tokens_of(model)
    ids, out = (9 if model.pairs else 5), model.d_vocab_out
    names, outputs = tuple(map(str, range(ids))), None if out is None else tuple(f"out {at}" for at in range(out))
    corpus = hl.Corpus(Batch.equally_weighted(tokens, targets, ids, out), names, names, outputs=outputs)
    models = hl.Models(random_params(model), corpus, model)
    expected = forward(models.params, tokens, model)
    where = tokens >= 0
    np.testing.assert_allclose(models.logits()[:, where], expected.logits[:, where], atol=1e-12)
    tables = models[1].predictions()
    assert [list(table.columns) for table in tables] == [list(corpus.output_labels)] * 4
    if model.n_layers:
        assert models[1].attention()[0].shape == (5, 5)
    asked = {
        "gradients": lambda: gradients(models.subject, Place(0, 1), 0, [1]),
        "the notebook's layers": models[0].layers,
    }
    for what, ask in asked.items():
        with pytest.raises(hl.ConfigError, match=f"{what} are not to be had of a model with") as refused:
            ask()
        assert len(refused.value.problems) == len(blocks_of(model.on(corpus)))


@pytest.mark.parametrize("name", ["everything", "outputs", "pairs", "no layers"])
def test_a_study_keeps_and_gives_back_models_of_blocks_and_says_by_which_mechanism_they_go(name, tmp_path):
    model = BLOCK_MODELS[name]
    tokens, targets = tokens_of(model)
    ids, out = (9 if model.pairs else 5), model.d_vocab_out
    names, outputs = tuple(map(str, range(ids))), None if out is None else tuple(f"out {at}" for at in range(out))
    corpus = hl.Corpus(Batch.equally_weighted(tokens, targets, ids, out), names, names, outputs=outputs)
    training = hl.TrainConfig.of(steps=3, learning_rate=0.1)
    design = hl.StudyDesign.grid(
        corpus, seeds=range(3), model=model, training=training, keep=["weights"], d_head=[2, 3]
    )
    study = hl.Study.create(tmp_path / "study", design)
    study.run()
    table = study.table()
    runs = hl.train(corpus, model.replace(d_head=2), training, seeds=range(3))
    found = table[table["d_head"] == 2].sort_values("seed")
    np.testing.assert_array_equal(found["final_loss"], runs.final_loss)
    if any(item.resolvable for item in corpus.dependencies(model)):
        assert list(found["mechanism"]) == list(runs.explain().table()["mechanism"])
    else:
        assert (table["mechanism"] == "").all()
    kept = study.runs("d_head 2")
    for weight, array in runs.params.items():
        np.testing.assert_array_equal(getattr(kept.params, weight), array, err_msg=weight)
