"""Seconds of a training's step: alternating between those that are compared, the least of several.

Seconds are of processor time, so that other processes show as little as they can, and a second thread would show. A step is what
more steps take longer than one: what a training takes to begin and to end is in neither.
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np

from headlab import engine
from headlab.engine.trainer import initial_flat

BLOCK, MOST_STEPS = 0.1, 1 << 14


def processor_seconds(work: Callable[..., object], *given: object) -> float:
    """Return the processor time of a call, of all threads together."""
    began = time.process_time()
    work(*given)
    return time.process_time() - began


@dataclass
class Contender:
    """One that trains: `train` takes a number of steps on, of so many runs at once."""

    name: str
    train: Callable[[int], object]
    runs: int = 1
    block: float = BLOCK  # seconds that a measured stretch of steps takes at least
    steps: int = 0
    least: dict[int, float] = field(default_factory=dict)  # seconds by steps

    def measure(self) -> None:
        """Take the time of one step, and of one and many."""
        self.steps = self.steps or self._fitting()
        for steps in (1, 1 + self.steps):
            taken = processor_seconds(self.train, steps)
            self.least[steps] = min(taken, self.least.get(steps, np.inf))

    def _fitting(self) -> int:
        self.train(1)
        first, steps = processor_seconds(self.train, 1), 1
        while steps < MOST_STEPS and processor_seconds(self.train, 1 + steps) - first < self.block:
            steps *= 2
        return steps

    @property
    def seconds(self) -> float:
        """The least seconds per run and step."""
        return (self.least[1 + self.steps] - self.least[1]) / self.steps / self.runs


def alternate(contenders: Iterable[Contender], rounds: int) -> None:
    """Measure all of them in turn, again and again."""
    every = list(contenders)
    for _ in range(rounds):
        for contender in every:
            contender.measure()


def ours(name: str, job: engine.Job, runs: int, block: float = BLOCK, at_once: int = 0) -> Contender:
    """Return so many runs of a job as headlab trains them, on one thread; at_once: as in `train_flat`."""
    weights = initial_flat(job, np.arange(runs, dtype=np.uint64))
    return Contender(
        name, lambda steps: engine.train_flat(_of(job, steps), weights, threads=1, at_once=at_once), runs, block
    )


def _of(job: engine.Job, steps: int) -> engine.Job:
    training = job.training.replace(phases=(job.training.phases[0].replace(steps=steps),))
    return engine.Job(job.tokens, job.targets, job.d_vocab, job.model, training, job.weights)
