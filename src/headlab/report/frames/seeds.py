"""Many runs beside each other, as a frame: loss, grade, mechanism and pattern of each."""

from typing import TYPE_CHECKING

from headlab.analysis.parts.mechanism import MECHANISMS
from headlab.errors import SelectionError
from headlab.report.frames.wire import Frame, shares

if TYPE_CHECKING:
    from headlab.runs.runs import Runs

MOST_RUNS, MOST_WEIGHTS = 1_000, 400_000  # drawn, and what their patterns hold together


def seeds_frame(runs: "Runs") -> Frame:
    """Return patterns, losses and mechanisms of many runs, the first ones where there are too many to draw.

    `seed` counts the runs where they came from given weights; `of` is how many there are.
    """
    of, shown = len(runs), slice(0, min(len(runs.corpus.tokens), 2))
    runs = runs[: min(MOST_RUNS, max(2, MOST_WEIGHTS // (shown.stop * runs.corpus.n_ctx**2)))]
    return Frame(
        "seeds",
        {
            "of": of,
            "seed": list(range(len(runs))) if runs.seeds is None else [int(seed) for seed in runs.seeds],
            "solved": runs.solved().tolist(),
            "grade": runs.grade().tolist(),
            "mechanism": _mechanisms(runs),
            "order": list(MECHANISMS),
        },
        {"loss": runs.final_loss, "pattern": shares(runs.activations().pattern[:, 0, 0, shown])},
    )


def _mechanisms(runs: "Runs") -> list[str]:
    try:
        return [str(name) for name in runs.explain().mechanism]
    except SelectionError:  # nothing to explain: the current token always tells
        return [""] * len(runs)
