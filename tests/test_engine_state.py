"""What runs go on from: stopping anywhere and going on is never having stopped, to the bit."""

import numpy as np
import pytest
from engine_problems import MODELS, problem, random_weights
from hypothesis import given, settings
from hypothesis import strategies as st

from headlab import Corpus, engine
from headlab.config import ModelConfig, Phase, Plateau, TrainConfig
from headlab.engine import State
from headlab.errors import ConfigError
from headlab.model.initial import initial

ON_BOTH_BACKENDS = True
LONG_ON_WASM = {"test_three_calls_are_the_notebooks_three_phases"}

NOTEBOOK = Corpus.notebook()
OPTIMIZERS = {
    "sgd": {},
    "momentum": {"momentum": 0.9},
    "adam": {"optimizer": "adam", "learning_rate": 0.01},
    "rmsprop": {"optimizer": "rmsprop", "learning_rate": 0.01, "momentum": 0.5, "centered": True},
}


def with_training(of: engine.Job, training: TrainConfig) -> engine.Job:
    return engine.Job(of.tokens, of.targets, of.d_vocab, of.model, training)


def in_calls(of: engine.Job, weights, firsts=None):
    """Train call by call, each from one of the given phases to before the next, and return what came of all."""
    phases, state, outcome = of.training.phases, None, np.full(len(weights), engine.FINISHED)
    firsts = range(len(phases)) if firsts is None else firsts
    losses, rates, done = [], [], 0
    for first, until in zip(firsts, [*firsts[1:], len(phases)], strict=True):
        part = with_training(of, of.training.replace(phases=phases[:until]))
        steps = sum(phase.steps for phase in phases[first:until])
        trained = engine.train_flat(part, weights, state=state, first_phase=first, record_steps=range(steps))
        weights, state = trained.weights, trained.state
        new = (trained.outcome >= 0) & (outcome == engine.FINISHED)
        outcome[new] = trained.outcome[new] + done
        losses, rates, done = [*losses, trained.loss], [*rates, trained.rate], done + steps
    return trained, np.concatenate(losses, axis=1), np.concatenate(rates, axis=1), outcome


def assert_never_stopped(of: engine.Job, weights, firsts=None):
    whole = engine.train_flat(of, weights, record_steps=range(of.training.steps))
    last, loss, rate, outcome = in_calls(of, weights, firsts)
    np.testing.assert_array_equal(last.weights, whole.weights)
    np.testing.assert_array_equal(loss, whole.loss)
    np.testing.assert_array_equal(rate, whole.rate)
    np.testing.assert_array_equal(outcome, whole.outcome)
    assert (last.state.kind, last.state.optimizer_step) == (whole.state.kind, whole.state.optimizer_step)
    for name, array in whole.state.arrays().items():
        np.testing.assert_array_equal(last.state.arrays()[name], array, err_msg=name)
    return whole


CUT = {
    "plateau": (Phase(4), Phase(22, Plateau(patience=1, cooldown=2)), Phase(5)),
    "nothing to do, in between and at the end": (Phase(0), Phase(9, Plateau(patience=1)), Phase(0), Phase(8), Phase(0)),
    "changes": (
        Phase(7, changes={"momentum": 0.9}, freeze=("W_V",)),
        Phase(6, changes={"optimizer": "rmsprop", "learning_rate": 0.01, "centered": True}),
        Phase(8, changes={"optimizer": "adam"}),
    ),
    "goes on": (Phase(9, Plateau(patience=2)), Phase(8, Plateau(patience=2), plateau_goes_on=True)),
    "diverges": (Phase(6), Phase(20, changes={"learning_rate": 300.0, "momentum": 0.9})),
}


@pytest.mark.parametrize("model", ["notebook", "wide head", "everything, wide, no mask"])
@pytest.mark.parametrize("phases", CUT.values(), ids=CUT)
def test_however_a_training_is_cut_it_is_the_same_to_the_bit(phases, model):
    training = TrainConfig(phases=phases, learning_rate=0.1)
    of, steps = with_training(problem(MODELS[model]), training), training.steps
    weights = random_weights(of, 37, dtype="float32")
    options = {"record_steps": [0, *range(3, steps, 2)], "snapshot_steps": [0, 5, steps]}
    whole = engine.train_flat(of, weights, **options)
    for stretch in (1, 4, 7, steps + 5):
        cut = engine.train_flat(of, weights, stretch=stretch, threads=2, **options)
        for name in ("weights", "loss", "rate", "final_loss", "snapshots", "outcome"):
            np.testing.assert_array_equal(getattr(cut, name), getattr(whole, name), err_msg=f"{name}, {stretch}")
        for name, array in whole.state.arrays().items():
            np.testing.assert_array_equal(cut.state.arrays()[name], array, err_msg=f"{name}, {stretch}")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("d_head", [20, 10])
