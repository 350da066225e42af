"""The gallery's page: what it knows of every task, recordings of runs, and one's own tasks in it."""

import base64
import io
import json
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest
from tiers import long

import headlab as hl
from headlab.data.batch import Batch
from headlab.data.corpus import Corpus
from headlab.errors import ConfigError
from headlab.report.html import gallery as html
from headlab.report.json.gallery import Shown, is_live, page_json
from headlab.report.json.recording import MOST_EXAMPLES, MOST_MOMENTS, MOST_POINTS, record
from headlab.report.words.gallery import metric_words
from headlab.tasks.gallery import last_gallery
from headlab.tasks.recording import FOLDER, Recording, recording_of

PACKAGE = Path(hl.__file__).parent
RECORDED = sorted(file.stem for file in FOLDER.glob("*.json"))
TASK = """
import headlab as hl
from headlab.data.stream import Stream

def sample(draws, size):
    drawn = draws.integers(4, 6)
    return drawn, drawn

task = hl.Task(
    "echo",
    "</script> is no end of it",
    make=lambda: hl.Dataset.from_stream(Stream(sample, ("<!--", "b", "c", "d"), n_ctx=6)),
    recipes={"short": hl.Recipe(hl.ModelConfig(d_head=3, n_heads=2), hl.TrainConfig.of(steps=200, batch_size=16))},
    metrics=("token_accuracy",),
)
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bare.html").write_text("<!doctype html>\n<html>\n  <body>\n  </body>\n</html>\n")
    monkeypatch.setattr(html, "GALLERY", tmp_path / "bare.html")
    (tmp_path / "echo.py").write_text(TASK)
    return tmp_path


def data_of(file):
    found = re.findall(r'<script type="application/json" id="gallery">(.*?)</script>', file.read_text(), re.DOTALL)
    (text,) = found
    assert "<" not in text
    return json.loads(text)


def test_recordings_take_little_room():
    sizes = {name: (FOLDER / f"{name}.json").stat().st_size for name in RECORDED}
    assert sum(sizes.values()) <= 1_200_000, sizes


def test_a_wheel_of_what_is_here_takes_at_most_five_megabytes():
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as wheel:
        for file in PACKAGE.rglob("*"):
            if file.is_file() and file.suffix not in (".pyc", ".cpp", ".hpp", ".pattern"):
                wheel.write(file, file.relative_to(PACKAGE).as_posix())
    assert len(held.getvalue()) <= 5_000_000


def test_every_task_is_live_or_recorded_or_was_never_run():
    known = page_json(Shown.of(task) for task in hl.tasks.values())
    assert [item["name"] for item in known["tasks"]] == list(hl.tasks)
    ran = last_gallery().tasks
    for item in known["tasks"]:
        if item["live"]:
            assert item["problem"]["recipes"].keys() == hl.tasks[item["name"]].recipes.keys()
        elif item["recording"] is None:
            assert item["name"] not in ran, f"{item['name']} was run: record it"
        else:
            recipes = ran[item["name"]]["recipes"]
            assert item["recording"]["recipe"] == next(
                name for name in hl.tasks[item["name"]].recipes if name in recipes
            )


@pytest.mark.parametrize("name", RECORDED)
def test_a_recording_holds_what_a_model_of_its_shape_can_have_done(name):
    task, kept = hl.tasks[name], recording_of(name)
    model = task.recipe(kept.recipe).model
    assert (kept.n_layers, kept.n_heads) == (model.n_layers, model.n_heads)
    steps = [moment.step for moment in kept.moments]
    assert steps == sorted(set(steps))
    assert steps[0] == 0
    assert steps[-1] == kept.n_steps <= task.recipe(kept.recipe).training.steps
    assert len(steps) <= MOST_MOMENTS
    assert 1 <= len(kept.examples) <= MOST_EXAMPLES
    assert len(kept.curve["steps"]) == len(kept.curve["loss"]) <= MOST_POINTS
    n_ctx = len(kept.examples[0]["tokens"])
    shape = (len(kept.examples), kept.n_layers, kept.n_heads, n_ctx, n_ctx)
    for moment in kept.moments:
        looks = np.frombuffer(base64.b64decode(moment.patterns), np.uint8).reshape(shape).astype(int)
        assert (np.abs(looks.sum(axis=-1) - 255) <= n_ctx / 2).all()
        if model.causal:
            assert (looks[..., ~np.tri(n_ctx, dtype=bool)] == 0).all()
        for example, said in zip(kept.examples, moment.said, strict=True):
            assert len(said) == sum(target is not None for target in example["targets"])
            for most in said:
                shares = [share for _, share in most]
                assert shares == sorted(shares, reverse=True)
                assert sum(shares) <= 1.002


@pytest.mark.parametrize(
    "name", [name if name in ("max4", "planted-shift") else pytest.param(name, marks=long) for name in RECORDED]
)
def test_a_recording_is_what_its_seed_does_when_it_is_trained_again(name):
    kept = recording_of(name)
    again = record(hl.tasks[name], kept.recipe, kept.seed)
    assert json.loads(json.dumps(again.to_dict())) == json.loads(json.dumps(kept.to_dict()))


def test_a_recorded_moment_is_the_model_of_then():
    kept = recording_of("max4")
    task = hl.tasks["max4"]
    moment = kept.moments[5]
    runs = hl.train(task, seeds=kept.seed, snapshots=[moment.step])
    run = runs.at(moment.step)
    pattern, probs = run.pattern()[0], run.probs()[0]
    looks = np.frombuffer(base64.b64decode(moment.patterns), np.uint8).reshape(-1, *pattern.shape[1:])
    np.testing.assert_array_equal(looks, np.rint(255 * pattern[: len(looks)]))
    for number, said in enumerate(moment.said):
        top, share = said[0][0]
        assert top == task.dataset.corpus.output_names[probs[number, -1].argmax()]
        assert share == round(float(probs[number, -1].max()), 3)


@pytest.mark.parametrize("name", [name for name in hl.tasks if is_live(hl.tasks[name])])
def test_what_the_page_has_of_a_live_task_trains_it_to_the_bit(name):
    (item,) = json.loads(json.dumps(page_json([Shown.of(hl.tasks[name])])))["tasks"]
    problem, task = item["problem"], hl.tasks[name]
    arrays = problem["tokens"], problem["targets"], problem["weights"]
    outputs = None if problem["outputs"] is None else len(problem["outputs"])
    batch = Batch(*arrays, len(problem["vocabulary"]), outputs)
    corpus = Corpus(batch, tuple(problem["vocabulary"]), tuple(problem["vocabulary"]), wrap=False)
    for recipe, fields in reversed(problem["recipes"].items()):
        model, training = hl.ModelConfig.from_dict(fields["model"]), hl.TrainConfig.from_dict(fields["training"])
        assert (model, training) == (task.recipe(recipe).model, task.recipe(recipe).training)
    there, here = hl.train(corpus, model, training, seeds=3), hl.train(task.dataset, model, training, seeds=3)
    np.testing.assert_array_equal(there.loss, here.loss)


def test_numbers_stand_beside_the_known_ones_with_their_sentences():
    known = page_json([Shown.of(hl.tasks["ioi"])])["tasks"][0]
    for recipe in known["recipes"]:
        for number in recipe["references"]:
            assert number["sentence"].startswith(metric_words(number["metric"]))
            assert number["badge"]
        metrics = {number["metric"] for number in recipe["references"]}
        assert all(metrics == set(seed["values"]) for seed in recipe["seeds"])
        assert len(recipe["seeds"]) == 64
    assert known["recipes"][0]["words"].startswith("1 layer, 2 heads of 8")
    assert known["headline"] == {"metric": "token accuracy", "here": "1", "known": "1"}
    assert known["recipes"][0]["references"][0]["here"] == "1"
    (never,) = page_json([Shown(hl.tasks["ioi"], {}, "not run yet", "", "", "ioi")])["tasks"]
    assert never["headline"] is None
    number = never["recipes"][1]["references"][0]
    assert (number["here"], number["known"], number["badge"]) == ("", "0.5000 ± 0.0500", "not run yet")


def test_a_task_of_ones_own_is_run_recorded_and_put_in(run, folder):
    status, out, _ = run("tasks", "page", "max4", "echo.py", "-o", "mine.html", "--json")
    assert (status, json.loads(out)) == (0, {"path": "mine.html"})
    found = {item["name"]: item for item in data_of(folder / "mine.html")["tasks"]}
    assert list(found) == ["max4", "echo"]
    echo = found["echo"]
    assert (echo["title"], echo["live"]) == ("</script> is no end of it", False)
    assert echo["command"] == "headlab tasks run echo.py"
    assert echo["recording"]["without"][0].endswith("of the places of 512 held-out examples are right.")
    assert echo["recipes"][0]["seeds"][3]["seed"] == 3
    kept = Recording.from_dict(echo["recording"])
    assert kept == Recording.from_dict(json.loads(json.dumps(kept.to_dict())))
    assert kept.moments[-1].step == kept.n_steps == 200
    assert kept.held_out["right"][-1] > kept.held_out["right"][0]
    assert found["max4"]["recording"] == json.loads((FOLDER / "max4.json").read_text())


def test_names_that_are_no_tasks_are_told_together_before_anything_is_trained(run, folder):
    status, _, err = run("tasks", "page", "echo.py", "max5", "nothing.py")
    assert status == 2
    assert "max5" in err
    assert "nothing.py" in err
    assert not (folder / "gallery.html").exists()


def test_without_a_built_page_it_is_said_before_anything_is_trained(run, folder, monkeypatch):
    monkeypatch.setattr(html, "GALLERY", folder / "none.html")
    monkeypatch.setattr(Shown, "trained", None)
    status, _, err = run("tasks", "page", "echo.py")
    assert status == 2
    assert "the gallery's page must be built" in err


def test_a_damaged_recording_is_refused():
    with pytest.raises(ConfigError, match="a recording must be what headlab wrote"):
        Recording.from_dict({"recipe": "own"})
