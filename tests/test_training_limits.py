"""What does not fit is refused before any of it is taken, in every door, with what would fit."""

import itertools
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

import headlab as hl
from headlab import engine
from headlab.config import seeds as config_seeds
from headlab.config.seeds import seed_array, seeds_of_text
from headlab.engine import cost, memory

ON_BOTH_BACKENDS = True
LONG_ON_WASM = {
    "test_what_the_kernel_works_on_is_counted",
    "test_counted_bytes_are_what_a_training_takes_at_most_and_not_much_more",
}

CORPUS = hl.Corpus.notebook()
ONE = hl.TrainConfig.of(steps=1)
BILLION = 10**9


@pytest.mark.parametrize(
    "seeds",
    [range(BILLION), range(0, 10**30, 3), range(BILLION, 0, -1)],
    ids=["long", "longer than len can say", "downwards"],
)
def test_range_of_more_seeds_than_may_be_trained_at_once_is_refused_unread(seeds):
    with pytest.raises(hl.ConfigError, match=r"seeds must be at most 10,000,000, got \d+,\d+"):
        hl.train(CORPUS, seeds=seeds)
    with pytest.raises(hl.ConfigError, match="a study must have at most 10,000,000 runs, got 2 conditions"):
        hl.StudyDesign.grid(CORPUS, seeds=seeds, d_head=[1, 2])


def test_generator_of_seeds_is_read_no_further_than_may_be_trained_at_once(monkeypatch):
    monkeypatch.setattr(config_seeds, "MAX_RUNS", 1000)
    for seeds in (itertools.count(), itertools.repeat(0)):
        with pytest.raises(hl.ConfigError, match="seeds must be at most 1,000, got more"):
            hl.train(CORPUS, seeds=seeds)
    given = iter(range(2000))
    with pytest.raises(hl.ConfigError, match="at most 1,000"):
        hl.train(CORPUS, seeds=given)
    assert next(given) == 1001


@pytest.mark.parametrize("text", ["0:1000000000", ":1000000000", "0:" + "9" * 40])
def test_more_seeds_than_may_be_trained_at_once_are_refused_as_text(text):
    with pytest.raises(hl.ConfigError, match="at most 10,000,000 seeds"):
        seeds_of_text(text)


def test_seeds_are_exact_up_to_the_last_one():
    last = 2**64 - 1
    assert seed_array(range(last - 1, last + 1)).tolist() == [last - 1, last]
    assert seed_array(np.array([last], np.uint64)).tolist() == [last]
    assert seed_array(np.array(7)).tolist() == [7]
    assert seed_array(range(9, 0, -4)).tolist() == [9, 5, 1]
    for wrong in (range(last, last + 2), range(-1, 3), [1, np.True_], [1, True], 1.0, np.array(1.0), "1", []):
        with pytest.raises(hl.ConfigError, match=r"whole numbers from 0 to 2\*\*64 - 1"):
            seed_array(wrong)


@pytest.fixture
def megabytes(monkeypatch):
    """Return how a test says what is free."""
    return lambda size: monkeypatch.setattr(memory, "available", lambda: int(size * 1e6))


DOORS = {
    "seeds": lambda n, **options: hl.train(CORPUS, training=ONE, seeds=range(n), **options),
    "init": lambda n, **options: hl.train(
        CORPUS, training=ONE, init=hl.train(CORPUS, training=ONE, record="none").params[np.zeros(n, int)], **options
    ),
    "resume": lambda n, **options: hl.resume(
        hl.train(CORPUS, training=ONE, record="none")[np.zeros(n, int)], ONE, **options
    ),
    "wide heads": lambda n, **options: hl.train(CORPUS, hl.ModelConfig(d_head=160), ONE, seeds=range(n), **options),
    "Adam in float64": lambda n, **options: hl.train(
        CORPUS, training=hl.TrainConfig.of(steps=1, optimizer="adam", dtype="float64"), seeds=range(n), **options
    ),
}


@pytest.mark.parametrize("door", DOORS)
def test_the_number_of_runs_that_is_said_to_fit_fits_and_one_more_does_not(door, megabytes):
    megabytes(30)
    with pytest.raises(hl.ConfigError, match="30,000 runs must fit in the memory that is free") as refused:
        DOORS[door](30_000)
    fit = int(str(refused.value).split("train at most ")[1].split(" ")[0].replace(",", ""))
    assert len(DOORS[door](fit)) == fit
    with pytest.raises(hl.ConfigError, match="must fit"):
        DOORS[door](fit + 1)


