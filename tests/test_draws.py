"""Rules of initial weights, and words for data, held to SciPy, NumPy and the generator's readable twin."""

import itertools
from collections.abc import Sequence

import numpy as np
import pytest
from backends import without_wasmtime
from scipy.special import ndtri
from scipy.stats import kstest, kurtosis

from headlab import Corpus, ModelConfig, TrainConfig, engine, hooks
from headlab.config import WEIGHTS, Shape
from headlab.data.draws import Draws
from headlab.data.philox import philox
from headlab.engine import words
from headlab.engine.backend import BACKENDS, chosen_backend, kernel
from headlab.engine.interface import Draw
from headlab.engine.problem import kernel_problem
from headlab.model.initial import initial

ON_BOTH_BACKENDS = True
USUAL, UNIFORM, NORMAL, CONSTANT, SINUSOIDAL = range(5)
CORPUS = Corpus.notebook()
SMALL = ModelConfig(d_head=3, d_model=6, n_heads=2, factored_values=True, unembed=True).on(CORPUS)
LOW, HALF = np.uint64(0xFFFFFFFF), np.uint64(32)


def drawn(
    shape: Shape,
    draws: Sequence[Draw],
    seeds: Sequence[int] = (0,),
    scale: float = 1.0,
    dtype: str = "float32",
    threads: int = 0,
) -> np.ndarray:
    """Return weights [run, weight]: of (weight, rule, size), the others as usual."""
    found = np.empty((len(seeds), shape.n_weights), dtype)
    tokens = np.arange(shape.n_ctx)[None] % shape.d_vocab
    problem = kernel_problem(
        shape, tokens, None, None, float64=dtype == "float64", n_runs=len(seeds), threads=threads, declared=True
    )
    kernel().initial(problem, draws, scale, np.array(seeds, np.uint64), found)
    return found


def of(shape: Shape, name: str, weights: np.ndarray) -> np.ndarray:
    return weights[:, shape.place(name)].reshape(-1, *shape.weights[name])


def number(name: str) -> int:
    return next(row.number for row in WEIGHTS if row.name == name)


def everywhere(shape: Shape, rule: int, size: float) -> list[Draw]:
    return [(number(name), rule, size) for name in shape.weights]


