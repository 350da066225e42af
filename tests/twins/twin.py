"""Trained runs of a problem, as both sides look at them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from headlab.analysis.explanation.explanation import Explanation
from headlab.errors import SelectionError
from headlab.report.frames.recording import Recording
from headlab.runs.experiment import Experiment
from headlab.runs.moments import moments_of
from headlab.runs.runs import Run, Runs
from headlab.runs.train import train
from twins.problems import Problem

AT_ONCE = 50  # seeds that are trained and explained together


@dataclass(frozen=True, eq=False)
class Twins:
    """A problem and its runs with some seeds, every kept moment included."""

    problem: Problem
    seeds: Sequence[int]

    @cached_property
    def experiment(self) -> Experiment:
        """The settings, checked."""
        return Experiment.of(self.problem.fields)

    @property
    def moments(self) -> list[int]:
        """The steps whose weights are kept, as for the lab's picture."""
        experiment = self.experiment
        return moments_of(experiment.dataset.corpus, experiment.model, experiment.training.steps)

    @cached_property
    def runs(self) -> Runs:
        """The runs, trained."""
        asked = self.experiment.dataset, self.experiment.model, self.experiment.training
        return train(*asked, seeds=self.seeds, record="all", snapshots=self.moments)

    @cached_property
    def explanations(self) -> list[Explanation] | str:
        """Of every run; a sentence where the corpus has nothing to explain."""
        try:
            return list(self.runs.explain())
        except SelectionError as error:
            return str(error)

    def each(self) -> Iterator["Twin"]:
        """Yield every run."""
        return (Twin(self, number) for number in range(len(self.seeds)))


@dataclass(frozen=True, eq=False)
class Twin:
    """One run of a problem."""

    twins: Twins
    number: int

    @property
    def run(self) -> Run:
        """The run."""
        return self.twins.runs[self.number]

    @cached_property
    def recording(self) -> Recording:
        """The run, and what it was at every kept moment."""
        return Recording.of(self.run)

    @property
    def explanation(self) -> Explanation | None:
        """Its explanation; None where there is nothing to explain."""
        every: Any = self.twins.explanations
        return None if isinstance(every, str) else every[self.number]
