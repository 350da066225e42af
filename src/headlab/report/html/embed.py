"""The lab's views inside of a page: they ask nobody, and draw what the page carries."""

import base64
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from markupsafe import Markup

from headlab.report import PAGE
from headlab.report.frames.hello import hello_frame
from headlab.report.frames.recording import MOST_NUMBERS_IN_A_FILE, Recording
from headlab.report.frames.seeds import seeds_frame
from headlab.report.frames.wire import encode
from headlab.runs.moments import a_moment

if TYPE_CHECKING:
    from headlab.homework.exercise import Exercise


@dataclass(frozen=True)
class Embedded:
    """Views inside of a page: the script that draws them, its hash for the page's security policy, and what they draw."""

    script: Markup
    sha256: str
    frames: tuple[str, ...]

    @classmethod
    def of(cls, exercise: "Exercise") -> "Embedded | None":
        """Return the views of an exercise; None where headlab was built without its page, or one moment is too large."""
        if (
            not (PAGE / "embed.js").exists()
            or 3 * a_moment(exercise.corpus, exercise.run.model) > MOST_NUMBERS_IN_A_FILE
        ):
            return None
        script = (PAGE / "embed.js").read_text(encoding="utf-8").replace("</script", "<\\/script")
        frames = [
            hello_frame(can_try=False, can_open=False),
            *Recording.of(exercise.run, MOST_NUMBERS_IN_A_FILE).frames(),
        ]
        if len(exercise.runs) > 1 and not exercise.more_places:
            frames.append(seeds_frame(exercise.runs))
        texts = tuple(base64.b64encode(encode(frame, id=0)).decode() for frame in frames)
        return cls(Markup(script), base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(), texts)
