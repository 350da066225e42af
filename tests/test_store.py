"""The store: nothing finished is lost, nothing damaged is read, whatever happens in between."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import headlab as hl
from headlab.study.design import StudyDesign
from headlab.study.execution import StudyHeld
from headlab.study.store import Store
from headlab.study.study import Study
from headlab.study.work import pending_tasks

NOTEBOOK = hl.Corpus.notebook()
SHORT = hl.TrainConfig.of(steps=30)
RUN = "import sys; from headlab.study.study import Study; Study(sys.argv[1]).run(threads=1, join=len(sys.argv) > 2)"


def design(seeds=600, **options):
    return StudyDesign.grid(
        NOTEBOOK, seeds=range(seeds), training=options.pop("training", SHORT), d_head=[5, 10], **options
    )


@pytest.fixture
def study(tmp_path):
    made = Study.create(tmp_path / "study", design())
    made.run()
    return made


def bytes_of(study, tmp_path):
    return study.export(tmp_path / "export.csv").read_bytes()


def test_a_chunks_name_is_the_hash_of_its_content(study):
    chunks = study.store.chunks()
    assert len(chunks) == 6
    assert study.store.sound_chunks() == chunks


def test_anybody_can_open_the_files(study):
    import duckdb
    import polars
    from safetensors.numpy import load_file

    chunk = study.store.chunks()[0]
    path = chunk.path
    assert polars.read_parquet(path)["seed"].to_list() == list(range(256))
    assert duckdb.connect().execute(f"select count(*) from '{path}'").fetchone() == (256,)
    name = study.store.array_names([chunk])[chunk]
    arrays = study.store.folder / "arrays" / chunk.condition
    d_head = study.design.identities[chunk.condition].model.d_head
    assert load_file(arrays / name)["W_Q"].shape == (256, 1, 1, 7, d_head)


def test_runs_are_those_of_train(study):
    for d_head in (5, 10):
        runs = hl.train(NOTEBOOK, hl.ModelConfig(d_head=d_head), SHORT, seeds=range(600), record="none")
        rows = study.table().query("d_head == @d_head")
        np.testing.assert_array_equal(rows["final_loss"], runs.final_loss)
        np.testing.assert_array_equal(rows["solved"], runs.solved())
        back = study.runs(f"d_head {d_head}")
        np.testing.assert_array_equal(back.params.W_Q, runs.params.W_Q)
        np.testing.assert_array_equal(back.logits(), runs.logits())


def test_a_finished_study_trains_nothing(study):
    before = {path: path.stat().st_mtime_ns for path in study.store.folder.glob("*/*/*")}
    assert study.run() == 0
    assert {path: path.stat().st_mtime_ns for path in study.store.folder.glob("*/*/*")} == before


@pytest.mark.parametrize("kind", ["flip", "cut", "empty"])
def test_a_damaged_chunk_is_set_aside_named_and_trained_again(study, tmp_path, kind):
    expected = bytes_of(study, tmp_path)
    chunk = study.store.chunks()[0]
    data = bytearray(chunk.path.read_bytes())
    if kind == "flip":
        data[len(data) // 2] ^= 1
    chunk.path.write_bytes(b"" if kind == "empty" else data if kind == "flip" else data[:-7])
    again = Study(study.store.folder)
    assert again.status().runs == 1200 - 256
    assert [path.name for path in again.store.damaged] == [chunk.path.name]
    assert again.run() == 256
    assert bytes_of(again, tmp_path) == expected


@pytest.mark.parametrize("kind", ["flip", "missing"])
def test_damaged_weights_are_refused_by_name_and_trained_again(study, tmp_path, kind):
    expected = bytes_of(study, tmp_path)
    chunk = study.store.chunks()[0]
    name = study.store.array_names([chunk])[chunk]
    path = study.store.folder / "arrays" / chunk.condition / name
    condition = study.design.identities[chunk.condition].name
    whole = path.read_bytes()
    weights = study.runs(condition).params.W_Q
    if kind == "flip":
        path.write_bytes(whole[:-5] + bytes([whole[-5] ^ 4]) + whole[-4:])
    else:
        path.unlink()
    with pytest.raises(hl.HeadlabError, match=name[:20]):
        study.runs(condition)
    assert study.run() == 256
    assert path.read_bytes() == whole
    assert {item.name for item in study.store.damaged} == {chunk.path.name, name} - (
        {name} if kind == "missing" else set()
    )
    np.testing.assert_array_equal(study.runs(condition).params.W_Q, weights)
    assert bytes_of(study, tmp_path) == expected


def test_a_study_that_is_running_is_not_extended(study):
    with study.store.lock() as free:
        assert free
        with pytest.raises(StudyHeld, match=str(os.getpid())):
            study.extend(seeds=range(600, 610))
    assert study.design.n_runs == 1200


def test_curves_are_quantiles_over_all_runs_with_diverged_ones_above(tmp_path):
    wild = hl.TrainConfig.of(steps=40, optimizer="sgd", learning_rate=5.0)
    plan = StudyDesign.grid(NOTEBOOK, seeds=range(300), training=wild, d_head=[40], keep=["curves"])
    study = Study.create(tmp_path / "study", plan)
    study.run()
    runs = hl.train(NOTEBOOK, hl.ModelConfig(d_head=40), wild, seeds=range(300), record="log")
    assert 0 < (~runs.finished).sum() < 300
    loss = np.sort(np.where(np.isfinite(runs.loss), runs.loss, np.inf), axis=0)
    table = study.curves()
    np.testing.assert_array_equal(table["step"], runs.recorded_steps)
    for name, rank in (("q10", 30), ("q25", 75), ("q50", 150), ("q75", 225), ("q90", 270)):
        np.testing.assert_array_equal(table[name], loss[rank - 1])


def test_no_flipped_bit_is_read_silently(study):
    rng = random.Random(0)
    chunk = study.store.chunks()[0].path
    whole = chunk.read_bytes()
    for _ in range(300):
        broken = bytearray(whole)
        broken[rng.randrange(len(whole))] ^= 1 << rng.randrange(8)
        chunk.write_bytes(broken)
        assert chunk not in {item.path for item in study.store.sound_chunks()}
    chunk.write_bytes(whole)
    assert len(study.store.sound_chunks()) == 6


def test_a_changed_specification_is_refused(study):
    path = study.store.folder / "study.json"
    given = json.loads(path.read_text())
    given["specification"]["seeds"] = [[0, 700]]
    path.write_text(json.dumps(given))
    with pytest.raises(hl.HeadlabError, match="must not be changed"):
        _ = Study(study.store.folder).design


def test_a_newer_format_is_left_alone(study):
    path = study.store.folder / "study.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "format": 99}))
    with pytest.raises(hl.HeadlabError, match="format 99"):
        _ = Study(study.store.folder).design


def test_a_folder_that_is_something_else_is_refused(tmp_path):
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.txt").write_text("mine")
    with pytest.raises(hl.HeadlabError, match="empty folder"):
        Study.create(tmp_path / "other", design())
    for place in (tmp_path / "other", tmp_path / "nowhere", tmp_path / "other" / "thesis.txt"):
        with pytest.raises(hl.HeadlabError, match="a study must be a folder"):
            Study(place)
    assert [path.name for path in (tmp_path / "other").iterdir()] == ["thesis.txt"]


def test_another_specification_under_the_same_name_is_refused(study):
    with pytest.raises(hl.HeadlabError, match="its specification is another"):
        Study.at(study.store.folder, design(seeds=601))
    assert Study.at(study.store.folder, design()).status().runs == 1200


def test_an_extension_trains_only_what_is_new_and_gives_the_bytes_of_a_whole_study(study, tmp_path):
    study.extend(seeds=range(1000))
    assert Study(study.store.folder).run() == 800
    larger = StudyDesign.grid(NOTEBOOK, seeds=range(1000), training=SHORT, d_head=[5, 10, 20])
    Study(study.store.folder).extend(design=larger)
    again = Study(study.store.folder)
    assert again.run() == 1000
    whole = Study.create(tmp_path / "whole", larger)
    whole.run()
    assert bytes_of(again, tmp_path) == bytes_of(whole, tmp_path)
    with pytest.raises(hl.HeadlabError, match="must keep"):
        again.extend(design=design(seeds=10))


def test_parquet_exports_are_the_same_to_the_byte(study, tmp_path):
    first, second = (study.export(tmp_path / name).read_bytes() for name in ("a.parquet", "b.parquet"))
    assert first == second
    with pytest.raises(hl.HeadlabError, match=r"\.csv or \.parquet"):
        study.export(tmp_path / "a.xlsx")


def test_threads_and_order_change_no_byte(tmp_path):
    exports = set()
    for threads in (1, 2):
        made = Study.create(tmp_path / f"with-{threads}", design(seeds=300, keep=["weights", "curves", "snapshots"]))
        made.run(threads=threads)
        exports.add(tuple(chunk.path.name for chunk in made.store.chunks()))
    assert len(exports) == 1


def until(happens, seconds=60):
    """Wait for something that another process does."""
    deadline = time.monotonic() + seconds
    while not happens():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def files_in(folder):
    return {Path(place, name) for place, _, names in os.walk(folder) for name in names}


def run_and_kill(folder, files):
    """Run a study until so many files are there that were not, and kill it then."""
    there = files_in(folder)
    process = subprocess.Popen([sys.executable, "-c", RUN, str(folder)])
    until(lambda: len(files_in(folder) - there) >= files or process.poll() is not None)
    process.kill()
    process.wait()


def test_a_study_killed_at_random_loses_nothing(tmp_path):
    plan = design(seeds=1024, training=hl.TrainConfig.of(steps=1500))
    whole = Study.create(tmp_path / "whole", plan)
    whole.run()
    target = Study.create(tmp_path / "killed", plan).store.folder
    rng, seen, kills = random.Random(1), set(), 0
    while pending_tasks(Store(target)) and kills < 6:
        run_and_kill(target, rng.randrange(1, 9))
        kills += 1
        now = {chunk.path.name for chunk in Store(target).sound_chunks()}
        assert seen <= now
        seen = now
    killed = Study(target)
    killed.run()
    assert not killed.table().duplicated(["condition", "seed"]).any()
    assert bytes_of(killed, tmp_path) == bytes_of(whole, tmp_path)
    killed.collect_garbage()
    assert not list(target.rglob("*.part"))
    assert bytes_of(killed, tmp_path) == bytes_of(whole, tmp_path)


def test_a_termination_signal_keeps_what_was_finished(tmp_path):
    target = Study.create(
        tmp_path / "stopped", design(seeds=4096, training=hl.TrainConfig.of(steps=20_000))
    ).store.folder
    command = [sys.executable, "-m", "headlab", "study", "run", str(target), "--threads", "1"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    until(lambda: Store(target).sound_chunks())
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 143, said
    assert "runs were finished and are kept" in said
    assert [line for line in said.splitlines() if line and "about" not in line] == [
        said.splitlines()[-1]
    ]  # how long, and this
    kept = int(said.split("interrupted: ")[1].split()[0])
    assert Study(target).status().runs == kept > 0
    assert not Store(target).is_running()


def test_one_process_holds_a_study_and_another_may_help(tmp_path):
    plan = design(seeds=1024, training=hl.TrainConfig.of(steps=3000))
    target = Study.create(tmp_path / "shared", plan).store.folder
    first = subprocess.Popen([sys.executable, "-c", RUN, str(target)])
    try:
        until(Store(target).is_running)
        with pytest.raises(StudyHeld, match=f"process {first.pid}"):
            Study(target).run()
        status = Study(target).status()
        assert status.running is not None
        helped = Study(target).run(join=True)
    finally:
        assert first.wait(timeout=120) == 0
    table = Study(target).table()
    assert helped > 0
    assert len(table) == plan.n_runs
    assert not table.duplicated(["condition", "seed"]).any()


def test_a_run_that_diverged_stays_in_the_table_and_in_the_denominator(tmp_path):
    wild = hl.TrainConfig.of(steps=60, learning_rate=1e4)
    made = Study.create(tmp_path / "wild", StudyDesign.grid(NOTEBOOK, seeds=range(20), training=wild, d_head=[5, 10]))
    made.run()
    assert (made.table()["outcome"] >= 0).any()
    summary = made.answer()
    assert [group.rate.n for group in summary.groups] == [20, 20]
    assert "diverged" in " ".join(summary.sentences())


def test_queries_see_the_runs_and_nothing_else(study, tmp_path):
    found = study.sql(
        "select d_head, count(*) as n from runs join conditions using (condition) group by d_head order by 1"
    )
    assert found["n"].tolist() == [600, 600]
    for query in (f"copy runs to '{tmp_path}/stolen.csv'", "select * from read_csv('/etc/passwd')", "selec 1"):
        with pytest.raises(hl.HeadlabError, match="DuckDB's SQL"):
            study.sql(query)
    assert not (tmp_path / "stolen.csv").exists()


def test_curves_and_snapshots_come_back_when_they_were_kept(tmp_path):
    plan = StudyDesign.grid(NOTEBOOK, seeds=range(20), training=SHORT, keep=["weights", "curves", "snapshots"])
    made = Study.create(tmp_path / "whole", plan)
    made.run()
    runs = made.runs()
    expected = hl.train(NOTEBOOK, training=SHORT, seeds=range(20), record="log")
    np.testing.assert_array_equal(runs.loss, expected.loss)
    np.testing.assert_array_equal(runs.at(30).params.W_E, expected.params.W_E)
    bare = Study.create(tmp_path / "bare", StudyDesign.grid(NOTEBOOK, seeds=range(4), training=SHORT, keep=[]))
    bare.run()
    with pytest.raises(hl.HeadlabError, match="kept weights"):
        bare.runs()


def test_a_corpus_without_dependencies_has_no_mechanisms(tmp_path):
    made = Study.create(
        tmp_path / "plain", StudyDesign.grid(hl.Corpus.from_text("a b c"), seeds=range(4), training=SHORT)
    )
    made.run()
    assert made.table()["mechanism"].tolist() == [""] * 4
    assert made.answer().census().empty


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount")
def test_a_full_disk_is_said_and_the_study_goes_on_elsewhere(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", disk], check=False, capture_output=True
    ).returncode:
        pytest.skip("no right to mount")
    try:
        made = Study.create(disk / "study", design(seeds=1024))
        with pytest.raises(hl.OutputError, match="No space left"):
            made.run()
        subprocess.run(["mount", "-o", "remount,size=32m", disk], check=True)
        Study(disk / "study").run()
        assert Study(disk / "study").status().runs == 2048
    finally:
        subprocess.run(["umount", disk], check=False)
