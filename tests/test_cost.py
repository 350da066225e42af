"""What a training is said to take: from counted operations, and from nothing that is trained."""

import numpy as np
import pytest

import headlab as hl
from headlab import engine
from headlab.engine import cost
from headlab.study.cost import estimated_seconds
from headlab.study.design import StudyDesign

NOTEBOOK = hl.Corpus.notebook()


@pytest.fixture(autouse=True)
def processor(monkeypatch):
    """A processor of 16 lanes, whose multiply-adds take a nanosecond whatever runs beside the test."""
    monkeypatch.setattr(cost, "_second", lambda name, float64: 1e-9)
    monkeypatch.setattr(cost, "default_threads", lambda: 4)
    monkeypatch.setattr(engine.problem, "default_threads", lambda: 4)
    monkeypatch.setenv("HEADLAB_INSTRUCTION_SET", engine.instruction_sets()[0])


def seconds(n_runs=1, threads=1, corpus=NOTEBOOK, model=None, **fields):
    training = hl.TrainConfig.of(**{"steps": 1000, **fields})
    problem = engine.Job(corpus.tokens, corpus.targets, corpus.d_vocab, hl.ModelConfig(**(model or {})), training)
    return cost.seconds(problem, n_runs, threads)


def lanes():
    return engine.problem.lanes_of(engine.instruction_sets()[0], False)


def test_a_run_alone_takes_less_than_a_group_and_a_few_more_no_more_than_one():
    assert seconds(1) < 0.6 * seconds(lanes())
    assert seconds(lanes() - 1) == pytest.approx(seconds(lanes()), rel=0.05)
    assert seconds(lanes() + 1) == pytest.approx(2 * seconds(lanes()), rel=0.05)


def test_threads_share_the_groups_and_no_more_than_there_are_processors():
    many = 8 * lanes()
    assert seconds(many, 4, steps=50_000) == pytest.approx(seconds(many, 1, steps=50_000) / 4, rel=0.05)
    assert seconds(many, 1000) == seconds(many, None) == seconds(many, 4)
    assert seconds(1, 4) == seconds(1, 1)


@pytest.mark.parametrize("more", [{"steps": 2000}, {"dtype": "float64"}, {"optimizer": "adam"}])
def test_more_work_is_said_to_take_longer(more):
    many = 8 * lanes()
    assert seconds(many, **more) > 1.2 * seconds(many)


def test_wide_heads_take_longer_where_they_are_trained_wide():
    wide, narrow = ({"model": {"d_head": size}} for size in (320, 14))
    assert seconds(lanes(), steps=10_000, **wide) < 1.2 * seconds(lanes(), steps=10_000, **narrow)
    assert seconds(lanes(), optimizer="adam", **wide) > 5 * seconds(lanes(), optimizer="adam", **narrow)


def test_multiply_adds_are_those_of_the_products_by_hand():
    # Distinct inputs 7, pairs of positions 2 · 15; d_model 7, d_head 2: apart, six products of queries and keys.
    problem = engine.Job(NOTEBOOK.tokens, NOTEBOOK.targets, 7, hl.ModelConfig(d_head=2), hl.TrainConfig.of(steps=1))
    by_hand = 6 * 7 * 7 * 2 + 3 * 7 * 7 * 7 + 3 * 30 * (2 + 7)
    assert sum(cost.multiply_adds(problem)) == by_hand


def test_study_is_estimated_without_training_any_of_it(monkeypatch):
    corpus = hl.Corpus.from_text("\n".join(f"word{n} ordered dish{n}" for n in range(60)))
    design = StudyDesign.grid(corpus, seeds=range(1), d_head=[10, 20], steps=[1])
    monkeypatch.setattr(engine.trainer, "train_flat", None)
    monkeypatch.setattr(engine.trainer.kernel(), "Training", None)
    assert 0 < estimated_seconds(design) < 1
    larger = StudyDesign.grid(corpus, seeds=range(1000), d_head=[10, 20], steps=[1000])
    assert estimated_seconds(larger) > 1000 * estimated_seconds(design)
    assert np.isfinite(estimated_seconds(StudyDesign.grid(corpus, seeds=range(1), d_head=[1], steps=[0])))


def test_speed_is_measured_on_a_problem_of_its_own_and_once(monkeypatch):
    monkeypatch.undo()
    name, calls = engine.instruction_sets()[-1], []
    train = engine.train_flat
    monkeypatch.setattr(cost, "train_flat", lambda *given, **options: calls.append(1) or train(*given, **options))
    cost._second.cache_clear()
    first = cost._second(name, False)
    n_calls = len(calls)
    assert first > 0
    assert cost._second(name, False) == first
    assert len(calls) == n_calls >= 1
