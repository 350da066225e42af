"""Shares right and cross-entropy on held-out examples and on all inputs, and what is left without a head."""

import itertools

import numpy as np
import pytest
from plain_model import BLOCK_MODELS

import headlab as hl
from headlab.analysis.looking.held_out import held_out
from headlab.analysis.looking.metrics import metric_values
from headlab.analysis.looking.without_heads import without_heads
from headlab.analysis.subject import Subject
from headlab.data.dataset import Dataset
from headlab.data.held_out import are_few, every_input, mixed_inputs
from headlab.data.held_out import held_out as examples_of
from headlab.data.stream import Stream
from headlab.model.forward import forward
from headlab.model.initial import initial
from headlab.model.params import Params

LETTERS = ("a", "b", "c")


def echoed(draws, size):
    tokens = draws.integers(3, 2)
    return tokens, tokens


def all_pairs():
    tokens = np.array(list(itertools.product(range(3), repeat=2)))
    yield tokens[:4], tokens[:4]
    yield tokens[4:], tokens[4:]


def certain(tokens):
    return 0.7 * np.eye(3)[tokens] + 0.1


ECHO = Dataset.from_stream(Stream(echoed, LETTERS, n_ctx=2, enumerate=all_pairs, bayes=certain), "echo")
TABLE = hl.ModelConfig(n_layers=0, unembed=True, positions=False)


def by_table(*tables, dataset=ECHO):
    """Models that answer a token with the row of a table: no layer, the identity as embedding."""
    tables = np.array(tables, float)
    return Subject(Params(W_E=np.tile(np.eye(3), (len(tables), 1, 1)), W_U=tables), dataset, TABLE)


def test_shares_on_all_inputs_are_those_that_are_counted_by_hand():
    right = 5 * np.eye(3)
    wrong_at_c = right.copy()
    wrong_at_c[2] = [5, 0, 0]
    tied = np.zeros((3, 3))  # of equals the lowest, which is a
    found = held_out(by_table(right, wrong_at_c, tied), exact=True)
    assert (found.n_examples, found.n_places, found.exact) == (9, 18, True)
    np.testing.assert_allclose(found.places, [1, 2 / 3, 1 / 3])
    np.testing.assert_allclose(found.last, [1, 2 / 3, 1 / 3])
    np.testing.assert_allclose(found.sequences, [1, 4 / 9, 1 / 9])
    np.testing.assert_allclose(found.classes, [[1, 1, 1], [1, 1, 0], [1, 0, 0]])
    np.testing.assert_allclose(found.class_accuracy, [1, 2 / 3, 1 / 3])
    sure, unsure = np.log(1 + 2 * np.exp(-5)), np.log(3)
    np.testing.assert_allclose(found.loss, [sure, (2 * sure + sure + 5) / 3, unsure], rtol=1e-5)
    assert found.bayes == pytest.approx(-np.log(0.8))
    np.testing.assert_allclose(found.above_bayes, found.loss + np.log(0.8))
    assert list(found.table().columns) == [
        "cross_entropy", "token_accuracy", "last_accuracy", "sequence_accuracy", "class_accuracy", "above_bayes",
    ]  # fmt: skip


def test_a_run_that_is_no_number_has_no_share_and_leaves_the_others_alone():
    found = held_out(by_table(np.full((3, 3), np.nan), 5 * np.eye(3)), exact=True)
    assert np.isnan([found.loss[0], found.places[0], found.sequences[0], found.class_accuracy[0]]).all()
    assert found.places[1] == 1


def test_held_out_examples_are_those_of_their_stream_and_not_those_of_training():
    subject = by_table(5 * np.eye(3), np.diag([5.0, 5, -5]))
    found = held_out(subject, 1000)
    tokens, _ = ECHO.stream.examples("held out", 0, 1000)
    np.testing.assert_allclose(found.places, [1, (tokens != 2).mean()])
    np.testing.assert_allclose(found.sequences, [1, (tokens != 2).all(axis=1).mean()])
    assert not found.exact
    assert (held_out(subject, 1000, seed=3).places != found.places).any()


def test_however_examples_are_cut_the_shares_are_the_same(monkeypatch):
    subject = by_table(*np.random.default_rng(0).normal(size=(5, 3, 3)))
    whole = held_out(subject, 300)
    monkeypatch.setattr("headlab.analysis.looking.held_out.NUMBERS_AT_A_TIME", 60)
    for name in ("places", "last", "sequences", "classes"):
        np.testing.assert_array_equal(getattr(held_out(subject, 300), name), getattr(whole, name))
    np.testing.assert_allclose(held_out(subject, 300).loss, whole.loss, rtol=1e-12)
    assert [batch.n_sequences for batch in every_input(ECHO, 3)] == [3, 1, 3, 2]
    assert [batch.n_sequences for batch in examples_of(ECHO, 7, 3)] == [3, 3, 1]


