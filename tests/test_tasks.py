"""A task is a dataset with a name, in every door; no door looks at what stands in a text to know it."""

import json
import subprocess
import sys
from collections.abc import Mapping

import numpy as np
import pytest
from click.testing import CliRunner

import headlab as hl
from headlab.cli.main import cli
from headlab.data import notebook
from headlab.runs.experiment import Experiment, notebook_fields
from headlab.tasks.door import dataset_of
from headlab.tasks.reference import Reference
from headlab.tasks.task import Recipe, Task


def test_tasks_are_a_mapping_of_names_that_cannot_be_written_to():
    assert isinstance(hl.tasks, Mapping)
    assert list(hl.tasks) == [name for name, task in hl.tasks.items() if task.name == name == task.dataset.name]
    assert "notebook" in hl.tasks
    assert "notebok" not in hl.tasks
    assert hl.tasks.get("notebok") is None
    with pytest.raises(TypeError):
        hl.tasks["other"] = hl.tasks["notebook"]


@pytest.mark.parametrize(
    ("name", "hint"), [("notebok", "did you mean notebook?"), ("zzz", "known are notebook"), (7, "known are notebook")]
)
def test_an_unknown_task_is_refused_with_the_nearest_known(name, hint):
    with pytest.raises(
        hl.SelectionError, match=f"a task must be a known one, got {name!r}: {hint}".replace("?", r"\?")
    ):
        hl.tasks[name]


def test_the_notebook_is_a_task_and_its_corpus_the_one_that_it_always_was():
    dataset = hl.tasks["notebook"].dataset
    assert dataset is hl.tasks["notebook"].dataset
    assert dataset.corpus.to_dict() == hl.Corpus.notebook().to_dict()
    assert (hl.tasks["notebook"].model, hl.tasks["notebook"].training) == (hl.ModelConfig(), hl.TrainConfig())


def test_a_task_is_built_when_it_is_asked_for():
    asked = []
    task = Task("late", "made late", make=lambda: asked.append(1) or hl.Dataset(hl.Corpus.from_text("a b")))
    assert asked == []
    assert task.dataset.name == task.dataset.name == "late"
    assert asked == [1]


def test_a_name_is_a_task_or_else_a_file(tmp_path):
    (tmp_path / "notebook").write_text("a b\na c")
    (tmp_path / "words.txt").write_text("a b\na c")
    assert dataset_of("notebook", tmp_path).corpus.n_sequences == 2
    assert dataset_of("notebook", tmp_path).d_vocab == 7
    assert (dataset_of("./notebook", tmp_path).d_vocab, dataset_of("./notebook", tmp_path).name) == (4, "./notebook")
    assert (dataset_of("words.txt", tmp_path).d_vocab, dataset_of("words.txt", tmp_path).name) == (4, "words.txt")
    with pytest.raises(
        hl.CorpusError, match="name of a task or of a text file, got 'notebok', which is neither: did you"
    ):
        dataset_of("notebok", tmp_path)
    with pytest.raises(hl.CorpusError, match=r"must be a readable text file, got .*missing\.txt"):
        dataset_of("missing.txt", tmp_path)
    with pytest.raises(
        hl.CorpusError, match="start, wrap must go with a corpus file or sentences, got the task notebook"
    ):
        dataset_of("notebook", start=None, wrap=False)


def trained(*arguments):
    done = CliRunner().invoke(cli, ["train", *arguments, "--steps", "20", "--json"], catch_exceptions=False)
    return json.loads(done.stdout)["runs"][0]["loss"]


def test_the_command_line_knows_a_task_by_its_name_and_never_by_its_text(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "typed.txt").write_text(notebook.TEXT)
    (tmp_path / "notebook").write_text("a b\na c")
    assert [dataset_of(name, tmp_path).name for name in ("notebook", "typed.txt")] == ["notebook", "typed.txt"]
    task, file = (
        hl.train(corpus, training=hl.TrainConfig.of(steps=20)).final_loss[0]
        for corpus in (hl.Corpus.notebook(), hl.Corpus.from_text("a b\na c"))
    )
    assert task != file
    assert [trained(), trained("notebook"), trained("typed.txt"), trained("./notebook")] == [task, task, task, file]


def test_tasks_are_listed_with_what_they_are():
    listed = CliRunner().invoke(cli, ["tasks"], catch_exceptions=False)
    assert all(task.title[:30] in listed.stdout and name in listed.stdout for name, task in hl.tasks.items())
    plain = json.loads(CliRunner().invoke(cli, ["tasks", "--json"], catch_exceptions=False).stdout)
    assert [item["name"] for item in plain] == list(hl.tasks)
    again = hl.Corpus.from_dict(plain[0]["corpus"])
    np.testing.assert_array_equal(again.tokens, hl.Corpus.notebook().tokens)
    assert hl.ModelConfig.from_dict(plain[0]["model"]) == hl.ModelConfig()


def test_a_folder_of_runs_that_is_called_as_a_task_is_named_as_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    hl.train(hl.Corpus.from_text("a b c\nd b e"), training=hl.TrainConfig.of(steps=1)).save("notebook")
    with pytest.raises(hl.ConfigError, match=r"got notebook, a task and a folder here: write \./notebook"):
        CliRunner().invoke(cli, ["explain", "notebook"], catch_exceptions=False, standalone_mode=False)
    runs = CliRunner().invoke(cli, ["explain", "./notebook", "--json"], catch_exceptions=False)
    assert runs.exit_code == 0


