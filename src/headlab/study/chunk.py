"""What a chunk is: runs of one condition that were trained together, and what there is to know of it without its rows."""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Chunk:
    """A finished chunk: its condition, its block of seeds, and its file, whose name carries the hash of its content."""

    condition: str
    block: int
    sha: str
    path: Path


class Content(NamedTuple):
    """What a chunk holds: the name of its arrays (or nothing), and its seeds."""

    arrays: str
    seeds: NDArray[np.uint64]
