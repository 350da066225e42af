"""Commands for a reader to copy: what explains a run again, what shows a claim of an explanation, what writes a table in full."""

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from headlab.analysis.explanation.explanation import Explanation
    from headlab.analysis.explanation.record import Record


@dataclass(frozen=True)
class RunCommands:
    """The commands that ask about one run again; all of them empty where nobody knows how the run came about.

    >>> NO_COMMANDS.explain, NO_COMMANDS.export("attention")
    ('', '')
    """

    explain: str = ""
    _export: str = ""
    _of_run: str = ""

    @classmethod
    def of_folder(cls, folder: str, run: int) -> "RunCommands":
        """Return the commands about a run of a folder, whose name is a word of a shell.

        >>> commands = RunCommands.of_folder("runs/", 3)
        >>> commands.explain, commands.export("attention")
        ('headlab explain runs/ --run 3', 'headlab export runs/ attention --run 3')
        """
        return cls(f"headlab explain {folder} --run {run}", f"headlab export {folder}", f" --run {run}")

    @classmethod
    def of_options(cls, options: str, seed: int | None) -> "RunCommands":
        """Return the commands about a run that is trained again: file and options as words of a shell, and its seed.

        >>> commands = RunCommands.of_options("a.txt --steps 50", 3)
        >>> commands.explain
        'headlab explain a.txt --steps 50 --seeds 3'
        >>> commands.export("attention")
        'headlab train a.txt --steps 50 --seeds 3 --save runs; headlab export runs attention'
        """
        words = " ".join(filter(None, [options, f"--seeds {seed}"]))
        return cls(f"headlab explain {words}", f"headlab train {words} --save runs; headlab export runs")

    def export(self, table: str) -> str:
        """Return what writes a table of the run in full."""
        return f"{self._export} {table}{self._of_run}" if self._export else ""

    def checks(self, explanation: "Explanation") -> list[dict[str, str]]:
        """Return, for every record of an explanation, the commands that show what its claims rest on, by claim."""
        if not self.explain:
            return [{} for _ in explanation.records]
        found, seen = [], set()
        for record in explanation.records:
            where = f"{self.explain} --sentence {record.sequence + 1}"
            if record.sequence in seen:
                where += f" --position {record.place}"
            seen.add(record.sequence)
            found.append(dict(_checks(record, where)))
        return found


NO_COMMANDS = RunCommands()


def _checks(record: "Record", where: str) -> Iterator[tuple[str, str]]:
    parts = [part for part in (*record.sources, *record.others) if np.isfinite(part.contribution)]
    if parts:  # a run that diverged has none to try
        strongest = max(parts, key=lambda part: abs(part.contribution))
        yield "parts", f"{where} --ablate {shlex.quote(strongest.spelling)}"
    if record.patches:
        yield "coding", f"{where} --patch pattern,v"