def test_of_sentences_without_targets_at_some_places_only_those_that_have_one_count():
    corpus = hl.Corpus.from_text("a b c\na c", start=None, wrap=False)
    subject = Subject(Params(W_E=np.eye(3)[None], W_U=np.array([[[0, 5, 0], [0, 0, 5], [0, 0, 0.0]]])), corpus, TABLE)
    found = held_out(subject, 5)
    assert (found.n_examples, found.n_places, found.exact) == (2, 3, True)
    assert (found.places[0], found.last[0], found.sequences[0]) == (2 / 3, 1 / 2, 1 / 2)
    assert np.isnan(found.classes[0, 0]), "nothing is to be answered with a"
    weighted = corpus.with_targets(weights=[[1, 1, 0], [0, 0, 0]])
    assert held_out(by_table([[0, 5, 0], [0, 0, 5], [0, 0, 0]], dataset=weighted)).loss[0] < 0.02


@pytest.mark.parametrize("n", [0, -1, 2.5, True, "8", None])
def test_a_number_of_examples_that_is_none_is_refused(n):
    with pytest.raises(hl.ConfigError, match="n must be a whole number of examples"):
        held_out(by_table(np.eye(3)), n)


def test_all_inputs_of_what_nobody_can_name_are_refused_and_so_are_wrong_shapes():
    endless = Dataset.from_stream(Stream(echoed, LETTERS, n_ctx=2), "endless")
    with pytest.raises(hl.ConfigError, match="enumerate must name all inputs"):
        held_out(by_table(np.eye(3), dataset=endless), exact=True)
    odd = Dataset.from_stream(Stream(echoed, LETTERS, n_ctx=2, bayes=lambda tokens: np.ones((1, 3))), "odd")
    with pytest.raises(hl.ConfigError, match="bayes must give probabilities"):
        held_out(by_table(np.eye(3), dataset=odd), 10)
    with pytest.raises(hl.SelectionError, match="a head must be removed by zero, mean, resample, got 'knife'"):
        without_heads(by_table(np.eye(3)), 10, ways=["knife"])


def removed(z, how):
    """What the head writes, [run, sequence, position, d_model], where no sentence is shorter than another."""
    if how == "zero":
        return np.zeros_like(z)
    return np.broadcast_to(z.mean(axis=1, keepdims=True), z.shape) if how == "mean" else np.roll(z, -1, axis=1)


@pytest.mark.parametrize("how", ["zero", "mean", "resample"])
@pytest.mark.parametrize(
    "model", [hl.ModelConfig(d_head=2, n_heads=2, n_layers=2), hl.ModelConfig(d_head=2, causal=False)]
)
def test_without_a_head_models_do_what_the_readable_pass_does_with_its_z_replaced(model, how):
    params = initial(model.on(ECHO), np.arange(6, dtype=np.uint64), np.float64)
    params = Params(**{name: 8 * weight for name, weight in params.items()})
    subject = Subject(params, ECHO, model)
    found = without_heads(subject, 100, ways=[how]).table()
    tokens, targets = ECHO.stream.examples("held out", 0, 100)
    for layer, head in itertools.product(range(model.n_layers), range(model.n_heads)):

        def edit(name, at, activation, before, layer=layer, head=head):
            if name != "z" or at != layer:
                return activation
            changed = activation.copy()
            changed[:, head] = removed(activation[:, head], how)
            return changed

        logits = forward(params, tokens, model, edit).logits
        expected = (logits.argmax(axis=-1) == targets).mean(axis=(1, 2))
        here = found[(found.layer == layer) & (found["head"] == head)]
        np.testing.assert_allclose(here.token_accuracy, expected, atol=1e-12)
    whole = held_out(subject, 100)
    np.testing.assert_allclose(found[found.layer == -1].cross_entropy, whole.loss, rtol=1e-6)


