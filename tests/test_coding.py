"""The coding split between places that stand wherever they stand: truth tests on planted heads that attend by token."""

from dataclasses import replace

import numpy as np
import pytest
from planted import LOOK, STRONG, TWICE, Head, plant
from subjects import MODELS, RAGGED, subject_of

from headlab import Corpus
from headlab.analysis.choice import Choice, Place
from headlab.analysis.parts.coding import coding
from headlab.data.alignment import alignments

ORDERS = {
    "a word before the subject": "man ordered the chicken\nlo woman ordered the beef",
    "a word after the subject": "man ordered the chicken\nwoman there ordered the beef",
    "the subject before a word and after it": "man quickly ordered the chicken\nquickly woman ordered the beef",
    "words everywhere": "man ordered the chicken\noh there woman now ordered the beef",
}
COPY = {("man", "chicken"): STRONG, ("woman", "beef"): STRONG}
MOVED = {(f"~{who}", what): logit for (who, what), logit in COPY.items()}  # what a head before it put there
AT_SUBJECT = {(query, who): LOOK for query in ("the", "ordered") for who in ("man", "woman")}
ONE_LAYER = [[Head(AT_SUBJECT, COPY)]]
TWO_LAYERS = [[Head(AT_SUBJECT, moves=1.0)], [Head({("the", "ordered"): LOOK}, MOVED)]]
SHIFTED = ORDERS["a word before the subject"]


def planted(text, layers, causal=True, **options):
    subject = plant(Corpus.from_text(text), layers, **options)
    return replace(subject, model=replace(subject.model, causal=causal))


def choice_of(subject, here="chicken", there="beef"):
    """The choice between two words at the places that they follow, here against there."""
    corpus = subject.corpus
    target, rival = map(corpus.vocabulary.index, (here, there))
    at, other = (Place(*np.argwhere(corpus.targets == token)[0].tolist()) for token in (target, rival))
    return Choice(at, target, (rival,), (other,))


def change(subject, choice):
    logits = [subject.clean.logits[:, at.sequence, at.position] for at in (choice.place, *choice.others)]
    leads = [row[:, choice.target] - row[:, list(choice.rivals)].mean(axis=1) for row in logits]
    return leads[0] - np.mean(leads[1:], axis=0)


@pytest.mark.parametrize("causal", [True, False], ids=["causal", "no mask"])
@pytest.mark.parametrize("layers", [ONE_LAYER, TWO_LAYERS], ids=["one layer", "two layers"])
@pytest.mark.parametrize("text", ORDERS.values(), ids=ORDERS)
def test_a_head_that_copies_the_subject_is_value_coded_wherever_the_subject_stands(text, layers, causal):
    subject = planted(text, layers, causal, noise=0.01)
    for words in (("chicken", "beef"), ("beef", "chicken")):
        split = coding(subject, choice_of(subject, *words))
        assert (split.total > STRONG).all()
        assert split.comparable.all()
        assert (split.share("value") > 0.9).all()
        assert (split.unpaired < 0.05 * split.total).all()


def test_a_head_whose_eye_is_drawn_elsewhere_is_pattern_coded_wherever_the_subject_stands():
    default = {("<Start>", "beef"): STRONG, ("man", "chicken"): STRONG, ("woman", "chicken"): STRONG}
    head = Head({("the", "man"): 2 * LOOK, ("the", "<Start>"): LOOK}, default)
    for text in ORDERS.values():
        subject = planted(text, [[head]])
        split = coding(subject, choice_of(subject))
        assert split.comparable.all()
        assert (split.share("pattern") > 0.95).all()


def test_what_a_word_decides_that_has_no_counterpart_cannot_be_compared():
    subject = planted(
        "man ordered the chicken\nman also ordered the beef",
        [[Head({("the", "also"): LOOK}, {("also", "beef"): STRONG})]],
        direct={("the", "chicken"): STRONG / 2},
    )
    for words in (("chicken", "beef"), ("beef", "chicken")):
        choice = choice_of(subject, *words)
        split = coding(subject, choice)
        np.testing.assert_allclose(split.total, change(subject, choice), atol=1e-9)
        np.testing.assert_allclose(split.unpaired, STRONG, atol=0.01)
        assert not split.comparable.any()
        assert all(np.isnan(split.share(part)).all() for part in ("pattern", "value", "direct"))


