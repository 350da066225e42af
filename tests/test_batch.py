"""What is asked of a model, and what counts how much: checked whole, kept whole, and the same for loss, floors and grades."""

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy.optimize import minimize

import headlab as hl
from headlab import Corpus, ModelConfig
from headlab.data.batch import Batch
from headlab.study.design import StudyDesign
from headlab.study.study import Study

SHORT = hl.TrainConfig.of(steps=30, learning_rate=0.1)
words = st.lists(st.sampled_from("abcd"), min_size=1, max_size=6).map(" ".join)
texts = st.lists(words, min_size=2, max_size=5).map("\n".join).filter(lambda text: len(set(text.split())) > 1)


@st.composite
def weighted(draw):
    """A corpus with other targets, some of them masked, and with weights from 1e-9 to 1e9, some of them 0."""
    corpus = Corpus.from_text(draw(texts), wrap=True)
    real = corpus.tokens >= 0
    ids = draw(arrays.arrays(np.int64, real.shape, elements=st.integers(-1, corpus.d_vocab - 1)))
    targets = np.where(real, np.where(draw(st.booleans()), ids, np.minimum(ids, corpus.targets)), -1)
    size = st.floats(1e-9, 1e9, allow_subnormal=False) | st.sampled_from([0.0, 1.0, 2.0])
    weights = np.where(targets >= 0, draw(arrays.arrays(np.float64, real.shape, elements=size)), 0)
    if not (weights > 0).any():
        return corpus
    return corpus.with_targets(targets, weights)


