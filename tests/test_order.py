"""The order of the vocabulary is a matter of display: what is drawn, trained and named goes by where tokens first appear."""

import math

import numpy as np
import pytest
from engine_problems import D_VOCAB, MODELS, TARGETS, TOKENS, WEIGHTS
from hypothesis import given, settings
from hypothesis import strategies as st

from headlab import Corpus, ModelConfig
from headlab.config import WEIGHTS as TABLE
from headlab.data.batch import Batch
from headlab.data.order import inverse
from headlab.data.philox import philox
from headlab.model.forward import forward
from headlab.model.initial import initial
from headlab.model.order import reordered, reordered_flat, restored, restored_flat
from headlab.model.params import Params

SEEDS = np.array([0, 3, 2**40 + 1], np.uint64)


def order_by_hand(batch):
    found = []
    for array in (batch.tokens, batch.targets, np.arange(batch.d_vocab)[None]):
        for token in array.ravel().tolist():
            if token >= 0 and token not in found:
                found.append(token)
    return found


@st.composite
def batches(draw):
    """Ragged batches, of which some targets are none, some tokens are only targets, and some are nowhere."""
    d_vocab = draw(st.integers(1, 9))
    token = st.integers(0, d_vocab - 1)
    rows = draw(st.lists(st.lists(token, min_size=1, max_size=5), min_size=1, max_size=4))
    width = max(map(len, rows))
    tokens, targets = np.full((2, len(rows), width), -1)
    weights = np.zeros(tokens.shape)
    for number, row in enumerate(rows):
        tokens[number, : len(row)] = row
        for place in range(len(row)):
            targets[number, place] = draw(st.integers(-1, d_vocab - 1))
            weights[number, place] = draw(st.sampled_from([0, 1, 2.5])) if targets[number, place] >= 0 else 0
    targets[0, 0], weights[0, 0] = draw(token), 1
    return Batch(tokens, targets, weights, d_vocab)


@given(batches())
def test_tokens_are_trained_in_the_order_in_which_they_first_appear(batch):
    assert batch.order.tolist() == order_by_hand(batch)
    assert not batch.order.flags.writeable


@given(batches(), st.randoms())
def test_what_appears_is_trained_in_one_order_under_all_ids(batch, random):
    ids = list(range(batch.d_vocab))
    random.shuffle(ids)
    twin = batch.renumbered(np.array(ids))
    there = len({*batch.tokens.ravel().tolist(), *batch.targets.ravel().tolist()} - {-1})
    assert [ids[token] for token in twin.order[:there]] == batch.order[:there].tolist()
    for name in ("tokens", "targets", "weights"):
        np.testing.assert_array_equal(
            getattr(twin.renumbered(twin.order), name), getattr(batch.renumbered(batch.order), name)
        )


def test_targets_that_do_not_count_and_padding_come_nowhere():
    batch = Batch([[4, 2], [1, -1]], [[6, 5], [3, -1]], [[0, 1], [2, 0]], d_vocab=7)
    assert batch.order.tolist() == [4, 2, 1, 5, 3, 0, 6]


def test_words_that_never_appear_come_last_in_the_order_of_the_vocabulary():
    corpus = Corpus.from_text("b d", start=None, vocabulary=["e", "d", "a", "b", "c"])
    assert [corpus.vocabulary[token] for token in corpus.batch.order] == ["b", "d", "e", "a", "c"]


def shape_of(model):
    return model.on(Batch(TOKENS, TARGETS, np.where(TARGETS < 0, 0, WEIGHTS), D_VOCAB))


