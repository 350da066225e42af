"""Runs whose examples are drawn, kept: in files, and in a study that is begun, killed and gone on with."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import headlab as hl
from headlab.study.store import Store
from headlab.study.study import Study

MINE = """
import headlab as hl


def sample(draws, size):
    drawn = draws.integers(3, 4)
    return drawn, drawn


task = hl.Task(
    "{name}",
    "what stands there",
    make=lambda: hl.Dataset.from_stream(hl.Stream(sample, tuple("abc"), 4)),
    recipes={{"published": hl.Recipe(hl.ModelConfig(d_head=3), hl.TrainConfig.of(steps=40, batch_size=8))}},
)
"""
EVALUATED = {"batch_size": 8, "evaluate_every": 10, "evaluate_on": 64, "learning_rate": 0.05}


def assert_same(one, other):
    np.testing.assert_array_equal(one.params.flat(), other.params.flat())
    for name in ("loss", "final_loss", "learning_rate", "recorded_steps"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)
    for name, array in one.history.held_out.arrays().items():
        np.testing.assert_array_equal(array, other.history.held_out.arrays()[name], err_msg=name)


@pytest.fixture
def mine(tmp_path, monkeypatch):
    """A task's file, read under a name of its own in every test."""

    def write(name):
        Path("mine.py").write_text(MINE.format(name=name))
        return hl.tasks.from_file("mine.py")

    monkeypatch.chdir(tmp_path)
    return write


@pytest.mark.parametrize("name", ["max4", "of-ones-own"])
def test_saved_runs_are_the_runs_and_go_on_to_the_same_bits(mine, name):
    task = hl.tasks[name] if name in hl.tasks else mine(name)
    model, training = hl.ModelConfig(d_head=3), hl.TrainConfig.of(steps=25, **EVALUATED)
    runs = hl.train(task, model, training, seeds=range(3))
    back = hl.Runs.load(runs.save("kept"))
    assert_same(runs, back)
    assert back.dataset.stream.sha == task.dataset.stream.sha
    assert back.training == training
    assert back.held_out().table().equals(runs.held_out().table())
    assert back.outcomes() == runs.outcomes()
    whole = hl.train(task, model, hl.TrainConfig(phases=(hl.Phase(25), hl.Phase(15)), **EVALUATED), seeds=range(3))
    assert_same(hl.resume(back, hl.Phase(15)), whole)


def test_where_the_tasks_file_is_not_read_saved_runs_are_looked_at_and_only_drawing_says_so(mine, monkeypatch):
    runs = hl.train(mine("gone"), seeds=range(2))
    runs.save("kept")
    monkeypatch.setattr("headlab.tasks.own._KNOWN", {})
    back = hl.Runs.load("kept")
    assert back.dataset.stream.is_missing
    np.testing.assert_array_equal(back.params.flat(), runs.params.flat())
    np.testing.assert_array_equal(back.logits(), runs.logits())
    for ask in (back.held_out, lambda: hl.resume(back, hl.Phase(5)), lambda: hl.train(back, seeds=0)):
        with pytest.raises(hl.HeadlabError, match="got only what runs keep of the task 'gone': load the task's file"):
            ask()
    assert mine("gone").dataset.stream.sha == runs.dataset.stream.sha
    assert hl.Runs.load("kept").held_out().table().equals(runs.held_out().table())  # the file was read again


def test_sequences_may_all_be_shorter_than_the_longest(mine, tmp_path):
    def sample(draws, size):
        drawn = draws.integers(3, 4)
        return drawn, drawn

    dataset = hl.Dataset.from_stream(hl.Stream(sample, tuple("abc"), 6))
    runs = hl.train(dataset, hl.ModelConfig(d_head=3), hl.TrainConfig.of(steps=20, **EVALUATED), seeds=range(2))
    assert runs.params.W_pos.shape[-2] == 6
    assert runs.dataset.corpus.n_ctx == 6
    assert "2 of 20 steps" in repr(runs)  # graded
    back = hl.Runs.load(runs.save(tmp_path / "kept"))
    assert_same(runs, back)
    assert back.dataset.corpus.n_ctx == 6
    np.testing.assert_array_equal(back.logits(), runs.logits())


STUDY = """
seeds = "0:{seeds}"
[grid]
dataset = ["mine.py", "max4"]
[training]
steps = {steps}
batch_size = 8
learning_rate = 0.05
"""


def headlab(*arguments):
    return [sys.executable, "-m", "headlab", "study", *arguments]


def told(*arguments):
    done = subprocess.run(headlab(*arguments), capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.unix
def test_a_study_of_tasks_is_killed_goes_on_and_is_the_study_that_was_never_killed(mine, tmp_path):
    task = mine("in-a-study")
    Path("study.toml").write_text(STUDY.format(seeds=300, steps=150))
    process = subprocess.Popen(headlab("run", "study.toml", "--threads", "1"), stderr=subprocess.DEVNULL)
    patience = time.monotonic() + 120
    while (
        not (Path("study/study.json").exists() and Store(Path("study")).sound_chunks()) and time.monotonic() < patience
    ):
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    status, out, _ = told("status", "study", "--json")  # in a process that has not read mine.py
    kept = json.loads(out)["runs"]
    assert status == 0
    assert 0 < kept < 600
    status, _, err = told("resume", "study")
    assert status != 0
    assert "got only what runs keep of the task 'in-a-study'" in err
    assert err.count("\n") == 1
    status, out, err = told("resume", "study", "--task", "mine.py", "--threads", "1")
    assert status == 0, err
    assert f"{600 - kept:,} runs trained; 600 of 600 are in study" in out
    study = Study(Path("study"))
    names = [item.name for item in study.design.conditions]
    for name, data in zip(names, (task, hl.tasks["max4"]), strict=True):
        item = next(item for item in study.design.conditions if item.name == name)
        assert "left_out" not in name
        straight = hl.train(data, item.model, item.training, seeds=range(290, 300), record="none")
        back = study.runs(name)
        np.testing.assert_array_equal(back.params.flat()[290:], straight.params.flat())
        np.testing.assert_array_equal(back.final_loss[290:], straight.final_loss)
    assert told("show", "study")[0] == 0
