"""What is trained on: a corpus with its test, its goal and its name, checked whole and written whole."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import headlab as hl
from headlab import Corpus, ModelConfig
from headlab.analysis.looking.evaluation import evaluate
from headlab.analysis.looking.predictions import grade, lead, place_leads, solved
from headlab.analysis.subject import Subject
from headlab.data.dataset import Dataset, Goal
from headlab.model.forward import forward
from headlab.model.losses import mean_loss
from headlab.tasks.task import Task

SEEN = Corpus.from_text("the cat meows\nthe dog barks\na cat meows", start=None)
UNSEEN = Corpus.from_text("a dog barks", start=None, vocabulary=SEEN.vocabulary)


def test_a_corpus_alone_a_dataset_and_what_has_one_are_all_taken():
    dataset = Dataset(SEEN, "animals")

    class Box:
        def __init__(self):
            self.dataset = dataset

    assert Dataset.of(SEEN).corpus is SEEN
    assert Dataset.of(dataset) is dataset
    assert Dataset.of(Box()) is dataset
    for other in (None, "notebook", SEEN.batch, Box):
        with pytest.raises(hl.ConfigError, match="must be a Corpus, a Dataset or a task, got"):
            Dataset.of(other)


def test_everything_wrong_with_a_dataset_is_said_at_once():
    with pytest.raises(hl.ConfigError) as wrong:
        Dataset("man ordered", "two\nlines", None, 0.9)
    assert [str(problem) for problem in wrong.value.problems] == [
        "a dataset's corpus must be a Corpus, got 'man ordered': make one of text or ids",
        "a dataset's name must be a line of at most 100 letters, got 'two\\nlines'",
        "a dataset's goal must be a Goal, got 0.9: write Goal(share=…)",
    ]
    longer = Corpus.from_text("a cat meows twice")
    with pytest.raises(hl.ConfigError) as wrong:
        Dataset(SEEN, test=longer)
    assert "must have the vocabulary of its corpus" in str(wrong.value)
    assert "sequences of at most 3 tokens, as its corpus has, got 5" in str(wrong.value)
    with pytest.raises(hl.ConfigError, match="test must be a Corpus, got 7"):
        Dataset(SEEN, test=7)


@pytest.mark.parametrize("share", [0, -1, 1.01, True, "most", float("nan"), None])
def test_a_goal_is_a_share_above_0(share):
    with pytest.raises(hl.ConfigError, match="share must be a number above 0 and at most 1"):
        Goal(share)


def test_a_share_of_places_is_never_rounded_down_and_never_up_by_rounding_errors():
    assert [Goal(0.9).places(n) for n in (0, 1, 9, 10, 11, 20)] == [0, 1, 9, 9, 10, 18]
    assert all(Goal(k / n).places(n) == k for n in range(1, 200) for k in range(1, n + 1))


@settings(max_examples=50, deadline=None)
@given(st.floats(0.01, 1), st.integers(0, 2**32))
def test_a_goal_hangs_on_as_many_places_as_it_says(share, seed):
    dataset = Dataset(Corpus.notebook(), goal=Goal(share))
    where = dataset.corpus.resolvable()
    logits = np.random.default_rng(seed).normal(0, 2, (20, 2, 5, 7)) + 2 * np.eye(7)[dataset.corpus.targets]
    leads = place_leads(logits, dataset.corpus.targets)[:, where]
    needed = next(k for k in range(where.sum() + 1) if k >= share * where.sum() - 1e-9)
    np.testing.assert_array_equal(solved(logits, dataset), (leads > 0).sum(axis=1) >= needed)
    clear = (leads >= 0.5).sum(axis=1) >= needed
    named = np.where(clear, "solved", np.where(solved(logits, dataset), "right by a hair", "not solved"))
    np.testing.assert_array_equal(grade(logits, dataset), named)
    np.testing.assert_array_equal(lead(logits, dataset), np.sort(leads)[:, where.sum() - needed])


def test_a_goal_of_everything_is_the_one_of_a_corpus_alone():
    corpus = Corpus.notebook()
    runs = hl.train(corpus, seeds=range(30), record="none")
    np.testing.assert_array_equal(grade(runs.logits(), Dataset(corpus), runs.finished), runs.grade())
    np.testing.assert_array_equal(solved(runs.logits(), corpus), runs.solved())


def test_what_is_not_finite_has_reached_no_goal():
    dataset = Dataset(Corpus.notebook(), goal=Goal(0.5))
    logits = np.tile(9.0 * np.eye(7)[dataset.corpus.targets], (3, 1, 1, 1))
    logits[1, 0, 3, 2], logits[2, 1, 2, 0] = np.nan, np.inf
    assert solved(logits, dataset).tolist() == [True, False, False]
    assert grade(logits, dataset).tolist() == ["solved", "not solved", "not solved"]


def test_what_decides_in_a_test_is_what_the_corpus_and_the_test_tell_together():
    # “a” goes on with “cat” in the corpus and with “dog” here: nothing decides that. “dog” after “a” barks.
    dataset = Dataset(SEEN, test=UNSEEN)
    assert UNSEEN.resolvable().tolist() == [[True, True, True]]
    assert dataset.resolvable_in_test().tolist() == [[False, True, True]]
    assert Dataset(SEEN).resolvable_in_test().shape == (0, 3)


@pytest.mark.parametrize(
    "dataset",
    [
        Dataset(SEEN),
        Dataset(SEEN, "animals"),
        Dataset(SEEN, "animals", UNSEEN, Goal(0.75)),
        Dataset(SEEN, test=UNSEEN.with_targets(weights=[[0, 1, 3.5]])),
    ],
    ids=repr,
)
def test_a_dataset_comes_back_from_json(dataset):
    plain = json.loads(json.dumps(dataset.to_dict()))
    again = Dataset.from_dict(plain)
    assert again.to_dict() == plain
    assert (again.name, again.goal) == (dataset.name, dataset.goal)
    assert again.identity_fields() == dataset.identity_fields()
    assert plain["corpus"] == dataset.corpus.to_dict()


@pytest.mark.parametrize(
    "damage", [{"corpus": {}}, {"trial": 1}, {"name": 3}, {"goal": None}, {"goal": {"share": 2}}, {"test": {}}], ids=str
)
def test_a_damaged_dataset_is_refused(damage):
    with pytest.raises(hl.HeadlabError):
        Dataset.from_dict({"corpus": SEEN.to_dict(), **damage})


@pytest.mark.parametrize("other", [{}, [], None, "notebook"], ids=str)
def test_what_is_no_dataset_is_refused(other):
    with pytest.raises(hl.ConfigError, match="a dataset must have some of corpus, name, test, goal, stream, got"):
        Dataset.from_dict(other)


def test_an_identity_goes_by_what_is_trained_and_graded_and_by_no_word():
    plain = Dataset(SEEN).identity_fields()
    renamed = Corpus.from_text("x y z\nx v w\nu y z", start=None)
    assert Dataset(renamed, "other").identity_fields() == plain
    assert Dataset(SEEN.with_targets(weights=3.0 * np.ones((3, 3)))).identity_fields() == plain
    others = [
        Dataset(SEEN, test=UNSEEN),
        Dataset(SEEN, goal=Goal(0.5)),
        Dataset(SEEN.with_targets(weights=np.arange(9.0).reshape(3, 3) + 1)),
        Dataset(SEEN.with_targets(np.where(np.arange(3) > 0, SEEN.targets, -1))),
        Dataset(Corpus.from_ids(SEEN.tokens.tolist(), vocabulary=[*SEEN.vocabulary, "bird"])),
        Dataset(Corpus.from_ids(SEEN.tokens.tolist(), vocabulary=SEEN.vocabulary, wrap=False)),
    ]
    found = [json.dumps(dataset.identity_fields()) for dataset in others]
    assert len({json.dumps(plain), *found}) == len(others) + 1


def test_a_model_on_a_dataset_is_one_on_its_corpus():
    assert ModelConfig().on(Dataset(SEEN)).weights == ModelConfig().on(SEEN).weights


def test_a_test_is_measured_beside_what_was_trained():
    lines = [f"{who} ordered the {what}" for who in ("man", "boy", "lad") for what in ("chicken",)]
    lines += [f"{who} ordered the {what}" for who in ("woman", "girl", "lass") for what in ("beef",)]
    corpus = Corpus.from_text("\n".join(lines))
    test = Corpus.from_text("boy ordered the beef\nlass ordered the beef", vocabulary=corpus.vocabulary)
    dataset = Dataset(corpus, "orders", test)
    runs = hl.train(corpus, training=hl.TrainConfig.of(steps=1500, learning_rate=0.1), seeds=range(3), record="none")
    subject = Subject(runs.params, dataset, runs.model)
    found = evaluate(subject)
    assert found.columns.tolist() == ["loss", "right", "test_loss", "test_right"]
    np.testing.assert_allclose(found["loss"], subject.mean_loss)
    np.testing.assert_array_equal(found["right"] == 1, runs.solved())
    # “boy” ordered the chicken there and the beef here: nothing decides that place, and the first word nothing at all.
    assert dataset.resolvable_in_test().sum() == 2 * 5 - 3
    logits = forward(runs.params, test.tokens, runs.model).logits
    np.testing.assert_allclose(found["test_loss"], mean_loss(logits, test.targets), rtol=1e-4)
    where = dataset.resolvable_in_test()
    right = (logits.argmax(axis=-1) == test.targets)[:, where].mean(axis=1)
    np.testing.assert_allclose(found["test_right"], right)
    assert evaluate(Subject(runs.params, corpus, runs.model)).columns.tolist() == ["loss", "right"]


def test_grades_of_a_subject_go_by_its_datasets_goal():
    runs = hl.train(Corpus.notebook(), seeds=range(12), record="none")
    modest = Dataset(Corpus.notebook(), goal=Goal(0.5))
    subject = Subject(runs.params, modest, runs.model)
    np.testing.assert_array_equal(subject.solved, solved(subject.clean.logits, modest))
    np.testing.assert_array_equal(subject.grade == "not solved", ~subject.solved)
    assert subject.solved.sum() > runs.solved().sum()


ANIMALS = Dataset(SEEN, "animals", UNSEEN, Goal(0.75))
SHORT = hl.TrainConfig.of(steps=40, learning_rate=0.1)


def test_runs_know_their_dataset_and_grade_by_its_goal():
    runs = hl.train(ANIMALS, training=hl.TrainConfig.of(steps=400, learning_rate=0.1), seeds=range(8))
    assert runs.dataset is runs[3].dataset is ANIMALS
    assert runs[3].corpus is runs.corpus is SEEN
    np.testing.assert_array_equal(runs.solved(), solved(runs.logits(), ANIMALS))
    np.testing.assert_array_equal(runs.grade(), grade(runs.logits(), ANIMALS))
    assert runs.at(0).dataset is ANIMALS
    alone = hl.train(SEEN, training=runs.training, seeds=range(8))
    np.testing.assert_array_equal(alone.params.flat(), runs.params.flat())
    assert hl.resume(runs, SHORT).dataset is ANIMALS
    np.testing.assert_array_equal(runs.evaluate(), evaluate(runs.subject))
    assert runs[3].evaluate()["test_loss"].tolist() == [runs.evaluate()["test_loss"][3]]


def test_a_dataset_comes_back_with_saved_runs_and_with_saved_models(tmp_path):
    runs = hl.train(ANIMALS, training=SHORT, seeds=range(3))
    for folder, again in (
        (runs.save(tmp_path / "runs"), hl.Runs.load(tmp_path / "runs")),
        (runs.at(0).save(tmp_path / "models"), hl.Models.load(tmp_path / "models")),
    ):
        assert again.dataset.to_dict() == ANIMALS.to_dict(), folder
    pd.testing.assert_frame_equal(hl.Runs.load(tmp_path / "runs").evaluate(), runs.evaluate())
    np.testing.assert_array_equal(hl.Runs.load(tmp_path / "runs").grade(), runs.grade())


def test_runs_of_a_corpus_alone_are_written_as_they_always_were(tmp_path):
    hl.train(SEEN, training=SHORT).save(tmp_path)
    written = json.loads((tmp_path / "run.json").read_text())
    assert written["corpus"] == SEEN.to_dict()
    assert not {"name", "test", "goal", "dataset"} & set(written)


def test_a_task_brings_its_model_and_its_training():
    task = Task("small", "a small one", lambda: Dataset(SEEN), model=ModelConfig(d_head=3), training=SHORT)
    runs = hl.train(task, seeds=range(2))
    assert (runs.dataset.name, runs.model, runs.training) == ("small", task.model, SHORT)
    assert hl.train(task, ModelConfig(d_head=4)).model.d_head == 4
    with pytest.raises(hl.ConfigError) as wrong:
        hl.train("notebook", training="adam")
    assert [str(problem)[:30] for problem in wrong.value.problems] == [
        "corpus must be a Corpus, a Dat",
        "training must be a TrainConfig",
    ]
