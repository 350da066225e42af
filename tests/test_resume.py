"""Runs that go on: in parts as in one, to the bit; and what is said of a training that changed on its way."""

import hashlib
import json

import numpy as np
import pytest
from safetensors.numpy import load_file, save

import headlab as hl
from headlab.config import NOTEBOOK_PHASES, Phase, Plateau, TrainConfig

CORPUS = hl.Corpus.notebook()
WATCHED = Phase(120, Plateau(patience=3, min_delta=0.01))  # the rate falls some times
TRAININGS = {
    "the notebook's": TrainConfig(),
    "momentum": TrainConfig(phases=(Phase(40), WATCHED, Phase(10)), momentum=0.9, learning_rate=0.05),
    "adam": TrainConfig(phases=(Phase(30), WATCHED, Phase(30)), optimizer="adam", learning_rate=0.05),
    "rmsprop, float64": TrainConfig(
        phases=(WATCHED, Phase(0), Phase(20)), optimizer="rmsprop", learning_rate=0.005, dtype="float64"
    ),
    "frozen": TrainConfig(phases=(Phase(20), Phase(20, freeze=("W_pos", "W_V")), Phase(20))),
}


def same(one, other):
    for name in ("loss", "learning_rate", "final_loss", "recorded_steps"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)
    np.testing.assert_array_equal(one.params.flat(), other.params.flat())
    assert one.outcomes() == other.outcomes()
    return one.training == other.training


@pytest.mark.parametrize("saved", [False, True], ids=["at once", "saved between"])
@pytest.mark.parametrize("name", TRAININGS)
def test_phases_trained_one_by_one_are_the_training_to_the_bit(name, saved, tmp_path):
    training = TRAININGS[name]
    whole = hl.train(CORPUS, training=training, seeds=range(5))
    if name != "frozen":
        assert len(np.unique(whole.learning_rate[0])) > 1  # the rate fell
    runs = hl.train(CORPUS, training=training.replace(phases=training.phases[:1]), seeds=range(5))
    for phase in training.phases[1:]:
        runs = hl.resume(hl.Runs.load(runs.save(tmp_path / "runs")) if saved else runs, phase)
    assert same(runs, whole)


def test_a_run_goes_on_from_its_own_rate_unless_one_is_given():
    first = hl.train(CORPUS, training=TrainConfig(phases=(WATCHED,), learning_rate=0.1), seeds=range(4))
    goes_on, anew = (hl.resume(first, hl.TrainConfig.of(steps=3, **rate)) for rate in ({}, {"learning_rate": 0.1}))
    rates = first.history.state.rate
    assert len(set(rates.tolist())) > 1
    np.testing.assert_array_equal(goes_on.learning_rate[:, -3:], np.repeat(rates[:, None], 3, axis=1))
    np.testing.assert_array_equal(anew.learning_rate[:, -1], np.float32([0.1] * 4))
    assert goes_on.training.phases[1] == Phase(3)
    assert anew.training.phases[1] == Phase(3, changes={"learning_rate": 0.1})


def test_the_history_is_of_the_whole_training_as_far_as_it_was_kept():
    first = hl.train(CORPUS, training=TrainConfig.of(steps=40), record="log", snapshots=[0, 40])
    runs = hl.resume(first, Phase(30), snapshots=[40, 50, 70])
    assert runs.training.steps == 70
    assert runs.recorded_steps.tolist() == [*first.recorded_steps.tolist(), *range(40, 70)]
    assert runs.snapshot_steps.tolist() == [0, 40, 50, 70]
    np.testing.assert_array_equal(runs.at(40).params.flat(), first.params.flat())
    np.testing.assert_array_equal(runs.at(70).params.flat(), runs.params.flat())
    np.testing.assert_array_equal(runs.at(0).params.flat(), first.at(0).params.flat())
    bare = hl.resume(hl.train(CORPUS, training=TrainConfig.of(steps=40), record="none"), Phase(30))
    assert bare.recorded_steps.tolist() == list(range(40, 70))
    with pytest.raises(
        hl.ConfigError, match="snapshots must be whole numbers from 40 to the number of steps, 70, got 39"
    ):
        hl.resume(first, Phase(30), snapshots=[39])


