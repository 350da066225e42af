"""Where a loss curve rests is found by program: plateaus of known curves, and none where there is none."""

import itertools

import numpy as np
import pytest

from headlab.analysis.looking.plateaus import WIDTH, plateau, rests

STEPS = np.arange(0, 2001, 25)
BAYES, UNIGRAM, UNIFORM = 0.5112, 0.5822, float(np.log(2))


def two_falls(first, second):
    """Return a curve that falls to the unigram value around one step, and to the Bayes value around another."""
    falls = [1 / (1 + np.exp((STEPS - middle) / 15)) for middle in (first, second)]
    return BAYES + (UNIGRAM - BAYES) * falls[1] + (UNIFORM - UNIGRAM) * falls[0]


def test_a_curve_with_two_falls_rests_at_three_values_and_they_are_found():
    found = rests(STEPS, two_falls(500, 1200))
    assert [round(rest.loss, 2) for rest in found] == [0.69, 0.58, 0.51]
    assert all(before.last < after.first for before, after in itertools.pairwise(found))


def test_the_rest_nearest_to_a_level_is_told_of_every_run_and_nan_where_there_is_none():
    line = UNIFORM + (BAYES - UNIFORM) * STEPS / STEPS[-1]
    found = plateau(STEPS, np.stack([two_falls(100, 1200), line]), UNIGRAM)
    assert found[0] == pytest.approx(UNIGRAM, abs=0.003)
    assert np.isnan(found[1])


@pytest.mark.parametrize("time", [50, 100, 200, 400, 1000])
def test_a_curve_that_falls_ever_more_slowly_rests_at_its_end_alone(time):
    curve = BAYES + (UNIFORM - BAYES) * np.exp(-STEPS / time)
    (rest,) = rests(STEPS, curve)
    assert rest.last == STEPS[-1]
    assert rest.loss < curve[-1] + WIDTH


def test_a_spike_ends_a_rest_and_noise_within_the_band_does_not():
    curve = two_falls(100, 1500)
    noise = 0.004 * np.sin(np.arange(len(STEPS)))
    rest, end = rests(STEPS, curve + noise)
    split = curve.copy()
    split[STEPS == 800] += 0.1
    (after,) = (rest for rest in rests(STEPS, split) if abs(rest.loss - UNIGRAM) < 0.01)
    assert [rest.loss, end.loss] == pytest.approx([UNIGRAM, BAYES], abs=0.01)
    assert rest.first < 800 < after.first < after.last
    assert rest.last == pytest.approx(after.last, abs=50)


@pytest.mark.parametrize("losses", [np.full(81, 0.5), np.linspace(0.5, 0.6, 81), np.full(81, np.nan), np.array([0.7])])
def test_a_curve_that_does_not_fall_or_is_not_finite_rests_nowhere(losses):
    assert rests(STEPS[: len(losses)], losses) == ()


def test_every_rest_is_within_its_band_and_slower_than_the_curve_is_on_average():
    rng = np.random.default_rng(0)
    steps = STEPS
    for _ in range(50):
        curve = UNIFORM - np.cumsum(rng.exponential(size=len(steps)) ** 3)
        curve = UNIFORM + (curve - curve[0]) * 0.18 / (curve[0] - curve[-1])
        for rest in rests(steps, curve):
            inside = curve[(steps >= rest.first) & (steps <= rest.last)]
            assert np.ptp(inside) <= WIDTH
            assert WIDTH / (rest.last - rest.first) < 0.18 / steps[-1]
            later = steps[(steps > rest.last) & (curve <= inside.min() - WIDTH)]
            assert rest.last == steps[-1] or later[0] - rest.last < rest.last - rest.first
            assert inside.mean() == pytest.approx(rest.loss)
