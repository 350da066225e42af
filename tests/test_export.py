"""Tables of saved runs: every one of them, the same in both forms, equal to the run's numbers, whatever the words are."""

import csv
import dataclasses
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import headlab as hl
from headlab.cli.main import cli
from headlab.model.params import Params
from headlab.report.export import TABLES, index_as_columns, table_of

WORDS = "position sentence layer head\nrun sentence layer token\nindex sentence path key\n"
EXTREME = np.float32([1e-45, -1e-45, 1e30, -1e30, -0.0, 2.5e-15, 0.1, 16777217.0])


def trained(text: str = WORDS, **model: Any) -> hl.Runs:
    return hl.train(hl.Corpus.from_text(text), hl.ModelConfig(**model), hl.TrainConfig.of(steps=9), seeds=range(2))


@pytest.fixture(scope="module")
def runs() -> hl.Runs:
    return trained(n_layers=2, n_heads=2, factored_values=True, unembed=True)


def both(run: Any, table: str, *options: str) -> tuple[list[dict[str, Any]], list[dict[str, str]]]:
    """Return a table's rows as JSON and as CSV, as the command line prints them."""
    printed = []
    for form in ([], ["--json"]):
        status, out, err = run("export", "kept", table, *options, *form)
        assert (status, err) == (0, "")
        printed.append(out)
    cells = list(csv.reader(io.StringIO(printed[0], newline="")))
    assert len(set(cells[0])) == len(cells[0])
    return json.loads(printed[1]), [dict(zip(cells[0], row, strict=True)) for row in cells[1:]]


def as_cell(value: Any) -> str:
    return "" if value is None else str(value).upper() if isinstance(value, bool) else str(value)


@pytest.mark.parametrize("table", TABLES)
def test_every_table_says_the_same_in_both_forms(run: Any, runs: hl.Runs, table: str) -> None:
    runs.save("kept")
    from_json, from_csv = both(run, table, "--run", "1")
    assert from_csv
    assert [{name: as_cell(value) for name, value in row.items()} for row in from_json] == from_csv


def test_help_lists_every_table() -> None:
    listed = re.findall(r"^ {6}(\w+)  ", cli.commands["export"].help or "", re.MULTILINE)
    assert sorted(listed) == sorted(TABLES)


