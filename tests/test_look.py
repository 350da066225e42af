"""Look gives what the readable definition gives: every change, of every model, of one sentence or several, with padding."""

import numpy as np
import pytest

from headlab.config.model import ModelConfig
from headlab.data.batch import Batch
from headlab.engine import instruction_sets
from headlab.engine.look import Look
from headlab.model.interventions import ACTIVATIONS, Case, Change, intervened
from headlab.model.params import Params

ON_BOTH_BACKENDS = True

N_RUNS, D_VOCAB = 3, 6
MODELS = {
    "notebook": ModelConfig(d_head=5),
    "two layers of two heads": ModelConfig(d_head=2, n_layers=2, n_heads=2),
    "three layers, factored, W_U": ModelConfig(
        d_head=3, n_layers=3, n_heads=2, factored_values=True, d_model=5, unembed=True
    ),
    "no residual, no positions": ModelConfig(d_head=4, n_layers=2, residual=False, positions=False),
    "not causal": ModelConfig(d_head=2, n_layers=2, n_heads=3, causal=False, factored_values=True),
}
TOKENS = np.array([[0, 2, 1, 3, 2], [0, 3, 3, -1, -1], [4, 1, 0, 2, -1]])


def batch_of(tokens):
    return Batch(tokens, np.where(tokens >= 0, 0, -1), None, D_VOCAB)


def weights_of(model, rng, size=1.0, tokens=TOKENS, runs=N_RUNS):
    shapes = model.on(batch_of(tokens)).weights
    return Params(**{name: size * rng.standard_normal((runs, *shape)) for name, shape in shapes.items()})


def look(params, tokens, model, cases, **how):
    return Look(batch_of(tokens), model.on(batch_of(tokens)), params.flat(), **how).logits(cases)


def some_change(model, rng, sequence):
    def one_of(some, every=0.4):
        return None if rng.random() < every else int(rng.integers(some))

    what = rng.choice([name for name in ACTIVATIONS if possible(name, model)])
    hows = ["zero", "mean", "from"]
    if what in ("scores", "pattern"):
        hows = ["zero", "from", "mask" if what == "scores" else "given"]
    how, n_ctx = rng.choice(hows), TOKENS.shape[1]
    donor = int(rng.integers(len(TOKENS)))
    there = tuple(int(at) for at in rng.integers(-2, (TOKENS[donor] >= 0).sum(), n_ctx))
    blocks = (N_RUNS, model.n_layers, model.n_heads) if rng.random() < 0.5 else ()
    return Change(
        str(what),
        str(how),
        one_of(model.n_layers),
        one_of(model.n_heads),
        one_of(n_ctx),
        int(rng.integers(n_ctx)) if what == "edge" else one_of(n_ctx, 0.3),
        donor,
        None if rng.random() < 0.3 else there,
        rng.random((*blocks, n_ctx, n_ctx)) if how == "given" else None,
    )


def possible(what, model):
    if what == "mlp":
        return model.d_mlp > 0
    if what.startswith("direct") and (model.norm_after or not model.residual):
        return False
    return model.positions or what not in ("position", "direct_position")


def some_case(model, rng, anywhere):
    sequence = int(rng.integers(len(TOKENS)))
    changes = tuple(some_change(model, rng, sequence) for _ in range(rng.choice([0, 1, 1, 1, 2, 5])))
    return Case(sequence, changes, None if anywhere else int(rng.integers((TOKENS[sequence] >= 0).sum())))


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("anywhere", [False, True])
def test_look_is_the_readable_forward_pass_with_the_same_changes(name, anywhere):
    model, rng = MODELS[name], np.random.default_rng(1)
    params = weights_of(model, rng)
    cases = [some_case(model, rng, anywhere) for _ in range(80)]
    found = look(params, TOKENS, model, cases)
    for number, case in enumerate(cases):
        real = TOKENS[case.sequence] >= 0
        expected = intervened(params, TOKENS, model, case).logits[:, 0]
        here = found[:, number][:, real] if anywhere else found[:, number]
        expected = expected[:, real] if anywhere else expected[:, case.at]
        np.testing.assert_allclose(here, expected, rtol=1e-12, atol=1e-12 * np.abs(expected).max(), err_msg=str(case))


@pytest.mark.parametrize("name", MODELS)
def test_patterns_are_those_that_the_changed_model_goes_on_with(name):
    model, rng = MODELS[name], np.random.default_rng(2)
    params = weights_of(model, rng)
    cases = [some_case(model, rng, anywhere=False) for _ in range(25)]
    found = Look(batch_of(TOKENS), model.on(batch_of(TOKENS)), params.flat()).patterns(cases)
    for number, case in enumerate(cases):
        expected = intervened(params, TOKENS, model, case).pattern[:, :, :, 0]
        np.testing.assert_allclose(found[:, number], expected, rtol=1e-11, atol=1e-12, err_msg=str(case))


@pytest.mark.parametrize("name", MODELS)
def test_every_instruction_set_and_dtype_looks_alike(name):
    model, rng = MODELS[name], np.random.default_rng(3)
    params = weights_of(model, rng, 0.3)
    cases = [some_case(model, rng, anywhere=False) for _ in range(40)]
    wide = [look(params, TOKENS, model, cases, instruction_set=isa) for isa in instruction_sets()]
    for other in wide[1:]:
        np.testing.assert_array_equal(wide[0], other)
    narrow = Params(**{weight: array.astype(np.float32) for weight, array in params.items()})
    found = [look(narrow, TOKENS, model, cases, instruction_set=isa, threads=2) for isa in instruction_sets()]
    for other in found[1:]:
        np.testing.assert_array_equal(found[0], other)
    np.testing.assert_allclose(found[0], wide[0], rtol=1e-5, atol=2e-5)


