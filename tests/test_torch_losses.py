"""The engine's losses, step by step, beside those of PyTorch's autograd from the same weights on the same examples."""

import json

import numpy as np
import pytest
from tiers import long
from torch_losses import CASES, FILE, STEPS, torch_losses

import headlab as hl

STORED = json.loads(FILE.read_text(encoding="utf-8"))


def ours(case, dtype="float64"):
    training = case.training.replace(dtype=dtype)
    runs = hl.train(hl.tasks[case.task], case.model, training, init=case.start(), snapshots=None)
    return np.asarray(runs.loss[0], np.float64)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_fifty_steps_have_the_losses_that_autograd_has(case):
    by_torch = np.array(STORED["losses"][case.name])
    assert len(by_torch) == STEPS
    assert by_torch[-1] < by_torch[0]
    np.testing.assert_allclose(ours(case), by_torch, rtol=1e-9)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_in_float32_they_differ_by_rounding(case):
    np.testing.assert_allclose(ours(case, "float32"), STORED["losses"][case.name], rtol=2e-4)


@long
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_what_is_stored_is_what_torch_gives_where_it_is_installed(case):
    pytest.importorskip("torch")
    np.testing.assert_allclose(torch_losses(case), STORED["losses"][case.name], rtol=1e-9)