def test_weights_read_back_to_the_bit(run: Any, runs: hl.Runs) -> None:
    extreme = {name: np.resize(EXTREME, weight.shape) for name, weight in runs.params.items()}
    models = dataclasses.replace(runs.models, params=Params(**extreme))
    dataclasses.replace(runs, models=models).save("kept")
    rows = [row for form in both(run, "weights", "--run", "1") for row in form]
    back = {name: np.full(weight[1].shape, np.nan, np.float32) for name, weight in extreme.items()}
    for half in (rows[: len(rows) // 2], rows[len(rows) // 2 :]):
        for row in half:
            in_head = () if row["layer"] in (None, "") else (int(row["layer"]), int(row["head"]))
            back[row["weight"]][(*in_head, int(row["row"]), int(row["column"]))] = float(row["value"])
        for name, weight in extreme.items():
            assert back[name].tobytes() == weight[1].tobytes(), name


def test_losses_and_seeds_read_back_equal(run: Any, runs: hl.Runs) -> None:
    loss = np.resize(EXTREME, runs.loss.shape)
    seeds = np.array([2**64 - 1, 2**53 + 1], np.uint64)
    history = dataclasses.replace(runs.history, loss=loss, final_loss=np.float32([np.nan, np.inf]))
    dataclasses.replace(runs, history=history, seeds=seeds).save("kept")
    for form in both(run, "loss"):
        assert [[float(row[f"run {number}"]) for row in form] for number in range(2)] == loss.tolist()
    for form in both(run, "runs"):
        assert [int(row["seed"]) for row in form] == seeds.tolist()
        assert all(row["loss"] in (None, "") for row in form)


def test_words_that_are_column_names_have_columns_of_their_own(run: Any) -> None:
    runs = trained()
    runs.save("kept")
    vocabulary = runs.corpus.vocabulary
    for form in both(run, "predictions"):
        columns = list(form[0])
        assert columns[:2] == ["sentence", "position"]
        assert len(columns) == 2 + len(vocabulary)
        found = np.array([[float(row[name]) for name in columns[2:]] for row in form])
        assert found.tolist() == np.concatenate(runs[0].sigmoid()).tolist()
    for form in both(run, "association"):
        assert [row["token"] for row in form] == list(vocabulary)
        assert np.allclose([sum(float(row[n]) for n in list(row)[1:]) for row in form], 1)


def test_labels_that_are_alike_lose_no_column(run: Any) -> None:
    corpus = hl.Corpus.from_ids([[0, 1, 2]], ["a", "b", "c"])
    frame = hl.train(corpus, training=hl.TrainConfig.of(steps=1))[0].predictions()[0]
    alike = index_as_columns(frame.set_axis(["sentence", "sentence", "sentence_"], axis=1).rename_axis("sentence"))
    assert alike.columns.tolist() == ["sentence", "sentence__", "sentence___", "sentence_"]
    assert np.array_equal(alike.iloc[:, 1:], frame)


def test_contributions_add_up_to_each_logit_difference(runs: hl.Runs) -> None:
    table = table_of(runs, "contributions", 1)
    for (sentence, position), part in table.groupby(["sentence", "position"]):
        logits = runs.subject.clean.logits[1, sentence - 1, position]
        target, rival = (runs.corpus.vocabulary.index(part[name].iloc[0]) for name in ("target", "rival"))
        assert part["value"].sum() == pytest.approx(logits[target] - logits[rival], abs=1e-9)


def test_circuits_and_explanations_are_those_of_python(runs: hl.Runs) -> None:
    table = table_of(runs, "circuits", 1).set_index(["layer", "head", "circuit", "row", "column"])["value"]
    found = runs[1].circuits(1, 0)
    assert table.loc[1, 0, "QK token–position", "head", "2"] == found.scores["token–position"].loc["head", 2]
    assert table.loc[1, 0, "OV position", "3", "run"] == found.writes["position"].loc[3, "run"]
    explained = table_of(runs, "explanations", 1)
    records = runs[1].explain().records
    assert len(explained) == sum(len(record.table()) for record in records)
    assert explained["difference"].unique().tolist() == [record.difference for record in records]


def test_formulas_are_text_in_safe_cells_only(run: Any) -> None:
    trained("=1+1 @SUM(A1) -x\n+2 @SUM(A1) 'y\n").save("kept")
    plain = run("export", "kept", "association")[1]
    assert plain.splitlines()[0] == "token,<Start>,=1+1,@SUM(A1),-x,+2,'y"
    assert run("export", "kept", "association", "--safe-cells", "-o", "safe.csv")[0] == 0
    cells = pd.read_csv("safe.csv")
    assert list(cells.columns) == ["token", "<Start>", "'=1+1", "'@SUM(A1)", "'-x", "'+2", "''y"]
    assert cells["token"].tolist() == list(cells.columns[1:])


def test_booleans_are_those_that_r_and_spreadsheets_read(run: Any, runs: hl.Runs) -> None:
    runs.save("kept")
    assert {row["solved"] for row in both(run, "runs")[1]} <= {"TRUE", "FALSE"}


def numbers(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for name, item in value.items():
            yield from [(name, item)] if not isinstance(item, dict | list) else numbers(item)
    elif isinstance(value, list):
        for item in value:
            yield from numbers(item)


@pytest.mark.parametrize("table", ["circuits", "scores", "battery", "paths", "minimal"])
def test_numbers_in_json_are_numbers(run: Any, table: str) -> None:
    out = run("explain", "--show", table, "--seeds", "0:2" if table == "battery" else "0", "--json")[1]
    found = list(numbers(json.loads(out)))
    assert found
    assert not [pair for pair in found if isinstance(pair[1], str) and pair[1].replace(".", "").isdigit()]


def test_a_report_says_its_file_as_json(run: Any) -> None:
    hl.train(hl.Corpus.notebook(), training=hl.TrainConfig.of(steps=9)).save("kept")
    status, out, _ = run("report", "kept", "-o", "a [b] \u4e2d.html", "--json")
    assert (status, json.loads(out)) == (0, {"report": "a [b] \u4e2d.html"})
    assert Path("a [b] \u4e2d.html").exists()
