"""A look as `_native` has it: cases and edits as tables of whole numbers, in the order of the fields of hl_case and hl_edit."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from headlab.arrays import Array
from headlab.engine.wasm.asked import Problem, checked, run_by_run
from headlab.engine.wasm.block import At, Block, layout
from headlab.engine.wasm.calls import Arrays, bytes_of, part, results
from headlab.engine.wasm.module import Instance
from headlab.engine.wasm.spread import spread

_CASE = ("sequence", "at", "n_edits", "n_reads")
_EDIT = ("what", "how", "layer", "head", "at", "key", "donor")
_AT, _THERE, _GIVEN = _EDIT.index("at"), len(_EDIT), len(_EDIT) + 1  # the last two: of which rows


def look(
    problem: Problem,
    weights: Array,
    cases: Array,
    edits: Array,
    there: Array,
    given: Sequence[Array],
    reads: Array,
    logits: Array | None,
    read: Array | None,
    pattern: Array | None,
) -> None:
    """Look at every run in every case; an edit names a row of `there` and of `given`, or none."""
    n_runs, n_ctx, n = len(weights), problem.shape.n_ctx, len(cases)
    checked(cases, "cases", n * len(_CASE), np.int32)
    checked(edits, "edits", len(edits) * (len(_EDIT) + 2), np.int32)
    checked(there, "there", len(there) * n_ctx, np.int32)
    checked(reads, "reads", len(reads) * 2, np.int32)
    by_hand = _checked_given(problem, edits, len(there), given, n_runs)
    ends = np.cumsum(cases[:, 2:], axis=0, dtype=np.int64)
    if n and ((cases[:, 2:] < 0).any() or (ends[-1] > (len(edits), len(reads))).any()):
        raise ValueError("cases must have the edits and reads that there are")
    rows = 1 if n and cases[0, 1] >= 0 else n_ctx
    of_runs = run_by_run(weights, "weights", n_runs, problem.size, problem.real)
    sizes = {
        "logits": (logits, n * rows * problem.outputs),
        "read": (read, len(reads) * problem.outputs),
        "pattern": (pattern, n * problem.blocks * n_ctx * n_ctx),
    }
    found: Arrays = {name: run_by_run(array, name, n_runs, size, problem.real) for name, (array, size) in sizes.items()}

    def some(one: Instance, runs: slice) -> None:
        block = Block()
        every = block.table("hl_edit", _edits(block, problem, edits, there, by_hand, runs))
        asked = np.zeros(n, layout("hl_case"))
        for number, name in enumerate(_CASE):
            asked[name] = cases[:, number]
        first = ends - cases[:, 2:]
        asked["edits"] = every + first[:, 0] * layout("hl_edit").itemsize
        asked["reads"] = block.array(reads) + first[:, 1] * layout("hl_source").itemsize
        at = (
            problem.put(block),
            runs.stop - runs.start,
            block.array(part(of_runs, runs)),
            n,
            block.table("hl_case", asked),
        )
        block.ask(one, "hl_look", *at, *results(block, found, runs))

    spread(problem, n_runs, bytes_of({"weights": of_runs, **found}), some)


def _checked_given(
    problem: Problem, edits: Array, n_maps: int, given: Sequence[Array], n_runs: int
) -> dict[int, tuple[Array, bool]]:
    """Return the patterns that edits give by hand, by their rows, and of each whether it is that of every run and head."""
    if len(edits) and ((edits[:, _THERE] >= n_maps).any() or (edits[:, _GIVEN] >= len(given)).any()):
        raise ValueError("an edit must name a row that is there")
    found, one = {}, problem.shape.n_ctx**2
    for row in {int(row) for row in edits[:, _GIVEN] if row >= 0}:
        alike = given[row].size == one
        checked(given[row], "given", one if alike else n_runs * problem.blocks * one, np.float64)
        found[row] = (given[row], alike)
    return found


def _edits(
    block: Block, problem: Problem, edits: Array, there: Array, given: dict[int, tuple[Array, bool]], runs: slice
) -> Array:
    """Return the table of hl_edit for some runs, with what it points to in the block."""
    n_ctx = problem.shape.n_ctx
    table: Any = np.zeros(len(edits), layout("hl_edit"))
    for number, name in enumerate(_EDIT):
        table[name] = edits[:, number]
    if len(there):
        of = edits[:, _THERE]
        table["there"] = np.where(of >= 0, block.array(there) + of * there.itemsize * n_ctx, 0)
    places: dict[int, At] = {}
    for row, (array, alike) in given.items():
        places[row] = block.array(array if alike else array.reshape(-1, problem.blocks * n_ctx**2)[runs])
    for number in np.flatnonzero(edits[:, _GIVEN] >= 0).tolist():
        row, at = int(edits[number, _GIVEN]), int(edits[number, _AT])
        query = min(max(at, 0), n_ctx - 1)
        table["given"][number] = places[row] + query * n_ctx * 8
        if not given[row][1]:
            heads = problem.shape.n_heads
            table["strides"][number] = np.array([problem.blocks, heads, 1]) * n_ctx**2
    return table