@pytest.mark.parametrize("name", MODELS)
def test_what_the_last_layer_reads_is_what_its_heads_write_from_a_key(name):
    model, rng = MODELS[name], np.random.default_rng(8)
    params, reads = weights_of(model, rng), [(head, key) for head in range(model.n_heads) for key in (0, 2)]
    case = Case(0, tuple(Change("edge", "zero", 0, at=at, key=at - 1) for at in (1, 2, 3)), at=3)
    made = np.array([[False, False, False], [True, False, True], [True, True, True]])
    logits, found = Look(batch_of(TOKENS), model.on(batch_of(TOKENS)), params.flat()).some_changes(case, made, reads)
    for number, some in enumerate(made):
        changes = tuple(change for change, kept in zip(case.changes, some, strict=True) if kept)
        on = intervened(params, TOKENS, model, Case(0, changes, 3))
        np.testing.assert_allclose(logits[:, number], on.logits[:, 0, 3], rtol=1e-12, atol=1e-11)
        for read, (head, key) in enumerate(reads):
            expected = on.pattern[:, -1, head, 0, 3, key, None] * on.v[:, -1, head, 0, key]
            for weight in (None if params.W_O is None else params.W_O[:, -1, head], params.W_U):
                expected = expected if weight is None else (expected[:, None] @ weight)[:, 0]
            np.testing.assert_allclose(found[:, number, read], expected, rtol=1e-12, atol=1e-11)


def test_long_sentences_are_cut_into_as_many_pieces_as_it_takes():
    rng, model = np.random.default_rng(4), ModelConfig(d_head=3, n_layers=2, n_heads=2)
    tokens = rng.integers(0, D_VOCAB, (2, 41))

    params = weights_of(model, rng, 0.4, tokens, 20)
    changes = [
        (Change("token", "zero", at=3),),
        (Change("edge", "mean", key=7), Change("edge", "from", layer=1, key=20, donor=1)),
        (Change("scores", "mask", key=0),),
        (Change("k", "from", head=1, donor=1),),
        (Change("resid", "mean", layer=1),),
    ]
    for at in (None, 40, 17):
        cases = [Case(0, some, at) for some in changes]
        found = look(params, tokens, model, cases)
        for number, case in enumerate(cases):
            expected = intervened(params, tokens, model, case).logits[:, 0]
            expected = expected if at is None else expected[:, at]
            np.testing.assert_allclose(found[:, number], expected, rtol=1e-12, atol=1e-12 * np.abs(expected).max())


@pytest.mark.parametrize("name", MODELS)
def test_of_many_sentences_that_share_inputs_each_is_itself(name):
    model, rng = MODELS[name], np.random.default_rng(9)
    tokens = np.where(np.arange(5) < rng.integers(3, 6, (60, 1)), rng.integers(0, 3, (60, 5)), -1)
    params = weights_of(model, rng, tokens=tokens)
    changes = [
        Change("z", "mean", 0),
        Change("edge", "mean", key=1),
        Change("token", "mean", at=1),
        Change("resid", "mean"),
    ]
    changes += [Change("z", "from", donor=59, there=(2, 1, 0, 2, 2)), Change("scores", "from", 0, donor=58)]
    cases = [Case(row, (change,), 2) for row, change in enumerate(changes)]
    found = look(params, tokens, model, cases)
    for number, case in enumerate(cases):
        expected = intervened(params, tokens, model, case).logits[:, 0, 2]
        np.testing.assert_allclose(found[:, number], expected, rtol=1e-12, atol=1e-12 * np.abs(expected).max())


def test_runs_that_are_no_numbers_are_none_in_every_case_and_others_are_as_before():
    rng, model = np.random.default_rng(5), MODELS["two layers of two heads"]
    params = weights_of(model, rng)
    cases = [some_case(model, rng, anywhere=False) for _ in range(40)]
    before = look(params, TOKENS, model, cases)
    params.W_E[1] = np.nan
    found = look(params, TOKENS, model, cases)
    np.testing.assert_array_equal(found[[0, 2]], before[[0, 2]])
    assert np.isnan(found[1, [not case.changes for case in cases]]).all()


@pytest.mark.parametrize(
    ("case", "sentence"),
    [
        (Case(9, at=0), "the sequence of a case must be in the batch"),
        (Case(1, at=4), "the position of a case must be one of its sequence's tokens"),
        (Case(0, (Change("z", "mask"),), 0), "only scores can be masked"),
        (Case(0, (Change("scores", "mean"),), 0), "scores and patterns have no mean"),
        (Case(0, (Change("q", "given", given=np.zeros((5, 5))),), 0), "only a pattern can be given by hand"),
        (Case(0, (Change("z", "from", donor=3),), 0), "the donor must be a sequence"),
        (
            Case(0, (Change("z", "from", donor=1, there=(0, 1, 2, 3, -1)),), 0),
            "the donor's positions must be those of its",
        ),
        (Case(0, (Change("edge", "zero"),), 0), "the key of an edit must be below n_ctx"),
        (Case(0, (Change("z", "zero", layer=1),), 0), "layer and head must be in the model"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(case, sentence):
    model = MODELS["notebook"]
    with pytest.raises(ValueError, match=sentence):
        look(weights_of(model, np.random.default_rng(6)), TOKENS, model, [case])
