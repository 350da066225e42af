"""How a condition's seeds are cut into blocks: by the design alone, so that every machine cuts the same study alike."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from headlab.study.design import StudyDesign

LANES = 16  # runs that the engine trains side by side
SMALLEST, MOST_CHUNKS = 256, 1000  # runs in a chunk; chunks in a study


def block_size(design: "StudyDesign") -> int:
    """Return how many runs a whole block has: at least 256, and more where a study would have over 1,000 of them.

    >>> from headlab.study.design import StudyDesign
    >>> block_size(StudyDesign.grid(seeds=range(1000), d_head=[10, 20]))
    256
    """
    wanted = -(-design.n_runs // MOST_CHUNKS)
    return max(SMALLEST, -(-wanted // LANES) * LANES)