@pytest.mark.parametrize("fields", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_three_calls_are_the_notebooks_three_phases(fields, d_head, dtype):
    training = TrainConfig(**fields, dtype=dtype)
    of = engine.Job.of(NOTEBOOK, ModelConfig(d_head=d_head), training)
    weights = initial(of.shape, np.arange(20, dtype=np.uint64), np.dtype(dtype)).flat()
    weights[7] *= 500
    weights[11] = np.nan
    weights[3, -1] = np.inf
    whole = assert_never_stopped(of, weights)
    assert (whole.outcome >= 0).any()
    assert (whole.outcome == engine.FINISHED).sum() > 10
    assert (whole.state.basis is not None) == (d_head == 20 and "optimizer" not in fields)


@pytest.mark.parametrize(("dtype", "rate"), [("float32", 30.0), ("float64", 300.0)])
@pytest.mark.parametrize("d_head", [20, 10])
def test_runs_that_diverge_on_the_way_stay_as_they_ended(d_head, dtype, rate):
    of = engine.Job.of(NOTEBOOK, ModelConfig(d_head=d_head), TrainConfig.of(steps=90, learning_rate=rate, dtype=dtype))
    weights = initial(of.shape, np.arange(64, dtype=np.uint64), np.dtype(dtype)).flat()
    middle = int(np.median(engine.train_flat(of, weights).outcome))
    fall = Plateau(patience=1, cooldown=2, min_rate=rate / 2)  # in the middle of which half of them diverge
    phases = (Phase(middle - 3), Phase(4, fall), Phase(2, fall, plateau_goes_on=True), Phase(20, fall), Phase(5))
    outcome = assert_never_stopped(with_training(of, of.training.replace(phases=phases)), weights).outcome
    assert (outcome > middle).any()
    assert ((outcome >= 0) & (outcome <= middle)).any()


STEPS = 30


@settings(max_examples=40, deadline=None)
@given(
    cuts=st.lists(st.integers(0, STEPS), min_size=1, max_size=4).map(sorted),
    fields=st.sampled_from(list(OPTIMIZERS.values())),
    plateau=st.builds(
        Plateau,
        patience=st.integers(0, 3),
        min_rate=st.just(0),
        min_delta=st.sampled_from([0, 0.01, 0.05]),
        cooldown=st.integers(0, 4),
    ),
    model=st.sampled_from(["notebook", "wide head", "everything, wide, no mask"]),
    dtype=st.sampled_from(["float32", "float64"]),
)
def test_stopping_anywhere_within_a_plateau_changes_no_bit(cuts, fields, plateau, model, dtype):
    lengths = np.diff([0, *cuts, STEPS]).tolist()
    parts = tuple(Phase(steps, plateau, plateau_goes_on=number > 0) for number, steps in enumerate(lengths))
    of = problem(MODELS[model], dtype=dtype)
    of = with_training(of, TrainConfig(**{"learning_rate": 0.05, **fields}, dtype=dtype, phases=parts))
    weights = random_weights(of, 20, dtype=dtype)
    weights[3] *= 1e3
    assert_never_stopped(of, weights)


def test_call_that_trains_nothing_leaves_everything_as_it_is():
    of = with_training(
        problem(MODELS["wide head"]), TrainConfig(momentum=0.9, phases=(Phase(9, Plateau(patience=1)), Phase(9)))
    )
    weights = random_weights(of, 5, dtype="float32")
    first = engine.train_flat(with_training(of, of.training.replace(phases=of.training.phases[:1])), weights)
    none = engine.train_flat(
        with_training(of, of.training.replace(phases=of.training.phases[:1])),
        first.weights,
        state=first.state,
        first_phase=1,
    )
    np.testing.assert_array_equal(none.weights, first.weights)
    for name, array in first.state.arrays().items():
        np.testing.assert_array_equal(none.state.arrays()[name], array, err_msg=name)
    assert none.state.optimizer_step == 9


def halves(**later):
    of = problem(MODELS["wide head"], dtype="float64")
    one = TrainConfig(
        learning_rate=0.05, momentum=0.9, dtype="float64", phases=(Phase(9, Plateau(patience=1, min_delta=0.03)),)
    )
    both = one.replace(phases=(*one.phases, Phase(**{"steps": 9, **later})))
    return with_training(of, one), with_training(of, both)


def test_another_optimiser_starts_afresh_from_the_weights_in_full_width():
    one, both = halves(changes={"optimizer": "adam"})
    first = engine.train_flat(one, random_weights(one, 5))
    assert first.state.basis is not None
    second = engine.train_flat(both, first.weights, state=first.state, first_phase=1, record_steps=range(9))
    np.testing.assert_array_equal(second.rate[:, 0], first.state.rate)
    assert len(np.unique(first.state.rate)) > 1
    assert (second.state.kind, second.state.optimizer_step, second.state.basis) == ("adam", 9, None)
    for number in range(5):  # each at its own rate
        rate = float(first.state.rate[number])
        alone = with_training(both, TrainConfig.of(steps=9, optimizer="adam", learning_rate=rate, dtype="float64"))
        np.testing.assert_array_equal(
            engine.train_flat(alone, first.weights[[number]]).weights[0], second.weights[number]
        )


def test_what_momentum_remembers_goes_on_in_full_width_where_a_head_is_frozen():
    one, both = halves(freeze=("W_K",))
    weights = random_weights(one, 5)
    first = engine.train_flat(one, weights)
    second = engine.train_flat(both, first.weights, state=first.state, first_phase=1)
    assert second.state.optimizer_step == 18
    np.testing.assert_allclose(second.weights, engine.train_flat(both, weights).weights, atol=1e-12)
    place = both.shape.place("W_K")
    np.testing.assert_array_equal(second.weights[:, place], first.weights[:, place])
    third = engine.train_flat(
        with_training(both, both.training.replace(phases=(Phase(5),))), second.weights, state=second.state
    )
    assert third.state.basis is None  # a past of full width goes on in it


def test_rate_is_each_runs_own_until_a_phase_sets_it():
    one, both = halves(changes={"learning_rate": 0.3})
    first = engine.train_flat(one, random_weights(one, 5))
    second = engine.train_flat(both, first.weights, state=first.state, first_phase=1, record_steps=[0])
    assert (second.rate == 0.3).all()


def test_without_a_state_a_later_phase_begins_at_the_rate_that_was_last_set():
    one, both = halves()
    second = engine.train_flat(both, random_weights(one, 5), first_phase=1, record_steps=[0])
    assert (second.rate == 0.05).all()
    assert second.state.optimizer_step == 9


@pytest.mark.parametrize("some", [slice(2, 4), [4, 0], np.array([True, False, True, False, True])], ids=str)
def test_some_runs_go_on_as_they_would_among_all(some):
    one, both = halves()
    first = engine.train_flat(one, random_weights(one, 5))
    every = engine.train_flat(both, first.weights, state=first.state, first_phase=1)
    few = engine.train_flat(both, first.weights[some], state=first.state[some], first_phase=1)
    np.testing.assert_array_equal(few.weights, every.weights[some])


def test_state_comes_back_from_its_arrays():
    one, both = halves()
    first = engine.train_flat(one, random_weights(one, 5))
    again = State.of_arrays(first.state.kind, first.state.optimizer_step, first.state.arrays())
    expected = engine.train_flat(both, first.weights, state=first.state, first_phase=1).weights
    np.testing.assert_array_equal(engine.train_flat(both, first.weights, state=again, first_phase=1).weights, expected)


def test_arguments_are_left_untouched():
    one, both = halves()
    first = engine.train_flat(one, random_weights(one, 5))
    before = {name: array.copy() for name, array in first.state.arrays().items()}
    engine.train_flat(both, first.weights, state=first.state, first_phase=1)
    for name, array in first.state.arrays().items():
        np.testing.assert_array_equal(array, before[name])


def test_state_that_does_not_fit_is_refused_in_a_sentence():
    one, both = halves()
    first = engine.train_flat(one, random_weights(one, 5))
    with pytest.raises(ConfigError, match="a state must belong to its weights, of 2 runs, got one of 5"):
        engine.train_flat(both, first.weights[:2], state=first.state, first_phase=1)
    edited = first.weights.copy()
    edited[3, both.shape.place("W_K").start] += 0.5
    with pytest.raises(ConfigError, match="got another W_Q or W_K in run 3: leave the state out"):
        engine.train_flat(both, edited, state=first.state, first_phase=1)
    arrays = first.state.arrays()
    with pytest.raises(ConfigError) as refused:
        State.of_arrays("sgd", 0, {"slots": arrays["slots"], "basis": arrays["basis"], "extra": arrays["rate"]})
    assert [str(problem).split(",")[0] for problem in refused.value.problems] == [
        "the state must have an array rate",
        "the state must have an array best",
        "the state must have an array wait",
        "the state must have an array cooldown",
        "the state has no array extra: leave it out",
        "the state must have both narrow and basis",
    ]
    with pytest.raises(ConfigError, match="arrays must be of as many runs"):
        State.of_arrays("sgd", 0, {**arrays, "rate": arrays["rate"][:2]})