def test_a_run_that_had_diverged_has_ended():
    both = TrainConfig(phases=(Phase(43), Phase(20)), learning_rate=5.0)
    whole = hl.train(CORPUS, training=both, seeds=range(64))
    first = hl.train(CORPUS, training=both.replace(phases=both.phases[:1]), seeds=range(64))
    assert 0 < (~first.finished).sum() < 64
    assert same(hl.resume(first, Phase(20)), whole)


def test_no_steps_more_are_the_same_runs():
    first = hl.train(CORPUS, training=TrainConfig.of(steps=30, optimizer="adam"), seeds=range(3))
    runs = hl.resume(first, Phase(0))
    np.testing.assert_array_equal(runs.final_loss, first.final_loss)
    whole = hl.train(CORPUS, training=TrainConfig.of(steps=60, optimizer="adam"), seeds=range(3))
    same(hl.resume(runs, Phase(30)), whole)


def test_only_runs_with_all_that_training_goes_on_from_go_on(tmp_path):
    from headlab.study.design import StudyDesign
    from headlab.study.study import Study

    design = StudyDesign.grid(CORPUS, seeds=range(3), training=TrainConfig.of(steps=3), d_head=[3])
    study = Study.create(tmp_path / "study", design)
    study.run()
    with pytest.raises(
        hl.ConfigError, match=r"of which only the weights were kept: start afresh with train\(init=….params\)"
    ):
        hl.resume(study.runs(), Phase(3))
    runs = hl.train(CORPUS, training=TrainConfig.of(steps=3))
    for wrong in ("adam", None, [Phase(3), 3], 5):
        with pytest.raises(hl.ConfigError, match=r"training must be a TrainConfig"):
            hl.resume(runs, wrong)
    with pytest.raises(hl.ConfigError, match="dtype must stay float32 to go on, got float64"):
        hl.resume(runs, TrainConfig.of(steps=3, dtype="float64"))


def older(runs, before, last, folder):
    """Write resumed runs as the second format had them: `before`, the last training, curves of the last part alone."""
    runs.save(folder)
    fields = json.loads((folder / "run.json").read_text())
    del fields["sha256"]
    tensors = load_file(folder / "weights.safetensors")
    state = tensors.pop("run.state.slots")
    tensors = {name: array for name, array in tensors.items() if not name.startswith("run.state.")}
    start = sum(part.steps for part in before)
    late = tensors["run.recorded_steps"] >= start
    tensors |= {f"run.{name}": tensors[f"run.{name}"][:, late] for name in ("loss", "learning_rate")}
    tensors["run.recorded_steps"] = tensors["run.recorded_steps"][late] - start
    tensors["run.optimizer_state"] = state.reshape(len(state), -1)
    del tensors["run.snapshots"]
    tensors["run.snapshot_steps"] = np.zeros(0, np.int64)
    data = save({name: np.ascontiguousarray(array) for name, array in tensors.items()})
    for path in folder.iterdir():
        path.unlink()
    name = f"weights-{hashlib.sha256(data).hexdigest()}.safetensors"
    (folder / name).write_bytes(data)
    fields |= {"format": 2, "weights": name, "training": last.to_dict(), "before": [part.to_dict() for part in before]}
    body = json.dumps(fields, indent=2)[1:].encode()
    (folder / "run.json").write_bytes(b'{\n  "sha256": "%s",' % hashlib.sha256(body).hexdigest().encode() + body)
    return folder


def test_resumed_runs_of_an_older_format_load_as_one_training_and_go_on(tmp_path):
    parts = [TrainConfig.of(steps=20, optimizer="adam", learning_rate=rate) for rate in (0.01, 0.02, 0.02)]
    runs = hl.resume(hl.resume(hl.train(CORPUS, training=parts[0], seeds=range(3)), parts[1]), parts[2])
    loaded = hl.Runs.load(older(runs, parts[:2], parts[2], tmp_path / "old"))
    assert loaded.training.in_words() == "20 steps of adam at learning rate 0.01" + 2 * ", then 20 of adam at 0.02"
    assert loaded.training.steps == 60
    assert loaded.recorded_steps.tolist() == list(range(40, 60))
    np.testing.assert_array_equal(loaded.loss, runs.loss[:, 40:])
    np.testing.assert_array_equal(hl.resume(loaded, Phase(9)).params.flat(), hl.resume(runs, Phase(9)).params.flat())


