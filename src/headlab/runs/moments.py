"""Which steps of a training are kept: of its curves, and moments of its weights, so that it can be scrubbed through."""

import operator
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from headlab import engine
from headlab.config import ModelConfig
from headlab.config.record import gathered
from headlab.config.seeds import at_most_runs, is_seed, telling_values
from headlab.data.corpus import Corpus
from headlab.engine import cost
from headlab.errors import ConfigError, Problem
from headlab.notation.values import short_repr

RECORDS = ("all", "log", "none")
LOG_POINTS = 24
MOST_MOMENTS, MOST_NUMBERS = 80, 1_500_000  # moments of training that are drawn; numbers in one array
FEW_SENTENCES, MOST_OF_A_MOMENT = 12, 75_000  # that are drawn whatever they take; numbers up to which more are drawn


@dataclass(frozen=True)
class KeptSteps:
    """At which steps losses and rates are kept, and weights; None: no weights at all. Steps count from the very beginning."""

    recorded: Sequence[int] = ()
    snapshots: Sequence[int] | None = None

    @classmethod
    def of(cls, record: str, snapshots: Any, steps: int, first: int = 0) -> "KeptSteps":
        """Return what is kept of a training of so many steps from the step `first` on; raises `ConfigError`.

        record: all, log(-spaced) or none; snapshots: "log" (none where record is "none"), a list of steps, or None

        >>> KeptSteps.of("all", [5], 6, first=3)
        KeptSteps(recorded=range(3, 6), snapshots=[5])
        """
        problems: list[Problem] = []
        recorded = gathered(problems, lambda: _recorded(record, steps, first))
        kept = gathered(problems, lambda: _snapshot_steps(snapshots, steps, record, first))
        if problems or recorded is None:
            raise ConfigError(problems)
        return cls(recorded, kept)

    def counted_from(self, first: int) -> "KeptSteps":
        """Return the same steps, counted from the step `first` on.

        >>> KeptSteps(range(3, 6), [5]).counted_from(3)
        KeptSteps(recorded=range(0, 3), snapshots=[2])
        """
        return KeptSteps(
            _shifted(self.recorded, first), None if self.snapshots is None else _shifted(self.snapshots, first)
        )

    def bytes_of(self, job: engine.Job, n_runs: int, threads: int | None) -> int:
        """Return how many bytes a training takes with them."""
        steps = {"recorded": len(self.recorded), "snapshots": len(self.snapshots or ())}
        return cost.bytes_of(job, n_runs, **steps, threads=threads)


def _shifted(steps: Sequence[int], first: int) -> Sequence[int]:
    if isinstance(steps, range):  # a million steps are no list
        return range(steps.start - first, steps.stop - first)
    return [step - first for step in steps]


def _recorded(record: str, steps: int, first: int) -> Sequence[int]:
    _check_one_of("record", record, RECORDS)
    if record == "none":
        return range(0)
    return (
        [first + step for step in log_steps(steps - first - 1)]
        if record == "log" and steps > first
        else range(first, steps)
    )


def _snapshot_steps(snapshots: Any, steps: int, record: str, first: int) -> Sequence[int] | None:
    if snapshots is None:
        return None
    if isinstance(snapshots, str):
        _check_one_of("snapshots", snapshots, ("log",))
        none = isinstance(record, str) and record == "none"
        return None if none else [first + step for step in log_steps(steps - first)]
    if not isinstance(snapshots, Iterable) or getattr(snapshots, "ndim", 1) == 0:
        raise ConfigError(
            Problem(f"snapshots must be 'log', None or a list of steps, got {short_repr(snapshots)}", "snapshots")
        )
    given = at_most_runs("snapshots", snapshots)
    wrong = [step for step in telling_values(given) if not is_seed(step) or not first <= step <= steps]
    if wrong:
        said = (
            f"snapshots must be whole numbers from {first} to the number of steps, {steps}, got {short_repr(wrong[0])}"
        )
        raise ConfigError(Problem(said, "snapshots"))
    return sorted({operator.index(step) for step in given}) or None


def _check_one_of(name: str, value: Any, known: Sequence[str]) -> None:
    if not isinstance(value, str) or value not in known:
        raise ConfigError(Problem(f"{name} must be one of {', '.join(known)}, got {short_repr(value)}", name))


def log_steps(last: int, points: int = LOG_POINTS) -> list[int]:
    """Return about `points` steps from 0 to `last`, evenly spaced on a log scale, both ends included.

    >>> log_steps(1000, 7)
    [0, 1, 4, 16, 63, 251, 1000]
    """
    if last <= 0:
        return [0]
    spaced = np.geomspace(1, last, max(2, points - 1)).round().astype(int)
    return [0, *sorted(set(spaced.tolist()))]


def moments_of(corpus: Corpus, model: ModelConfig, steps: int, most: int = MOST_NUMBERS) -> list[int]:
    """Return the steps whose weights are worth keeping: half evenly spaced, half on a log scale, fewer for large models.

    >>> len(moments_of(Corpus.notebook(), ModelConfig(), 5020))
    75
    """
    count = room_for(corpus, model, most)
    even = np.linspace(0, steps, max(2, count // 2)).round().astype(int).tolist()
    return sorted({*even, *log_steps(steps, max(2, count - count // 2))})


def room_for(corpus: Corpus, model: ModelConfig, most: int) -> int:
    """Return how many moments an array of so many numbers has room for."""
    return int(np.clip(most // a_moment(corpus, model), 3, MOST_MOMENTS))


def a_moment(corpus: Corpus, model: ModelConfig) -> int:
    """Return how many numbers the largest array of one moment has: the patterns or the logits of the sentences drawn.

    >>> a_moment(Corpus.notebook(), ModelConfig())
    70
    """
    return drawn_sentences(corpus, model) * _a_sentence(corpus, model)


def drawn_sentences(corpus: Corpus, model: ModelConfig) -> int:
    """Return how many sentences are drawn, the first ones: all where their numbers are few.

    >>> drawn_sentences(Corpus.notebook(), ModelConfig())
    2
    """
    return min(len(corpus.tokens), max(FEW_SENTENCES, MOST_OF_A_MOMENT // _a_sentence(corpus, model)))


def _a_sentence(corpus: Corpus, model: ModelConfig) -> int:
    return corpus.n_ctx * max(model.n_layers * model.n_heads * corpus.n_ctx, corpus.d_vocab)
