"""Runs whose weights are no finite numbers are an outcome like others: nothing decomposes them, nothing else is printed."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from strict import strict
from tiers import long

import headlab as hl
from headlab.analysis.looking.circuits import circuits, effective_rank, singular_values
from headlab.analysis.looking.head_scores import head_scores
from headlab.model.decompose import of_finite

SOURCES = Path(hl.__file__).parent


def printed(folder, *arguments: str) -> tuple[bytes, bytes]:
    """Return what a command wrote to standard output and standard error, LAPACK's own lines included."""
    command = [sys.executable, "-W", "error", "-m", "headlab", *arguments]
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=folder, capture_output=True, timeout=120, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout, done.stderr


DIVERGING = {
    "a rate too large": ["--learning-rate", "1e5", "--steps", "50"],
    "weights too large": ["--init-scale", "1e30", "--steps", "50"],
    "weights beyond float32": ["--init-scale", "1e39", "--steps", "50"],
    "weights beyond float32, wide heads": ["--init-scale", "1e39", "--steps", "2", "--d-head", "60"],
    "weights too large, no steps": ["--init-scale", "1e30", "--steps", "0", "--n-heads", "2", "--factored-values"],
    "only some runs diverge": ["--learning-rate", "3", "--steps", "300", "--n-layers", "2"],
}


COMMANDS = {"exercise": ["--runs", "3", "--head-sizes", "5,20"], "explain": ["--seeds", "0:3"], "train": []}


@pytest.mark.parametrize(
    ("command", "name"),
    [("exercise", next(iter(DIVERGING)))]
    + [pytest.param("exercise", name, marks=long) for name in list(DIVERGING)[1:3]]
    + [("explain", name) for name in DIVERGING]
    + [("train", "a rate too large")],
)
def test_answer_for_scripts_is_json_and_nothing_else(tmp_path, command, name):
    out, err = printed(tmp_path, command, *COMMANDS[command], *DIVERGING[name], "--json")
    strict(out)
    assert out.startswith(b"{")
    assert err == b""


def test_tables_of_diverged_runs_are_tables_and_nothing_else(tmp_path):
    printed(tmp_path, "train", "--learning-rate", "1000", "--seeds", "0:3", "--save", "dv", "--json")
    for table in ("weights", "predictions"):
        out, err = printed(tmp_path, "export", "dv", table, "--json")
        assert isinstance(strict(out), list)
        assert err == b""
    out, err = printed(tmp_path, "export", "dv", "runs")
    assert re.fullmatch(rb"run,seed,[^\n]*\r?\n(\d[^\n]*\r?\n){3}", out)
    assert err == b""


def diverged(**model):
    shape = hl.ModelConfig(init_scale=1e30, **model)
    return hl.train(hl.Corpus.notebook(), shape, hl.TrainConfig.of(steps=1), seeds=range(3), record="none")


@pytest.mark.parametrize("model", [{}, {"d_head": 60}, {"factored_values": True, "n_heads": 2}])
def test_decompositions_of_what_is_not_finite_are_no_numbers(model, capfd):
    start = hl.TrainConfig.of(steps=0)
    broken = hl.train(hl.Corpus.notebook(), hl.ModelConfig(**model), start, seeds=range(3), record="none")
    for name, weight in broken.params.items():
        weight[1] = np.inf if name != "W_V" else np.nan
    assert np.isnan(broken[1].summary().attrs["effective_rank_W_QK"]).all()
    scores = head_scores(broken.subject)
    assert scores.query("run == 1")["copying"].isna().all()
    assert scores.query("run != 1")["copying"].notna().all()
    found = circuits(broken.subject, run=1)
    assert np.isnan(found.singular_values["QK"]).all()
    assert np.isnan(found.effective_rank["OV"])
    assert capfd.readouterr() == ("", "")


def test_guard_decides_matrix_by_matrix():
    rng = np.random.default_rng(0)
    matrices = rng.normal(size=(2, 3, 4, 4))
    matrices[0, 1, 2, 3] = np.nan
    matrices[1, 2, 0, 0] = -np.inf
    good = np.isfinite(matrices).all(axis=(-1, -2))
    values = singular_values(matrices)
    np.testing.assert_array_equal(np.isfinite(values).all(axis=-1), good)
    np.testing.assert_array_equal(values[good], np.linalg.svd(matrices[good], compute_uv=False))
    np.testing.assert_array_equal(np.isnan(effective_rank(matrices)), ~good)
    q, r = of_finite(lambda matrix: tuple(np.linalg.qr(matrix)), matrices)
    np.testing.assert_allclose((q @ r)[good], matrices[good])
    assert np.isnan(q[~good]).all()


def test_weights_that_cannot_take_one_step_are_kept_as_they_were_given():
    runs = diverged(d_head=60)
    start = hl.train(runs.corpus, runs.model, hl.TrainConfig.of(steps=0), seeds=range(3), record="none")
    assert runs.outcomes() == ["diverged at step 0"] * 3
    np.testing.assert_array_equal(runs.params.flat(), start.params.flat())


def test_every_decomposition_goes_through_the_guard():
    loose = [
        f"{path.relative_to(SOURCES)}: {line.strip()}"
        for path in SOURCES.rglob("*.py")
        for line in path.read_text().splitlines()
        if re.search(r"(np|scipy)\.linalg\.\w+", line) and "of_finite(" not in line
    ]
    assert loose == []
