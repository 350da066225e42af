"""A task run over seeds, and its numbers held to those that are known of it: does the published number hold here?"""

import math
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headlab.analysis.looking.head_roles import HeadRole, head_roles
from headlab.analysis.looking.metrics import check_names, lacking, lower_is_better, metric_values, within
from headlab.analysis.looking.without_heads import WithoutHeads
from headlab.config import ModelConfig, TrainConfig
from headlab.config.record import gathered
from headlab.config.seeds import seed_array
from headlab.data.held_out import are_few
from headlab.errors import ConfigError, Problem
from headlab.runs.runs import Runs
from headlab.runs.train import Progress, train
from headlab.study.statistics import Rate, mean_interval, median_interval, wilson
from headlab.tasks.reference import Reference
from headlab.tasks.task import Task

REPRODUCED, NOT_REPRODUCED = "reproduced", "not reproduced"
TOO_FEW, NO_NUMBER = "too few seeds", "no published number"
BADGES = (REPRODUCED, NOT_REPRODUCED, TOO_FEW, NO_NUMBER)
JUDGED = (
    "published",
    "exact",
)  # the kinds of references that a badge is given for; what was measured here is no target
USUAL_SEEDS = 8
OF_TRAINING = 0.95  # of the time, for progress; the rest measures


@dataclass(frozen=True, eq=False)
class Measured:
    """A metric of all runs, and the number that is known of it where there is one.

    values [run]: not a number where a run diverged; reference: what is known, None: nothing

    >>> Measured("token_accuracy", np.array([0.5, 1.0, 0.75])).value
    0.75
    """

    metric: str
    values: NDArray[np.float64]
    reference: Reference | None = None

    @property
    def over(self) -> str:
        """What of the runs is told: best, median, mean, share or each (the worst)."""
        return "median" if self.reference is None else self.reference.over

    @cached_property
    def value(self) -> float:
        """What stands beside the reference's value. A run without a number is as bad as can be; a mean has none then."""
        match self.over:
            case "best":
                return float(self.values[self.best])
            case "each":
                return float(self.values[int(self._merit.argmin())])
            case "median":
                return float(np.median(self._known))
            case "share":
                return float(np.nansum(self.values) / len(self.values))
        return float(self.values.mean())

    @cached_property
    def interval(self) -> tuple[float, float] | None:
        """A 95 % interval for it: Wilson's of a share, order statistics of a median, Student's of a mean.

        None of the best run, or of each one, which are facts about these seeds; and where seeds are too few for one.
        """
        match self.over:
            case "share":
                rate = wilson(int(np.nansum(self.values)), len(self.values))
                return rate.low, rate.high
            case "median":
                return median_interval(self._known)
            case "mean":
                return mean_interval(self.values)
        return None

    @property
    def best(self) -> int:
        """The number of the run that does best."""
        return int(self._merit.argmax())

    @property
    def reached(self) -> Rate | None:
        """How many runs are within the reference's tolerance by themselves; None of a share, which counts runs already."""
        if self.reference is None or self.over == "share":
            return None
        return wilson(sum(self.reference.holds(value) for value in self.values.tolist()), len(self.values))

    @property
    def badge(self) -> str:
        """Whether the number holds here; where none is published or exact, that there is none."""
        if self.reference is None or self.reference.kind not in JUDGED:
            return NO_NUMBER
        if len(self.values) < self.reference.seeds:
            return TOO_FEW
        return REPRODUCED if self.reference.holds(self.value) else NOT_REPRODUCED

    @property
    def _lower(self) -> bool:
        """Whether a lower number is better."""
        if self.reference is None or self.reference.at_most is None:
            return lower_is_better(self.metric)
        return self.reference.at_most

    @property
    def _known(self) -> NDArray[np.float64]:
        """The values, as bad as can be where a run has none."""
        return np.where(np.isnan(self.values), np.inf if self._lower else -np.inf, self.values)

    @property
    def _merit(self) -> NDArray[np.float64]:
        """How well each run does, the higher the better: how near it is where the reference is one from both sides."""
        if self.reference is not None and self.reference.at_most is None:
            return -np.abs(self._known - self.reference.value)
        return -self._known if self._lower else self._known

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain JSON values; what is no number is None."""
        low, high = self.interval or (None, None)
        known, rate = self.reference, self.reached
        reached = None if rate is None else {"runs": rate.successes, "of": rate.n, "low": rate.low, "high": rate.high}
        return {
            "badge": self.badge,
            "metric": self.metric,
            "over": self.over,
            "value": _finite(self.value),
            "low": _finite(low),
            "high": _finite(high),
            "tolerance": None if known is None else known.tolerance,
            "at_most": None if known is None else known.at_most,
            "kind": None if known is None else known.kind,
            "source": None if known is None else known.source,
            "target": None if known is None else known.value,
            "needs": None if known is None else known.seeds,
            "note": "" if known is None else known.note,
            "reached": reached,
            "values": [_finite(value) for value in self.values.tolist()],
        }


def _finite(value: float | None) -> float | None:
    return value if value is not None and np.isfinite(value) else None


@dataclass(frozen=True, eq=False)
class Reproduction:
    """A task's recipe, trained over seeds, and every number that is known of it beside the one that these runs have.

    seconds: that training and measuring took
    """

    task: Task
    recipe: str
    runs: Runs
    measured: tuple[Measured, ...]
    seconds: float

    @property
    def badge(self) -> str:
        """`reproduced` where every published and every exact number holds; else what is the matter."""
        return whole_badge(item.badge for item in self.measured)

    @property
    def headline(self) -> Measured:
        """The number that the badge is about first: one that does not hold, or the first that is published or exact."""
        order = (NOT_REPRODUCED, TOO_FEW, REPRODUCED, NO_NUMBER)
        return min(self.measured, key=lambda item: order.index(item.badge))

    @property
    def best(self) -> int:
        """The number of the run that does best by the headline's metric."""
        return self.headline.best

    @property
    def best_seed(self) -> int | None:
        """The seed of that run; None of one from weights set by hand."""
        return None if self.runs.seeds is None else int(self.runs.seeds[self.best])

    @cached_property
    def roles(self) -> tuple[HeadRole, ...]:
        """What the heads of that run do, on examples that it was not trained on; of none that diverged."""
        heads = self.runs.finished[self.best] and self.runs.model.n_layers
        return head_roles(self.runs.subject, self.best) if heads else ()

    @property
    def counts(self) -> str:
        """Of what shares are told that are right: `places`, or whole `sequences`."""
        return self.task.dataset.counts

    @cached_property
    def without_heads(self) -> WithoutHeads | None:
        """How that run does without each of its heads: exactly where its inputs are few; None of one without any, or diverged."""
        if not (self.runs.finished[self.best] and self.runs.model.n_layers):
            return None
        return self.runs[self.best].without_heads(exact=are_few(self.task.dataset))

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain JSON values: the headline's numbers, and those of every reference."""
        numbers = [item.to_dict() for item in self.measured]
        seeds = [] if self.runs.seeds is None else self.runs.seeds.tolist()
        return {
            "name": self.task.name,
            "title": self.task.title,
            "recipe": self.recipe,
            **self.headline.to_dict(),
            "badge": self.badge,
            "seeds": seeds,
            "seconds": round(self.seconds, 2),
            "references": numbers,
        }


