"""What a training takes, counted before it begins."""

import headlab.engine._native as _native
from headlab.engine import Problem
from headlab.engine.plan import make_plan
from headlab.engine.rotation import narrow_width
from headlab.model.initial import NUMBERS_AT_A_TIME

A_DRAW = 56  # bytes of a weight while it is drawn; only so many are drawn at once
A_STEP, A_SEED = 64, 64  # bytes of a kept step's number, and of a seed, in lists and arrays


def plan_of(problem: Problem, d_head: int | None = None) -> _native.Plan:
    """Return the kernel's plan of a problem; d_head: the width that is trained, where it is another than the model's."""
    return make_plan(problem.tokens, problem.targets, problem.d_vocab, problem.model, problem.training, d_head=d_head)


def trained_width(problem: Problem) -> int | None:
    """Return the narrower width that a problem's heads are trained with, or None."""
    return narrow_width(problem.model, problem.training, problem.model.width(problem.d_vocab))


def bytes_of(problem: Problem, n_runs: int, *, recorded: int = 0, snapshots: int = 0) -> int:
    """Return the most memory that a training takes: weights, optimiser state, curves and kept weights, with their copies.

    recorded, snapshots: at how many steps the loss, and the weights, are kept

    >>> import headlab as hl
    >>> corpus = hl.Corpus.notebook()
    >>> problem = Problem(corpus.tokens, corpus.targets, corpus.d_vocab, hl.ModelConfig(), hl.TrainConfig())
    >>> bytes_of(problem, 100_000) < 1e9 < bytes_of(problem, 100_000, recorded=5020)
    True
    """
    number = 4 if problem.training.dtype == "float32" else 8
    plan, narrow = plan_of(problem), trained_width(problem)
    kept = 1 + plan.state_slots + snapshots
    later = plan.size * kept + 2 * recorded
    if narrow is not None:  # the basis; all of it narrow; and a copy while the largest is put together
        later += 2 * plan.size + plan_of(problem, narrow).size * kept + plan.size * max(1, plan.state_slots, snapshots)
    drawing = A_DRAW * min(n_runs * plan.size, NUMBERS_AT_A_TIME)
    given = A_STEP * (recorded + snapshots) + n_runs * (A_SEED + number * plan.size)
    return given + max(drawing, n_runs * number * later)
