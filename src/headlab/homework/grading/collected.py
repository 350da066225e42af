"""Runs that were collected at values of a setting, alike in all else, and how the study compares them."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from headlab.homework.grading.asked import Ended, Setting
from headlab.study.answer import Answer, Group


@dataclass(frozen=True)
class Collected:
    """The runs of an answer that count, alike but for a setting and the seed; apart: how many others were left out."""

    setting: str
    values: tuple[Any, ...]
    runs: tuple[Ended, ...]
    rest: Setting | None
    apart: int

    @classmethod
    def of(cls, runs: Sequence[Ended], setting: str, values: tuple[Any, ...]) -> "Collected":
        """Take of some runs those that most are alike with."""
        rests = [run.asked.setting.without(setting) for run in runs]
        if not rests:
            return cls(setting, values, (), None, 0)
        rest = Counter(rests).most_common(1)[0][0]
        kept = tuple(run for run, other in zip(runs, rests, strict=True) if other == rest)
        return cls(setting, values, kept, rest, len(runs) - len(kept))

    def at(self, value: Any) -> list[Ended]:
        """Return the runs at a value of the setting, one of each seed."""
        found = {run.asked.seed: run for run in self.runs if run.asked.setting.fields[self.setting] == value}
        return list(found.values())

    @cached_property
    def answer(self) -> Answer:
        """The runs at all values that have some, to be compared."""
        return answer_of(self.setting, {value: self.at(value) for value in self.values})


def answer_of(setting: str, runs: Mapping[Any, Sequence[Ended]]) -> Answer:
    """Return runs as the study compares them, by their value of a setting; values without any are left out."""
    return Answer(setting, tuple(_group(value, some) for value, some in runs.items() if some))


def _group(value: Any, runs: Sequence[Ended]) -> Group:
    seeds = np.array([run.asked.seed for run in runs], np.uint64)
    losses, grades = np.array([run.loss for run in runs]), np.array([run.grade for run in runs])
    diverged = np.array([not run.finished for run in runs])
    ways = np.array([run.mechanism for run in runs])
    return Group(value, seeds, losses, grades, diverged, ways if (ways != "").all() else None)
