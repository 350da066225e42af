"""Phases in the kernel: what changes from one on, what goes on, what is frozen."""

import numpy as np
import pytest
from engine_problems import MODELS, problem, random_weights
from hypothesis import given, settings
from hypothesis import strategies as st

from headlab import engine
from headlab.config import LOSSES, Phase, Plateau, TrainConfig
from headlab.engine.recipe import trained_width
from headlab.errors import ConfigError

ON_BOTH_BACKENDS = True

OPTIMIZERS = {
    "sgd": {},
    "momentum": {"momentum": 0.9},
    "nesterov": {"momentum": 0.9, "nesterov": True},
    "rmsprop": {"optimizer": "rmsprop", "learning_rate": 0.01, "momentum": 0.5, "centered": True},
    "adam": {"optimizer": "adam", "learning_rate": 0.01},
    "adamw": {"optimizer": "adamw", "learning_rate": 0.01, "weight_decay": 0.1},
}


def phased(*phases: Phase, model="notebook", dtype="float64", **fields) -> engine.Job:
    of = problem(MODELS[model])
    training = TrainConfig(**{"learning_rate": 0.05, "dtype": dtype, **fields}, phases=phases)
    return engine.Job(of.tokens, of.targets, of.d_vocab, of.model, training)


def everything(of: engine.Job, weights, snapshots=()):
    trained = engine.train_flat(of, weights, record_steps=range(of.training.steps), snapshot_steps=list(snapshots))
    return [trained.weights, trained.loss, trained.rate, trained.final_loss, trained.snapshots, trained.outcome]


def assert_same(some, others):
    for a, b in zip(some, others, strict=True):
        np.testing.assert_array_equal(a, b)


STEPS = 40


@settings(max_examples=40, deadline=None)
@given(
    cuts=st.lists(st.integers(0, STEPS), max_size=4).map(sorted),
    fields=st.sampled_from(list(OPTIMIZERS.values())),
    plateau=st.builds(
        Plateau,
        factor=st.sampled_from([0.2, 0.5]),
        patience=st.integers(0, 4),
        min_rate=st.sampled_from([0, 1e-3]),
        min_delta=st.sampled_from([0, 1e-4, 0.01, 0.05]),
        cooldown=st.integers(0, 4),
    ),
    model=st.sampled_from(["notebook", "wide head"]),
    dtype=st.sampled_from(["float32", "float64"]),
)
def test_cutting_a_training_into_phases_changes_no_bit(cuts, fields, plateau, model, dtype):
    whole = phased(Phase(STEPS, plateau), model=model, dtype=dtype, **fields)
    lengths = np.diff([0, *cuts, STEPS]).tolist()
    parts = [Phase(steps, plateau, plateau_goes_on=number > 0) for number, steps in enumerate(lengths)]
    cut = phased(*parts, model=model, dtype=dtype, **fields)
    weights = random_weights(whole, 20, dtype=dtype)
    weights[3] *= 1e3
    weights[17] = np.inf
    assert_same(everything(whole, weights, [0, 9, STEPS]), everything(cut, weights, [0, 9, STEPS]))


