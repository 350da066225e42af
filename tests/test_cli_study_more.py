"""`headlab study`: JSON everywhere, tables that others read, titles and conditions that change, names as they are given."""

import io
import shutil
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import polars
import pytest
from strict import strict

import headlab as hl
from headlab.study.design import StudyDesign
from headlab.study.study import Study

TOML = 'title = "Sizes"\nsentences = ["a b c", "d b e"]\nseeds = "0:6"\nkeep = ["weights", "curves"]\n[training]\nsteps = 30\n'
GRID = "[grid]\nd_head = [2, 3, 4]\n"


@pytest.fixture
def small(run: Any) -> Any:
    Path("s.toml").write_text(TOML + GRID)
    assert run("study", "run", "s.toml")[0] == 0
    return run


def test_every_command_answers_in_json(small: Any) -> None:
    Path("more.toml").write_text(TOML + GRID.replace("4]", "4, 5]"))
    Path("s/left.part").write_text("torn")
    answers = [
        (["new", "n.toml"], {"file": "n.toml"}),
        (["extend", "s", "--seeds", "0:8"], {"runs": 18, "of": 24, "to_train": 6}),
        (["export", "s", "runs.csv"], {"file": "runs.csv"}),
        (["gc", "s"], {"files": 1, "removed": ["s/left.part"]}),
        (["rename", "s", "Größe 2"], {"title": "Größe 2"}),
        (
            ["drop", "s", "d_head 3"],
            {"dropped": ["d_head 3"], "conditions": ["d_head 2", "d_head 4"], "runs": 12, "of": 16, "to_train": 4},
        ),
    ]
    for arguments, expected in answers:
        status, out, err = small("study", *arguments, "--json")
        assert (status, strict(out), err) == (0, expected, "")


def words(value: Any) -> list[str]:
    if isinstance(value, dict | list):
        return [word for item in (value.values() if isinstance(value, dict) else value) for word in words(item)]
    return [value] if isinstance(value, str) else []


NUMBERS = "select * exclude (phases, headlab, condition) from runs"


@pytest.mark.parametrize(
    "arguments",
    [["show", "s"], ["compare", "s"], ["status", "s"], ["run", "s"], ["check", "s.toml"], ["sql", "s", NUMBERS]],
)
def test_numbers_are_numbers_in_json(small: Any, arguments: list[str]) -> None:
    status, out, _ = small("study", *arguments, "--json")
    assert status == 0
    for word in words(strict(out)):
        with pytest.raises(ValueError):
            float(word)


QUERY = """select [1, null] as list, date '2026-01-02' as day, 1.50::decimal(4, 2) as money, 'nan'::double as hole,
    timestamp '2026-01-02 03:04:05' as at, {'a': 1, 'b': [2.5, 'inf'::double]} as struct, map {'x': 1} as map,
    170141183460469231731687303715884105727::hugeint as huge, 9007199254740993::bigint as whole, null as nothing,
    true as truth, 1 as n, 2 as n, 3 as n_1, 'ü"\\' as text from range(2)"""


def test_answers_in_json_are_json_whatever_was_asked(small: Any) -> None:
    status, out, _ = small("study", "sql", "s", QUERY, "--json")
    rows = strict(out)
    assert status == 0
    assert len(rows) == 2
    assert rows[0] == {
        "list": [1, None], "day": "2026-01-02", "money": 1.5, "hole": None, "at": "2026-01-02T03:04:05",
        "struct": {"a": 1, "b": [2.5, None]}, "map": {"x": 1}, "huge": 2**127 - 1, "whole": 2**53 + 1, "nothing": None,
        "truth": True, "n": 1, "n_1": 2, "n_1_1": 3, "text": 'ü"\\',
    }  # fmt: skip


def test_whole_numbers_are_exact_beside_empty_cells(small: Any) -> None:
    query = "select a, b from (select 9007199254740993 as a, sum(d_head) as b from runs union all select null, null)"
    assert strict(small("study", "sql", "s", query, "--json")[1]) == [{"a": 2**53 + 1, "b": 54}, {"a": None, "b": None}]
    assert small("study", "sql", "s", query)[1] == "a,b\n9007199254740993,54\n,\n"


