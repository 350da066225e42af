"""What the kernel says of a shape on a batch: its table of weights, orders and places; and SHA-256."""

import numpy as np

from headlab.engine.wasm.asked import Problem, Recipe, Shape
from headlab.engine.wasm.block import Block, layout
from headlab.engine.wasm.module import CONSTANTS, instance


def weights(shape: Shape) -> list[tuple[str, int, list[int]]]:
    """Return names, where each starts, and its sizes, of the weights that a model has."""
    found = []
    with instance() as one:
        for number in range(CONSTANTS["HL_WEIGHTS"]):
            block, table = Block(), np.zeros(1, layout("hl_weight"))
            at, to = shape.put(block), block.result(table)
            base = block.scratch(one)
            one.call("hl_weight_of", base + to, base + at, number)
            block.results(one, base)
            name, start, axes, n_axes = (table[field][0] for field in ("name", "start", "axes", "n_axes"))
            if n_axes:
                found.append((one.text(int(name)), int(start), axes[:n_axes].tolist()))
    return found


def way(problem: Problem, recipe: Recipe, n_runs: int) -> tuple[str, int, float]:
    """Return how a training of so many runs goes: instruction set, runs at once, and what a step of these takes in a group's."""
    block, found = Block(), np.zeros(1, layout("hl_way"))
    asked, to = (problem.put(block, problem.threads), recipe.put(block)), block.result(found)
    with instance() as one:
        base = block.scratch(one)
        one.call("hl_way_of", base + to, base + asked[0], base + asked[1], n_runs)
        block.results(one, base)
        return one.text(int(found["instruction_set"][0])), int(found["runs"][0]), float(found["step"][0])


def order(problem: Problem) -> list[int]:
    """Return the caller's id of each token as trained."""
    return _filled("hl_order", problem, np.zeros(problem.shape.d_vocab, np.int32))


def places(problem: Problem) -> list[int]:
    """Return the caller's place of each weight as trained."""
    return _filled("hl_places", problem, np.zeros(problem.size, np.int64))


def _filled(name: str, problem: Problem, found: "np.typing.NDArray[np.signedinteger]") -> list[int]:
    block = Block()
    shape, batch, to = problem.shape.put(block), problem.put_batch(block), block.result(found)
    with instance() as one:
        base = block.scratch(one)
        one.call(name, base + shape, base + batch, base + to)
        block.results(one, base)
    return found.tolist()


def sha256(data: bytes) -> str:
    """Return the SHA-256 of bytes, in hexadecimal digits."""
    block, found = Block(), np.zeros(65, np.uint8)
    at, to = block.array(np.frombuffer(data, np.uint8)), block.result(found)
    with instance() as one:
        base = block.scratch(one)
        one.call("hl_sha256", base + at, len(data), base + to)
        block.results(one, base)
    return found[:64].tobytes().decode()
