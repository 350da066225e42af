"""`headlab study`: from a new file to the answer, and every wrong request in one sentence."""

import html
import json
import re
from pathlib import Path
from typing import Any

import pytest

import headlab as hl
from headlab.study.design import StudyDesign
from headlab.study.study import Study

SMALL = 'title = "Sizes"\nseeds = "0:40"\nkeep = ["weights", "curves"]\n[training]\nsteps = 1500\n[grid]\nd_head = [5, 20]\n'


@pytest.fixture
def small(run: Any) -> Any:
    Path("small.toml").write_text(SMALL)
    assert run("study", "run", "small.toml")[0] == 0
    return run


def test_from_a_new_file_to_what_it_costs(run: Any) -> None:
    assert run("study", "new")[0] == 0
    status, out, err = run("study", "check", "study.toml")
    assert (status, err) == (0, "")
    for expected in ("d_head 10; d_head 20; d_head 40", "3,000 runs", "15,060,000 steps", "MB on the disk"):
        assert expected in out
    cost = json.loads(run("study", "check", "study.toml", "--json")[1])
    assert cost["runs"] == 3000
    assert 0.5 < cost["seconds"] < 500
    status, _, err = run("study", "new")
    assert (status, err.count("\n")) == (2, 1)
    assert not Path("study").exists()


def test_a_study_runs_answers_and_goes_on(small: Any) -> None:
    assert "80 of 80" in small("study", "status", "small")[1]
    status, out, err = small("study", "show", "small")
    assert (status, err) == (0, "")
    for expected in ("Sizes", "80 runs of 2 conditions", "d_head 5", "Mechanisms", "of 40 at", "with 40 runs each"):
        assert expected in out
    assert json.loads(small("study", "run", "small.toml", "--json")[1])["trained"] == 0
    assert "40 runs to train" in small("study", "extend", "small", "--seeds", "40:60")[1]
    assert json.loads(small("study", "resume", "small", "--json")[1])["trained"] == 40
    assert json.loads(small("study", "status", "small", "--json")[1])["runs"] == 120


def test_the_answer_in_json_is_that_of_python(small: Any) -> None:
    found = json.loads(small("study", "show", "small", "--json")[1])
    summary = Study("small").answer()
    assert found["sentences"] == summary.sentences()
    assert [row["solved"] for row in found["conditions"]] == summary.table()["solved"].tolist()
    assert sum(row["runs"] for row in found["census"]) == 80
    compared = json.loads(small("study", "compare", "small", "--json")[1])
    assert len(compared["shares"]) == len(compared["paired"]) == len(compared["medians"]) == 1
    assert "McNemar" in small("study", "compare", "small")[1]


def test_a_larger_file_extends_a_study(small: Any) -> None:
    Path("larger.toml").write_text(SMALL.replace("[5, 20]", "[5, 10, 20]"))
    assert "40 runs to train" in small("study", "extend", "small", "--file", "larger.toml")[1]
    assert json.loads(small("study", "run", "small", "--json")[1])["trained"] == 40
    table = Study("small").answer().table()
    assert table.index.tolist() == [5, 10, 20]


def test_tables_figures_and_queries_come_out(small: Any) -> None:
    for name in ("runs.csv", "runs.parquet"):
        assert small("study", "export", "small", name)[:2] == (0, f"{name}\n")
    assert len(Path("runs.csv").read_text().splitlines()) == 81
    status, said, _ = small("study", "show", "small", "--figure", "answer.svg")
    assert (status, said.splitlines()[-1]) == (0, "Figure: answer.svg")
    assert "<svg" in Path("answer.svg").read_text()
    out = small("study", "sql", "small", "select count(*) as n from runs")[1]
    assert out == "n\n80\n"
    Path("small/runs/left.part").write_text("torn")
    assert small("study", "gc", "small")[1] == "1 file removed\n"


def test_a_study_has_a_page(small: Any) -> None:
    assert small("report", "small", "-o", "small.html")[:2] == (0, "small.html\n")
    page = Path("small.html").read_text()
    for sentence in Study("small").answer().sentences():
        assert html.escape(sentence, quote=False) in page
    assert page.count("<svg") == 3  # shares and losses, mechanisms, curves
    assert "SHA-256" in page
    status, _, err = small("report", "small", "--run", "3")
    assert (status, "--run must go with saved runs" in err) == (2, True)
    assert small("train", "--seeds", "0:2", "--steps", "5", "--save", "runs")[0] == 0
    status, _, err = small("report", "runs", "--factor", "d_head")
    assert (status, "--factor must go with a study" in err) == (2, True)


def test_saved_models_of_a_study_can_be_explained(small: Any) -> None:
    runs = Study("small").runs("d_head 20")
    alone = hl.train(hl.Corpus.notebook(), training=hl.TrainConfig.of(steps=1500), seeds=7)
    assert str(runs[7].explain()) == str(alone[0].explain())


BAD = [
    (["run", "missing.toml"], 2, "missing.toml"),
    (["run", "wrong.toml"], 2, "d_head must be a whole number"),
    (["check", "wrong.toml"], 2, "did you mean seeds?"),
    (["status", "nowhere"], 2, "no such folder"),
    (["status", "."], 2, "without study.json"),
    (["show", "."], 2, "without study.json"),
    (["run", "."], 2, "without study.json"),
    (["run", "fine.toml", "--cluster", "tcp://127.0.0.1:9"], 2, "the cluster must answer"),
    (["extend", "fine"], 2, "either --seeds or --file"),
    (["show", "fine"], 2, "finished runs"),
    (["show", "fine", "--factor", "d_modle"], 2, "d_head"),
    (["sql", "fine", "select * from nothing"], 2, "runs and conditions"),
    (["export", "fine", "out.xlsx"], 2, ".csv or .parquet"),
    (["export", "fine", "no/such/out.csv"], 2, "no/such"),
    (["show", "fine", "--figure", "a.bmp"], 2, "finished runs"),
]


@pytest.mark.parametrize(("request_", "status", "expected"), BAD, ids=[" ".join(item[0]) for item in BAD])
def test_a_wrong_request_is_answered_in_sentences(run: Any, request_: list[str], status: int, expected: str) -> None:
    Path("wrong.toml").write_text('sedes = "0:9"\n[grid]\nd_head = [0]\n')
    Path("fine.toml").write_text(SMALL)
    Study.create("fine", StudyDesign.from_toml("fine.toml"))
    code, out, err = run("study", *request_)
    assert (code, out) == (status, "")
    assert expected in err
    assert "Traceback" not in err
    assert all(line.startswith("headlab: ") for line in err.splitlines())


def test_every_subcommand_explains_itself(run: Any) -> None:
    listed = re.findall(r"^  (\w+)  ", run("study", "--help")[1].split("Commands:")[1], re.MULTILINE)
    assert sorted(listed) == sorted(
        [
            *("new", "check", "run", "resume", "status", "extend", "rename", "drop"),
            *("show", "compare", "export", "sql", "gc"),
        ]
    )
    for name in listed:
        assert run("study", name, "--help")[1].startswith("Usage:")
