"""Data that is drawn: a function of seed, stream and number, however it is cut; what is wrong with it is said with its place."""

import hashlib
import json
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

import headlab as hl
from headlab.data.dataset import Dataset
from headlab.data.draws import STREAMS, Draws, words_of
from headlab.data.philox import philox
from headlab.data.stream import Stream
from headlab.engine import Job
from headlab.study.identity import Data

LETTERS = ("a", "b", "c", "d")


def echo(draws, size):
    drawn = draws.integers(4, 3)
    return drawn, drawn


def all_echoes():
    tokens = np.indices((4, 4, 4)).reshape(3, -1).T
    yield tokens[:20], tokens[:20]
    yield tokens[20:], tokens[20:]


def rows(seed):
    drawn = Draws(seed, "test", 0, 10).integers(4, 3)
    return drawn, drawn


ECHO = Stream(echo, LETTERS, 3, enumerate=all_echoes)
SEEDS = st.integers(0, 2**64 - 1)


def one_word(seed, stream, example, number):
    counter = (number // 4, 0x80000000 | stream, example % 2**32, example >> 32)
    key = (seed % 2**32, seed >> 32)
    drawn = philox(tuple(np.array([c], np.uint64) for c in counter), tuple(np.array([k], np.uint64) for k in key))
    return int(drawn[number % 4][0])


@given(SEEDS, st.sampled_from(list(STREAMS)), st.integers(0, 2**63), st.lists(st.integers(0, 6), max_size=5))
@settings(max_examples=60, deadline=None)
def test_every_word_is_that_of_its_number_however_many_are_asked_for_at_once(seed, stream, first, asked):
    draws, at = Draws(seed, stream, first, 2), 0
    for k in asked:
        expected = [[one_word(seed, STREAMS[stream], first + n, at + w) for w in range(k)] for n in range(2)]
        assert draws.words(k).tolist() == expected
        at += k


def test_words_of_data_are_none_of_the_initial_weights():
    assert all(0x80000000 | number >= 2**31 for number in STREAMS.values())
    assert len(set(STREAMS.values())) == len(STREAMS)


def likely(counts):
    return chisquare(np.asarray(counts).ravel()).pvalue > 1e-4


def test_whole_numbers_are_drawn_alike_often():
    for high in (2, 5, 64):
        drawn = Draws(3, "train", 0, 64_000 // high * high).integers(high, 1)[:, 0]
        assert likely(np.bincount(drawn, minlength=high))
    pairs = Draws(3, "train", 0, 40_000).integers(10, 2)
    assert likely(np.bincount(10 * pairs[:, 0] + pairs[:, 1], minlength=100))
    words = Draws(3, "train", 0, 50).words(4)
    expected = [[int(word) * 1000 >> 32 for word in row] for row in words]
    assert Draws(3, "train", 0, 50).integers(1000, 4).tolist() == expected


def test_numbers_between_0_and_1_are_never_either():
    word = Draws(9, "test", 0, 3).words(2)
    assert Draws(9, "test", 0, 3).uniform(2).tolist() == ((word + 0.5) / 2**32).tolist()
    assert (0 + 0.5) / 2**32 > 0
    assert (2**32 - 1 + 0.5) / 2**32 < 1


def code(rows, base):
    return (rows * base ** np.arange(rows.shape[1])).sum(axis=1)


def test_what_is_chosen_is_different_and_every_ordered_choice_alike_likely():
    drawn = Draws(5, "train", 0, 60_000).chosen(5, 3)
    assert all(len(set(row)) == 3 for row in drawn[:500].tolist())
    counts = np.unique(code(drawn, 5), return_counts=True)[1]
    assert len(counts) == 5 * 4 * 3
    assert likely(counts)


def test_every_order_is_alike_likely_in_shuffles_and_in_orders():
    given = np.tile([0, 1, 2, 3], (48_000, 1))
    for drawn in (Draws(5, "train", 0, 48_000).shuffled(given), Draws(5, "order", 0, 48_000).order(4)):
        counts = np.unique(code(drawn, 4), return_counts=True)[1]
        assert len(counts) == 24
        assert likely(counts)
    assert given.tolist() == [[0, 1, 2, 3]] * 48_000


@given(SEEDS, st.integers(0, 2**40), st.integers(1, 30), st.integers(0, 30))
@settings(max_examples=30, deadline=None)
def test_an_example_does_not_depend_on_how_many_are_drawn(seed, first, n, cut):
    whole = ECHO.examples("train", first, n + cut, seed)[0]
    parts = (
        [ECHO.examples("train", first, n, seed)[0], ECHO.examples("train", first + n, cut, seed)[0]] if cut else [whole]
    )
    assert np.concatenate(parts).tolist() == whole.tolist()


def test_streams_and_seeds_have_examples_of_their_own():
    drawn = [ECHO.examples(name, 0, 30, seed)[0].tolist() for name in ("train", "held out", "test") for seed in (0, 1)]
    assert all(drawn[i] != drawn[j] for i in range(6) for j in range(i))
    with pytest.raises(hl.ConfigError, match="stream must be one of train, held out, test, got 'tests'"):
        ECHO.examples("tests", 0, 1)


def test_batches_are_the_examples_in_order_however_they_are_asked_for():
    tokens, targets = ECHO.batches(2, 3, 5, seed=7, start=1)
    assert (
        tokens.reshape(-1, 3).tolist()
        == ECHO.examples("train", 11, 15, 7)[0].tolist()
        == targets.reshape(-1, 3).tolist()
    )


def test_every_epoch_of_a_table_has_its_rows_once_in_an_order_of_its_own_and_leaves_out_what_makes_no_batch():
    numbered = Stream(
        echo, tuple(map(str, range(11))), 3, table=lambda seed: (np.tile(np.arange(11)[:, None], (1, 3)),) * 2
    )
    assert numbered.n_rows == 11
    steps = numbered.batches(0, 9, 4)[0][..., 0]  # two steps an epoch
    epochs = [steps[at : at + 2].ravel().tolist() for at in (0, 2, 4, 6)]
    assert all(len(set(epoch)) == 8 for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) == 4
    assert epochs[1] == Draws(0, "order", 1, 1).order(11)[0, :8].tolist()
    for cut in range(1, 9):
        parts = [numbered.batches(0, cut, 4)[0], numbered.batches(cut, 9 - cut, 4)[0]]
        assert np.concatenate(parts)[..., 0].tolist() == steps.tolist()
    assert numbered.batches(0, 9, 4, seed=1)[0][..., 0].tolist() != steps.tolist()
    with pytest.raises(hl.ConfigError, match="batch_size must be at most the 11 examples of the table, got 12"):
        numbered.batches(0, 1, 12)


def test_a_table_is_trained_on_as_it_is_and_other_examples_are_held_out():
    fixed = Stream(echo, LETTERS, 3, table=rows, held_out=lambda seed: tuple(array[:4] for array in rows(seed + 1)))
    assert fixed.examples("train", 8, 5)[0].tolist() == rows(0)[0][8:].tolist()
    assert fixed.examples("held out", 0, 9, 5)[0].tolist() == rows(6)[0][:4].tolist()
    assert fixed.check() == []


def test_everything_wrong_with_a_stream_is_said_at_once():
    with pytest.raises(hl.ConfigError) as wrong:
        Stream("echo", ("a", "a"), 0, outputs=(), counts="words", enumerate=3)
    assert [str(problem) for problem in wrong.value.problems] == [
        "vocabulary must name each token once, got 'a' twice: give it another name",
        "outputs must be 1 to 65536 names, got (): give a text a token",
        "n_ctx must be the length of the longest sequence, at least 1, got 0",
        "counts must be one of places, sequences, got 'words'",
        "sample must be a function, got 'echo'",
        "enumerate must be a function, got 3",
    ]


def wrong_at(draws, what, value, example, position):
    arrays = {name: np.tile(np.arange(3), (draws.n, 1)) for name in ("tokens", "targets")}
    there = example - draws.first
    if 0 <= there < draws.n:
        arrays[what][there, position] = value
    return arrays["tokens"], arrays["targets"]


@pytest.mark.parametrize(
    ("give", "said"),
    [
        (lambda draws: None, "sample must give tokens and targets, got 'NoneType'"),
        (lambda draws: (1, 2, 3), "sample must give tokens and targets, got 'tuple'"),
        (lambda draws: ([[0, 1], [0]], [[0, 1], [0]]), r"sample must give tokens in rows of one length, got \[\[0, 1\], \[0\]\]"),
        (lambda draws: (draws.uniform(3),) * 2, r"tokens as whole numbers \[example, position\], got float64 \(64, 3\)"),
        (lambda draws: (draws.integers(4, 3)[0],) * 2, r"tokens as whole numbers \[example, position\], got int64 \(3,\)"),
        (lambda draws: (draws.integers(4, 3)[1:],) * 2, "sample must give 64 examples, got 63"),
        (lambda draws: (draws.integers(4, 5),) * 2, "sequences of 1 to n_ctx = 3 positions, got 5"),
        (lambda draws: (draws.integers(4, 0),) * 2, "sequences of 1 to n_ctx = 3 positions, got 0"),
        (lambda draws: (draws.integers(4, 3), draws.integers(4, 2)), r"a target a token, \(64, 3\), got \(64, 2\)"),
        (lambda draws: wrong_at(draws, "tokens", 4, 5, 2), "tokens from 0 to 3, or -1 for none, got 4 in example 5, position 2"),
        (lambda draws: wrong_at(draws, "targets", -2, 63, 0), "targets from 0 to 3, or -1 .* got -2 in example 63, position 0"),
        (lambda draws: wrong_at(draws, "tokens", -1, 7, 1), "a token wherever one follows, .* in example 7, position 1"),
        (lambda draws: wrong_at(draws, "tokens", -1, 7, 0), "a token wherever one follows, .* in example 7, position 0"),
        (lambda draws: wrong_at(draws, "tokens", -1, 7, 2), "targets where there is a token, .* in example 7, position 2"),
        (lambda draws: (draws.integers(4, 3), np.full((draws.n, 3), -1)), "a target in every example, got none in example 0"),
        (lambda draws: {}["absent"], r"raised KeyError \('absent'\) at test_stream.py, line \d+: mend it there"),
        (
            lambda draws: (np.random.default_rng().integers(0, 4, (draws.n, 3)),) * 2,
            "a function of its draws, got another example 0 of the stream train when asked again",
        ),
        (
            lambda draws: (np.random.default_rng(0).integers(0, 4, (draws.n, 3)) + 0 * draws.words(1).astype(int),) * 2,
            "a function of its draws, got another example 23 .* when asked for 23 of them and then for the others",
        ),
        (lambda draws: (draws.integers(4, 2 + draws.n % 2),) * 2, "give sequences of one length, got .* when asked for 23"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_sampler_is_one_sentence_with_its_place(give, said):
    stream = Stream(lambda draws, size: give(draws), LETTERS, 3)
    problems = stream.check()
    assert len(problems) == 1
    assert problems[0].field == "sample"
    assert re.search(said, str(problems[0])), str(problems[0])


@pytest.mark.parametrize(
    ("pieces", "said"),
    [
        (lambda: iter(()), "name at least one input, got none"),
        (lambda: list(all_echoes())[:1], r"name every input that sample gives, and lacks \["),
        (lambda: [*all_echoes(), *all_echoes()], "name every input once, got one of them twice"),
        (
            lambda: [(tokens, 3 - targets) for tokens, targets in all_echoes()],
            "give the targets that sample gives, got",
        ),
        (lambda: [([[0, 1, 9]], [[0, 1, 2]])], "tokens from 0 to 3, or -1 for none, got 9 in example 0, position 2"),
        (lambda: 1 // 0, r"enumerate must give examples, and raised ZeroDivisionError .* at test_stream.py, line"),
    ],
)
def test_inputs_that_are_named_are_those_that_are_drawn(pieces, said):
    problems = Stream(echo, LETTERS, 3, enumerate=pieces).check()
    assert len(problems) == 1
    assert problems[0].field == "enumerate"
    with pytest.raises(hl.CorpusError, match=said):
        raise hl.CorpusError(problems)


def test_an_enumeration_that_fails_on_the_way_is_said_with_its_place():
    def breaks():
        yield next(all_echoes())
        raise OSError("no more")

    (problem,) = Stream(echo, LETTERS, 3, enumerate=breaks).check()
    assert "enumerate must give examples, and raised OSError (no more) at test_stream.py, line" in str(problem)


def test_a_table_that_is_empty_or_changes_is_refused():
    counted = iter(range(100))

    def changing(seed):
        return (np.full((4, 3), next(counted) % 4),) * 2

    for table, said in (
        (lambda seed: (np.zeros((0, 3), int),) * 2, "table must give at least one example, got 0"),
        (changing, "table must be a function of the data's seed, got other rows when asked again"),
    ):
        (problem,) = Stream(echo, LETTERS, 3, table=table).check()
        assert said in str(problem)


def test_what_a_bayesian_says_are_probabilities():
    for bayes, said in (
        (lambda tokens: np.zeros((len(tokens), 3)), r"bayes must give probabilities \(64, 3, 4\), got \(64, 3\)"),
        (lambda tokens: np.full((len(tokens), 3, 4), 0.3), "bayes must give probabilities that add up to 1"),
    ):
        (problem,) = Stream(echo, LETTERS, 3, bayes=bayes).check()
        with pytest.raises(hl.CorpusError, match=said):
            raise hl.CorpusError([problem])
    assert Stream(echo, LETTERS, 3, bayes=lambda tokens: np.full((len(tokens), 3, 4), 0.25)).check() == []


def test_a_drawn_dataset_shows_held_out_examples():
    dataset = Dataset.from_stream(ECHO, "echo")
    assert dataset.corpus.tokens.tolist() == ECHO.examples("held out", 0, 16)[0].tolist()
    assert (dataset.d_vocab, dataset.n_ctx, dataset.corpus.vocabulary) == (4, 3, LETTERS)
    assert repr(dataset) == "Dataset(echo: sequences of 3 of 4 tokens, drawn)"
    with pytest.raises(hl.ConfigError) as wrong:
        Dataset(hl.Corpus.notebook(), test=hl.Corpus.notebook(), stream=ECHO)
    assert [str(problem)[:60] for problem in wrong.value.problems] == [
        "a dataset's corpus must be examples of its stream, got anoth",
        "a dataset that is drawn must have no test, got one: give the",
    ]
    with pytest.raises(hl.ConfigError, match="stream must be a Stream, got 7"):
        Dataset(hl.Corpus.notebook(), stream=7)


def test_drawn_datasets_are_named_by_what_they_draw_and_by_no_word():
    plain = Data.of(Dataset.from_stream(ECHO))
    renamed = Stream(echo, tuple("wxyz"), 3, name="other")
    assert Data.of(Dataset.from_stream(renamed, "another")) == plain
    others = [
        Stream(lambda draws, size: (draws.integers(3, 3),) * 2, LETTERS, 3),
        Stream(lambda draws, size: (drawn := draws.integers(4, 3), 3 - drawn), LETTERS, 3),
        Stream(echo, (*LETTERS, "e"), 3),
        Stream(echo, LETTERS, 4),
        Stream(echo, LETTERS, 3, table=rows),
        Stream(echo, LETTERS, 3, counts="sequences"),
    ]
    shas = {Data.of(Dataset.from_stream(stream)).sha for stream in others}
    assert len(shas | {plain.sha}) == 1 + len(others)
    drawn = [ECHO.examples(name, 0, 64)[0].astype("<i4") for name in ("train", "held out")]
    said = hashlib.sha256(b"(4, 4, 3, 'places')")
    for array in drawn:
        said.update(2 * (b"(64, 3)" + array.tobytes()))
    assert ECHO.sha == said.hexdigest()


def test_what_was_drawn_from_a_task_that_is_not_here_says_so_only_when_it_is_to_be_drawn():
    dataset = Dataset.from_stream(Stream(echo, LETTERS, 3, counts="sequences", name="echo"), "echo")
    kept = json.loads(json.dumps(dataset.to_dict()))
    again = Dataset.from_dict(kept)
    assert again.to_dict() == dataset.to_dict() == kept
    assert again.identity_fields() == dataset.identity_fields()
    assert (again.stream.is_missing, again.stream.counts, again.n_ctx) == (True, "sequences", 3)
    assert repr(again) == "Dataset(echo: sequences of 3 of 4 tokens, missing)"
    with pytest.raises(hl.CorpusError, match="got only what runs keep of the task 'echo': load the task's file"):
        again.stream.examples("train", 0, 1)
    for damaged in ({}, {**kept["stream"], "sha": 7}, {**kept["stream"], "more": 1}, []):
        with pytest.raises(hl.ConfigError, match="a stream must be what headlab wrote"):
            Dataset.from_dict({**kept, "stream": damaged})


def test_training_is_refused_with_a_sentence_before_it_begins():
    with pytest.raises(hl.ConfigError, match="batch_size must say how many examples a step sees, got none"):
        Job.of(Dataset.from_stream(ECHO), hl.ModelConfig(), hl.TrainConfig())


def test_words_of_a_block_are_philox_of_its_counter():
    assert words_of(2**63 + 5, 1, 2**33 + 3, 1, 6, 1)[0].tolist() == [
        one_word(2**63 + 5, 1, 2**33 + 3, n) for n in range(24, 28)
    ]
