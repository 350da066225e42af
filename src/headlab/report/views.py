"""The lab's views where nothing is trained: in a report, from what it carries; in a notebook, asked of its kernel."""

import base64
import hashlib
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from headlab.errors import HeadlabError, SelectionError
from headlab.report import PAGE
from headlab.report.exercise import Exercise, pick
from headlab.report.frames import Frame, encode, problems
from headlab.report.recording import Recording, seeds_frame, tried
from headlab.runs import Run, Runs

MOST_NUMBERS = 60_000  # in one array of a report
MOST_RUNS = 1_000  # beside each other


@dataclass(frozen=True)
class Embedded:
    """Views inside of a page: the script that draws them, its hash for the page's security policy, and what they draw."""

    script: Markup
    sha256: str
    frames: tuple[str, ...]

    @classmethod
    def of(cls, exercise: Exercise) -> "Embedded | None":
        """Return the views of an exercise; None where headlab was built without its page."""
        if not (PAGE / "embed.js").exists():
            return None
        script = (PAGE / "embed.js").read_text(encoding="utf-8").replace("</script", "<\\/script")
        frames = [hello(can_try=False, can_open=False), *Recording.of(exercise.run, MOST_NUMBERS).frames()]
        if 1 < len(exercise.runs) <= MOST_RUNS:
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
    """Answers the views of a notebook: interventions on the run that is shown, and other runs beside it."""

    def __init__(self, runs: Runs, shown: Run) -> None:
        self.runs, self.shown = runs, shown

    def first(self) -> list[bytes]:
        """Return the frames that the views begin with."""
        many = len(self.runs) > 1
        frames = [hello(can_try=True, can_open=many), *Recording.of(self.shown).frames()]
        return [encode(frame, id=0) for frame in [*frames, *([seeds_frame(self.runs[:MOST_RUNS])] if many else [])]]

    def answer(self, asked: dict[str, Any]) -> list[bytes]:
        """Return the frames that answer a message of the views; what cannot be done comes back as a sentence."""
        number = asked.get("id", 0)
        try:
            return [encode(frame, id=number) for frame in self._frames(asked)]
        except HeadlabError as error:
            return [encode(problems(error.problems), id=number)]

    def _frames(self, asked: dict[str, Any]) -> list[Frame]:
        if asked.get("ask") == "trial":
            return [tried(self.shown, dict(asked.get("more") or {}))]
        if asked.get("ask") == "show":
            self.shown = self.runs[self._number(dict(asked.get("fields") or {}).get("seed"))]
            return list(Recording.of(self.shown).frames())
        raise SelectionError(f"the views can ask for show or trial, got {asked.get('ask')!r}")

    def _number(self, seed: Any) -> int:
        seeds = list(range(len(self.runs))) if self.runs.seeds is None else self.runs.seeds.tolist()
        if seed not in seeds:
            raise SelectionError(f"the run must be one of these {len(seeds)}, got {seed!r}")
        return seeds.index(seed)


def view(runs: Runs, number: int | None = None) -> Any:
    """Return a widget for Jupyter, VS Code or marimo that shows a run: scrub its training, ablate what it looks at.

    number: the run to show first; by default one with good predictions
    Raises `HeadlabError` where the package anywidget is not there.
    """
    try:
        from headlab.report.widget import View
    except ImportError:
        raise HeadlabError("view() must have the package anywidget: pip install 'headlab[notebook]'") from None
    if not (PAGE / "embed.js").exists():
        raise HeadlabError("view() must have the page, and this headlab was built without: pip install . builds it")
    return View(Kernel(runs, runs[pick(runs) if number is None else number]))
