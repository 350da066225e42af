"""What models compute when nobody intervenes, and what logits become, from the kernel; `headlab.model` says both in NumPy."""

from collections.abc import Sequence

import numpy as np

from headlab.arrays import Array, Float
from headlab.config.model import Shape
from headlab.data.batch import Batch
from headlab.engine.backend import kernel
from headlab.engine.problem import fitting_instruction_set, kernel_problem, lanes_of

ACTIVATIONS = ("resid", "normed", "q", "k", "v", "scores", "pattern", "z", "mlp_out", "logits")


def activations(
    batch: Batch,
    shape: Shape,
    weights: Float[Array, "run weight"],
    wanted: Sequence[str] = ACTIVATIONS,
    *,
    threads: int | None = None,
    declared: bool = False,
) -> dict[str, Array]:
    """Return what some runs compute on all sentences of a batch, by its name; 0 at padding.

    weights: flat, float32 or float64, as results are; everything is computed in float64; threads: at most, all when None
    declared: the ids are in the order that is trained in, on which the last bits of sums depend; else it is the batch's own
    resid [run, layers + 1, sequence, position, d_model]: before each layer, and after the last, before a last norm
    q, k, v, z [run, layer, head, sequence, position, width]; z as the head writes it, with W_O where there is
        one, and without b_O
    scores (with their scale), pattern [run, layer, head, sequence, query, key]: 0 at keys that the query does not see
    normed, mlp_out [run, layer, sequence, position, d_model]: what heads read; what the MLP writes, 0 without one
    logits [run, sequence, position, d_vocab_out]

    >>> from headlab.config import ModelConfig
    >>> from headlab.data.corpus import Corpus
    >>> from headlab.model.initial import initial
    >>> corpus, model = Corpus.notebook(), ModelConfig()
    >>> weights = initial(model.on(corpus), np.arange(3, dtype=np.uint64)).flat()
    >>> on = activations(corpus.batch, model.on(corpus), weights, ["resid", "pattern"])
    >>> on["resid"].shape, on["pattern"].shape
    ((3, 2, 2, 5, 7), (3, 1, 1, 2, 5, 5))
    """
    n_runs, float64 = len(weights), weights.dtype == np.float64
    rows, of_heads = (len(batch.tokens), shape.n_ctx), (shape.n_layers, shape.n_heads, len(batch.tokens), shape.n_ctx)
    axes = {
        "resid": (shape.n_layers + 1, *rows, shape.d_model),
        "q": (*of_heads, shape.d_head),
        "k": (*of_heads, shape.d_head),
        "v": (*of_heads, shape.d_head if shape.model.factored_values else shape.d_model),
        "scores": (*of_heads, shape.n_ctx),
        "pattern": (*of_heads, shape.n_ctx),
        "z": (*of_heads, shape.d_model),
        "normed": (shape.n_layers, *rows, shape.d_model),
        "mlp_out": (shape.n_layers, *rows, shape.d_model),
        "logits": (*rows, shape.d_vocab_out),
    }
    found = {name: np.empty((n_runs, *axes[name]), weights.dtype) for name in wanted}
    name = fitting_instruction_set(n_runs, True)
    problem = kernel_problem(
        shape,
        batch.tokens,
        batch.targets,
        batch.weights,
        float64=float64,
        n_runs=n_runs,
        threads=0 if n_runs <= lanes_of(name, True) else threads,
        name=name,
        declared=declared,
    )
    kernel().activations(problem, np.ascontiguousarray(weights), **found)
    return found


def softmax(rows: Float[Array, "*axes"]) -> Float[Array, "*axes"]:
    """Return exp(x) / sum over the last axis, in float64; a row with nan, or with infinity, is nan.

    >>> softmax(np.array([[0.0, 0.0], [np.nan, 0.0]]))
    array([[0.5, 0.5],
           [nan, nan]])
    """
    given = np.ascontiguousarray(rows, np.float64)
    found = np.empty_like(given)
    kernel().softmax(given.reshape(-1, given.shape[-1]), found)
    return found


def log(numbers: Float[Array, "*axes"]) -> Float[Array, "*axes"]:
    """Return natural logarithms, in float64: of 0 minus infinity, of what is below nan.

    >>> log(np.array([1.0, 0.0, -1.0]))
    array([  0., -inf,  nan])
    """
    given = np.ascontiguousarray(numbers, np.float64)
    found = np.empty_like(given)
    kernel().log(given, found)
    return found
