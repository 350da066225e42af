"""Intervals cover as often as they say, and p-values are uniform when nothing differs: 2,000 simulated studies each."""

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests
from tiers import sized

from headlab.study import bootstrap, statistics
from headlab.study.statistics import (
    cohens_h,
    compare_paired,
    holm,
    mean_interval,
    median_difference,
    median_interval,
    median_test,
    newcombe,
    rate_test,
    runs_needed,
    simultaneous_intervals,
    smallest_difference,
    trend,
    wilson,
)

STUDIES = 2000
DRAWN = [  # u, then v, of the first and the last resample of sample 0; then of sample 1
    *(0.17893146779634694, 0.4198142663336043, 0.988172588012238, 0.9686031631734903),
    *(0.30871764503151167, 0.12672446915014757, 0.133384209898311, 0.0029704660563472096),
]


def slack(studies):
    """Return two standard errors of a coverage of 95 %."""
    return 2 * np.sqrt(0.95 * 0.05 / studies)


SLACK = slack(STUDIES)


def uniform(p_values):
    return stats.kstest(p_values, "uniform").pvalue


def test_holm_is_that_of_statsmodels_to_the_bit():
    rng = np.random.default_rng(0)
    for n in (1, 2, 3, 10, 100):
        for values in (rng.random(n), rng.random(n) / n, rng.integers(0, 3, n) / 7, np.full(n, np.nan)):
            np.testing.assert_array_equal(holm(values.tolist()), multipletests(values, method="holm")[1])
    assert holm([]) == []


@pytest.mark.parametrize("n", [6, 7, 8, 24, 25, 100])
def test_order_statistics_cover_the_median_of_any_distribution(n):
    """At least 95 %, as the binomial distribution has it exactly, and the next narrower interval does not."""
    rng = np.random.default_rng(n)
    values = np.exp(2 * rng.standard_normal((STUDIES, n)))  # the median is 1, the mean 7
    bounds = [median_interval(row) for row in values]
    covered = np.mean([low <= 1 <= high for low, high in bounds])
    assert covered >= 0.95 - SLACK
    rank = int(np.searchsorted(np.sort(values[0]), bounds[0][0])) + 1
    exact = [1 - 2 * stats.binom.cdf(k - 1, n, 0.5) for k in (rank, rank + 1)]
    assert exact[1] < 0.95 <= exact[0]
    assert abs(covered - exact[0]) <= 3 * np.sqrt(exact[0] * (1 - exact[0]) / STUDIES)


def test_too_few_values_have_no_interval_for_their_median_or_mean():
    assert all(median_interval(np.arange(float(n))) is None for n in range(6))
    assert median_interval(np.arange(6.0)) == (0.0, 5.0)
    assert mean_interval(np.array([1.0])) is None


def test_students_interval_is_that_of_scipy():
    values = np.random.default_rng(0).normal(3, 2, 9)
    theirs = stats.t.interval(0.95, 8, loc=values.mean(), scale=stats.sem(values))
    np.testing.assert_allclose(mean_interval(values), theirs)


def test_wilson_covers_any_share():
    # Over shares as they come: at one share, an interval for counts covers a little more or less.
    rng = np.random.default_rng(0)
    shares = rng.uniform(0.05, 0.95, STUDIES)
    rates = [wilson(int(k), 300) for k in rng.binomial(300, shares)]
    covered = np.mean([rate.low <= share <= rate.high for rate, share in zip(rates, shares, strict=True)])
    assert abs(covered - 0.95) <= SLACK


def test_newcombe_covers_any_difference():
    rng = np.random.default_rng(1)
    shares = rng.uniform(0.1, 0.9, (STUDIES, 2))
    covered = 0
    for (a, b), (k, m) in zip(shares, rng.binomial(300, shares), strict=True):
        low, high = newcombe(wilson(int(k), 300), wilson(int(m), 300))
        covered += low <= b - a <= high
    assert abs(covered / STUDIES - 0.95) <= SLACK


