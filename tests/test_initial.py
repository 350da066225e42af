"""Initial weights: the generator's published answers, Keras' distributions, and independence of the batch."""

import numpy as np
import pytest
from engine_problems import D_VOCAB, MODELS, TARGETS, TOKENS
from scipy.stats import kstest

from headlab import Corpus, ModelConfig, engine
from headlab.config import TrainConfig
from headlab.data.order import training_order
from headlab.data.philox import philox
from headlab.model.initial import initial, uniform

NOTEBOOK, NARROW = (ModelConfig(d_head=d_head).on(Corpus.notebook()) for d_head in (20, 1))
ALL = 0xFFFFFFFF
KNOWN = [  # Random123's known-answer vectors for philox4x32-10
    ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((ALL,) * 4, (ALL, ALL), (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
]


@pytest.mark.parametrize(("counter", "key", "expected"), KNOWN)
def test_generator_gives_the_published_answers(counter, key, expected):
    words = philox(tuple(np.array([c], np.uint64) for c in counter), tuple(np.array([k], np.uint64) for k in key))
    assert tuple(int(word[0]) for word in words) == expected


def test_run_731_alone_is_run_731_of_a_thousand():
    seeds = np.arange(1000, dtype=np.uint64)
    many = initial(NOTEBOOK, seeds).flat()
    np.testing.assert_array_equal(initial(NOTEBOOK, seeds[731:732]).flat()[0], many[731])


def test_more_than_one_chunk_of_seeds_is_drawn_alike():
    seeds = np.arange(5000, dtype=np.uint64)
    many = initial(NARROW, seeds).flat()
    np.testing.assert_array_equal(many[4990:], initial(NARROW, seeds[4990:]).flat())
    assert len(np.unique(many, axis=0)) == 5000


@pytest.mark.parametrize("name", ["W_E", "W_pos", "W_Q", "W_K", "W_V"])
def test_weights_are_uniform_within_keras_limits(name):
    weight = getattr(initial(NOTEBOOK, np.arange(500, dtype=np.uint64)), name)
    bound = NOTEBOOK.draws[name][1]
    assert kstest(weight.ravel(), "uniform", args=(-bound, 2 * bound)).pvalue > 1e-3
    assert np.abs(weight).max() <= bound


def test_high_half_of_a_seed_matters():
    seeds = np.array([5, 5 + 2**32], np.uint64)
    assert (uniform(seeds, 0, 8)[0] != uniform(seeds, 0, 8)[1]).any()


def test_golden_weights_are_those_of_the_first_release():
    first = initial(NOTEBOOK, np.array([0, 7], np.uint64)).flat()
    np.testing.assert_array_equal(first[:, [0, 1, 412]], GOLDEN)


GOLDEN = np.array(
    [
        [-0.010095357894897461, 0.038052018731832504, -0.303989976644516],
        [0.04545971378684044, 0.025015218183398247, 0.062385816127061844],
    ],
    np.float32,
)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", MODELS)
def test_kernel_draws_what_the_definition_draws_to_the_bit(name, dtype):
    ids, seeds = np.array([3, 0, 4, 1, 2, -1]), np.array([0, 7, 2**32 + 7, 2**64 - 1], np.uint64)
    training = TrainConfig(dtype=dtype)
    job = engine.Job(ids[TOKENS], ids[TARGETS], D_VOCAB, MODELS[name].replace(init_scale=0.7), training)
    order = training_order(job.tokens, job.targets, D_VOCAB)
    assert order.tolist() == [3, 0, 4, 1, 2]
    expected = initial(job.shape, seeds, dtype, order).flat()
    np.testing.assert_array_equal(engine.initial_flat(job, seeds), expected)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_threads_draw_what_one_draws(dtype):
    corpus, seeds = Corpus.notebook(), np.arange(85, dtype=np.uint64)
    job = engine.Job.of(corpus, ModelConfig(d_head=320), TrainConfig(dtype=dtype))
    alone = engine.initial_flat(job, seeds)
    assert alone.size > engine.trainer.MANY
    for threads in (1, 3, None):
        np.testing.assert_array_equal(engine.initial_flat(job, seeds, threads=threads), alone)
    np.testing.assert_array_equal(engine.initial_flat(job, seeds[3:5]), alone[3:5])
