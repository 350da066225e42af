"""`headlab tasks`: badges, one task, one's own task in a file; one sentence for everything that is wrong, and where it is."""

import importlib.util
import io
import json
import re
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from tiers import long

import headlab as hl
from headlab.report.terminal.plot import CurvePlot
from headlab.study.reproduction import BADGES, plan, reproduce
from headlab.tasks.door import dataset_of, named_task, task_of
from headlab.tasks.gallery import Gallery, last_gallery

HEAD = "import numpy as np\nimport headlab as hl\n"
TOSS = """
task = hl.Task(
    "toss",
    "what follows a",
    make=lambda: hl.Dataset(hl.Corpus.from_text("a b\\na c")),
    source="nobody",
    recipes={
        "short": hl.Recipe(hl.ModelConfig(d_head=3), hl.TrainConfig.of(steps=20)),
        "long": hl.Recipe(hl.ModelConfig(d_head=4), hl.TrainConfig.of(steps=30)),
    },
    metrics=("cross_entropy", "solved"),
    references=(
        hl.Reference("cross_entropy", 9.0, 0.5, "exact", "counted", seeds=2, recipe="short", at_most=True),
        hl.Reference("cross_entropy", 9.0, 0.5, "published", "Nobody 2020", seeds=3, recipe="long"),
    ),
)
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "toss.py").write_text(HEAD + TOSS)
    return tmp_path


def test_a_task_is_run_as_its_recipe_says_and_judged(run, folder):
    status, out, err = run("tasks", "run", "toss.py", "--json")
    found = json.loads(out)
    assert (status, err) == (0, "")
    wanted = {
        "name",
        "badge",
        "metric",
        "value",
        "low",
        "high",
        "target",
        "tolerance",
        "kind",
        "source",
        "seconds",
        "values",
    }
    assert wanted <= set(found)
    assert (found["name"], found["recipe"], found["badge"], found["seeds"]) == ("toss", "short", "reproduced", [0, 1])
    runs = hl.train(hl.tasks.from_file("toss.py"), seeds=[0, 1])
    assert runs.training.steps == 20
    np.testing.assert_allclose(found["values"], runs.models.loss(), rtol=1e-6)
    status, out, _ = run("tasks", "run", "toss.py", "--recipe", "long", "--seeds", "4:7", "--json")
    found = json.loads(out)
    assert (found["recipe"], found["badge"], found["seeds"]) == ("long", "not reproduced", [4, 5, 6])
    assert (
        json.loads(run("tasks", "run", "toss.py", "--recipe", "long", "--seeds", "4", "--json")[1])["badge"]
        == "too few seeds"
    )


def test_both_numbers_stand_on_the_screen_whether_they_hold_or_not(run, folder):
    for recipe, mark in (("short", "✓ reproduced"), ("long", "✗ not reproduced")):
        status, out, err = run("tasks", "run", "toss.py", "--recipe", recipe)
        assert (status, err) == (0, "")
        found = json.loads(run("tasks", "run", "toss.py", "--recipe", recipe, "--json")[1])
        assert mark in out
        assert f"cross entropy: {found['value']:.4f}" in out
        assert ("at most 9 + 0.5000" if recipe == "short" else "9 ± 0.5000") in out
        assert found["source"] in out
        assert "Loss of" in out
        assert "Where the head looks" in out


def test_runs_and_figure_are_written_and_nothing_where_they_cannot_be(run, folder):
    assert run("tasks", "run", "toss.py", "--save", "kept", "--figure", "toss.svg")[0] == 0
    assert len(hl.Runs.load("kept")) == 2
    assert Path("toss.svg").read_bytes().startswith(b"<?xml")
    before = sorted(path.name for path in folder.iterdir())
    for wrong in (("--figure", "toss.bmp"), ("--figure", "no/such/folder/x.png"), ("--save", "toss.py")):
        status, out, err = run("tasks", "run", "toss.py", *wrong)
        assert (status, out, err.count("\n")) == (2, "", 1)
    assert sorted(path.name for path in folder.iterdir()) == before


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["run", "notebok"], "a task must be a known one or a Python file, got 'notebok': did you mean notebook?"),
        (["show", "notebok"], "did you mean notebook?"),
        (["run", "notebook", "--recipe", "publishd"], "did you mean published?"),
        (["run", "notebook", "--seeds", "5:5"], "--seeds must be"),
        (["run", "notebook", "--threads", "0"], "threads must be"),
        (["run", "missing.py"], "missing.py"),
        (["check", "missing.py"], "headlab tasks new writes one"),
        (["check", "."], "name a file"),
        (["rum", "notebook"], "did you mean run?"),
        (["--json", "list"], "--json must follow the command"),
        (["run"], "NAME"),
    ],
)
def test_a_wrong_request_is_one_sentence(run, folder, arguments, said):
    status, out, err = run("tasks", *arguments)
    assert (status, out) == (2, "")
    assert err.startswith("headlab: ")
    assert said in err
    assert err.count("\n") == 1


def test_a_checked_task_is_told_with_what_it_takes(run, folder):
    status, out, err = run("tasks", "check", "toss.py")
    assert (status, err) == (0, "")
    assert "Nothing is wrong with it." in out
    found = json.loads(run("tasks", "check", "toss.py", "--json")[1])
    assert list(found["recipes"]) == ["short", "long"]
    assert [item["seeds"] for item in found["recipes"].values()] == [2, 3]
    assert all(item["bytes"] > 0 for item in found["recipes"].values())


def test_a_recipe_that_no_memory_holds_is_refused_before_training(run, folder, monkeypatch):
    monkeypatch.setattr("headlab.engine.memory.available", lambda: 1000)
    for command in ("check", "run"):
        status, out, err = run("tasks", command, "toss.py")
        assert (status, out) == (2, "")
        assert "must fit in the memory that is free" in err


def test_a_task_file_is_known_by_the_door_and_runs_once(folder):
    (folder / "sub").mkdir()
    counting = HEAD + "import pathlib\nwith open('ran', 'a') as file: file.write('x')\n" + TOSS
    Path("sub/counted.py").write_text(counting)
    one, two = named_task("sub/counted.py"), task_of("counted.py", folder / "sub")
    assert one is two
    assert Path("ran").read_text() == "x"
    assert dataset_of("sub/counted.py").name == "toss"
    assert task_of("counted.txt") is None
    with pytest.raises(
        hl.CorpusError, match=r"start must go with a corpus file or sentences, got the task sub/counted\.py"
    ):
        dataset_of("sub/counted.py", start=None)
    Path("sub/counted.py").write_text(counting.replace("what follows a", "what comes after a"))
    assert named_task("sub/counted.py").title == "what comes after a"


def test_what_a_file_prints_does_not_stand_in_json(run, folder):
    Path("toss.py").write_text(HEAD + "print('hello')\n" + TOSS)
    status, out, err = run("tasks", "show", "toss.py", "--json")
    assert status == 0
    assert json.loads(out)["name"] == "toss"
    assert err == "hello\n"


def test_a_file_may_import_its_neighbour(folder):
    Path("words_of_mine.py").write_text("TITLE = 'from a neighbour'\n")
    Path("toss.py").write_text(HEAD + "from words_of_mine import TITLE\n" + TOSS.replace('"what follows a"', "TITLE"))
    assert named_task("toss.py").title == "from a neighbour"


@pytest.mark.parametrize("name", list(hl.tasks))
def test_a_task_is_shown_with_everything_that_is_known_of_it(run, name):
    task = hl.tasks[name]
    status, out, err = run("tasks", "show", name)
    assert (status, err) == (0, "")
    flat = re.sub(r"\s+", " ", out)
    assert all(f"Recipe {recipe}" in flat for recipe in task.recipes)
    assert all(re.sub(r"\s+", " ", item.source) in flat for item in task.references)
    found = json.loads(run("tasks", "show", name, "--json")[1])
    assert [item["metric"] for item in found["references"]] == [item.metric for item in task.references]
    assert set(found["recipes"]) == set(task.recipes)


def test_all_tasks_are_listed_with_their_badges_and_the_day_of_these(run):
    status, out, err = run("tasks")
    assert (status, err) == (0, "")
    assert out == run("tasks", "list")[1]
    gallery = last_gallery()
    listed = json.loads(run("tasks", "list", "--json")[1])
    assert [item["name"] for item in listed] == list(hl.tasks)
    for item in listed:
        assert item["badge"] in (*BADGES, None)
        assert gallery.badge(item["name"]) in out
    assert (gallery.date or "not run yet") in out


def test_results_of_the_gallery_are_of_tasks_and_recipes_that_there_are():
    gallery = last_gallery()
    for name, found in gallery.tasks.items():
        task = hl.tasks[name]
        for recipe, results in found["recipes"].items():
            known = [item for item in task.references if item.recipe == recipe]
            told = [item for item in results["references"] if item["target"] is not None]
            assert [item.value for item in known] == pytest.approx([item["target"] for item in told], rel=1e-9)
            assert [item.source for item in known] == [item["source"] for item in told]
    assert Gallery().badge("notebook") == "not run yet"


@pytest.mark.parametrize("width", [40, 80, 120])
def test_no_line_of_a_task_is_wider_than_the_terminal(folder, width, run, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(width))
    for command in (["list"], ["show", "toss.py"], ["run", "toss.py"], ["check", "toss.py"]):
        _, out, _ = run("tasks", *command)
        wide = [line for line in out.split("\n") if len(line) > width]
        assert [line for line in wide if not line.startswith("headlab tasks run")] == []


def test_a_curve_has_its_first_and_last_loss_where_they_belong():
    loss = np.linspace([4.0, 2.0], [0.0, 1.0], 500, axis=1)
    console = Console(width=60, record=True, file=io.StringIO())
    console.print(CurvePlot(np.arange(500), loss, 0, "Loss", {"chance": 3.0, "far away": 99.0}))
    lines = console.export_text().split("\n")
    assert lines[0].strip() == "Loss"
    assert lines[1].startswith("4.000 •")
    assert lines[9].startswith("0.000")
    assert lines[9].rstrip().endswith("•")
    assert any(line.startswith("3.000 ") and "-----" in line for line in lines)
    assert "far away" not in "\n".join(lines)
    assert lines[10].rstrip().endswith("500 steps")


@pytest.mark.parametrize(
    "loss", [np.full((2, 5), np.nan), np.array([[1.0, 1e30, np.inf]]), np.ones((1, 1)), np.ones((3, 0))]
)
def test_a_curve_of_what_diverged_or_was_never_trained_is_drawn_all_the_same(loss):
    console = Console(width=30, record=True, file=io.StringIO())
    console.print(CurvePlot(np.arange(loss.shape[1]), loss, 0, "Loss"))
    assert all(len(line) <= 30 for line in console.export_text().split("\n"))


def test_a_tasks_file_stands_where_a_file_of_sentences_could_and_is_trained_as_its_recipe_says(run, folder):
    whole = json.loads(run("train", "toss.py", "--json")[1])
    assert whole["training"] == hl.TrainConfig.of(steps=20).to_dict()
    assert whole["runs"][0]["loss"] == hl.train(hl.tasks.from_file("toss.py")).final_loss[0]
    typed = json.loads(run("train", "toss.py", "--steps", "7", "--learning-rate", "0.5", "--json")[1])
    assert typed["training"] == hl.TrainConfig.of(steps=7, learning_rate=0.5).to_dict()
    wide = hl.train(hl.tasks.from_file("toss.py"), hl.ModelConfig(d_head=9))
    assert json.loads(run("train", "toss.py", "--d-head", "9", "--json")[1])["runs"][0]["loss"] == wide.final_loss[0]
    status, _, err = run("train", "toss.py", "--no-start")
    assert status == 2
    assert "start must go with a corpus file or sentences, got the task toss.py" in err


def test_a_task_is_a_factor_of_a_study_that_comes_with_its_recipe(folder):
    task = hl.tasks.from_file("toss.py")
    grid = hl.StudyDesign.grid(seeds=range(2), dataset=[hl.tasks["notebook"], task])
    assert [item.model.d_head for item in grid.conditions] == [20, 3]
    assert [item.training.steps for item in grid.conditions] == [5020, 20]
    assert hl.StudyDesign.grid(task, seeds=1).conditions[0].training.steps == 20
    given = hl.StudyDesign.grid(task, seeds=1, model=hl.ModelConfig(d_head=5), training=hl.TrainConfig(), d_model=[4])
    assert (given.conditions[0].model.d_head, given.conditions[0].training) == (5, hl.TrainConfig())
    (folder / "study.toml").write_text(
        'seeds = "0:2"\n[training]\nlearning_rate = 0.05\n[grid]\ndataset = ["notebook", "toss.py"]\n'
        '[[condition]]\ndataset = "toss.py"\nsteps = 30\n'
    )
    read = hl.StudyDesign.from_toml("study.toml")
    assert [item.training.steps for item in read.conditions] == [5020, 20, 30]
    assert {item.training.learning_rate for item in read.conditions} == {0.05}
    assert [item.model.d_head for item in read.conditions] == [20, 3, 3]


def test_of_one_phase_steps_alone_are_changed_and_its_rate_falls_as_before(run, folder):
    text = (folder / "toss.py").read_text()
    falling = "hl.TrainConfig(phases=(hl.Phase(20, hl.Plateau(patience=3)),))"
    (folder / "toss.py").write_text(text.replace("hl.TrainConfig.of(steps=20)", falling))
    found = json.loads(run("train", "toss.py", "--steps", "9", "--json")[1])
    assert found["training"]["phases"] == [hl.Phase(9, hl.Plateau(patience=3)).to_dict()]


def again(name):
    """Run a task again; return what came out beside what the gallery keeps of it."""
    for recipe, kept in last_gallery().tasks[name]["recipes"].items():
        found = reproduce(plan(hl.tasks[name], recipe)).to_dict()
        yield found, kept


QUICK = [name for name, found in last_gallery().tasks.items() if found["seconds"] < 60]


@pytest.mark.parametrize("name", [pytest.param(name, marks=() if name == "bigram0" else long) for name in QUICK])
def test_a_task_comes_out_as_the_gallery_keeps_it(name):
    """The same seeds are the same runs, so every seed's number is the kept one, wherever it is run."""
    for found, kept in again(name):
        assert (found["badge"], found["seeds"]) == (kept["badge"], kept["seeds"])
        for result, before in zip(found["references"], kept["references"], strict=True):
            assert (result["metric"], result["badge"]) == (before["metric"], before["badge"])
            np.testing.assert_allclose(
                np.array(result["values"], float), np.array(before["values"], float), rtol=1e-9, atol=1e-12
            )


