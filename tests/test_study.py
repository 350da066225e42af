"""Statistics against other derivations, and the head-size study's sentences against its records."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

import headlab as hl
from headlab.analysis.mechanism import MECHANISMS
from headlab.report.study_figures import answer
from headlab.study.head_sizes import study_head_sizes
from headlab.study.statistics import compare_rates, newcombe, quartiles, runs_needed, wilson
from headlab.study.summary import Group, Summary

QUANTILES = ("q10", "q25", "q50", "q75", "q90")


def test_wilson_interval_is_the_textbook_formula():
    rate, z = wilson(81, 263), 1.959964
    p, n = 81 / 263, 263
    middle, half = p + z**2 / (2 * n), z * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    assert rate.low == pytest.approx((middle - half) / (1 + z**2 / n), abs=1e-6)
    assert rate.high == pytest.approx((middle + half) / (1 + z**2 / n), abs=1e-6)


def test_wilson_interval_covers_its_share_as_often_as_it_says():
    rng, share, n = np.random.default_rng(0), 0.86, 100
    covered = np.mean(
        [rate.low <= share <= rate.high for rate in (wilson(int(k), n) for k in rng.binomial(n, share, 2000))]
    )
    assert abs(covered - 0.95) < 0.02


def test_newcombe_interval_is_the_published_example():
    # Newcombe 1998, table II, method 10: 56/70 - 48/80 is 0.0524 to 0.3339.
    low, high = newcombe(wilson(48, 80), wilson(56, 70))
    assert (low, high) == (pytest.approx(0.0524, abs=1e-4), pytest.approx(0.3339, abs=1e-4))


def test_power_agrees_with_the_known_sample_sizes():
    assert runs_needed(0.791, 0.940) == pytest.approx(75, abs=3)
    assert runs_needed(0.791, 0.861) == pytest.approx(450, rel=0.15)
    assert runs_needed(0.5, 0.5) is None


def test_holm_correction_never_lowers_a_p_value():
    pairs = compare_rates("abc", [wilson(79, 100), wilson(86, 100), wilson(94, 100)])
    assert len(pairs) == 3
    assert all(pair.p_holm >= pair.p for pair in pairs)
    assert min(pairs, key=lambda pair: pair.p).p_holm == pytest.approx(3 * min(pair.p for pair in pairs))


def test_no_values_have_no_quartiles():
    assert quartiles(np.array([])) is None


@pytest.fixture(scope="module")
def study():
    return study_head_sizes(hl.Corpus.notebook(), [10, 20, 40], seeds=range(400))


def test_solved_shares_are_those_an_independent_implementation_found(study):
    # 79.1, 86.1 and 94.0 % over some 3,500 runs each.
    for size, share in zip(study.groups, (0.791, 0.861, 0.940), strict=True):
        assert size.rate.low - 0.01 < share < size.rate.high + 0.01


def test_losses_are_bimodal_near_the_known_values(study):
    losses = np.concatenate([size.losses for size in study.groups])
    assert np.median(losses) == pytest.approx(0.170, abs=0.003)
    assert np.mean((losses > 0.15) & (losses < 0.19)) > 0.6
    assert np.mean((losses > 0.28) & (losses < 0.32)) > 0.1


def test_sentences_call_noticeable_exactly_what_the_test_calls_significant(study):
    sentences = study.sentences()
    noticeable = [pair for pair in study.comparisons if pair.p_holm < 0.05]
    assert sum("noticeably" in sentence for sentence in sentences) == len(noticeable)
    assert "rank at most d_model = 7" in sentences[-1]


def test_too_few_runs_claim_nothing():
    small = study_head_sizes(hl.Corpus.notebook(), [10, 20], seeds=range(4), training=hl.TrainConfig.of(steps=50))
    assert "no difference can be told from chance" in " ".join(small.sentences())


def test_diverged_runs_stay_in_the_denominator():
    wild = hl.TrainConfig.of(steps=100, learning_rate=1e4)
    study = study_head_sizes(hl.Corpus.notebook(), [10], seeds=range(20), training=wild)
    assert study.groups[0].rate.n == 20
    assert "diverged" in " ".join(study.sentences())


def group(value, solved, of, diverged=0, copies=1):
    flags = np.arange(of * copies) < solved * copies
    losses = np.where(flags, 0.17, 0.3)
    lost = np.arange(of * copies) >= (of - diverged) * copies
    return Group(value, np.tile(np.arange(of, dtype=np.uint64), copies), np.where(lost, np.nan, losses), flags, lost)


def test_many_conditions_are_summed_up_by_their_extremes():
    groups = tuple(group(f"d_head {n}", solved=10 * n, of=100, diverged=100 - 10 * n) for n in range(1, 11))
    said = "\n".join(Summary("condition", groups).sentences())
    assert "from 10% [6%, 17%] at d_head 1 to 100% [96%, 100%] at d_head 10, over 10 conditions" in said
    assert "Of 45 pairs" in said
    assert "450 of 1,000 runs diverged, in 9 of 10 conditions" in said
    assert "The most: 90 of 100 runs diverged at d_head 1." in said


def test_pooled_conditions_are_said_to_share_seeds():
    summary = Summary("d_head", (group(5, 20, 50, copies=2), group(10, 40, 50, copies=2)))
    assert any("pools several conditions with the same seeds" in sentence for sentence in summary.sentences())
    assert summary.paired[0].n == 100


def test_no_run_solved_against_all_takes_two_runs_to_see():
    assert runs_needed(0.0, 1.0) == 2
    assert runs_needed(0.1, 0.9) == 5
    assert runs_needed(0.5, 0.5) is None


@pytest.mark.parametrize("count", [1, 5, 20, 80])
def test_figures_of_few_and_many_conditions_can_be_drawn(count):
    rng = np.random.default_rng(0)
    groups = []
    for number in range(count):
        made = group(f"learning_rate {number}", solved=number % 20, of=20)
        groups.append(dataclasses.replace(made, mechanism=rng.choice(MECHANISMS, 20)))
    summary, corpus = Summary("condition", tuple(groups)), hl.Corpus.notebook()
    steps = [{"condition": g.value, "step": s, **dict.fromkeys(QUANTILES, 1.0)} for g in groups for s in (0, 9, 99)]
    figure = answer(summary, corpus, pd.DataFrame(steps))
    figure.draw_without_rendering()
    assert len(figure.subfigs) == 3
    assert figure.get_size_inches()[1] < 45
