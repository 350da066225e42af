"""Three grades of a run, one definition, in every place that tells or counts them."""

import hashlib
import json

import numpy as np
import pytest
from click.testing import CliRunner

import headlab as hl
from headlab.analysis.looking.predictions import grade, lead
from headlab.cli.main import cli
from headlab.study.design import StudyDesign
from headlab.study.study import Study

NOTEBOOK = hl.Corpus.notebook()
NOTHING = hl.Corpus.from_text("a\nb", wrap=False)
SHORT = hl.TrainConfig.of(steps=20)


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
    assert study.answer().table().loc[20, "right_by_a_hair"] == counts["right by a hair"]
    assert study.answer().ungraded == 0


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
        f"{40 * conditions} runs were trained by an older headlab" in text for text in older.answer().sentences()
    )


def test_an_older_study_with_nothing_to_solve_is_not_called_solved(tmp_path):
    corpus = hl.Corpus.from_text("a\nb", wrap=False)
    design = StudyDesign.grid(corpus, seeds=range(4), training=hl.TrainConfig.of(steps=5), d_head=[2, 3])
    study = Study.create(tmp_path / "s", design)
    study.run()
    without_grades(study, 2)
    summary = Study(tmp_path / "s").answer()
    assert summary.nothing_to_solve
    assert summary.sentences()[0].startswith("Nothing to solve: ")


@pytest.fixture(scope="module")
def runs():
    return hl.train(NOTEBOOK, seeds=range(100), record="none")


def test_the_run_shown_is_the_first_solved_one(runs):
    grades = runs.grade().tolist()
    assert runs.pick() == grades.index("solved")
    later = runs[grades.index("right by a hair") :]
    assert later.grade()[0] == "right by a hair"
    assert later.pick() == later.grade().tolist().index("solved")


def test_without_a_solved_run_the_largest_lead_is_shown_and_without_any_the_smallest_loss(runs):
    hairs = runs[runs.grade() != "solved"]
    leads = lead(hairs.logits(), NOTEBOOK)
    assert hairs.pick() == int(np.argmax(np.where(hairs.grade() == "right by a hair", leads, -np.inf)))
    assert leads[hairs.pick()] < 0.5
    wrong = runs[runs.grade() == "not solved"]
    assert wrong.pick() == int(np.argmin(wrong.final_loss))


@pytest.mark.parametrize("rate", [1e4, 1e-3])
def test_a_run_is_shown_whatever_became_of_them_all(rate):
    for corpus in (NOTEBOOK, NOTHING):
        some = hl.train(corpus, training=hl.TrainConfig.of(steps=30, learning_rate=rate), seeds=range(3), record="none")
        finite = np.where(np.isfinite(some.final_loss), some.final_loss, np.inf)
        if not (some.grade() == "solved").any():
            assert some.pick() == int(np.argmin(finite))


def test_tables_and_representations_tell_the_grade(runs):
    assert runs.table()["grade"].tolist() == runs.grade().tolist()
    assert repr(runs).endswith(": 78 solved, 14 right by a hair, 8 not solved)")
    hair = runs[int(np.argmax(runs.grade() == "right by a hair"))]
    assert repr(hair).endswith("right by a hair)")
    explained = runs[:5].explain().table()
    assert explained["grade"].tolist() == runs[:5].grade().tolist()
    nothing = hl.train(NOTHING, training=SHORT, seeds=range(3), record="none")
    assert repr(nothing).endswith(": nothing to solve)")
    assert repr(nothing[0]).endswith("nothing to solve)")


def test_train_shows_and_writes_the_grades():
    def answer(*words):
        result = CliRunner().invoke(cli, ["train", "--seeds", "0:100", *words], catch_exceptions=False)
        assert result.exit_code == 0
        return result.stdout

    assert "Of 100 runs: 78 solved, 14 right by a hair, 8 not solved; 0 diverged" in answer()
    assert "right by a hair" in answer()
    found = json.loads(answer("--json"))
    assert found["grades"] == {"not solved": 8, "right by a hair": 14, "solved": 78}
    assert found["solved"] == 92
    assert found["runs"][0]["grade"] == "right by a hair"


def test_a_lead_that_float32_cannot_tell_from_a_tie_is_graded_as_it_is_explained():
    models = hl.train(NOTEBOOK, training=hl.TrainConfig.of(steps=0), seeds=range(2)).at(0)
    weights = {name: np.zeros_like(weight) for name, weight in models.params.items()}
    weights["W_E"][:] = np.float32(40) * (NOTEBOOK.association().to_numpy() > 0)
    # The position alone prefers chicken to beef: by less than float32 holds beside 40, and by more than a tie.
    chicken, beef = (NOTEBOOK.vocabulary.index(word) for word in ("chicken", "beef"))
    weights["W_pos"][:, 3, chicken] = 1e-7
    but_beef = hl.Dataset(NOTEBOOK, goal=hl.Goal(share=7 / 8))
    found = hl.Models(hl.Params(**weights), but_beef, hl.ModelConfig())
    assert (found.logits()[:, 0, 3, chicken] == found.logits()[:, 0, 3, beef]).all()
    assert found.grade().tolist() == grade(found.subject.clean.logits, but_beef).tolist() == ["right by a hair"] * 2
    assert found.solved().all()
