"""The task of letters that come again: what is asked can always be known, and what a guess is worth is computed."""

import numpy as np
import pytest
from scipy.stats import chisquare

import headlab as hl
from headlab.data.draws import Draws
from headlab.tasks.induction import LENGTH, LETTERS, LONGEST, SHORTEST, sample

TOKENS, TARGETS = sample(Draws(5, "test", 0, 6000), None)
PERIODS = (TARGETS < 0).sum(axis=1)


def test_every_target_is_what_came_after_the_last_time_the_letter_stood_there():
    for tokens, targets in zip(TOKENS[:200].tolist(), TARGETS[:200].tolist(), strict=True):
        for at, (token, target) in enumerate(zip(tokens, targets, strict=True)):
            before = [place for place in range(at) if tokens[place] == token]
            assert (target >= 0) == bool(before)
            assert all(tokens[place + 1] == target for place in before)


def test_letters_of_a_period_are_different_ones_and_all_alike_often_and_so_are_periods():
    assert all(len(set(row[:period].tolist())) == period for row, period in zip(TOKENS, PERIODS, strict=True))
    assert chisquare(np.bincount(TOKENS[:, 0], minlength=len(LETTERS))).pvalue > 1e-4
    assert chisquare(np.bincount(PERIODS)[SHORTEST : LONGEST + 1]).pvalue > 1e-4
    assert PERIODS.min() == SHORTEST
    assert PERIODS.max() == LONGEST


def test_a_guess_among_the_other_letters_that_were_seen_is_right_as_often_as_the_text_says():
    periods = np.arange(SHORTEST, LONGEST + 1)
    places = LENGTH - periods
    exact = float((places / (periods - 1)).sum() / places.sum())
    assert f"{100 * exact:.0f} of 100 places" in hl.tasks["induction"].text
    rng, right, asked = np.random.default_rng(0), 0, 0
    for tokens, targets in zip(TOKENS[:2000].tolist(), TARGETS[:2000].tolist(), strict=True):
        others = sorted(set(tokens))
        for token, target in zip(tokens, targets, strict=True):
            if target >= 0:
                guess = rng.integers(len(others) - 1)
                right += [letter for letter in others if letter != token][guess] == target
                asked += 1
    assert abs(right / asked - exact) < 4 * np.sqrt(exact * (1 - exact) / asked)


def test_a_fixed_period_needs_no_induction_since_one_look_so_many_places_back_is_always_right():
    """The trap that the text tells of: a head that looks at a place, whatever stands there, has an induction score of 1."""
    from headlab.analysis.looking.head_scores import prefix_matching

    period, places = LONGEST, np.arange(LENGTH)
    some = TOKENS[PERIODS == LONGEST]
    pattern = np.zeros((len(some), LENGTH, LENGTH))
    pattern[:, places, np.where(places >= period, places - period + 1, places)] = 1
    assert float(prefix_matching(pattern, some)) == pytest.approx(1)
    at_most = prefix_matching(np.repeat(pattern[:1], len(TOKENS), axis=0), TOKENS)
    assert float(at_most) < 0.2  # over drawn periods the same head scores next to nothing


def test_the_task_keeps_its_promises_and_its_sizes_are_the_published_ones():
    task = hl.tasks["induction"]
    assert task.check() == []
    published = task.recipe("published").model.on(task.dataset)
    moving = published.n_weights - LENGTH * published.d_model
    assert moving == 2 * 4 * 32 * 32 + 26 * 32
