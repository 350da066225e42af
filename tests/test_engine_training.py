"""The kernel's training loop: optimisers, schedule, isolation of runs, and what is recorded."""

import ctypes
import platform
import sys

import numpy as np
import pytest
from engine_problems import MODELS, WEIGHTS, problem, random_weights

from headlab import engine
from headlab.config import Phase, Plateau, TrainConfig
from headlab.engine.recipe import trained_width
from headlab.engine.trainer import in_full_width

ON_BOTH_BACKENDS = True

OPTIMIZERS = {
    "sgd": {},
    "momentum": {"momentum": 0.9},
    "nesterov": {"momentum": 0.9, "nesterov": True},
    "rmsprop": {"optimizer": "rmsprop", "learning_rate": 0.01},
    "rmsprop, momentum": {"optimizer": "rmsprop", "learning_rate": 0.01, "momentum": 0.5},
    "rmsprop, centered": {"optimizer": "rmsprop", "learning_rate": 0.01, "momentum": 0.5, "centered": True},
    "adam": {"optimizer": "adam", "learning_rate": 0.01},
    "adamw": {"optimizer": "adamw", "learning_rate": 0.01, "weight_decay": 0.1},
}


def updates_by_definition(training: TrainConfig, weights, gradient_of, steps: int):
    """Keras' update rules, one weight vector at a time, from its documentation."""
    w, lr, m, v, b = weights.copy(), training.learning_rate, 0.0, 0.0, 0.0
    for t in range(1, steps + 1):
        g = gradient_of(w)
        if training.optimizer == "sgd":
            m = training.momentum * m - lr * g
            w = w + (training.momentum * m - lr * g if training.nesterov else m)
        elif training.optimizer == "rmsprop":
            v = training.rho * v + (1 - training.rho) * g**2
            m = training.rho * m + (1 - training.rho) * g
            b = training.momentum * b + lr * g / np.sqrt(v - (m**2 if training.centered else 0) + training.epsilon)
            w = w - b
        else:
            if training.optimizer == "adamw":
                w = w - lr * training.weight_decay * w
            m = training.beta_1 * m + (1 - training.beta_1) * g
            v = training.beta_2 * v + (1 - training.beta_2) * g**2
            alpha = lr * np.sqrt(1 - training.beta_2**t) / (1 - training.beta_1**t)
            w = w - alpha * m / (np.sqrt(v) + training.epsilon)
    return w


