"""The kernel and Python say the same of a model: its table of weights, their first draws, the order of tokens, the loss."""

import hashlib
from itertools import accumulate

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from headlab.config import ModelConfig, TrainConfig
from headlab.config.weights import WEIGHTS
from headlab.data.batch import Batch
from headlab.engine import Job, instruction_sets, loss_and_gradient
from headlab.engine.backend import kernel
from headlab.engine.problem import kernel_shape
from headlab.engine.trainer import initial_flat, problem_of
from headlab.model.forward import forward
from headlab.model.initial import initial
from headlab.model.losses import mean_loss
from headlab.model.order import restored_flat
from headlab.model.params import Params

ON_BOTH_BACKENDS = True


@st.composite
def batches(draw):
    """Ragged sentences in which not every token appears, some targets alone, and some count for nothing."""
    d_vocab, n_ctx = draw(st.integers(1, 7)), draw(st.integers(1, 5))
    shape = draw(st.integers(1, 4)), n_ctx
    ids = st.integers(0, d_vocab - 1)
    tokens, targets = (draw(arrays.arrays(np.int64, shape, elements=ids)) for _ in range(2))
    weights = draw(arrays.arrays(np.float64, shape, elements=st.sampled_from([0.0, 0.25, 1.0])))
    lengths = draw(st.lists(st.integers(1, n_ctx), min_size=shape[0], max_size=shape[0]))
    there = np.arange(n_ctx) < np.array(lengths)[:, None]
    weights[0, 0] = 1.0
    return Batch(np.where(there, tokens, -1), np.where(there, targets, -1), np.where(there, weights, 0), d_vocab)


@st.composite
def models(draw):
    flags = {name: draw(st.booleans()) for name in ("positions", "residual", "causal", "factored_values", "unembed")}
    sizes = {name: draw(st.integers(1, 3)) for name in ("d_head", "n_layers", "n_heads")}
    d_model = draw(st.integers(1, 6)) if flags["unembed"] else None
    return ModelConfig(**flags, **sizes, d_model=d_model, init_scale=draw(st.sampled_from([1.0, 0.0, 3.7])))


def job(batch, model, **training):
    return Job(batch.tokens, batch.targets, batch.d_vocab, model, TrainConfig.of(steps=1, **training), batch.weights)


@settings(max_examples=40)
@given(batches(), models())
def test_both_tables_of_weights_have_the_same_arrays_in_the_same_places(batch, model):
    shape = model.on(batch)
    found = [(name, start, tuple(axes)) for name, start, axes in kernel().weights(kernel_shape(shape))]
    meant = [(name, shape.place(name).start, axes) for name, axes in shape.weights.items()]
    assert found == meant
    assert [name for name, _, _ in found] == [row.name for row in WEIGHTS if row.name in shape.weights]
    ends = list(accumulate(int(np.prod(axes)) for _, _, axes in found))
    assert [start for _, start, _ in found] == [0, *ends[:-1]]
    assert problem_of(job(batch, model), np.float32, 1).size == ends[-1] == shape.n_weights


@settings(max_examples=40)
@given(batches(), models())
def test_both_train_tokens_in_the_same_order_and_turn_the_same_axes(batch, model):
    shape, problem = model.on(batch), problem_of(job(batch, model), np.float32, 1)
    assert list(kernel().order(problem)) == batch.order.tolist()
    places = np.array(kernel().places(problem))
    assert np.array_equal(restored_flat(np.arange(shape.n_weights), batch.order, shape)[places], np.arange(len(places)))


seeds = st.lists(st.integers(0, 2**64 - 1), max_size=5).map(lambda some: np.array([0, 2**64 - 1, *some], np.uint64))


@settings(max_examples=40)
@given(batches(), models(), seeds, st.sampled_from(["float32", "float64"]))
def test_both_draw_the_same_first_weights_to_the_bit(batch, model, seeds, dtype):
    found = initial_flat(job(batch, model, dtype=dtype), seeds)
    assert found.dtype == dtype
    assert found.tobytes() == initial(model.on(batch), seeds, dtype, batch.order).flat().tobytes()


def test_first_weights_beyond_float32_are_infinite_in_both():
    batch = Batch(np.array([[1, 0]]), np.array([[0, 1]]), np.ones((1, 2)), 2)
    model = ModelConfig(init_scale=1e39)
    found = initial_flat(job(batch, model), np.arange(4, dtype=np.uint64))
    meant = initial(model.on(batch), np.arange(4, dtype=np.uint64), np.float32, batch.order).flat()
    assert np.isinf(found).any()
    np.testing.assert_array_equal(found, meant)


@settings(max_examples=50)
@given(batches(), models(), st.sampled_from(["softmax", "normalized_sigmoid"]))
def test_the_loss_is_that_of_the_readable_forward_pass(batch, model, loss):
    asked = job(batch, model, dtype="float64", loss=loss)
    # Not so large that a probability is 0 in NumPy, and its logarithm infinite.
    weights = np.random.default_rng(0).uniform(-0.5, 0.5, size=(3, asked.shape.n_weights))
    logits = forward(Params.from_flat(weights, asked.shape), batch.tokens, model).logits
    found, _ = loss_and_gradient(asked, weights)
    np.testing.assert_allclose(found, mean_loss(logits, batch.targets, loss, batch.weights), rtol=1e-12, atol=1e-12)


@settings(max_examples=25)
@given(batches(), models())
def test_loss_and_gradient_have_the_same_bits_on_every_instruction_set(batch, model):
    asked = job(batch, model, dtype="float64")
    weights = np.random.default_rng(1).normal(size=(3, asked.shape.n_weights))
    with pytest.MonkeyPatch.context() as patch:
        found = set()
        for name in instruction_sets():
            patch.setenv("HEADLAB_INSTRUCTION_SET", name)
            found.add(b"".join(array.tobytes() for array in loss_and_gradient(asked, weights)))
    assert len(found) == 1


def test_both_make_the_same_sha_256():
    drawn = np.random.default_rng(0).bytes(100_000)
    for length in (*range(200), 1023, 1024, 1025, 65_535, 100_000):
        assert kernel().sha256(drawn[:length]) == hashlib.sha256(drawn[:length]).hexdigest()
