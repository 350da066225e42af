"""What is known of a task before anybody runs it again here: a number, where it is from, and how near is near."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from headlab.config.record import Checked
from headlab.errors import Problem
from headlab.notation.values import short_repr

PUBLISHED, EXACT, MEASURED = KINDS = ("published", "exact", "measured")
OVER = ("best", "median", "mean", "share", "each")


@dataclass(frozen=True)
class Reference(Checked):
    """A number that a metric is held against.

    metric: one of the task's, over so many seeds: of the best, the median, the mean, the share of runs that reach it, or each
    kind: `published` (by others), `exact` (follows from the data, by a program), `measured` (here); never mixed
    value, tolerance: what is to come, and how far away still is that; source: where it is said; note: why this tolerance
    at_most: None: within the tolerance on both sides; False: at least value - tolerance; True: at most value + tolerance
    recipe: by which of the task's

    Raises `ConfigError`, which lists all wrong fields.

    >>> at_least = Reference("exact_accuracy", 1.0, 0.0, EXACT, "counted", "best", seeds=24, at_most=False)
    >>> at_least.holds(1.0), at_least.holds(0.999)
    (True, False)
    """

    metric: str
    value: float
    tolerance: float
    kind: str
    source: str
    over: str = "median"
    seeds: int = 8
    recipe: str = PUBLISHED
    at_most: bool | None = None
    note: str = ""

    def holds(self, found: float) -> bool:
        """Return whether a number that was found is within the tolerance; one that is not finite is not."""
        low, high = self._range()
        return math.isfinite(found) and low <= found <= high

    def within_reach(self, lowest: float, highest: float) -> bool:
        """Return whether a number between two others can be within the tolerance.

        >>> Reference("token_accuracy", 1.2, 0.1, EXACT, "counted").within_reach(0, 1)
        False
        """
        low, high = self._range()
        return low <= highest and high >= lowest

    def _range(self) -> tuple[float, float]:
        low = -math.inf if self.at_most is True else self.value - self.tolerance
        return low, math.inf if self.at_most is False else self.value + self.tolerance

    def _problems(self) -> Iterable[Problem]:
        for name in ("metric", "source", "recipe", "note"):
            text = getattr(self, name)
            if not isinstance(text, str) or not (text or name == "note"):
                yield Problem(f"a reference's {name} must be a text, got {short_repr(text)}", name)
        for name, low in (("value", -math.inf), ("tolerance", 0.0)):
            number = getattr(self, name)
            fits = isinstance(number, int | float) and not isinstance(number, bool) and math.isfinite(number)
            if not fits or number < low:
                wanted = "a finite number" if name == "value" else "a finite number of at least 0"
                yield Problem(f"a reference's {name} must be {wanted}, got {short_repr(number)}", name)
        for name, known in (("kind", KINDS), ("over", OVER)):
            if getattr(self, name) not in known:
                given = short_repr(getattr(self, name))
                yield Problem(f"a reference's {name} must be one of {', '.join(known)}, got {given}", name)
        if type(self.seeds) is not int or self.seeds < 1:
            yield Problem(f"a reference's seeds must be how many, at least 1, got {short_repr(self.seeds)}", "seeds")
        if self.at_most not in (None, True, False):
            yield Problem(
                f"a reference's at_most must be None, True or False, got {short_repr(self.at_most)}", "at_most"
            )