def test_answers_of_no_rows_and_wrong_queries_are_said(small: Any) -> None:
    assert strict(small("study", "sql", "s", "select seed from runs where false", "--json")[1]) == []
    assert small("study", "sql", "s", "select seed, solved from runs where false")[1] == "seed,solved\n"
    for query in ("", "   ", ";", "/* a comment */"):
        status, out, err = small("study", "sql", "s", query)
        assert (status, out) == (2, "")
        assert err == 'headlab: the query must ask something, got none: try "select * from runs"\n'
    assert small("study", "sql", "s", "select '\udcff'")[0] == 2


def test_python_gets_columns_of_numbers(small: Any) -> None:
    frame = Study("s").sql("select 1 as n, 2 as n, seed, final_loss from runs")
    assert list(frame.columns) == ["n", "n_1", "seed", "final_loss"]
    assert frame.dtypes.map(lambda kind: kind.kind).tolist() == ["i", "i", "u", "f"]
    exact = Study("s").sql("select 1.5::decimal(2, 1) as d", exact=True)
    assert exact["d"].tolist() == [Decimal("1.5")]


def test_exported_truths_are_truths_to_other_programs(small: Any) -> None:
    for name in ("runs.csv", "runs.CSV"):
        assert small("study", "export", "s", name)[0] == 0
    text = Path("runs.csv").read_text()
    assert text == Path("runs.CSV").read_text()
    assert {"TRUE", "FALSE"} >= {row.split(",")[4] for row in text.splitlines()[1:]}
    expected = Study("s").table()
    read = pd.read_csv(io.StringIO(text))
    assert read["solved"].dtype == bool
    assert polars.read_csv(io.StringIO(text))["solved"].dtype == polars.Boolean
    assert duckdb.connect().execute("select typeof(solved) from 'runs.csv' limit 1").fetchone() == ("BOOLEAN",)
    for name in ("seed", "final_loss", "solved", "learning_rate"):
        assert read[name].tolist() == expected[name].tolist()


def test_double_studies_keep_double_losses_shares_and_curves(tmp_path: Path) -> None:
    training = hl.TrainConfig.of(steps=30, dtype="float64")
    plan = StudyDesign.grid(hl.Corpus.notebook(), seeds=range(4), training=training, keep=["weights", "curves"])
    study = Study.create(tmp_path / "s", plan)
    study.run()
    runs = hl.train(hl.Corpus.notebook(), training=training, seeds=range(4), record="log")
    assert runs.final_loss.dtype == np.float64
    assert study.table()["final_loss"].tolist() == runs.final_loss.tolist()
    assert study.runs().final_loss.dtype == np.float64
    assert study.runs().loss.tolist() == runs.loss.tolist()
    assert set(study.curves()["q50"]) <= set(runs.loss.ravel().tolist())
    assert [list(group.losses) for group in study.answer().groups] == [runs.final_loss.tolist()]


def test_a_title_changes_and_no_run_does(small: Any) -> None:
    before = {path: path.read_bytes() for path in Path("s/runs").rglob("*.parquet")}
    status, out, err = small("study", "rename", "s", "Heads [draft]")
    assert (status, out, err) == (0, "s   Heads [draft]\n", "")
    assert "Heads [draft]" in small("study", "show", "s")[1]
    assert Study("s").design.title == "Heads [draft]"
    assert strict(small("study", "run", "s.toml", "--json")[1])["trained"] == 0  # the file has the old title still
    assert {path: path.read_bytes() for path in Path("s/runs").rglob("*.parquet")} == before
    for title in ("again", ""):
        Study("s").rename(title)
    assert Study("s").design.title == ""
    with pytest.raises(hl.ConfigError, match="title must be text"):
        Study("s").rename("\udcff")
    with pytest.raises(hl.ConfigError, match="title must be text"):
        Study("s").rename(7)  # type: ignore[arg-type]


