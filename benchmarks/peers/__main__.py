"""How long a step takes in headlab, and in what else is installed here: the last part of `python benchmarks/training.py`.

One thread, alternating in one process, the least of several. Every peer first has to show that it trains the same model: from the
same weights its losses must be ours.
"""

import importlib
import importlib.util
import os
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from timing import Contender, alternate, ours

import headlab as hl
from headlab import engine
from headlab.engine.trainer import initial_flat
from peers.model import Model, Train

TOGETHER, ROUNDS = 16, 4
NEAR, NEAR_LATER, LATER = 1e-5, 1e-4, 10  # how far a first loss may be from ours, and one so many steps later


@dataclass(frozen=True)
class Peer:
    """A way to train with something that may be installed: function `make` of a module, of so many runs at once (0: of one)."""

    name: str
    package: str
    module: str
    make: str = "compiled"
    runs: int = 0

    @property
    def installed(self) -> bool:
        """Whether there is such a package."""
        return found(self.package)

    def train(self, model: Model) -> Train:
        """Return what trains a model."""
        make: Callable[..., Train] = getattr(importlib.import_module(f"peers.{self.module}"), self.make)
        return make(model, self.runs) if self.runs else make(model)


PEERS = (
    Peer("PyTorch, eager", "torch", "pytorch", "eager"),
    Peer("PyTorch, torch.compile", "torch", "pytorch"),
    Peer("JAX, jit", "jax", "jax"),
    Peer(f"JAX, jit, {TOGETHER} by vmap", "jax", "jax", runs=TOGETHER),
    Peer("TensorFlow, XLA", "tensorflow", "tensorflow"),
)
PACKAGES = {"torch": "PyTorch", "jax": "JAX", "tensorflow": "TensorFlow"}


def notebook() -> engine.Job:
    """The notebook's problem, at a constant rate."""
    return engine.Job.of(hl.Corpus.notebook(), hl.ModelConfig(), hl.TrainConfig.of(steps=1))


def large(sentences: int = 64) -> engine.Job:
    """Sentences of 64 tokens of 64, two layers of four heads."""
    tokens = np.random.default_rng(0).integers(0, 64, (sentences, 64))
    model = hl.ModelConfig(d_model=64, d_head=16, n_heads=4, n_layers=2, factored_values=True, unembed=True)
    return engine.Job(tokens, np.roll(tokens, -1, axis=1), 64, model, hl.TrainConfig.of(steps=1, learning_rate=0.1))


def checked(peer: Peer, job: engine.Job) -> Contender:
    """Return a peer that trains what we train; raises `ValueError` where its losses are not ours."""
    flat = initial_flat(job, np.arange(1, dtype=np.uint64))
    train = peer.train(Model.of(job, flat[0]))
    training = job.training.replace(phases=(job.training.phases[0].replace(steps=LATER + 1),))
    longer = engine.Job(job.tokens, job.targets, job.d_vocab, job.model, training, job.weights)
    expected = engine.train_flat(longer, flat, record_steps=[0, LATER], threads=1).loss[0]
    for steps, loss, near in ((1, expected[0], NEAR), (LATER, expected[1], NEAR_LATER)):
        got = np.asarray(train(steps))
        if not (np.abs(got - loss) <= near).all():
            raise ValueError(f"{peer.name} trains another model: its loss is {got.max():.7g}, ours {loss:.7g}")
    return Contender(peer.name, train, peer.runs or 1)


def compare(about: str, job: engine.Job, unit: str, factor: float) -> None:
    """Print a line a contender: seconds per run and step, and how many times our one run's, and our sixteen's, that is."""
    one, sixteen = ours("headlab, one run", job, 1), ours(f"headlab, {TOGETHER} together", job, TOGETHER)
    contenders, notes = [one, sixteen], []
    for peer in PEERS:
        if not peer.installed:
            continue
        try:
            contenders.append(checked(peer, job))
        except ValueError:
            raise
        except Exception as error:  # without a C++ compiler torch.compile ends in one of many
            said = next(iter(str(error).strip().splitlines()), "")
            notes.append(f"  {peer.name}: cannot be run here, {type(error).__name__}: {said[:120]}")
    alternate(contenders, ROUNDS)
    print(f"{about}, {unit} per run and step, one thread")
    print(f"  {'':34}{'':>10}{'/ one run':>12}{f'/ {TOGETHER} together':>16}")
    for each in contenders:
        ratios = f"{each.seconds / one.seconds:12.2f}{each.seconds / sixteen.seconds:16.2f}"
        print(f"  {each.name:34}{each.seconds * factor:10.2f}{ratios}")
    print(*notes, sep="\n", end="\n" if notes else "")


def versions() -> None:
    """Print the versions of what is installed."""
    there = [(name, importlib.import_module(package)) for package, name in PACKAGES.items() if found(package)]
    print("beside headlab:", ", ".join(f"{name} {module.__version__}" for name, module in there) or "nothing")


def found(package: str) -> bool:
    """Return whether there is such a package."""
    return importlib.util.find_spec(package) is not None


def main() -> None:
    """Compare on both problems; say what is not installed."""
    if hasattr(os, "sched_setaffinity"):  # whatever pools of threads there are, they have one processor
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    warnings.simplefilter("ignore")
    versions()
    compare("The notebook's problem, d_head 20", notebook(), "microseconds", 1e6)
    compare("64 sentences of 64 tokens, d_model 64, 2 layers of 4 heads of 16", large(), "milliseconds", 1e3)
    missing = [name for package, name in PACKAGES.items() if not found(package)]
    if missing:
        print(f"not installed: {', '.join(missing)}")


if __name__ == "__main__":
    main()
