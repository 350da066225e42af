"""How many minimal sets suffice, as a study keeps it: columns of its table, and a table of its answer."""

import numpy as np
import pytest

import headlab as hl
from headlab.analysis.minimal.solve import ABLATIONS
from headlab.report.html.study import render
from headlab.report.json.study import study_json
from headlab.report.terminal.study import study_blocks
from headlab.study.columns import SETS
from headlab.study.design import StudyDesign
from headlab.study.study import Study

TRAINING = hl.TrainConfig.of(steps=600)


def design(keep):
    return StudyDesign.grid(seeds=range(20), training=TRAINING, d_head=[5, 10], keep=keep)


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    made = Study.create(tmp_path_factory.mktemp("minimal") / "study", design(["weights", "minimal"]))
    made.run()
    return made


def test_there_is_a_column_an_ablation():
    assert tuple(f"sets_{kind}" for kind in ABLATIONS) == SETS


def test_columns_have_the_most_sets_of_a_dependency_and_nothing_where_one_is_wrong(study):
    table = study.table()
    assert str(table["sets_zero"].dtype) in ("Int64", "float64")
    for size, rows in table.groupby("d_head"):
        found = study.runs(f"d_head {size}").explain().minimal()
        for kind in ("zero", "resample"):
            np.testing.assert_array_equal(rows[f"sets_{kind}"].to_numpy(float, na_value=np.nan), found.by_run(kind))
    assert 0 < table["sets_zero"].isna().sum() < len(table)


def test_the_answer_counts_the_runs_with_exactly_one(study):
    answer, table = study.answer(), study.table()
    found = answer.minimal()
    assert len(found) == 4
    for row in found.to_dict("records"):
        sets = table.loc[table["d_head"] == row["d_head"], f"sets_{row['ablation']}"].dropna().astype(int)
        assert (row["runs"], row["one"], row["most"]) == (len(sets), (sets == 1).sum(), sets.max())
        assert row["low"] <= row["share"] <= row["high"]
    assert len(study_json(answer)["minimal"]) == 4
    titles = [getattr(block, "title", "") for block in study_blocks(answer, study.design, study.status())]
    assert "How many minimal sets of parts suffice" in titles


def test_the_page_has_the_table(study):
    page = render(study)
    assert "How many explanations do they have?" in page
    row = study.answer().minimal().to_dict("records")[0]
    assert f"d_head {row['d_head']}, {row['ablation']}" in page


def test_in_memory_it_is_the_same(study):
    here = Study.in_memory(design(["weights", "minimal"]))
    here.run()
    assert here.answer().minimal().equals(study.answer().minimal())
    columns = ["seed", "sets_zero", "sets_resample"]
    assert here.table()[columns].astype(float).equals(study.table()[columns].astype(float))


def test_runs_without_it_are_trained_again_when_it_is_asked_for(tmp_path, study):
    other = Study.create(tmp_path / "study", design(["weights"]))
    other.run()
    assert other.table()["sets_zero"].isna().all()
    assert len(other.answer().minimal()) == 0
    other.extend(design=design(["weights", "minimal"]))
    assert other.status().to_train == 40
    assert Study(tmp_path / "study").run() == 40
    again = Study(tmp_path / "study")
    assert again.table().equals(study.table())
    assert len(again.collect_garbage()) > 0
    assert again.table().equals(study.table())


def test_where_no_dependency_is_settled_there_is_nothing_to_count(tmp_path):
    nothing = StudyDesign.grid(hl.Corpus.from_text("a b\na c"), seeds=3, training=TRAINING, keep=["minimal"])
    study = Study.create(tmp_path / "study", nothing)
    study.run()
    assert study.table()["sets_zero"].isna().all()
    assert study.status().to_train == 0
