"""Interventions: what they must do by linearity, by definition, and against a model changed by hand."""

from dataclasses import replace

import numpy as np
import pytest
from subjects import MODELS, NOTEBOOK, RAGGED, subject_of

import headlab as hl
from headlab.analysis.choice import Choice, Place, choices
from headlab.analysis.part import Part
from headlab.analysis.parts.contributions import contributions
from headlab.analysis.subject import Subject
from headlab.analysis.trials.ablation import ablate
from headlab.analysis.trials.effects import Effects, Prediction
from headlab.analysis.trials.interventions import intervene
from headlab.analysis.trials.other_patterns import battery, pattern_variance
from headlab.analysis.trials.patching import PATCHES, patch
from headlab.analysis.trials.pattern_by_hand import SetPattern, set_pattern
from headlab.analysis.trials.ways import KINDS, ways
from headlab.data.alignment import alignments
from headlab.model.forward import forward
from headlab.report.words.explanation import effect_table

MAN, WOMAN = Choice(Place(0, 3), 3, (6,), (Place(1, 3),)), Choice(Place(1, 3), 6, (3,), (Place(0, 3),))


@pytest.fixture(scope="module")
def runs():
    return hl.train(NOTEBOOK, seeds=range(20), record="none")


@pytest.fixture(params=MODELS, ids=str)
def model(request):
    return MODELS[request.param]


def logits_of(subject, **weights):
    changed = Subject(subject.params.replace(**weights), subject.corpus, subject.model)
    return changed.clean.logits


def test_nothing_done_changes_nothing(model):
    subject = subject_of(model)
    own = SetPattern(0, subject.clean.pattern[:, :, :, 0])
    np.testing.assert_allclose(intervene(subject, [own])[:, 0], subject.clean.logits[:, 0], atol=1e-10)


def test_zeroing_an_edge_takes_away_exactly_what_it_gave(runs):
    subject = runs.subject
    for choice in choices(subject):
        parts = runs.contributions(choice.place.sequence)
        effects = ablate(subject, choice, [Part("source", position=key) for key in range(4)])
        np.testing.assert_allclose(effects.change[:, :, 0], -parts.by_source[:, :4], atol=1e-10)


def test_ablating_an_edge_replaces_it_by_its_mean_or_the_other_sentences(runs):
    on = runs.subject.clean
    read = on.pattern[:, 0, 0, :, 3, :, None] * on.v[:, 0, 0]
    gave = read[..., 3] - read[..., 6]  # [run, sequence, key]
    change = ablate(runs.subject, MAN, [Part("edge", query=3, position=1)]).change[:, 0]
    np.testing.assert_allclose(change[:, KINDS.index("mean")], gave[:, :, 1].mean(axis=1) - gave[:, 0, 1], atol=1e-10)
    np.testing.assert_allclose(change[:, KINDS.index("resample")], gave[:, 1, 1] - gave[:, 0, 1], atol=1e-10)


def test_zeroing_a_head_is_zeroing_its_values():
    subject = subject_of(MODELS["two layers"])
    W_V = subject.params.W_V.copy()
    W_V[:, 1, 0] = 0
    expected = logits_of(subject, W_V=W_V)[:, 0, 3]
    effects = ablate(subject, MAN, [Part("head", 1, 0)])
    np.testing.assert_allclose(effects.after.logits[:, 0, 0], expected, atol=1e-10)


def test_zeroing_positions_or_a_token_is_zeroing_their_embedding(model):
    subject = subject_of(model)
    if model.positions:
        expected = logits_of(subject, W_pos=np.zeros_like(subject.params.W_pos))[:, 0, 3]
        np.testing.assert_allclose(
            ablate(subject, MAN, [Part("positions")]).after.logits[:, 0, 0], expected, atol=1e-10
        )
    W_E = subject.params.W_E.copy()
    W_E[:, 2] = 0
    expected = logits_of(subject, W_E=W_E)[:, 0, 3]
    np.testing.assert_allclose(
        ablate(subject, MAN, [Part("token", token=2)]).after.logits[:, 0, 0], expected, atol=1e-10
    )