def test_what_goes_on_from_a_word_that_has_no_counterpart_cannot_be_compared():
    # The subject is paired; what is read of it comes by way of a word that the other sentence does not have.
    heads = [
        [Head({("also", "man"): LOOK}, moves=1.0)],
        [Head({("the", "also"): LOOK}, {("~man", "chicken"): STRONG})],
    ]
    subject = planted("man also ordered the chicken\nman ordered the beef", heads)
    split = coding(subject, choice_of(subject))
    assert (split.unpaired > 0.8 * split.total).all()
    assert not split.comparable.any()


def test_every_run_takes_the_alignment_that_leaves_least_without_a_counterpart():
    first = planted(SHIFTED, [[Head({("the", "woman"): LOOK}, COPY)]], seed=1)
    second = planted(SHIFTED, [[Head({("the", "lo"): LOOK}, {("lo", "beef"): STRONG})]], seed=1)
    theirs = dict(second.params.items())
    weights = {name: np.stack([w[0], theirs[name][1], w[2]]) for name, w in first.params.items()}
    mixed = replace(first, params=first.params.replace(**weights))
    splits = [coding(subject, choice_of(subject)) for subject in (first, second, mixed)]
    for name in ("pattern", "value", "direct", "unpaired"):
        one, two, both = (getattr(split, name) for split in splits)
        np.testing.assert_allclose(both, [one[0], two[1], one[2]], atol=1e-9)
    assert all(split.comparable.all() for split in splits)


def test_both_places_of_one_sentence_are_compared_where_only_what_both_see_decides():
    by_position = {(n, "stop" if n in (0, 3) else "go"): STRONG for n in range(4)}
    still = coding(subject := planted("x go x stop", [[Head()]], direct=by_position), choice_of(subject, "go", "stop"))
    assert still.comparable.all()
    np.testing.assert_allclose(still.share("direct"), 1, atol=1e-9)
    said = planted(
        "x go x stop", [[Head({("x", "go"): LOOK}, {("go", "stop"): 2 * STRONG})]], direct={("x", "go"): STRONG}
    )
    for words in (("go", "stop"), ("stop", "go")):
        assert not coding(said, choice_of(said, *words)).comparable.any()
    seen = replace(said, model=replace(said.model, causal=False))  # now both places see all four words
    assert (coding(seen, choice_of(seen, "go", "stop")).unpaired == 0).all()


@pytest.mark.parametrize("name", MODELS)
def test_parts_add_up_to_the_change_between_any_places(name):
    for corpus in (RAGGED, TWICE, Corpus.from_text(SHIFTED)):
        subject = subject_of(MODELS[name], corpus)
        token = corpus.vocabulary.index({RAGGED: "the", TWICE: "x"}.get(corpus, "the"))
        places = [Place(*at) for at in np.argwhere((corpus.tokens == token) & (corpus.targets >= 0)).tolist()]
        for at, *others in (places, places[::-1]):
            for some in (others, others[:1]):
                choice = Choice(at, 0, (1, 2), tuple(some))
                np.testing.assert_allclose(coding(subject, choice).total, change(subject, choice), atol=1e-9)


def test_parts_of_several_other_places_are_the_means_of_each():
    subject = subject_of(MODELS["two layers"], RAGGED)
    at, *others = (Place(0, 1), Place(1, 1), Place(1, 5))
    whole = coding(subject, Choice(at, 2, (3,), tuple(others)))
    each = [coding(subject, Choice(at, 2, (3,), (other,))) for other in others]
    for part in ("pattern", "value", "direct", "unpaired"):
        np.testing.assert_allclose(getattr(whole, part), np.mean([getattr(one, part) for one in each], axis=0))