@pytest.mark.parametrize(
    ("model", "fields", "options", "advice"),
    [
        ({}, {"steps": 10**9}, {}, "would take (72|80).0 GB: keep no history .* leaves room for"),
        ({}, {"steps": 10**6}, {"record": "none", "snapshots": range(10**6)}, "keep no history"),
        ({"d_head": 65_536, "n_heads": 1024, "n_layers": 1024}, {"steps": 1}, {}, "not even one run fits"),
    ],
    ids=["curves", "snapshots", "weights"],
)
def test_one_run_that_does_not_fit_is_refused_with_what_would(model, fields, options, advice, megabytes):
    megabytes(900)
    with pytest.raises(hl.ConfigError, match=advice):
        hl.train(CORPUS, hl.ModelConfig(**model), hl.TrainConfig.of(**fields), **options)


@pytest.mark.parametrize(
    ("model", "fields", "options"),
    [
        ({}, {}, {}),
        ({"d_head": 10}, {}, {"record": "none"}),
        ({"d_head": 320}, {"optimizer": "adam"}, {"record": "none"}),
        ({"d_head": 160}, {"momentum": 0.5, "dtype": "float64"}, {"snapshots": None}),
        ({"d_head": 320}, {}, {"record": "log"}),
        ({"n_layers": 2, "n_heads": 4, "d_model": 20, "unembed": True}, {"optimizer": "rmsprop"}, {}),
    ],
)
def test_counted_bytes_are_what_a_training_takes_at_most_and_not_much_more(model, fields, options):
    shape, how = hl.ModelConfig(**model), hl.TrainConfig.of(steps=20, **fields)
    tracemalloc.start()
    runs = hl.train(CORPUS, shape, how, seeds=range(1_000), threads=1, **options)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    problem = engine.Job(CORPUS.tokens, CORPUS.targets, CORPUS.d_vocab, shape, how)
    kept = {"recorded": len(runs.recorded_steps), "snapshots": len(runs.snapshot_steps)}
    assert peak <= cost.bytes_of(problem, 1_000, **kept) <= 2 * peak


