"""Explanations of trained runs: every number in a sentence is in its record, every claim survives its test."""

import gc
import json
import re
import weakref
from dataclasses import replace

import numpy as np
import pytest

import headlab as hl
from headlab.analysis.choice import Choice, Place, choices
from headlab.analysis.explanation import evidence
from headlab.analysis.explanation.claims import claims, verdicts
from headlab.analysis.explanation.explanation import explain
from headlab.analysis.part import IRRELEVANT, NECESSARY, Part
from headlab.analysis.parts.mechanism import BIGRAM, HAIR, MEANINGS, MECHANISMS, OTHER
from headlab.analysis.subject import Subject
from headlab.analysis.trials.ablation import ablate
from headlab.analysis.trials.effects import Effects, Prediction
from headlab.notation.numbers import percent, with_sign
from headlab.report.json.values import json_value

NOTEBOOK = hl.Corpus.notebook()


@pytest.fixture(scope="module")
def runs():
    return hl.train(NOTEBOOK, seeds=range(300), record="none")


@pytest.fixture(scope="module")
def explanations(runs):
    return runs.explain()


def test_no_edge_called_necessary_survives_and_no_irrelevant_one_flips(runs):
    right = runs[runs.solved()]
    every = [Part("edge", 0, 0, key, query) for query in range(4) for key in range(query + 1)]
    counted = {NECESSARY: 0, IRRELEVANT: 0}
    for choice in choices(right.subject):
        named = verdicts(claims(right.subject, choice, every))
        effects = ablate(right.subject, choice, every)
        flips = effects.flips
        tried = np.isfinite(effects.after.difference)
        assert (flips | ~tried)[named == NECESSARY].all()
        assert not flips[named == IRRELEVANT].any()
        assert (named == verdicts(effects)).all()
        for word in counted:
            counted[word] += int((named == word).sum())
    assert counted[NECESSARY] > 20
    assert counted[IRRELEVANT] > 3000


