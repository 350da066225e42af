"""Which way a training goes never shows: one run with its own columns in the lanes, or a run in every lane."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import headlab as hl
from headlab import engine
from headlab.engine.backend import kernel
from headlab.engine.problem import instruction_sets
from headlab.engine.recipe import recipe_of
from headlab.engine.trainer import problem_of

ON_BOTH_BACKENDS = True
ALONE, GROUPS = 1, 2
BITS = {"float32": np.uint32, "float64": np.uint64}
PLATEAU = hl.Plateau(patience=2, cooldown=1)


@st.composite
def jobs(draw):
    sizes = st.integers(1, 18)
    n_ctx, d_vocab, n_sequences = draw(st.integers(1, 9)), draw(st.integers(1, 18)), draw(st.integers(1, 4))
    unembed = draw(st.booleans())
    model = hl.ModelConfig(
        d_head=draw(sizes | st.just(40)),
        d_model=draw(sizes) if unembed else None,
        n_layers=draw(st.integers(1, 2)),
        n_heads=draw(st.integers(1, 3)),
        **{name: draw(st.booleans()) for name in ("positions", "residual", "causal", "factored_values")},
        unembed=unembed,
    )
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    tokens, targets = (rng.integers(0, d_vocab, (n_sequences, n_ctx)) for _ in range(2))
    lengths = rng.integers(1, n_ctx + 1, n_sequences)
    tokens = np.where(np.arange(n_ctx) < lengths[:, None], tokens, -1)
    targets = np.where((tokens >= 0) & ((rng.random(tokens.shape) < 0.7) | (np.arange(n_ctx) == 0)), targets, -1)
    weights = draw(st.sampled_from([None, rng.uniform(0.1, 3, tokens.shape)]))
    optimizer = draw(st.sampled_from(["sgd", "rmsprop", "adam", "adamw"]))
    momentum = {"momentum": draw(st.sampled_from([0.0, 0.5]))} if optimizer in ("sgd", "rmsprop") else {}
    changes = {"learning_rate": 0.5, **momentum}
    freeze = ("W_V",) if draw(st.booleans()) else ()
    training = hl.TrainConfig(
        dtype=draw(st.sampled_from(sorted(BITS))),
        loss=draw(st.sampled_from(["softmax", "normalized_sigmoid"])),
        optimizer=optimizer,
        learning_rate=draw(st.sampled_from([0.01, 0.3, 30.0])),
        phases=(hl.Phase(4, plateau=PLATEAU), hl.Phase(5, plateau=PLATEAU, freeze=freeze, changes=changes)),
    )
    return engine.Job(tokens, targets, d_vocab, model, training, weights)


def bits(array):
    return array.view(BITS[array.dtype.name])


def trained(job, at_once, **how):
    initial = engine.initial_flat(job, np.arange(5, dtype=np.uint64))
    kept = {"record_steps": range(9), "snapshot_steps": [0, 3, 9]}
    return engine.train_flat(job, initial, threads=1, at_once=at_once, **kept, **how)


def assert_same(one, other):
    for name in ("weights", "loss", "rate", "final_loss", "snapshots"):
        np.testing.assert_array_equal(bits(getattr(one, name)), bits(getattr(other, name)), err_msg=name)
    np.testing.assert_array_equal(one.outcome, other.outcome)
    for name, array in one.state.arrays().items():
        np.testing.assert_array_equal(array, other.state.arrays()[name], err_msg=name)


@settings(max_examples=40, deadline=None)
@given(jobs())
def test_every_number_is_the_same_to_the_bit_either_way(job):
    alone = trained(job, ALONE)
    for name in engine.instruction_sets():
        assert_same(alone, trained(job, GROUPS, instruction_set=name))
        assert_same(alone, trained(job, ALONE, instruction_set=name, stretch=2))


def test_what_overflows_where_nothing_is_asked_ends_at_the_same_step_either_way():
    # Values beyond float32 at the last position, which has no target: whether they reach the rows before is a matter of tiles.
    tokens = np.array([[0, 1, 2, 3, 4, 5]])
    targets = np.array([[1, 2, 3, 4, 5, -1]])
    job = engine.Job(tokens, targets, 6, hl.ModelConfig(d_head=3), hl.TrainConfig.of(steps=3))
    weights = engine.initial_flat(job, np.arange(5, dtype=np.uint64))
    weights[:, job.shape.place("W_E")].reshape(5, 6, 6)[:, 5] = 3e38
    weights[:, job.shape.place("W_V")] = 1e30
    kept = {"threads": 1, "record_steps": range(3), "snapshot_steps": [3]}
    assert_same(*(engine.train_flat(job, weights, at_once=at, **kept) for at in (ALONE, GROUPS)))


def test_one_run_goes_alone_and_many_in_groups():
    job = engine.Job.of(hl.Corpus.notebook(), hl.ModelConfig(), hl.TrainConfig())

    def ask(n_runs):
        return kernel().way(problem_of(job, np.float32, n_runs), recipe_of(job.training), n_runs)

    assert ask(1)[1] == 1
    name, at_once, step = ask(256)
    assert (at_once, step) == (kernel().lanes(name, False), 1.0)


def test_a_few_runs_share_processors_where_they_are_large():
    ids = np.arange(128).reshape(2, 64) % 64
    model = hl.ModelConfig(d_head=64, d_model=64, unembed=True)
    job = engine.Job(ids, np.roll(ids, -1, axis=1), 64, model, hl.TrainConfig.of(steps=1))
    few = 9 if kernel().lanes(instruction_sets()[0], False) > 4 else 7  # the module has four lanes
    for n_runs in range(2, few):
        assert kernel().way(problem_of(job, np.float32, n_runs, 2), recipe_of(job.training), n_runs)[1] == 1


def test_a_way_that_is_none_is_refused():
    job = engine.Job.of(hl.Corpus.notebook(), hl.ModelConfig(), hl.TrainConfig.of(steps=1))
    with pytest.raises(ValueError, match="at_once must be 0, 1 or 2"):
        trained(job, 3)