WIDE = """
import headlab as hl
from headlab import engine
from headlab.engine import cost

corpus = hl.Corpus.from_ids([[(31 * i + 7 * j) % 400 for j in range(16)] for i in range(40)])
shape, how = hl.ModelConfig(d_head=4, **{model}), hl.TrainConfig.of(steps=1, **{fields})
def sample(draws, size):
    tokens = draws.integers(400, 16)
    return tokens, tokens
if how.batch_size:
    corpus = hl.Dataset.from_stream(hl.Stream(sample, tuple(map(str, range(400))), 16))
peak = lambda: 1024 * int(open("/proc/self/status").read().split("VmHWM:")[1].split()[0])
first = hl.TrainConfig.of(steps=1, dtype=how.dtype)
hl.train(hl.Corpus.notebook(), training=first, seeds=0, record="none", snapshots=None)  # what is imported, is
before = peak()
hl.train(corpus, shape, how, seeds=range({runs}), threads={threads}, record="none", snapshots=None)
problem = engine.Job.of(corpus, shape, how)
print(peak() - before, cost.bytes_of(problem, {runs}, threads={threads}))
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak is read there")
@pytest.mark.parametrize(
    ("model", "fields", "runs", "threads"),
    [
        ({}, {}, 1, 1),
        ({"n_layers": 3, "n_heads": 2, "factored_values": True}, {"optimizer": "adam"}, 1, 1),
        ({"d_model": 300, "unembed": True}, {"dtype": "float64"}, 1, 1),
        ({}, {}, 17, 2),
        ({"n_layers": 2, "d_mlp": 64, "norm": "layer"}, {"batch_size": 400}, 1, 1),
        ({"d_model": 64, "unembed": True}, {"batch_size": 100, "evaluate_every": 1, "evaluate_on": 3000}, 17, 2),
    ],
    ids=["as in the notebook", "deep", "unembedded", "two groups at once", "drawn", "drawn and evaluated"],
)
def test_what_the_kernel_works_on_is_counted(model, fields, runs, threads):
    code = WIDE.format(model=model, fields=fields, runs=runs, threads=threads)
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    taken, counted = map(int, said.split())
    assert 0.9 * taken < counted < 1.6 * taken


def test_one_run_on_a_corpus_too_large_is_refused_before_it_is_trained(megabytes):
    wide = hl.Corpus.from_ids([[(31 * i + 7 * j) % 400 for j in range(16)] for i in range(40)])
    megabytes(10)
    with pytest.raises(hl.ConfigError, match="take a smaller model or corpus, since not even one run fits"):
        hl.train(wide, training=ONE)


def test_memory_is_what_the_tightest_group_leaves(tmp_path):
    newer, older = tmp_path / "a" / "b", tmp_path / "memory" / "c"
    for folder, limit, used in (
        (newer, "memory.max", "memory.current"),
        (newer.parent, "memory.max", "memory.current"),
    ):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / limit).write_text("max\n" if folder == newer else "5000\n")
        (folder / used).write_text("4000\n")
        (folder / "memory.stat").write_text("anon 1\ninactive_file 300\n")
    older.mkdir(parents=True)
    (older / "memory.limit_in_bytes").write_text("900\n")
    (older / "memory.usage_in_bytes").write_text("1000\n")
    (older / "memory.stat").write_text("total_inactive_file 10\n")
    assert list(memory.of_control_groups("0::/a/b\n", tmp_path)) == [1300]
    assert list(memory.of_control_groups("4:cpu:/c\n3:memory,hugetlb:/c\n", tmp_path)) == [-90]
    assert list(memory.of_control_groups("", tmp_path)) == []


START = dict(hl.train(CORPUS, training=hl.TrainConfig.of(steps=0)).params.items())


@pytest.mark.parametrize(
    ("init", "said"),
    [
        ({}, "init has no W_E"),
        ([], "init must be Params, or names and their arrays, got"),
        ("weights", "init must be Params, or names and their arrays, got 'weights'"),
        ({name: weight[:0] for name, weight in START.items()}, "init must have at least one run, got none"),
        ({**START, "W_E": [[1], [1, 2]]}, "W_E must be an array, got rows of different lengths"),
        ({**START, "W_E": np.full((7, 7), None)}, "W_E must hold real numbers"),
    ],
)
def test_weights_that_are_none_are_refused_in_a_sentence(init, said):
    with pytest.raises(hl.WeightsError, match=said):
        hl.train(CORPUS, training=ONE, init=init)


def test_weights_beyond_float32_are_a_run_that_diverges_at_its_start():
    runs = hl.train(CORPUS, training=ONE, init={**START, "W_E": np.full((7, 7), 1e300)})
    assert runs.outcomes() == ["diverged at step 0"]


def test_every_problem_of_a_request_is_listed():
    with pytest.raises(hl.ConfigError) as refused:
        hl.train(CORPUS, hl.ModelConfig(d_model=3), ONE, seeds=[-1], record="x", snapshots=[5], threads=True)
    named = [str(problem).split(" ")[0] for problem in refused.value.problems]
    assert [problem.field for problem in refused.value.problems] == named
    assert named == ["d_model", "seeds", "record", "snapshots", "threads"]
    with pytest.raises(hl.ConfigError) as refused:
        hl.train("text", 3, "adam")
    assert [str(problem).split(" ")[0] for problem in refused.value.problems] == ["corpus", "model", "training"]
    with pytest.raises(hl.ConfigError, match="training must be a TrainConfig, got 'adam'"):
        hl.resume(hl.train(CORPUS, training=ONE), "adam")


def test_numpy_values_and_empty_lists_mean_what_they_say():
    runs = hl.train(CORPUS, training=ONE, seeds=np.arange(3), threads=np.int64(2), snapshots=[])
    assert (len(runs), runs.snapshots, runs.snapshot_steps.tolist()) == (3, None, [])
    assert hl.train(CORPUS, training=ONE, snapshots=np.arange(2)).snapshot_steps.tolist() == [0, 1]
    for wrong in (np.array(1), 1, [True], [0.5], [np.nan], "all"):
        with pytest.raises(hl.ConfigError, match=r"^snapshots must be"):
            hl.train(CORPUS, training=ONE, snapshots=wrong)
