"""Models without a training: moments, weights from elsewhere, weights set by hand."""

import json

import numpy as np
import pytest

import headlab as hl
from headlab.report.export import TABLES
from headlab.report.json.values import json_value
from headlab.runs.history import History, Outcome, outcomes_of
from headlab.runs.models import Model, Models

NOTEBOOK = hl.Corpus.notebook()
SHAPES = hl.ModelConfig().on(NOTEBOOK).weights


@pytest.fixture(scope="module")
def runs():
    return hl.train(NOTEBOOK, seeds=range(8))


@pytest.fixture(scope="module")
def diverged():
    fast = hl.TrainConfig.of(steps=50, learning_rate=1e5)
    runs = hl.train(NOTEBOOK, training=fast, seeds=range(3), snapshots=[0, 50])
    assert not runs.finished.any()
    return runs


def by_hand(copies=0):
    """Weights that predict every target but where the first word decides: embeddings of the successor, no attention."""
    weights = {name: np.zeros(shape) for name, shape in SHAPES.items()}
    for row, targets in zip(NOTEBOOK.tokens, NOTEBOOK.targets, strict=True):
        weights["W_E"][row, targets] = 5
    return {name: np.repeat(weight[None], copies, axis=0) if copies else weight for name, weight in weights.items()}


def test_a_moment_has_its_own_loss_at_every_kept_step(runs):
    for step in runs.snapshot_steps[:-1].tolist():
        np.testing.assert_allclose(runs.at(step).loss(), runs.loss[:, step], rtol=1e-4)
        assert runs[3].at(step).loss() == pytest.approx(float(runs[3].loss[step]), rel=1e-4)
    np.testing.assert_allclose(runs.at(5020).loss(), runs.final_loss, rtol=1e-3)


def test_a_moment_is_graded_and_explained_as_it_was(runs):
    assert runs.solved().all()
    assert not runs.at(0).solved().any()
    assert set(runs.at(0).grade()) == {"not solved"}
    assert repr(runs[4].at(0)) == f"Model(loss {runs[4].at(0).loss():.4f}, not solved)"
    assert (runs.at(0).explain().mechanism == "unsolved: bigram only").sum() < 8
    assert runs[4].at(5020).explain().sentences() == runs[4].explain().sentences()
    first = runs.at(0).table()
    assert list(first.columns) == ["loss", "solved", "grade"]
    np.testing.assert_array_equal(first["loss"], runs.at(0).loss())


def test_the_start_of_a_diverged_run_is_a_sound_model(diverged, tmp_path):
    start = diverged.at(0)
    assert np.isfinite(start.loss()).all()
    assert np.isfinite(start.subject.clean.logits).all()
    assert len(start[0].explain().sentences()) == 2
    again = Models.load(start.save(tmp_path / "start"))
    np.testing.assert_array_equal(again.loss(), start.loss())
    assert not diverged.solved().any()
    assert set(diverged.grade()) == {"not solved"}


def test_a_moment_has_no_state_to_go_on_from(runs):
    for moment in (runs.at(1), runs[0].at(1), runs.models):
        with pytest.raises(
            hl.ConfigError, match=r"got models without a training: start afresh with train\(init=….params\)"
        ):
            hl.resume(moment, hl.TrainConfig.of(steps=1))
    adam = hl.TrainConfig.of(steps=50, optimizer="adam", learning_rate=0.01)
    middle = hl.train(NOTEBOOK, training=adam, snapshots=[20]).at(20)
    first = hl.train(NOTEBOOK, training=adam.replace(phases=(hl.Phase(1),)), init=middle.params)
    assert np.abs(first.params.flat() - middle.params.flat()).max() <= 0.01 * 1.001  # Adam's first step, no larger


def test_weights_set_by_hand_are_models_that_can_be_asked_everything():
    models = hl.Models(by_hand(), NOTEBOOK)
    assert (len(models), models.params.W_E.shape, models.params.W_E.dtype) == (1, (1, 7, 7), np.float64)
    assert models.logits().shape == (1, 2, 5, 7)
    one = models[0]
    assert one.pattern()[0, 1].tolist() == [0.5, 0.5, 0, 0, 0]
    assert one.grade() == "not solved"
    assert one.predictions("logits")[0].loc["3 the", ["chkn", "beef"]].tolist() == [5, 5]
    assert one.predict("man ordered the …").token in ("chicken", "beef")
    assert one.explain().sentences()
    assert one.ablate("head:0.0").table()["flips"].eq(False).all()
    assert int(one.summary().loc["total", "parameters"]) == 413
    assert models.pick() == 0


def test_many_given_models_are_the_single_ones_beside_each_other(runs):
    models = hl.Models(dict(runs.params.items()), NOTEBOOK)
    np.testing.assert_array_equal(models.logits(), runs.logits())
    np.testing.assert_array_equal(models.solved(), runs.solved())
    assert [type(models[2]), type(models[2:4]), len(models[[1, 5]])] == [Model, Models, 2]
    for number, one in enumerate(models):
        np.testing.assert_allclose(one.logits(), models.logits()[number], atol=1e-6)
        assert (one.loss(), one.number) == (pytest.approx(float(models.loss()[number]), rel=1e-5), number)
    with pytest.raises(hl.SelectionError, match="from 0 to 7, got 8"):
        models[8]
    with pytest.raises(hl.SelectionError, match="a slice, a mask or a list"):
        models[None]


