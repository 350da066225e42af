"""What a study keeps may change: runs that lack something are trained again for it, and nothing that was there is lost."""

import json
from pathlib import Path

import numpy as np
import pytest

import headlab as hl
from headlab.study.design import StudyDesign
from headlab.study.study import Study

TEXT = hl.Corpus.from_text("a b c\nd b e")
TINY = hl.TrainConfig.of(steps=12)
KINDS = ("weights", "curves", "snapshots")
CHANGES = [
    ((), ("weights",)),
    ((), ("curves", "snapshots")),
    (("weights",), ()),
    (("weights",), ("weights", "curves")),
    (("weights",), ("curves",)),
    (("curves",), ("snapshots",)),
    (("weights", "curves"), ("weights", "snapshots")),
    (("weights", "snapshots"), KINDS),
    (KINDS, ("curves",)),
]


def design(keep, seeds=6, sizes=(2, 3)):
    return StudyDesign.grid(TEXT, seeds=range(seeds), training=TINY, d_head=list(sizes), keep=keep)


def made(folder, keep, **options):
    study = Study.create(folder, design(keep, **options))
    study.run()
    return study


def what_it_gives(study):
    """Return everything that a study's keep promises, of every condition."""
    found = {}
    for number in range(2):
        if "weights" in study.design.keep:
            runs = study.runs(number)
            assert runs.seeds.tolist() == list(range(len(runs)))
            found |= {(number, name): array for name, array in runs.params.items()}
            if "curves" in study.design.keep:
                found[number, "loss"] = runs.loss
            if "snapshots" in study.design.keep:
                found[number, "snapshots"] = runs.snapshots
    if "curves" in study.design.keep:
        found["curves"] = study.curves()["q50"].to_numpy()
    return found


@pytest.mark.parametrize(("before", "after"), CHANGES, ids=lambda kinds: "+".join(kinds) or "nothing")
def test_what_is_kept_may_grow_and_shrink_at_any_time(tmp_path, before, after):
    study = made(tmp_path / "study", before)
    table = study.export(tmp_path / "before.csv").read_bytes()
    study.extend(design=design(after))
    grows = bool(set(after) - set(before))
    status = study.status()
    assert (status.runs, status.of, status.to_train) == (12, 12, 12 if grows else 0)
    assert status.lacking == ({"d_head 2": 6, "d_head 3": 6} if grows else {})
    assert study.export(tmp_path / "between.csv").read_bytes() == table
    assert Study(tmp_path / "study").run() == (12 if grows else 0)
    again, whole = Study(tmp_path / "study"), made(tmp_path / "whole", after)
    assert (again.status().runs, again.status().to_train, again.run()) == (12, 0, 0)
    assert again.export(tmp_path / "after.csv").read_bytes() == table
    expected = what_it_gives(whole)
    for name, array in what_it_gives(again).items():
        np.testing.assert_array_equal(array, expected[name])
    assert sorted(expected, key=str) == sorted(what_it_gives(again), key=str)


def test_seeds_and_what_is_kept_change_together(tmp_path):
    study = made(tmp_path / "study", ["weights"])
    study.extend(design=design(["weights", "curves"], seeds=10, sizes=(2, 3, 4)))
    status = study.status()
    assert (status.runs, status.of, status.to_train) == (12, 30, 30)
    assert study.runs(0).seeds.tolist() == list(range(6))  # what is there stays there
    assert study.runs(0).loss.shape == (6, 0)
    assert study.run() == 30
    assert study.curves()["condition"].nunique() == 3
    assert study.runs(0).loss.shape[0] == 10


def test_what_is_there_already_is_not_lost_while_it_is_trained_again(tmp_path):
    study = made(tmp_path / "study", ["weights"], seeds=300, sizes=[2])
    weights = study.runs(0).params.W_Q
    study.extend(design=design(["curves"], seeds=300, sizes=[2]))
    study.extend(design=design(["weights", "snapshots"], seeds=300, sizes=[2]))
    first = study.store.chunks()[0]
    calls = []

    def stop(done):
        calls.append(done)
        if len({chunk.path for chunk in study.store.chunks()}) > 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        study.run(threads=1, progress=stop)
    assert first.path.exists()
    assert 0 < Study(tmp_path / "study").status().to_train < 300
    np.testing.assert_array_equal(Study(tmp_path / "study").runs(0).params.W_Q, weights)
    study.run()
    assert study.runs(0).at(12).params.W_Q.shape == weights.shape


def test_a_fuller_chunk_counts_and_the_lesser_one_is_cleaned_up(tmp_path):
    study = made(tmp_path / "study", [])
    study.extend(design=design(KINDS))
    old = [chunk.path for chunk in study.store.chunks()]
    assert study.collect_garbage() == []  # nothing has replaced them yet
    study.run()
    table = study.export(tmp_path / "table.csv").read_bytes()
    assert sorted(study.collect_garbage()) == sorted(old)
    again = Study(tmp_path / "study")
    assert again.export(tmp_path / "table.csv").read_bytes() == table
    assert (again.run(), again.collect_garbage()) == (0, [])


def test_a_damaged_fuller_chunk_leaves_the_lesser_one_in_use(tmp_path):
    study = made(tmp_path / "study", ["weights"], sizes=[2])
    study.extend(design=design(["weights", "curves"], sizes=[2]))
    before = {chunk.path for chunk in study.store.chunks()}
    study.run()
    (fuller,) = [chunk for chunk in study.store.sound_chunks() if chunk.path not in before]
    arrays = study.store.array_names([fuller])[fuller]
    (study.store.folder / "arrays" / fuller.condition / arrays).write_bytes(b"torn")
    again = Study(tmp_path / "study")
    assert again.collect_garbage() == []
    assert before <= {chunk.path for chunk in again.store.chunks()}
    assert (again.status().to_train, again.run(), again.status().to_train) == (6, 6, 0)


def test_the_command_line_says_how_many_runs_lack_something(run):
    Path("a.toml").write_text('seeds = "0:5"\nkeep = []\n[training]\nsteps = 9\n[grid]\nd_head = [2, 3]\n')
    Path("b.toml").write_text('seeds = "0:6"\nkeep = ["curves"]\n[training]\nsteps = 9\n[grid]\nd_head = [2, 3]\n')
    assert run("study", "run", "a.toml")[0] == 0
    assert "12 runs to train" in run("study", "extend", "a", "--file", "b.toml")[1]
    out = run("study", "status", "a")[1]
    assert "10 finished runs lack something that is kept now: run the study" in out
    assert json.loads(run("study", "status", "a", "--json")[1])["to_train"] == 12
    assert run("study", "show", "a", "--figure", "before.pdf")[0] == 0  # what there is
    assert run("report", "a", "-o", "before.html")[0] == 0
    assert json.loads(run("study", "run", "a", "--json")[1])["trained"] == 12
    assert "lack" not in run("study", "status", "a")[1]
    assert run("study", "show", "a", "--figure", "a.pdf")[0] == 0
