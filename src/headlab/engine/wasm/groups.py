"""A group of a training's runs: copied into an instance's memory, advanced there, and copied out when it got where it should."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from headlab.arrays import Array
from headlab.engine.groups import runs_of_a_group
from headlab.engine.wasm.asked import Problem, Recipe
from headlab.engine.wasm.block import Block
from headlab.engine.wasm.module import Instance
from headlab.engine.wasm.tables import way

A_CALL, LONGEST = 0.008, 0.25  # seconds that a call of the kernel shall take, and may: between calls a cancel is seen
REST = 9  # times what a call takes besides its steps, to get runs from their arrays and back
FIRST_GUESS = 4e6  # multiply-adds of a run in the one time, before calls were timed


Fed = tuple[int, Array, Array]  # steps, and their tokens and targets


@dataclass
class Pace:
    """How many steps a call of the kernel is given, so that it takes some milliseconds.

    >>> pace = Pace(guess=1000)
    >>> pace.note(1, 0.0001)
    >>> pace.note(pace.steps, 0.0041)
    >>> pace.steps
    1998
    """

    guess: int
    steps: int = 1
    once: float = 0.0  # seconds of a call with one step

    @classmethod
    def of(cls, problem: Problem) -> "Pace":
        """Return the pace before anything was timed."""
        return cls(max(1, int(FIRST_GUESS / (problem.size * problem.n_sequences * problem.shape.n_ctx))))

    def note(self, steps: int, seconds: float) -> None:
        """Take note of how long a call with so many steps took."""
        if not self.once:
            self.once, self.steps = seconds, self.guess
            return
        a_step = max((seconds - self.once) / (steps - 1), 1e-9) if steps > 1 else seconds
        wanted = min(max(A_CALL, REST * self.once), LONGEST) / a_step
        self.steps = max(1, int(min(max(wanted, steps / 8), steps * 8)))


@dataclass(eq=False)
class Group:
    """Some runs of a training, by slices of its arrays.

    Open, it is in an instance; what it has there is copied to the arrays by `store` alone.
    """

    arrays: Mapping[str, Array]
    n_runs: int
    turned: bool
    block: Block = field(default_factory=Block)
    base: int = 0
    handle: int = 0
    at: int = 0
    fed: int = 0  # pieces of what is fed
    in_scratch: bool = True
    ended: bool = False

    def open(self, instance: Instance, problem: Problem, recipe: Recipe, in_scratch: bool) -> None:
        """Copy it into an instance and begin there, in its scratch or in a block of its own.

        Raises `ValueError` where the request is wrong, `MemoryError` where there is no memory; then it is not open.
        """
        self.block = block = Block()
        places = {name: block.both(array) for name, array in self.arrays.items()}
        asked = problem.put(block), recipe.put(block)
        runs = block.struct("hl_runs", n_runs=self.n_runs, turned=self.turned, **places)
        handle = block.room(4)
        base = instance.scratch(block.size) if in_scratch else instance.take(block.size)
        block.load(instance, base)
        instance.ask("hl_begin", base + asked[0], base + asked[1], base + runs, base + handle)
        self.handle = int(instance.memory[base + handle :][:4].view(np.uint32)[0])
        self.base, self.in_scratch = base, in_scratch

    def feed(self, instance: Instance, pieces: Mapping[int, Fed]) -> None:
        """Copy into the instance the pieces that it has not had, by their numbers."""
        for number in sorted(number for number in pieces if number >= self.fed):
            n_steps, *arrays = pieces[number]
            size = arrays[0].nbytes
            base = instance.take(2 * size)
            for at, array in zip((base, base + size), arrays, strict=True):
                instance.memory[at : at + size] = array.reshape(-1).view(np.uint8)
            instance.ask("hl_feed", self.handle, n_steps, base, base + size)
            instance.call("free", base)
            self.fed = number + 1

    def advance(self, instance: Instance, to: int, steps: int, lanes: int, pace: Pace) -> Iterator[int]:
        """Advance to a step of so many; yield after every call of the kernel how many steps of runs it did."""
        while self.at < to or (to == steps and not self.ended):
            stretch = min(pace.steps, to - self.at)
            instance.call("hl_advance", self.handle, stretch)
            done, left = False, self.n_runs
            while not done:
                began = time.perf_counter()
                done = bool(instance.call("hl_wait", self.handle, 0))
                if stretch == pace.steps or not pace.once:
                    pace.note(stretch, time.perf_counter() - began)
                yield stretch * min(lanes, left)
                left = max(0, left - lanes)
            self.at += stretch
            self.ended = self.at == steps

    def store(self, instance: Instance) -> None:
        """Copy to the arrays what it has come to."""
        self.block.results(instance, self.base)

    def close(self, instance: Instance) -> None:
        """Give back its memory."""
        instance.call("hl_end", self.handle)
        if not self.in_scratch:
            instance.call("free", self.base)


def groups_of(arrays: Mapping[str, Array | None], problem: Problem, recipe: Recipe, turned: bool) -> list[Group]:
    """Return all runs of a training, in groups, one at least; `outcome`, which says what has ended, is written last."""
    given = {name: array for name, array in arrays.items() if array is not None}
    n_runs = len(given["weights"])
    of_a_run = sum(array.nbytes for array in given.values()) // max(n_runs, 1)
    at_once = way(problem, recipe, n_runs)[1]
    size = runs_of_a_group(n_runs, problem.threads, at_once, of_a_run, recipe.steps)
    ranges = [slice(first, min(first + size, n_runs)) for first in range(0, max(n_runs, 1), size)]
    names = sorted(given, key=lambda name: name == "outcome")
    return [Group({name: given[name][some] for name in names}, some.stop - some.start, turned) for some in ranges]
