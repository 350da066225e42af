"""Weights at moments of a training: as narrow as they were trained, and as wide as their model when somebody asks for them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headlab.config.model import Shape
from headlab.engine.backend import kernel
from headlab.engine.problem import kernel_problem
from headlab.engine.state import Flat


@dataclass(frozen=True, eq=False)
class Turned:
    """What makes weights that were trained narrow those of their model again.

    shape: of the model; basis [run, block, d_head, width]: turns heads back
    given [run, weight]: what the training began with, as_given [run, moment]: where that is what there was; None: nowhere
    """

    shape: Shape
    basis: Flat
    given: Flat | None
    as_given: NDArray[np.bool_]

    def chosen(self, index: Any) -> "Turned":
        """Return that of some runs."""
        given = None if self.given is None else self.given[index]
        return replace(self, basis=self.basis[index], given=given, as_given=self.as_given[index])

    def widened(self, trained: Flat, moment: int) -> Flat:
        """Return flat weights [run, weight] of those that were trained [run, trained weight], at a moment."""
        given = self.as_given[:, moment]
        if self.given is not None and given.all():
            return self.given
        wide = np.empty((len(trained), self.shape.n_weights), trained.dtype)
        tokens = np.zeros((1, self.shape.n_ctx), np.int32)  # any batch: heads are turned in the same order
        float64 = trained.dtype == np.float64
        problem = kernel_problem(self.shape, tokens, None, None, float64=float64, n_runs=len(wide), threads=1)
        kernel().widen(problem, np.ascontiguousarray(self.basis), np.ascontiguousarray(trained), wide)
        if self.given is not None:
            wide[given] = self.given[given]
        return wide


@dataclass(frozen=True, eq=False)
class Stretch:
    """Weights at moments of one training [run, moment, trained weight]; turned: None where that is what the model has."""

    trained: Flat
    turned: Turned | None = None

    def chosen(self, index: Any) -> "Stretch":
        """Return that of some runs."""
        return Stretch(self.trained[index], None if self.turned is None else self.turned.chosen(index))

    def moments(self, index: NDArray[np.bool_]) -> "Stretch":
        """Return those of some moments."""
        turned = None if self.turned is None else replace(self.turned, as_given=self.turned.as_given[:, index])
        return Stretch(self.trained[:, index], turned)

    def at(self, moment: int) -> Flat:
        """Return flat weights [run, weight]."""
        trained = self.trained[:, moment]
        return trained if self.turned is None else self.turned.widened(trained, moment)

    def flat(self) -> Flat:
        """Return flat weights [run, moment, weight]."""
        if self.turned is None:
            return self.trained
        n_runs, n_moments = self.trained.shape[:2]
        wide = np.empty((n_runs, n_moments, self.turned.shape.n_weights), self.trained.dtype)
        for moment in range(n_moments):
            wide[:, moment] = self.at(moment)
        return wide


@dataclass(frozen=True, eq=False)
class Snapshots:
    """Weights of runs at moments of their training, stretch after stretch, which may have been trained in several widths.

    >>> kept = Snapshots.of(np.zeros((8, 3, 413)))
    >>> kept[:2].followed_by(kept[2:4].moments(np.array([True, False, True]))).flat.shape
    (2, 5, 413)
    """

    stretches: tuple[Stretch, ...]

    @classmethod
    def of(cls, flat: Flat) -> "Snapshots":
        """Return what is kept where all weights are there [run, moment, weight]."""
        return cls((Stretch(flat),))

    @classmethod
    def of_training(
        cls,
        shape: Shape,
        trained: Flat,
        basis: Flat | None,
        given: Flat,
        steps: Sequence[int],
        outcome: NDArray[np.int64],
    ) -> "Snapshots":
        """Return what is kept [run, moment, trained weight] of a training from given weights [run, weight] at some steps."""
        if basis is None:
            return cls.of(trained)
        as_given = (np.array(steps, np.int64) == 0) | (outcome == 0)[:, None]
        kept = np.array(given) if as_given.any() else None
        return cls((Stretch(trained, Turned(shape, basis, kept, as_given)),))

    def __getitem__(self, index: Any) -> "Snapshots":
        """Return those of some runs: a slice, a mask or a list of numbers."""
        if "flat" in self.__dict__:
            return Snapshots.of(self.flat[index])
        return Snapshots(tuple(stretch.chosen(index) for stretch in self.stretches))

    @cached_property
    def flat(self) -> Flat:
        """[run, moment, weight]: as wide as the model."""
        found = [stretch.flat() for stretch in self.stretches]
        return found[0] if len(found) == 1 else np.concatenate(found, axis=1)

    def at(self, moment: int) -> Flat:
        """Return the weights of one moment alone [run, weight]."""
        if "flat" in self.__dict__:
            return self.flat[:, moment]
        for stretch in self.stretches:
            if moment < stretch.trained.shape[1]:
                return stretch.at(moment)
            moment -= stretch.trained.shape[1]
        raise IndexError(moment)

    def moments(self, index: NDArray[np.bool_]) -> "Snapshots":
        """Return those of some moments [moment]."""
        ends = np.cumsum([stretch.trained.shape[1] for stretch in self.stretches])[:-1]
        parts = zip(self.stretches, np.split(index, ends), strict=True)
        return Snapshots(tuple(stretch.moments(some) for stretch, some in parts))

    def followed_by(self, after: "Snapshots") -> "Snapshots":
        """Return these moments, and then those of the same runs when they went on."""
        return Snapshots((*self.stretches, *after.stretches))

    def held(self) -> Iterator[NDArray[Any]]:
        """Yield every array that is kept in memory."""
        for stretch in self.stretches:
            yield stretch.trained
            if stretch.turned is not None:
                yield from (stretch.turned.basis, stretch.turned.as_given)
                yield from () if stretch.turned.given is None else (stretch.turned.given,)
        if "flat" in self.__dict__:
            yield self.flat