def words_twin(seed: int, stream: int, first: int, n: int, start: int, count: int) -> np.ndarray:
    """Return the words by the readable generator, one after the other."""
    examples = (np.uint64(first) + np.arange(n, dtype=np.uint64))[:, None] + np.zeros((1, count), np.uint64)
    at = np.arange(start, start + count, dtype=np.uint64)[None] + np.zeros((n, 1), np.uint64)
    key = np.full_like(at, np.uint64(seed) & LOW), np.full_like(at, np.uint64(seed) >> HALF)
    four = philox((at // np.uint64(4), np.full_like(at, 2**31 + stream), examples & LOW, examples >> HALF), key)
    return np.choose((at % np.uint64(4)).astype(int), four).astype(np.uint32)


def array_words(seed: int, array: int, size: int) -> np.ndarray:
    """Return the words of an array of initial weights by the readable generator."""
    at = np.arange(size, dtype=np.uint64)
    zero = np.zeros_like(at)
    key = np.full_like(at, np.uint64(seed) & LOW), np.full_like(at, np.uint64(seed) >> HALF)
    return np.choose(
        (at % np.uint64(4)).astype(int), philox((at // np.uint64(4), zero + np.uint64(array), zero, zero), key)
    )


def test_what_is_to_run_on_both_backends_does(request: pytest.FixtureRequest) -> None:
    asked = request.node.callspec.params["backend"]
    assert asked is None or chosen_backend() == asked


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_normal_weights_are_scipys_quantiles_of_the_words(dtype: str) -> None:
    seeds = (0, 7, 2**32 + 7, 2**64 - 1)
    weights = drawn(SMALL, everywhere(SMALL, NORMAL, 0.3), seeds, scale=0.7, dtype=dtype)
    for run, seed in enumerate(seeds):
        for name, sizes in SMALL.weights.items():
            u = (array_words(seed, number(name), int(np.prod(sizes))).astype(float) + 0.5) * 2.0**-32
            expected = (ndtri(u) * 0.3 * 0.7).astype(np.float32)
            found = weights[run, SMALL.place(name)]
            assert np.all(np.abs(found - expected) <= np.spacing(np.abs(expected))), name
            assert np.mean(found == expected) > 0.999 - 1 / found.size


def test_normal_weights_are_normal() -> None:
    wide = ModelConfig(d_head=64, d_model=128, unembed=True).on(CORPUS)
    weights = drawn(wide, everywhere(wide, NORMAL, 0.02), range(12)) / 0.02
    assert weights.size > 200_000
    assert abs(weights.mean()) < 0.01
    assert abs(weights.std() - 1) < 0.006
    assert abs(kurtosis(weights, axis=None)) < 0.04
    assert kstest(weights.ravel().astype(float), "norm").pvalue > 1e-3
    assert np.abs(np.corrcoef(weights[:2])[0, 1]) < 0.03  # another seed is another draw


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_uniform_weights_of_the_usual_size_are_the_usual_ones_to_the_bit(dtype: str) -> None:
    limits = [
        (number(name), UNIFORM, {"W_E": 0.05, "W_pos": 0.05}.get(name, float(np.sqrt(6 / sum(sizes[-2:])))))
        for name, sizes in SMALL.weights.items()
    ]
    usual = drawn(SMALL, [], range(5), 0.7, dtype)
    np.testing.assert_array_equal(drawn(SMALL, limits, range(5), 0.7, dtype), usual)
    np.testing.assert_array_equal(drawn(SMALL, everywhere(SMALL, USUAL, 9.0), range(5), 0.7, dtype), usual)


def test_a_rule_of_one_weight_leaves_the_others_as_they_were() -> None:
    usual, one = drawn(SMALL, [], range(3)), drawn(SMALL, [(number("W_Q"), NORMAL, 1.0)], range(3))
    there = np.zeros(SMALL.n_weights, bool)
    there[SMALL.place("W_Q")] = True
    np.testing.assert_array_equal(one[:, ~there], usual[:, ~there])
    assert (one[:, there] != usual[:, there]).all()


RULES = [
    {"*": "normal 0.02", "W_O": "normal 0.01"},
    {"*": "transformer_lens", "W_K": "uniform 0.3", "W_V": "constant -0.1"},
    {"W_Q": "linear", "W_E": "normal 1", "W_U": "glorot"},
]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("rules", RULES)
@pytest.mark.parametrize("sinusoidal", [False, True])
def test_models_begin_as_the_readable_definition_says(rules: dict[str, str], sinusoidal: bool, dtype: str) -> None:
    model = SMALL.model.replace(init=rules, sinusoidal_positions=sinusoidal, init_scale=1.5)
    job, seeds = engine.Job.of(CORPUS, model, TrainConfig(dtype=dtype)), np.array([0, 7, 2**64 - 1], np.uint64)
    found, expected = engine.initial_flat(job, seeds), initial(job.shape, seeds, dtype, CORPUS.batch.order).flat()
    for name, (rule, _) in job.shape.draws.items():
        mine, meant = found[:, job.shape.place(name)], expected[:, job.shape.place(name)]
        if rule in ("uniform", "constant"):
            np.testing.assert_array_equal(mine, meant)
        assert np.all(np.abs(mine - meant) <= np.spacing(np.abs(meant).astype(np.float32))), name
    usual = engine.initial_flat(engine.Job.of(CORPUS, SMALL.model, TrainConfig(dtype=dtype)), seeds)
    assert (found != usual).mean() > 0.5


def test_constants_and_sinusoids_take_no_scale_and_the_others_do() -> None:
    rules = [
        (number("W_pos"), SINUSOIDAL, 2.0),
        (number("W_U"), CONSTANT, -0.1),
        (number("W_E"), UNIFORM, 0.5),
        (number("W_K"), NORMAL, 0.5),
    ]
    once, half = (drawn(SMALL, rules, range(2), scale) for scale in (1.0, 0.5))
    for name, factor in {"W_pos": 1, "W_U": 1, "W_E": 0.5, "W_K": 0.5}.items():
        np.testing.assert_array_equal(of(SMALL, name, half), np.float32(factor) * of(SMALL, name, once))
    assert (of(SMALL, "W_U", once) == np.float32(-0.1)).all()


@pytest.mark.parametrize("d_model", [6, 7, 64])
def test_sinusoids_are_those_of_the_formula(d_model: int) -> None:
    class Long:
        d_vocab, d_vocab_out, n_ctx = 3, None, 1500

    shape = ModelConfig(d_head=2, d_model=d_model, unembed=True).on(Long)
    found = of(shape, "W_pos", drawn(shape, [(number("W_pos"), SINUSOIDAL, 1.5)], (3, 4), dtype="float64"))
    position, column = np.arange(1500)[:, None], np.arange(d_model)[None]
    angle = position / 10000.0 ** (column // 2 * 2 / d_model)
    expected = 1.5 * np.where(column % 2, np.cos(angle), np.sin(angle))
    assert np.abs(found - expected).max() < 1.01 * 2.0**-24
    np.testing.assert_array_equal(found[0], found[1])  # whatever the seed


def test_a_start_is_the_same_in_both_types_in_any_company_on_any_threads() -> None:
    rules = [
        (number("W_pos"), SINUSOIDAL, 1.0),
        (number("W_Q"), NORMAL, 0.02),
        (number("W_O"), UNIFORM, 0.3),
        (number("W_U"), CONSTANT, 0.1),
    ]
    many = drawn(SMALL, rules, range(40))
    np.testing.assert_array_equal(drawn(SMALL, rules, range(40), dtype="float64"), many)
    np.testing.assert_array_equal(drawn(SMALL, rules, range(40), threads=3), many)
    np.testing.assert_array_equal(drawn(SMALL, rules, [31])[0], many[31])


@pytest.mark.parametrize(
    ("draw", "said"),
    [
        ((0, 5, 1.0), "the rule of a draw must be one of HL_USUAL"),
        ((0, NORMAL, -1.0), "the size of a draw must be a finite number"),
        ((0, CONSTANT, float("nan")), "the size of a draw must be a finite number"),
        ((0, SINUSOIDAL, 1.0), "a sinusoid must be of W_pos"),
        ((1000, NORMAL, 1.0), "a draw must be of a weight in the table"),
        ((-1, NORMAL, 1.0), "a draw must be of a weight in the table"),
    ],
)
def test_rules_that_make_no_sense_are_refused(draw: Draw, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        drawn(SMALL, [draw])


BIG = 2**64 - 1


@pytest.mark.parametrize(
    ("seed", "stream", "first", "n", "start", "count"),
    [
        (0, 0, 0, 5, 0, 8),
        (7, 1, 3, 4, 2, 9),
        (BIG, 4, 2**32 - 2, 5, 5, 1),
        (2**40 + 3, 2**31 - 1, BIG - 2, 3, 3, 4),
        (1, 2, 0, 0, 0, 3),
        (1, 2, 0, 3, 6, 0),
    ],
)
def test_words_are_those_of_the_generator(seed: int, stream: int, first: int, n: int, start: int, count: int) -> None:
    found = words(seed, stream, first, n, start, count)
    assert found.shape == (n, count)
    assert found.dtype == np.uint32
    np.testing.assert_array_equal(found, words_twin(seed, stream, first, n, start, count))


def test_samplers_draw_from_the_kernel_what_is_defined_readably(monkeypatch: pytest.MonkeyPatch) -> None:
    def drawn_by(source: object) -> list[np.ndarray]:
        monkeypatch.setattr(hooks, "words", source)
        draws = Draws(2**63 + 5, "held out", 2**32 - 3, 7)
        return [draws.words(3), draws.integers(10, 6), draws.uniform(1), draws.chosen(9, 4)]

    for one, other in zip(drawn_by(words), drawn_by(None), strict=True):
        np.testing.assert_array_equal(one, other)
        assert one.dtype == other.dtype


def test_words_are_the_same_however_they_are_asked_for() -> None:
    every = words(11, 1, 100, 40, 0, 23)
    for (a, b), (c, d) in itertools.product([(0, 1), (3, 40), (17, 18)], [(0, 23), (1, 4), (7, 22)]):
        np.testing.assert_array_equal(words(11, 1, 100 + a, b - a, c, d - c), every[a:b, c:d])
    others = [words(12, 1, 100, 40, 0, 23), words(11, 0, 100, 40, 0, 23), words(11, 1, 140, 40, 0, 23)]
    assert all((other != every).mean() > 0.99 for other in others)


def test_words_fill_all_their_bits_evenly() -> None:
    some = words(5, 0, 0, 5000, 0, 16)
    ones = (some[..., None] >> np.arange(32, dtype=np.uint32) & 1).mean(axis=(0, 1))
    assert np.abs(ones - 0.5).max() < 0.009
    assert kstest(some.ravel() / 2.0**32, "uniform").pvalue > 1e-3


def test_words_that_cannot_be_are_refused() -> None:
    with pytest.raises(ValueError, match="from one of at least 0 on"):
        words(0, 0, 0, 2, -1, 3)
    with pytest.raises(ValueError, match="less than 2\\^31 words"):
        words(0, 0, 0, 2, 2**31 - 2, 3)


@without_wasmtime
def test_every_backend_draws_the_same_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    rules = [
        (number("W_pos"), SINUSOIDAL, 1.0),
        (number("W_E"), NORMAL, 0.02),
        (number("W_Q"), NORMAL, 1.0),
        (number("W_O"), UNIFORM, 0.3),
    ]
    found = []
    for name in BACKENDS:
        monkeypatch.setenv("HEADLAB_BACKEND", name)
        found.append((drawn(SMALL, rules, range(300)), words(3, 1, 5, 1000, 3, 30)))
    for one, other in zip(*found, strict=True):
        np.testing.assert_array_equal(one, other)
