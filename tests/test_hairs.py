"""Right by a hair and tied: what explanations say of runs that hardly lead, on planted models and on trained ones."""

import numpy as np
import pytest
from planted import ANIMALS, LONG, LOOK, NOTEBOOK, TWICE, Head, plant

import headlab as hl
from headlab.analysis.explanation.explanation import explain
from headlab.analysis.looking.predictions import grade, place_leads, solved, verdicts
from headlab.analysis.parts.mechanism import HAIR, mechanism_at
from headlab.analysis.subject import Subject
from headlab.notation.numbers import percent
from headlab.report.terminal.explanation import explanation_blocks
from headlab.report.words.commands import RunCommands

AT_SUBJECT = {("the", "man"): LOOK, ("the", "woman"): LOOK}


def copies(man, woman, direct=None):
    """Return planted models whose head reads the subject and prefers chicken and beef by so many logits."""
    head = Head(AT_SUBJECT, {("man", "chicken"): man, ("woman", "beef"): woman})
    return plant(NOTEBOOK, [[head]], direct)


def mechanisms(subject):
    return [str(mechanism_at(subject, item)[0][0]) for item in subject.dependencies]


LEADS = {  # of chicken, of beef: is there little to explain where the lead is a hair
    (0.3, 0.3): True,
    (0.45, 0.02): True,
    (6.0, 0.3): False,
    (0.3, 0.7): False,
    (0.6, 0.6): False,  # a loss near the bigram's, but no hair
    (6.0, 6.0): False,
}


@pytest.mark.parametrize("given", LEADS)
def test_a_hair_is_a_lead_below_half_a_logit_at_this_place_and_nothing_else(given):
    little = LEADS[given]
    subject = copies(*given)
    assert [name == HAIR for name in mechanisms(subject)] == [lead < 0.5 for lead in given]
    explanation = explain(subject)[0]
    assert (explanation.mechanism == HAIR) == (subject.grade[0] == "right by a hair") == (min(given) < 0.5)
    for record, text, here in zip(explanation.records, explanation.sentences(), given, strict=True):
        hair = here < 0.5
        assert record.lead == pytest.approx(here, abs=0.01)
        assert ("little to explain" in text) == (little and hair)
        assert ("right by a hair" in text) == hair
        if hair:
            for said in (f"{record.lead:.3f}", percent(record.probability)):
                assert said in text
        assert len(text.split()) <= 40


def test_a_third_word_close_behind_is_a_hair_too():
    # chicken leads beef by 6 logits, and soup, of a third sentence, by 0.2: the rival is the one that this model holds strongest.
    corpus = hl.Corpus.from_text("man ate the chicken\nwoman ate the beef\nboy ate the soup")
    writes = {("man", "chicken"): 6.0, ("man", "soup"): 5.8, ("woman", "beef"): 6.0, ("boy", "soup"): 6.0}
    subject = plant(corpus, [[Head({("the", who): LOOK for who in ("man", "woman", "boy")}, writes)]])
    first = explain(subject)[0].records[0]
    assert (first.target, first.rival) == ("chicken", "soup")
    assert first.lead == pytest.approx(0.2, abs=0.01)
    assert first.mechanism == HAIR
    assert subject.grade.tolist() == ["right by a hair"] * 3
    assert "little to explain" not in explain(subject)[0].sentences()[0]


def test_what_is_equally_hard_elsewhere_is_named_together():
    subject = plant(ANIMALS, [[Head()]], {("the", "fish"): 0.2})
    assert "where “bone” or “seed” is right" in explain(subject)[0].sentences()[0]


def test_a_hair_where_nothing_is_coded_makes_the_run_a_hair_and_no_dependency():
    subject = copies(6.0, 6.0, {("man", "beef"): 49.8})  # against 50 for “ordered” after “man”
    assert subject.grade.tolist() == ["right by a hair"] * 3
    assert mechanisms(subject) == ["value-coded", "value-coded"]
    explanation = explain(subject)[0]
    assert explanation.mechanism == HAIR
    assert str(explanation).startswith("right by a hair: it answers right, but barely: somewhere the right token leads")


