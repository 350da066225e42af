"""Logits with changes made while a model computes, from the kernel; what each change is, `model.interventions` says in NumPy."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from headlab.arrays import Array, Bool, Float, Int
from headlab.config.model import Shape
from headlab.data.batch import Batch
from headlab.engine.backend import kernel
from headlab.engine.interface import Problem
from headlab.engine.problem import fitting_instruction_set, kernel_problem, lanes_of
from headlab.model.interventions import ACTIVATIONS, HOWS, Case, Change

_WHATS = list(ACTIVATIONS)
# As look_bindings.cpp reads them.
_CASE_FIELDS = ("sequence", "at", "changes", "reads")
_EDIT_FIELDS = ("what", "how", "layer", "head", "at", "key", "donor", "there", "given")


@dataclass(frozen=True, eq=False)
class Look:
    """What some runs of a model compute on the sentences of a batch when something is changed on the way.

    weights: flat, float32 or float64, as results are; everything is computed in float64; threads: at most, all when None
    Methods raise `ValueError` for cases that cannot be.

    >>> from headlab.config import ModelConfig
    >>> from headlab.data.corpus import Corpus
    >>> from headlab.model.initial import initial
    >>> corpus, model = Corpus.notebook(), ModelConfig()
    >>> look = Look(corpus.batch, model.on(corpus), initial(model.on(corpus), np.arange(3, dtype=np.uint64)).flat())
    >>> look.logits([Case(0, (Change("z", "zero"),), at=3), Case(1, at=2)]).shape
    (3, 2, 7)
    """

    batch: Batch
    shape: Shape
    weights: Float[Array, "run weight"]
    threads: int | None = None
    instruction_set: str | None = None

    def logits(self, cases: Sequence[Case]) -> Float[Array, "run case ..."]:
        """Return the logits of every case where it wants them [run, case, d_vocab_out].

        Cases that want all of them, every one then, have [run, case, position, d_vocab_out], 0 at padding.
        """
        n_ctx = () if cases and cases[0].at is not None else (self.shape.n_ctx,)
        found = self._empty(len(cases), *n_ctx, self.shape.d_vocab_out)
        self._ask_cases(cases, logits=found)
        return found

    def patterns(self, cases: Sequence[Case]) -> Float[Array, "run case layer head position position"]:
        """Return the attention patterns that the cases go on with, [..., query, key]; 0 at padding."""
        shape = self.shape
        found = self._empty(len(cases), shape.n_layers, shape.n_heads, shape.n_ctx, shape.n_ctx)
        self._ask_cases(cases, pattern=found)
        return found

    def some_changes(
        self, case: Case, made: Bool[Array, "case change"], reads: Sequence[tuple[int, int]]
    ) -> tuple[Float[Array, "run case d_vocab_out"], Float[Array, "run case read d_vocab_out"]]:
        """Return the logits of one case with some of its changes made in turn, and what the last layer then reads.

        made: which of its changes; reads: (head, key) each, of which the last layer's head writes pattern · v (W_O) for the
        case's position; it is returned as the logits see it, times W_U where there is one
        """
        n_cases, n_reads = len(made), len(reads)
        cases = np.empty((n_cases, len(_CASE_FIELDS)), np.int32)
        cases[:] = (case.sequence, _number(case.at), 0, n_reads)
        cases[:, _CASE_FIELDS.index("changes")] = made.sum(axis=1)
        every = _Edits.of(case.changes)
        edits = replace(every, table=every.table[np.nonzero(made)[1]])
        n_out = self.shape.d_vocab_out
        logits, found = self._empty(n_cases, n_out), self._empty(n_cases, n_reads, n_out)
        every_read = np.tile(np.array(reads, np.int32).reshape(-1, 2), (n_cases, 1))
        self._ask(cases, edits, reads=every_read, logits=logits, read=found)
        return logits, found

    def _empty(self, *shape: int) -> Array:
        return np.empty((len(self.weights), *shape), self.weights.dtype)

    def _ask_cases(self, cases: Sequence[Case], **results: Array) -> None:
        table = [(case.sequence, _number(case.at), len(case.changes), 0) for case in cases]
        edits = _Edits.of(change for case in cases for change in case.changes)
        self._ask(np.array(table, np.int32).reshape(-1, len(_CASE_FIELDS)), edits, **results)

    def _ask(
        self,
        cases: Array,
        edits: "_Edits",
        *,
        reads: Array | None = None,
        logits: Array | None = None,
        read: Array | None = None,
        pattern: Array | None = None,
    ) -> None:
        there = np.array(edits.there, np.int32).reshape(-1, self.shape.n_ctx)
        reads = np.empty((0, 2), np.int32) if reads is None else reads
        problem, weights = self._problem(), np.ascontiguousarray(self.weights)
        kernel().look(problem, weights, cases, edits.table, there, edits.given, reads, logits, read, pattern)

    def _problem(self) -> Problem:
        batch, n_runs, float64 = self.batch, len(self.weights), self.weights.dtype == np.float64
        name = self.instruction_set or fitting_instruction_set(n_runs, True)
        threads = 0 if n_runs <= lanes_of(name, True) else self.threads  # of one group, on the caller's own
        return kernel_problem(
            self.shape,
            batch.tokens,
            batch.targets,
            batch.weights,
            float64=float64,
            n_runs=n_runs,
            threads=threads,
            name=name,
        )


@dataclass(frozen=True, eq=False)
class _Edits:
    """Changes as the kernel has them: a row of numbers each, and what some of these numbers name."""

    table: Int[Array, "change field"]
    there: list[tuple[int, ...]]
    given: list[Array]

    @classmethod
    def of(cls, changes: Iterable[Change]) -> "_Edits":
        maps: dict[tuple[int, ...], int] = {}
        given: list[Array] = []
        rows = [_fields(change, maps, given) for change in changes]
        return cls(np.array(rows, np.int32).reshape(-1, len(_EDIT_FIELDS)), list(maps), given)


def _fields(change: Change, maps: dict[tuple[int, ...], int], given: list[Array]) -> tuple[int, ...]:
    there = -1 if change.there is None else maps.setdefault(change.there, len(maps))
    by_hand = -1
    if change.given is not None:
        given.append(np.ascontiguousarray(change.given, np.float64))
        by_hand = len(given) - 1
    where = (change.layer, change.head, change.at, change.key)
    numbers = (_number(number) for number in where)
    return (_WHATS.index(change.what), HOWS.index(change.how), *numbers, change.donor, there, by_hand)


def _number(given: int | None) -> int:
    return -1 if given is None else given