def whole_badge(badges: Iterable[str]) -> str:
    """Return the badge of several references together.

    >>> whole_badge([REPRODUCED, NO_NUMBER]), whole_badge([REPRODUCED, NOT_REPRODUCED]), whole_badge([])
    ('reproduced', 'not reproduced', 'no published number')
    """
    found = set(badges)
    return next((badge for badge in (NOT_REPRODUCED, TOO_FEW, REPRODUCED) if badge in found), NO_NUMBER)


@dataclass(frozen=True, eq=False)
class Plan:
    """What is to be trained to hold a task's recipe to what is known of it."""

    task: Task
    recipe: str
    seeds: NDArray[np.uint64]

    @property
    def model(self) -> ModelConfig:
        """The recipe's model."""
        return self.task.recipe(self.recipe).model

    @property
    def training(self) -> TrainConfig:
        """The recipe's training."""
        return self.task.recipe(self.recipe).training

    @property
    def references(self) -> tuple[Reference, ...]:
        """What is known of the recipe."""
        return tuple(item for item in self.task.references if item.recipe == self.recipe)


def plan(task: Task, recipe: str | None = None, seeds: int | Iterable[int] | None = None) -> Plan:
    """Return what is to be trained; raises `ConfigError` for a recipe that the task has not, wrong seeds, or a goal out of reach.

    recipe: by default the task's first; seeds: by default as many, from 0, as what is known of the recipe is stated for

    >>> from headlab.tasks import tasks
    >>> plan(tasks["notebook"], seeds=range(3)).seeds.tolist()
    [0, 1, 2]
    """
    problems: list[Problem] = []
    name = next(iter(task.recipes)) if recipe is None else recipe
    gathered(problems, lambda: task.recipe(name))
    usual = max((item.seeds for item in task.references if item.recipe == name), default=USUAL_SEEDS)
    numbers = gathered(problems, lambda: seed_array(range(usual) if seeds is None else seeds))
    if problems or numbers is None:
        raise ConfigError(problems)
    asked = Plan(task, name, numbers)
    if problems := [*_unmeasurable(asked)]:
        raise ConfigError(problems)
    return asked


