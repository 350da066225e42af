"""What runs need to go on as if they had never stopped: optimiser, rate, plateau, and wide heads as they are trained.

All in the order of the vocabulary, where an axis follows it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from headlab.config import Shape
from headlab.errors import ConfigError

Flat = NDArray[np.floating[Any]]

SAME = 1e-3  # of the largest weight: how far heads may be from those that a state turns back to


@dataclass(frozen=True, eq=False)
class State:
    """What runs go on from. It belongs to the weights that it came with, and to no others.

    kind: of what the optimiser remembers, `TrainConfig.state_kind`; under another kind it starts afresh
    optimizer_step: how many steps it remembers (Adam's t), the same for all runs
    slots [run, slot, weight]: what it remembers of each weight, of the width that was trained
    rate [run]: of the next step; best [run]: the best loss of the plateau, ∞ before it has any
    wait, cooldown [run]: steps without improvement, and steps until it looks again
    reached [run]: evaluations in a row that reached the training's goal
    narrow [run, 2, block, d_model, 2 d_model]: W_Q and W_K as they are trained where that is narrower than the model,
    basis [run, block, d_head, 2 d_model]: which turns them back; None otherwise
    """

    kind: str
    optimizer_step: int
    slots: Flat
    rate: Flat
    best: Flat
    wait: NDArray[np.int64]
    cooldown: NDArray[np.int64]
    reached: NDArray[np.int64]
    narrow: Flat | None = None
    basis: Flat | None = None

    @classmethod
    def at_start(cls, kind: str, n_runs: int, size: int, rate: float, dtype: np.dtype[Any]) -> Self:
        """Return the state of runs that have not begun; size: the number of weights of one.

        >>> State.at_start("adam", 3, 413, 0.001, np.dtype("float32")).slots.shape
        (3, 0, 413)
        """
        rates, best = np.full(n_runs, rate, dtype), np.full(n_runs, np.inf, dtype)
        wait, cooldown, reached = (np.zeros(n_runs, np.int64) for _ in range(3))
        return cls(kind, 0, np.zeros((n_runs, 0, size), dtype), rates, best, wait, cooldown, reached)

    @classmethod
    def of_arrays(cls, kind: str, optimizer_step: int, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """Return a state of what `arrays` gave; raises `ConfigError` where one is missing, or of another length."""
        if "reached" not in arrays:  # of a headlab whose trainings had no goals
            arrays = {**arrays, "reached": np.zeros(len(next(iter(arrays.values()), ())), np.int64)}
        problems = [f"the state must have an array {name}, got none" for name in _ARRAYS if name not in arrays]
        problems += [
            f"the state has no array {name}: leave it out" for name in arrays if name not in (*_ARRAYS, *_TURNED)
        ]
        if not problems and (lengths := {name: len(array) for name, array in arrays.items()}):
            known = len(set(lengths.values())) == 1
            problems += [] if known else [f"the state's arrays must be of as many runs, got {lengths}"]
        if ("narrow" in arrays) != ("basis" in arrays):
            problems.append("the state must have both narrow and basis, or neither, got one: give the other, too")
        if problems:
            raise ConfigError(problems)
        return cls(kind, optimizer_step, **arrays)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return the arrays by their names, without those that are None; all begin with the axis of runs."""
        found = {name: getattr(self, name) for name in (*_ARRAYS, *_TURNED)}
        return {name: array for name, array in found.items() if array is not None}

    def __len__(self) -> int:
        return len(self.rate)

    def __getitem__(self, index: Any) -> "State":
        """Return the state of some runs: a slice, a mask or a list of numbers."""
        some: dict[str, Any] = {name: array[index] for name, array in self.arrays().items()}
        return replace(self, **some)

    def copied(self) -> "State":
        """Return the state with arrays of its own, run after run in memory."""
        own: dict[str, Any] = {
            name: np.array(array, order="C") for name, array in self.arrays().items() if name != "slots"
        }
        return replace(self, **own)

    def to_be_turned(self, shape: Shape, width: int) -> "State":
        """Return a state that remembers nothing yet of heads that the kernel turns into another width when it begins."""
        n_runs, blocks = len(self), shape.n_layers * shape.n_heads
        slots, narrow, basis = (
            np.zeros((n_runs, *axes), self.slots.dtype)
            for axes in (
                (0, shape.narrow(width).n_weights),
                (2, blocks, shape.d_model, width),
                (blocks, shape.d_head, width),
            )
        )
        return replace(self, slots=slots, narrow=narrow, basis=basis)

    def check_heads(self, shape: Shape, weights: Flat) -> None:
        """Raise `ConfigError` where wide heads, turned back, are not those of the weights; a run that diverged has no others."""
        if self.narrow is None or self.basis is None:
            return
        heads = weights[:, shape.place("W_Q").start : shape.place("W_K").stop]
        given = heads.reshape(len(weights), 2, *self.basis.shape[1:2], shape.d_model, shape.d_head)
        axes = tuple(range(1, given.ndim))
        with np.errstate(invalid="ignore", over="ignore"):
            known = self.narrow @ np.swapaxes(self.basis, -1, -2)[:, None]
            other = (np.abs(given - known) > SAME * np.abs(given).max(axis=axes, keepdims=True)).any(axis=axes)
        other &= np.isfinite(given).all(axis=axes) & np.isfinite(known).all(axis=axes)
        if other.any():
            run = int(np.argmax(other))
            raise ConfigError(
                f"a state must belong to its weights, got another W_Q or W_K in run {run}: leave the state out"
            )

    def of_kind(self, kind: str) -> "State":
        """Return the state for an optimiser of a kind, which remembers nothing where the kind is another."""
        return self if kind == self.kind else replace(self.forgetful(), kind=kind)

    def forgetful(self) -> "State":
        """Return the state of an optimiser that remembers nothing; rates and plateaus go on."""
        return replace(self, optimizer_step=0, slots=self.slots[:, :0])

    def astype(self, dtype: np.dtype[Any]) -> "State":
        """Return the state with its real numbers in a dtype."""
        real = {name: array for name, array in self.arrays().items() if array.dtype.kind == "f"}
        cast: dict[str, Any] = {name: array.astype(dtype, copy=False) for name, array in real.items()}
        return replace(self, **cast)


_TURNED = ("narrow", "basis")
_ARRAYS = tuple(item.name for item in fields(State) if item.name not in ("kind", "optimizer_step", *_TURNED))
