"""Head scores: 1 and 0 on attention built by hand, and an off-by-one that scores 0."""

import numpy as np
import pytest

import headlab as hl
from headlab.analysis.looking.head_scores import (
    copying,
    current_token,
    first_token,
    head_scores,
    prefix_matching,
    previous_token,
)

N = 6
MODEL = hl.ModelConfig(d_head=2)
TOKENS = np.array([[4, 7, 2, 4, 7, 2], [1, 3, 1, 3, 1, -1]])  # 4 7 2 twice; 1 3 1 3 1 with padding


def pattern(key_of):
    """Return a pattern in which every query looks at one key only; padding looks nowhere."""
    result = np.zeros((2, N, N))
    for row, query in np.argwhere(TOKENS >= 0):
        key = key_of(row, query)
        result[row, query, key if 0 <= key <= query else query] = 1
    return result


def after_earlier(row, query, shift=1):
    earlier = [at for at in range(query) if TOKENS[row, at] == TOKENS[row, query]]
    return earlier[-1] + shift if earlier else query


PATTERNS = {
    "previous": pattern(lambda row, query: query - 1),
    "current": pattern(lambda row, query: query),
    "first": pattern(lambda row, query: 0),
    "two before": pattern(lambda row, query: query - 2 if query > 1 else query),
    "induction": pattern(after_earlier),
    "duplicate": pattern(lambda row, query: after_earlier(row, query, 0)),
    "one too far": pattern(lambda row, query: after_earlier(row, query, 2)),
}


@pytest.mark.parametrize(
    ("score", "one", "zeros"),
    [
        (previous_token, "previous", ["two before", "current"]),
        (current_token, "current", ["previous", "two before"][:1]),
        (first_token, "first", ["current"]),
        (prefix_matching, "induction", ["duplicate", "current"]),
    ],
)
def test_a_score_is_one_on_its_own_head_and_zero_on_others(score, one, zeros):
    assert score(PATTERNS[one], TOKENS) == pytest.approx(1)
    for name in zeros:
        assert score(PATTERNS[name], TOKENS) == pytest.approx(0, abs=1e-12), name


def test_a_head_that_is_off_by_one_is_no_induction_head():
    first = TOKENS[:1]
    for name in ("duplicate", "one too far"):
        assert prefix_matching(PATTERNS[name][:1], first) == pytest.approx(0)
    assert prefix_matching(PATTERNS["induction"][:1], first) == 1


def test_half_the_attention_is_half_the_score():
    mixed = (PATTERNS["previous"] + PATTERNS["two before"]) / 2
    assert previous_token(mixed, TOKENS) == pytest.approx(0.5)


def test_padding_counts_in_no_score():
    longer = np.pad(PATTERNS["previous"], ((0, 0), (0, 2), (0, 2)))
    padded = np.pad(TOKENS, ((0, 0), (0, 2)), constant_values=-1)
    assert previous_token(longer, padded) == pytest.approx(1)
    assert prefix_matching(np.pad(PATTERNS["induction"], ((0, 0), (0, 2), (0, 2))), padded) == pytest.approx(1)


def test_prefix_matching_is_undefined_without_a_repeated_token():
    assert np.isnan(prefix_matching(np.tri(3)[None] / 3, np.array([[0, 1, 2]])))


def params(W_V):
    d = W_V.shape[-1]
    weights = {"W_E": np.eye(d), "W_Q": np.zeros((1, 1, d, 2)), "W_K": np.zeros((1, 1, d, 2)), "W_V": W_V[None, None]}
    return hl.Params(W_pos=None, **weights)


def test_copying_is_one_for_a_head_that_writes_what_it_reads_and_zero_for_one_that_does_not():
    assert copying(params(3 * np.eye(4)), MODEL) == pytest.approx(1)
    assert copying(params(-np.eye(4)), MODEL) == pytest.approx(-1)
    assert copying(params(np.zeros((4, 4))), MODEL) == 0
    shift = np.roll(np.eye(4), 1, axis=1)  # always writes the next token
    assert copying(params(shift), MODEL) == pytest.approx(0, abs=1e-12)


def test_copying_sees_through_factored_values_and_unembedding():
    rng = np.random.default_rng(0)
    R = np.linalg.qr(rng.normal(size=(5, 5)))[0]
    weights = {
        "W_E": np.eye(4, 5) @ R,
        "W_pos": None,
        "W_Q": np.zeros((1, 1, 5, 5)),
        "W_K": np.zeros((1, 1, 5, 5)),
        "W_V": R.T[None, None],
        "W_O": R[None, None],
        "W_U": R.T @ np.eye(5, 4),
    }
    assert copying(hl.Params(**weights), MODEL.replace(factored_values=True, unembed=True)) == pytest.approx(1)


def test_scores_of_trained_runs_are_in_their_range():
    scores = head_scores(hl.train(hl.Corpus.notebook(), seeds=range(30), record="none").subject)
    assert len(scores) == 30
    assert scores[["previous_token", "current_token", "first_token"]].stack().between(0, 1).all()
    assert scores["copying"].between(-1, 1).all()
