"""Weights kept at moments of a training: narrow until they are asked for, and then the bits that stood there."""

import pickle

import numpy as np
import pytest
from engine_problems import MODELS, problem, random_weights

import headlab as hl
from headlab import engine
from headlab.config import Phase, TrainConfig
from headlab.engine.recipe import trained_width

ON_BOTH_BACKENDS = True

CORPUS, WIDE = hl.Corpus.notebook(), hl.ModelConfig(d_head=40)
SHORT = TrainConfig.of(steps=30, learning_rate=0.3, momentum=0.9)


def train(model=WIDE, **how):
    return hl.train(CORPUS, model, SHORT, seeds=range(5), **how)


def same(found, expected):
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ["notebook", "wide head", "everything, wide, no mask"])
def test_a_snapshot_is_what_a_training_that_ends_there_leaves(name, dtype):
    steps = [0, 1, 7, 40]
    of = problem(MODELS[name], dtype=dtype)
    weights = random_weights(of, 18, dtype=dtype, scale=0.3)
    found = engine.train_flat(of, weights, snapshot_steps=steps).snapshots
    same(found[:, 0], weights)
    for nth, some in enumerate(steps[1:], 1):
        same(found[:, nth], engine.train_flat(problem(MODELS[name], dtype=dtype, steps=some), weights).weights)


@pytest.mark.parametrize("name", ["wide head", "everything, wide, no mask"])
def test_a_run_that_diverged_keeps_what_it_was_given_or_ended_with(name):
    of = problem(MODELS[name], dtype="float32", learning_rate=30.0)
    weights = random_weights(of, 18, dtype="float32", scale=0.1)
    weights[::3] *= np.float32(1e30)
    trained = engine.train_flat(of, weights, snapshot_steps=[0, 20, 40], stretch=11)
    at_once, later = trained.outcome == 0, (trained.outcome > 0) & (trained.outcome < 20)
    assert trained_width(of)
    assert at_once.any()
    assert later.any()
    same(trained.snapshots[at_once], np.repeat(weights[at_once, None], 3, axis=1))
    same(trained.snapshots[later, 1:], np.repeat(trained.weights[later, None], 2, axis=1))
    same(engine.train_flat(of, weights, snapshot_steps=[20]).snapshots[:, 0], trained.snapshots[:, 1])


def test_what_is_given_may_change_when_the_training_is_done():
    of = problem(MODELS["wide head"])
    weights = random_weights(of, 3)
    trained = engine.train_flat(of, weights, snapshot_steps=[0])
    first = weights.copy()
    weights[:] = 0
    same(trained.snapshots[:, 0], first)


def test_snapshots_are_as_small_as_what_was_trained_until_they_are_asked_for():
    runs = train(hl.ModelConfig(d_head=320))
    before = sum(array.nbytes for array in runs.history.held())
    assert before < runs.snapshots.nbytes / 3
    assert sum(array.nbytes for array in runs.history.held()) > runs.snapshots.nbytes
    assert runs.snapshots is runs.snapshots


def test_a_moment_alone_is_that_among_all_before_and_after_all_were_asked_for():
    runs, steps = train(), train().snapshot_steps.tolist()
    alone = [runs.at(step).params.flat() for step in steps]
    for nth, step in enumerate(steps):
        same(alone[nth], runs.snapshots[:, nth])
        same(runs.at(step).params.flat(), alone[nth])
        same(train()[3].at(step).params.flat(), alone[nth][3])


@pytest.mark.parametrize("index", [slice(1, 4), [4, 0], np.array([True, False, True, False, False])])
def test_snapshots_of_some_runs_are_theirs(index):
    runs = train()
    narrow = runs[index].snapshots
    same(narrow, runs.snapshots[index])
    same(runs[index].snapshots, narrow)
    same(train()[2].snapshots, runs.snapshots[2])


@pytest.mark.parametrize("changes", [{}, {"optimizer": "adam"}], ids=["narrow", "then in its own width"])
def test_runs_that_went_on_have_the_moments_of_both_trainings(changes):
    first = train(snapshots=[0, 20, 30])
    whole = hl.resume(first, Phase(20, changes=changes), snapshots=[30, 33, 50])
    assert whole.snapshot_steps.tolist() == [0, 20, 30, 33, 50]
    same(whole[1:].snapshots[:, :3], first.snapshots[1:])
    same(whole.at(33).params.flat(), hl.resume(first, Phase(3, changes=changes)).params.flat())
    same(whole.snapshots[:, 3], whole.at(33).params.flat())
    same(whole.snapshots[:, 4], whole.params.flat())


def test_snapshots_outlive_files_and_processes(tmp_path):
    runs = train()
    sent = pickle.loads(pickle.dumps(runs))
    same(hl.Runs.load(train().save(tmp_path)).snapshots, sent.snapshots)
    same(sent.snapshots, runs.snapshots)
