"""Positions whose target the current token leaves open, and the token that settles it."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from headlab.data.sight import Sight

Place = tuple[int, int]  # sequence, position
UNDECIDED = -2


@dataclass(frozen=True)
class Dependency:
    """A position whose target the current token leaves open.

    sequence, position: where; token, target: the ids there; following: every target of this token in the corpus
    settled_by, settled_token: the nearest position that the model sees, earlier ones first, whose token decides the
    target, or None; resolvable: whether all that the model sees decides it
    """

    sequence: int
    position: int
    token: int
    target: int
    following: tuple[int, ...]
    settled_by: int | None
    settled_token: int | None
    resolvable: bool

    @property
    def alternatives(self) -> tuple[int, ...]:
        """The other targets that follow this token somewhere in the corpus."""
        return tuple(token for token in self.following if token != self.target)

    @property
    def is_answer(self) -> bool:
        """Whether what settles it is the target itself, seen because the model has no causal mask."""
        return self.settled_by is not None and self.settled_by > self.position and self.settled_token == self.target


def dependencies_of(sight: "Sight") -> tuple[Dependency, ...]:
    """Return the positions whose target the current token leaves open, in order.

    >>> from headlab.config import ModelConfig
    >>> from headlab.data.batch import Batch
    >>> from headlab.data.sight import Sight
    >>> batch = Batch.equally_weighted([[0, 1, 2], [3, 1, 4]], [[1, 2, -1], [1, 4, -1]], d_vocab=5)
    >>> [(item.sequence, item.position, item.settled_by) for item in dependencies_of(Sight(batch, ModelConfig()))]
    [(0, 1, 0), (1, 1, 0)]
    """
    return _Search(sight).dependencies()


def only_targets(observed: Iterable[tuple[int, int]]) -> dict[int, int]:
    """Return the target of every state, or UNDECIDED where there are several.

    >>> only_targets([(0, 5), (1, 5), (0, 6)])
    {0: -2, 1: 5}
    """
    known: dict[int, int] = {}
    for state, target in observed:
        if known.setdefault(state, target) != target:
            known[state] = UNDECIDED
    return known


@dataclass(frozen=True, eq=False)
class _Search:
    """The search in what one shape of model can see."""

    sight: "Sight"

    def dependencies(self) -> tuple[Dependency, ...]:
        following: dict[int, set[int]] = defaultdict(set)
        for row, position in self._places:
            following[self._tokens[row][position]].add(self._targets[row][position])
        ordered = {token: tuple(sorted(targets)) for token, targets in following.items() if len(targets) > 1}
        open_places = [place for place in self._places if self._tokens[place[0]][place[1]] in ordered]
        settled = self._settled([place for place in open_places if self._decided[place[0]][place[1]]])
        return tuple(self._dependency(place, ordered, settled.get(place)) for place in open_places)

    def _dependency(self, place: Place, following: dict[int, tuple[int, ...]], settled_by: int | None) -> Dependency:
        row, position = place
        token = self._tokens[row][position]
        return Dependency(
            sequence=row,
            position=position,
            token=token,
            target=self._targets[row][position],
            following=following[token],
            settled_by=settled_by,
            settled_token=None if settled_by is None else self._tokens[row][settled_by],
            resolvable=self._decided[row][position],
        )

    def _settled(self, wanted: list[Place]) -> dict[Place, int]:
        """Return the nearest position whose token, wherever the two are seen together, goes with the same target."""
        alike: dict[int, list[Place]] = defaultdict(list)
        for place in self._places:
            alike[self.sight.at_first[place[0]][place[1]]].append(place)
        asked: dict[int, list[Place]] = defaultdict(list)
        for place in wanted:
            asked[self.sight.at_first[place[0]][place[1]]].append(place)
        found: dict[Place, int] = {}
        for state, places in asked.items():
            found |= self._nearest(places, alike[state])
        return found

    def _nearest(self, wanted: list[Place], alike: list[Place]) -> dict[Place, int]:
        # With positions all these places stand at the same one: one other position after the other, as long as some are
        # not settled. Without, a token counts wherever it is seen.
        steps = self._others(wanted[0][1]) if self.sight.model.sees_positions else (None,)
        found, left = {}, wanted
        for step in steps:
            known = only_targets(
                (self.sight.at_first[row][seen], self._targets[row][position])
                for row, position in alike
                for seen in self._seen(row, position, step)
            )
            for row, position in left:
                for seen in self._seen(row, position, step):
                    if known[self.sight.at_first[row][seen]] != UNDECIDED:
                        found[row, position] = seen
                        break
            left = [place for place in left if place not in found]
            if not left:
                break
        return found

    def _seen(self, row: int, position: int, only: int | None) -> Iterable[int]:
        length = len(self.sight.at_first[row])
        if only is None:
            return (other for other in self._others(position) if other < length)
        return (only,) if only < length else ()

    def _others(self, position: int) -> Iterable[int]:
        # The other positions that a place sees, in a sentence of any length: earlier ones first, the nearest first.
        if self.sight.model.n_layers:
            yield from range(position - 1, -1, -1)
            if not self.sight.model.causal:
                yield from range(position + 1, self.sight.batch.n_ctx)

    @cached_property
    def _places(self) -> list[Place]:
        return [(row, position) for row, position in np.argwhere(self.sight.batch.has_target).tolist()]

    @cached_property
    def _tokens(self) -> list[list[int]]:
        return self.sight.batch.tokens.tolist()

    @cached_property
    def _targets(self) -> list[list[int]]:
        return self.sight.batch.targets.tolist()

    @cached_property
    def _decided(self) -> list[list[bool]]:
        return self.sight.resolvable.tolist()
