"""Which positions of two places answer to each other."""

import time
from collections import Counter

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from headlab import Corpus
from headlab.data.alignment import MOST_ALIGNMENTS, alignments, context, differing, nearest, visible
from headlab.data.batch import padded

FEW = settings(max_examples=60, deadline=None)
SENTENCES = st.lists(st.lists(st.integers(0, 4), min_size=1, max_size=7), min_size=2, max_size=5).map(padded)
CAUSAL = st.booleans()


@st.composite
def places(draw, count=2):
    tokens = draw(SENTENCES)
    every = [(row, at) for row, at in np.argwhere(tokens >= 0).tolist()]
    return tokens, [draw(st.sampled_from(every)) for _ in range(count)]


def words_paired(text, places, causal=True):
    """The alignments of two places as pairs of words, which are unique to read, and the words with no counterpart."""
    corpus = Corpus.from_text(text)
    names = [corpus.sentences[row] for row, _ in places]
    return [
        (
            {(names[0][a], names[1][b]) for a, b in item.pairs if names[0][a] != names[1][b]},
            [names[0][a] for a in item.unpaired_a],
            [names[1][b] for b in item.unpaired_b],
        )
        for item in alignments(corpus.tokens, *places, causal)
    ]


def test_a_subject_answers_to_a_subject_wherever_it_stands():
    first = "man ordered the chicken\n"
    assert words_paired(first + "woman ordered the beef", [(0, 3), (1, 3)]) == [({("man", "woman")}, [], [])]
    assert words_paired(first + "lo woman ordered the beef", [(0, 3), (1, 4)]) == [
        ({("man", "woman")}, [], ["lo"]),
        ({("man", "lo")}, [], ["woman"]),
    ]
    assert words_paired(first + "woman there ordered the beef", [(0, 3), (1, 4)]) == [
        ({("man", "there")}, [], ["woman"]),
        ({("man", "woman")}, [], ["there"]),
    ]
    moved = "man quickly ordered the chicken\nquickly woman ordered the beef"
    assert words_paired(moved, [(0, 4), (1, 4)]) == [({("man", "woman")}, [], [])]


def test_what_stands_after_the_place_is_seen_and_paired_without_a_mask_only():
    text, where = "man ordered the chicken now\nwoman ordered the beef", [(0, 3), (1, 3)]
    assert words_paired(text, where, causal=True) == [({("man", "woman")}, [], [])]
    assert words_paired(text, where, causal=False) == [
        ({("man", "woman"), ("chicken", "beef")}, ["now"], []),
        ({("man", "woman"), ("now", "beef")}, ["chicken"], []),
    ]


def test_two_places_of_one_sentence_share_what_both_see():
    [(_, here, there)] = words_paired("x go x stop", [(0, 1), (0, 3)])
    assert (here, there) == ([], ["x", "go"])


@FEW
@given(places(), CAUSAL)
def test_every_position_that_is_seen_stands_in_an_alignment_once(found, causal):
    tokens, (a, b) = found
    for item in alignments(tokens, a, b, causal):
        for place, paired, unpaired in zip(
            (a, b), zip(*item.pairs, strict=True), (item.unpaired_a, item.unpaired_b), strict=True
        ):
            assert sorted([*paired, *unpaired]) == list(visible(tokens[place[0]], place[1], causal))
        assert (a[1], b[1]) in item.pairs


@FEW
@given(places(), CAUSAL)
def test_swapping_the_places_swaps_the_pairs(found, causal):
    tokens, (a, b) = found
    there, here = alignments(tokens, a, b, causal), alignments(tokens, b, a, causal)
    assert [{(y, x) for x, y in item.pairs} for item in there] == [set(item.pairs) for item in here]
    assert [(item.unpaired_b, item.unpaired_a) for item in there] == [(i.unpaired_a, i.unpaired_b) for i in here]


