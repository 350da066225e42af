"""A corpus far larger than anybody reads: what is shown stays short, counts the rest, and costs no more than what is shown."""

import json

import numpy as np
import pytest
from large import large_runs, large_text, pairs_text
from tiers import sized

import headlab as hl
from headlab.analysis.choice import choices
from headlab.analysis.explanation import evidence
from headlab.analysis.explanation.explanation import SHOWN, explain
from headlab.analysis.looking.head_scores import copying
from headlab.engine.backend import chosen_backend
from headlab.notation.values import and_more
from headlab.report.limits import MOST_PAGE_PLACES, MOST_PLACES
from headlab.report.words.commands import RunCommands
from headlab.report.words.explanation import largest_parts, place_line

MOST_BYTES, MOST_LINES = 2_000_000, 200


@pytest.fixture(scope="module", params=sized((90, 360), (150, 600)))
def runs(request):
    return large_runs(large_text(*request.param), steps=1)


@pytest.fixture(scope="module")
def saved(runs, tmp_path_factory):
    return str(runs.save(tmp_path_factory.mktemp("large") / "runs"))


@pytest.fixture(scope="module")
def long():
    """Few sentences, of 60 words."""
    return large_runs(large_text(sentences=12, words=30, length=60), steps=1)


@pytest.mark.parametrize(
    ("arguments", "left"),
    [
        (["explain"], "places that an earlier word decides; `headlab export {} explanations --run 0` has them all."),
        (["explain", "--show", "circuits"], "rows; `headlab export {} circuits --run 0` has them all."),
        (["explain", "--show", "battery"], "places that an earlier word decides; `run.battery()` has them all."),
        (["explain", "--show", "paths"], ""),
        (["explain", "--show", "scores"], ""),
        (["export"], ""),
        (["report"], ""),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_screen_of_a_large_corpus_is_short_and_counts_the_rest(run, saved, monkeypatch, arguments, left):
    monkeypatch.setenv("COLUMNS", "80")
    command, *options = arguments
    status, out, complaints = run(command, saved, *options)
    assert (status, complaints) == (0, "")
    assert len(out.splitlines()) < MOST_LINES
    assert left.format(saved) in " ".join(out.split())


def test_the_report_of_a_large_corpus_is_small_and_says_where_the_rest_is(run, saved, tmp_path):
    assert run("report", saved, "-o", str(tmp_path / "page.html"))[0] == 0
    page = (tmp_path / "page.html").read_text()
    assert len(page) < MOST_BYTES
    assert "more sentences" in page
    assert "headlab export" in page


@pytest.mark.parametrize("table", [None, "circuits", "battery", "paths", "scores"])
def test_json_of_a_large_corpus_is_small_and_counts_the_rest(run, saved, table):
    status, out, _ = run("explain", saved, "--json", *([] if table is None else ["--show", table]))
    assert status == 0
    assert len(out) < MOST_BYTES
    found = json.loads(out)
    if table is None:
        assert len(found["dependencies"]) == MOST_PAGE_PLACES
        assert found["left_out"] > 500
        assert f"{found['left_out']:,} more places" in found["more"]
    if table == "circuits":
        assert "more rows; `headlab export" in found["left_out"]["QK token–token"][0]


def test_many_runs_of_a_large_corpus_are_judged_at_the_first_places_and_it_is_said(run, tmp_path, monkeypatch):
    monkeypatch.setattr("headlab.analysis.explanation.explanation.JUDGED", 20)
    (tmp_path / "corpus.txt").write_text(pairs_text(30))
    options = ["corpus.txt", "--seeds", "0:3", "--steps", "1"]
    status, out, _ = run("explain", *options)
    assert status == 0
    assert "… and 40 more places" in out
    found = json.loads(run("explain", *options, "--json")[1])
    assert found["places_left_out"] == 40
    assert [row["runs"] for row in found["census"]] == [3]


def test_what_a_large_explanation_says_of_itself_is_short(runs):
    explanations, explanation = runs.explain(), runs[0].explain()
    n = len(explanation)
    assert n > 500
    assert len(str(explanation).splitlines()) == SHOWN + 2
    assert f"… and {n - SHOWN:,} more" in str(explanation)
    assert f"… and {n - SHOWN:,} more" in explanation._repr_html_()
    for text in (repr(runs), repr(runs[0]), repr(explanations), repr(explanation)):
        assert len(text) < 10_000
    for html in (runs[0]._repr_html_(), explanation._repr_html_()):
        assert len(html) < MOST_BYTES


def test_only_what_is_shown_is_tried(runs, monkeypatch):
    tried = []
    ablate = evidence.ablate
    monkeypatch.setattr(evidence, "ablate", lambda *given: tried.append(given) or ablate(*given))
    explanation = runs[0].explain()
    explanation.to_dict(3)
    assert len(tried) == 3
    str(explanation)
    assert len(tried) == 3 + SHOWN


def test_the_first_places_are_explained_as_they_are_among_all():
    runs = large_runs(pairs_text(6), steps=5)
    whole = runs[0].explain()
    assert len(whole) == 12
    for one, other in zip(whole.first(4).records, whole.records[:4], strict=True):
        assert str(one) == str(other)
    assert whole.to_dict(4)["mechanism"] == whole.to_dict()["mechanism"]
    assert "left_out" not in whole.to_dict()


def test_a_small_corpus_is_shown_in_full(run):
    out = run("explain", "--seeds", "0")[1]
    assert "… and" not in out
    found = json.loads(run("explain", "--seeds", "0", "--json")[1])
    assert "left_out" not in found
    assert "more" not in found


def test_long_sentences_show_the_parts_that_do_most_and_count_the_others(run, long, tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    folder = str(long.save(tmp_path / "runs"))
    out = run("explain", folder, "--sentence", "1", "--position", "40")[1]
    assert len(out.splitlines()) < MOST_LINES
    assert "more parts." in out
    (record,) = explain(long[0].subject, [long[0].choice(0, 40).choice])[0].records
    assert len(place_line(record)) < 120
    parts = largest_parts(record)
    assert len(parts) < len(record.parts())
    assert parts.sum() == pytest.approx(record.difference)


def test_what_can_be_chosen_is_listed_shortly(run, runs, saved):
    for words in (
        ["--sentence", "900"],
        ["--position", "900", "--sentence", "1"],
        ["--tokens", "x,y"],
        ["--ablate", "token:x"],
    ):
        status, _, complaint = run("explain", saved, *words)
        assert status == 2, words
        assert len(complaint) < 3_000, words
    for ask in (lambda: runs[0].choice(sequence=900), lambda: runs[0].choice(tokens=("a", "b"))):
        with pytest.raises(hl.SelectionError, match="more") as refused:
            ask()
        assert len(str(refused.value)) < 3_000


def test_runs_are_judged_some_at_a_time_and_alike(monkeypatch):
    every = large_runs(pairs_text(5), seeds=7, steps=30)
    monkeypatch.setattr("headlab.runs.models.LOGITS_AT_A_TIME", 2 * every.corpus.tokens.size * every.corpus.d_vocab)
    again = large_runs(pairs_text(5), seeds=7, steps=30)
    assert again.pick() == every.pick()
    assert "_logits" not in again.__dict__
    assert again.grade().tolist() == every.grade().tolist()
    assert again.solved().tolist() == every.solved().tolist()
    np.testing.assert_array_equal(again.logits(), every.logits())


@pytest.mark.skipif(chosen_backend() == "wasm", reason="four such runs take more than the module's memory")
def test_runs_of_a_large_vocabulary_are_studied_one_at_a_time(runs):
    subject = large_runs(large_text(60, 2_000, 40), seeds=2, steps=0).subject
    assert [part.n_runs for _, part in subject.in_batches()] == [1, 1]


def test_copying_is_that_of_the_whole_vocabulary():
    subject = large_runs(pairs_text(4), seeds=3, d_model=6, steps=20).subject
    params = subject.params
    whole = params.W_E @ params.W_V[:, 0, 0] @ params.W_U
    values = np.linalg.eigvals(whole)
    np.testing.assert_allclose(
        copying(params, subject.model)[:, 0, 0], values.sum(-1).real / np.abs(values).sum(-1), atol=1e-9
    )


def test_the_chance_of_a_next_token_is_that_of_the_association_table(long):
    table = long.corpus.association().to_numpy()
    found = [
        [long.corpus.bigram_probability(token, target) for target in range(len(table))] for token in range(len(table))
    ]
    np.testing.assert_allclose(found, table)


def test_a_choice_names_the_same_rest_in_words_and_commands():
    assert and_more(3, "places that an earlier word decides") == ["… and 3 more places that an earlier word decides."]
    assert and_more(1, "places that an earlier word decides") == ["… and 1 more place that an earlier word decides."]
    assert RunCommands.of_folder("'a b'", 1).export("weights") == "headlab export 'a b' weights --run 1"
    assert MOST_PLACES < MOST_PAGE_PLACES


def test_explaining_some_choices_needs_only_those(runs):
    some = choices(runs[0].subject)[5:7]
    assert [len(item) for item in explain(runs[0].subject, some)] == [2]