def test_a_training_in_words_says_what_changes_where_and_what_is_frozen():
    assert TrainConfig().in_words() == "5,020 steps of sgd at learning rate 0.01"
    adam = TrainConfig.of(steps=400, optimizer="adam", learning_rate=0.01)
    fork = adam.forked(100, {"optimizer": "sgd", "learning_rate": 0.5}, freeze=("W_pos",))
    assert fork.in_words() == "100 steps of adam at learning rate 0.01, then 300 of sgd at 0.5, W_pos frozen"
    many = TrainConfig(
        phases=(Phase(1), Phase(2, changes={"momentum": 0.5, "nesterov": True, "loss": "normalized_sigmoid"}))
    )
    assert many.in_words() == (
        "1 step of sgd at learning rate 0.01, then 2 of sgd with momentum 0.5, nesterov and loss normalized_sigmoid"
    )
    assert TrainConfig(phases=()).in_words() == "no steps of sgd"


def test_runs_say_and_save_their_whole_training(tmp_path):
    runs = hl.train(CORPUS, training=TrainConfig.of(steps=50), seeds=range(2))
    assert repr(runs).startswith("Runs(2 of 50 steps, d_head=20")
    runs = hl.resume(runs, TrainConfig.of(steps=1000, learning_rate=0.02), record="none")
    runs = hl.resume(runs, Phase(7, freeze=("W_pos",)), record="none")
    said = "50 steps of sgd at learning rate 0.01, then 1,000 of sgd at 0.02, then 7 of sgd, W_pos frozen"
    assert repr(runs).startswith(f"Runs(2 of {said}, d_head=20")
    loaded = hl.Runs.load(runs.save(tmp_path / "runs"))
    assert loaded.training == runs.training
    assert loaded[1].summary().attrs["trained"] == loaded[1:].training.in_words() == said


FORKED = TrainConfig.of(steps=60, optimizer="adam").forked(20, {"optimizer": "sgd", "loss": "normalized_sigmoid"})


def test_a_moment_is_measured_by_the_loss_of_its_own_step():
    runs = hl.train(CORPUS, training=FORKED, seeds=range(2), snapshots=[10, 20, 60])
    for step in (10, 20):
        np.testing.assert_allclose(runs.at(step).loss(), runs.loss[:, step], rtol=1e-5)
    assert runs.models.loss_kind == "normalized_sigmoid"


@pytest.mark.parametrize("at", [5, 10, 11, 2000, 5010, 5019])
def test_a_fork_that_changes_nothing_is_the_run_to_the_bit(at):
    whole = hl.train(CORPUS, seeds=range(3))
    same(hl.train(CORPUS, training=TrainConfig().forked(at), seeds=range(3)), whole)
    same(hl.train(CORPUS, training=TrainConfig().continued_as(at, TrainConfig()), seeds=range(3)), whole)
    same(hl.resume(hl.train(CORPUS, training=TrainConfig().forked(at), seeds=range(3)), Phase(0)), whole)


def test_a_fork_is_cut_where_its_step_is():
    assert [phase.steps for phase in TrainConfig().forked(10).phases] == [10, 5000, 10]
    assert TrainConfig().forked(10).phases == NOTEBOOK_PHASES
    third = TrainConfig().forked(12, {"learning_rate": 0.5}).phases[2]
    assert third == Phase(4998, Plateau(), plateau_goes_on=True, changes={"learning_rate": 0.5})
    twice = TrainConfig().forked(100, {"learning_rate": 0.5}).forked(50, {"momentum": 0.9})
    assert twice.in_words() == (
        "50 steps of sgd at learning rate 0.01, then 50 of sgd with momentum 0.9, then 4,920 of sgd at 0.5"
    )
    for at in (0, 5020, -1, 1.5, True, "3"):
        with pytest.raises(hl.ConfigError, match="a fork must be at a step from 1 to 5,019, before the end"):
            TrainConfig().forked(at)


def test_what_continues_as_another_training_changes_what_differs_alone():
    first = TrainConfig.of(steps=90, momentum=0.9, nesterov=True)
    other = TrainConfig(phases=(Phase(30), Phase(40, Plateau())), optimizer="rmsprop", learning_rate=0.01)
    assert first.continued_as(50, other).phases == (
        Phase(50),
        Phase(20, Plateau(), changes={"optimizer": "rmsprop", "momentum": 0.0}),
    )
    assert other.continued_as(50, first).phases[2].changes == {"optimizer": "sgd", "momentum": 0.9, "nesterov": True}
