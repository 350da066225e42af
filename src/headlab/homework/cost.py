"""What an exercise would take, counted before anything of it is allocated or trained."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from headlab.engine import Job, cost

if TYPE_CHECKING:
    from headlab.config import ModelConfig, TrainConfig
    from headlab.data.corpus import Corpus

LOOKED_AT = 600_000_000  # bytes for looking at what was trained, some runs at a time, and for the page


@dataclass(frozen=True)
class Cost:
    """What an exercise takes, about: seconds, and bytes of memory at its height."""

    seconds: float
    memory: int


@dataclass(frozen=True)
class Plan:
    """What an exercise is to do."""

    corpus: "Corpus"
    model: "ModelConfig"
    training: "TrainConfig"
    head_sizes: Sequence[int]
    n_runs: int
    threads: int | None = None

    @cached_property
    def cost(self) -> Cost:
        """What it takes, about: its runs, the one that is shown, and those of every head size.

        >>> found = Plan(Corpus.notebook(), ModelConfig(), TrainConfig(), [10, 20, 40], 100).cost
        >>> found.seconds < 20, found.memory < 1e9
        (True, True)
        """
        seconds, height = cost.seconds(self._job(self.model.d_head), 1), 0
        for d_head in (self.model.d_head, *self.head_sizes):
            job = self._job(d_head)
            seconds += cost.seconds(job, self.n_runs, self.threads)
            height = max(height, cost.bytes_of(job, self.n_runs, threads=self.threads))
        return Cost(seconds, height + LOOKED_AT)

    def _job(self, d_head: int) -> Job:
        return Job.of(self.corpus, self.model.replace(d_head=d_head), self.training)
