"""A study's folder: its name changes nothing, one bad thing in it blocks nothing, and nothing leads out of it."""

import hashlib
import os
import shutil
from pathlib import Path

import duckdb
import polars
import pytest

import headlab as hl
from headlab.study.design import StudyDesign
from headlab.study.folder import PLACES
from headlab.study.study import Study

TEXT = hl.Corpus.from_text("a b c")  # nothing to explain: the folder is what is tried
TINY = hl.TrainConfig.of(steps=3)


def design(seeds=8, sizes=(2, 3), **options):
    return StudyDesign.grid(TEXT, seeds=range(seeds), training=TINY, d_head=list(sizes), **options)


def made(folder, **options):
    study = Study.create(folder, design(**options))
    study.run()
    return study


@pytest.fixture
def study(tmp_path):
    return made(tmp_path / "study")


def exported(study, tmp_path):
    return study.export(tmp_path / "export.csv").read_bytes()


NAMES = ("seed=7", "solved=false", "condition=x", "[x]", "it's", "{a,b}", "~", "a[b] c", "%TEMP%")
NAMES_ON_UNIX = ("a*b", "a?b", "**", "caf\udce9", "back\\slash", "file:", "new\nl", "back\\[x]")


@pytest.mark.parametrize("name", [*NAMES, *(pytest.param(name, marks=pytest.mark.unix) for name in NAMES_ON_UNIX)])
def test_a_folders_name_changes_nothing(tmp_path, name):
    plain = made(tmp_path / "plain")
    made(tmp_path / "axb" / "study", seeds=2)  # what a pattern would find as well
    study = made(tmp_path / name / "study")
    assert study.run() == 0
    assert study.status().runs == 16
    assert exported(study, tmp_path) == exported(plain, tmp_path)
    assert study.sql("select count(*) as n from runs where seed < 2")["n"].tolist() == [4]
    assert study.export(tmp_path / name / "t.parquet").read_bytes() == plain.export(tmp_path / "t.parquet").read_bytes()


def test_columns_of_a_stranger_change_nothing(study, tmp_path):
    expected = exported(study, tmp_path)
    chunk = study.store.chunks()[0]
    replaced(chunk.path, "select *, 'x' as filename, 1 as file_row_number, 2 as seed_1")
    again = Study(study.store.folder)
    assert exported(again, tmp_path) == expected
    assert again.store.damaged == []


def replaced(path, query):
    """Write a chunk's rows anew, changed by a query, under the name that is right for them."""
    target = path.with_name("written")
    duckdb.connect().execute(f"copy ({query} from read_parquet('{path}')) to '{target}' (format parquet)")
    return renamed(path, target.read_bytes(), target)


def renamed(path, data, target):
    target.write_bytes(data)
    path.unlink()
    return target.replace(path.with_name(f"{path.name[:8]}-{hashlib.sha256(data).hexdigest()}.parquet"))


def as_folder(path):
    path.unlink()
    path.mkdir()
    (path / "inside").write_text("mine")


def as_pipe(path):
    path.unlink()
    os.mkfifo(path)


def as_link(path):
    path.unlink()
    path.symlink_to("nowhere")


def as_link_to_itself(path):
    path.rename(path.with_name("elsewhere"))
    path.symlink_to("elsewhere")


BAD = {
    "a folder": as_folder,
    "a pipe": as_pipe,
    "a dangling link": as_link,
    "a link": as_link_to_itself,
    "no Parquet": lambda path: renamed(path, b"hello world " * 9, path.with_name("w")),
    "nothing": lambda path: renamed(path, b"", path.with_name("w")),
    "a missing column": lambda path: replaced(path, "select * exclude (solved)"),
    "no seed": lambda path: replaced(path, "select * exclude (seed)"),
    "another type": lambda path: replaced(path, "select * replace (seed::varchar as seed)"),
    "another type of a setting": lambda path: replaced(path, "select * replace ('big' as d_head)"),
    "empty cells": lambda path: replaced(path, "select * replace (null::boolean as solved)"),
    "a seed twice": lambda path: replaced(path, "select * replace (0::ubigint as seed)"),
    "another condition": lambda path: replaced(path, "select * replace (reverse(condition) as condition)"),
    "arrays elsewhere": lambda path: replaced(path, f"select * replace ('../../study.json-{'0' * 64}' as arrays)"),
    "a table of nothing": lambda path: renamed(path, b"PAR1PAR1", path.with_name("w")),
}


@pytest.mark.parametrize("kind", BAD)
def test_one_bad_chunk_is_set_aside_named_and_trained_again(study, tmp_path, kind):
    expected = exported(study, tmp_path)
    path = study.store.chunks()[0].path
    BAD[kind](path)
    if kind == "a link":
        path.with_name("elsewhere").rename(tmp_path / "elsewhere")
        path.unlink()
        path.symlink_to(tmp_path / "elsewhere")
    again = Study(study.store.folder)
    assert again.run() == 8
    assert again.status().damaged >= 1
    assert len(again.store.damaged) >= 1
    assert exported(again, tmp_path) == expected
    assert len(again.runs(0)) == 8
    assert (study.store.folder / "study.json").exists()


