"""Studies that older releases began: they open, show and export as they are, and a study file leads to their successors.

The folders in data/ were written by those releases: learning rates 1 and 0.5, six seeds, then two more. Those of formats 1 and 2
were before numerics were counted; that of numerics 1 has a vocabulary in another order than its sentences.
"""

import json
import shutil
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest

import headlab as hl
from headlab.config.numerics import NUMERICS
from headlab.study import specification
from headlab.study.design import StudyDesign
from headlab.study.study import Study

DATA = Path(__file__).parent / "data"
OLD = ("format-1", "format-2", "numerics-1")
KINDS = {"format-1": (1, 0), "format-2": (2, 0), "numerics-1": (3, 1)}


@pytest.fixture(params=OLD)
def old(request, tmp_path):
    folder = tmp_path / f"old {request.param}"
    shutil.unpack_archive(DATA / f"study-{request.param}.zip", folder)
    return Study(folder)


def test_an_old_study_opens_and_shows_what_it_found(old):
    status = old.status()
    assert (status.runs, status.of, status.damaged, status.current) == (16, 16, 0, False)
    assert status.by_condition == {"learning_rate 1": 8, "learning_rate 0.5": 8}
    answer = old.answer()
    assert [(group.value, len(group.grade)) for group in answer.groups] == [(1.0, 8), (0.5, 8)]
    assert "learning_rate 0.5, 1.0" in " ".join(answer.sentences())
    assert old.curves()["condition"].nunique() == 2
    assert old.sql("select distinct learning_rate as rate from runs order by rate desc")["rate"].tolist() == [1.0, 0.5]


def test_an_old_study_exports_what_the_release_that_wrote_it_did(old, tmp_path):
    then, now = (pd.read_csv(path) for path in (old.store.folder / "export.csv", old.export(tmp_path / "now.csv")))
    assert set(then) <= set(now)
    assert len(now) == len(then) == 16
    assert now["learning_rate"].tolist() == [1.0] * 8 + [0.5] * 8  # where format 1 exported whole numbers: 1 and 0
    for name in set(then) - {"phases", "learning_rate"}:
        expected, found = then[name].to_numpy(), now[name].to_numpy()
        if name in ("final_loss", "pattern_share"):  # they were single precision once
            expected, found = expected.astype(np.float32), found.astype(np.float32)
        np.testing.assert_array_equal(found, expected, err_msg=name)
    assert [json.loads(text)[0]["steps"] for text in now["phases"]] == [40] * 16
    assert duckdb.read_parquet(str(old.export(tmp_path / "now.parquet"))).shape[0] == 16


def test_the_models_of_an_old_study_come_back(old):
    for condition in range(2):
        runs = old.runs(condition)
        assert runs.seeds.tolist() == list(range(8))
        np.testing.assert_array_equal(
            runs.final_loss, old.table().query(f"learning_rate == {[1, 0.5][condition]}")["final_loss"]
        )
        assert runs.loss.shape[1] > 3


ACTS = {
    "run": Study.run,
    "help with": lambda study: study.run(join=True),
    "run on a cluster": lambda study: study.run(cluster="tcp://127.0.0.1:1"),
    "extend": lambda study: study.extend(seeds=range(99)),
    "rename": lambda study: study.rename("other"),
    "drop": lambda study: study.drop(0),
    "run by its file": lambda study: Study.at(study.store.folder, study.design),
}


@pytest.mark.parametrize("act", ACTS)
def test_an_old_study_is_not_run_further_and_the_way_on_is_said(old, act):
    before = {path: path.read_bytes() for path in old.store.folder.rglob("*") if path.is_file()}
    version, numerics = KINDS[old.store.folder.name.removeprefix("old ")]
    said = (
        rf"got format {version} and numerics {numerics} .*: it opens, .*`headlab study new --like '{old.store.folder}'`"
    )
    with pytest.raises(hl.HeadlabError, match=said):
        ACTS[act](old)
    assert {path: path.read_bytes() for path in old.store.folder.rglob("*") if path.is_file()} == before


def test_cleaning_up_an_old_study_removes_nothing_of_it(old):
    assert old.collect_garbage(dropped=True) == []


@pytest.mark.parametrize("kind", OLD)
def test_the_command_line_shows_an_old_study_and_writes_its_successor(kind, run):
    shutil.unpack_archive(DATA / f"study-{kind}.zip", "old")
    status, out, _ = run("study", "status", "old")
    assert (status, "headlab study new --like old" in out) == (0, True)
    assert run("study", "show", "old")[0] == 0
    status, out, said = run("study", "run", "old")
    assert (status, out, said.count("\n")) == (2, "", 1)
    assert "headlab study new --like old" in said
    assert run("study", "new", "--like", "old", "new.toml")[0] == 0
    assert run("study", "run", "new.toml")[0] == 0
    successor, old = Study("new"), Study("old")
    assert successor.design.to_dict() == old.design.to_dict()
    assert successor.design.numerics == NUMERICS > old.design.numerics
    assert not set(successor.design.identities) & set(old.design.identities)
    for name in ("seed", "learning_rate"):
        assert successor.table()[name].tolist() == old.table()[name].tolist()
    if kind != "numerics-1":  # its vocabulary has another order than its sentences: its seeds are other runs now
        np.testing.assert_allclose(successor.table()["final_loss"], old.table()["final_loss"], atol=0.05)


def test_conditions_that_were_two_once_and_are_one_now_can_still_be_told_apart(old):
    given = old.design.to_dict()
    for condition, rate in zip(given["conditions"], (1, 1.0), strict=True):
        condition["training"]["learning_rate"] = rate
    design = StudyDesign.from_dict(given, numerics=0, identities=list(old.design.identities))
    assert [item.name for item in design.conditions] == ["the only condition", "the only condition (2)"]
    assert len(design.identities) == 2
    assert len(design.successor().conditions) == 1


def test_runs_of_older_bits_are_shown_and_not_run_further(tmp_path, monkeypatch):
    design = StudyDesign.grid(hl.Corpus.notebook(), seeds=range(3), d_head=[2, 3], steps=[4])
    study = Study.create(tmp_path / "s", design)
    study.run()
    expected = study.export(tmp_path / "then.csv").read_bytes()
    for module in ("study.store", "study.specification", "study.design", "study.identity"):
        monkeypatch.setattr(f"headlab.{module}.NUMERICS", NUMERICS + 1)
    later = Study(tmp_path / "s")
    assert later.export(tmp_path / "now.csv").read_bytes() == expected
    assert not later.status().current
    with pytest.raises(hl.HeadlabError, match=f"of format 3 and numerics {NUMERICS + 1} .* numerics {NUMERICS} in"):
        later.run()


def test_a_newer_kernels_runs_are_left_alone(tmp_path, monkeypatch):
    design = StudyDesign.grid(hl.Corpus.notebook(), seeds=range(3), steps=[4])
    folder = Study.create(tmp_path / "s", design).store.folder
    monkeypatch.setattr(specification, "NUMERICS", NUMERICS - 1)
    with pytest.raises(hl.HeadlabError, match=f"of numerics {NUMERICS - 1} or older, got numerics {NUMERICS}"):
        Study(folder).status()
