"""What the kernel is asked about, as `_native` has it: shapes, phases, problems, recipes, the arrays of runs. All is checked."""

from collections.abc import Sequence
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from headlab.arrays import Array
from headlab.engine.wasm.block import At, Block, layout
from headlab.engine.wasm.module import CONSTANTS, DESCRIBED, instance

SIMD128 = "simd128"
Fields = tuple[tuple[str, float], ...]


def checked(given: Array | None, name: str, size: int, dtype: Any) -> Array | None:
    """Return an array of the expected size and dtype; raises `ValueError` for another."""
    if given is None:
        return None
    if given.dtype != dtype or given.size != size or not given.flags.c_contiguous:
        raise ValueError(f"{name} must have {size} elements of the expected dtype")
    return given


def run_by_run(given: Array | None, name: str, n_runs: int, size: int, dtype: Any) -> Array | None:
    """Return an array of so many numbers of each run as [run, number]; raises `ValueError` for another."""
    array = checked(given, name, n_runs * size, dtype)
    return None if array is None else array.reshape(n_runs, size)


class _Record:
    """Numbers by the names of a struct's fields, 0 at first."""

    __slots__: tuple[str, ...] = ()

    def __init__(self) -> None:
        for name in self.__slots__:
            setattr(self, name, 0)

    def fields(self) -> Fields:
        """Return every field and its number."""
        return tuple((name, getattr(self, name)) for name in self.__slots__)

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...


class Shape(_Record):
    """A model's sizes and switches, by their names in hl_shape."""

    __slots__ = tuple(DESCRIBED["structs"]["hl_shape"]["fields"])

    def put(self, block: Block) -> At:
        """Put the shape into a block."""
        return block.table("hl_shape", _filled("hl_shape", self.fields()))


class Phase(_Record):
    """A phase's settings, by their names in hl_phase."""

    __slots__ = tuple(DESCRIBED["structs"]["hl_phase"]["fields"])


def _filled(name: str, *structs: Fields) -> Array:
    table = np.zeros(len(structs), layout(name))
    for number, fields in enumerate(structs):
        for field, value in fields:
            table[field][number] = value
    return table


@lru_cache(256)
def size_of(shape: Fields) -> int:
    """Return the number of flat weights of a run."""
    block = Block()
    at = block.table("hl_shape", _filled("hl_shape", shape))
    with instance() as one:
        return one.call("hl_size", block.scratch(one) + at)


class Problem:
    """A shape on a batch; threads: at most, 0: the caller's own."""

    def __init__(
        self,
        shape: Shape,
        tokens: Array,
        targets: Array | None,
        weights: Array | None,
        declared: bool,
        float64: bool,
        threads: int,
        instruction_set: str,
        at_once: int = 0,
    ) -> None:
        self.shape, self.n_sequences = shape, len(tokens)
        size = self.n_sequences * shape.n_ctx
        self._tokens = checked(tokens, "tokens", size, np.int32)
        self._targets = checked(targets, "targets", size, np.int32)
        self._weights = checked(weights, "weights", size, np.float64)
        self.declared, self.threads, self._instruction_set, self._at_once = declared, threads, instruction_set, at_once
        self.type = CONSTANTS["HL_FLOAT64" if float64 else "HL_FLOAT32"]
        self.real = np.dtype(np.float64 if float64 else np.float32)
        self.fields = shape.fields()

    @cached_property
    def size(self) -> int:
        """The number of flat weights of a run."""
        return size_of(self.fields)

    @property
    def blocks(self) -> int:
        """The number of heads in all layers."""
        return self.shape.n_layers * self.shape.n_heads

    @property
    def outputs(self) -> int:
        """The number of logits at a place."""
        return int(self.shape.d_vocab_out or self.shape.d_vocab)

    @property
    def lanes(self) -> int:
        """The number of runs that are worked on at once."""
        return lanes(SIMD128, self.real == np.float64)

    def put(self, block: Block, threads: int = 0) -> At:
        """Put the problem into a block; threads: those that share the work, where that matters: an instance has none."""
        table = np.zeros(1, layout("hl_problem"))
        table["shape"], table["batch"], table["type"] = _filled("hl_shape", self.fields), self._batch(block), self.type
        table["threads"], table["at_once"] = threads, self._at_once
        if self._instruction_set:
            table["instruction_set"] = block.array(np.frombuffer(self._instruction_set.encode() + b"\0", np.uint8))
        return block.table("hl_problem", table)

    def put_batch(self, block: Block) -> At:
        """Put the batch alone into a block."""
        return block.table("hl_batch", self._batch(block))

    def _batch(self, block: Block) -> Array:
        arrays = (("tokens", self._tokens), ("targets", self._targets), ("weights", self._weights))
        places = ((name, block.array(array)) for name, array in arrays)
        return _filled("hl_batch", (("n_sequences", self.n_sequences), ("declared", self.declared), *places))


class HeldOut:
    """What is not trained on, and the steps at which it is evaluated."""

    def __init__(
        self,
        tokens: Array,
        targets: Array,
        at_once: int,
        by_sequence: bool,
        steps: Sequence[int],
        last_apart: bool,
        stop_at: float,
        stop_count: int,
    ) -> None:
        if tokens.ndim != 2:
            raise ValueError("examples must be [sequence, position]")
        self.steps = np.array(steps, np.int64)
        self._arrays = {
            "tokens": checked(tokens, "tokens", tokens.size, np.int32),
            "targets": checked(targets, "targets", tokens.size, np.int32),
            "steps": self.steps,
        }
        self._fields = (
            *zip(("n_sequences", "n_positions"), tokens.shape, strict=True),
            *(("at_once", at_once), ("by_sequence", by_sequence), ("n_steps", len(self.steps))),
            *(("last_apart", last_apart), ("stop_at", stop_at), ("stop_count", stop_count)),
        )

    def put(self, block: Block) -> Array:
        """Put its arrays into a block; return the struct."""
        places = ((name, block.array(array)) for name, array in self._arrays.items())
        return _filled("hl_held_out", (*self._fields, *places))