def test_bad_things_beside_the_chunks_block_nothing(study, tmp_path):
    expected, folder = exported(study, tmp_path), study.store.folder
    condition = study.store.chunks()[0].condition
    (folder / "runs" / "notes.txt").write_text("mine")
    (folder / "runs" / ("0" * 16)).write_text("mine")
    os.mkfifo(folder / "timings" / "pipe.json")
    (folder / "timings" / "endless.json").write_text('{"seconds": 1e999}')
    (folder / "timings" / "huge.json").write_text(f'{{"seconds": 1{"0" * 400}}}')
    (folder / "timings" / "deep.json").write_text("[" * 100_000)
    (folder / "failed").mkdir()
    for name in ("notes.json", "a-b.json", f"{condition}-x.json", f"{condition}-3.json"):
        (folder / "failed" / name).write_text("{}")
    (folder / "damaged").mkdir(exist_ok=True)
    (folder / "damaged" / study.store.chunks()[0].path.name).mkdir()
    study.store.chunks()[0].path.write_bytes(b"torn")
    again = Study(folder)
    assert again.status().failed == ((condition, 3),)
    assert 0 <= again.status().seconds < 100
    assert again.run() == 8
    assert exported(again, tmp_path) == expected


@pytest.mark.parametrize("kind", ["no safetensors", "of other seeds", "of another shape", "a pipe", "a folder"])
def test_bad_arrays_with_the_right_hash_are_trained_again(study, kind):
    from safetensors.numpy import load, save

    chunk = study.store.sound_chunks()[0]
    name = study.store.array_names([chunk])[chunk]
    path = study.store.folder / "arrays" / chunk.condition / name
    arrays = load(path.read_bytes())
    if kind in ("a pipe", "a folder"):
        (as_pipe if kind == "a pipe" else as_folder)(path)
    else:
        data = {
            "no safetensors": b"hello",
            "of other seeds": save(arrays | {"seed": arrays["seed"] + 1}),
            "of another shape": save(arrays | {"W_Q": arrays["W_Q"][..., :1].copy()}),
        }[kind]
        new = f"00000000-{hashlib.sha256(data).hexdigest()}.safetensors"
        path.with_name(new).write_bytes(data)
        replaced(chunk.path, f"select * replace ('{new}' as arrays)")
    again = Study(study.store.folder)
    assert again.run() == 8
    assert len(again.runs(0)) == len(again.runs(1)) == 8
    assert again.run() == 0


@pytest.mark.parametrize("name", PLACES)
@pytest.mark.parametrize("act", ["run", "gc"])
def test_a_place_that_leads_out_of_the_folder_is_refused(study, tmp_path, name, act):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "0123456789abcdef-3.json").write_text("mine")
    (outside / "mine.part").write_text("mine")
    place = study.store.folder / name
    shutil.rmtree(place, ignore_errors=True)
    place.symlink_to(outside)
    act = {"run": Study.run, "gc": Study.collect_garbage}[act]
    with pytest.raises(hl.HeadlabError, match=f"{name} must be a folder of the study .* a symbolic link: remove it"):
        act(Study(study.store.folder))
    assert sorted(path.name for path in outside.iterdir()) == ["0123456789abcdef-3.json", "mine.part"]


@pytest.mark.parametrize("name", ["lock", "claim", "study.json", "condition", "arrays of a condition"])
def test_a_link_inside_is_not_followed(study, tmp_path, name):
    outside, folder = tmp_path / "outside", study.store.folder
    outside.write_text("mine")
    study.extend(seeds=range(9))
    condition = study.store.chunks()[0].condition
    path = {
        "lock": folder / "lock",
        "claim": folder / "claims" / f"{condition}-00000000",
        "study.json": folder / "study.json",
        "condition": folder / "runs" / condition,
        "arrays of a condition": folder / "arrays" / condition,
    }[name]
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    path.symlink_to(outside)
    if name == "condition":
        assert Study(folder).run() == 10
    else:
        with pytest.raises(hl.HeadlabError, match="must be"):
            Study(folder).run()
    assert outside.read_text() == "mine"


@pytest.mark.parametrize("kind", [as_pipe, as_folder])
def test_a_lock_that_is_no_file_is_refused_and_holds_nobody_up(study, kind):
    kind(study.store.folder / "lock")
    assert Study(study.store.folder).status().running is None
    with pytest.raises(hl.HeadlabError, match="lock must be a plain file"):
        Study(study.store.folder).run()


def test_a_lock_with_anything_in_it_is_said_in_words(study):
    for text in ("[1]", '{"pid": {}}', "\x1b[2J", '{"pid": 1, "host": "\\u001b[2J", "since": "now"}', "[" * 99_999):
        with study.store.lock():
            (study.store.folder / "lock").write_text(text)
            assert Study(study.store.folder).status().running == "another process"


