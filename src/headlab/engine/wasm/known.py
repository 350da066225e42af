"""What is known already of runs whose parts are asked for: their patterns, and what their heads write."""

from dataclasses import dataclass

import numpy as np

from headlab.arrays import Array
from headlab.engine.wasm.asked import Problem, run_by_run
from headlab.engine.wasm.block import At, Block


@dataclass(frozen=True)
class Known:
    """Patterns and what is written [run, number], and how far from a run, head or sequence to the next."""

    patterns: Array | None = None
    written: Array | None = None
    run: int = 0
    head: int = 0
    sequence: int = 0

    @classmethod
    def of(cls, problem: Problem, patterns: Array | None, written: Array | None, n_runs: int, layers: int) -> "Known":
        """Return what is known: patterns [run, layer, head, sequence, query, key], written [..., position, d_model].

        Of so many layers at least; patterns without the sequence: whichever it is, and nothing else is known.
        """
        shape, n_ctx, n_sequences = problem.shape, problem.shape.n_ctx, problem.n_sequences
        name, run = "what is known", 0
        if patterns is not None and patterns.ndim == 5:
            held = run_by_run(patterns, name, n_runs, problem.blocks * n_ctx * n_ctx, np.float64)
            return cls(held, None, problem.blocks, 1, 0)
        for given in (patterns, written):
            if given is None:
                continue
            there = given.shape[1] if given.ndim == 6 else 0
            if there < layers or (run and run != there * shape.n_heads * n_sequences):
                raise ValueError("what is known must be of every layer that is asked for, and have six axes")
            run = there * shape.n_heads * n_sequences
        held = run_by_run(patterns, name, n_runs, run * n_ctx * n_ctx, np.float64)
        known = run_by_run(written, name, n_runs, run * n_ctx * shape.d_model, np.float64)
        return cls(held, known, run, n_sequences, 1)

    @property
    def bytes_of_run(self) -> int:
        """The bytes of a run in both."""
        return sum(array.nbytes // max(len(array), 1) for array in (self.patterns, self.written) if array is not None)

    def put(self, block: Block, runs: slice) -> At:
        """Put what is known of some runs into a block."""
        patterns, written = (
            block.array(None if array is None else array[runs]) for array in (self.patterns, self.written)
        )
        strides = {"run": self.run, "head": self.head, "sequence": self.sequence}
        return block.struct("hl_known", patterns=patterns, written=written, **strides)
