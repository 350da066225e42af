"""What came of the gallery's last run: every task's badge and numbers, with the day and the machine."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("gallery.json")
NOT_RUN = "not run yet"


@dataclass(frozen=True)
class Gallery:
    """Results of all tasks, as `make gallery` keeps them.

    date: the day of the run (ISO 8601), "" before the first one; machine: in words; headlab: its version
    tasks: by name, `badge`, `seconds` and `recipes`: of each recipe that was run what `Reproduction.to_dict` has

    >>> Gallery().badge("notebook"), Gallery().headline("notebook")
    ('not run yet', None)
    """

    date: str = ""
    machine: str = ""
    headlab: str = ""
    tasks: Mapping[str, Any] = field(default_factory=dict)

    def badge(self, name: str) -> str:
        """Return a task's badge; that it was not run yet, where it was not."""
        return str(self.tasks[name]["badge"]) if name in self.tasks else NOT_RUN

    def recipes(self, name: str) -> Mapping[str, Any]:
        """Return what came of each of a task's recipes that were run, by its name."""
        found: Mapping[str, Any] = self.tasks[name]["recipes"] if name in self.tasks else {}
        return found

    def headline(self, name: str) -> Mapping[str, Any] | None:
        """Return a task's first recipe's result, whose own fields are its headline's; None where it was not run."""
        return next(iter(self.recipes(name).values()), None)


@cache
def last_gallery() -> Gallery:
    """Return the results that ship with the package."""
    return Gallery(**json.loads(FILE.read_text(encoding="utf-8")))