def gone(folder):
    shutil.rmtree(folder)


def moved(folder):
    folder.rename(folder.with_name("moved"))


def exchanged(folder):
    moved(folder)
    Study.create(folder, design())


@pytest.mark.parametrize(("act", "said"), [(gone, "removed"), (moved, "renamed"), (exchanged, "renamed or replaced")])
@pytest.mark.parametrize("join", [False, True])
def test_a_folder_that_goes_away_while_it_runs_is_noticed(tmp_path, act, said, join):
    study = Study.create(tmp_path / "study", design())
    heard = []

    def listen(share):
        if not heard:
            act(tmp_path / "study")
        heard.append(share)

    with pytest.raises(
        hl.OutputError, match=f"must stay in its place while it runs, and .* was (removed, )?{said}"
    ) as error:
        study.run(threads=1, progress=listen, join=join)
    assert error.value.__cause__ is not None  # the work failed: status 1
    if act is gone:
        assert not (tmp_path / "study").exists()
    else:
        left = Study(tmp_path / "moved")
        assert left.status().runs + left.run() == 16
    if act is exchanged:
        assert Study(tmp_path / "study").status().runs == 0


def test_finished_runs_that_go_away_while_it_runs_are_noticed(tmp_path):
    study = made(tmp_path / "study")
    study.extend(seeds=range(9))
    first = study.store.chunks()[0].path

    def listen(share):
        first.unlink(missing_ok=True)

    with pytest.raises(hl.OutputError, match="those of 8 finished runs have gone"):
        study.run(progress=listen)
    assert Study(tmp_path / "study").run() == 8


def test_the_rows_are_one_table_to_other_programs(tmp_path):
    grid = {"d_head": [2], "learning_rate": [1, 0.5], "dtype": ["float32", "float64"], "init_scale": [1]}
    plan = StudyDesign.grid(TEXT, seeds=range(4), training=TINY, keep=["weights", "curves"], **grid)
    study = Study.create(tmp_path / "study", plan)
    study.run()
    expected = study.table()
    for source in ("runs", "runs/*/*.parquet"):
        frame = polars.read_parquet(study.store.folder / source)
        assert frame.shape == (16, expected.shape[1] + 1)
        assert sorted(frame["final_loss"].to_list()) == sorted(expected["final_loss"])
        assert set(frame["learning_rate"].to_list()) == {0.5, 1.0}


def test_pandas_reads_the_folder_of_rows(study):
    pytest.importorskip("pyarrow")
    import pandas as pd

    assert len(pd.read_parquet(study.store.folder / "runs")) == 16


def test_cleaning_up_waits_for_who_is_at_it(study):
    with study.store.lock(), pytest.raises(hl.HeadlabError, match="is running it: wait"):
        study.collect_garbage()
    assert Path(study.store.folder).exists()


def test_what_cannot_be_set_aside_is_not_read_and_blocks_nothing(study, monkeypatch):
    chunk = study.store.chunks()[0]
    chunk.path.write_bytes(b"torn")

    def refuse(path, target):
        raise OSError(30, "Read-only file system")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "rename", refuse)
        again = Study(study.store.folder)
        status = again.status()
        assert (status.runs, status.damaged, status.set_aside) == (8, 1, (chunk.path.name,))
        assert len(again.table()) == 8
    assert Study(study.store.folder).run() == 8


def test_what_could_be_read_by_others_is_not_set_aside(study, monkeypatch):
    opened = os.open

    def refuse(path, *arguments, **options):
        if str(path).endswith(".parquet"):
            raise OSError(24, "Too many open files")
        return opened(path, *arguments, **options)

    with monkeypatch.context() as patched:
        patched.setattr(os, "open", refuse)
        with pytest.raises(hl.HeadlabError, match=r"a study must be readable, got .*Too many open files"):
            Study(study.store.folder).status()
    assert Study(study.store.folder).status().runs == 16
    assert study.store.damaged == []


@pytest.mark.parametrize("act", [Study.status, Study.table, Study.run, Study.collect_garbage, Study.runs])
def test_a_study_that_was_opened_and_has_gone_is_not_taken_for_an_empty_one(study, tmp_path, act):
    _ = study.design
    moved(study.store.folder)
    with pytest.raises(hl.HeadlabError, match=r"study's folder must stay where it is, and .* has gone|no such folder"):
        act(study)
    assert not (tmp_path / "study").exists()
    assert Study(tmp_path / "moved").status().runs == 16


@pytest.mark.parametrize("pid", ["1e999", "NaN", '"\\u001b[31m"', "[]", "9" * 5000])
def test_whatever_a_lock_says_its_holder_has_a_name(study, pid):
    (study.store.folder / "lock").write_text(f'{{"pid": {pid}, "host": "h", "since": "s"}}')
    assert study.store.holder() == "another process"