TRAINED = {
    "notebook": (NOTEBOOK, hl.ModelConfig()),
    "three answers": (ANIMALS, hl.ModelConfig(d_head=5)),
    "long": (LONG, hl.ModelConfig(d_head=5, residual=False)),
    "one sentence": (TWICE, hl.ModelConfig()),
    "sees the answer": (NOTEBOOK, hl.ModelConfig(causal=False)),
    "without positions": (NOTEBOOK, hl.ModelConfig(positions=False, n_heads=2)),
}


@pytest.mark.parametrize("name", TRAINED)
def test_by_a_hair_is_the_mechanism_of_exactly_the_runs_with_that_grade(name):
    corpus, model = TRAINED[name]
    for steps in (150, 1500):
        runs = hl.train(corpus, model, hl.TrainConfig.of(steps=steps), seeds=range(40), record="none")
        if any(item.resolvable for item in corpus.dependencies(model)):
            found = runs.explain()
            assert ((found.mechanism == HAIR) == (runs.grade() == "right by a hair")).all()
            unsolved = np.char.startswith(found.mechanism, "unsolved")
            assert (unsolved == (runs.grade() == "not solved")).all()


def given(logits):
    """Return a model of the notebook's shape whose logits are a table [token, next token]."""
    V = NOTEBOOK.d_vocab
    narrow, square = np.zeros((1, 1, 1, V, 3)), np.zeros((1, 1, 1, V, V))
    params = hl.Params(
        W_E=np.asarray(logits, float)[None], W_pos=np.zeros((1, 5, V)), W_Q=narrow, W_K=narrow, W_V=square
    )
    return Subject(params, NOTEBOOK, hl.ModelConfig(d_head=3))


def said_of(logits):
    return explain(given(logits))[0].sentences()


def test_all_tokens_tied_are_said_to_be_tied():
    assert given(np.zeros((7, 7))).grade.tolist() == ["not solved"]
    assert (
        said_of(np.zeros((7, 7)))[0]
        == "It is undecided: after “the” “<Start>”, “beef”, “chicken” and 4 others are tied (14 % each): "
        "it does not tell the sentences apart."
    )


def test_two_and_three_tied_words_are_named_and_a_target_that_is_not_among_them():
    table = 9.0 * (NOTEBOOK.association().to_numpy() > 0)
    the, man, ordered = (NOTEBOOK.vocabulary.index(word) for word in ("the", "man", "ordered"))
    chicken, beef = (NOTEBOOK.vocabulary.index(word) for word in ("chicken", "beef"))
    assert "does not tell the sentences apart" in said_of(table)[0]  # 50 % each: the bigram
    table[the, man] = 9.0
    assert "after “the” “man”, “beef” and “chicken” are tied (33 % each)" in said_of(table)[0]
    table[the, [chicken, beef]] = 0
    table[the, ordered] = 9.0
    said = said_of(table)
    assert "“ordered” and “man” are tied (50 % each), not “chicken” (0 %)" in said[0]
    assert "not “beef” (0 %)" in said[1]


def test_a_tie_where_the_rival_is_right_is_no_preference():
    subject = copies(2.0, 0.0)
    texts = explain(subject)[0].sentences()
    assert "where “beef” is right the two are tied;" in texts[0]
    assert "It is undecided: after “the” “chicken” and “beef” are tied (50 % each)." in texts[1]
    assert "+0.00" not in " ".join(texts)
    shown = [str(block) for block in explanation_blocks(explain(subject)[0], RunCommands("headlab explain"))]
    assert any("tied in sentence 2" in text for text in shown)


def test_what_is_no_number_is_never_tied():
    nowhere = np.full((7, 7), np.nan)
    assert given(nowhere).grade.tolist() == ["not solved"]
    assert all("diverged" in text for text in said_of(nowhere))


def test_a_tie_is_no_lead_whatever_the_order_of_the_vocabulary():
    right = 3.0 * np.eye(7)[np.maximum(NOTEBOOK.targets, 0)]
    for token in range(7):
        tied = right.copy()
        tied[0, 3, token] = 3.0
        is_target = token == NOTEBOOK.targets[0, 3]
        assert solved(tied, NOTEBOOK) == is_target
        assert grade(tied, NOTEBOOK) == ("solved" if is_target else "not solved")
        assert verdicts(tied, NOTEBOOK)[0][3] == ("right" if is_target else "wrong")
        assert (place_leads(tied, NOTEBOOK.targets)[0, 3] == 0) != is_target
