"""Attribution: parts that add up, against the forward pass, finite differences and another way to count paths."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from subjects import MODELS, NOTEBOOK, RAGGED, subject_of
from tiers import sized

import headlab as hl
from headlab.analysis.choice import Choice, Place, choices
from headlab.analysis.looking.circuits import circuits
from headlab.analysis.parts.coding import coding
from headlab.analysis.parts.composition import compositions, score_parts
from headlab.analysis.parts.contributions import contributions, edge_contributions
from headlab.analysis.parts.exact import compared, exact, readout
from headlab.analysis.subject import Subject
from headlab.model.matrices import W_OV


@pytest.fixture(params=MODELS, ids=str)
def model(request):
    return MODELS[request.param]


@pytest.mark.parametrize("corpus", [NOTEBOOK, RAGGED], ids=["notebook", "ragged"])
def test_all_paths_add_up_to_the_logit_difference(model, corpus):
    subject = subject_of(model, corpus)
    for place in (Place(0, 3), Place(1, 2), Place(1, 0)):
        parts = contributions(subject, place, 3, [5])
        assert len(parts.paths) == (
            (1 + model.n_heads) ** model.n_layers if model.residual else model.n_heads**model.n_layers
        )
        np.testing.assert_allclose(parts.remainder, 0, atol=1e-10)
        total = parts.direct + parts.positional + parts.by_source.sum(axis=1)
        np.testing.assert_allclose(total, parts.total, atol=1e-10)


def test_parts_of_trained_float32_runs_are_those_of_the_forward_pass():
    runs = hl.train(NOTEBOOK, seeds=range(50), record="none")
    for choice in choices(runs.subject):
        parts = contributions(runs.subject, choice.place, choice.target, choice.rivals)
        logits = runs.logits()[:, choice.place.sequence, choice.place.position]
        summed = parts.direct + parts.positional + parts.by_source.sum(axis=1)
        np.testing.assert_allclose(summed, logits[:, choice.target] - logits[:, choice.rivals[0]], atol=1e-5)


def test_paths_left_out_are_stated_as_remainder():
    subject = subject_of(MODELS["three layers, W_U"])
    whole, some = (contributions(subject, Place(0, 3), 3, [6], n) for n in (None, 1))
    assert {len(path) for path in some.paths} == {0, 1}
    longer = [number for number, path in enumerate(whole.paths) if len(path) > 1]
    left = (whole.token + whole.position)[:, longer].sum(axis=(1, 2))
    np.testing.assert_allclose(some.remainder, left, atol=1e-10)
    assert np.abs(left).max() > 0.1
    assert some.table(0, NOTEBOOK.position_labels(0)).loc["remainder", "sum"] == pytest.approx(left[0])


def test_one_layer_is_pattern_times_value_exactly():
    subject = subject_of(MODELS["two heads, factored"])
    on, place = subject.clean, Place(1, 3)
    parts = contributions(subject, place, 3, [6])
    read = on.v[:, 0, :, 1] @ subject.params.W_O[:, 0]
    by_hand = on.pattern[:, 0, :, 1, 3] * (read[..., 3] - read[..., 6])
    np.testing.assert_allclose((parts.token + parts.position)[:, 1:], by_hand, atol=1e-12)
    np.testing.assert_allclose(parts.direct, on.token_embed[:, 1, 3, 3] - on.token_embed[:, 1, 3, 6])


def test_adjoints_are_derivatives_with_the_pattern_held_fixed(model):
    # Central differences of a forward pass written here: embeddings in, patterns given, one readout out.
    subject = subject_of(model, runs=1)
    pattern, w = subject.clean.pattern[:, :, :, 0], readout(subject.params, 3, [6])
    OV = W_OV(subject.params)

    def read(resid):
        for layer in range(model.n_layers):
            out = sum(pattern[0, layer, h] @ resid @ OV[0, layer, h] for h in range(model.n_heads))
            resid = resid + out if model.residual else out
        return resid[3] @ w[0]

    at, G = subject.clean.resid_0[0, 0], exact(subject).adjoints((0, 3), compared(7, 3, [6]))[0, 0]
    rng = np.random.default_rng(0)
    for _ in range(5):
        step = rng.normal(size=at.shape)
        assert (read(at + 1e-3 * step) - read(at - 1e-3 * step)) / 2e-3 == pytest.approx((G * step).sum(), abs=1e-8)


def test_edges_of_the_last_layer_add_up_to_what_it_writes(model):
    subject = subject_of(model)
    edges = edge_contributions(subject, Place(0, 3), 3, [6])
    wrote = np.einsum("rd,rd->r", subject.clean.attn_out[:, -1, 0, 3], readout(subject.params, 3, [6]))
    np.testing.assert_allclose(edges[:, -1, :, 0, 3].sum(axis=(1, 2)), wrote, atol=1e-10)
    assert (edges[:, -1, :, 0, :3] == 0).all()


def test_scores_are_the_sum_of_their_parts(model):
    subject = subject_of(model)
    for layer in range(model.n_layers):
        names, parts = score_parts(subject, layer, 0, 0, 3, 1)
        np.testing.assert_allclose(parts.sum(axis=(1, 2)), subject.clean.scores[:, layer, 0, 0, 3, 1], atol=1e-10)
        assert parts.shape[1] == parts.shape[2] == len(names)


def test_circuits_in_words_give_every_score_and_every_write():
    subject = subject_of(MODELS["two heads, factored"])
    found = circuits(subject, 0, 1, run=2)
    names = NOTEBOOK.labels
    for query, key in ((3, 1), (4, 0), (2, 2)):
        words = [(names[NOTEBOOK.tokens[1, at]], at) for at in (query, key)]
        assert found.score(*words) == pytest.approx(subject.clean.scores[2, 0, 1, 1, query, key], abs=1e-12)
    writes = found.writes["token"].loc["woman"] + found.writes["position"].loc[1]
    read = subject.clean.v[2, 0, 1, 1, 1] @ subject.params.W_O[2, 0, 1]
    np.testing.assert_allclose(writes, read, atol=1e-12)
    assert found.effective_rank["QK"] <= 3 + 1e-9


def test_compositions_list_what_a_later_head_takes_from_an_earlier_one():
    subject = subject_of(MODELS["two layers"])
    table = compositions(subject, Place(0, 3), 3, [6])
    assert set(table["head"]) == {"head 1.0", "head 1.1"}
    assert set(table["earlier"]) == {"head 0.0", "head 0.1"}
    parts = contributions(subject, Place(0, 3), 3, [6])
    through = sum(
        (parts.token + parts.position)[0, number].sum() for number, path in enumerate(parts.paths) if len(path) == 2
    )
    assert table["V"].sum() == pytest.approx(through)
    assert compositions(subject_of(MODELS["notebook"]), Place(0, 3), 3, [6]).empty


def test_coding_split_is_the_formula_of_one_layer():
    runs = hl.train(NOTEBOOK, seeds=range(64), record="none")
    subject = runs.subject
    A = subject.clean.pattern[:, 0, 0, :, 3]
    v = subject.clean.v[:, 0, 0]
    V = v[..., 3] - v[..., 6]
    found = coding(subject, Choice(Place(0, 3), 3, (6,), (Place(1, 3),)))
    np.testing.assert_allclose(found.pattern, ((A[:, 0] - A[:, 1]) * (V[:, 0] + V[:, 1]) / 2).sum(-1), atol=1e-10)
    np.testing.assert_allclose(found.value, ((A[:, 0] + A[:, 1]) / 2 * (V[:, 0] - V[:, 1])).sum(-1), atol=1e-10)
    np.testing.assert_allclose(found.direct, 0, atol=1e-10)


@pytest.mark.parametrize("corpus", [NOTEBOOK, RAGGED], ids=["notebook", "ragged"])
def test_coding_parts_add_up_whatever_the_model(model, corpus):
    subject = subject_of(model, corpus)
    for choice in choices(subject):
        found = coding(subject, choice)
        if found is not None:
            here, there = (subject.clean.logits[:, p.sequence, p.position] for p in (choice.place, choice.other))
            change = (here - there)[:, choice.target] - (here - there)[:, choice.rivals[0]]
            np.testing.assert_allclose(found.total, change, atol=1e-9)


def test_coding_split_is_the_mean_of_patching_in_both_directions():
    # Two independent ways: the algebra of the split, and forward passes with activations exchanged.
    runs = hl.train(NOTEBOOK, seeds=range(64), record="none")
    for choice in choices(runs.subject):
        found = coding(runs.subject, choice)
        for what, part in (("pattern", found.pattern), ("v", found.value)):
            change = runs.patch(what, sequence=choice.place.sequence).change[:, 0]
            np.testing.assert_allclose((change[:, 1] - change[:, 0]) / 2, part, atol=1e-9)


@pytest.mark.parametrize("n_runs", sized(256, 1024))
def test_pattern_shares_are_the_published_ones_of_an_independent_implementation(n_runs):
    expected = {1: 0.66, 10: 0.69, 20: 0.58, 40: 0.37}
    for d_head, median in expected.items():
        runs = hl.train(NOTEBOOK, hl.ModelConfig(d_head=d_head), seeds=range(n_runs), record="none")
        share = runs.explain().table()["pattern_share"][runs.solved()]
        assert np.median(share) == pytest.approx(median, abs=0.12)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), name=st.sampled_from(sorted(MODELS)))
def test_renaming_the_vocabulary_changes_no_explanation(seed, name):
    model = MODELS[name]
    order = np.random.default_rng(seed).permutation(7)
    subject = subject_of(model, runs=1)
    renamed = hl.Corpus.from_text(
        "man ordered the chicken\nwoman ordered the beef", vocabulary=[NOTEBOOK.vocabulary[old] for old in order]
    )
    p = subject.params
    moved = {"W_E": p.W_E[:, order]}
    if model.unembed:
        moved["W_U"] = p.W_U[..., order]
    else:  # the residual stream is the logits: its axes are tokens too
        moved["W_E"] = moved["W_E"][..., order]
        moved["W_pos"] = None if p.W_pos is None else p.W_pos[..., order]
        moved["W_Q"], moved["W_K"] = p.W_Q[..., order, :], p.W_K[..., order, :]
        moved["W_V"] = p.W_V[..., order, :] if p.W_O is not None else p.W_V[..., order, :][..., order]
        moved["W_O"] = None if p.W_O is None else p.W_O[..., order]
    other = Subject(p.replace(**moved), renamed, model)
    for here, there in zip(choices(subject), choices(other), strict=True):
        assert order[there.target] == here.target
        mine, yours = (contributions(s, c.place, c.target, c.rivals) for s, c in ((subject, here), (other, there)))
        np.testing.assert_allclose(mine.by_source, yours.by_source, atol=1e-9)
        np.testing.assert_allclose(coding(subject, here).pattern, coding(other, there).pattern, atol=1e-9)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), name=st.sampled_from(sorted(MODELS)))
def test_rotating_queries_and_keys_changes_no_explanation(seed, name):
    subject = subject_of(MODELS[name], runs=1)
    d_head = MODELS[name].d_head
    R = np.linalg.qr(np.random.default_rng(seed).normal(size=(d_head, d_head)))[0]
    p = subject.params
    other = Subject(p.replace(W_Q=p.W_Q @ R, W_K=p.W_K @ R), NOTEBOOK, MODELS[name])
    for choice in choices(subject):
        mine, yours = (contributions(s, choice.place, choice.target, choice.rivals) for s in (subject, other))
        np.testing.assert_allclose(mine.by_source, yours.by_source, atol=1e-9)
        edges = [edge_contributions(s, choice.place, choice.target, choice.rivals) for s in (subject, other)]
        np.testing.assert_allclose(*edges, atol=1e-9)


@settings(max_examples=25, deadline=None)
@given(constant=st.floats(-50, 50), seed=st.integers(0, 1000))
def test_a_constant_added_to_all_logits_changes_no_explanation(constant, seed):
    # Here the residual stream is the logits: equal columns added to W_V add one number to all logits of a row.
    runs = hl.train(NOTEBOOK, seeds=seed, record="none")
    p = runs.subject.params
    rows = constant * np.random.default_rng(seed).normal(size=(1, 1, 1, 7, 1))
    shifted = Subject(p.replace(W_V=p.W_V + rows), NOTEBOOK, runs.model)
    assert np.abs(shifted.clean.logits - runs.subject.clean.logits).max() > 1e-3 or abs(constant) < 1e-3
    for choice in choices(shifted):
        mine, yours = (contributions(s, choice.place, choice.target, choice.rivals) for s in (runs.subject, shifted))
        np.testing.assert_allclose(mine.by_source, yours.by_source, atol=1e-9)
        np.testing.assert_allclose(mine.total, yours.total, atol=1e-9)
        splits = [coding(s, choice) for s in (runs.subject, shifted)]
        np.testing.assert_allclose(splits[0].pattern, splits[1].pattern, atol=1e-9)
        np.testing.assert_allclose(splits[0].value, splits[1].value, atol=1e-9)
