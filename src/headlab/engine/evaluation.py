"""What models answer on a batch, from the kernel: their loss, and what has the largest logit everywhere."""

import numpy as np

from headlab.arrays import Array, Float, Int
from headlab.config.model import Shape
from headlab.data.batch import Batch
from headlab.engine.backend import kernel
from headlab.engine.problem import kernel_problem

SOFTMAX = 0  # as headlab.h numbers losses


def answers(
    batch: Batch,
    shape: Shape,
    weights: Float[Array, "run weight"],
    *,
    threads: int | None = None,
    declared: bool = False,
) -> tuple[Float[Array, " run"], Int[Array, "run sequence position"]]:
    """Return each run's mean softmax loss on a batch, and the output with the largest logit everywhere, the lowest id of equals.

    weights: flat, float32 or float64, in which everything is computed; threads: at most, all when None
    declared: as in `activations`. The output is -1 at padding; of logits that are no numbers it is any.

    >>> from headlab.config import ModelConfig
    >>> from headlab.data.corpus import Corpus
    >>> from headlab.model.initial import initial
    >>> corpus, model = Corpus.notebook(), ModelConfig()
    >>> weights = initial(model.on(corpus), np.arange(3, dtype=np.uint64)).flat()
    >>> losses, outputs = answers(corpus.batch, model.on(corpus), weights)
    >>> losses.shape, outputs.shape
    ((3,), (3, 2, 5))
    """
    found = np.empty(len(weights), weights.dtype), np.empty((len(weights), *batch.tokens.shape), np.int32)
    _ask(batch, shape, weights, threads, declared, losses=found[0], predicted=found[1])
    return found


def all_logits(
    batch: Batch, shape: Shape, weights: Float[Array, "run weight"], *, threads: int | None = None
) -> Float[Array, "run sequence position output"]:
    """Return the logits of every run on a batch; 0 at padding. Arguments as of `answers`."""
    found = np.zeros((len(weights), *batch.tokens.shape, batch.n_outputs), weights.dtype)
    _ask(batch, shape, weights, threads, False, logits=found)
    return found


def _ask(
    batch: Batch,
    shape: Shape,
    weights: Array,
    threads: int | None,
    declared: bool,
    *,
    losses: Array | None = None,
    predicted: Array | None = None,
    logits: Array | None = None,
) -> None:
    arrays = batch.tokens, batch.targets, batch.weights
    float64 = weights.dtype == np.float64
    problem = kernel_problem(shape, *arrays, float64=float64, n_runs=len(weights), threads=threads, declared=declared)
    given = np.ascontiguousarray(weights)
    kernel().evaluate(problem, SOFTMAX, given, losses, None, predicted, logits)
