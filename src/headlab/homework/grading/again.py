"""Runs that files name, trained again: every one once, whoever named it, those of one setting together."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from headlab.engine.cost import bytes_of, seconds
from headlab.homework.grading.asked import Asked, Ended, Setting
from headlab.model.order import reordered_flat
from headlab.runs.train import Progress, train
from headlab.study.training import overview_of

if TYPE_CHECKING:
    from headlab.runs.runs import Run, Runs

MOST_AT_ONCE = 1024  # runs of a setting that are trained in one call
MOST_BYTES = 256 << 20  # that they take, and that all runs together keep
MOST_BYTES_OF_ONE = 1 << 30
DIGITS = 32  # of a run's hash


@dataclass(frozen=True, eq=False)
class Again:
    """A run, trained again: its weights, their hash, and how it ended; among: those that it was trained with, number: which."""

    among: "Runs"
    number: int
    hash: str
    ended: Ended

    @property
    def run(self) -> "Run":
        """The run alone."""
        return self.among[self.number]


def cost(runs: Iterable[Asked]) -> tuple[float, int]:
    """Return about how many seconds of a core runs take that are trained by themselves, and the most bytes of one.

    >>> from headlab.runs.experiment import notebook_fields
    >>> asked = [Asked.of({**notebook_fields(), "seed": seed}) for seed in range(40)]
    >>> 0 < cost(asked)[0] < 60
    True
    """
    counts = {setting: len(seeds) for setting, seeds in _seeds(runs).items()}
    taken = sum(_seconds(setting, count) for setting, count in counts.items())
    return taken, max((bytes_of(setting.job, 1, threads=1) for setting in counts), default=0)


def kept_bytes(runs: Iterable[Asked]) -> int:
    """Return how many bytes the weights of runs take."""
    return sum(4 * run.setting.job.shape.n_weights for run in runs)


def trained_again(
    runs: Iterable[Asked], progress: Progress | None = None, *, mechanisms: bool = False
) -> dict[Asked, Again]:
    """Train runs, those of one setting together, and return each with its hash; mechanisms: whether these are found, too.

    >>> from headlab.runs.experiment import notebook_fields
    >>> one = Asked.of({**notebook_fields(), "seed": 4})
    >>> trained_again([one, one])[one].ended.grade
    'solved'
    """
    parts = [(setting, some) for setting, seeds in _seeds(runs).items() for some in _batches(setting, seeds)]
    whole, done = sum(_work(setting, some) for setting, some in parts), 0.0
    found: dict[Asked, Again] = {}
    for setting, some in parts:
        experiment = setting.experiment
        trained = train(
            experiment.dataset, experiment.model, experiment.training, seeds=some, record="none", snapshots=None
        )
        for again in _ended(setting, trained, mechanisms=mechanisms):
            found[again.ended.asked] = again
        done += _work(setting, some)
        if progress is not None:
            progress(done / whole)
    return found


def _ended(setting: Setting, runs: "Runs", *, mechanisms: bool) -> Iterator[Again]:
    ways = np.broadcast_to(overview_of(runs)["mechanism"] if mechanisms else "", len(runs))
    assert runs.seeds is not None
    rows = zip(runs.seeds, hashes(runs), runs.grade(), runs.final_loss, runs.finished, ways, strict=True)
    for number, (seed, name, grade, loss, finished, way) in enumerate(rows):
        asked = Asked(setting, int(seed))
        yield Again(runs, number, name, Ended(asked, str(grade), float(loss), bool(finished), str(way)))


def hashes(runs: "Runs") -> list[str]:
    """Return the hash of every run as an answer file has it: 128 bits of the SHA-256 of its float32 weights in training order.

    >>> import headlab as hl
    >>> hashes(hl.train(hl.Corpus.notebook(), seeds=0, record="none"))
    ['9d8a1e47ef0d98843edbe9f8ab0f8a7b']
    """
    flat = reordered_flat(runs.params.flat(), runs.corpus.batch.order, runs.model.on(runs.corpus)).astype("<f4")
    return [hashlib.sha256(weights.tobytes()).hexdigest()[:DIGITS] for weights in flat]


def _seeds(runs: Iterable[Asked]) -> dict[Setting, list[int]]:
    found: dict[Setting, dict[int, None]] = {}
    for run in runs:
        found.setdefault(run.setting, {})[run.seed] = None
    return {setting: list(seeds) for setting, seeds in found.items()}


def _batches(setting: Setting, seeds: Sequence[int]) -> Iterator[Sequence[int]]:
    size = min(MOST_AT_ONCE, len(seeds))
    while size > 1 and bytes_of(setting.job, size) > MOST_BYTES:
        size //= 2
    return (seeds[at : at + size] for at in range(0, len(seeds), size))


def _work(setting: Setting, seeds: Sequence[int]) -> float:
    return float(len(seeds) * setting.job.training.steps * setting.job.shape.n_weights)


@lru_cache(maxsize=20_000)
def _seconds(setting: Setting, count: int) -> float:
    return seconds(setting.job, count, threads=1)
