"""A training as `_native` has it, whose threads take groups of runs from a queue, each with an instance of its own."""

import os
import threading
from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from headlab.arrays import Array
from headlab.engine.wasm.asked import Problem, Recipe, Runs, checked
from headlab.engine.wasm.groups import Fed, Group, Pace, groups_of
from headlab.engine.wasm.module import CONSTANTS, KEPT_BYTES, Instance, an_instance
from headlab.engine.wasm.threads import next_of, started


class Progress(NamedTuple):
    """Steps that every run has taken, those that all have together now, and what was kept."""

    steps: int
    run_steps: int
    n_recorded: int
    n_snapshots: int
    n_evaluated: int
    fed: int
    ended: int


class _Seat:
    """An instance, and the groups that are open in it: for one thread at a time."""

    def __init__(self) -> None:
        self.instance, self.open, self.run_steps = an_instance(), list[Group](), 0

    def add(self, group: Group, problem: Problem, recipe: Recipe) -> None:
        """Open a group, in a fresh instance where the one that is there is full."""
        first = not self.open
        try:
            group.open(self.instance, problem, recipe, in_scratch=first)
        except MemoryError:
            if not first:
                raise
            self.instance = Instance()
            group.open(self.instance, problem, recipe, in_scratch=True)
        self.open.append(group)

    def close(self, group: Group) -> None:
        """Close a group that has ended."""
        group.close(self.instance)
        self.open.remove(group)

    def full(self) -> bool:
        """Return whether further groups had better be somewhere else."""
        return bool(self.open) and len(self.instance.memory) > KEPT_BYTES


class Training:
    """A training: advance, wait, read; and cancel.

    Raises `ValueError` where the request is wrong, `MemoryError` where there is no memory for one group of runs.
    """

    def __init__(self, problem: Problem, recipe: Recipe, runs: Runs) -> None:
        self._problem, self._recipe, self._process = problem, recipe, os.getpid()
        self._threads: list[threading.Thread] = []
        self._own: Iterator[None] | None = None  # where there are none
        self._failed: list[BaseException] = []
        self._missed: MemoryError | None = None  # why a thread could not take a group
        self._cancelled = self._waiting = self._ended = False
        self._from = self._to = 0
        self._fed, self._pieces, self._working = recipe.fed_until(0), dict[int, Fed](), dict[int, Fed]()
        self._n_pieces = 0
        self._pace = Pace.of(problem)
        groups = groups_of(runs.checked(problem, recipe), problem, recipe, runs.turned)
        self._seats = [_Seat()]
        self._seats[0].add(groups[0], problem, recipe)
        self._queue, self._ready = deque(groups[1:]), deque[_Seat]()
        if runs.outcome is not None:
            runs.outcome.fill(CONSTANTS["HL_NOT_ENDED"])

    def feed(self, n_steps: int, tokens: Array, targets: Array) -> None:
        """Take the batches of the steps that come next, all of one phase [step, sequence, position]."""
        size = n_steps * self._recipe.places_fed(self._fed)
        checked(tokens, "tokens", size, np.int32)
        checked(targets, "targets", size, np.int32)
        if n_steps < 0 or not size:
            raise ValueError("steps must be fed of one phase, and no more than it has")
        self._pieces[self._n_pieces] = n_steps, tokens.copy(), targets.copy()
        self._n_pieces += 1
        self._fed = self._recipe.fed_until(self._fed + n_steps)

    def advance(self, steps: int) -> None:
        """Begin to advance by at most so many steps, no further than is fed."""
        if self._waiting or self._ended or self._cancelled:
            return
        self._to = self._from + min(max(steps, 0), self._fed - self._from)
        self._working, self._pieces = self._pieces, {}
        self._waiting = True
        self._ready = deque(seat for seat in self._seats if seat.open)
        self._threads = started(self._work, min(self._problem.threads, len(self._ready) + len(self._queue)))
        if not self._threads:
            self._own = self._advanced()

    def wait(self, milliseconds: int) -> bool:
        """Wait some milliseconds at most; return whether it has advanced. Works itself where there are no threads."""
        if not self._waiting or os.getpid() != self._process:  # a fork has none of the threads
            return True
        if self._own is not None and self._works():
            return False
        while self._threads:
            self._threads[0].join(milliseconds / 1000)
            if self._threads[0].is_alive():
                return False
            self._threads.pop(0)
        self._waiting, self._own = False, None
        if self._queue and self._missed is not None and not self._cancelled:
            self._failed.append(self._missed)
        if self._failed:
            self._cancelled = True
            raise self._failed.pop(0)
        if not self._cancelled:
            self._from, self._ended = self._to, self._to == self._recipe.steps
        if self._ended:
            for seat in self._seats:
                seat.instance.give_back()
        return True

    def read(self) -> Progress:
        """Return how far it is."""
        recipe, steps = self._recipe, self._from
        recorded = int(np.searchsorted(recipe.recorded, steps))
        snapshots, evaluated = (
            int(np.searchsorted(some, steps + 1 if self._ended else steps))
            for some in (recipe.snapshots, recipe.evaluated)
        )
        run_steps = sum(seat.run_steps for seat in self._seats)
        return Progress(steps, run_steps, recorded, snapshots, evaluated, self._fed, int(self._ended))

    def cancel(self) -> None:
        """Stop soon; runs of groups that have not got where they should are as they were before."""
        self._cancelled = True

    def _works(self) -> bool:
        """Do one call's work; return whether there is more."""
        try:
            return next(self._own or iter(()), self) is None
        except Exception as error:
            self._failed.append(error)
            return False

    def _work(self) -> None:
        try:
            for _ in self._advanced():
                pass
        except BaseException as error:
            self._failed.append(error)
            self._cancelled = True

    def _advanced(self) -> Iterator[None]:
        """Advance what is open, and then groups that nobody else has taken; yield after every call of the kernel."""
        seat = None
        while not self._cancelled and (ready := next_of(self._ready)) is not None:
            seat = ready
            for one in [*seat.open]:
                yield from self._group(seat, one)
        while not self._cancelled and (group := next_of(self._queue)) is not None:
            try:
                if seat is None or seat.full():
                    seat = _Seat()
                    self._seats.append(seat)
                seat.add(group, self._problem, self._recipe)
            except MemoryError as error:
                self._queue.appendleft(group)
                self._missed = error
                return
            yield from self._group(seat, group)

    def _group(self, seat: _Seat, group: Group) -> Iterator[None]:
        group.feed(seat.instance, self._working)
        for done in group.advance(seat.instance, self._to, self._recipe.steps, self._problem.lanes, self._pace):
            seat.run_steps += done
            if self._cancelled:
                return
            yield
        group.store(seat.instance)
        if group.ended:
            seat.close(group)


def wait(training: Training, milliseconds: int) -> bool:
    """Wait for a training, some milliseconds at most; return whether it has advanced as far as it was told to."""
    return training.wait(milliseconds)
