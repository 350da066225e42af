"""What a page carries: a run that is drawn before anything is trained, and the settings that train it again.

A report and a notebook's view are the lab's page, and carry a run alike; the page's side is web/src/carried.ts.
"""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from headlab.config.numerics import NUMERICS
from headlab.errors import ConfigError
from headlab.report.frames.recording import MOST_NUMBERS_IN_A_FILE, Recording
from headlab.report.frames.seeds import seeds_frame
from headlab.report.frames.wire import MOST_EXACT, Frame, encode
from headlab.report.json.values import json_value
from headlab.runs.experiment import fields_of
from headlab.runs.files import file_of
from headlab.runs.history import Outcome
from headlab.runs.moments import a_moment

if TYPE_CHECKING:
    from headlab.runs.runs import Run, Runs


@dataclass(frozen=True, eq=False)
class Carried:
    """A run as a page carries it.

    fields: the page's settings that train it again, to the bit; None where settings alone cannot
    frames: its picture, why it predicts so, and many seeds beside it
    given: its weights where settings cannot, and they are few enough, as the file that the page saves
    """

    fields: Mapping[str, Any] | None
    frames: tuple[Frame, ...]
    given: bytes | None = None

    @classmethod
    def of(cls, run: "Run", beside: "Runs | None" = None, *, moments: bool = True) -> "Carried | None":
        """Return a run, and the runs it is one of; None where it is more than a file should hold.

        moments: with those of its training that were kept, else the end alone, where settings train it again
        """
        fields = _fields(run)
        end = not moments and fields is not None
        if (1 if end else 3) * a_moment(run.corpus, run.model) > MOST_NUMBERS_IN_A_FILE:
            return None
        recording = Recording.of(run, MOST_NUMBERS_IN_A_FILE)
        recording = recording.end() if end else recording
        many = () if beside is None or len(beside) < 2 else (seeds_frame(beside),)
        few = run.model.on(run.corpus).n_weights <= MOST_NUMBERS_IN_A_FILE
        given = file_of(run.runs.to_save()) if fields is None and few else None
        return cls(fields, (*recording.frames(), *many), given)

    def text(self) -> str:
        r"""Return it as the content of a script that holds data: no text in it can end it, or begin a comment.

        >>> Carried({"text": "</script>"}, ()).text()
        '{"numerics": 2, "fields": {"text": "\\u003c/script>"}, "frames": []}'
        """
        frames = [base64.b64encode(encode(frame, id=0)).decode() for frame in self.frames]
        written: dict[str, Any] = {"numerics": NUMERICS, "fields": self.fields, "frames": frames}
        if self.given is not None:
            written["given"] = base64.b64encode(self.given).decode()
        return json.dumps(json_value(written, MOST_EXACT), allow_nan=False).replace("<", "\\u003c")


def _fields(run: "Run") -> dict[str, Any] | None:
    if run.seed is None or run.runs.outcome[0] is Outcome.INTERRUPTED:
        return None
    try:
        return fields_of(run.dataset, run.model, run.training, run.seed)
    except ConfigError:
        return None
