"""What every backend is: headlab.h with arrays, sizes and dtypes checked; its sentences are raised as `ValueError`."""

from collections.abc import Sequence
from typing import Any, Protocol, TypedDict, Unpack

from headlab.arrays import Array

Place = tuple[int, int]  # sequence, position
Draw = tuple[int, int, float]  # of a weight by its number in the table: rule, size


class Computes(TypedDict, total=False):
    """What a model computes when nobody intervenes, into arrays by the names of hl_computes."""

    resid: Array
    q: Array
    k: Array
    v: Array
    scores: Array
    pattern: Array
    z: Array
    logits: Array
    normed: Array
    mlp_out: Array


class Gives(TypedDict, total=False):
    """What gives what, into arrays by the names of hl_gives."""

    token: Array
    position: Array
    edge: Array
    adjoint: Array
    gradient: Array
    total: Array


class Problem(Protocol):
    """A shape on a batch, with a type, an instruction set and threads."""

    @property
    def size(self) -> int:
        """The number of flat weights of a run."""


class Recipe(Protocol):
    """Phases, and the steps at which something is kept."""

    @property
    def slots(self) -> int:
        """Numbers that are remembered of a weight, at most."""


class Training(Protocol):
    """A training, to be advanced, waited for and read."""

    def feed(self, n_steps: int, tokens: Array, targets: Array) -> None:
        """Take the batches of the steps that come next, all of one phase [step, sequence, position]."""

    def advance(self, steps: int) -> None:
        """Begin to advance by at most so many steps, no further than is fed."""

    def read(self) -> Any:
        """Return how far it is: hl_progress."""

    def cancel(self) -> None:
        """Stop soon; runs that have not ended are as they were before."""


class Kernel(Protocol):
    """Records to be filled by the names in headlab.h, what is made of them, and the functions; results go into arrays."""

    @property
    def NUMERICS(self) -> int: ...

    def Shape(self) -> Any: ...

    def Phase(self) -> Any: ...

    def Runs(self) -> Any: ...

    def Problem(
        self,
        shape: Any,
        tokens: Array,
        targets: Array | None,
        weights: Array | None,
        declared: bool,
        float64: bool,
        threads: int,
        instruction_set: str,
        at_once: int = 0,
    ) -> Any: ...

    def HeldOut(
        self,
        tokens: Array,
        targets: Array,
        at_once: int,
        by_sequence: bool,
        steps: Sequence[int],
        last_apart: bool,
        stop_at: float,
        stop_count: int,
    ) -> Any: ...

    def Recipe(
        self,
        phases: Sequence[Any],
        recorded: Sequence[int],
        snapshots: Sequence[int],
        optimizer_step: int,
        held_out: Any = None,
    ) -> Any: ...

    def Training(self, problem: Any, recipe: Any, runs: Any) -> Any: ...

    def wait(self, training: Any, milliseconds: int, /) -> bool: ...

    def initial(self, problem: Any, draws: Sequence[Draw], scale: float, seeds: Array, weights: Array) -> None: ...

    def words(self, seed: int, stream: int, first: int, start: int, words: Array) -> None: ...

    def gradient(
        self, problem: Any, loss: int, weights: Array, losses: Array | None, gradient: Array | None
    ) -> None: ...

    def evaluate(
        self,
        problem: Any,
        loss: int,
        weights: Array,
        losses: Array | None,
        right: Array | None,
        predicted: Array | None,
        logits: Array | None,
    ) -> None: ...

    def widen(self, problem: Any, basis: Array, narrow: Array, wide: Array) -> None: ...

    def look(
        self,
        problem: Any,
        weights: Array,
        cases: Array,
        edits: Array,
        there: Array,
        given: Sequence[Array],
        reads: Array,
        logits: Array | None,
        read: Array | None,
        pattern: Array | None,
    ) -> None: ...

    def activations(self, problem: Any, weights: Array, **computes: Unpack[Computes]) -> None: ...

    def softmax(self, rows: Array, shares: Array) -> None: ...

    def log(self, numbers: Array, logarithms: Array) -> None: ...

    def parts(
        self,
        problem: Any,
        weights: Array,
        patterns: Array | None,
        written: Array | None,
        place: Place,
        readout: Array,
        paths: Array | None = None,
        **gives: Unpack[Gives],
    ) -> None: ...

    def score_parts(
        self,
        problem: Any,
        weights: Array,
        written: Array | None,
        layer: int,
        queries: Sequence[Place],
        keys: Sequence[Place],
        parts: Array,
    ) -> None: ...

    def narrow(self, shape: Any, recipe: Any) -> int: ...

    def way(self, problem: Any, recipe: Any, n_runs: int) -> tuple[str, int, float]: ...

    def weights(self, shape: Any) -> list[tuple[str, int, list[int]]]: ...

    def order(self, problem: Any) -> list[int]: ...

    def places(self, problem: Any) -> list[int]: ...

    def sha256(self, bytes: bytes, /) -> str: ...

    def instruction_sets(self) -> list[str]: ...

    def lanes(self, instruction_set: str, float64: bool) -> int: ...