def test_zeroing_the_direct_path_leaves_what_heads_write():
    for name in ("notebook", "two layers", "three layers, W_U"):
        subject = subject_of(MODELS[name])
        wrote = subject.clean.attn_out[:, :, 0, 3].sum(axis=1)
        if subject.params.W_U is not None:
            wrote = np.einsum("rd,rdv->rv", wrote, subject.params.W_U)
        np.testing.assert_allclose(ablate(subject, MAN, [Part("direct")]).after.logits[:, 0, 0], wrote, atol=1e-10)


def test_zeroing_a_direct_part_takes_away_exactly_what_it_gave():
    for name in ("notebook", "two layers", "three layers, W_U"):
        subject = subject_of(MODELS[name])
        parts = contributions(subject, MAN.place, MAN.target, MAN.rivals)
        change = ablate(subject, MAN, [Part("direct:token"), Part("direct:position")]).change[:, :, 0]
        np.testing.assert_allclose(change, -np.stack([parts.direct, parts.positional], axis=1), atol=1e-10)


def test_resampling_everything_that_differs_gives_the_other_sentences_answer(model):
    subject = subject_of(model)
    effects = ablate(subject, MAN, [Part("token", token=2)])  # man is all that differs before the place
    there = subject.clean.logits[:, 1, 3]
    if model.causal:
        np.testing.assert_allclose(effects.after.logits[:, 0, KINDS.index("resample")], there, atol=1e-9)


def test_patching_the_whole_residual_stream_gives_the_donors_logits(model):
    subject = subject_of(model)
    effects = patch(subject, MAN, "resid", layer=0)
    for way, place in enumerate((Place(1, 3), Place(0, 3))):
        expected = subject.clean.logits[:, place.sequence, place.position]
        np.testing.assert_allclose(effects.after.logits[:, 0, way], expected, atol=1e-9)


def test_patching_q_and_k_together_is_patching_scores_is_patching_the_pattern():
    subject = subject_of(MODELS["two heads, factored"])
    scores, pattern = (patch(subject, MAN, what).after.logits for what in ("scores", "pattern"))
    np.testing.assert_allclose(scores, pattern, atol=1e-10)


def test_patching_pattern_and_values_together_is_patching_z():
    # One layer: z = pattern v, so that the changes cannot be larger than both exchanged one after the other.
    subject = subject_of(MODELS["notebook"])
    z = patch(subject, MAN, "z").after.difference[:, 0, 0]
    direct = subject.clean.resid_0[:, 0, 3]
    expected = direct + subject.clean.attn_out[:, 0, 1, 3]
    np.testing.assert_allclose(z, expected[:, 3] - expected[:, 6], atol=1e-10)


def test_patching_one_position_leaves_the_others(runs):
    everywhere, subject_only = (runs.patch("v", at=at).after.difference for at in (None, "man"))
    elsewhere = runs.patch("v", at=3).change
    np.testing.assert_allclose(everywhere, subject_only, atol=1e-9)  # man and woman are all that differs
    np.testing.assert_allclose(elsewhere, 0, atol=1e-9)


def test_a_layer_is_patched_with_all_of_its_heads_and_a_head_in_all_layers():
    subject = subject_of(MODELS["two layers"])
    z = subject.clean.z[:, 1, :, 1, 3]  # what both heads of the last layer write in the other sentence
    before = subject.clean.attn_out[:, 1, 0, 3]
    expected = subject.clean.logits[:, 0, 3] - before + z.sum(axis=1)
    np.testing.assert_allclose(patch(subject, MAN, "z", layer=1).after.logits[:, 0, 0], expected, atol=1e-9)
    everywhere = patch(subject, MAN, "v", head=1).after.difference
    assert not np.allclose(everywhere, patch(subject, MAN, "v", layer=0, head=1).after.difference)
    assert not np.allclose(everywhere, patch(subject, MAN, "v").after.difference)


