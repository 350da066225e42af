"""The lab's views where nothing is trained: in a report, from what it carries; in a notebook, asked of its kernel."""

import base64
import hashlib
import weakref
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from headlab.analysis.subject import run_number
from headlab.errors import HeadlabError, SelectionError
from headlab.homework.exercise import Exercise
from headlab.notation.values import brief
from headlab.report import PAGE
from headlab.report.frames.recording import Recording, seeds_frame
from headlab.report.frames.trial import trial_frame
from headlab.report.frames.wire import Frame, encode, problems
from headlab.report.limits import MOST_PAGE_PLACES
from headlab.report.notebook.held import held, hold, identity
from headlab.runs.moments import a_moment
from headlab.runs.runs import Runs

MOST_NUMBERS = 100_000  # in one array of what a file keeps: a report, a notebook


@dataclass(frozen=True)
class Embedded:
    """Views inside of a page: the script that draws them, its hash for the page's security policy, and what they draw."""

    script: Markup
    sha256: str
    frames: tuple[str, ...]

    @classmethod
    def of(cls, exercise: Exercise) -> "Embedded | None":
        """Return the views of an exercise; None where headlab was built without its page, or one moment is too large."""
        if not (PAGE / "embed.js").exists() or 3 * a_moment(exercise.corpus, exercise.run.model) > MOST_NUMBERS:
            return None
        script = (PAGE / "embed.js").read_text(encoding="utf-8").replace("</script", "<\\/script")
        frames = [hello(can_try=False, can_open=False), *Recording.of(exercise.run, MOST_NUMBERS).frames()]
        if len(exercise.runs) > 1 and exercise.places <= MOST_PAGE_PLACES:
            frames.append(seeds_frame(exercise.runs))
        texts = tuple(base64.b64encode(encode(frame, id=0)).decode() for frame in frames)
        return cls(Markup(script), base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(), texts)


def hello(*, can_try: bool, can_open: bool) -> Frame:
    """Return what the views must know first: what they may ask for."""
    notebook = {"fork": None, "before": ""}
    return Frame(
        "hello", {"notebook": notebook, "fork_fields": [], "can": {"train": False, "try": can_try, "open": can_open}}
    )


class Kernel:
    """Answers the views of a notebook. Every message names the run that it is about: views know what they show, this does not.

    number: the run that a view begins with
    """

    def __init__(self, runs: Runs, number: int) -> None:
        self.number, self.name = number, identity(runs)
        self._runs = weakref.ref(runs)
        hold(self.name, runs)

    @property
    def runs(self) -> Runs:
        """The runs that are asked about; raises `SelectionError` where they have made room for others."""
        runs = self._runs() or held(self.name)
        if runs is None:
            raise SelectionError(
                "the runs of this view must be in memory, and newer ones have taken their place: run its cell again"
            )
        hold(self.name, runs)
        return runs

    def first(self) -> list[bytes]:
        """Return the frames that a view begins with."""
        runs = self.runs
        more = [seeds_frame(runs)] if len(runs) > 1 else []
        frames = [hello(can_try=True, can_open=bool(more)), *_recorded(runs, self.number), *more]
        return [encode(frame, id=0, run=self.number) for frame in frames]

    def answer(self, asked: Mapping[str, Any]) -> list[bytes]:
        """Return the frames that answer a message of a view; what cannot be done comes back as a sentence."""
        name = asked.get("id", 0)
        try:
            runs = self.runs
            number = run_number(asked.get("run"), len(runs), from_end=True)
            return [encode(frame, id=name, run=number) for frame in _answers(runs, number, asked)]
        except HeadlabError as error:
            return [encode(problems(error.problems), id=name)]


def _answers(runs: Runs, number: int, asked: Mapping[str, Any]) -> list[Frame]:
    if asked.get("ask") == "trial":
        more = asked.get("more")
        return [trial_frame(runs[number], more if isinstance(more, dict) else {})]
    if asked.get("ask") == "show":
        return _recorded(runs, number)
    raise SelectionError(f"the views can ask for show or trial, got {brief(asked.get('ask'))}")


def _recorded(runs: Runs, number: int) -> list[Frame]:
    return list(Recording.of(runs[number], MOST_NUMBERS).frames())


def view(runs: Runs, number: int | None = None) -> Any:
    """Return a widget for Jupyter, VS Code or marimo that shows a run: scrub its training, ablate what it looks at.

    number: the run to show first; by default one with good predictions
    Raises `SelectionError` for a run that does not exist, `HeadlabError` where the package anywidget is not there.
    """
    try:
        from headlab.report.notebook.widget import View
    except ImportError:
        raise HeadlabError("view() must have the package anywidget: pip install 'headlab[notebook]'") from None
    if not (PAGE / "embed.js").exists():
        raise HeadlabError("view() must have the page, and this headlab was built without: pip install . builds it")
    return View.of(runs, runs.pick() if number is None else run_number(number, len(runs), from_end=True))