def test_the_loss_that_is_measured_is_the_one_that_was_trained():
    sigmoid = hl.TrainConfig.of(steps=20, loss="normalized_sigmoid")
    runs = hl.train(NOTEBOOK, training=sigmoid, snapshots=[7])
    assert runs[0].at(7).loss() == pytest.approx(float(runs.loss[0, 7]), rel=1e-5)
    assert hl.Models(runs.at(7).params, NOTEBOOK)[0].loss() != pytest.approx(float(runs.loss[0, 7]), rel=1e-4)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"W_Q": np.zeros((3, 20))}, r"W_Q must have shape \(1, 1, 7, 20\)"),
        ({"W_O": np.zeros((20, 7))}, "a weight 'W_O' that this model has not"),
        ({"W_pos": np.full((5, 7), np.nan)}, "W_pos must be finite, got 35 values that are not"),
        ({"W_E": np.full((7, 7), 1j)}, "W_E must hold real numbers"),
        ({"W_E": np.zeros((2, 7, 7)), "W_K": np.zeros((3, 7, 20))}, "as many runs"),
    ],
)
def test_weights_that_do_not_fit_are_refused_in_a_sentence(change, said):
    with pytest.raises(hl.WeightsError, match=said):
        hl.Models(by_hand() | change, NOTEBOOK)


def test_whole_numbers_are_weights_like_any_others():
    whole = {name: weight.astype(int) for name, weight in by_hand().items()}
    np.testing.assert_array_equal(hl.Models(whole, NOTEBOOK).logits(), hl.Models(by_hand(), NOTEBOOK).logits())


def test_models_are_saved_and_read_back_to_the_bit(tmp_path, runs):
    two = hl.ModelConfig(d_head=3, n_layers=2, unembed=True, factored_values=True)
    moment = hl.train(NOTEBOOK, two, hl.TrainConfig.of(steps=9, loss="normalized_sigmoid"), seeds=range(3)).at(9)
    again = hl.Models.load(moment.save(tmp_path / "moment"))
    np.testing.assert_array_equal(again.params.flat(), moment.params.flat())
    assert (again.model, again.loss_kind, again.corpus.to_dict()) == (two, "normalized_sigmoid", NOTEBOOK.to_dict())
    with pytest.raises(hl.WeightsError, match=r"models without one .*: open them with Models\.load"):
        hl.Runs.load(tmp_path / "moment")
    of_runs = hl.Models.load(runs.save(tmp_path / "moment"))  # what is there is replaced
    np.testing.assert_array_equal(of_runs.logits(), runs.logits())
    assert len(list((tmp_path / "moment").iterdir())) == 3


def test_outcomes_are_sentences_and_files_keep_their_numbers():
    numbers = np.array([-1, 0, 17, -2])
    history = History.of(numbers, np.zeros(4))
    assert history.sentences() == ["finished", "diverged at step 0", "diverged at step 17", "interrupted"]
    assert history.outcome.tolist() == [Outcome.FINISHED, Outcome.DIVERGED, Outcome.DIVERGED, Outcome.INTERRUPTED]
    assert history.finished.tolist() == [True, False, False, False]
    np.testing.assert_array_equal(history.numbers, numbers)
    np.testing.assert_array_equal(history[[2, 0]].numbers, [17, -1])
    assert outcomes_of(numbers)[1].tolist() == [-1, 0, 17, -1]


def test_a_run_tells_how_it_ended(runs, diverged):
    assert runs[0].outcome is Outcome.FINISHED
    assert diverged[1].outcome is Outcome.DIVERGED
    assert diverged[1].outcome_sentence == diverged.outcomes()[1]
    assert (runs[0].finished, diverged[0].finished) == (True, False)


def test_what_a_folder_holds_is_opened_as_what_it_is(tmp_path, runs):
    moment = runs.at(104)
    assert isinstance(hl.load(moment.save(tmp_path / "moment")), Models)
    assert isinstance(hl.load(runs.save(tmp_path / "runs")), hl.Runs)


def test_saved_models_are_explained_asked_and_exported_on_the_command_line(run, runs):
    moment = runs.at(int(runs.snapshot_steps[-4]))
    moment.save("moment")
    told = json.loads(run("explain", "moment", "--run", "4", "--json")[1])
    expected = json.loads(json.dumps(json_value(moment[4].explain().to_dict())))
    assert told == expected | {"run": "given weights"}
    assert repr(moment[moment.pick()]) in run("explain", "moment", "--ablate", "source:man")[1]
    assert json.loads(run("predict", "moment", "man ordered the …", "--all", "--json")[1])["runs"] == 8
    assert run("predict", "moment", "man ordered the …", "--run", "2")[1].startswith(repr(moment[2]))
    for table in TABLES:
        status, out, err = run("export", "moment", table)
        assert (status, bool(out)) == ((2, False) if table == "loss" else (0, True)), err
    assert "got models without one" in run("report", "moment")[2]
