"""What gives what, from the kernel, in float64; what each number is, `headlab.model.parts` says in NumPy."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from headlab.arrays import Array, Float, Int
from headlab.config.blocks import refuse
from headlab.config.model import Shape
from headlab.data.batch import Batch
from headlab.engine.backend import kernel
from headlab.engine.interface import Kernel, Place, Problem
from headlab.engine.problem import kernel_problem
from headlab.model.paths import Path, features


@dataclass(frozen=True, eq=False)
class Parts:
    """What gives what in some runs of a model on a batch, patterns held fixed but where it says else.

    weights: flat, float64; patterns, written: those that the runs make, and what their heads write (`Activations.z`), where they
        are known already; patterns_in: the patterns in one sequence, where those of all are too many to hold
    readout [d_vocab], of methods: how much of each token's logit is asked about, at a place (sequence, position)

    >>> from headlab.config import ModelConfig
    >>> from headlab.data.corpus import Corpus
    >>> from headlab.model.initial import initial
    >>> corpus, model = Corpus.notebook(), ModelConfig()
    >>> weights = initial(model.on(corpus), np.zeros(3, np.uint64), np.float64).flat()
    >>> parts, readout = Parts(corpus.batch, model.on(corpus), weights), np.eye(7)[3] - np.eye(7)[6]
    >>> token, position = parts.along((0, 3), readout, [(), ((0, 0),)])
    >>> token.shape, bool(np.allclose((token + position).sum(axis=(1, 2)), parts.totals((0, 3), readout)))
    ((3, 2, 5), True)
    """

    batch: Batch
    shape: Shape
    weights: Float[Array, "run weight"]
    patterns: Float[Array, "run layer head sequence position position"] | None = None
    written: Float[Array, "run layer head sequence position d_model"] | None = None
    patterns_in: Callable[[int], Array] | None = None

    def along(
        self, place: Place, readout: Float[Array, " d_vocab"], paths: Sequence[Path]
    ) -> tuple[Float[Array, "run path source"], Float[Array, "run path source"]]:
        """Return what token and position embeddings give along each path, by the position at which it starts."""
        numbers = np.full((len(paths), self.shape.n_layers), -1, np.int32)
        for number, path in enumerate(paths):
            for layer, head in path:
                numbers[number, layer] = head
        token, position = (np.empty((len(self.weights), len(paths), self.shape.n_ctx)) for _ in range(2))
        self._ask(place, readout, paths=numbers, token=token, position=position)
        return token, position

    def edges(
        self, place: Place, readout: Float[Array, " d_vocab"]
    ) -> Float[Array, "run layer head position position"]:
        """Return what is read along each edge of the place's sentence, [..., query, key], seen through all behind it."""
        shape = self.shape
        found = np.empty((len(self.weights), shape.n_layers, shape.n_heads, shape.n_ctx, shape.n_ctx))
        self._ask(place, readout, edge=found)
        return found

    def adjoints(
        self,
        place: Place,
        readout: Float[Array, " d_vocab"],
        patterns: Float[Array, "run layer head position position"] | None = None,
    ) -> Float[Array, "run stream position d_model"]:
        """Return what a vector before each layer, and after the last, adds to the readout; patterns: others, of the sentence."""
        found = self._streams()
        self._ask(place, readout, patterns, adjoint=found)
        return found

    def gradients(self, place: Place, readout: Float[Array, " d_vocab"]) -> Float[Array, "run stream position d_model"]:
        """Return the gradient of the readout before each layer and after the last: as `adjoints`, but patterns react."""
        found = self._streams()
        self._ask(place, readout, gradient=found)
        return found

    def totals(self, place: Place, readout: Float[Array, " d_vocab"]) -> Float[Array, " run"]:
        """Return the readout itself."""
        found = np.empty(len(self.weights))
        self._ask(place, readout, total=found)
        return found

    def of_scores(
        self, layer: int, queries: Sequence[Place], keys: Sequence[Place], runs: Int[Array, " some"] | None = None
    ) -> Float[Array, "some head query key query_feature key_feature"]:
        """Return the scores of a layer's heads, before the mask, sums over `features` of queries and keys; runs: or of some."""
        n, some = len(features(self.shape.model, layer)), slice(None) if runs is None else runs
        weights = self.weights[some]
        written = None if self.written is None or layer == 0 else np.ascontiguousarray(self.written[some, :layer])
        found = np.empty((len(weights), self.shape.n_heads, len(queries), len(keys), n, n))
        by, problem = self._asked
        by.score_parts(problem, weights, written, layer, list(queries), list(keys), found)
        return found

    def _streams(self) -> Array:
        return np.empty((len(self.weights), self.shape.n_layers + 1, self.shape.n_ctx, self.shape.d_model))

    def _ask(self, place: Place, readout: Array, patterns: Array | None = None, **wanted: Array) -> None:
        if patterns is None and self.patterns_in is not None:
            patterns = self.patterns_in(place[0])
        known = (self.patterns, self.written) if patterns is None else (patterns, None)
        held, written = (None if given is None else np.ascontiguousarray(given) for given in known)
        by, problem = self._asked
        by.parts(problem, self.weights, held, written, place, np.ascontiguousarray(readout), **wanted)

    @cached_property
    def _asked(self) -> tuple[Kernel, Problem]:
        refuse(self.shape, "contributions")
        # On the caller's own thread: a call takes less than to start another.
        batch, n_runs = self.batch, len(self.weights)
        problem = kernel_problem(
            self.shape, batch.tokens, batch.targets, batch.weights, float64=True, n_runs=n_runs, threads=0
        )
        return kernel(), problem
