"""Three grades of a run, one definition, in every place that tells or counts them."""

import hashlib

import numpy as np
import pytest

import headlab as hl
from headlab.study.design import StudyDesign
from headlab.study.study import Study

NOTEBOOK = hl.Corpus.notebook()


def without_grades(study, conditions=1):
    """Rewrite the chunks of some conditions as a headlab before grades wrote them."""
    import duckdb

    for folder in sorted((study.store.folder / "runs").iterdir())[:conditions]:
        for path in folder.glob("*.parquet"):
            older = folder / "older"
            duckdb.execute(f"copy (select * exclude (grade) from '{path}') to '{older}' (format parquet)")
            digest = hashlib.sha256(older.read_bytes()).hexdigest()
            path.unlink()
            older.rename(folder / f"{path.name.split('-')[0]}-{digest}.parquet")


def test_a_study_has_the_grades_of_train(tmp_path):
    study = Study.create(tmp_path / "s", StudyDesign.grid(NOTEBOOK, seeds=range(40), d_head=[20]))
    study.run()
    runs = hl.train(NOTEBOOK, seeds=range(40), record="none")
    assert study.table()["grade"].tolist() == runs.grade().tolist()
    counts = study.sql("select grade, count(*) as n from runs group by grade").set_index("grade")["n"].to_dict()
    assert counts == {grade: (runs.grade() == grade).sum() for grade in set(runs.grade())}
    assert study.summary().table().loc[20, "right_by_a_hair"] == counts["right by a hair"]
    assert study.summary().ungraded == 0


@pytest.mark.parametrize("conditions", [1, 2])
def test_runs_of_an_older_study_count_as_solved_or_not_and_the_answer_says_so(tmp_path, conditions):
    study = Study.create(tmp_path / "s", StudyDesign.grid(NOTEBOOK, seeds=range(40), d_head=[10, 20]))
    study.run()
    graded, columns = study.table(), list(study.table().columns)
    without_grades(study, conditions)
    older = Study(tmp_path / "s")
    assert older.run() == 0
    table = older.table()
    assert list(table.columns) == columns
    old = table["condition"].isin(sorted(set(table["condition"]))[:conditions])
    expected = np.where(table["solved"], "solved", "not solved")
    assert table["grade"].tolist() == np.where(old, expected, graded["grade"]).tolist()
    assert any(
        f"{40 * conditions} runs were trained by an older headlab" in text for text in older.summary().how_sure()
    )


def test_an_older_study_with_nothing_to_solve_is_not_called_solved(tmp_path):
    corpus = hl.Corpus.from_text("a\nb", wrap=False)
    design = StudyDesign.grid(corpus, seeds=range(4), training=hl.TrainConfig.of(steps=5), d_head=[2, 3])
    study = Study.create(tmp_path / "s", design)
    study.run()
    without_grades(study, 2)
    summary = Study(tmp_path / "s").summary()
    assert summary.nothing_to_solve
    assert summary.sentences()[0].startswith("Nothing to solve: ")
