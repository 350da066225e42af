"""Other programs are compared with only where they train the same model."""

import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from tiers import long

from headlab import engine
from headlab.engine.trainer import initial_flat

sys.path.append(str(Path(__file__).parents[1] / "benchmarks"))

from peers import __main__ as beside
from peers.model import Model

JOBS = {"notebook": beside.notebook(), "large": beside.large(sentences=2)}


@pytest.fixture(autouse=True)
def quiet():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@pytest.mark.parametrize("job", JOBS)
@pytest.mark.parametrize("peer", [pytest.param(peer, id=peer.name, marks=long) for peer in beside.PEERS])
def test_an_installed_peer_has_our_losses(peer, job):
    if not peer.installed:
        pytest.skip(f"{peer.package} is not installed")
    assert beside.checked(peer, JOBS[job]).runs == (peer.runs or 1)


class Another(beside.Peer):
    """A peer whose losses are ours, and as far beside them."""

    off = (0.0, 0.0)

    def train(self, model):
        def losses(steps):
            training = JOBS["notebook"].training.replace(
                phases=(JOBS["notebook"].training.phases[0].replace(steps=11),)
            )
            job = engine.Job(model.tokens, model.targets, 7, JOBS["notebook"].model, training)
            flat = initial_flat(job, np.arange(1, dtype=np.uint64))
            first, later = engine.train_flat(job, flat, record_steps=[0, 10], threads=1).loss[0]
            return first + self.off[0] if steps == 1 else later + self.off[1]

        return losses


@pytest.mark.parametrize(("off", "same"), [((0, 0), True), ((3e-5, 0), False), ((0, 3e-4), False)])
def test_a_peer_that_trains_another_model_is_refused(monkeypatch, off, same):
    monkeypatch.setattr(Another, "off", off)
    peer = Another("another", "none", "none")
    if same:
        assert beside.checked(peer, JOBS["notebook"]).name == "another"
    else:
        with pytest.raises(ValueError, match="another trains another model: its loss is "):
            beside.checked(peer, JOBS["notebook"])


def test_peers_get_the_weights_of_all_heads_side_by_side():
    job = JOBS["large"]
    flat = initial_flat(job, np.arange(1, dtype=np.uint64))
    model = Model.of(job, flat[0])
    assert sum(weight.size for weight in model.weights.values()) == job.shape.n_weights
    keys_of_second_head = model.weights["QKV1"][:, 64 + 16 : 64 + 32]
    np.testing.assert_array_equal(keys_of_second_head.ravel(), flat[0, job.shape.place("W_K")].reshape(2, 4, -1)[1, 1])


def test_what_is_not_installed_is_named_in_one_line_and_what_cannot_run_says_so(monkeypatch, capsys):
    monkeypatch.setattr(beside, "ROUNDS", 1)
    monkeypatch.setattr(beside, "PEERS", (Another("another", "json", "none"), beside.Peer("broken", "json", "none")))
    monkeypatch.setattr(beside, "PACKAGES", {"json": "JSON", "no_such_a": "A", "no_such_b": "B"})
    monkeypatch.setattr(beside, "large", lambda: JOBS["notebook"])
    monkeypatch.setattr(beside.os, "sched_setaffinity", lambda *_: None, raising=False)
    monkeypatch.setattr(beside, "versions", lambda: None)
    beside.main()
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == "not installed: A, B"
    assert sum(line.startswith("  another ") for line in lines) == 2
    assert "  broken: cannot be run here, ModuleNotFoundError: No module named 'peers.none'" in lines