def same(one, other):
    for name in ("tokens", "targets", "weights"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    assert (one.vocabulary, one.labels, one.start, one.wrap) == (
        other.vocabulary,
        other.labels,
        other.start,
        other.wrap,
    )


def test_everything_wrong_with_a_batch_is_said_at_once():
    with pytest.raises(hl.CorpusError) as wrong:
        Batch([[0, -1, 2]], [[0, 7, 1]], [[1, math.nan]], d_vocab=3)
    assert str(wrong.value).splitlines() == [
        "targets must be from 0 to 2, or -1 for none, got 7: give ids of the vocabulary",
        "weights must be finite numbers of at least 0 [sequence, position], got nan: give 0 to a place that does not count",
        "tokens must be padded (-1) at the right only, got a token after padding in sequence 0: move it",
    ]


@pytest.mark.parametrize("d_vocab", [0, -1, 2.5, "7", None, True, 10**6])
def test_a_batch_says_how_many_tokens_there_are(d_vocab):
    with pytest.raises(hl.CorpusError, match="d_vocab must be a whole number from 1 to 65536, got"):
        Batch([[0]], [[0]], [[1]], d_vocab)


def test_a_corpus_names_every_token_of_its_batch():
    with pytest.raises(hl.CorpusError, match="one a token, 7, got 2 and 7"):
        Corpus(Corpus.notebook().batch, ("a", "b"), Corpus.notebook().labels)


@pytest.mark.parametrize(
    ("targets", "weights", "said"),
    [
        ([[1, 2, 0, 0]], None, "targets must be as the tokens, (2, 3), got (1, 4)"),
        ([[1, 2, 0], [1, 0, 1]], None, "targets must be where there is a token, got one at sequence 1, position 2"),
        ([[1, 2, 0], [1, 0.5, -1]], None, "targets must be whole numbers [sequence, position], got float64 (2, 3)"),
        ([[1, 2, 0], [1, 0]], None, "targets must be whole numbers [sequence, position], got [[1, 2, 0], [1, 0]]"),
        ("abc", None, "targets must be whole numbers [sequence, position], got 'abc'"),
        (None, np.ones((2, 3)), "weights above 0 must be where there is a target, got one at sequence 1, position 2"),
        (None, [[1, 1, -1], [1, 1, 0]], "at least 0 [sequence, position], got -1.0"),
        (None, [[1, 1, math.inf], [1, 1, 0]], "at least 0 [sequence, position], got inf"),
        (None, [[1, 1, 1]], "weights must be as the tokens, (2, 3), got (1, 3)"),
        (None, "heavy", "weights must be finite numbers of at least 0 [sequence, position], got 'heavy'"),
        (None, np.zeros((2, 3)), "a batch must have something to predict, got no target of a weight above 0"),
        (np.full((2, 3), -1), None, "a batch must have something to predict, got no target of a weight above 0"),
    ],
)
def test_targets_and_weights_that_do_not_fit_are_refused(targets, weights, said):
    corpus = Corpus.from_ids([[0, 1, 2], [0, 1]])
    with pytest.raises(hl.CorpusError) as wrong:
        corpus.with_targets(targets, weights)
    assert said in str(wrong.value)


def test_what_a_batch_holds_cannot_be_written_to_and_is_not_what_it_was_made_from():
    weights = np.array([[1.0, 2.0, 0.0, 3.0, -0.0], [0, 0, 1, 1, 1]])
    corpus = Corpus.notebook().with_targets(np.where(weights > 0, Corpus.notebook().targets, -1), weights)
    weights[:] = 7
    assert corpus.weights.tolist() == [[1, 2, 0, 3, 0], [0, 0, 1, 1, 1]]
    assert not np.signbit(corpus.weights).any()
    for array in (corpus.tokens, corpus.targets, corpus.weights):
        with pytest.raises(ValueError, match="read-only"):
            array[0, 0] = 1


@settings(max_examples=60, deadline=None)
@given(texts, st.randoms(use_true_random=False))
def test_a_target_of_weight_0_is_none(text, random):
    corpus = Corpus.from_text(text)
    weights = np.vectorize(lambda target: random.choice([0, 1, 2.5]) if target >= 0 else 0.0)(corpus.targets)
    weights[0, 0] = 1
    by_weight = corpus.with_targets(weights=weights)
    same(by_weight, corpus.with_targets(np.where(weights > 0, corpus.targets, -1), weights))
    np.testing.assert_array_equal(by_weight.targets >= 0, weights > 0)


@settings(max_examples=60, deadline=None)
@given(texts, st.sampled_from([0.1, 1.0, 3.0, 1e300]))
def test_weights_that_are_all_equal_change_no_bit(text, weight):
    corpus = Corpus.from_text(text)
    alike = corpus.with_targets(weights=weight * (corpus.targets >= 0))
    assert (alike.floor(), alike.bigram_floor()) == (corpus.floor(), corpus.bigram_floor())
    np.testing.assert_array_equal(alike.association(), corpus.association())
    assert alike.dependencies() == corpus.dependencies()
    one, other = (hl.train(c, training=SHORT, seeds=[3], snapshots=None) for c in (corpus, alike))
    np.testing.assert_array_equal(one.loss, other.loss)
    np.testing.assert_array_equal(one.params.flat(), other.params.flat())


def smallest_loss(contexts, corpus):
    """The weighted loss, minimised numerically over one free distribution a context."""
    where = corpus.weights > 0
    number = {context: at for at, context in enumerate(dict.fromkeys(np.array(contexts, object)[where].tolist()))}
    rows = np.array([number[context] for context in np.array(contexts, object)[where].tolist()])
    targets, weights = corpus.targets[where], corpus.weights[where] / corpus.weights[where].sum()

    def loss(flat):
        logits = flat.reshape(len(number), corpus.d_vocab)
        top = logits.max(axis=1, keepdims=True)
        logs = logits - top - np.log(np.exp(logits - top).sum(axis=1, keepdims=True))
        gradient = np.zeros_like(logits)
        np.add.at(gradient, rows, weights[:, None] * np.exp(logs[rows]))
        np.add.at(gradient, (rows, targets), -weights)
        return -(weights * logs[rows, targets]).sum(), gradient.ravel()

    options = {"maxiter": 5000, "ftol": 1e-15, "gtol": 1e-10}
    return minimize(loss, np.zeros(len(number) * corpus.d_vocab), jac=True, method="L-BFGS-B", options=options).fun


@settings(max_examples=20, deadline=None)
@given(weighted())
def test_floors_are_the_smallest_weighted_loss_that_can_be_reached(corpus):
    prefixes = np.empty(corpus.tokens.shape, object)
    for row, position in np.ndindex(prefixes.shape):
        prefixes[row, position] = tuple(corpus.tokens[row, : position + 1].tolist())
    assert corpus.floor() == pytest.approx(smallest_loss(prefixes, corpus), abs=1e-4)
    assert corpus.bigram_floor() == pytest.approx(smallest_loss(corpus.tokens, corpus), abs=1e-4)
    assert 0 <= corpus.floor() <= corpus.bigram_floor() + 1e-12


def test_a_bigram_is_counted_by_its_weight():
    corpus = Corpus.notebook()
    weights = np.ones((2, 5))
    weights[0, 3] = 3  # the chicken, three times as important as the beef
    heavier = corpus.with_targets(weights=weights)
    assert heavier.association().loc["the", "chkn"] == heavier.bigram_probability(1, 3) == 0.75
    assert heavier.bigram_floor() == pytest.approx((2 * math.log(2) + 3 * math.log(4 / 3) + math.log(4)) / 12)
    assert heavier.floor() == pytest.approx(2 * math.log(2) / 12)


def test_training_minimises_the_weighted_loss_and_all_that_measure_it_agree():
    corpus = Corpus.notebook()
    weights = np.where(corpus.targets >= 0, 1.0, 0)
    weights[0, 0], weights[1, 0] = 9, 0.5  # the first word is a coin toss; here it falls on “man” 18 times of 19
    uneven = corpus.with_targets(weights=weights)
    floor = uneven.floor()
    assert floor == pytest.approx((9 * math.log(9.5 / 9) + 0.5 * math.log(19)) / 17.5)
    runs = hl.train(uneven, training=hl.TrainConfig.of(steps=3000, learning_rate=0.1), seeds=range(4))
    assert (runs.loss >= floor - 1e-6).all()
    assert runs.final_loss.min() == pytest.approx(floor, abs=0.01)
    man = runs.probs()[runs.final_loss.argmin(), 0, 0, corpus.vocabulary.index("man")]
    assert man == pytest.approx(18 / 19, abs=0.01)
    still = hl.train(uneven, init=runs.params, training=hl.TrainConfig.of(steps=0))
    np.testing.assert_allclose(still.final_loss, runs.subject.mean_loss, atol=1e-6)


def test_a_place_of_weight_0_is_nothing_to_solve():
    corpus = Corpus.notebook()
    only_meal = corpus.with_targets(weights=np.where(np.arange(5) == 3, 1.0, 0) * np.ones((2, 1)))
    assert np.argwhere(only_meal.resolvable()).tolist() == [[0, 3], [1, 3]]
    assert [(d.sequence, d.position, d.settled_by) for d in only_meal.dependencies()] == [(0, 3, 1), (1, 3, 1)]
    runs = hl.train(only_meal, training=hl.TrainConfig.of(steps=1000, learning_rate=0.1), seeds=range(4))
    right = runs.logits().argmax(axis=-1) == corpus.targets
    np.testing.assert_array_equal(runs.solved(), right[:, :, 3].all(axis=1))
    assert runs.solved().any()
    assert not right[runs.solved()].all(axis=(1, 2)).any()  # everywhere else nobody asked
    uneven = corpus.with_targets(weights=np.where(np.arange(5) == 0, 0.0, 1) * np.ones((2, 1)))
    assert uneven.floor() == 0


@settings(max_examples=200, deadline=None)
@given(weighted())
def test_targets_and_weights_come_back_from_json(corpus):
    plain = json.loads(json.dumps(corpus.to_dict()))
    same(Corpus.from_dict(plain), corpus)


@settings(max_examples=25, deadline=None)
@given(weighted(), st.sampled_from(["all", "none"]))
def test_targets_and_weights_come_back_with_saved_runs(tmp_path_factory, corpus, record):
    folder = tmp_path_factory.mktemp("runs")
    runs = hl.train(corpus, training=SHORT, seeds=[1, 2], record=record)
    runs.save(folder)
    again = hl.Runs.load(folder)
    same(again.corpus, corpus)
    np.testing.assert_array_equal(again.solved(), runs.solved())
    np.testing.assert_array_equal(again.subject.mean_loss, runs.subject.mean_loss)


@settings(max_examples=8, deadline=None)
@given(weighted())
def test_targets_and_weights_come_back_with_a_study(tmp_path_factory, corpus):
    folder = tmp_path_factory.mktemp("study") / "one"
    study = Study.create(folder, StudyDesign.grid(corpus, seeds=[0, 1], training=SHORT, d_head=[2]))
    study.run(threads=1)
    again = Study(folder)
    same(again.design.conditions[0].dataset.corpus, corpus)
    alone = hl.train(corpus, ModelConfig(d_head=2), SHORT, seeds=[0, 1], record="none")
    np.testing.assert_array_equal(again.runs(0).params.flat(), alone.params.flat())
    np.testing.assert_array_equal(again.table()["solved"], alone.solved())


def test_a_corpus_of_usual_targets_is_written_as_it_always_was():
    plain = Corpus.notebook().to_dict()
    assert list(plain) == ["sequences", "vocabulary", "labels", "start", "wrap"]
    masked = Corpus.notebook().with_targets(weights=np.where(np.arange(5) > 0, 1.0, 0) * np.ones((2, 1)))
    assert masked.to_dict() == {**plain, "targets": [[-1, 4, 1, 3, 0], [-1, 4, 1, 6, 0]]}


@pytest.mark.parametrize(
    "changes",
    [
        {"targets": [[1]]},
        {"targets": [[1, 2, 3, 4, 99], [1, 2, 3, 4, 5]]},
        {"targets": None},
        {"weights": [[1, 1, 1, 1, True], [1, 1, 1, 1, 1]]},
        {"weights": [[1, 1, 1, 1, math.nan], [1, 1, 1, 1, 1]]},
        {"weights": [[0] * 5] * 2},
        {"weights": 1},
        {"weight": [[1] * 5] * 2},
    ],
    ids=str,
)
def test_damaged_targets_and_weights_are_refused(changes):
    with pytest.raises(hl.CorpusError):
        Corpus.from_dict({**Corpus.notebook().to_dict(), **changes})


def test_two_batches_are_joined_with_padding():
    short, long = Corpus.from_ids([[0, 1]]).batch, Corpus.from_ids([[2, 1, 0]]).batch
    both = short.joined(long)
    assert both.tokens.tolist() == [[0, 1, -1], [2, 1, 0]]
    assert both.weights.tolist() == [[1, 1, 0], [1, 1, 1]]
    assert (both.d_vocab, both.n_sequences, both.n_ctx) == (3, 2, 3)
