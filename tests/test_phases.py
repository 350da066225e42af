"""A training that changes on its way, in every door: command line, study file, report, figures; each says what was trained."""

import json

import numpy as np
import pytest

import headlab as hl
from headlab.cli.phases import with_phases
from headlab.config import Phase, Plateau, TrainConfig
from headlab.homework.exercise import Exercise
from headlab.report.figures.runs import about_run
from headlab.report.html.homework import render
from headlab.report.html.study import shared_settings
from headlab.report.terminal.homework import exercise_blocks
from headlab.study.study import Study

FORK = [
    "--steps",
    "400",
    "--optimizer",
    "adam",
    "--learning-rate",
    "0.01",
    "--fork",
    "100 optimizer=sgd learning_rate=0.5",
]
SAID = "100 steps of adam at learning rate 0.01, then 300 of sgd at 0.5"
TRAINING = TrainConfig.of(steps=400, optimizer="adam", learning_rate=0.01).forked(
    100, {"optimizer": "sgd", "learning_rate": 0.5}
)


def test_a_fork_on_the_command_line_is_the_fork_in_python(run):
    status, out, _ = run("train", "--seeds", "3:5", *FORK, "--save", "kept")
    assert status == 0
    assert f"Trained: {SAID}" in out
    kept, expected = hl.Runs.load("kept"), hl.train(hl.Corpus.notebook(), training=TRAINING, seeds=[3, 4])
    assert kept.training == expected.training
    np.testing.assert_array_equal(kept.params.flat(), expected.params.flat())
    assert repr(kept).startswith(f"Runs(2 of {SAID}, d_head=20")
    answer = json.loads(run("train", "--seeds", "3", *FORK, "--json")[1])
    assert TrainConfig.from_dict(answer["training"]).in_words() == SAID


@pytest.mark.parametrize(
    "way", [["--fork", "2000"], ["--fork", "7"], ["--fork", "10 learning_rate=0.01"], ["--fork", "9", "--fork", "3000"]]
)
def test_a_fork_on_the_command_line_that_changes_nothing_is_the_run_to_the_bit(run, way):
    run("train", "--seeds", "4", *way, "--save", "kept")
    whole = hl.train(hl.Corpus.notebook(), seeds=4)
    kept = hl.Runs.load("kept")
    np.testing.assert_array_equal(kept.params.flat(), whole.params.flat())
    np.testing.assert_array_equal(kept.loss, whole.loss)


def test_every_field_of_a_phase_can_be_said_on_the_command_line():
    thens = [
        "300: learning-rate=0.5 nesterov momentum=0.9 freeze=W_pos,W_Q",
        "20 plateau.patience=3 plateau.factor=0.5",
    ]
    found = with_phases(TrainConfig.of(steps=100), [*thens, "5 plateau plateau_goes_on nesterov=false"], [])
    assert found.phases[1:] == (
        Phase(300, changes={"learning_rate": 0.5, "nesterov": True, "momentum": 0.9}, freeze=("W_pos", "W_Q")),
        Phase(20, Plateau(patience=3, factor=0.5)),
        Phase(5, Plateau(), plateau_goes_on=True, changes={"nesterov": False}),
    )


@pytest.mark.parametrize(
    ("way", "said"),
    [
        (["--then", "soon"], "--then must be a number of steps and what changes, like"),
        (["--fork", ""], "--fork must be a number of steps and what changes, like"),
        (["--then", "5 lr=3"], "changes has no field 'lr'"),
        (["--then", "5 momentum=3"], "momentum must be"),
        (["--then", "5 freeze=W_X"], "freeze must be names of weights, got 'W_X'"),
        (["--then", "5 plateau.patients=5"], "patients"),
        (["--then", "5 dtype=float64"], "dtype must be the same in all phases"),
        (["--fork", "10 plateau"], "--fork goes on with the plateaus that there are, got plateau"),
        (["--fork", "50"], "a fork must be at a step from 1 to 49, before the end, got 50"),
    ],
    ids=lambda value: value[1] if isinstance(value, list) else "",
)
def test_what_cannot_be_trained_is_refused_in_a_sentence(run, way, said):
    status, out, err = run("train", "--steps", "50", *way)
    assert (status, out) == (2, "")
    assert said in err


def test_two_phases_with_problems_are_both_told(run):
    err = run("train", "--steps", "50", "--then", "5 lr=3", "--then", "x")[2]
    assert "'lr'" in err
    assert "got 'x'" in err


def test_a_study_file_has_forks_for_all_conditions_or_for_one(run, tmp_path):
    (tmp_path / "s.toml").write_text(
        'seeds = "0:3"\nkeep = ["weights"]\n[training]\noptimizer = "adam"\nlearning_rate = 0.01\n'
        "[[training.phases]]\nsteps = 10\n[[training.phases]]\nsteps = 30\n"
        'changes = {optimizer = "sgd", learning_rate = 0.5}\nfreeze = ["W_pos"]\n'
        "[[condition]]\nd_head = 10\n[[condition]]\nd_head = 20\n[[condition.phases]]\nsteps = 40\n"
    )
    assert run("study", "run", str(tmp_path / "s.toml"), "--into", "s")[0] == 0
    study = Study("s")
    fork = TrainConfig.of(steps=40, optimizer="adam", learning_rate=0.01).forked(
        10, {"optimizer": "sgd", "learning_rate": 0.5}, freeze=("W_pos",)
    )
    assert [item.training.in_words() for item in study.design.conditions] == [
        "10 steps of adam at learning rate 0.01, then 30 of sgd at 0.5, W_pos frozen",
        "40 steps of adam at learning rate 0.01",
    ]
    expected = hl.train(hl.Corpus.notebook(), hl.ModelConfig(d_head=10), fork, seeds=range(3), record="none")
    np.testing.assert_array_equal(study.runs(0).params.flat(), expected.params.flat())
    assert "optimizer sgd" in run("study", "status", "s")[1]


def test_models_of_a_study_are_measured_by_the_loss_that_was_trained_last(tmp_path):
    from headlab.study.design import StudyDesign

    fork = TrainConfig.of(steps=6).forked(3, {"loss": "normalized_sigmoid"})
    study = Study.create(tmp_path / "s", StudyDesign.grid(hl.Corpus.notebook(), seeds=[0], training=fork, d_head=[3]))
    study.run()
    assert study.runs().models.loss_kind == "normalized_sigmoid"


def test_a_studys_page_says_a_forked_training_that_all_conditions_share():
    from headlab.study.design import StudyDesign

    design = StudyDesign.grid(hl.Corpus.notebook(), seeds=[0], training=TRAINING, d_head=[10, 20])
    assert shared_settings(design)["training"] == SAID
    assert "training" not in shared_settings(StudyDesign.grid(hl.Corpus.notebook(), seeds=[0], d_head=[10, 20]))


def test_report_and_figures_say_a_forked_runs_training_and_steps():
    runs = hl.train(hl.Corpus.notebook(), training=TRAINING, seeds=[4])
    page = render(Exercise.of(runs, 0))
    assert SAID in page
    assert "300 steps" not in page
    assert "step 400" in about_run(runs[0])
    assert any(SAID in str(block) for block in exercise_blocks(Exercise.of(runs, 0)))
