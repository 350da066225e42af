"""What the views of a notebook ask, answered by the process that trained the runs: a recording, a trial."""

import weakref
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from headlab.analysis.subject import run_number
from headlab.errors import HeadlabError, SelectionError
from headlab.notation.values import short_repr
from headlab.report.frames.hello import hello_frame
from headlab.report.frames.recording import MOST_NUMBERS_IN_A_FILE, Recording
from headlab.report.frames.seeds import seeds_frame
from headlab.report.frames.trial import trial_frame
from headlab.report.frames.wire import Frame, encode, problems
from headlab.report.notebook.kept_runs import find_runs, keep_runs, name_of

if TYPE_CHECKING:
    from headlab.runs.runs import Runs


class Answerer:
    """Answers the views of a notebook. Every message names the run that it is about: views know what they show, this does not.

    number: the run that a view begins with
    """

    def __init__(self, runs: "Runs", number: int) -> None:
        self.number, self.name = number, name_of(runs)
        self._runs = weakref.ref(runs)
        keep_runs(self.name, runs)

    @property
    def runs(self) -> "Runs":
        """The runs that are asked about; raises `SelectionError` where they have made room for others."""
        runs = self._runs() or find_runs(self.name)
        if runs is None:
            raise SelectionError(
                "the runs of this view must be in memory, and newer ones have taken their place: run its cell again"
            )
        keep_runs(self.name, runs)
        return runs

    def first(self) -> list[bytes]:
        """Return the frames that a view begins with."""
        runs = self.runs
        more = [seeds_frame(runs)] if len(runs) > 1 else []
        frames = [hello_frame(can_try=True, can_open=bool(more)), *_recording_frames(runs, self.number), *more]
        return [encode(frame, id=0, run=self.number) for frame in frames]

    def answer(self, asked: Mapping[str, Any]) -> list[bytes]:
        """Return the frames that answer a message of a view; what cannot be done comes back as a sentence."""
        name = asked.get("id", 0)
        try:
            runs = self.runs
            number = run_number(asked.get("run"), len(runs), from_end=True)
            return [encode(frame, id=name, run=number) for frame in _frames(runs, number, asked)]
        except HeadlabError as error:
            return [encode(problems(error.problems), id=name)]


def _frames(runs: "Runs", number: int, asked: Mapping[str, Any]) -> list[Frame]:
    if asked.get("ask") == "trial":
        more = asked.get("more")
        return [trial_frame(runs[number], more if isinstance(more, dict) else {})]
    if asked.get("ask") == "show":
        return _recording_frames(runs, number)
    raise SelectionError(f"the views can ask for show or trial, got {short_repr(asked.get('ask'))}")


def _recording_frames(runs: "Runs", number: int) -> list[Frame]:
    return list(Recording.of(runs[number], MOST_NUMBERS_IN_A_FILE).frames())
