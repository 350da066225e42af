"""What the kernel is asked in one call, as `_native` has it: initial weights, words, gradients, evaluation, parts."""

from collections.abc import Mapping, Sequence
from typing import Any, Unpack

import numpy as np

from headlab.arrays import Array
from headlab.engine.interface import Draw, Gives, Place
from headlab.engine.wasm.asked import Problem, checked, run_by_run, size_of
from headlab.engine.wasm.block import Block, layout
from headlab.engine.wasm.known import Known
from headlab.engine.wasm.module import CONSTANTS, Instance, instance
from headlab.engine.wasm.spread import spread

Arrays = dict[str, Array | None]
WORDS_AT_A_TIME = 1 << 20


def initial(problem: Problem, draws: Sequence[Draw], scale: float, seeds: Array, weights: Array) -> None:
    """Draw the initial weights of every seed; draws: (weight, rule, size), of the others as usual."""
    by = np.zeros(CONSTANTS["HL_WEIGHTS"], layout("hl_draw"))
    for weight, rule, size in draws:
        if not 0 <= weight < len(by):
            raise ValueError("a draw must be of a weight in the table of weights")
        by[weight] = rule, size
    n_runs = seeds.size
    checked(seeds, "seeds", n_runs, np.uint64)
    found = {"weights": run_by_run(weights, "weights", n_runs, problem.size, problem.real)}

    def some(one: Instance, runs: slice) -> None:
        block = Block()
        rules = block.table("hl_draw", by.copy())
        given = problem.put(block), rules, scale, runs.stop - runs.start, block.array(seeds.reshape(-1)[runs])
        block.ask(one, "hl_initial", *given, *results(block, found, runs))

    spread(problem, n_runs, bytes_of(found), some)


def words(seed: int, stream: int, first: int, start: int, words: Array) -> None:
    """Fill in words [example, word] of a data seed's stream, of the examples and the words from some on."""
    if words.ndim != 2 or start < 0:
        raise ValueError("words must be [example, word], from one of at least 0 on")
    n, count = words.shape
    if start + count >= 1 << 31:
        raise ValueError("an example must have less than 2^31 words")
    checked(words, "words", n * count, np.uint32)
    key = int(np.uint64(seed).astype(np.int64))  # an argument's bits
    step = WORDS_AT_A_TIME // max(count, 1) + 1
    for done in range(0, n, step):
        some, block = words[done : done + step], Block()
        to = block.result(some)
        with instance() as one:
            base = block.scratch(one)
            example = int(np.uint64((first + done) % (1 << 64)).astype(np.int64))
            one.call("hl_words", key, stream, example, len(some), start, count, base + to)
            block.results(one, base)


def gradient(problem: Problem, loss: int, weights: Array, losses: Array | None, gradient: Array | None) -> None:
    """Work out the loss of every run and its gradient."""
    n_runs, real = len(weights), problem.real
    given = run_by_run(weights, "weights", n_runs, problem.size, real)
    found = {
        "losses": run_by_run(losses, "losses", n_runs, 1, real),
        "gradient": run_by_run(gradient, "gradient", n_runs, problem.size, real),
    }

    def some(one: Instance, runs: slice) -> None:
        block = Block()
        asked = problem.put(block), loss, runs.stop - runs.start, block.array(part(given, runs))
        block.ask(one, "hl_gradient", *asked, *results(block, found, runs))

    spread(problem, n_runs, 2 * bytes_of({"weights": given}), some)


def evaluate(
    problem: Problem,
    loss: int,
    weights: Array,
    losses: Array | None,
    right: Array | None,
    predicted: Array | None,
    logits: Array | None,
) -> None:
    """Work out what every run says of the batch: its loss, how much is right, the largest logits, all logits."""
    n_runs, real, places = len(weights), problem.real, problem.n_sequences * problem.shape.n_ctx
    given = run_by_run(weights, "weights", n_runs, problem.size, real)
    outputs = places * (problem.shape.d_vocab_out or problem.shape.d_vocab)
    found = {
        "losses": run_by_run(losses, "losses", n_runs, 1, real),
        "right": run_by_run(right, "right", n_runs, 2, np.int64),
        "predicted": run_by_run(predicted, "predicted", n_runs, places, np.int32),
        "logits": run_by_run(logits, "logits", n_runs, outputs, real),
    }

    def some(one: Instance, runs: slice) -> None:
        block = Block()
        asked = problem.put(block), loss, runs.stop - runs.start, block.array(part(given, runs))
        block.ask(one, "hl_evaluate", *asked, *results(block, found, runs))

    spread(problem, n_runs, bytes_of({"weights": given, **found}), some)