def _unmeasurable(asked: Plan) -> Iterator[Problem]:
    """Yield what is asked of the runs and cannot be told of them, or cannot come true whatever they do."""
    task, problems = asked.task, list[Problem]()
    names = gathered(problems, lambda: check_names([*(item.metric for item in asked.references), *task.metrics])) or []
    yield from problems
    known = {item.metric for item in asked.references}
    evaluated = asked.training.evaluate_every > 0
    for name in names:
        of_this = name in known or all(name != item.metric for item in task.references)
        if of_this and (missing := lacking(name, task.dataset, evaluated)):
            said = f"the metric {name} must have what it is worked out from, got no {missing}"
            yield Problem(f"{said}: give it there, or leave the metric out", "metrics")
    for item in asked.references if names else ():
        low, high = (0.0, 1.0) if item.over == "share" else within(item.metric)
        if not item.within_reach(low, high):
            bounds = f"from {low:g} to {high:g}" if math.isfinite(high) else f"of at least {low:g}"
            said = f"a reference for {item.metric} must be a number {bounds}, within its tolerance, got {item.value:g}"
            yield Problem(f"{said}: nothing could reach it", "references")


def reproduce(asked: Plan, *, threads: int | None = None, progress: Progress | None = None) -> Reproduction:
    """Train what was planned, and measure what is known of it; raises as `train`.

    >>> from headlab.tasks import tasks
    >>> reproduce(plan(tasks["notebook"], seeds=range(2))).runs.seeds.tolist()
    [0, 1]
    """
    began = time.monotonic()
    runs = train(
        asked.task.dataset,
        asked.model,
        asked.training,
        **asked.task.recipe(asked.recipe).begins(asked.seeds),
        threads=threads,
        progress=None if progress is None else lambda done: progress(OF_TRAINING * done),
    )
    measured = _measured(runs, asked)
    if progress is not None:
        progress(1.0)
    return Reproduction(asked.task, asked.recipe, runs, measured, time.monotonic() - began)


def _measured(runs: Runs, asked: Plan) -> tuple[Measured, ...]:
    """Return every reference beside what the runs have in its place, then the task's other metrics."""
    held = {item.metric for item in asked.references}
    others = [name for name in asked.task.metrics if name not in held]
    others = others or ([] if held else ["cross_entropy"])
    held_out = getattr(runs.history, "held_out", None)
    curve = None if held_out is None else (held_out.steps, held_out.loss)
    values = metric_values([*held, *others], runs.subject, curve, runs.loss)
    known = [Measured(item.metric, values[item.metric], item) for item in asked.references]
    return (*known, *(Measured(name, values[name]) for name in others))
