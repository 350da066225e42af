"""What a study takes, from what the engine counts; nothing is trained."""

from typing import TYPE_CHECKING

import numpy as np

from headlab import engine
from headlab.engine import cost
from headlab.runs.train import thread_count
from headlab.study.blocks import LANES, block_size

if TYPE_CHECKING:
    from headlab.study.design import StudyDesign


def estimated_seconds(design: "StudyDesign", threads: int | None = None) -> float:
    """Return about how long the trainings of a study take here, with all processors or so many threads."""
    jobs = [engine.Job.of(item.dataset, item.model, item.training) for item in design.conditions]
    at_once = min(
        thread_count(threads) or engine.default_threads(), engine.default_threads(), max(1, design.n_runs // LANES)
    )
    return sum(cost.seconds(job, len(design.seeds), 1) for job in jobs) / at_once


def bytes_of(design: "StudyDesign") -> int:
    """Return about how many bytes a study takes on the disk."""
    total = 0
    for condition in design.conditions:
        numbers = condition.shape.n_weights
        width = np.dtype(condition.training.dtype).itemsize
        a_run = 16
        a_run += numbers * width if "weights" in design.keep else 0
        a_run += 24 * 2 * width if "curves" in design.keep else 0
        a_run += 24 * numbers * width if "snapshots" in design.keep else 0
        total += a_run * len(design.seeds)
    return total + 10_000 * len(design.conditions) * -(-len(design.seeds) // block_size(design))
