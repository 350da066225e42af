"""What a study trains on is a field of its conditions: several datasets side by side, each with its own floors and shapes."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import headlab as hl
from headlab.data.dataset import Dataset, Goal
from headlab.study.design import StudyDesign
from headlab.study.study import Study
from headlab.tasks import tasks

SHORT = hl.TrainConfig.of(steps=12)
TEXT = Dataset(hl.Corpus.from_text("a b c d\ne b f", start=None), "letters")
NOTHING = hl.Corpus.from_text("a\nb\nc", wrap=False)  # nothing to solve
TESTED = Dataset(
    hl.Corpus.from_text("x y z\nw y v\nx y z"),
    "tested",
    hl.Corpus.from_text("w y v", vocabulary=("<Start>", *"xyzwv")),
    Goal(0.5),
)


def design(**options):
    options = {"seeds": range(6), "training": SHORT, "dataset": [tasks["notebook"], TEXT, NOTHING], **options}
    return StudyDesign.grid(**options)


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    made = Study.create(tmp_path_factory.mktemp("s") / "study", design(d_head=[2, 3], keep=["weights", "curves"]))
    made.run()
    return made


def test_a_dataset_is_a_factor_like_another(study):
    names = [condition.name for condition in study.design.conditions]
    assert names[:3] == ["dataset notebook, d_head 2", "dataset notebook, d_head 3", "dataset letters, d_head 2"]
    assert study.design.factors == ("dataset", "d_head")  # d_model differs as the vocabularies do, and is none
    assert list(study.design.datasets) == ["notebook", "letters", "corpus 3"]
    assert [(group.value, len(group.grade)) for group in study.answer("dataset").groups] == [
        ("notebook", 12), ("letters", 12), ("corpus 3", 12),
    ]  # fmt: skip


def test_runs_are_those_of_train_on_their_dataset(study):
    for condition in study.design.conditions:
        expected = hl.train(condition.dataset, condition.model, SHORT, seeds=range(6), record="log", snapshots=None)
        found = study.runs(condition.name)
        np.testing.assert_array_equal(found.params.W_E, expected.params.W_E)
        np.testing.assert_array_equal(found.loss, expected.loss)
        assert found.grade().tolist() == expected.grade().tolist()
        assert found.dataset.to_dict() == condition.dataset.to_dict()
        assert [
            *study.sql(f"select grade from runs where condition = '{condition.identity}' order by seed")["grade"]
        ] == [*expected.grade()]


def test_tables_say_which_dataset_and_its_width(study, tmp_path):
    found = study.sql("select dataset, d_model, count(*) as n from runs group by all order by all")
    assert found.values.tolist() == [["corpus 3", 4, 12], ["letters", 6, 12], ["notebook", 7, 12]]
    assert study.sql("select distinct dataset as name from conditions order by 1")["name"].tolist() == [
        "corpus 3", "letters", "notebook",
    ]  # fmt: skip
    assert study.export(tmp_path / "t.csv").read_text().splitlines()[0].count("dataset") == 1


def test_floors_and_nothing_to_solve_are_those_of_each_dataset(study):
    floors = study.design.floors
    assert floors["dataset notebook, d_head 2"] == pytest.approx((0.1386, 0.2773), abs=1e-4)
    assert floors["dataset letters, d_head 3"][0] == TEXT.corpus.floor()
    groups = {group.value: group for group in study.answer("dataset").groups}
    assert [name for name, group in groups.items() if group.nothing_to_solve] == ["corpus 3"]
    assert set(study.table()["mechanism"][study.table()["dataset"] == "corpus 3"]) == {""}
    assert set(study.table()["grade"][study.table()["dataset"] == "corpus 3"]) == {"nothing to solve"}


def test_figures_draw_the_floors_of_each_condition(study):
    from headlab.report.figures import studies as figures

    figure = figures.curves(study.curves(), study.design.floors, figures.about_study(study.design))
    figure.draw_without_rendering()
    drawn = [
        sorted({float(line.get_ydata()[0]) for line in axes.lines if line.get_linestyle() != "-"})
        for axes in figure.axes
    ]
    assert drawn == [sorted(set(study.design.floors[item.name])) for item in study.design.conditions]
    assert "notebook, letters, corpus 3" in figures.about_study(study.design)


def test_a_report_of_several_datasets_is_written(study, tmp_path):
    from headlab.report.html.study import write

    text = write(study, tmp_path / "page.html").read_text()
    for name in ("notebook", "letters", "corpus 3"):
        assert f"dataset {name}" in text


def test_a_study_of_several_datasets_survives_its_json_and_its_file(study, tmp_path):
    for made in (study.design, design(conditions=[{"dataset": TESTED}, {"d_head": 5}]), design(dataset=[TESTED])):
        again = StudyDesign.from_dict(json.loads(json.dumps(made.to_dict())))
        assert again.to_dict() == made.to_dict()
        assert list(again.identities) == list(made.identities)
        (tmp_path / "s.toml").write_text(made.to_toml(), encoding="utf-8")
        read = StudyDesign.from_toml(tmp_path / "s.toml")
        assert read.to_dict() == made.to_dict()
        assert list(read.identities) == list(made.identities)


def test_datasets_of_one_name_have_other_ones_in_the_study(tmp_path):
    twins = [replace(TEXT, corpus=hl.Corpus.from_text(text)) for text in ("a b\nc b d", "a b\nc b b", "a b\nc b e f")]
    made = design(dataset=[*twins, hl.Corpus.from_text("q r")])
    assert list(made.datasets) == ["letters", "letters (2)", "letters (3)", "corpus 4"]
    study = Study.create(tmp_path / "s", made)
    assert study.run() == study.status().runs == 24
    assert [len(group.grade) for group in study.answer().groups] == [6, 6, 6, 6]
    assert study.sql("select count(distinct dataset) as n from runs")["n"].tolist() == [4]


def test_the_same_dataset_twice_is_one_condition():
    with pytest.raises(hl.ConfigError, match="conditions must differ, got “dataset letters” twice"):
        design(dataset=[TEXT, Dataset(TEXT.corpus, "letters"), NOTHING])
    with pytest.raises(hl.ConfigError, match="conditions must differ"):  # another name is no other data
        design(dataset=[TEXT, replace(TEXT, name="other")])


def test_a_dataset_may_be_added_later(tmp_path):
    study = Study.create(tmp_path / "s", design(dataset=[TEXT]))
    study.run()
    study.extend(design=design(dataset=[TEXT, tasks["notebook"]]))
    assert study.status().to_train == 6
    assert study.run() == 6
    whole = Study.create(tmp_path / "whole", design(dataset=[TEXT, tasks["notebook"]]))
    whole.run()
    exports = [item.export(tmp_path / "t.csv").read_bytes() for item in (study, whole)]
    assert exports[0] == exports[1]


FILE = """
seeds = "0:3"
[training]
steps = 4
[dataset.letters]
sentences = ["a b", "c b d"]
start = ""
[dataset.tested]
corpus = "other.txt"
name = "as I call it"
test = ["x z"]
goal = {share = 0.5}
[grid]
dataset = ["letters", "notebook", "other.txt"]
d_head = [2, 3]
[[condition]]
dataset = "tested"
[[condition]]
d_head = 7
"""


def test_a_study_file_names_datasets_tasks_and_files(tmp_path):
    (tmp_path / "other.txt").write_text("x y\nz y x\n")
    (tmp_path / "s.toml").write_text(FILE)
    made = StudyDesign.from_toml(tmp_path / "s.toml")
    assert list(made.datasets) == ["letters", "notebook", "other.txt", "as I call it"]
    assert [item.name for item in made.conditions[-2:]] == [
        "dataset as I call it, d_head 20",
        "dataset letters, d_head 7",
    ]
    assert made.datasets["letters"].corpus.start is None
    assert made.datasets["as I call it"].test.n_sequences == 1
    assert made.datasets["as I call it"].goal == Goal(share=0.5)
    assert made.datasets["notebook"].to_dict() == tasks["notebook"].dataset.to_dict()


WRONG = {
    '[grid]\ndataset = ["notebok"]\n': "did you mean notebook",
    "[grid]\ndataset = [7]\n": "must be the name of a table, a task or a file, got 7",
    "[grid]\ndataset = []\n": "dataset must be a list of at least one value",
    'dataset = "notebook"\n': r"must be tables, each begun by \[dataset.NAME\]",
    '[dataset.a]\nsentences = ["a b"]\nsentense = 1\n': "did you mean sentences",
    "[dataset.a]\nsentences = 7\n": "sentences must be a list of texts",
    '[dataset.a]\nsentences = ["a b"]\ngoal = {share = 2}\n': "share must be a number above 0 and at most 1",
    '[dataset.a]\nsentences = ["a b"]\ntest = ["b c"]\n': "every token must be in the given vocabulary, got 'c'",
    '[dataset.a]\nsentences = ["a b"]\ntask = "notebook"\n': "got both",
    'task = "notebok"\n': "did you mean notebook",
    "task = 7\n": "task must be the name of a task or a file, got 7",
}


@pytest.mark.parametrize("text", WRONG)
def test_a_wrong_dataset_in_a_file_is_answered_in_a_sentence(tmp_path, text):
    (tmp_path / "s.toml").write_text(f'seeds = "0:3"\n{text}')
    with pytest.raises(hl.ConfigError, match=WRONG[text]):
        StudyDesign.from_toml(tmp_path / "s.toml")


def test_what_is_no_dataset_is_refused_in_python():
    with pytest.raises(hl.ConfigError, match="must be a Corpus, a Dataset or a task, got 'notebook'"):
        design(dataset=["notebook"])
    with pytest.raises(hl.ConfigError, match="must be a Corpus, a Dataset or a task, got 7"):
        StudyDesign.grid(7, seeds=[1])


def test_the_command_line_runs_a_study_of_several_datasets(run):
    Path("other.txt").write_text("x y\nz y x\n")
    Path("s.toml").write_text(FILE)
    assert run("study", "check", "s.toml")[0] == 0
    assert run("study", "run", "s.toml")[0] == 0
    assert "24 of 24 runs" in run("study", "status", "s")[1]
    assert run("study", "show", "s", "--factor", "dataset", "--figure", "a.pdf")[0] == 0
    assert run("study", "new", "--like", "s", "again.toml")[0] == 0
    assert StudyDesign.from_toml("again.toml").to_dict() == Study("s").design.to_dict()
