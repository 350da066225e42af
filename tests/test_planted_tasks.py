"""Circuits that are set by hand give exactly what they were written for, and the measures of heads say so."""

import itertools
import json
from collections import Counter
from fractions import Fraction

import numpy as np
import pytest

import headlab as hl
from headlab.analysis.looking.head_scores import copying, prefix_matching, previous_token
from headlab.data.draws import Draws
from headlab.model.forward import forward
from headlab.tasks import planted, planted_counts, planted_fractions, planted_shift

NAMES = ("planted", "planted-shift", "planted-fractions", "planted-counts")


def ran(module, tokens, dtype=np.float32):
    """Return everything that a planted model computes on tokens, in the numbers that it is trained in."""
    params = module.weights()
    narrow = params.replace(**{name: weight.astype(dtype) for name, weight in params.items()})
    return forward(narrow, tokens, module.MODEL)


def right(found, targets):
    return (found.logits.argmax(axis=-1) == targets)[targets >= 0]


@pytest.mark.parametrize("name", NAMES)
def test_a_planted_task_keeps_its_promises(name):
    assert hl.tasks[name].check() == []


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_induction_head_is_always_right_and_its_scores_are_1(dtype):
    tokens, targets = planted.STREAM.examples("held out", 0, 500)
    found = ran(planted, tokens, dtype)
    assert right(found, targets).all()
    first, second = found.pattern[:, 0]
    assert float(previous_token(first, tokens)) == 1.0
    assert float(prefix_matching(second, tokens)) == pytest.approx(1, abs=1e-9 if dtype is np.float64 else 1e-6)
    assert copying(planted.weights(), planted.MODEL)[1, 0] == pytest.approx(1, abs=1e-12)
    assert copying(planted.weights(), planted.MODEL)[0, 0] == 0


def test_the_shift_gives_what_tracr_gives_and_is_right_on_every_input():
    tokens = np.array([["abcd".index(letter) for letter in "abcd"]])
    assert ran(planted_shift, tokens).logits.argmax(axis=-1)[0, 1:].tolist() == tokens[0, :3].tolist()
    ((everything, targets),) = planted_shift.every()
    assert len(everything) == 4**5
    found = ran(planted_shift, everything)
    assert right(found, targets).all()
    assert float(previous_token(found.pattern[0, 0], everything)) == 1.0


def test_fractions_are_those_of_tracr_and_right_on_every_input():
    tokens = np.array([["helo".index(letter) for letter in "hello"]])
    found = ran(planted_fractions, tokens)
    shares = found.resid_post[0, 0, :, -1]
    assert shares == pytest.approx([0, 0, 1 / 3, 1 / 2, 2 / 5], abs=1e-7)
    ((everything, targets),) = planted_fractions.every()
    found = ran(planted_fractions, everything)
    assert right(found, targets).all()
    share = found.resid_post[0, :, :, -1]
    counted = [[Fraction(row[: at + 1].count(2), at + 1) for at in range(5)] for row in everything.tolist()]
    assert np.abs(share - np.array(counted, float)).max() < 1e-7
    assert found.pattern[0, 0] == pytest.approx(
        np.broadcast_to(np.tri(5) / np.arange(1, 6)[:, None], (1024, 5, 5)), abs=1e-7
    )


def test_counts_are_right_in_every_way_to_write_10_as_a_sum_and_on_the_published_lists_of_two_symbols():
    sums = planted_counts.ways(10, 10)
    assert len(sums) == 42
    lists = [[32, *(symbol for symbol, count in enumerate(one) for _ in range(count))] for one in sums]
    pairs = itertools.permutations(range(0, 32, 5), 2)
    lists += [[32] + [a] * k + [b] * (10 - k) for a, b in pairs for k in range(1, 11)]
    tokens = np.array(lists)
    targets = np.array([[-1, *(Counter(row[1:])[symbol] for symbol in row[1:])] for row in lists])
    assert right(ran(planted_counts, tokens), targets).all()


def test_lists_are_drawn_from_every_sum_alike_and_their_targets_are_counts():
    tokens, targets = planted_counts.sample(Draws(0, "test", 0, 4200), None)
    assert all(
        [Counter(row[1:])[symbol] for symbol in row[1:]] == asked[1:]
        for row, asked in zip(tokens[:300].tolist(), targets[:300].tolist(), strict=True)
    )
    kinds = Counter(tuple(sorted(Counter(row[1:]).values())) for row in tokens.tolist())
    assert len(kinds) == 42
    assert max(abs(count - 100) for count in kinds.values()) < 5 * 10


def test_looking_at_like_symbols_alone_would_not_count():
    """Without BOS a softmax is the same whatever the count: that is why it stands there."""
    tokens = np.array([[3] * 10, [3] + [4] * 9])
    stream = ran(planted_counts, tokens).resid_post[0, :, 0]
    assert stream[0].tolist() == pytest.approx(stream[1].tolist())


def test_every_command_takes_the_weights_that_were_written_down(run):
    status, trained, _ = run("train", "planted-shift", "--json")
    assert (status, json.loads(trained)["runs"][0]["grade"]) == (0, "solved")
    status, explained, _ = run("explain", "planted-shift", "--sentence", "1")
    first = explained.splitlines()[0]
    assert (status, first.startswith("Run(from given weights"), "solved" in first) == (0, True, True)


def test_a_study_refuses_weights_set_by_hand_and_takes_their_data_with_steps():
    with pytest.raises(hl.ConfigError, match="got planted-shift, whose weights are set by hand"):
        hl.StudyDesign.grid(seeds=range(2), dataset=[hl.tasks["planted-shift"], hl.tasks["ioi"]])
    assert hl.StudyDesign.grid(hl.tasks["planted-shift"], seeds=range(2), batch_size=[8], steps=[5, 9]).n_runs == 4
