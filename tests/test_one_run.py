"""The same sentences are one run, to the bit and by name, whatever ids their words have and whichever door they come through."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import headlab as hl
from headlab import engine
from headlab.data.corpus import Corpus
from headlab.data.dataset import Dataset
from headlab.data.notebook import TEXT
from headlab.homework.exercise import exercise
from headlab.model.order import reordered, reordered_flat
from headlab.model.params import Params
from headlab.runs.experiment import Experiment
from headlab.study.design import StudyDesign
from headlab.study.identity import Data, run_identity
from headlab.study.study import Study

ON_BOTH_BACKENDS = True

SHORT = {"steps": 120, "learning_rate": 0.1}
TRAINING = hl.TrainConfig.of(**SHORT)
SEEDS = [4, 9]
BLANK = "\n\nman ordered the chicken\n   \nwoman ordered the beef\n\n\n"
WORDS = ("beef", "the", "man", "chicken", "ordered", "<Start>", "woman")


def in_training_order(runs):
    return reordered(runs.params, runs.corpus.batch.order, runs.model.on(runs.corpus)).flat()


@pytest.fixture(scope="module")
def expected():
    runs = hl.train(Corpus.notebook(), training=TRAINING, seeds=SEEDS)
    assert np.ptp(in_training_order(runs), axis=0).all()
    return runs


def same_run(runs, expected):
    np.testing.assert_array_equal(in_training_order(runs), in_training_order(expected))
    np.testing.assert_array_equal(runs.final_loss, expected.final_loss)
    names = {run_identity(of.model, of.training, Data.of(Dataset.of(of.corpus))) for of in (runs, expected)}
    assert len(names) == 1


def from_file(folder, text, **options):
    path = folder / "sentences.txt"
    path.write_bytes(text.encode())
    return Corpus.from_file(path, **options)


CORPORA = {
    "task": lambda _: hl.tasks["notebook"],
    "text": lambda _: Corpus.from_text(TEXT),
    "text with blank lines": lambda _: Corpus.from_text(BLANK),
    "text with a vocabulary": lambda _: Corpus.from_text(TEXT, vocabulary=WORDS),
    "text with labels": lambda _: Corpus.from_text(TEXT, labels=list("abcdefg")),
    "text of another start": lambda _: Corpus.from_text(TEXT, start="^"),
    "file": lambda folder: from_file(folder, TEXT),
    "file from Windows with a mark": lambda folder: from_file(folder, "\ufeff" + BLANK.replace("\n", "\r\n")),
    "ids": lambda _: Corpus.from_ids((np.array([[6, 2, 4, 1, 3], [6, 5, 4, 1, 0]])).tolist()),
    "saved": lambda _: Corpus.from_dict(json.loads(json.dumps(Corpus.notebook().to_dict()))),
}


@pytest.mark.parametrize("door", CORPORA)
def test_python_trains_one_run_of_the_same_sentences(door, tmp_path, expected):
    same_run(hl.train(CORPORA[door](tmp_path), training=TRAINING, seeds=SEEDS), expected)


def test_exercise_page_and_readme_show_one_run_and_it_is_easy_to_read():
    done = exercise(hl.tasks["notebook"], n_runs=100)
    assert done.run.seed == Experiment.of({}).seed
    assert done.run.grade() == "solved"
    assert done.run.explain().mechanism == "value-coded"
    assert done.run.attention()[0].loc["3 the"].idxmax() == "1 man"
    assert done.run.attention()[1].loc["3 the"].idxmax() == "1 woman"
    readme = (Path(__file__).parents[1] / "README.md").read_text().replace("\n   ", " ")
    for answer in done.answers:
        assert answer.sentences[0] in readme


LINKS = {
    "the task": {"task": "notebook"},
    "nothing": {},
    "a text": {"text": TEXT},
    "blank lines": {"text": BLANK},
    "another start": {"text": TEXT, "start": "^"},
}


@pytest.mark.parametrize("link", LINKS)
def test_a_link_of_the_lab_is_the_run_that_python_trains(link, expected):
    experiment = Experiment.of({**LINKS[link], **SHORT, "seed": 9})
    same_run(hl.train(experiment.dataset, experiment.model, experiment.training, seeds=[9]), expected[[1]])


@pytest.mark.parametrize("door", ["task", "text with a vocabulary", "file from Windows with a mark"])
def test_a_study_trains_and_names_one_run(door, tmp_path, expected):
    design = StudyDesign.grid(CORPORA[door](tmp_path), seeds=SEEDS, training=TRAINING)
    study = Study.create(tmp_path / "study", design)
    study.run()
    same_run(study.runs(), expected)
    plain = StudyDesign.grid(Corpus.notebook(), seeds=SEEDS, training=TRAINING)
    assert list(design.identities) == list(plain.identities)


def test_the_command_line_trains_and_shows_one_run_of_a_file(run, expected):
    Path("sentences.txt").write_text(BLANK)
    options = "--steps", "120", "--learning-rate", "0.1"
    found = {}
    for corpus in ("sentences.txt", "notebook"):
        assert run("train", corpus, *options, "--seeds", "4,9", "--save", "saved")[0] == 0
        same_run(hl.Runs.load("saved"), expected)
        _, exercised, _ = run(
            "exercise", corpus, *options, "--seed", "9", "--runs", "4", "--head-sizes", "20", "--json"
        )
        _, explained, _ = run("explain", corpus, *options, "--seeds", "9", "--json")
        found[corpus] = json.loads(exercised), json.loads(explained)
    (one, why), (other, why_other) = found.values()
    for name in ("seed", "final_loss", "grade", "grades", "head_sizes", "floor", "bigram_floor"):
        assert one[name] == other[name], name
    np.testing.assert_allclose(np.array(one["pattern"]), other["pattern"], atol=1e-6)
    assert why["mechanism"] == why_other["mechanism"]
    assert len(why["dependencies"]) == len(why_other["dependencies"]) == 2


def test_a_study_goes_on_with_the_same_sentences_under_other_ids(tmp_path):
    designs = [
        StudyDesign.grid(corpus, seeds=seeds, training=TRAINING, keep=["weights", "snapshots"])
        for corpus, seeds in ((Corpus.notebook(), [4]), (Corpus.from_text(TEXT, vocabulary=WORDS), SEEDS))
    ]
    studies = []
    for make in (lambda: Study.create(tmp_path / "study", designs[0]), lambda: Study.in_memory(designs[0])):
        study = make()
        assert study.run() == 1
        study.extend(design=designs[1])
        assert study.run() == 1  # the other is there
        studies.append(study)
    whole = hl.train(designs[1].conditions[0].dataset, training=TRAINING, seeds=SEEDS)
    for study in (*studies, Study(tmp_path / "study")):
        runs = study.runs()
        assert runs.corpus.vocabulary == WORDS
        np.testing.assert_array_equal(runs.params.flat(), whole.params.flat())
        kept = [whole.snapshot_steps.tolist().index(step) for step in runs.snapshot_steps]
        np.testing.assert_array_equal(runs.snapshots, whole.snapshots[:, kept])
        np.testing.assert_array_equal(runs.snapshots[:, -1], runs.params.flat())


# A corpus with a word that is only a target, one that never appears, padding, and targets of weight 0 or more than 1.
IDS = [[5, 1, 2, 3, 1], [5, 4, 2, 3], [5, 4, 4]]
WEIGHTS = [[0.5, 0, 2, 1e-3, 7], [3, 0.25, 0, 1, 0], [4, 1, 1, 0, 0]]
ORDER = np.array([3, 6, 1, 0, 2, 5, 4])


def corpus_of(order=None):
    plain = Corpus.from_ids(IDS, vocabulary=list("abcdefg"))
    targets = plain.targets.copy()
    targets[2, 2] = 6
    plain = plain.with_targets(targets, WEIGHTS)
    if order is None:
        return plain
    words = tuple(plain.vocabulary[token] for token in order)
    return Corpus(plain.batch.renumbered(order), words, words, plain.start, plain.wrap)


MODELS = {
    "wide head": hl.ModelConfig(d_head=20),
    "two layers of two heads": hl.ModelConfig(d_head=3, n_layers=2, n_heads=2),
    "factored values": hl.ModelConfig(d_head=3, factored_values=True),
    "factored values as wide as the vocabulary": hl.ModelConfig(d_head=7, factored_values=True),
    "W_U": hl.ModelConfig(d_head=3, unembed=True, d_model=5),
    "W_U as wide as the vocabulary": hl.ModelConfig(d_head=40, unembed=True),
    "no positions, no mask, no residual": hl.ModelConfig(d_head=3, positions=False, causal=False, residual=False),
}
OPTIMIZERS = {
    "sgd": {},
    "nesterov": {"momentum": 0.9, "nesterov": True},
    "adam": {"optimizer": "adam", "learning_rate": 0.01},
    "rmsprop": {"optimizer": "rmsprop", "learning_rate": 0.01, "momentum": 0.5, "centered": True},
}
PHASES = (hl.Phase(9), hl.Phase(11, hl.Plateau(patience=1, min_delta=0.03, factor=0.5)))
MORE = hl.Phase(10, hl.Plateau(patience=1, min_delta=0.03, factor=0.5), plateau_goes_on=True, freeze=("W_E",))


def same_up_to_order(one, other, shape):
    np.testing.assert_array_equal(reordered_flat(one, ORDER, shape), other)
    assert not np.array_equal(one, other)


def same_histories(one, other):
    """Runs and their twin are the same: weights, moments, curves, and all that training goes on from."""
    shape = one.model.on(one.corpus)
    same_up_to_order(one.params.flat(), other.params.flat(), shape)
    same_up_to_order(one.snapshots, other.snapshots, shape)
    for name in ("loss", "learning_rate", "final_loss"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    state, twin = one.history.state, other.history.state
    if state.narrow is not None:
        rows = np.arange(shape.d_model) if one.model.unembed else ORDER
        np.testing.assert_array_equal(state.narrow[..., rows, :], twin.narrow)
        shape = shape.narrow(2 * shape.d_model)
    if state.slots.size:
        same_up_to_order(state.slots, twin.slots, shape)
    for name in ("rate", "best", "wait", "cooldown", *(["basis"] if state.basis is not None else [])):
        np.testing.assert_array_equal(getattr(state, name), getattr(twin, name))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("model", MODELS)
def test_runs_of_another_vocabulary_are_the_same_in_its_order_and_go_on_so(model, optimizer, dtype):
    training = hl.TrainConfig(**{"learning_rate": 0.1, **OPTIMIZERS[optimizer]}, dtype=dtype, phases=PHASES)
    one, other = (
        hl.train(corpus, MODELS[model], training, seeds=range(5), snapshots=[0, 4, 20])
        for corpus in (corpus_of(), corpus_of(ORDER))
    )
    assert np.isfinite(one.final_loss).all()
    same_histories(one, other)
    same_histories(*(hl.resume(runs, MORE, snapshots=[25]) for runs in (one, other)))


@pytest.mark.parametrize("model", MODELS)
def test_given_weights_are_in_the_order_of_the_vocabulary(model):
    corpora = corpus_of(), corpus_of(ORDER)
    shape = MODELS[model].on(corpora[0])
    given = Params.from_flat(np.random.default_rng(0).normal(size=(3, shape.n_weights)) * 0.3, shape)
    training = hl.TrainConfig.of(steps=20, learning_rate=0.1)
    inits = given, reordered(given, ORDER, shape)
    one, other = (
        hl.train(corpus, MODELS[model], training, init=init, snapshots=[0, 20])
        for corpus, init in zip(corpora, inits, strict=True)
    )
    same_histories(one, other)
    np.testing.assert_array_equal(one.at(0).params.flat(), given.flat().astype(np.float32))
    none = hl.train(corpora[0], MODELS[model], hl.TrainConfig.of(steps=0), init=given)
    np.testing.assert_array_equal(none.params.flat(), given.flat().astype(np.float32))


@pytest.mark.parametrize("model", MODELS)
def test_gradients_are_in_the_order_of_the_vocabulary(model):
    shape = MODELS[model].on(corpus_of())
    flat = np.random.default_rng(1).normal(size=(3, shape.n_weights))
    jobs = [engine.Job.of(corpus, MODELS[model], hl.TrainConfig()) for corpus in (corpus_of(), corpus_of(ORDER))]
    loss, gradient = engine.loss_and_gradient(jobs[0], flat)
    loss_of_twin, gradient_of_twin = engine.loss_and_gradient(jobs[1], reordered_flat(flat, ORDER, shape))
    np.testing.assert_array_equal(loss, loss_of_twin)
    same_up_to_order(gradient, gradient_of_twin, shape)


def test_saved_runs_go_on_under_their_own_vocabulary(tmp_path):
    training = hl.TrainConfig(**OPTIMIZERS["adam"], phases=PHASES)
    one, other = (
        hl.train(corpus, MODELS["wide head"], training, seeds=[0, 1]) for corpus in (corpus_of(), corpus_of(ORDER))
    )
    loaded = hl.Runs.load(one.save(tmp_path / "one"))
    same_histories(hl.resume(loaded, MORE), hl.resume(other, MORE))


def test_a_dataset_is_tested_alike_under_another_vocabulary():
    one, other = (
        hl.train(Dataset(corpus, test=corpus_of(order)), training=hl.TrainConfig.of(steps=30), seeds=range(3))
        for order in (None, ORDER)
        for corpus in [corpus_of(order)]
    )
    np.testing.assert_allclose(one.dataset.resolvable_in_test(), other.dataset.resolvable_in_test())
    assert Data.of(one.dataset) == Data.of(other.dataset)
    assert Data.of(one.dataset) != Data.of(replace(one.dataset, test=None))
