"""Models with MLPs, norms, biases, distances, pairs, outputs: parts add up to every logit, and are what is taken away."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plain_model import BLOCK_MODELS, tokens_of
from tiers import sized

import headlab as hl
from headlab.analysis.choice import Place
from headlab.analysis.looking.circuits import NORMED, circuits
from headlab.analysis.part import Part
from headlab.analysis.parts.composition import score_parts
from headlab.analysis.parts.contributions import contributions, edge_contributions
from headlab.analysis.parts.exact import FrozenParts, behind_heads, compared, past_heads
from headlab.analysis.subject import Subject
from headlab.analysis.trials.ablation import Ablation
from headlab.analysis.trials.interventions import intervene
from headlab.data.batch import Batch
from headlab.model.params import Params

MODELS = pytest.mark.parametrize("model", BLOCK_MODELS.values(), ids=BLOCK_MODELS)
PLACES = [Place(0, 3), Place(1, 1), Place(2, 0)]


def subject_of(model, n_runs=3, seed=0):
    """Drawn weights of a model on four ragged sentences, as a subject."""
    tokens, targets = tokens_of(model)
    ids, out = (9 if model.pairs else 5), model.d_vocab_out
    names, outputs = tuple(map(str, range(ids))), None if out is None else tuple(f"out {at}" for at in range(out))
    corpus = hl.Corpus(Batch.equally_weighted(tokens, targets, ids, out), names, names, outputs=outputs)
    shape = model.on(corpus)
    weights = np.random.default_rng(seed).normal(size=(n_runs, shape.n_weights)) * 0.7
    return Subject(Params.from_flat(weights, shape), corpus, model)


def check_sums(subject):
    model = subject.model
    for place in PLACES:
        logits = subject.clean.logits[:, place.sequence, place.position]
        asked = FrozenParts(subject), (place.sequence, place.position)
        for token in range(subject.corpus.n_outputs):  # of every logit, not of differences alone
            one = np.eye(subject.corpus.n_outputs)[token]
            summed = sum(part.sum(axis=1) for part in asked[0].written(asked[1], one).values())
            paths = contributions(subject, place, 0, [1]).paths
            summed = summed + sum(part.sum(axis=(1, 2)) for part in asked[0].along(asked[1], one, paths))
            summed = summed + asked[0].read(asked[1], one, paths).sum(axis=(1, 2))
            np.testing.assert_allclose(summed, logits[:, token], atol=1e-9)
        parts = contributions(subject, place, 0, [1, 2])
        np.testing.assert_allclose(parts.total, logits[:, 0] - logits[:, [1, 2]].mean(axis=1), atol=1e-12)
        np.testing.assert_allclose(parts.remainder, 0, atol=1e-9)
        assert len(parts.paths) == (
            (1 + model.n_heads) ** model.n_layers if model.residual else model.n_heads**model.n_layers
        )


@MODELS
def test_parts_of_every_logit_add_up_to_it(model):
    check_sums(subject_of(model))


COMBINED = st.builds(
    dict,
    n_layers=st.integers(0, 3),
    n_heads=st.integers(1, 2),
    d_mlp=st.sampled_from([0, 3]),
    activation=st.sampled_from(["relu", "gelu"]),
    norm=st.sampled_from(["none", "layer", "rms"]),
    norm_after=st.booleans(),
    norm_final=st.booleans(),
    biases=st.booleans(),
    tied=st.booleans(),
    relative_positions=st.booleans(),
    stream_values=st.booleans(),
    factored_values=st.booleans(),
    residual=st.booleans(),
    positions=st.booleans(),
)


@pytest.mark.parametrize("examples", sized(10, 300))
def test_parts_add_up_in_every_combination_of_blocks(examples):
    checked = 0

    @settings(max_examples=examples, deadline=None, database=None)
    @given(COMBINED)
    def check(fields):
        nonlocal checked
        try:
            model = hl.ModelConfig(d_head=2, d_model=4, unembed=True, **fields)
        except hl.ConfigError:
            return  # what does nothing together is refused
        checked += 1
        check_sums(subject_of(model, n_runs=2))

    check()
    assert checked > examples / 10


@MODELS
def test_what_an_edge_gives_is_what_taking_it_away_takes_where_nothing_lies_between(model):
    subject = subject_of(model)
    if not model.n_layers or model.d_mlp or model.norm_after or model.norm_final:
        return
    last, place = model.n_layers - 1, PLACES[0]
    gives = edge_contributions(subject, place, 0, [1])[:, last, :, 0, 3]
    for head, key in np.ndindex(model.n_heads, 4):
        edge = Part("edge", last, head, key, 3)
        left = intervene(subject, [Ablation(0, edge, "zero")], [3])[:, 0]
        without = subject.clean.logits[:, 0, 3] - left
        np.testing.assert_allclose(without[:, 0] - without[:, 1], gives[:, head, key], atol=1e-9)


@MODELS
def test_edges_of_the_last_layer_are_what_it_writes_as_the_logits_see_it(model):
    subject = subject_of(model)
    if not model.n_layers:
        return
    edges, w = edge_contributions(subject, PLACES[0], 0, [1]), behind_heads(subject, (0, 3), 0, [1])
    wrote = (subject.clean.z[:, -1, :, 0, 3] * w[:, None]).sum(axis=(1, 2))
    np.testing.assert_allclose(edges[:, -1, :, 0, 3].sum(axis=(1, 2)), wrote, atol=1e-10)


@MODELS
def test_scores_are_the_sum_of_their_parts(model):
    subject = subject_of(model)
    for layer in range(model.n_layers):
        for head, query, key in ((0, 3, 1), (model.n_heads - 1, 2, 2)):
            names, parts = score_parts(subject, layer, head, 0, query, key)
            expected = subject.clean.scores[:, layer, head, 0, query, key]
            np.testing.assert_allclose(parts.sum(axis=(1, 2)), expected, atol=1e-10)
            assert parts.shape[1] == parts.shape[2] == len(names) == len(set(names))


def test_what_an_mlp_gives_is_what_taking_it_away_takes_where_nothing_lies_behind_it():
    subject = subject_of(BLOCK_MODELS["MLP"])
    gives = contributions(subject, PLACES[0], 0, [1]).written["MLP 0"]
    assert (np.delete(gives, 3, axis=1) == 0).all()  # it is read where the logits are
    left = intervene(subject, [Ablation(0, Part("mlp", 0), "zero")], [3])[:, 0]
    taken = subject.clean.logits[:, 0, 3] - left
    np.testing.assert_allclose(taken[:, 0] - taken[:, 1], gives[:, 3], atol=1e-9)
    assert np.abs(gives[:, 3]).min() > 1e-3


@MODELS
def test_what_passes_the_heads_by_is_what_taking_it_away_takes_where_nothing_lies_between(model):
    subject = subject_of(model)
    if model.norm_after or model.norm_final or not model.residual:
        return
    w = past_heads(subject, (0, 3), 0, [1])
    left = intervene(subject, [Ablation(0, Part("direct:token"), "zero")], [3])[:, 0]
    taken = subject.clean.logits[:, 0, 3] - left
    gives = (subject.clean.token_embed[:, 0, 3] * w).sum(axis=1)
    np.testing.assert_allclose(taken[:, 0] - taken[:, 1], gives, atol=1e-9)


@MODELS
def test_circuits_give_the_scores_and_writes_of_the_first_layer_as_far_as_they_say(model):
    subject = subject_of(model)
    if not model.n_layers:
        with pytest.raises(hl.SelectionError, match="layer must be"):
            circuits(subject)
        return
    found, corpus, run = circuits(subject, 0, model.n_heads - 1, run=1), subject.corpus, 1
    assert bool(found.note) == (model.norm != "none")
    names = [corpus.vocabulary[token] for token in corpus.tokens[0]]
    on, head = subject.clean, model.n_heads - 1
    sizes = FrozenParts(subject).frozen(0).sizes.first
    for query, key in ((3, 1), (2, 2)):
        score, exact = found.score((names[query], query), (names[key], key)), on.scores[run, 0, head, 0, query, key]
        if model.norm == "none" or model.norm_after:
            assert score == pytest.approx(exact, abs=1e-12)
        elif model.norm == "rms" and not model.biases:  # all of it is divided
            assert score / (sizes[run, 0, query] * sizes[run, 0, key]) == pytest.approx(exact, abs=1e-12)
    if model.norm == "none":
        writes = sum(
            table.loc[{"token": names[1], "position": 1, "bias": "bias"}[kind]] for kind, table in found.writes.items()
        )
        W_U = np.swapaxes(subject.params.W_E, -1, -2) if model.tied else subject.params.W_U
        read = (
            on.v[run, 0, head, 0, 1]
            if subject.params.W_O is None
            else on.v[run, 0, head, 0, 1] @ subject.params.W_O[run, 0, head]
        )
        np.testing.assert_allclose(writes, read if W_U is None else read @ W_U[run], atol=1e-12)
        assert list(next(iter(found.writes.values())).columns) == list(corpus.output_names)
    else:
        assert found.note == NORMED


def test_of_norms_the_gain_is_in_circuits_and_what_divides_is_not():
    subject = subject_of(BLOCK_MODELS["LayerNorm"])
    found, params = circuits(subject), subject.params[0]
    token = params.W_E - params.W_E.mean(axis=-1, keepdims=True)
    first = token * params.ln1_w[0]
    expected = first @ params.W_Q[0, 0] @ (first @ params.W_K[0, 0]).T * subject.model.scale
    np.testing.assert_allclose(found.scores["token–token"], expected, atol=1e-12)
    bias = params.ln1_b[0] @ params.W_V[0, 0]
    np.testing.assert_allclose(found.writes["bias"].loc["bias"], bias, atol=1e-12)


def test_readouts_of_many_tokens_are_those_of_each():
    subject = subject_of(BLOCK_MODELS["everything, after"])
    parts, place = FrozenParts(subject), (0, 3)
    every = parts.all_behind(place, np.eye(5), 0)
    one = parts.behind_heads(place, compared(5, 2, [1, 4]), 0)
    np.testing.assert_allclose(every[:, 2] - every[:, [1, 4]].mean(axis=1), one, atol=1e-12)
