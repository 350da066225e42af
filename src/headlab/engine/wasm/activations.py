"""What models compute when nobody intervenes, and what their logits become, as `_native` has it."""

from typing import Unpack

import numpy as np

from headlab.arrays import Array
from headlab.engine.interface import Computes
from headlab.engine.wasm.asked import Problem, checked, run_by_run
from headlab.engine.wasm.block import Block
from headlab.engine.wasm.calls import bytes_of, found_in, part, results
from headlab.engine.wasm.module import Instance, instance
from headlab.engine.wasm.spread import spread

AT_A_TIME = 1 << 18  # numbers, of those that are no run's


def activations(problem: Problem, weights: Array, **computes: Unpack[Computes]) -> None:
    """Compute every run on every sequence."""
    shape, n_runs = problem.shape, len(weights)
    rows = problem.n_sequences * shape.n_ctx
    of_heads = rows * problem.blocks
    given = run_by_run(weights, "weights", n_runs, problem.size, problem.real)
    sizes = {
        "resid": rows * (shape.n_layers + 1) * shape.d_model,
        "q": of_heads * shape.d_head,
        "k": of_heads * shape.d_head,
        "v": of_heads * (shape.d_head if shape.factored_values else shape.d_model),
        "scores": of_heads * shape.n_ctx,
        "pattern": of_heads * shape.n_ctx,
        "z": of_heads * shape.d_model,
        "logits": rows * problem.outputs,
        "normed": rows * shape.n_layers * shape.d_model,
        "mlp_out": rows * shape.n_layers * shape.d_model,
    }
    found = found_in(computes, n_runs, sizes, problem.real)

    def some(one: Instance, runs: slice) -> None:
        block = Block()
        asked = problem.put(block), runs.stop - runs.start, block.array(part(given, runs))
        places = dict(zip(found, results(block, found, runs), strict=True))
        block.ask(one, "hl_activations", *asked, block.struct("hl_computes", **places))

    spread(problem, n_runs, bytes_of({"weights": given, **found}), some)


def softmax(rows: Array, shares: Array) -> None:
    """Fill shares with the softmax of each row [row, number]."""
    if rows.ndim != 2 or rows.shape[1] < 1:
        raise ValueError("rows must have two axes, and at least one number each")
    n, width = rows.shape
    checked(rows, "rows", n * width, np.float64)
    checked(shares, "shares", n * width, np.float64)
    step, found = AT_A_TIME // width + 1, shares.reshape(n, width)
    for first in range(0, n, step):
        some = slice(first, first + step)
        _made("hl_softmax", rows[some], found[some], len(rows[some]), width)


def log(numbers: Array, logarithms: Array) -> None:
    """Fill in the natural logarithm of each number."""
    checked(numbers, "numbers", numbers.size, np.float64)
    checked(logarithms, "logarithms", numbers.size, np.float64)
    given, found = numbers.reshape(-1), logarithms.reshape(-1)
    for first in range(0, numbers.size, AT_A_TIME):
        some = slice(first, first + AT_A_TIME)
        _made("hl_log", given[some], found[some], len(given[some]))


def _made(name: str, given: Array, found: Array, *sizes: int) -> None:
    """Fill what a function that cannot fail makes of numbers."""
    block = Block()
    at, to = block.array(given), block.result(found)
    with instance() as one:
        base = block.scratch(one)
        one.call(name, *sizes, base + at, base + to)
        block.results(one, base)
