"""What docs/scale.md says is what its benchmark measures: every size of every axis, and a reason where the share is small."""

import re
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from headlab.engine.problem import instruction_sets, lanes_of

ROOT = Path(__file__).parents[1]
sys.path.append(str(ROOT / "benchmarks"))

import scale  # noqa: E402
import timing  # noqa: E402

PAGE = scale.PAGE.read_text(encoding="utf-8")
WRITTEN = PAGE.split(scale.BEGIN)[1].split(scale.END)[0]
RATE = re.search(r"([\d.]+) G multiply-adds a second", WRITTEN)


def tables():
    """The rows of every table, by axis and value."""
    found, axis = {}, None
    for line in WRITTEN.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if cells[0] in scale.AXES:
            axis = cells[0]
        elif line.startswith("|") and cells[0].isdigit():
            found[axis, int(cells[0])] = cells[1:]
    return found


def test_the_page_has_a_row_for_every_size_and_a_figure_of_them_all():
    assert list(tables()) == [(axis, value) for axis, values in scale.AXES.items() for value in values]
    assert len({tuple(tables()[axis, getattr(scale.BASE, axis)]) for axis in scale.AXES}) == 1
    assert "(img/scale.svg)" in PAGE
    assert scale.FIGURE.read_bytes().startswith(b"<?xml")
    assert all(f"<!-- {axis} -->" in scale.FIGURE.read_text(encoding="utf-8") for axis in scale.AXES)


def test_its_shares_are_its_multiply_adds_by_its_times_and_its_rate():
    for (axis, value), (counted, alone, share, together, of_together, _) in tables().items():
        size = replace(scale.BASE, **{axis: value})
        assert counted == f"{size.multiply_adds / 1e6:.1f}"
        for milliseconds, said in ((alone, share), (together, of_together)):
            found = size.multiply_adds / float(milliseconds) / 1e-3 / (float(RATE[1]) * 1e9)
            assert float(said.removesuffix(" %")) == pytest.approx(100 * found, abs=0.5 + found)


def test_whatever_is_below_forty_percent_has_its_reason_there_and_nothing_else_has():
    for _, alone, _, together, why in (row[1:] for row in tables().values()):
        for word, share in (("alone", alone), ("together", together)):
            at = float(share.removesuffix(" %"))
            assert at == 40 or (f"{word}: " in why) == (at < 40)


def test_multiply_adds_are_counted_as_by_hand():
    size = scale.Size(sentences=2, positions=3, d_model=8, heads=2, layers=2)
    job = size.job
    inputs = len({(token, position) for row in job.tokens.tolist() for position, token in enumerate(row)})
    pairs = 2 * 6
    layers = [
        3 * 8 * 8 * 16 + 3 * n * 8 * (8 + 16) + 3 * pairs * (8 + 16) + 3 * 6 * 16 * 8 for n in (inputs, 6)
    ]  # with W_QK
    assert size.multiply_adds == 2 * sum(layers) + 3 * 6 * 8 * 64
    assert size.counts[1:] == (2 * 2 * pairs + 6 * 64, 2 * 2 * (10 + 8 * 2))


def test_costs_that_times_are_made_of_are_found_again_and_what_is_beyond_them_is_said():
    costs = np.array([3e-11, 4e-9, 5e-8])
    seconds = {size: float(costs @ size.counts) for axis in scale.AXES for size in scale.sizes_of(axis)}
    way = scale.Way.fitted(1, seconds)
    np.testing.assert_allclose(way.costs, costs, rtol=1e-6)
    long = scale.sizes_of("positions")[-1]
    found = scale.Measured(way, way, rate=1e11)
    assert found.share(way, long) == pytest.approx(long.multiply_adds / seconds[long] / 1e11)
    assert list(way.parts(long)) == ["exponentials"]
    assert scale.why(found, "alone", long) == f"alone: exponentials {100 * 4e-9 * long.counts[1] / seconds[long]:.0f} %"
    slower = scale.Way(1, {long: 2 * seconds[long]}, costs)
    assert slower.parts(long)["more than foretold"] == pytest.approx(0.5)
    assert scale.why(replace(found, rate=1e10), "alone", long) == ""


def test_a_step_is_what_more_steps_take_longer_than_one(monkeypatch):
    monkeypatch.setattr(timing, "processor_seconds", lambda train, steps: train(steps))
    contender = timing.Contender("x", lambda steps: 5 + 0.25 * steps, runs=4)
    timing.alternate([contender], 2)
    assert contender.seconds == 0.25 / 4


def test_a_rate_that_cannot_be_measured_says_why(monkeypatch):
    monkeypatch.setattr(scale, "Peak", lambda name: (_ for _ in ()).throw(scale.NoPeakError("there is no compiler")))
    ours = lambda name, job, runs, **how: timing.Contender(name, lambda steps: None, runs, steps=1)  # noqa: E731
    monkeypatch.setattr(scale, "ours", ours)
    monkeypatch.setattr(timing, "processor_seconds", lambda train, steps: 0.1 + 0.01 * steps)
    axes = {axis: scale.sizes_of(axis) for axis in scale.AXES}
    found = scale.measure(list({size: 0 for sizes in axes.values() for size in sizes}), rounds=3)
    text = scale.text_of(found, axes)
    assert "not measured, since there is no compiler" in text
    together = lanes_of(instruction_sets()[0], False)
    assert f"| 16 | 61.2 | 10 |  | {10 / together:.3g} |  |  |" in text
    assert scale.figure_of(found, axes)
