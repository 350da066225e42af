"""The task of pairs: keys and values as published, and nothing but a key tells its value."""

import numpy as np
import pytest
from scipy.stats import chisquare

import headlab as hl
from headlab.data.draws import Draws
from headlab.tasks.tsar import BOS, FIRST, N_SYMBOLS, N_WORDS, QUERY, sample, stages


@pytest.mark.parametrize("size", [2, 8, 32, None])
def test_every_question_is_about_a_key_and_its_value_is_the_target(size):
    tokens, targets = sample(Draws(1, "train", 0, 300), size)
    count = size or N_SYMBOLS
    assert tokens.shape == targets.shape == (300, 2 * count + 1)
    first, second = tokens // N_WORDS, tokens % N_WORDS
    assert (first[:, 0] == BOS).all()
    assert (second[:, 0] == BOS).all()
    assert (first[:, count + 1 :] == QUERY).all()
    assert (targets[:, : count + 1] == -1).all()
    for keys, values, asked, answers in zip(
        first[:, 1 : count + 1], second[:, 1 : count + 1], second[:, count + 1 :], targets[:, count + 1 :], strict=True
    ):
        table = dict(zip(keys.tolist(), values.tolist(), strict=True))
        assert len(table) == count
        assert [table[key] for key in asked.tolist()] == answers.tolist()
        assert sorted(asked) == sorted(keys)
        assert min(keys.min(), values.min()) >= FIRST


def test_keys_values_and_the_order_of_questions_are_alike_often():
    tokens, _ = sample(Draws(2, "train", 0, 8000), 4)
    keys, values = tokens[:, 1:5] // N_WORDS, tokens[:, 1:5] % N_WORDS
    asked = tokens[:, 5:] % N_WORDS
    place = (asked[:, :1] == keys).argmax(axis=1)
    for drawn, count in ((keys[:, 0] - FIRST, N_SYMBOLS), (values[:, 3] - FIRST, N_SYMBOLS), (place, 4)):
        assert chisquare(np.bincount(drawn, minlength=count)).pvalue > 1e-4
    both = np.bincount(N_SYMBOLS * (keys[:, 0] - FIRST) + values[:, 0] - FIRST, minlength=N_SYMBOLS**2)
    assert chisquare(both).pvalue > 1e-4  # a key says nothing of its value


def test_stages_are_those_of_the_published_program():
    batches = [(phase.size, phase.changes["batch_size"]) for phase in stages()]
    assert batches == [(2, 8192), (8, 2048), (16, 1024), (24, 682), (32, 512)] + [(32, 512)] * 20
    rates = [phase.changes["learning_rate"] for phase in stages()]
    assert rates == pytest.approx([0.00425] * 5 + [0.005 * 0.85**i for i in range(1, 21)])
    assert all(phase.reset and phase.steps == 64 for phase in stages())


def test_the_task_keeps_its_promises():
    task = hl.tasks["tsar"]
    assert task.check() == []
    assert task.model.on(task.dataset).n_weights == 34 * 2 + 4 + 3 * (4 * 2 + 2) + 2 * 4 + 4 + 4 * 34 + 34