def logits_of(batch, params, model):
    return forward(params, batch.tokens, model).logits


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
def test_weights_in_another_order_are_the_same_model_of_renumbered_tokens(model):
    shape, order = shape_of(model), np.array([3, 0, 4, 1, 2])
    params = initial(shape, SEEDS, np.float64)
    other = reordered(params, order, shape)
    batch = Batch(TOKENS, TARGETS, np.where(TARGETS < 0, 0, 1), D_VOCAB)
    expected = logits_of(batch, params, model)[..., order]
    real = batch.tokens >= 0
    found = logits_of(batch.renumbered(order), other, model)
    np.testing.assert_allclose(found[:, real], expected[:, real], rtol=1e-12, atol=1e-15)
    assert not np.array_equal(other.flat(), params.flat())
    np.testing.assert_array_equal(restored(other, order, shape).flat(), params.flat())
    np.testing.assert_array_equal(reordered_flat(params.flat(), order, shape), other.flat())


@pytest.mark.parametrize("model", [ModelConfig(d_head=160), ModelConfig(d_head=160, unembed=True, d_model=5)], ids=str)
def test_what_an_optimiser_remembers_of_narrow_heads_is_reordered_as_they_are(model):
    corpus, order = Corpus.notebook(), np.array([3, 0, 4, 1, 6, 2, 5])
    shape = model.on(corpus)
    shape = shape.narrow(2 * shape.d_model)
    slots = np.random.default_rng(0).normal(size=(2, 3, shape.n_weights))
    found = Params.from_flat(reordered_flat(slots, order, shape), shape)
    given_ = Params.from_flat(slots, shape)
    rows = order if shape.d_model == 7 else np.arange(5)
    np.testing.assert_array_equal(found.W_Q, given_.W_Q[..., rows, :])
    np.testing.assert_array_equal(found.W_E, given_.W_E[..., order, :][..., rows])
    np.testing.assert_array_equal(found.W_pos, given_.W_pos[..., rows])
    np.testing.assert_array_equal(restored_flat(reordered_flat(slots, order, shape), order, shape), slots)


def word_by_hand(seed, array, number):
    counter = [np.array([word], np.uint64) for word in (number // 4, array, 0, 0)]
    key = [np.array([word], np.uint64) for word in (seed % 2**32, seed // 2**32)]
    return int(philox(tuple(counter), tuple(key))[number % 4][0])


@settings(max_examples=20, deadline=None)
@given(st.sampled_from(sorted(MODELS)), st.permutations(range(D_VOCAB)), st.sampled_from(SEEDS.tolist()))
def test_initial_weights_are_drawn_in_the_order_of_training(name, order, seed):
    shape = shape_of(MODELS[name])
    drawn = initial(shape, np.array([seed], np.uint64), order=np.array(order))
    for row in TABLE:
        if row.name not in shape.weights:
            continue
        own = shape.weights[row.name]
        for number in range(0, math.prod(own), 7):
            place = list(np.unravel_index(number, own))
            for axis, size in enumerate(row.axes):
                wide = {"d_vocab": True, "d_vocab_out": True, "d_model": not shape.model.unembed}
                wide["d_embed"] = wide["d_model"]
                wide["value_width"] = wide["d_model"] and not shape.model.factored_values
                place[axis] = order[place[axis]] if wide.get(size) else place[axis]
            share = np.float32((word_by_hand(seed, row.number, number) >> 8) * 2.0**-24)
            rule, size = shape.draws[row.name]
            drawn_by_hand = (share * np.float32(2) - np.float32(1)) * np.float32(size)
            expected = drawn_by_hand if rule == "uniform" else np.float32(size)
            assert getattr(drawn, row.name)[(0, *place)] == expected


def test_initial_weights_do_not_depend_on_the_ids_of_tokens():
    text = "man ordered the chicken\nwoman ordered the beef"
    own, plain = Corpus.notebook(), Corpus.from_text(text)
    drawn = [initial(ModelConfig().on(corpus), SEEDS, order=corpus.batch.order) for corpus in (own, plain)]
    here = [own.vocabulary.index(word) for word in plain.vocabulary]
    np.testing.assert_array_equal(drawn[0].W_E[:, here][..., here], drawn[1].W_E)
    np.testing.assert_array_equal(drawn[0].W_V[..., here, :][..., here], drawn[1].W_V)
    assert inverse(own.batch.order).tolist() != list(range(7))
