"""What gives what: the kernel's numbers are those of the readable definition, and the same bits on every instruction set."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from headlab.config import ModelConfig
from headlab.data.batch import Batch
from headlab.engine import instruction_sets
from headlab.engine.parts import Parts
from headlab.model import parts as readable
from headlab.model.forward import forward
from headlab.model.initial import initial
from headlab.model.paths import paths_of

ON_BOTH_BACKENDS = True

SETTINGS = {
    "notebook": {},
    "wide heads": {"d_head": 20},
    "two layers": {"n_layers": 2, "n_heads": 2, "d_head": 3},
    "three layers, factored": {"n_layers": 3, "n_heads": 2, "d_head": 3, "factored_values": True},
    "unembed": {"n_layers": 2, "n_heads": 3, "d_model": 5, "d_head": 4, "unembed": True},
    "no residual": {"n_layers": 2, "n_heads": 2, "d_head": 5, "residual": False},
    "no positions": {"n_layers": 2, "positions": False},
    "non-causal": {"n_layers": 3, "n_heads": 2, "d_head": 2, "causal": False, "factored_values": True},
}
TOKENS = [
    [6, 2, 4, 1, 3, 2],
    [2, 6, 0, 1, 5, -1],
    [3, 3, 3, -1, -1, -1],
    [0, 1, 2, 3, 4, 5],
]  # their order is not the vocabulary's


def batch():
    tokens = np.array(TOKENS)
    return Batch(tokens, np.where(tokens >= 0, (tokens + 1) % 7, -1), None, 7)


def asked(name, seeds=11):
    """A drawn model of a setting, large enough that patterns are no means: parts of it, its weights, and what it computes."""
    model, data = ModelConfig(**{"init_scale": 4.0} | SETTINGS[name]), batch()
    params = initial(model.on(data), np.arange(seeds, dtype=np.uint64), np.float64)
    return Parts(data, model.on(data), params.flat()), params, forward(params, data.tokens, model)


def near(found, meant):
    assert found.shape == meant.shape
    np.testing.assert_allclose(found, meant, rtol=0, atol=1e-12 * max(1.0, np.abs(meant).max()))


READOUT = np.array([0.0, 0.0, 1.0, -0.5, 0.0, -0.5, 0.0])
PLACES = [(0, 3), (1, 4), (2, 2), (3, 0)]


@pytest.mark.parametrize("known", [False, True], ids=["made", "known"])
@pytest.mark.parametrize("name", SETTINGS)
def test_parts_are_those_of_the_readable_definition(name, known):
    parts, params, on = asked(name)
    model = parts.shape.model
    if known:
        parts = replace(parts, patterns=on.pattern, written=on.z)
    paths = paths_of(model, model.n_layers)
    w = readable.read_by(params, READOUT)
    for sequence, position in PLACES:
        place = sequence, position
        pattern = on.pattern[:, :, :, sequence]
        for found, meant in zip(
            parts.along(place, READOUT, paths), readable.path_parts(params, on, place, READOUT, paths), strict=True
        ):
            near(found, meant)
        near(parts.edges(place, READOUT), readable.edges(params, model, on, place, READOUT))
        near(parts.adjoints(place, READOUT), readable.adjoints(params, model, pattern, w, position))
        near(parts.gradients(place, READOUT), readable.gradients(params, model, on, place, READOUT))
        near(parts.totals(place, READOUT), on.logits[:, sequence, position] @ READOUT)


@pytest.mark.parametrize("name", SETTINGS)
def test_all_paths_together_give_the_whole(name):
    parts, _, _ = asked(name)
    paths = paths_of(parts.shape.model, parts.shape.n_layers)
    for place in PLACES:
        token, position = parts.along(place, READOUT, paths)
        near((token + position).sum(axis=(1, 2)), parts.totals(place, READOUT))


@pytest.mark.parametrize("known", [False, True], ids=["made", "known"])
@pytest.mark.parametrize("name", SETTINGS)
def test_score_parts_are_those_of_the_readable_definition_and_add_up_to_the_score(name, known):
    parts, params, on = asked(name)
    model = parts.shape.model
    if known:
        parts = replace(parts, patterns=on.pattern, written=on.z)
    keys = [(0, 1), (1, 0), (1, 3), (3, 5), (0, 2), (0, 1)]
    for layer in range(model.n_layers):
        found = parts.of_scores(layer, PLACES, keys)
        near(found, readable.score_parts(params, model, on, layer, PLACES, keys))
        sums = found.sum(axis=(4, 5))
        for q, k in product(range(len(PLACES)), range(len(keys))):
            if PLACES[q][0] == keys[k][0]:
                sequence, query, key = *PLACES[q], keys[k][1]
                near(sums[:, :, q, k], on.scores[:, layer, :, sequence, query, key])


def test_any_paths_in_any_order_and_twice_are_given_what_each_alone_is():
    parts, _, _ = asked("three layers, factored")
    paths = paths_of(parts.shape.model, 3)
    whole = parts.along((0, 4), READOUT, paths)
    some = [17, 0, 5, 5, 26, 3]
    for every, found in zip(whole, parts.along((0, 4), READOUT, [paths[number] for number in some]), strict=True):
        assert np.array_equal(every[:, some], found)
    assert parts.along((0, 4), READOUT, [])[0].shape == (11, 0, 6)


def numbers(parts, place):
    paths = paths_of(parts.shape.model, parts.shape.n_layers)
    yield from parts.along(place, READOUT, paths)
    for ask in (parts.edges, parts.adjoints, parts.gradients, parts.totals):
        yield ask(place, READOUT)
    yield parts.of_scores(parts.shape.n_layers - 1, PLACES, PLACES)


@pytest.mark.parametrize("name", SETTINGS)
def test_parts_have_the_same_bits_on_every_instruction_set_and_in_every_batch(name, monkeypatch):
    parts, _, _ = asked(name)
    usual = [array.tobytes() for array in numbers(parts, (0, 3))]
    alone = [list(numbers(replace(parts, weights=parts.weights[[run]]), (0, 3))) for run in range(11)]
    assert [np.concatenate(arrays).tobytes() for arrays in zip(*alone, strict=True)] == usual
    for instruction_set in instruction_sets():
        monkeypatch.setenv("HEADLAB_INSTRUCTION_SET", instruction_set)
        assert [array.tobytes() for array in numbers(replace(parts), (0, 3))] == usual


def test_the_order_of_the_vocabulary_changes_no_bit():
    """The same sentences under other ids: what is by position is equal to the bit, what is by token stands where it is named."""
    turn = np.array([3, 6, 0, 5, 1, 4, 2])  # token t is called turn[t] there
    parts, params, _ = asked("two layers")
    data = parts.batch
    targets = np.where(data.targets >= 0, turn[data.targets], -1)
    other = Batch(np.where(data.tokens >= 0, turn[data.tokens], -1), targets, None, 7)
    back = np.argsort(turn)
    turned = params.replace(
        W_E=params.W_E[:, back][:, :, back],
        W_pos=params.W_pos[:, :, back],
        W_Q=params.W_Q[:, :, :, back],
        W_K=params.W_K[:, :, :, back],
        W_V=params.W_V[:, :, :, back][..., back],
    )
    there = Parts(other, parts.shape, turned.flat())
    paths = paths_of(parts.shape.model, 2)
    for here, found in zip(parts.along((0, 3), READOUT, paths), there.along((0, 3), READOUT[back], paths), strict=True):
        assert np.array_equal(here, found)
    assert np.array_equal(parts.edges((0, 3), READOUT), there.edges((0, 3), READOUT[back]))
    assert np.array_equal(parts.gradients((0, 3), READOUT)[..., back], there.gradients((0, 3), READOUT[back]))
    assert np.array_equal(parts.of_scores(1, PLACES, PLACES), there.of_scores(1, PLACES, PLACES))


def test_what_cannot_be_asked_is_refused_in_a_sentence():
    parts, _, _ = asked("no residual")
    with pytest.raises(ValueError, match="a path must go through a head of every layer"):
        parts.along((0, 3), READOUT, [()])
    for place in ((4, 0), (1, 5), (-1, 0), (0, 6)):
        with pytest.raises(ValueError, match="a place must be one at which the batch has a token"):
            parts.edges(place, READOUT)
    with pytest.raises(ValueError, match="the layer must be one that the model has"):
        parts.of_scores(2, PLACES, PLACES)
    with pytest.raises(ValueError, match="readout must have 7 elements"):
        parts.edges((0, 3), READOUT[:6])


def test_a_run_that_diverged_gives_no_numbers_and_its_neighbours_theirs():
    parts, _, _ = asked("two layers")
    paths = paths_of(parts.shape.model, 2)
    weights = parts.weights.copy()
    weights[4] = np.nan
    token, _ = replace(parts, weights=weights).along((0, 3), READOUT, paths)
    usual, _ = parts.along((0, 3), READOUT, paths)
    assert np.isnan(token[4].sum(axis=1)).all()
    assert np.array_equal(np.delete(token, 4, axis=0), np.delete(usual, 4, axis=0))


def test_patterns_in_one_sequence_serve_as_those_of_all():
    parts, _, on = asked("three layers, factored")
    whole, one = replace(parts, patterns=on.pattern), replace(parts, patterns_in=lambda at: on.pattern[:, :, :, at])
    assert np.array_equal(whole.edges((1, 4), READOUT), one.edges((1, 4), READOUT))
    assert np.array_equal(whole.adjoints((1, 4), READOUT), one.adjoints((1, 4), READOUT))