def test_the_lab_knows_a_task_by_its_name_and_never_by_its_text():
    by_hand, task = hl.Corpus.from_text(notebook.TEXT), hl.Corpus.notebook()
    for fields, corpus in (
        ({}, task),
        ({"seed": 5}, task),
        ({"task": "notebook"}, task),
        (notebook_fields(), task),
        ({"text": notebook.TEXT}, by_hand),
        ({"task": "", "text": notebook.TEXT}, by_hand),
        ({"task": ""}, by_hand),
        ({"start": "<Start>"}, by_hand),
    ):
        assert Experiment.of(fields).dataset.corpus.to_dict() == corpus.to_dict(), fields
    with pytest.raises(
        hl.ConfigError, match="a task must be a known one, got 'notebok': did you mean notebook"
    ) as wrong:
        Experiment.of({"task": "notebok"})
    assert wrong.value.problems[0].field == "task"


@pytest.mark.parametrize(
    "name", ["a\nb.txt", "a\udcff.txt", "a\u202eb.txt", "x" * 200 + ".txt", "👩\u200d🌾.txt", "notebook"]
)
def test_a_file_of_any_name_is_a_dataset(tmp_path, name):
    (tmp_path / name).write_text("man ordered the chicken\nwoman ordered the beef\n")
    dataset = dataset_of(f"./{name}", tmp_path)
    assert dataset.name.isprintable()
    assert dataset.name not in hl.tasks
    assert dataset.corpus.n_sequences == 2


def made():
    return hl.Dataset(hl.Corpus.from_text("a b\na c"))


KNOWN = {"metric": "token_accuracy", "value": 1.0, "tolerance": 0.1, "kind": "exact", "source": "counted"}


def test_everything_wrong_with_a_task_is_said_at_once():
    with pytest.raises(hl.ConfigError) as wrong:
        Task("Coin toss", 7, made(), recipes={"plain": hl.ModelConfig()}, metrics="loss", references=[KNOWN])
    assert [str(problem).split(", got")[0] for problem in wrong.value.problems] == [
        "a task's name must be a word of small letters, digits and hyphens",
        "a task's title must be text",
        "a task's make must be a function that builds a Dataset",
        "a task's metrics must be a list of str",
        "a task's references must be a list of Reference",
        "a task's recipes must be names with a Recipe each",
    ]
    with pytest.raises(hl.ConfigError) as wrong:
        Task("toss", "a toss", made, recipes={"plain": Recipe()}, references=[Reference(**KNOWN)])
    assert [str(problem) for problem in wrong.value.problems] == [
        "a reference's recipe must be one of the task's, got 'published': known are plain",
        "a reference's metric must be among the task's metrics, got 'token_accuracy': add it there",
    ]


def test_everything_wrong_with_a_reference_is_said_at_once():
    with pytest.raises(hl.ConfigError) as wrong:
        Reference("", float("nan"), -1, "known", "", "all", 0, "", "yes")
    assert [problem.field for problem in wrong.value.problems] == [
        "metric", "source", "recipe", "value", "tolerance", "kind", "over", "seeds", "at_most"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("at_most", "found", "holds"),
    [
        (None, 0.875, True), (None, 1.125, True), (None, 0.874, False), (None, 1.126, False),
        (False, 0.875, True), (False, 9.0, True), (False, 0.874, False),
        (True, 1.125, True), (True, -9.0, True), (True, 1.126, False),
        (None, float("nan"), False), (False, float("inf"), False), (True, float("-inf"), False),
    ],
)  # fmt: skip
def test_a_number_holds_within_the_tolerance_on_the_sides_that_count(at_most, found, holds):
    assert Reference(**{**KNOWN, "tolerance": 0.125}, at_most=at_most).holds(found) is holds


def test_the_first_recipe_is_the_usual_one():
    small, large = Recipe(hl.ModelConfig(d_head=3)), Recipe(hl.ModelConfig(d_head=30), title="a large one")
    task = Task("toss", "a toss", made, recipes={"small": small, "large": large})
    assert (task.model, task.training, task.recipe()) == (small.model, small.training, small)
    assert task.recipe("large") is large
    with pytest.raises(hl.ConfigError, match="a recipe must be one of the task's, got 'lage': did you mean large"):
        task.recipe("lage")
    assert Task("toss", "a toss", made, model=small.model).recipe("published").model == small.model


def test_what_a_task_gives_is_checked_when_it_is_asked_for():
    def raises():
        raise hl.CorpusError("no sentences")

    too_wide = Recipe(hl.ModelConfig(d_model=5))
    for task, said in (
        (Task("toss", "", lambda: 7), "make must build a Dataset, got 7: return one"),
        (Task("toss", "", raises), "no sentences"),
        (Task("toss", "", made, recipes={"wide": too_wide}), "recipe wide: d_model must equal d_vocab = 4"),
    ):
        (problem,) = task.check()
        assert str(problem).startswith(said)


def test_no_task_is_loaded_before_it_is_asked_for():
    code = "import sys, headlab as hl; list(hl.tasks), 'notebook' in hl.tasks; " + (
        "print([name for name in sys.modules if name.startswith('headlab.tasks.') and name[14:] in "
        "[task.replace('-', '_') for task in hl.tasks]])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
