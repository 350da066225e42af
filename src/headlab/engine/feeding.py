"""What steps are fed with: batches that are drawn from a stream, some steps at a time."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from headlab.arrays import Array, Int
from headlab.engine.job import Job
from headlab.engine.recipe import positions_of, settings_at

PLACES = 1 << 18  # of a piece: 2 MB of ids, half a second of drawing at the most


@dataclass(frozen=True)
class Piece:
    """Tokens and targets [step, example, position] of some steps."""

    tokens: Int[Array, "step example position"]
    targets: Int[Array, "step example position"]

    @property
    def steps(self) -> int:
        """How many steps it is for."""
        return len(self.tokens)


def pieces(job: Job, first_phase: int, data_seed: int) -> Iterator[Piece]:
    """Yield what the steps of a job are fed with, from a phase on, in their order; nothing where all have the whole corpus.

    Example k is the same however phases are cut: phases with one batch size after another go on where the last one ended.
    Raises `CorpusError`, `ConfigError` as `Stream.batches`.
    """
    stream = job.stream
    if stream is None:
        return
    batch = start = step = (
        0  # of a stretch of phases with one batch size: that, the examples before it, its steps so far
    )
    for number, phase in enumerate(job.training.phases):
        size = settings_at(job.training, number).batch_size or 0
        if size != batch:
            start, step, batch = start + step * batch, 0, size
        if number >= first_phase and phase.steps:
            most = max(1, PLACES // (batch * positions_of(stream, phase.size)))
            for done in range(0, phase.steps, most):
                n = min(most, phase.steps - done)
                drawn = stream.batches(step + done, n, batch, seed=data_seed, size=phase.size, start=start)
                yield Piece(*(np.ascontiguousarray(ids, np.int32) for ids in drawn))
        step += phase.steps
