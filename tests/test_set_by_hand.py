"""Weights that a recipe sets by hand are what a task is tried with, and they must fit its model."""

import numpy as np
import pytest

import headlab as hl
from headlab.config import ModelConfig, TrainConfig
from headlab.model.params import Params
from headlab.tasks.task import Recipe, Task


def task(weights, **model):
    recipe = Recipe(ModelConfig(d_head=2, **model), TrainConfig.of(steps=0), "set by hand", weights)
    return Task("toss", "a coin toss", lambda: hl.Dataset(hl.Corpus.from_text("a b\na c")), recipes={"by-hand": recipe})


def looks_back():
    shift = np.eye(4, 2, k=0)[None, None]
    return Params(W_E=np.eye(4), W_pos=np.ones((3, 4)), W_Q=shift, W_K=2 * shift, W_V=np.eye(4)[None, None])


def test_a_task_whose_weights_are_set_by_hand_is_one_run_of_them_whatever_the_seeds():
    runs = hl.train(task(looks_back), seeds=range(5))
    assert len(runs) == 1
    assert runs.seeds is None
    for name, weight in looks_back().items():
        assert np.array_equal(runs.params[0].__getattr__(name), weight), name


def test_another_model_or_training_or_other_weights_are_taken_instead():
    assert len(hl.train(task(looks_back), training=TrainConfig.of(steps=1), seeds=range(5))) == 5
    assert len(hl.train(task(looks_back), ModelConfig(d_head=3), seeds=range(5))) == 5
    other = looks_back().replace(W_E=np.zeros((4, 4)))
    assert not hl.train(task(looks_back), init=other).params.W_E.any()


def test_weights_that_do_not_fit_are_told_of_when_a_task_is_checked():
    assert task(looks_back).check() == []
    (problem,) = task(lambda: looks_back().replace(W_pos=None)).check()
    assert str(problem).endswith("weights has no W_pos: give an array of shape (3, 4)")
    assert "recipe by-hand" in str(problem) or problem.field == "recipe by-hand"
    with pytest.raises(hl.WeightsError, match="has no W_pos"):
        hl.train(task(lambda: looks_back().replace(W_pos=None)))


def test_weights_set_by_hand_need_no_batch_where_data_is_drawn_since_nothing_is_trained():
    runs = hl.train(hl.tasks["planted-shift"])
    assert (len(runs), runs.training.steps, runs.training.batch_size) == (1, 0, None)
    found = runs.held_out(exact=True)
    assert found.n_examples == 4**5
    assert found.sequences.tolist() == [1.0]