@pytest.mark.parametrize("what", PATCHES)
def test_every_patch_goes_both_ways(runs, what):
    effects = runs.patch(what)
    assert effects.kinds == ("into this", "into other")
    np.testing.assert_allclose(effects.before.difference[:, 0], runs.patch(what).before.difference[:, 0])
    swapped = runs.patch(what, sequence=1)
    np.testing.assert_allclose(effects.after.difference[:, 0, ::-1], -swapped.after.difference[:, 0], atol=1e-9)


def test_a_pattern_set_by_hand_reads_just_that(runs):
    subject = runs.subject
    effects = set_pattern(subject, MAN, {"man": 0.25, 2: 0.75})
    v = subject.clean.v[:, 0, 0, 0]
    expected = subject.clean.resid_0[:, 0, 3] + 0.25 * v[:, 1] + 0.75 * v[:, 2]
    np.testing.assert_allclose(effects.after.logits[:, 0, 0], expected, atol=1e-10)


def test_a_thousand_runs_in_one_call_are_each_of_them_alone(runs):
    together = runs.ablate("source:man", "head:0.0", "direct", "positions", "token:man")
    for number in (0, 7, 19):
        alone = runs[number].ablate("source:man", "head:0.0", "direct", "positions", "token:man")
        np.testing.assert_allclose(together.after.logits[number], alone.after.logits[0], atol=1e-10)
        np.testing.assert_array_equal(together.flips[number], alone.flips[0])


def test_interventions_do_not_depend_on_which_others_are_made_at_once(runs):
    whole = runs.ablate()
    for number, part in enumerate(whole.parts):
        alone = runs.ablate(part).after.logits[:, 0]
        np.testing.assert_allclose(alone, whole.after.logits[:, number], rtol=0, atol=1e-12)


def test_ablations_that_disagree_are_flagged(runs):
    effects = runs.ablate()
    some = effects.flips.any(axis=2) & ~effects.flips.all(axis=2)
    assert some.any()
    assert effects.disagree[some].all()
    calm = (np.abs(effects.change) < 0.1 * np.abs(effects.before.difference)).all(axis=2) & ~some
    assert not effects.disagree[calm].any()


def test_a_corpus_of_one_sentence_has_no_mean_and_is_resampled_from_its_other_place_or_not_at_all():
    subject = subject_of(hl.ModelConfig(), hl.Corpus.from_text("x go x stop"))
    choice = choices(subject)[0]
    for others in (choice.others, ()):
        table = ablate(subject, replace(choice, others=others)).table(0)
        sources = table[table["intervention"].str.startswith("source")].set_index("kind")
        assert sources.loc[["zero", "mask"], "difference_after"].notna().all()
        assert sources.loc["mean", "difference_after"].isna().all()
        assert sources.loc["resample", "difference_after"].notna().all() == bool(others)
        assert not sources["flips"].loc["mean"].any()


ORDERS = [
    "man ordered the chicken",
    "lo woman ordered the beef",
    "a child ordered the rice today",
    "dog ordered the bone",
]


def read_elsewhere(part, reads, there):
    """Return what is read in place of an edge or source: what is read at the aligned positions, or nothing."""

    def read(layer, head, query, key):
        if key != part.position or part.query not in (None, query):
            return None
        return reads.get((layer, head, there.get(query), there.get(key)), 0)

    return read


@pytest.mark.parametrize("shape", ["notebook", "two layers", "three layers, W_U", "no positions, not causal"])
def test_what_is_resampled_is_what_stands_there_at_every_other_place_and_the_worst_counts(shape):
    corpus = hl.Corpus.from_text("\n".join(ORDERS))
    subject = subject_of(MODELS[shape], corpus, scale=1.0)
    alternatives = tuple(corpus.vocabulary.index(word) for word in ("beef", "rice", "bone"))
    others = (Place(1, 4), Place(2, 4), Place(3, 3))
    choice = Choice(Place(0, 3), corpus.vocabulary.index("chicken"), alternatives[:1], others, alternatives)
    parts = [Part("source", position=1), Part("source", position=3), Part("edge", position=1, query=2)]
    effects = ablate(subject, choice, parts)
    for run in range(subject.n_runs):
        reads = [written_out(subject, run, row)[1] for row in range(4)]
        for number, part in enumerate(parts):
            after = []
            for other in others:
                for found in alignments(corpus.tokens, (0, 3), (other.sequence, other.position), subject.model.causal):
                    read = read_elsewhere(part, reads[other.sequence], dict(found.pairs))
                    after.append(written_out(subject, run, 0, replaced=read)[0][3])
            after = np.array(after)
            leads = after[:, choice.target] - np.delete(after, choice.target, axis=1).max(axis=1)
            expected = after[leads.argmin()]
            np.testing.assert_allclose(effects.after.logits[run, number, 2], expected, atol=1e-9)
            best = effects.before.probability[run, 0, 0]
            moves = np.abs(np.exp(after[:, choice.target]) / np.exp(after).sum(axis=1) - best)
            assert effects.moves[run, number, 2] == pytest.approx(moves.max())


