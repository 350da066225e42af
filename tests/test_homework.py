"""The homework: a run that predicts well, true sentences about it, and the head sizes with their uncertainty."""

import numpy as np
import pytest

import headlab as hl
from headlab.analysis.predictions import verdicts
from headlab.report.exercise import Exercise, exercise, gather_evidence, of_runs

SHORT = hl.TrainConfig.of(steps=200)


@pytest.fixture(scope="module")
def homework() -> Exercise:
    return exercise(hl.Corpus.notebook(), n_runs=24)


def test_item_1_shows_the_first_solved_seed(homework: Exercise) -> None:
    assert homework.run.seed == int(np.argmax(homework.runs.solved()))
    assert homework.run.solved()
    assert "wrong" not in [word for row in verdicts(homework.run.logits(), homework.corpus) for word in row]


def test_a_given_seed_is_the_run_shown() -> None:
    done = exercise(hl.Corpus.notebook(), n_runs=2, seed=11, head_sizes=[5], training=SHORT)
    assert done.run.seed == 11
    alone = hl.train(hl.Corpus.notebook(), training=SHORT, seeds=11)
    np.testing.assert_array_equal(done.run.loss, alone.loss[0])


def test_without_a_solved_run_the_smallest_loss_is_shown() -> None:
    done = exercise(hl.Corpus.notebook(), n_runs=8, head_sizes=[5], training=hl.TrainConfig.of(steps=5))
    assert not done.runs.solved().any()
    assert done.run.final_loss == done.runs.final_loss.min()


def test_contributions_add_up_to_the_logit_difference(homework: Exercise) -> None:
    logits = homework.run.logits()
    assert len(homework.evidence) == 2
    for item in homework.evidence:
        d = item.dependency
        difference = logits[d.sequence, d.position, d.target] - logits[d.sequence, d.position, item.alternative]
        assert item.margin == pytest.approx(float(difference), abs=1e-4)


def test_attention_in_the_evidence_is_the_pattern(homework: Exercise) -> None:
    for item in homework.evidence:
        d = item.dependency
        row = homework.run.pattern()[d.sequence, d.position, : d.position + 1]
        np.testing.assert_allclose(item.attention.to_numpy(), row, atol=1e-6)
        assert item.attention.sum() == pytest.approx(1, abs=1e-5)


def test_the_sentences_name_where_the_looks_and_what_it_prefers(homework: Exercise) -> None:
    for sentence, item in zip(homework.item_1(), homework.evidence, strict=True):
        looked = str(item.attention.idxmax()).split(" ", 1)[1]
        assert f"“{looked}”" in sentence
        assert f"{item.margin:+.2f}" in sentence


def test_item_2_counts_every_run_once(homework: Exercise) -> None:
    table = homework.study.table()
    assert table.index.tolist() == [10, 20, 40]
    assert table["runs"].tolist() == [24, 24, 24]
    assert table.loc[20, "solved"] == homework.runs.solved().sum()
    assert len(homework.study.pairs()) == 3


def test_a_corpus_without_dependencies_says_so() -> None:
    done = exercise(hl.Corpus.from_text("a b c\nd e f", start=None), n_runs=2, head_sizes=[5], training=SHORT)
    assert done.evidence == ()
    assert "no dependency" in " ".join(done.item_1())


def test_every_settled_dependency_of_a_longer_corpus_has_its_evidence() -> None:
    corpus = hl.Corpus.from_text("the cat sat on the mat\nthe dog sat on the log and slept")
    run = hl.train(corpus, training=SHORT)[0]
    settled = [item for item in corpus.dependencies() if item.resolvable]
    assert [item.dependency for item in gather_evidence(run)] == settled
    assert len(settled) >= 2


def test_several_layers_and_heads_still_add_up() -> None:
    model = hl.ModelConfig(n_layers=2, n_heads=3, factored_values=True, unembed=True, d_model=6, d_head=4)
    run = hl.train(hl.Corpus.notebook(), model, SHORT)[0]
    for item in gather_evidence(run):
        d = item.dependency
        logits = run.logits()[d.sequence, d.position]
        assert item.margin == pytest.approx(float(logits[d.target] - logits[item.alternative]), abs=1e-4)


def test_saved_runs_make_the_same_record() -> None:
    runs = hl.train(hl.Corpus.notebook(), seeds=range(4), record="log")
    done = of_runs(runs)
    assert done.run.seed == int(np.argmax(runs.solved()))
    assert done.study.table()["runs"].tolist() == [4]
    with pytest.raises(hl.SelectionError, match="from 0 to 3"):
        of_runs(runs, 9)
    with pytest.raises(hl.SelectionError, match="recorded loss"):
        of_runs(hl.train(hl.Corpus.notebook(), training=SHORT, record="none"))