def test_the_page_of_the_gallery_is_what_its_results_say():
    root = Path(__file__).parents[1]
    spec = importlib.util.spec_from_file_location("gallery_benchmark", root / "benchmarks" / "gallery.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    page = (root / "docs" / "gallery.md").read_text(encoding="utf-8")
    assert page == module.page(last_gallery())
    for figure in re.findall(r"\]\((img/[^)]+)\)", page):
        assert (root / "docs" / figure).stat().st_size < 300_000


def test_a_new_task_has_nothing_wrong_with_it_and_its_number_comes_out(run, folder):
    status, out, err = run("tasks", "new", "Odd one.py")
    assert (status, err) == (0, "")
    assert "headlab tasks check 'Odd one.py'" in out
    assert hl.tasks.from_file("Odd one.py").name == "odd-one"
    assert run("tasks", "check", "Odd one.py")[0] == 0
    found = json.loads(run("tasks", "run", "Odd one.py", "--json")[1])
    assert (found["badge"], found["value"]) == ("reproduced", 1.0)
    assert found["seconds"] < 30
    assert json.loads(run("train", "Odd one.py", "--steps", "5", "--json")[1])["runs"][0]["outcome"] == "finished"


def test_a_new_task_takes_no_files_place(run, folder):
    before = Path("toss.py").read_bytes()
    status, out, err = run("tasks", "new", "toss.py")
    assert (status, out) == (2, "")
    assert "a new task must not be there yet, got 'toss.py'" in err
    assert Path("toss.py").read_bytes() == before


def test_what_each_head_removed_leaves_is_said_and_is_what_the_runs_say(run):
    status, out, _ = run("tasks", "run", "ioi", "--seeds", "0:2", "--json")
    found = json.loads(out)["without_heads"]
    assert (status, found["of"], found["examples"], found["exact"]) == (0, "places", 60, True)
    table = hl.train(hl.tasks["ioi"], seeds=[json.loads(out)["best_seed"]])[0].without_heads().table()
    assert [row["right"] for row in found["rows"]] == table.token_accuracy.tolist()
    assert len(found["sentences"]) == 3
    status, out, _ = run("tasks", "run", "ioi", "--seeds", "0:2")
    assert " ".join(out.split()).count(found["sentences"][1]) == 1


def test_a_training_of_many_stages_is_told_short(run):
    _, out, _ = run("tasks", "show", "tsar")
    told = " ".join(out.split())
    assert "1,600 steps in 25 stages: 64 steps of adamw" in told
    assert "then 23 others, and at last 64 of adamw" in told
    assert told.count("its state afresh") == 4, "two recipes, of each the first stage and the last"
