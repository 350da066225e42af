"""The lab's page inside of a report: it asks nobody, draws the run that the report carries, and trains what is wanted next."""

import base64
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from markupsafe import Markup

from headlab.report import PAGE
from headlab.report.carried import Carried

if TYPE_CHECKING:
    from headlab.homework.exercise import Exercise


@dataclass(frozen=True)
class Embedded:
    """The page inside of a report: its script, that script's hash for the security policy, and the run that it carries."""

    script: Markup
    sha256: str
    carried: Markup

    @classmethod
    def of(cls, exercise: "Exercise") -> "Embedded | None":
        """Return the page with an exercise's run; None where headlab was built without it, or the run is too large for a file."""
        beside = None if exercise.more_places else exercise.runs
        carried = Carried.of(exercise.run, beside) if (PAGE / "embed.js").exists() else None
        if carried is None:
            return None
        script = (
            (PAGE / "embed.js").read_text(encoding="utf-8").replace("</script", "<\\/script").replace("<!--", "<\\!--")
        )
        sha256 = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        return cls(Markup(script), sha256, Markup(carried.text()))