@pytest.mark.parametrize("fields", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_updates_follow_keras_definition(fields):
    of = problem(dtype="float64", **fields)
    weights = random_weights(of, 1)

    def gradient_of(w):
        return engine.loss_and_gradient(of, w[None])[1][0]

    expected = updates_by_definition(of.training, weights[0], gradient_of, of.training.steps)
    trained = engine.train_flat(of, weights)
    np.testing.assert_allclose(trained.weights[0], expected, atol=1e-12)


@pytest.mark.parametrize("fields", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_going_on_from_the_optimizer_state_equals_one_long_training(fields):
    half, whole = (problem(dtype="float64", **{**fields, "steps": steps}) for steps in (20, 40))
    weights = random_weights(half, 3)
    first = engine.train_flat(half, weights)
    second = engine.train_flat(half, first.weights, state=first.state)
    np.testing.assert_array_equal(second.weights, engine.train_flat(whole, weights).weights)


def every_result(trained):
    return [trained.weights, trained.loss, trained.rate, trained.final_loss, trained.snapshots, trained.outcome]


@pytest.mark.parametrize("name", ["notebook", "wide head", "everything"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_run_is_the_same_to_the_bit_alone_in_any_batch_order_and_number_of_threads(name, dtype):
    of = problem(MODELS[name], dtype=dtype, plateau=Plateau(patience=1))
    weights = random_weights(of, 70, dtype=dtype)
    options = {"record_steps": range(40), "snapshot_steps": [0, 7, 40]}
    whole = every_result(engine.train_flat(of, weights, threads=1, **options))
    for rows in ([0], [69], range(7), range(1, 17), range(5, 38), range(69, -1, -1)):
        some = every_result(engine.train_flat(of, weights[list(rows)], threads=3, **options))
        for a, b in zip(some, whole, strict=True):
            np.testing.assert_array_equal(a, b[list(rows)])


def test_diverging_run_is_an_outcome_and_the_others_keep_their_bits():
    of = problem()
    weights = random_weights(of, 40, dtype="float32")
    alone = engine.train_flat(of, weights, record_steps=range(40))
    for poison, lane in [(np.inf, 0), (np.nan, 11), (1e38, 39)]:
        bad = weights.copy()
        bad[lane] = poison
        result = engine.train_flat(of, bad, record_steps=range(40))
        others = np.arange(40) != lane
        np.testing.assert_array_equal(result.weights[others], alone.weights[others])
        np.testing.assert_array_equal(result.loss[others], alone.loss[others])
        assert result.outcome[lane] == 0
        assert (result.outcome[others] == engine.FINISHED).all()


def test_divergence_is_named_at_the_step_where_the_loss_stops_being_finite():
    of = problem(learning_rate=300.0, steps=60)
    result = engine.train_flat(of, random_weights(of, 16, dtype="float32"), record_steps=range(60))
    diverged = np.nonzero(result.outcome >= 0)[0]
    assert len(diverged) > 0
    for run in diverged:
        finite = np.isfinite(result.loss[run])
        assert not finite[result.outcome[run] :].any()
        assert finite[: result.outcome[run]].all()


def plateau_by_definition(losses, rate, plateau):
    """tf-keras' callback, line for line, on a list of losses."""
    rates, best, wait, cooldown = [], np.inf, 0, 0
    for current in losses:
        rates.append(rate)
        if cooldown > 0:
            cooldown, wait = cooldown - 1, 0
        if current < best - plateau.min_delta:
            best, wait = current, 0
        elif cooldown == 0:
            wait += 1
            if wait >= plateau.patience and rate > np.float32(plateau.min_rate):
                rate = max(rate * np.float32(plateau.factor), np.float32(plateau.min_rate))
                cooldown, wait = plateau.cooldown, 0
    return np.array(rates, np.float32)


@pytest.mark.parametrize(
    "plateau",
    [
        Plateau(min_delta=3e-3),
        Plateau(patience=2, min_delta=1e-2),
        Plateau(patience=3, min_delta=5e-3, cooldown=4),
        Plateau(patience=0, min_delta=2e-2),
    ],
)
def test_learning_rate_falls_in_the_steps_where_keras_callback_lets_it_fall(plateau):
    training = TrainConfig(learning_rate=0.05, phases=(Phase(5), Phase(400, plateau), Phase(5)))
    of = problem()
    of = engine.Job(of.tokens, of.targets, of.d_vocab, of.model, training)
    result = engine.train_flat(of, random_weights(of, 9, dtype="float32"), record_steps=range(410))
    for losses, rates in zip(result.loss, result.rate, strict=True):
        expected = plateau_by_definition(losses[5:405], np.float32(0.05), plateau)
        np.testing.assert_array_equal(rates[5:405], expected)
    assert len(np.unique(result.rate)) > 1


@pytest.mark.parametrize("name", ["wide head", "everything, wide, no mask"])
@pytest.mark.parametrize("fields", [{}, OPTIMIZERS["nesterov"]], ids=["sgd", "nesterov"])
def test_wide_head_trained_narrow_is_the_same_run(name, fields, monkeypatch):
    of = problem(MODELS[name], dtype="float64", **fields)
    weights = random_weights(of, 3, scale=0.3)
    assert trained_width(of) == 2 * of.shape.d_model
    narrow = engine.train_flat(of, weights, record_steps=range(40), snapshot_steps=[0, 9, 40])
    monkeypatch.setattr(engine.trainer, "trained_width", lambda of: None)
    wide = engine.train_flat(of, weights, record_steps=range(40), snapshot_steps=[0, 9, 40])
    for a, b in zip(every_result(narrow), every_result(wide), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-12)
    np.testing.assert_allclose(in_full_width(of, narrow.state).slots, wide.state.slots, atol=1e-12)


def test_recording_chooses_steps_and_snapshots_are_the_weights_before_that_step():
    of = problem(steps=30)
    weights = random_weights(of, 2, dtype="float32")
    result = engine.train_flat(of, weights, record_steps=[0, 3, 29], snapshot_steps=[0, 10, 30])
    assert result.loss.shape == (2, 3)
    np.testing.assert_array_equal(result.snapshots[:, 0], weights)
    np.testing.assert_array_equal(result.snapshots[:, 2], result.weights)
    ten = problem(steps=10)
    np.testing.assert_array_equal(result.snapshots[:, 1], engine.train_flat(ten, weights).weights)
    np.testing.assert_array_equal(result.loss[:, 2], result.final_loss)


def test_no_steps_leave_the_weights_as_they_are():
    of = problem(steps=0)
    weights = random_weights(of, 2, dtype="float32")
    np.testing.assert_array_equal(engine.train_flat(of, weights).weights, weights)


def test_interruption_keeps_the_runs_that_had_ended():
    of = problem(steps=20_000)
    weights = random_weights(of, 400, dtype="float32")

    def stop(done: int) -> None:
        if done > 20_000 * 32:
            raise KeyboardInterrupt

    result = engine.train_flat(of, weights, threads=1, poll=stop)
    assert result.interrupted
    ended = result.outcome == engine.FINISHED
    assert 0 < ended.sum() < 400
    some = np.nonzero(ended)[0][:3]
    np.testing.assert_array_equal(result.weights[some], engine.train_flat(of, weights[some]).weights)


def test_error_in_the_progress_function_reaches_the_caller():
    of = problem(steps=100_000)

    def fail(done: int) -> None:
        raise RuntimeError("progress broke")

    with pytest.raises(RuntimeError, match="progress broke"):
        engine.train_flat(of, random_weights(of, 64, dtype="float32"), poll=fail)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", MODELS)
def test_every_instruction_set_gives_the_same_bits(name, dtype, monkeypatch):
    of = problem(MODELS[name], WEIGHTS, dtype=dtype)
    weights = random_weights(of, 20, dtype=dtype)
    results = []
    for instruction_set in engine.instruction_sets():
        monkeypatch.setenv("HEADLAB_INSTRUCTION_SET", instruction_set)
        results.append(every_result(engine.train_flat(of, weights, record_steps=range(40), snapshot_steps=[0, 9, 40])))
    for other in results[1:]:
        for a, b in zip(results[0], other, strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.skipif(
    (sys.platform, platform.machine()) != ("linux", "x86_64"),
    reason="modes have other numbers elsewhere than on Linux on x86-64",
)
@pytest.mark.parametrize("name", ["notebook", "wide head", "everything"])
def test_a_thread_that_rounds_another_way_gets_the_same_bits_and_its_own_mode_back(name):
    of, libm = problem(MODELS[name], WEIGHTS), ctypes.CDLL(None)
    weights = random_weights(of, 5, dtype="float32")
    expected = every_result(engine.train_flat(of, weights, record_steps=range(40), threads=1))
    for down_up_or_toward_zero in (0x400, 0x800, 0xC00):
        libm.fesetround(down_up_or_toward_zero)
        try:
            found = every_result(engine.train_flat(of, weights, record_steps=range(40), threads=1))
            after = libm.fegetround()
        finally:
            libm.fesetround(0)
        assert after == down_up_or_toward_zero
        for a, b in zip(expected, found, strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("fields", OPTIMIZERS.values(), ids=OPTIMIZERS)
@pytest.mark.parametrize("name", ["notebook", "wide head", "everything"])
def test_run_of_no_steps_keeps_its_weights_and_has_their_loss(name, fields):
    of = problem(MODELS[name], **{**fields, "steps": 0})
    weights = random_weights(of, 5, dtype="float32")
    trained = engine.train_flat(of, weights, snapshot_steps=[0])
    np.testing.assert_array_equal(trained.weights, weights)
    np.testing.assert_array_equal(trained.snapshots[:, 0], weights)
    np.testing.assert_array_equal(trained.final_loss, engine.loss_and_gradient(of, weights)[0])
    assert trained.outcome.tolist() == [engine.FINISHED] * 5


@pytest.mark.parametrize("name", MODELS)
def test_weights_kept_before_the_first_step_are_the_given_ones_to_the_bit(name):
    of = problem(MODELS[name], steps=3)
    weights = random_weights(of, 5, dtype="float32")
    np.testing.assert_array_equal(engine.train_flat(of, weights, snapshot_steps=[0, 3]).snapshots[:, 0], weights)


def test_run_of_no_steps_from_weights_that_overflow_has_diverged_at_its_start():
    of = problem(steps=0)
    weights = random_weights(of, 2, dtype="float32")
    weights[1] *= 1e30
    trained = engine.train_flat(of, weights)
    assert trained.outcome.tolist() == [engine.FINISHED, 0]
    assert np.isnan(trained.final_loss).tolist() == [False, True]