def widen(problem: Problem, basis: Array, narrow: Array, wide: Array) -> None:
    """Turn weights of narrow heads back."""
    n_runs, real, shape = len(narrow), problem.real, problem.shape
    width = 2 * shape.d_model
    turned = tuple({**dict(problem.fields), "d_head": width}.items())
    by = run_by_run(basis, "basis", n_runs, problem.blocks * shape.d_head * width, real)
    given = run_by_run(narrow, "narrow", n_runs, size_of(turned), real)
    found = {"wide": run_by_run(wide, "wide", n_runs, problem.size, real)}

    def some(one: Instance, runs: slice) -> None:
        block = Block()
        from_these = block.array(part(by, runs)), block.array(part(given, runs))
        asked = problem.put(block), runs.stop - runs.start, *from_these
        block.ask(one, "hl_widen", *asked, *results(block, found, runs))

    spread(problem, n_runs, bytes_of({"basis": by, "wide": found["wide"]}), some)


def parts(
    problem: Problem,
    weights: Array,
    patterns: Array | None,
    written: Array | None,
    place: Place,
    readout: Array,
    paths: Array | None = None,
    **gives: Unpack[Gives],
) -> None:
    """Work out what gives what."""
    shape, n_runs, n_ctx = problem.shape, len(weights), problem.shape.n_ctx
    n_paths = 0 if paths is None else len(paths)
    given = run_by_run(weights, "weights", n_runs, problem.size, np.float64)
    known = Known.of(problem, patterns, written, n_runs, shape.n_layers)
    checked(readout, "readout", shape.d_vocab, np.float64)
    checked(paths, "paths", n_paths * shape.n_layers, np.int32)
    streams = (shape.n_layers + 1) * n_ctx * shape.d_model
    sizes = {
        "token": n_paths * n_ctx,
        "position": n_paths * n_ctx,
        "edge": problem.blocks * n_ctx * n_ctx,
        "adjoint": streams,
        "gradient": streams,
        "total": 1,
    }
    found = found_in(gives, n_runs, sizes, np.float64)

    def some(one: Instance, runs: slice) -> None:
        block = Block()
        asked = problem.put(block), runs.stop - runs.start, block.array(part(given, runs)), known.put(block, runs)
        at = block.struct("hl_place", sequence=place[0], at=place[1])
        along = block.array(readout), n_paths, block.array(paths)
        places = dict(zip(found, results(block, found, runs), strict=True))
        block.ask(one, "hl_parts", *asked, at, *along, block.struct("hl_gives", **places))

    spread(problem, n_runs, known.bytes_of_run + bytes_of({"weights": given, **found}), some)


def score_parts(
    problem: Problem,
    weights: Array,
    written: Array | None,
    layer: int,
    queries: Sequence[Place],
    keys: Sequence[Place],
    parts: Array,
) -> None:
    """Work out the parts of the scores of a layer's heads."""
    shape, n_runs = problem.shape, len(weights)
    given = run_by_run(weights, "weights", n_runs, problem.size, np.float64)
    known = Known.of(problem, None, written, n_runs, layer)
    if not 0 <= layer < shape.n_layers:
        raise ValueError("the layer must be one that the model has")
    n = shape.n_heads * len(queries) * len(keys) * features(problem, layer) ** 2
    found = {"parts": run_by_run(parts, "parts", n_runs, n, np.float64)}

    def some(one: Instance, runs: slice) -> None:
        block = Block()
        asked = problem.put(block), runs.stop - runs.start, block.array(part(given, runs)), known.put(block, runs)
        rows, columns = (block.table("hl_place", _places(places)) for places in (queries, keys))
        block.ask(
            one, "hl_score_parts", *asked, layer, len(queries), rows, len(keys), columns, *results(block, found, runs)
        )

    spread(problem, n_runs, known.bytes_of_run + bytes_of({"weights": given, **found}), some)


def _places(places: Sequence[Place]) -> Array:
    return np.array([tuple(place) for place in places], layout("hl_place"))


def features(problem: Problem, layer: int) -> int:
    """Return how many parts a query or key of a layer has."""
    block = Block()
    shape = problem.shape.put(block)
    with instance() as one:
        return one.call("hl_features", block.scratch(one) + shape, layer)


def found_in(asked: Mapping[str, Any], n_runs: int, sizes: Mapping[str, int], dtype: Any) -> Arrays:
    """Return the arrays that are asked for as [run, number], each of as many numbers a run as its name has."""
    return {name: run_by_run(array, name, n_runs, sizes[name], dtype) for name, array in asked.items()}


def part(array: Array | None, runs: slice) -> Array | None:
    """Return some runs of an array."""
    return None if array is None else array[runs]


def results(block: Block, arrays: Arrays, runs: slice) -> list[int]:
    """Make room in a block for some runs of arrays; return where."""
    return [block.result(part(array, runs)) for array in arrays.values()]


def bytes_of(arrays: Arrays) -> int:
    """Return the bytes of a run in all of some arrays [run, …]."""
    return sum(array.nbytes // max(len(array), 1) for array in arrays.values() if array is not None)