class Recipe:
    """Phases, the steps at which something is kept, and what is held out."""

    def __init__(
        self,
        phases: Sequence[Phase],
        recorded: Sequence[int],
        snapshots: Sequence[int],
        optimizer_step: int,
        held_out: HeldOut | None = None,
    ) -> None:
        self._held_out = held_out
        self.evaluated = np.zeros(0, np.int64) if held_out is None else held_out.steps
        self.batches = tuple((int(phase.steps), int(phase.n_sequences) * int(phase.n_positions)) for phase in phases)
        self._phases = tuple(phase.fields() for phase in phases)
        self.recorded, self.snapshots = np.array(recorded, np.int64), np.array(snapshots, np.int64)
        self.optimizer_step = optimizer_step
        self.steps = int(sum(phase.steps for phase in phases))

    @cached_property
    def slots(self) -> int:
        """Numbers that are remembered of a weight, at most."""
        block = Block()
        at = self.put(block)
        with instance() as one:
            return one.call("hl_slots", block.scratch(one) + at)

    def put(self, block: Block) -> At:
        """Put the recipe into a block."""
        return block.struct(
            "hl_recipe",
            n_phases=len(self._phases),
            phases=block.table("hl_phase", _filled("hl_phase", *self._phases)),
            optimizer_step=self.optimizer_step,
            n_recorded=len(self.recorded),
            n_snapshots=len(self.snapshots),
            recorded=block.array(self.recorded),
            snapshots=block.array(self.snapshots),
            **({} if self._held_out is None else {"held_out": self._held_out.put(block)}),
        )

    def places_fed(self, step: int) -> int:
        """Return how many places the batch has that a step is to be fed with."""
        for steps, places in self.batches:
            if step < steps:
                return places
            step -= steps
        return 0

    def fed_until(self, step: int) -> int:
        """Return how far runs can be advanced where everything before a step was fed."""
        end = 0
        for steps, places in self.batches:
            end += steps
            if step < end and places:
                return step
            step = max(step, end)
        return step


class Runs:
    """The arrays of a training by their names in hl_runs."""

    NAMES = ("weights", "slots", "rate", "best", "wait", "cooldown", "narrow", "basis", "losses", "rates", "final_loss",
             "snapshots", "held_loss", "held_right", "reached", "stopped", "outcome")  # fmt: skip

    def __init__(self) -> None:
        self.weights: Array = np.empty(0)
        self.slots = self.rate = self.best = self.wait = self.cooldown = self.narrow = self.basis = None
        self.losses = self.rates = self.final_loss = self.snapshots = self.outcome = None
        self.held_loss = self.held_right = self.reached = self.stopped = None
        self.turned = False

    def checked(self, problem: Problem, recipe: Recipe) -> dict[str, Array | None]:
        """Return the arrays by their names; raises `ValueError` where one has not the size that it must have."""
        shape, n, real, whole = problem.shape, len(self.weights), problem.real, np.dtype(np.int64)
        trained = dict(problem.fields)
        if self.narrow is not None:
            trained["d_head"] = narrow(shape, recipe)
        width, blocks, size = int(trained["d_head"]), problem.blocks, size_of(tuple(trained.items()))
        recorded, evaluated = (len(recipe.recorded), real), (len(recipe.evaluated), real)
        of_a_run = {
            "weights": (problem.size, real),
            "slots": (recipe.slots * size, real),
            "rate": (1, real),
            "best": (1, real),
            "wait": (1, whole),
            "cooldown": (1, whole),
            "narrow": (2 * blocks * shape.d_model * width, real),
            "basis": (blocks * shape.d_head * width, real),
            "losses": recorded,
            "rates": recorded,
            "final_loss": (1, real),
            "snapshots": (size * len(recipe.snapshots), real),
            "held_loss": evaluated,
            "held_right": evaluated,
            "reached": (1, whole),
            "stopped": (1, whole),
            "outcome": (1, whole),
        }
        return {name: run_by_run(getattr(self, name), name, n, size, dtype) for name, (size, dtype) in of_a_run.items()}


def narrow(shape: Shape, recipe: Recipe) -> int:
    """Return the width that wide heads can be trained in; 0: their own alone."""
    block = Block()
    at, by = shape.put(block), recipe.put(block)
    with instance() as one:
        base = block.scratch(one)
        return one.call("hl_narrow", base + at, base + by)


def instruction_sets() -> list[str]:
    """Return the one instruction set that the module is compiled for."""
    return [SIMD128]


@lru_cache(None)
def lanes(instruction_set: str, float64: bool) -> int:
    """Return how many runs an instruction set trains at once."""
    block = Block()
    name = block.array(np.frombuffer(instruction_set.encode() + b"\0", np.uint8))
    with instance() as one:
        return one.call("hl_lanes", block.scratch(one) + name, CONSTANTS["HL_FLOAT64" if float64 else "HL_FLOAT32"])