@FEW
@given(places(count=6), CAUSAL, st.randoms())
def test_neither_the_names_of_tokens_nor_the_order_of_sentences_matter(found, causal, random):
    tokens, (place, *candidates) = found
    names, order = random.sample(range(5), 5), random.sample(range(len(tokens)), len(tokens))
    other = np.append(names, -1)[tokens][order]
    moved = {(old, at): (order.index(old), at) for old, at in [place, *candidates]}
    assert alignments(tokens, place, candidates[0], causal) == alignments(
        other, moved[place], moved[candidates[0]], causal
    )
    shuffled = random.sample(candidates, len(candidates))
    here = {context(tokens, item, causal) for item in nearest(tokens, place, candidates, causal)}
    there = {context(other, i, causal) for i in nearest(other, moved[place], [moved[c] for c in shuffled], causal)}
    assert {(at, tuple(names[token] for token in seen)) for at, seen in here} == there


@FEW
@given(places(), CAUSAL)
def test_a_context_is_the_same_as_itself_and_pairs_with_itself_in_place(found, causal):
    tokens, (a, _) = found
    assert differing(tokens, a, [a], causal).tolist() == [0]
    assert alignments(tokens, a, a, causal)[0].pairs == tuple((s, s) for s in visible(tokens[a[0]], a[1], causal))


@FEW
@given(places(count=5), CAUSAL)
def test_how_many_slots_differ_is_what_every_alignment_counts(found, causal):
    tokens, (a, *others) = found
    for b, count in zip(others, differing(tokens, a, others, causal).tolist(), strict=True):
        for item in alignments(tokens, a, b, causal):
            unequal = sum(tokens[a[0], x] != tokens[b[0], y] for x, y in item.pairs)
            assert unequal + len(item.unpaired_a) + len(item.unpaired_b) == count
        here, there = (Counter(context(tokens, place, causal)[1]) for place in (a, b))
        assert count >= max(here.total(), there.total()) - (here & there).total()


@FEW
@given(places(count=6), CAUSAL)
def test_a_repeated_sentence_changes_no_nearest_place(found, causal):
    tokens, (place, *candidates) = found
    repeated = np.concatenate([tokens, tokens])
    twice = [*candidates, *((row + len(tokens), at) for row, at in candidates)]
    assert nearest(repeated, place, twice, causal) == nearest(tokens, place, candidates, causal)


def test_nearest_are_other_sentences_then_the_same_position_then_the_fewest_tokens_that_differ():
    corpus = Corpus.from_text("a x b x\na x\nb b x\nc c x\nb x\nb x")
    place = (1, 2)
    assert nearest(corpus.tokens, place, [(1, 1), (2, 3)], True) == [(2, 3)]
    assert nearest(corpus.tokens, place, [(2, 3), (3, 3)], True) == [(2, 3), (3, 3)]
    assert nearest(corpus.tokens, place, [(2, 3), (3, 3), (0, 4), (4, 2), (5, 2)], True) == [(4, 2)]
    assert nearest(corpus.tokens, (0, 2), [(0, 4)], True) == [(0, 4)]
    assert nearest(corpus.tokens, (0, 2), [], True) == []


def test_a_surplus_that_can_be_left_out_in_too_many_ways_leaves_out_the_farthest():
    tokens = padded([[1, 2, 0], [*range(3, 3 + 9), 0]])
    assert len(alignments(tokens, (0, 2), (1, 9), True)) == 1  # 9 over 2 are 36
    assert alignments(tokens, (0, 2), (1, 9), True)[0].pairs == ((0, 7), (1, 8), (2, 9))
    assert len(alignments(tokens[:, :9], (0, 2), (1, 8), True)) == 28 <= MOST_ALIGNMENTS


def test_nearest_places_of_a_large_corpus_are_found_at_once():
    tokens = np.random.default_rng(0).integers(0, 300, size=(4000, 64))
    candidates = [(row, row % 64) for row in range(1, 4000)]
    for causal in (True, False):
        start = time.process_time()
        assert nearest(tokens, (0, 40), candidates, causal)
        assert nearest(tokens, (0, 0), [(row, 63) for row in range(1, 4000)], causal)
        assert time.process_time() - start < 1
