"""Corpora: ids, targets, floors and dependencies."""

import json
import math
from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headlab import Corpus, CorpusError

words = st.lists(st.sampled_from("abcd"), min_size=1, max_size=5).map(" ".join)
texts = st.lists(words, min_size=2, max_size=4).map("\n".join).filter(lambda text: len(set(text.split())) > 1)


def test_notebook_corpus_has_the_ids_and_targets_that_the_notebook_prints():
    corpus = Corpus.notebook()
    np.testing.assert_array_equal(corpus.tokens + 1, [[1, 3, 5, 2, 4], [1, 6, 5, 2, 7]])
    np.testing.assert_array_equal(corpus.targets + 1, [[3, 5, 2, 4, 1], [6, 5, 2, 7, 1]])
    assert corpus.position_labels(0) == ["0 <ST>", "1 man", "2 ordrd", "3 the", "4 chkn"]


def test_notebook_floors_are_what_the_shares_give_by_hand():
    # Ten positions; the start token (2 of them) is a coin toss, and for the current token alone so is "the" (2 more).
    corpus = Corpus.notebook()
    assert corpus.floor() == pytest.approx(2 * math.log(2) / 10)
    assert corpus.bigram_floor() == pytest.approx(4 * math.log(2) / 10)


def test_association_table_is_the_one_the_notebook_announces():
    table = Corpus.notebook().association()
    assert table.loc["the", "chkn"] == table.loc["the", "beef"] == 0.5
    assert table.loc["man", "ordrd"] == 1.0
    assert table.sum(axis=1).eq(1).all()


def test_the_depends_on_the_subject_and_the_start_token_cannot_be_resolved():
    dependencies = Corpus.notebook().dependencies()
    the = [d for d in dependencies if d.position == 3]
    assert [(d.settled_by, d.resolvable) for d in the] == [(1, True), (1, True)]
    assert [d.resolvable for d in dependencies if d.position == 0] == [False, False]
    assert Corpus.notebook().resolvable().sum() == 8


def test_dependency_that_needs_two_earlier_tokens_is_resolvable_but_settled_by_neither():
    corpus = Corpus.from_text("a x q 1\nb x q 2\na y q 2\nb y q 1", wrap=False)
    needs_both = [d for d in corpus.dependencies() if corpus.vocabulary[d.token] == "q"]
    assert len(needs_both) == 4
    assert all(d.resolvable and d.settled_by is None for d in needs_both)


def test_without_wrap_the_last_token_has_no_target():
    corpus = Corpus.from_text("a b\na c", wrap=False)
    np.testing.assert_array_equal(corpus.targets[:, -1], [-1, -1])


def test_sentences_of_different_length_are_padded():
    corpus = Corpus.from_text("a b c\nd")
    assert corpus.lengths.tolist() == [4, 2]
    assert corpus.tokens[1].tolist() == [0, 4, -1, -1]
    assert corpus.targets[1].tolist() == [4, 0, -1, -1]


def test_line_ends_byte_order_mark_and_blank_lines_do_not_matter(tmp_path):
    file = tmp_path / "corpus.txt"
    file.write_bytes("﻿man ordered\r\n\r\n  woman   ordered \r".encode())
    assert Corpus.from_file(file).sentences == (("<Start>", "man", "ordered"), ("<Start>", "woman", "ordered"))


@given(texts)
def test_the_full_prefix_never_knows_less_than_the_current_token(text):
    corpus = Corpus.from_text(text)
    assert -1e-12 <= corpus.floor() <= corpus.bigram_floor() + 1e-12 <= math.log(corpus.d_vocab) + 1e-9


@given(texts, st.randoms(use_true_random=False))
def test_order_of_the_vocabulary_changes_no_floor_and_no_dependency(text, random):
    plain = Corpus.from_text(text)
    order = list(plain.vocabulary)
    random.shuffle(order)
    shuffled = Corpus.from_text(text, vocabulary=order)
    assert shuffled.floor() == pytest.approx(plain.floor())
    assert shuffled.bigram_floor() == pytest.approx(plain.bigram_floor())
    assert [(d.sequence, d.position, d.settled_by) for d in shuffled.dependencies()] == [
        (d.sequence, d.position, d.settled_by) for d in plain.dependencies()
    ]


@given(texts)
def test_corpus_survives_the_round_trip_through_json(text):
    corpus = Corpus.from_text(text)
    again = Corpus.from_dict(corpus.to_dict())
    np.testing.assert_array_equal(again.tokens, corpus.tokens)
    np.testing.assert_array_equal(again.targets, corpus.targets)
    assert again.to_dict() == corpus.to_dict()


def test_every_order_of_sentences_has_the_same_floor():
    lines = ["a b c", "a c b", "b b"]
    assert len({round(Corpus.from_text("\n".join(order)).floor(), 12) for order in permutations(lines)}) == 1


def test_outputs_of_their_own_are_named_checked_and_come_back():
    corpus = Corpus.notebook()
    asked = np.where(np.arange(5) == 3, [[0], [1]], -1)
    classes = corpus.with_targets(asked, outputs=["fowl", "cattle"])
    assert (classes.batch.n_outputs, classes.d_vocab_out, classes.output_labels) == (2, 2, ("fowl", "cattle"))
    again = Corpus.from_dict(json.loads(json.dumps(classes.to_dict())))
    assert again.outputs == classes.outputs
    assert again.to_dict() == classes.to_dict()
    np.testing.assert_array_equal(again.targets, asked)
    assert classes.association().loc["the", "cattle"] == 0.5
    assert list(classes.association().columns) == ["fowl", "cattle"]
    assert classes.batch.order.tolist() == [0, 2, 4, 1, 3, 5, 6], "by where tokens appear, whatever is asked of them"
    with pytest.raises(CorpusError, match=r"targets must be from 0 to 1, or -1 for none, got 2"):
        corpus.with_targets(np.where(asked == 1, 2, asked), outputs=["fowl", "cattle"])
    with pytest.raises(CorpusError, match="outputs must be one a d_vocab_out of the batch, None, got 2"):
        replace(corpus, outputs=("fowl", "cattle"))
    with pytest.raises(CorpusError, match="outputs must name every token once"):
        corpus.with_targets(asked, outputs=["fowl", "fowl"])
