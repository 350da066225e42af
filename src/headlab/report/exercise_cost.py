"""What an exercise would take, counted before anything of it is allocated or trained."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from headlab.config import ModelConfig, TrainConfig
from headlab.corpus import Corpus
from headlab.engine import Problem, cost

LANES = 16  # runs that the engine trains side by side; fewer take as long
A_SECOND = 2e10  # multiply-adds of one processor, as measured on small and on large models
A_WEIGHT = 1e-7  # seconds to draw one and turn it
LOOKED_AT = 600_000_000  # bytes for looking at what was trained, some runs at a time, and for the page


@dataclass(frozen=True)
class Cost:
    """What an exercise takes, about: seconds, and bytes of memory at its height."""

    seconds: float
    memory: int


@dataclass(frozen=True)
class Plan:
    """What an exercise is to do."""

    corpus: Corpus
    model: ModelConfig
    training: TrainConfig
    head_sizes: Sequence[int]
    n_runs: int
    threads: int | None = None

    @cached_property
    def cost(self) -> Cost:
        """What it takes, about: its runs, the one that is shown, and those of every head size.

            seconds = multiply-adds / (multiply-adds a second · processors) + weights · seconds a weight

        >>> found = Plan(Corpus.notebook(), ModelConfig(), TrainConfig(), [10, 20, 40], 100).cost
        >>> found.seconds < 20, found.memory < 1e9
        (True, True)
        """
        groups, processors = -(-self.n_runs // LANES), self.threads or os.cpu_count() or 1
        seconds, height = 0.0, 0
        for d_head, times in [(self.model.d_head, groups + 1), *((size, groups) for size in self.head_sizes)]:
            problem = self._problem(d_head)
            plan = cost.plan_of(problem)
            work = times * LANES * self.training.steps * _multiply_adds(problem, len(plan.input_token))
            seconds += work / A_SECOND / min(processors, times) + A_WEIGHT * self.n_runs * plan.size
            height = max(height, cost.bytes_of(problem, self.n_runs))
        return Cost(seconds, height + LOOKED_AT)

    def _problem(self, d_head: int) -> Problem:
        corpus, model = self.corpus, self.model.replace(d_head=d_head)
        return Problem(corpus.tokens, corpus.targets, corpus.d_vocab, model, self.training)


def _multiply_adds(problem: Problem, inputs: int) -> float:
    """Return what one step of one run takes: forward once, backward twice.

    inputs: how many different pairs of token and position there are, which the first layer sees once each
    """
    model, n_ctx = problem.model, problem.tokens.shape[1]
    width, rows = model.width(problem.d_vocab), int((problem.tokens >= 0).sum())
    inner = cost.trained_width(problem) or model.d_head
    value = 2 * width * model.d_head if model.factored_values else width * width
    total = 0.0
    for layer in range(model.n_layers):
        total += (rows if layer else inputs) * model.n_heads * (2 * width * inner + value)
        total += rows * n_ctx * model.n_heads * (inner + width)
    total += rows * problem.d_vocab * (width if model.unembed else 1)
    return 3 * total