def test_a_dropped_condition_counts_no_longer_and_comes_back_with_its_runs(small: Any) -> None:
    whole = Study("s").export("whole.csv").read_bytes()
    identity = list(Study("s").design.identities)[2]
    status, out, _ = small("study", "drop", "s", "0", identity)
    assert (status, out) == (0, "dropped: d_head 2; d_head 4\nnothing to train: headlab study show s\n")
    study = Study("s")
    assert study.status().of == study.status().runs == len(study.table()) == 6
    assert study.design.factors == ()
    assert study.collect_garbage() == []
    study.extend(design=StudyDesign.from_toml("s.toml"))
    assert Study("s").run() == 0
    assert Study("s").export("again.csv").read_bytes() == whole


def test_dropped_runs_go_when_cleaning_up_is_asked_for_them(small: Any) -> None:
    assert Study("s").drop(0) == ("d_head 2",)
    left = small("study", "gc", "s", "--dropped")
    assert left[:2] == (0, "2 files removed\n")  # rows and arrays
    assert small("study", "gc", "s", "--dropped")[1] == "0 files removed\n"
    study = Study("s")
    assert study.status().runs == 12
    assert len(study.runs(0)) == 6
    study.extend(design=StudyDesign.from_toml("s.toml"))
    assert Study("s").run() == 6


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["drop", "s", "d_head 9"], "must be one of 0 d_head 2; 1 d_head 3; 2 d_head 4; got 'd_head 9'"),
        (["drop", "s", "d_head 2", "d_head 3", "d_head 4"], "must keep at least one condition"),
        (["drop", "s"], "Missing argument 'CONDITION...'"),
        (["rename", "s"], "Missing argument 'TITLE'"),
        (["rename", "nowhere", "x"], "no such folder"),
    ],
)
def test_what_cannot_be_dropped_or_renamed_is_said(small: Any, arguments: list[str], expected: str) -> None:
    status, out, err = small("study", *arguments)
    assert (status, out) == (2, "")
    assert expected in err
    assert not list(Path("s").glob("study.0*.json"))


def test_a_study_that_is_running_keeps_title_and_conditions(small: Any) -> None:
    study = Study("s")
    with study.store.lock():
        for act in (lambda: Study("s").rename("x"), lambda: Study("s").drop(0), lambda: Study("s").extend(seeds="9")):
            with pytest.raises(hl.HeadlabError, match="is running it"):
                act()
    assert not list(Path("s").glob("study.0*.json"))


@pytest.mark.parametrize(
    ("file", "folder"), [("lr0.01.toml", "lr0.01"), ("a.b.TOML", "a.b"), ("x.toml.toml", "x.toml")]
)
def test_a_study_file_names_its_folder(run: Any, file: str, folder: str) -> None:
    Path(file).write_text(TOML)
    assert run("study", "run", file)[0] == 0
    assert sorted(path.name for path in Path().iterdir()) == sorted([file, folder])


@pytest.mark.parametrize("file", ["lr0.01", "plan.txt", "plan", ".toml"])
def test_a_file_that_names_no_folder_needs_one(run: Any, file: str) -> None:
    Path(file).write_text(TOML)
    status, _, err = run("study", "run", file)
    assert (status, "--into must name the study's folder" in err) == (2, True)
    assert run("study", "run", file, "--into", "there")[0] == 0


@pytest.mark.parametrize("name", ["a.PDF", "a.Svg", "a.b.Png"])
def test_figures_are_named_in_any_case(small: Any, name: str) -> None:
    assert small("study", "show", "s", "--figure", name)[0] == 0
    assert Path(name).read_bytes().startswith((b"%PDF", b"<?xml", b"\x89PNG"))


def test_damaged_files_are_named(small: Any) -> None:
    chunk = Study("s").store.chunks()[0]
    chunk.path.write_bytes(b"torn")
    out = small("study", "status", "s")[1]
    assert "1 damaged file was set aside, in s/damaged" in out
    assert chunk.path.name in out
    found = strict(small("study", "status", "s", "--json")[1])
    assert (found["damaged"], found["set_aside"]) == (1, [chunk.path.name])
    shutil.rmtree("s/damaged")
    assert Study("s").status().set_aside == ()