def test_no_number_depends_on_the_order_of_sentences():
    texts = [*ORDERS, "man ordered the chicken", "the man ordered a dog"]
    vocabulary = sorted({"<Start>", *" ".join(texts).split()})
    found = []
    for turned in range(len(texts)):
        lines = texts[turned:] + texts[:turned]
        subject = subject_of(MODELS["two layers"], hl.Corpus.from_text("\n".join(lines), vocabulary=vocabulary))
        said = {}
        for choice in choices(subject):
            effects = ablate(subject, choice)
            at = (lines[choice.place.sequence], choice.place.position)
            numbers = np.stack([effects.change, effects.moves, effects.after.probability], axis=-1)
            said[at] = (effects.names, numbers, effects.winners, effects.changes_nothing)
        found.append(said)
    assert len(found[0]) > 5
    for said in found[1:]:
        assert said.keys() == found[0].keys()
        for at, (names, numbers, winners, nothing) in said.items():
            assert names == found[0][at][0]
            np.testing.assert_allclose(numbers, found[0][at][1], atol=1e-9)
            np.testing.assert_array_equal(winners, found[0][at][2])
            np.testing.assert_array_equal(nothing, found[0][at][3])


def test_alignments_that_replace_a_part_by_the_same_are_tried_once():
    subject = subject_of(MODELS["notebook"], hl.Corpus.from_text("\n".join(ORDERS)))
    choice = replace(choices(subject)[0], others=(Place(1, 4), Place(2, 4)))
    counts = [
        [len(some) for some in kinds]
        for kinds in ways(subject, choice, [Part("source", position=key) for key in range(4)])
    ]
    assert counts == [[1, 1, resampled, 1] for resampled in (2, 4, 2, 2)]
    several = subject_of(MODELS["two layers"], subject.corpus)
    assert [len(kinds[2]) for kinds in ways(several, choice, [Part("source", position=2), Part("direct:token")])] == [
        4,
        1,
    ]


def test_sentences_of_different_length_are_resampled_where_both_have_the_place():
    subject = subject_of(hl.ModelConfig(), RAGGED)
    for choice in choices(subject):
        assert np.isfinite(ablate(subject, choice).after.difference[..., : KINDS.index("mask")]).all()


def written_out(subject, run, row, masked=lambda *edge: False, replaced=lambda *edge: None):
    """Return one sentence's logits by position, and what was read across every edge (layer, head, query, key), step by step.

    masked: edges left out of the softmax; replaced: what is read in place of an edge, None where it is left as it is
    """
    model, tokens = subject.model, subject.corpus.tokens[row]
    tokens = tokens[tokens >= 0]
    weights = {name: weight[run] for name, weight in subject.params.items()}
    resid = weights["W_E"][tokens] + (weights["W_pos"][: len(tokens)] if model.positions else 0)
    reads = {}
    for layer in range(model.n_layers):
        wrote = np.zeros_like(resid)
        for head in range(model.n_heads):
            q, k, v = (resid @ weights[name][layer, head] for name in ("W_Q", "W_K", "W_V"))
            v = v @ weights["W_O"][layer, head] if "W_O" in weights else v
            for query in range(len(tokens)):
                keys = range(query + 1 if model.causal else len(tokens))
                raised = {
                    k_: np.exp(q[query] @ k[k_] * model.scale) for k_ in keys if not masked(layer, head, query, k_)
                }
                for key, weight in raised.items():
                    edge = (layer, head, query, key)
                    read = replaced(*edge)
                    reads[edge] = weight / sum(raised.values()) * v[key] if read is None else read
                    wrote[query] += reads[edge]
        resid = resid + wrote if model.residual else wrote
    return resid if "W_U" not in weights else resid @ weights["W_U"], reads


