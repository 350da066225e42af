"""A run and what it was at every kept moment of its training: what the frames of one run are made from."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from headlab.model.params import Params
from headlab.report.frames.picture import picture_frame
from headlab.report.frames.why import why_frame
from headlab.report.frames.wire import Frame
from headlab.runs.moments import MOST_NUMBERS, room_for

if TYPE_CHECKING:
    from headlab.runs.models import Models
    from headlab.runs.runs import Run

MOST_NUMBERS_IN_A_FILE = 100_000  # in one array of what a file keeps: a report, a notebook


@dataclass(frozen=True, eq=False)
class Recording:
    """A run and what it was at each kept moment: `past` holds one model a moment, the last one being the trained one."""

    run: "Run"
    moments: Sequence[int]
    past: "Models"

    @classmethod
    def of(cls, run: "Run", most: int = MOST_NUMBERS) -> "Recording":
        """Return a run with the snapshots that it has, and its end; fewer where one array would have more than `most` numbers."""
        weights = run.runs.params.flat()
        steps = run.training.steps
        if run.snapshots is None:
            return cls(run, [steps], run.runs.models)
        moments, snapshots = run.snapshot_steps.tolist(), run.snapshots
        if not moments or moments[-1] < steps:
            moments, snapshots = [*moments, steps], np.concatenate([snapshots, weights])
        room = room_for(run.corpus, run.model, most)
        if len(moments) > room:
            chosen = np.linspace(0, len(moments) - 1, room).round().astype(int)
            moments, snapshots = [moments[at] for at in chosen], snapshots[chosen]
        params = Params.from_flat(snapshots, run.model.on(run.corpus))
        return cls(run, moments, replace(run.runs.models, params=params))

    def end(self) -> "Recording":
        """Return the end of it alone."""
        return Recording(self.run, self.moments[-1:], self.run.runs.models)

    def frames(self) -> Iterator[Frame]:
        """Yield the picture, and then why the run predicts what it predicts."""
        yield picture_frame(self)
        yield why_frame(self)
