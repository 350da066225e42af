"""What a training is said to take: from counted operations, and from nothing that is trained."""

import itertools
import time

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


def drawn(model=None, answered="at the end", positions=6, **training):
    """A job whose examples are drawn, of eight tokens, with a target at the last place alone or everywhere."""

    def sample(draws, size):
        tokens = draws.integers(8, positions)
        targets = np.where(np.arange(positions) < positions - 1, -1, tokens[:, :1])
        return tokens, tokens if answered == "everywhere" else targets

    dataset = hl.Dataset.from_stream(hl.Stream(sample, tuple("abcdefgh"), positions))
    fields = training if "phases" in training else {"steps": 10, **training}
    how = hl.TrainConfig(**fields) if "phases" in fields else hl.TrainConfig.of(**fields)
    return engine.Job.of(dataset, hl.ModelConfig(**(model or {})), how)


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
    assert list(cost.multiply_adds(problem)) == [by_hand, 0]


def test_of_what_is_drawn_the_last_layer_is_counted_for_rows_with_a_target_alone():
    job = drawn(batch_size=5, model={"d_head": 2, "n_layers": 2, "d_model": 4, "unembed": True, "d_mlp": 3})
    # 5 sequences of 6, pairs of positions 5 · 21; in layer 1 all 30 rows are read, 5 ask, with 5 · 6 keys; products apart.
    first, last, logits = cost.multiply_adds(job)
    n = len({(t, token) for row in job.stream.examples("train", 0, 5)[0].tolist() for t, token in enumerate(row)})
    assert first == 3 * (2 * n) * 4 * 2 + 3 * n * 4 * 4 + 3 * 105 * (2 + 4) + 6 * 30 * 4 * 3
    assert last == 3 * (5 + 30) * 4 * 2 + 3 * 30 * 4 * 4 + 3 * 30 * (2 + 4) + 6 * 5 * 4 * 3
    assert logits == 3 * 5 * 4 * 8
    assert sum(cost.multiply_adds(drawn(batch_size=5, answered="everywhere"))) > sum(
        cost.multiply_adds(drawn(batch_size=5))
    )


def test_every_phase_is_counted_with_its_own_batch_and_evaluations_are_forward_passes():
    def said(**training):
        return cost.seconds(drawn(**training), lanes(), 1)

    small, large = said(batch_size=8, steps=1000), said(batch_size=128, steps=1000)
    changed = said(batch_size=8, phases=(hl.Phase(1000), hl.Phase(1000, changes={"batch_size": 128})))
    assert changed == pytest.approx(small + large, rel=0.05)
    often, seldom, few = (
        said(batch_size=8, steps=1000, evaluate_every=every, evaluate_on=n)
        for every, n in ((10, 128), (500, 128), (10, 8))
    )
    assert small < few < often
    assert small < seldom < often
    # A hundred and one evaluations of as much as a step sees, each without the way back.
    assert 0.25 * 101 < (often - small) / (large / 1000) < 0.7 * 101


def test_runs_with_data_of_their_own_go_one_after_the_other():
    one, five = (cost.seconds(drawn(batch_size=8, data_per_run=True, steps=500), n, 4) for n in (1, 5))
    assert five == pytest.approx(5 * one)


@pytest.mark.parametrize(
    "model", [{}, {"d_head": 8, "n_layers": 2, "d_model": 32, "unembed": True, "d_mlp": 64}], ids=["one", "two"]
)
def test_more_of_anything_is_said_to_take_no_less(model):
    def falls(numbers):
        return [after / before for before, after in itertools.pairwise(numbers) if after < before]

    for threads in (1, 2):
        assert falls([cost.seconds(drawn(model, batch_size=8, steps=500), n, threads) for n in range(1, 40)]) == []
    # Where the kernel goes about it in another way, it may take a little less time; one run has less room than a group.
    batches = (1, 2, 4, 16, 31, 32, 64, 128, 511, 512, 513, 600, 4096)
    assert all(
        fall > 0.98 for fall in falls([cost.seconds(drawn(model, batch_size=n, steps=500), 8, 1) for n in batches])
    )
    assert falls([cost.bytes_of(drawn(model, batch_size=n, steps=500), 1) for n in batches]) == []
    assert falls([cost.seconds(drawn(model, batch_size=8, steps=n), 8, 1) for n in (1, 2, 10, 1000)]) == []


def test_a_huge_batch_is_counted_as_quickly_as_a_small_one():
    jobs = [drawn(batch_size=n, positions=900) for n in (1 << 10, 1 << 20)]
    began = time.process_time()
    small, large = (cost.bytes_of(job, 8) for job in jobs)
    assert large > 500 * small > 1e9
    assert time.process_time() - began < 5


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