def test_a_masked_part_is_left_out_of_the_softmax_and_the_others_share_its_weight(model):
    subject = subject_of(model, scale=1.0)
    last = model.n_layers - 1
    parts = {
        Part("source", position=1): lambda layer, head, query, key: key == 1,
        Part("source", position=0): lambda layer, head, query, key: key == 0,  # nothing is left for the first position
        Part("edge", position=2, query=3): lambda layer, head, query, key: (query, key) == (3, 2),
        Part("edge", last, 0, position=1, query=3): lambda *edge: edge == (last, 0, 3, 1),
        Part("token", token=4): lambda layer, head, query, key: key == 2,
    }
    after = ablate(subject, MAN, list(parts)).after.logits[:, :, KINDS.index("mask")]
    for number, masked in enumerate(parts.values()):
        expected = [written_out(subject, run, 0, masked)[0][3] for run in range(subject.n_runs)]
        np.testing.assert_allclose(after[:, number], expected, atol=1e-9)


def test_a_query_whose_every_key_is_masked_reads_nothing():
    subject = subject_of(hl.ModelConfig(), hl.Corpus.from_text("x go x stop\nx go"))
    start = Choice(Place(0, 0), subject.corpus.targets[0, 0], (subject.corpus.targets[0, 1],))
    after = ablate(subject, start, ["source:0"]).after.logits[:, 0, KINDS.index("mask")]
    np.testing.assert_allclose(after, subject.clean.resid_0[:, 0, 0], atol=1e-12)


def test_what_is_no_key_cannot_be_masked_and_no_forward_pass_is_spent_on_it():
    subject = subject_of(MODELS["two layers"])
    effects = ablate(subject, MAN)
    keys = np.array([part.kind == "source" for part in effects.parts])
    assert (np.isfinite(effects.after.difference[:, :, KINDS.index("mask")]) == keys).all()
    assert not effects.flips[:, ~keys, KINDS.index("mask")].any()
    assert len(effects.cells) == 4 * len(keys) - (~keys).sum()
    named = effects.table(0).set_index(["intervention", "kind"])["predicts"]
    assert named.isna()[("head 0.0", "mask")]
    assert named[("source 1 man", "mask")] in NOTEBOOK.vocabulary


def effects_of_logits(before, *after):
    """Return the effects on a choice of token 0 against 1, one kind, of as many trials as are given."""
    choice = Choice(Place(0, 3), 0, (1,))
    before = Prediction(np.array(before, float)[None, None, None], 0, (1,))
    trials = Prediction(np.array(after, float)[None], 0, (1,))
    tokens = tuple("abcd"[: before.logits.shape[-1]])
    return Effects(choice, ("part",), ("kind",), tokens, before, trials, np.zeros(len(after), int))


def test_a_flip_says_to_what_and_a_tie_with_the_former_prediction_is_none():
    table = effects_of_logits([3, 0, 0], [1, 2, 0]).table()
    assert (table["flips"].tolist(), table["predicts"].tolist()) == ([True], ["b"])
    tied = effects_of_logits([3, 0, 0], [1, 2, 2])
    assert (tied.flips[0, 0, 0], tied.predicts(0, 0, 0), tied.table()["predicts"][0]) == (True, ("b", "c"), "b, c")
    assert not effects_of_logits([3, 0, 0], [2, 2, 0]).flips.any()
    assert not effects_of_logits([3, 3, 0], [1, 2, 0]).flips.any()  # b was predicted before, too
    assert effects_of_logits([3, 3, 0], [1, 1, 2]).flips.all()


