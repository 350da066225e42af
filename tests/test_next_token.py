"""What runs predict after a text of one's own, against what they computed on their corpus."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

import headlab as hl
from headlab import Corpus, ModelConfig
from headlab.cli.main import cli
from headlab.errors import CorpusError, SelectionError
from headlab.model.forward import forward

SHORT = hl.TrainConfig(phases=(hl.Phase(40),), learning_rate=0.05)
MODELS = {
    "the notebook's": ModelConfig(),
    "two layers of two heads": ModelConfig(d_head=3, n_layers=2, n_heads=2, factored_values=True),
    "without positions": ModelConfig(positions=False),
    "a wide one with W_U": ModelConfig(d_head=1, d_model=11, unembed=True),
}


@pytest.fixture(scope="module")
def runs():
    return hl.train(Corpus.notebook(), seeds=range(6), record="none")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", MODELS)
def test_on_the_beginning_of_a_trained_sentence_it_is_what_the_runs_computed_there_to_the_bit(name, dtype):
    corpus = Corpus.from_text("man ordered the chicken\nwoman ordered the beef now\nman left")
    runs = hl.train(corpus, MODELS[name], SHORT.replace(dtype=dtype), seeds=range(3), record="none")
    pattern = runs.activations().pattern
    for sequence, words in enumerate(corpus.sentences):
        for length in range(1, len(words) + 1):
            found = runs.predict(" ".join(words[1:length]))
            np.testing.assert_array_equal(found.logits, runs.logits()[:, sequence, length - 1])
            np.testing.assert_array_equal(found.attention, pattern[:, :, :, sequence, length - 1, :length])
            assert found.words == words[:length]
            one = runs[1].predict(" ".join(words[1:length]))
            np.testing.assert_array_equal(one.logits, found.logits[1])


def test_a_text_that_was_not_trained_goes_through_the_model_as_any_other(runs):
    found = runs.predict("beef the man")
    tokens = np.array([[0, 6, 1, 2]])
    np.testing.assert_allclose(found.logits, forward(runs.params, tokens, runs.model).logits[:, 0, -1], rtol=1e-5)
    np.testing.assert_allclose(
        found.probs, np.exp(found.logits) / np.exp(found.logits).sum(1, keepdims=True), rtol=1e-5
    )
    np.testing.assert_allclose(found.sigmoid, 1 / (1 + np.exp(-found.logits)), rtol=1e-5)


@pytest.mark.parametrize(
    "text",
    [
        "man ordered the…",
        "man ordered the...",
        " man  ordered the … \n",
        "<Start> man ordered the",
        "<ST> man ordrd the",
        "man\u200b ordrd the",
    ],
)
def test_ellipsis_start_token_labels_and_spaces_may_be_written_or_not(runs, text):
    assert runs[0].predict(text).words == ("<Start>", "man", "ordered", "the")


def test_an_ellipsis_that_is_a_token_stays_one():
    corpus = Corpus.from_text("well … yes\nno ...")
    assert corpus.encode("well …").tolist() == [0, 1, 2]
    assert corpus.encode("no ...").tolist() == [0, 4, 5]
    assert corpus.encode("no …").tolist() == [0, 4, 2]


def test_the_empty_text_is_the_start_token_alone(runs):
    for text in ("", "…", "\n"):
        np.testing.assert_array_equal(runs.predict(text).logits, runs.logits()[:, 0, 0])
    bare = hl.train(Corpus.from_text("a b\nb a", start=None), training=SHORT, seeds=0, record="none")
    with pytest.raises(SelectionError, match="at least one token, as there is no start token"):
        bare.predict("")


def test_a_tables_rows_are_sorted_and_many_runs_are_counted(runs):
    one = runs[0].predict("man ordered the …")
    assert one.token == "chicken"
    assert one.table()["probability"].is_monotonic_decreasing
    assert one.table()["probability"].sum() == pytest.approx(1, abs=1e-6)
    many = runs.predict("man ordered the …")
    table = many.table()
    best = many.logits.argmax(axis=1)
    assert table["predicted"].sum() == 1
    for token, row in table.iterrows():
        number = many.vocabulary.index(token)
        assert row["predicted"] == (best == number).mean()
        assert row["probability"] == pytest.approx(many.probs[:, number].mean())
        assert row["q50"] == pytest.approx(np.median(many.probs[:, number]))
    assert (many[2].logits == many.logits[2]).all()
    assert "6 runs: chicken by" in repr(many)
    assert "<table" in many._repr_html_()
    assert "&lt;Start&gt;" in one._repr_html_()


def test_all_unknown_words_are_named_at_once_each_with_the_nearest(runs):
    with pytest.raises(CorpusError, match=r"'mna' \(nearest: 'man'\), 'Beef' \(nearest: 'beef'\), '中': use") as caught:
        runs.predict("mna ordered Beef 中 mna")
    assert str(caught.value).count("mna") == 1


REFUSED = {
    "two lines": ("man\nwoman", CorpusError, "one line, got 2"),
    "the start token inside": ("man <Start>", CorpusError, "must not hold the start token"),
    "longer than the positions": ("man " * 6, SelectionError, "at most 5 tokens, .* got 7: take 2 away"),
    "no text": (3, CorpusError, "must be text, got int"),
    "half a character": ("man \ud800", CorpusError, "half a character"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_texts_that_cannot_be_asked_are_refused(runs, what):
    text, error, sentence = REFUSED[what]
    with pytest.raises(error, match=sentence):
        runs.predict(text)


def test_without_positions_a_text_may_have_any_length():
    runs = hl.train(Corpus.notebook(), ModelConfig(positions=False), SHORT, seeds=range(2), record="none")
    assert runs.predict("man " * 40).attention.shape == (2, 1, 1, 41)


def test_runs_that_are_no_finite_numbers_are_refused():
    runs = hl.train(Corpus.notebook(), training=hl.TrainConfig(learning_rate=1e38), seeds=range(3), record="none")
    with pytest.raises(SelectionError, match=r"got 3 of 3 that diverged \(run 0, 1, 2\)"):
        runs.predict("man")
    with pytest.raises(SelectionError, match="this one diverged"):
        runs[1].predict("man")


def test_characters_are_split_as_in_the_corpus():
    corpus = Corpus.from_text("the cat\n你 好 e\u0301", tokens="characters")
    runs = hl.train(corpus, training=SHORT, seeds=0, record="none")
    found = runs.predict("你 好…")
    assert found.words == ("<Start>", "你", "␣", "好")
    assert found.text == "<Start> 你 好"
    with pytest.raises(CorpusError, match="got 'x', '👍🏽': use"):
        runs.predict("x👍🏽")


def test_without_a_mask_only_the_text_is_seen_and_that_is_said(tmp_path):
    runs = hl.train(Corpus.notebook(), ModelConfig(causal=False), SHORT, seeds=range(2), record="none")
    whole = runs.predict("man ordered the chicken")
    np.testing.assert_array_equal(whole.logits, runs.logits()[:, 0, 4])
    assert runs.predict("man").attention.sum(axis=-1) == pytest.approx(1, abs=1e-6)
    folder = runs.save(tmp_path / "runs")
    done = CliRunner().invoke(cli, ["predict", str(folder), "man"])
    assert "sees only what is there" in " ".join(done.output.split())


def test_the_command_says_what_the_library_does(runs, tmp_path):
    folder = str(runs.save(tmp_path / "runs"))

    def ask(*words):
        return CliRunner().invoke(cli, ["predict", folder, *words])

    told = json.loads(ask("man ordered the …", "--run", "3", "--json").stdout)
    assert (told["run"], told["seed"], told["predicted"]) == (3, 3, runs[3].predict("man ordered the").token)
    assert [row["probability"] for row in told["tokens"]] == runs[3].predict("man ordered the").table()[
        "probability"
    ].tolist()
    every = json.loads(ask("man", "--all", "--json").stdout)
    assert (every["runs"], every["left_out"], every["tokens"][0]["predicted"]) == (6, 0, 1.0)
    short = ask("man ordered the", "--top", "2").stdout
    assert "… and 5 more tokens" in short
    assert "woman" not in short
    for words, sentence in (
        (["man", "--run", "9"], "a run must be from 0 to 5, got 9"),
        (["man", "--all", "--run", "1"], "--all must go without --run"),
        (["man", "--top", "0"], "--top must be"),
        (["mna"], "nearest: 'man'"),
    ):
        assert sentence in str(ask(*words).exception)