ANIMALS = hl.Corpus.from_text("the cat likes the fish\nthe dog likes the bone now\na bird and the cat likes the seed")
SHAPES = {
    "the notebook's": (NOTEBOOK, hl.ModelConfig()),
    "two layers": (NOTEBOOK, hl.ModelConfig(n_layers=2, n_heads=2)),
    "factored, with W_U": (ANIMALS, hl.ModelConfig(n_heads=3, factored_values=True, d_model=6, unembed=True, d_head=4)),
    "no residual, not causal": (ANIMALS, hl.ModelConfig(n_layers=2, residual=False, causal=False, d_head=4)),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_claims_foretell_every_logit_in_the_last_layer(shape):
    corpus, model = SHAPES[shape]
    runs = hl.train(corpus, model, hl.TrainConfig.of(steps=300), seeds=range(6), record="none")
    last = model.n_layers - 1
    for choice in choices(runs.subject)[:4]:
        keys = range(choice.place.position + 1)
        edges = [Part("edge", last, head, key, choice.place.position) for head in range(model.n_heads) for key in keys]
        parts = edges if last else [*edges, *(Part("source", position=key) for key in keys)]
        foretold, found = claims(runs.subject, choice, parts), ablate(runs.subject, choice, parts)
        np.testing.assert_allclose(foretold.after.logits, found.after.logits, atol=1e-9)
        assert (foretold.changes_nothing == found.changes_nothing).all()
        assert (foretold.winners == found.winners).all()


def test_a_mask_is_foretold_where_nearly_all_attention_is_on_one_key():
    runs = hl.train(NOTEBOOK, seeds=range(3), record="none")
    sharp = Subject(runs.params.replace(W_Q=runs.params.W_Q * 40), NOTEBOOK, runs.model)
    assert (sharp.clean.pattern[:, 0, 0, 0, 3].max(axis=1) == 1).any()
    for choice in choices(sharp):
        sources = [Part("source", position=key) for key in range(4)]
        foretold, found = claims(sharp, choice, sources), ablate(sharp, choice, sources)
        np.testing.assert_allclose(foretold.after.logits, found.after.logits, atol=1e-9)


def test_nothing_is_called_irrelevant_where_a_third_word_wins():
    choice = Choice(Place(0, 3), 3, (6,))
    before = Prediction(np.array([5.0, 0, 0, 5.2, 0, 0, 0])[None, None, None], 3, (6,))
    trials = replace(before, logits=np.array([5.0, 0, 0, 4.9, 0, 0, 0])[None, None])
    effects = Effects(choice, ("part",), ("zero",), NOTEBOOK.vocabulary, before, trials, np.zeros(1, int))
    assert np.abs(effects.change).max() < 0.1 * 5.2
    assert verdicts(effects).tolist() == [[NECESSARY]]


def test_every_number_of_a_sentence_is_in_its_clauses_which_come_from_its_record(explanations):
    for explanation in list(explanations)[:100]:
        for record, text in zip(explanation.records, explanation.sentences(), strict=True):
            known = {f"{record.loss:.3f}", f"{record.bigram_floor:.3f}"}
            for value in numbers_of([clause["arguments"] for clause in record.to_dict()["clauses"]]):
                known |= {with_sign(value, 2), percent(value), f"{value:.3f}"}
            found = re.findall(r"[+−]?\d[\d.]*(?: %)?", text)
            assert found
            assert [number.rstrip(".") for number in found if number.rstrip(".") not in known] == []
            measured = list(numbers_of({**record.to_dict(), "clauses": None}))
            for clause in record.clauses:
                for name in ("share", "contribution", "total", "lead"):
                    value = clause.arguments.get(name)
                    assert value is None or min(abs(abs(value) - abs(other)) for other in measured) < 1e-12


def numbers_of(value):
    if isinstance(value, dict):
        value = value.values()
    if isinstance(value, float):
        yield value
    elif not isinstance(value, str | int | type(None)):
        for item in value:
            yield from numbers_of(item)


def test_every_sentence_has_at_most_forty_words(explanations):
    assert max(len(text.split()) for item in explanations for text in item.sentences()) <= 40


@pytest.mark.parametrize("heads", [1, 3])
@pytest.mark.parametrize("layers", [1, 2])
def test_sentences_stay_short_and_say_which_heads_whatever_the_model(layers, heads):
    model = hl.ModelConfig(n_layers=layers, n_heads=heads, factored_values=True)
    for item in hl.train(NOTEBOOK, model, seeds=range(30), record="none").explain():
        for text in item.sentences():
            assert len(text.split()) <= 40
            assert not text.startswith("From") or "; without “" in text


def test_what_a_sentence_leaves_out_is_told_as_more_in_whole_clauses():
    cut = 0
    for item in hl.train(NOTEBOOK, hl.ModelConfig(n_heads=3), seeds=range(20), record="none").explain():
        for record in item.records:
            said = record.sentence.removesuffix(".").lower() + record.more.removesuffix(".").lower()
            assert all(str(clause).lower() in said for clause in record.clauses)
            assert record.text.startswith(record.sentence)
            cut += bool(record.more)
    assert cut > 5


def test_what_trials_of_the_place_looked_at_show_is_said(explanations):
    seen = dict.fromkeys(("without", "flips_nothing", "changes_nothing"), 0)
    for item in explanations:
        for record in item.records:
            looked = max(record.sources, key=lambda source: source.attention)
            tried = [clause for clause in record.clauses if clause.kind in seen]
            if record.clauses[0].kind == "looks":
                assert tried[0].arguments["part"].part == looked.part
                assert (tried[0].kind == "without") == bool(looked.flips)
                assert (tried[0].kind == "changes_nothing") == (looked.finding == IRRELEVANT)
                seen[tried[0].kind] += 1
    assert seen["without"] > 100
    assert seen["flips_nothing"] > 5


def test_unsolved_runs_are_told_what_they_do_instead(explanations):
    for item in explanations:
        if item.mechanism == BIGRAM:
            assert all("does not tell the sentences apart" in text for text in item.sentences())
        if item.mechanism == HAIR:
            assert any("right by a hair" in text for text in item.sentences())


def test_a_run_that_diverged_is_told_so():
    training = hl.TrainConfig.of(steps=50, learning_rate=1e4)
    runs = hl.train(NOTEBOOK, training=training, seeds=range(3), record="none")
    assert not runs.finished.all()
    explanation = runs.explain()[int(np.argmin(runs.finished))]
    assert explanation.mechanism == OTHER
    assert "diverged" in explanation.sentences()[0]
    json.dumps(json_value(explanation.to_dict()), allow_nan=False)


def test_mechanism_follows_its_definition(explanations):
    table = explanations.table()
    solved = table[table["solved"]]
    assert (solved.loc[solved["mechanism"] == "value-coded", "pattern_share"] <= 1 / 3 + 1e-9).all()
    assert (solved.loc[solved["mechanism"] == "pattern-coded", "pattern_share"] >= 2 / 3).all()
    assert table.loc[~table["solved"], "mechanism"].isin([BIGRAM, OTHER]).all()
    assert set(MEANINGS) == set(MECHANISMS)


def test_census_counts_every_run_once_and_shows_one_of_each(explanations):
    census = explanations.census()
    assert census["runs"].sum() == len(explanations)
    assert census["share"].sum() == pytest.approx(1)
    names = dict(zip(explanations.names, explanations.mechanism, strict=True))
    assert [names[row["prototype"]] for _, row in census.iterrows()] == list(census.index)


def test_one_run_is_explained_as_in_a_thousand(runs, explanations):
    for number in (3, 4, 250):
        assert str(runs[number].explain()) == str(explanations[number])
        assert explanations[number].sentences() == list(explanations)[number].sentences()


def test_what_no_sentence_needs_is_not_measured_for_many_runs(runs, monkeypatch):
    def unwanted(*_):
        raise AssertionError("no sentence says this")

    some = runs[:3]
    said = [item.sentences() for item in some.explain()]
    for name in ("claims", "patch"):
        monkeypatch.setattr(evidence, name, unwanted)
    assert [item.sentences() for item in runs[:3].explain()] == said


def test_records_of_one_run_keep_no_evidence_about_it(runs):
    subject = runs[4:5].subject
    records = explain(subject)[0].records
    activations = weakref.ref(subject.clean)
    del subject
    gc.collect()
    assert activations() is None
    assert records[0].sources[0].name == "<Start>"
    assert [row["what"] for row in records[0].patches] == ["pattern", "pattern", "v", "v"]


def test_a_record_holds_the_forward_pass_numbers(runs, explanations):
    for number in (0, 4):
        for record in explanations[number].records:
            logits = runs[number].logits()[record.sequence, record.place]
            names = list(NOTEBOOK.vocabulary)
            difference = logits[names.index(record.target)] - logits[names.index(record.rival)]
            assert record.difference == pytest.approx(float(difference), abs=1e-5)
            assert record.parts().sum() == pytest.approx(record.difference, abs=1e-9)
            attention = runs[number].pattern()[record.sequence, record.place]
            np.testing.assert_allclose([source.attention for source in record.sources], attention[:4], atol=1e-6)


def test_explanations_come_back_after_saving(runs, tmp_path):
    runs[:3].save(tmp_path / "kept")
    assert str(hl.Runs.load(tmp_path / "kept")[2].explain()) == str(runs[2].explain())


def test_a_choice_between_any_two_tokens_can_be_explained(runs):
    at = runs.choice(sequence=1, position="ordered", tokens=("the", "man"))
    assert at.choice == Choice(Place(1, 2), 1, (2,))
    record = explain(runs[4].subject, [at.choice])[0].records[0]
    assert (record.target, record.rival, record.other) == ("the", "man", None)
    assert record.parts().sum() == pytest.approx(record.difference)


def test_corpus_with_three_answers_sets_each_against_another():
    corpus = hl.Corpus.from_text("cat likes the fish\ndog likes the bone\nbird likes the seed")
    explanation = hl.train(corpus, seeds=1)[0].explain()
    assert [record.target for record in explanation.records] == ["fish", "bone", "seed"]
    assert all(record.other is not None for record in explanation.records)


def test_jupyter_shows_an_explanation_as_text_and_tables(explanations):
    html = explanations[54]._repr_html_()
    assert html.count("<table") == 2
    assert "−1.13" in html
    assert "80 %" in html
    assert "-0." not in html
    assert "irrelevant" not in html
    assert MEANINGS["mixed"] in explanations._repr_html_()
    assert "&lt;Start&gt;" in html


BAD = {
    "sequence": (lambda run: run.choice(sequence=2), "0 <Start> man ordered the chicken; 1 <Start> woman"),
    "position": (lambda run: run.choice(sequence=0, position=9), "0 <Start>, 1 man, 2 ordered, 3 the, 4 chicken"),
    "position by word": (lambda run: run.choice(position="woman"), "0 <Start>, 1 man"),
    "token": (lambda run: run.choice(tokens=("fish", "beef")), "<Start>, the, man, chicken, ordered, woman, beef"),
    "one token": (lambda run: run.choice(tokens=("beef",)), "must be two of"),
    "the same token twice": (lambda run: run.choice(tokens=("beef", "beef")), "two different"),
    "head": (lambda run: run.ablate("head:0.3"), "head must be 0, got 3"),
    "layer": (lambda run: run.circuits(layer=2), "layer must be 0, got 2"),
    "component": (lambda run: run.ablate("mlp:0"), "source:POSITION"),
    "edge to the future": (lambda run: run.ablate("edge:1>3"), "causal mask"),
    "direct part": (lambda run: run.ablate("direct:head"), "token or the position"),
    "token elsewhere": (lambda run: run.ablate("token:woman"), "<Start>, man, ordered, the, chicken"),
    "patch": (lambda run: run.patch("mlp"), "q, k, v, z, pattern, scores, resid"),
    "weights that do not sum to 1": (lambda run: run.set_pattern({"man": 0.5}), "sum to 1, got 0.5"),
    "weight in the future": (lambda run: run.set_pattern({4: 1.0}), "at or before"),
    "negative weight": (lambda run: run.set_pattern({"man": -0.5, 0: 1.5}), "from 0 to 1"),
    "run": (lambda run: run.runs.explain()[5], "a run must be from 0 to 0, got 5"),
    "paths": (lambda run: run.contributions(max_heads=-1), "max_heads"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_does_not_exist_is_answered_with_what_does(name):
    ask, expected = BAD[name]
    run = hl.train(NOTEBOOK, training=hl.TrainConfig.of(steps=3), record="none")[0]
    with pytest.raises(hl.SelectionError) as error:
        ask(run)
    assert expected in str(error.value)
    assert "\n" not in str(error.value)


def test_a_corpus_without_dependencies_says_what_follows_what():
    run = hl.train(hl.Corpus.from_text("a b c"), training=hl.TrainConfig.of(steps=3))[0]
    with pytest.raises(hl.SelectionError, match="this corpus has none: after “<Start>” comes “a”; after “a” comes “b”"):
        run.explain()


def test_parts_that_a_model_has_not_are_said_to_be_missing():
    model = hl.ModelConfig(residual=False, positions=False)
    run = hl.train(NOTEBOOK, model, hl.TrainConfig.of(steps=3))[0]
    for part in ("direct", "direct:position", "positions"):
        with pytest.raises(hl.SelectionError, match="must be in the model"):
            run.ablate(part)


def test_a_record_reads_as_its_sentence_and_is_a_table_in_a_notebook():
    record = hl.train(hl.Corpus.notebook(), seeds=1, record="none")[0].explain().records[0]
    assert repr(record).startswith("Record(logit(chicken) − logit(beef) at sequence 0, position 3: From “the” it looks")
    html = record._repr_html_()
    assert html.startswith("<p>&lt;Start&gt; man ordered the chicken<br>From “the”")
    assert "1 man" in html