def test_a_head_that_does_all_the_work_leaves_chance_and_one_that_does_nothing_leaves_everything():
    model = hl.ModelConfig(d_head=3, n_heads=2, residual=False, positions=False, causal=False)
    W_V = np.stack([20 * np.eye(3), np.zeros((3, 3))])[
        None, None
    ]  # what is read is written; the other head writes nothing
    zero = np.zeros((1, 1, 2, 3, 3))
    said = Dataset.from_stream(Stream(lambda d, s: ((t := d.integers(3, 1)), t), LETTERS, n_ctx=1), "one")
    found = without_heads(Subject(Params(W_E=np.eye(3)[None], W_Q=zero, W_K=zero, W_V=W_V), said, model), 900)
    table = found.table().set_index(["head", "removed"]).token_accuracy
    assert table[-1, ""] == 1
    assert (table[1] == 1).all()
    share_of_a = (said.stream.examples("held out", 0, 900)[0] == 0).mean()
    assert table[0, "zero"] == share_of_a, "with all logits alike it says a"
    assert table[0, "resample"] < 0.5


def test_runs_answer_on_held_out_examples_with_and_without_heads():
    runs = hl.train(hl.Corpus.notebook(), seeds=range(3), record="none")
    assert runs.held_out().places.tolist() == [0.9] * 3
    assert runs[1].held_out().places.tolist() == [0.9]
    assert len(runs.without_heads().table()) == 3 * 4
    assert "on all 2 inputs" in repr(runs.held_out())


@pytest.mark.parametrize("name", ["no layers", "outputs", "pairs", "LayerNorm", "distances"])
def test_every_block_is_measured(name):
    model = BLOCK_MODELS[name]
    out = model.d_vocab_out or 5
    ids = 9 if model.pairs else 5

    def sample(draws, size):
        return draws.integers(ids, 4), draws.integers(out, 4)

    outputs = tuple(map(str, range(out))) if out != 5 else None
    dataset = Dataset.from_stream(Stream(sample, tuple(map(str, range(ids))), n_ctx=4, outputs=outputs), "drawn")
    shape = model.on(dataset)
    params = Params.from_flat(np.random.default_rng(0).normal(size=(2, shape.n_weights)), shape)
    tokens, targets = dataset.stream.examples("held out", 0, 50)
    logits = forward(params, tokens, model).logits
    found = held_out(Subject(params, dataset, model), 50)
    np.testing.assert_allclose(found.places, (logits.argmax(axis=-1) == targets).mean(axis=(1, 2)))


def test_metrics_of_drawn_data_are_those_of_its_held_out_examples_and_of_all_inputs():
    subject = by_table(5 * np.eye(3), np.diag([5.0, 5, -5]))
    found = metric_values(
        ["token_accuracy", "class_accuracy", "above_bayes", "exact_accuracy", "success_share(0.6)", "success_share(1)"],
        subject,
    )
    drawn, exact = held_out(subject), held_out(subject, exact=True)
    np.testing.assert_array_equal(found["token_accuracy"], drawn.places)
    np.testing.assert_array_equal(found["class_accuracy"], drawn.class_accuracy)
    np.testing.assert_array_equal(found["above_bayes"], drawn.above_bayes)
    np.testing.assert_array_equal(found["exact_accuracy"], exact.sequences)
    assert found["success_share(0.6)"].tolist() == [1, 1], "of places, as the data counts them"
    assert found["success_share(1)"].tolist() == [1, 0]


def test_inputs_are_mixed_each_once_and_a_batch_of_them_is_of_all_kinds():
    task = hl.tasks["planted-shift"]
    every = [
        (*t, *a) for batch in every_input(task.dataset, 4096) for t, a in zip(batch.tokens, batch.targets, strict=True)
    ]
    batches = list(mixed_inputs(task.dataset, 100))
    mixed = [(*t, *a) for batch in batches for t, a in zip(batch.tokens, batch.targets, strict=True)]
    assert sorted(mixed) == sorted(every)
    assert [batch.n_sequences for batch in batches] == [100] * 10 + [24]
    for batch in batches[:10]:
        counts = np.bincount(batch.tokens[:, 0], minlength=4)
        assert counts.min() > 8, "in their own order a batch has one first token"
    again = next(iter(mixed_inputs(task.dataset, 100)))
    np.testing.assert_array_equal(again.tokens, batches[0].tokens)
    assert not np.array_equal(next(iter(mixed_inputs(task.dataset, 100, seed=1))).tokens, again.tokens)


@pytest.mark.parametrize(("name", "count"), [("planted-shift", 1024), ("ioi", 60)])
def test_inputs_are_few_where_they_can_be_named_and_are(name, count):
    assert are_few(hl.tasks[name].dataset, count)
    assert not are_few(hl.tasks[name].dataset, count - 1)
    assert not are_few(hl.tasks["induction"].dataset, 10**9), "nobody names all of its inputs"