@pytest.mark.parametrize("name", MODELS)
def test_the_split_seen_from_the_other_place_is_the_same(name):
    subject = subject_of(MODELS[name], corpus := Corpus.from_text(SHIFTED))
    here, there = choice_of(subject), choice_of(subject, "beef", "chicken")
    mine, yours = coding(subject, here), coding(subject, there)
    for part in ("pattern", "value", "direct", "unpaired"):
        np.testing.assert_allclose(getattr(mine, part), getattr(yours, part), atol=1e-9)
    assert len(alignments(corpus.tokens, (0, 3), (1, 4), True)) == 2


@pytest.mark.parametrize("name", MODELS)
def test_the_order_of_sentences_does_not_matter(name):
    corpus = Corpus.from_text(SHIFTED)
    other = Corpus.from_text("\n".join(reversed(SHIFTED.splitlines())), vocabulary=corpus.vocabulary)
    splits = [coding(subject, choice_of(subject)) for subject in (subject_of(MODELS[name], c) for c in (corpus, other))]
    for part in ("pattern", "value", "direct", "unpaired"):
        np.testing.assert_allclose(*(getattr(split, part) for split in splits), atol=1e-9)


def test_places_that_stand_alike_are_split_by_the_formula_of_one_layer():
    subject = subject_of(MODELS["two heads, factored"])
    on = subject.clean
    A, read = on.pattern[:, 0, :, :, 3], on.v[:, 0] @ subject.params.W_O[:, 0][:, :, None]
    V = read[..., 3] - read[..., 6]
    found = coding(subject, Choice(Place(0, 3), 3, (6,), (Place(1, 3),)))
    pattern = (A[:, :, 0] - A[:, :, 1]) * (V[:, :, 0] + V[:, :, 1]) / 2
    value = (A[:, :, 0] + A[:, :, 1]) / 2 * (V[:, :, 0] - V[:, :, 1])
    np.testing.assert_allclose(found.pattern, pattern.sum(axis=(1, 2)), rtol=1e-12)
    np.testing.assert_allclose(found.value, value.sum(axis=(1, 2)), rtol=1e-12)
    assert (found.unpaired == 0).all()


@pytest.mark.parametrize("causal", [True, False], ids=["causal", "no mask"])
def test_places_that_stand_apart_are_split_by_the_same_formula_over_slots(causal):
    subject = subject_of(
        MODELS["two heads, factored"].replace(causal=causal), corpus := Corpus.from_text(SHIFTED), runs=20
    )
    choice, on = choice_of(subject), subject.clean
    read = on.v[:, 0] @ subject.params.W_O[:, 0][:, :, None]
    V = read[..., choice.target] - read[..., choice.rivals[0]]  # [run, head, sequence, position]
    found, places = coding(subject, choice), [(at.sequence, at.position) for at in (choice.place, *choice.others)]
    A, V = (
        [on.pattern[:, 0, :, row, at] for row, at in places],
        [V[:, :, row] for row, _ in places],
    )
    each = []
    for way in alignments(corpus.tokens, *places, causal):
        a, b = map(list, zip(*way.pairs, strict=True))
        alone = [
            (A[side] * V[side]).sum(axis=1)[:, list(left)] for side, left in enumerate((way.unpaired_a, way.unpaired_b))
        ]
        half = (alone[0].sum(axis=1) - alone[1].sum(axis=1)) / 2
        pattern = ((A[0][..., a] - A[1][..., b]) * (V[0][..., a] + V[1][..., b]) / 2).sum(axis=(1, 2)) + half
        value = ((A[0][..., a] + A[1][..., b]) / 2 * (V[0][..., a] - V[1][..., b])).sum(axis=(1, 2)) + half
        each.append((sum(np.abs(part).sum(axis=1) for part in alone), pattern, value))
    amounts, patterns, values = map(np.array, zip(*each, strict=True))
    best = amounts.argmin(axis=0), np.arange(20)
    assert len(set(best[0])) == 2
    np.testing.assert_allclose(found.unpaired, amounts[best], rtol=1e-9)
    np.testing.assert_allclose(found.pattern, patterns[best], rtol=1e-9)
    np.testing.assert_allclose(found.value, values[best], rtol=1e-9)