def test_a_table_of_effects_says_to_what_a_prediction_flips():
    def said(before, *after):
        return effect_table(effects_of_logits(before, *after))["prediction"].tolist()

    assert said([3, 0, 0], [1, 2, 0]) == ["“b”"]
    assert said([3, 0, 0], [1, 2, 2])[0].endswith("“b” or “c”")
    assert said([3, 0, 0], [2, 2, 0])[0].endswith("“a” or “b”")  # no flip, and yet not the same
    assert said([3, 0, 0], [1, 0, 0])[0].endswith("the same")
    assert said([3, 0, 0], [np.nan] * 3) == ["not possible"]


def test_of_several_trials_the_one_counts_after_which_the_target_leads_least():
    effects = effects_of_logits([3, 0, 0], [2, 0, 0], [0, 1, 0], [4, 0, 0])
    assert effects.change.tolist() == [[[-4.0]]]
    assert effects.predicts(0, 0, 0) == ("b",)
    assert effects.moves[0, 0, 0] == pytest.approx(np.exp(3) / (np.exp(3) + 2) - 1 / (2 + np.e))
    for order in ([0, 1, 2], [2, 1, 0], [1, 2, 0]):
        trials = [[0, 1, -1], [0, -2, 1], [2, 0, 0]]
        tied = effects_of_logits([3, 0, 0], *[trials[number] for number in order])
        assert tied.predicts(0, 0, 0) == ("b", "c")  # of both that are as bad
        assert tied.change[0, 0, 0] == -4


def test_what_changes_nothing_moves_neither_the_answer_nor_its_probability_nor_any_lead():
    assert effects_of_logits([9, 0, 0], [9.5, 0.2, 0]).changes_nothing.all()
    assert not effects_of_logits([9, 0, 0], [7.9, 0, 0]).changes_nothing.any()  # more than 10 % of the lead over b
    assert not effects_of_logits([1, 0, 0.95], [1, 0, 1.06]).changes_nothing.any()  # flips to a third word
    assert not effects_of_logits([1, 0, 0.5], [1, 0, 0.1]).changes_nothing.any()  # 5 points more of probability
    assert not effects_of_logits([9, 0, 0], [9, 0, 0], [7, 0, 0]).changes_nothing.any()  # in one of two trials
    assert not effects_of_logits([np.nan] * 3, [np.nan] * 3).changes_nothing.any()


def test_uniform_permuted_and_foreign_patterns_are_what_they_say(runs):
    table = battery(runs.subject, [MAN], permutations=3).set_index(["test", "run"])
    subject = runs.subject
    rows = np.tri(5)[3:4] / 4
    uniform = subject.clean.resid_0[:, 0, 3] + (rows @ subject.clean.v[:, 0, 0, 0])[:, 0]
    found = table.loc["uniform", "difference_after"].to_numpy()
    np.testing.assert_allclose(found, uniform[:, 3] - uniform[:, 6], atol=1e-10)
    foreign = (
        subject.clean.resid_0[:, 0, 3]
        + (np.roll(subject.clean.pattern[:, 0, 0, 0, 3], -1, axis=0)[:, None] @ subject.clean.v[:, 0, 0, 0])[:, 0]
    )
    found = table.loc["other run", "difference_after"].to_numpy()
    np.testing.assert_allclose(found, foreign[:, 3] - foreign[:, 6], atol=1e-10)
    assert table["distance"].between(0, 1).all()
    assert "other run" not in set(runs[0].battery()["test"])


def test_variance_of_a_pattern_over_equal_runs_is_zero(runs):
    assert all((table == 0).all(axis=None) for table in pattern_variance(runs[3].subject))
    spread = pattern_variance(runs.subject)[0].loc["3 the"]
    assert spread.iloc[:4].max() > 0.1
    assert spread.max() <= 0.5


def test_editing_the_forward_pass_leaves_it_alone_when_nothing_is_edited(model):
    subject = subject_of(model)
    seen = []
    edited = forward(
        subject.params, NOTEBOOK.tokens, model, lambda name, layer, array, before: seen.append(name) or array
    )
    np.testing.assert_array_equal(edited.logits, forward(subject.params, NOTEBOOK.tokens, model).logits)
    assert {"token_embed", "pos_embed", "q", "k", "v", "scores", "pattern", "z"} <= set(seen)