@pytest.mark.parametrize("fields", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_fork_that_changes_nothing_is_the_run(fields):
    again = {
        name: value for name, value in fields.items() if name != "learning_rate"
    }  # a rate that is set stays no run's own
    fall = Plateau(patience=2, min_delta=0.03)
    whole = phased(Phase(10), Phase(30, fall), **fields)
    fork = phased(Phase(10), Phase(12, fall), Phase(18, fall, plateau_goes_on=True, changes=again), **fields)
    weights = random_weights(whole, 5)
    assert_same(everything(whole, weights), everything(fork, weights))


def by_definition(of: engine.Job, w):
    """Every phase by Keras' rules, one weight vector; what is frozen neither moves nor is remembered otherwise."""
    rate, kind, t, m, v, b = of.training.learning_rate, None, 0, 0.0, 0.0, 0.0
    for number, phase in enumerate(of.training.phases):
        s = of.training.settings(number)
        if s.state_kind != kind:
            kind, t, m, v, b = s.state_kind, 0, np.zeros_like(w), np.zeros_like(w), np.zeros_like(w)
        rate = phase.changes.get("learning_rate", rate)
        moves = np.ones(len(w), bool)
        for name in phase.freeze:
            moves[of.shape.place(name)] = False
        alone = problem(of.model, loss=s.loss, dtype="float64")
        for _ in range(phase.steps):
            g, t = engine.loss_and_gradient(alone, w[None])[1][0], t + 1
            if s.optimizer == "sgd":
                new = (s.momentum * m - rate * g, v, b)
                step = s.momentum * new[0] - rate * g if s.nesterov else new[0]
            elif s.optimizer == "rmsprop":
                v_new, m_new = s.rho * v + (1 - s.rho) * g**2, s.rho * m + (1 - s.rho) * g
                root = np.sqrt(v_new - (m_new**2 if s.centered else 0) + s.epsilon)
                new = (m_new, v_new, s.momentum * b + rate * g / root)
                step = -new[2]
            else:
                new = (s.beta_1 * m + (1 - s.beta_1) * g, s.beta_2 * v + (1 - s.beta_2) * g**2, b)
                step = -rate * np.sqrt(1 - s.beta_2**t) / (1 - s.beta_1**t) * new[0] / (np.sqrt(new[1]) + s.epsilon)
                if s.optimizer == "adamw":
                    decayed = w - rate * s.weight_decay * w
                    step = decayed + step - w
            w = np.where(moves, w + step, w)
            m, v, b = (np.where(moves, after, before) for after, before in zip(new, (m, v, b), strict=True))
    return w


PHASES = {
    "rate": (Phase(5), Phase(10, changes={"learning_rate": 0.2}), Phase(5)),
    "loss": (Phase(5), Phase(10, changes={"loss": "normalized_sigmoid"}), Phase(5, changes={"loss": "softmax"})),
    "sgd, adam, sgd": (
        Phase(5, changes={"momentum": 0.5}),
        Phase(9, changes={"optimizer": "adam", "learning_rate": 0.01}),
        Phase(6, changes={"optimizer": "sgd", "learning_rate": 0.05}),
    ),
    "momentum itself keeps what is remembered": (
        Phase(5, changes={"momentum": 0.9}),
        Phase(9, changes={"momentum": 0.5}),
        Phase(6, changes={"nesterov": True}),
    ),
    "momentum ends": (Phase(5, changes={"momentum": 0.9}), Phase(9, changes={"momentum": 0}), Phase(6)),
    "adam to adamw starts afresh": (
        Phase(8, changes={"optimizer": "adam", "learning_rate": 0.01}),
        Phase(7, changes={"optimizer": "adamw", "weight_decay": 0.2}),
        Phase(6, changes={"beta_1": 0.5}),
    ),
    "rmsprop centered later": (
        Phase(8, changes={"optimizer": "rmsprop", "learning_rate": 0.01}),
        Phase(7, changes={"centered": True}),
        Phase(6, changes={"momentum": 0.3, "rho": 0.5}),
    ),
    "frozen from the start": (Phase(10, freeze=("W_E", "W_V")), Phase(10)),
    "frozen between, adamw": (
        Phase(5, changes={"optimizer": "adamw", "learning_rate": 0.01, "weight_decay": 0.3}),
        Phase(9, freeze=("W_pos", "W_K")),
        Phase(5),
    ),
    "frozen between, momentum": (Phase(5, changes={"momentum": 0.9}), Phase(9, freeze=("W_Q",)), Phase(5)),
    "frozen between, rmsprop": (
        Phase(5, changes={"optimizer": "rmsprop", "momentum": 0.4, "centered": True, "learning_rate": 0.01}),
        Phase(9, freeze=("W_Q", "W_E")),
        Phase(5),
    ),
}


@pytest.mark.parametrize("instruction_set", engine.instruction_sets())
@pytest.mark.parametrize("phases", PHASES.values(), ids=PHASES)
def test_phases_follow_their_definition(phases, instruction_set, monkeypatch):
    monkeypatch.setenv("HEADLAB_INSTRUCTION_SET", instruction_set)
    of = phased(*phases)
    weights = random_weights(of, 2)
    expected = [by_definition(of, row) for row in weights]
    np.testing.assert_allclose(engine.train_flat(of, weights).weights, expected, atol=1e-11)


def test_rate_goes_on_from_each_runs_own_until_it_is_set():
    fall = Plateau(patience=1, factor=0.5, min_rate=0, min_delta=0.03)
    of = phased(Phase(20, fall), Phase(10), Phase(5, changes={"learning_rate": 0.07}), dtype="float32")
    rate = everything(of, random_weights(of, 9, dtype="float32"))[2]
    assert len(np.unique(rate[:, 20])) > 1
    assert (rate[:, 20:30] == rate[:, 20:21]).all()
    assert (rate[:, 30:] == np.float32(0.07)).all()


def test_plateau_that_goes_on_keeps_its_best_and_one_that_does_not_forgets_it():
    patient = Plateau(patience=6, min_delta=10)  # nothing but the first step improves by so much
    on, afresh = (phased(Phase(4, patient), Phase(4, patient, plateau_goes_on=goes_on)) for goes_on in (True, False))
    weights = random_weights(on, 3)
    assert (everything(on, weights)[2][:, 7] < 0.05).all()
    assert (everything(afresh, weights)[2] == 0.05).all()


@pytest.mark.parametrize("name", ["notebook", "wide head", "everything", "everything, wide, no mask"])
@pytest.mark.parametrize("fields", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_frozen_weights_come_back_to_the_bit_and_the_others_move(name, fields):
    for frozen in phased(Phase(1), model=name).shape.weights:
        of = phased(Phase(12, freeze=(frozen,)), model=name, dtype="float32", **fields)
        weights = random_weights(of, 5, dtype="float32")
        after = engine.train_flat(of, weights, snapshot_steps=[0, 12])
        for weight in of.shape.weights:
            where = of.shape.place(weight)
            same = np.array_equal(after.weights[:, where], weights[:, where])
            assert same == (weight == frozen), weight
        np.testing.assert_array_equal(after.snapshots[:, 0], weights)


def test_everything_frozen_is_a_training_that_changes_nothing():
    names = tuple(phased(Phase(1)).shape.weights)
    of = phased(Phase(5, freeze=names), dtype="float32", optimizer="adamw", weight_decay=0.5)
    weights = random_weights(of, 5, dtype="float32")
    after = engine.train_flat(of, weights, record_steps=range(5))
    np.testing.assert_array_equal(after.weights, weights)
    assert (after.loss == after.loss[:, :1]).all()


@pytest.mark.parametrize("loss", LOSSES)
def test_loss_of_a_training_without_steps_is_that_of_its_last_phase(loss):
    of = phased(Phase(0), Phase(0, changes={"loss": loss}))
    weights = random_weights(of, 3)
    expected = engine.loss_and_gradient(problem(loss=loss, dtype="float64"), weights)[0]
    np.testing.assert_array_equal(engine.train_flat(of, weights).final_loss, expected)


@pytest.mark.parametrize(
    "phases",
    [
        (Phase(5), Phase(5, changes={"optimizer": "adam", "learning_rate": 0.01})),
        (Phase(5), Phase(5, freeze=("W_Q",))),
        (Phase(5, freeze=("W_K",)), Phase(5)),
    ],
)
def test_heads_are_trained_wide_where_any_phase_needs_it(phases):
    of = phased(*phases, model="wide head")
    assert trained_width(of) is None
    weights = random_weights(of, 3)
    expected = [by_definition(of, row) for row in weights]
    np.testing.assert_allclose(engine.train_flat(of, weights).weights, expected, atol=1e-11)


def test_wide_heads_turn_under_sgd_whatever_else_changes_or_is_frozen():
    phases = (
        Phase(5, changes={"momentum": 0.5}),
        Phase(9, freeze=("W_V", "W_E")),
        Phase(5, changes={"learning_rate": 0.3}),
    )
    of = phased(*phases, model="wide head")
    assert trained_width(of) == 10
    weights = random_weights(of, 3)
    expected = [by_definition(of, row) for row in weights]
    np.testing.assert_allclose(engine.train_flat(of, weights).weights, expected, atol=1e-11)


def test_weight_that_the_model_has_not_cannot_be_frozen():
    with pytest.raises(
        ConfigError, match="phase 2 freezes W_U, which the model has not: leave it out, or freeze some of W_E"
    ):
        phased(Phase(1), Phase(1, freeze=("W_U",)))


def test_moments_of_a_diverged_run_are_the_weights_that_it_ended_with():
    of = phased(Phase(60), learning_rate=300.0, dtype="float32")
    trained = engine.train_flat(of, random_weights(of, 16, dtype="float32"), snapshot_steps=[0, 60])
    diverged = trained.outcome >= 0
    assert diverged.any()
    np.testing.assert_array_equal(trained.snapshots[diverged, 1], trained.weights[diverged])