@pytest.mark.parametrize("studies", sized(STUDIES // 10, STUDIES))
def test_bootstrap_of_medians_covers_their_difference(studies):
    rng = np.random.default_rng(2)
    covered = 0
    for _ in range(studies):
        first, second = rng.gamma(2.0, size=80), 0.3 + rng.gamma(2.0, size=80)
        _, low, high = median_difference(first, second)
        covered += low <= 0.3 <= high
    assert abs(covered / studies - 0.95) <= slack(studies)


@pytest.mark.parametrize("studies", sized(STUDIES // 10, STUDIES))
def test_paired_intervals_cover_the_paired_difference(studies):
    rng = np.random.default_rng(3)
    covered = 0
    for _ in range(studies):
        cell = rng.choice(4, size=300, p=[0.6, 0.1, 0.2, 0.1])  # both, only first, only second, neither
        found = compare_paired("a", "b", cell <= 1, (cell == 0) | (cell == 2))
        covered += found.low <= 0.1 <= found.high
    assert abs(covered / studies - 0.95) <= slack(studies)


@pytest.mark.parametrize("counts", [[0, 0, 7], [3, 0], [0, 1, 0, 0], [10**6, 0]])
def test_simultaneous_intervals_are_shares_where_all_runs_are_of_one_kind(counts):
    for (low, high), count in zip(simultaneous_intervals(counts), counts, strict=True):
        assert 0 <= low <= count / sum(counts) <= high <= 1


def test_simultaneous_intervals_hold_together_at_least_as_often_as_they_say():
    rng = np.random.default_rng(4)
    shares = np.array([0.45, 0.25, 0.15, 0.1, 0.05])
    covered = 0
    for counts in rng.multinomial(500, shares, size=STUDIES):
        bounds = np.array(simultaneous_intervals(counts.tolist()))
        covered += bool(((bounds[:, 0] <= shares) & (shares <= bounds[:, 1])).all())
    assert covered / STUDIES >= 0.95 - SLACK  # Goodman's are conservative


def test_p_of_two_shares_is_uniform_when_they_are_the_same():
    rng = np.random.default_rng(5)
    counts = rng.binomial(2000, rng.uniform(0.2, 0.8, STUDIES)[:, None], (STUDIES, 2))
    found = [rate_test(wilson(int(k), 2000), wilson(int(m), 2000)) for k, m in counts]
    assert {test for test, _ in found} == {"score"}
    assert uniform([p for _, p in found]) > 0.01


def test_exact_p_of_few_runs_errs_on_the_safe_side():
    rng = np.random.default_rng(6)
    counts = rng.binomial(12, 0.3, (STUDIES, 2))
    found = [rate_test(wilson(int(k), 12), wilson(int(m), 12)) for k, m in counts]
    p_values = np.array([p for test, p in found if test == "fisher"])
    assert (p_values <= 0.05).mean() <= 0.05 + SLACK


def test_p_of_mcnemar_is_uniform_when_conditions_are_the_same():
    rng = np.random.default_rng(7)
    p_values = []
    for _ in range(STUDIES):
        cell = rng.choice(4, size=4000, p=[0.4, 0.25, 0.25, 0.1])
        only_first, only_second = int((cell == 1).sum()), int((cell == 2).sum())
        z = (only_first - only_second) ** 2 / (only_first + only_second)
        found = mcnemar_only(cell)
        assert found == pytest.approx(stats.chi2.sf(z, 1))  # the textbook's formula
        p_values.append(found)
    assert uniform(p_values) > 0.01


def mcnemar_only(cell):
    """Return the p of a paired comparison without its bootstrap, which is tested elsewhere."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(statistics, "resampled_mean", lambda _: None)
        patch.setattr(statistics, "bca", lambda *_: (0.0, 0.0))
        return compare_paired("a", "b", cell <= 1, (cell == 0) | (cell == 2)).p


def test_p_of_the_trend_is_uniform_when_there_is_none():
    rng = np.random.default_rng(8)
    p_values = []
    for share in rng.uniform(0.2, 0.8, STUDIES):
        p_values.append(trend([10, 20, 40, 80], [wilson(int(k), 1000) for k in rng.binomial(1000, share, 4)]).p)
    assert uniform(p_values) > 0.01


def test_trend_is_rs_linear_by_linear_test_and_not_its_prop_trend_test():
    # R 4.3: coin::lbl_test gives z = 6.0375, prop.trend.test (Cochran and Armitage's) the square of 6.0408.
    found = trend([10, 20, 40], [wilson(k, 300) for k in (231, 263, 282)])
    assert found.z == pytest.approx(6.0375, abs=6e-5)
    assert found.z * np.sqrt(900 / 899) == pytest.approx(6.0408, abs=6e-5)


def test_trend_has_mantels_variance_with_one_run_less():
    # Agresti 2013, table 3.9: alcohol consumption and malformation, midranks replaced by ranks here.
    n, r = np.array([100, 110, 90, 120]), np.array([40, 55, 50, 80])
    scores, share, N = np.arange(4), r.sum() / n.sum(), n.sum()
    mean = (n * scores).sum() / N
    variance = share * (1 - share) * (n * (scores - mean) ** 2).sum() * N / (N - 1)
    z = (r * (scores - mean)).sum() / np.sqrt(variance)
    found = trend([1, 2, 4, 8], [wilson(int(k), int(m)) for k, m in zip(r, n, strict=True)])
    assert found.z == pytest.approx(z, rel=1e-9)
    assert found.p == pytest.approx(2 * stats.norm.sf(z), rel=1e-9)


@pytest.mark.parametrize("sizes", [(80, 91), (3, 4), (300, 20)])
def test_bca_of_medians_is_scipys_own_bootstrap(sizes):
    rng = np.random.default_rng(10)
    samples = tuple(rng.gamma(2.0, size=size) for size in sizes)

    def difference(a, b, axis=-1):
        return np.median(b, axis=axis) - np.median(a, axis=axis)

    drawn = [stats.bootstrap(samples, difference, n_resamples=4000, method="BCa", rng=seed) for seed in range(3)]
    lows, highs = zip(*(found.confidence_interval for found in drawn), strict=True)
    value, low, high = median_difference(*samples)
    room = 0.05 * (high - low)
    assert value == pytest.approx(difference(*samples))
    assert min(lows) - room <= low <= max(lows) + room
    assert min(highs) - room <= high <= max(highs) + room


def test_bca_of_paired_shares_is_scipys_own_bootstrap():
    cell = np.random.default_rng(11).choice(4, size=200, p=[0.6, 0.1, 0.2, 0.1])
    first, second = cell <= 1, (cell == 0) | (cell == 2)
    found = compare_paired("a", "b", first, second)
    own = stats.bootstrap((second.astype(float) - first,), np.mean, n_resamples=10_000, method="BCa", rng=0)
    assert (found.low, found.high) == pytest.approx(tuple(own.confidence_interval), abs=0.011)  # two runs of 200


def test_on_which_side_of_zero_a_bound_falls_is_not_left_to_the_resamples():
    # 2,000 resamples put the lower bound of these medians on either side of 0, by their seed.
    rng = np.random.default_rng(12)
    first, second = rng.normal(size=101), rng.normal(0.4, size=101)
    kept, lows = bootstrap.drawn, []
    for seed in range(20):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(bootstrap, "drawn", lambda sample, seed=seed: kept(2 * seed + sample))
            lows.append(median_difference(first, second)[1])
    assert np.std(lows) < 0.02


def test_what_a_bootstrap_draws_is_the_same_anywhere():
    # By Python's whole numbers, from the published definition of Philox4x32-10; web/tests/statistics has the same ones.
    first, other = (bootstrap.drawn(sample) for sample in (0, 1))
    assert [float(numbers[at]) for numbers in (*first, *other) for at in (0, 9_999)] == DRAWN


@pytest.mark.parametrize("n", [3, 4, 7, 10])
def test_resampled_medians_are_drawn_as_often_as_every_sample_gives_them(n):
    values, draws = np.sqrt(np.arange(1.0, n + 1)), bootstrap.drawn(0)
    samples = np.sort(np.random.default_rng(15).integers(0, n, (200_000, n)), axis=1)
    wanted = (values[samples[:, (n - 1) // 2]] + values[samples[:, n // 2]]) / 2
    assert len(draws[0]) == bootstrap.RESAMPLES
    assert stats.ks_2samp(bootstrap.resampled_median(values, 0), wanted).pvalue > 0.01


def test_median_test_is_moods():
    rng = np.random.default_rng(13)
    first, second = rng.normal(size=101), rng.normal(0.4, size=120)
    assert median_test(first, second) == pytest.approx(
        stats.median_test(first, second, correction=False).pvalue, rel=1e-6
    )


def test_two_medians_that_are_the_same_are_told_apart_as_often_as_p_says():
    rng = np.random.default_rng(14)
    p_values = np.array([median_test(*rng.normal(size=(2, 1001))) for _ in range(STUDIES)])
    assert abs((p_values < 0.05).mean() - 0.05) <= 1.5 * SLACK  # counts: p takes few values


def test_score_test_is_the_pooled_z_test():
    k, m, n = 79, 94, 100
    pooled = (k + m) / (2 * n)
    z = (m - k) / n / np.sqrt(pooled * (1 - pooled) * 2 / n)
    assert rate_test(wilson(k, n), wilson(m, n))[1] == pytest.approx(2 * stats.norm.sf(z), rel=1e-6)


def test_power_is_reached_at_the_number_of_runs_it_asks_for():
    rng = np.random.default_rng(9)
    n = runs_needed(0.791, 0.940)
    counts = rng.binomial(n, [0.791, 0.940], (STUDIES, 2))
    seen = np.mean([rate_test(wilson(int(k), n), wilson(int(m), n))[1] < 0.05 for k, m in counts])
    assert seen == pytest.approx(0.8, abs=0.04)


def test_smallest_visible_difference_and_runs_needed_are_each_others_inverse():
    for share, n in ((0.5, 100), (0.8, 400), (0.95, 1000)):
        difference = smallest_difference(share, n)
        assert runs_needed(share, share - difference) == pytest.approx(n, abs=2)


def test_effect_size_is_cohens():
    assert cohens_h(0.5, 0.5) == pytest.approx(0)
    assert cohens_h(0.791, 0.940) == pytest.approx(2 * np.arcsin(np.sqrt(0.940)) - 2 * np.arcsin(np.sqrt(0.791)))


def test_conditions_without_any_difference_have_a_p_of_one():
    assert rate_test(wilson(0, 50), wilson(0, 50))[1] == 1
    assert compare_paired("a", "b", np.ones(30, bool), np.ones(30, bool)).p == 1
    assert trend([1, 2, 3], [wilson(0, 10)] * 3) is None
