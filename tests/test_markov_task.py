"""The task of chains: what counts give, exactly by program; the sampler and its Bayes predictor against both."""

import itertools

import numpy as np
import pytest
from scipy.stats import kstest
from tiers import sized

import headlab as hl
from headlab.data.draws import Draws
from headlab.tasks.markov import BAYES, COUNTS, LENGTH, bayes, sample

UNIFORM = np.log(2)


def entropy(shares):
    return -np.where(shares > 0, shares * np.log(np.maximum(shares, 1e-300)), 0).sum(axis=-1)


class Counts:
    """All that a chain can have counted after so many moves, with the chance of it, where every chain is as likely.

    chance [first state, current state, moves 0→0, moves 1→1]; the moves 0→1 and 1→0 follow from both states
    """

    def __init__(self):
        self.moves, size = 0, LENGTH + 1
        self.chance = np.zeros((2, 2, size, size))
        self.chance[0, 0, 0, 0] = self.chance[1, 1, 0, 0] = 0.5
        self.stays = np.indices((size, size))

    def of(self, first, now):
        """Return the chance [0→0, 1→1], that of 1 coming next, and how many ones there are."""
        same0, same1 = self.stays
        others = np.maximum(self.moves - same0 - same1, 0)
        up = (others + (first == 0)) // 2  # moves alternate, and begin with the one that leaves the first state
        stayed, left = (same0, up) if now == 0 else (same1, others - up)
        stay = (1 + stayed) / (2 + stayed + left)
        return self.chance[first, now], stay if now == 1 else 1 - stay, first + up + same1

    def move(self):
        after = np.zeros_like(self.chance)
        for first in (0, 1):
            for now in (0, 1):
                chance, one, _ = self.of(first, now)
                for new, share in ((0, 1 - one), (1, one)):
                    part = chance * share
                    if new == now == 0:
                        after[first, new, 1:, :] += part[:-1, :]
                    elif new == now == 1:
                        after[first, new, :, 1:] += part[:, :-1]
                    else:
                        after[first, new] += part
        self.chance, self.moves = after, self.moves + 1


def exact():
    """Return the mean expected cross-entropies of Bayes, of counts, and of the best that counts and the state give."""
    counts, found = Counts(), np.zeros((LENGTH, 3))
    for place in range(LENGTH):
        assert counts.chance.sum() == pytest.approx(1, abs=1e-12)
        met, ones_next = np.zeros((2, place + 3)), np.zeros((2, place + 3))
        for first in (0, 1):
            for now in (0, 1):
                chance, one, ones = counts.of(first, now)
                there = chance > 0
                chance, one, ones = chance[there], one[there], ones[there]
                guess = (1 + ones) / (place + 3)
                found[place, 0] += (chance * entropy(np.stack([one, 1 - one], -1))).sum()
                found[place, 1] -= (chance * (one * np.log(guess) + (1 - one) * np.log(1 - guess))).sum()
                np.add.at(met[now], ones, chance)
                np.add.at(ones_next[now], ones, chance * one)
        share = np.divide(ones_next, met, out=np.zeros_like(met), where=met > 0)
        found[place, 2] = (met * entropy(np.stack([share, 1 - share], -1))).sum()
        counts.move()
    return found.mean(axis=0)


EXACT = exact()


def losses(predicted, targets):
    return -np.log(np.take_along_axis(predicted, targets[..., None], axis=-1)[..., 0]).mean(axis=1)


def unigram(tokens):
    ones = 1 + np.cumsum(tokens, axis=1)
    share = ones / (np.arange(LENGTH) + 3)
    return np.stack([1 - share, share], axis=-1)


def test_the_values_that_the_task_names_are_the_exact_ones():
    assert EXACT[:2].round(4).tolist() == [BAYES, COUNTS]
    assert EXACT.round(4).tolist() == [0.5112, 0.5822, 0.5667]
    text = hl.tasks["markov"].text
    for value in (*EXACT, UNIFORM):
        assert f"{value:.4f}" in text, value


def test_no_predictor_is_below_the_one_who_knows_the_chances():
    """The entropy of the chances themselves, by integration, is the floor of everybody, and the coin's cost the ceiling."""
    nodes, weights = np.polynomial.legendre.leggauss(300)
    nodes, weights = (nodes + 1) / 2, weights / 2
    floor = weights @ known(*np.meshgrid(nodes, nodes)) @ weights
    assert floor == pytest.approx(0.4815, abs=5e-5)
    assert floor < EXACT[0] < EXACT[2] < EXACT[1] < UNIFORM


def known(to_one_from_0, to_one_from_1):
    """Return the mean over places of the entropy of the next state, where the chances are known."""
    of_0, of_1 = (entropy(np.stack([one, 1 - one], axis=-1)) for one in (to_one_from_0, to_one_from_1))
    one, total = np.full_like(of_0, 0.5), 0.0
    for _ in range(LENGTH):
        total = total + (1 - one) * of_0 + one * of_1
        one = (1 - one) * to_one_from_0 + one * to_one_from_1
    return total / LENGTH


@pytest.mark.parametrize("n", sized(10_000, 200_000))
def test_chains_that_are_drawn_cost_what_the_exact_values_say_within_four_standard_errors(n):
    tokens, targets = sample(Draws(7, "test", 0, n), None)
    for name, predicted, expected in (("bayes", bayes(tokens), EXACT[0]), ("counts", unigram(tokens), EXACT[1])):
        of = losses(predicted, targets)
        assert abs(of.mean() - expected) < 4 * of.std() / np.sqrt(n), name


def test_the_bayes_predictor_counts_as_a_reader_would():
    tokens, _ = sample(Draws(0, "train", 5, 20), None)
    found = bayes(tokens)
    for row, states in enumerate(tokens.tolist()):
        for at, state in enumerate(states):
            after = [new for old, new in itertools.pairwise(states[: at + 1]) if old == state]
            shares = [(1 + after.count(new)) / (2 + len(after)) for new in (0, 1)]
            assert found[row, at] == pytest.approx(shares)


def test_states_follow_by_the_chances_that_were_drawn_and_the_first_one_is_a_coins():
    n = 4000
    tokens, targets = sample(Draws(3, "train", 0, n), None)
    to_zero = Draws(3, "train", 0, n).uniform(2)
    assert kstest(to_zero.ravel(), "uniform").pvalue > 1e-4
    assert abs(tokens[:, 0].mean() - 0.5) < 4 * 0.5 / np.sqrt(n)
    for state in (0, 1):
        here, chance = tokens == state, to_zero[:, state]
        expected, found = here.sum(axis=1) * chance, (here & (targets == 0)).sum(axis=1)
        variance = (here.sum(axis=1) * chance * (1 - chance)).sum()
        assert abs(found.sum() - expected.sum()) < 4 * np.sqrt(variance)


def test_the_task_keeps_its_promises():
    task = hl.tasks["markov"]
    assert task.check() == []
    shape = task.model.on(task.dataset)
    assert shape.n_weights == 5440 - 32  # published: 5,440, of which 32 are of a distance that never occurs
