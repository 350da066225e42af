"""What a model can tell apart in a corpus, and what follows: the smallest reachable loss, and the tokens that decide.

Colour refinement of positions. What a position starts from is its token, and its position where the model has them:

    state_0(t)     = token, or (token, position)
    state_{l+1}(t) = (state_l(t), the proportions of state_l among the positions that t may look at)

Under the causal mask these are the positions up to t, without it the whole sentence. Softmax attention takes weighted
means, so it sees proportions, not counts: two positions of the same state after `n_layers` rounds look the same to every
model of that shape, whatever its weights.
Source: the Weisfeiler-Leman bound on what message passing can tell apart; Xu et al. 2019, How Powerful are Graph Neural
Networks, section 4 and 5.2 (means see proportions).
"""

import math
import random
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from headlab.config import ModelConfig

Ids = NDArray[np.int64]

# Proportions are compared as one number each: the mean, modulo a prime, of a random number a state. Means that differ
# as vectors agree modulo 2^127 - 1 once in 10^38 times.
PRIME = 2**127 - 1
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


@dataclass(frozen=True, eq=False)
class Sight:
    """What a model of one shape can see in token ids and targets [sequence, position] (-1: none).

    >>> tokens, targets = np.array([[0, 1, 2], [0, 1, 3]]), np.array([[1, 2, 0], [1, 3, 0]])
    >>> Sight(tokens, targets, ModelConfig(causal=False)).floor, round(Sight(tokens, targets, ModelConfig()).floor, 4)
    (0.0, 0.231)
    """

    tokens: Ids
    targets: Ids
    model: ModelConfig

    @cached_property
    def states(self) -> Ids:
        """[sequence, position]: the same number where no model of this shape can tell positions apart; -1: padding."""
        rows, n_states = self._first, self._count(self._first)
        for _ in range(self.model.n_layers):
            rows = _refined(rows, self.model.causal)
            before, n_states = n_states, self._count(rows)
            if n_states == before:  # nothing was split, and nothing ever will be
                break
        return _padded(rows, self.tokens.shape)

    @cached_property
    def floor(self) -> float:
        """The smallest mean loss of any such model, in nats per position with a target.

        mean over positions of -ln(share of the target among all positions of the same state)
        """
        return floor_of(self.states[self._where].tolist(), self.targets[self._where].tolist())

    @cached_property
    def resolvable(self) -> NDArray[np.bool_]:
        """[sequence, position]: there is a target, and what the model sees decides it."""
        known = _only_target(zip(self.states[self._where].tolist(), self.targets[self._where].tolist(), strict=True))
        result = np.zeros(self.tokens.shape, bool)
        result[self._where] = [known[state] != UNDECIDED for state in self.states[self._where].tolist()]
        result.flags.writeable = False
        return result

    @cached_property
    def dependencies(self) -> tuple[Dependency, ...]:
        """The positions whose target the current token leaves open, in order."""
        following: dict[int, set[int]] = defaultdict(set)
        for token, target in zip(self.tokens[self._where].tolist(), self.targets[self._where].tolist(), strict=True):
            following[token].add(target)
        ordered = {token: tuple(sorted(targets)) for token, targets in following.items() if len(targets) > 1}
        open_places = [place for place in self._places if self._tokens[place[0]][place[1]] in ordered]
        settled = self._settled([place for place in open_places if self._decided[place[0]][place[1]]])
        return tuple(self._dependency(place, ordered, settled.get(place)) for place in open_places)

    def _dependency(
        self, place: tuple[int, int], following: dict[int, tuple[int, ...]], settled_by: int | None
    ) -> Dependency:
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

    def _settled(self, wanted: list[tuple[int, int]]) -> dict[tuple[int, int], int]:
        """Return the nearest position whose token, wherever the two are seen together, goes with the same target."""
        alike: dict[int, list[tuple[int, int]]] = defaultdict(list)
        for place in self._places:
            alike[self._first[place[0]][place[1]]].append(place)
        asked: dict[int, list[tuple[int, int]]] = defaultdict(list)
        for place in wanted:
            asked[self._first[place[0]][place[1]]].append(place)
        found: dict[tuple[int, int], int] = {}
        for state, places in asked.items():
            found |= self._nearest(places, alike[state])
        return found

    def _nearest(self, wanted: list[tuple[int, int]], alike: list[tuple[int, int]]) -> dict[tuple[int, int], int]:
        # With positions all these places stand at the same one: one other position after the other, as long as some are
        # not settled. Without, a token counts wherever it is seen.
        steps = self._others(wanted[0][1]) if self.model.positions else (None,)
        found, left = {}, wanted
        for step in steps:
            known = _only_target(
                (self._first[row][seen], self._targets[row][position])
                for row, position in alike
                for seen in self._seen(row, position, step)
            )
            for row, position in left:
                for seen in self._seen(row, position, step):
                    if known[self._first[row][seen]] != UNDECIDED:
                        found[row, position] = seen
                        break
            left = [place for place in left if place not in found]
            if not left:
                break
        return found

    def _seen(self, row: int, position: int, only: int | None) -> Iterable[int]:
        length = len(self._first[row])
        if only is None:
            return (other for other in self._others(position) if other < length)
        return (only,) if only < length else ()

    def _others(self, position: int) -> Iterable[int]:
        # The other positions that a place sees, in a sentence of any length: earlier ones first, the nearest first.
        if self.model.n_layers:
            yield from range(position - 1, -1, -1)
            if not self.model.causal:
                yield from range(position + 1, self.tokens.shape[1])

    @cached_property
    def _where(self) -> NDArray[np.bool_]:
        return self.targets >= 0

    @cached_property
    def _places(self) -> list[tuple[int, int]]:
        return [(row, position) for row, position in np.argwhere(self._where).tolist()]

    @cached_property
    def _tokens(self) -> list[list[int]]:
        return self.tokens.tolist()

    @cached_property
    def _targets(self) -> list[list[int]]:
        return self.targets.tolist()

    @cached_property
    def _decided(self) -> list[list[bool]]:
        return self.resolvable.tolist()

    @cached_property
    def _first(self) -> list[list[int]]:
        width = self.tokens.shape[1]
        states = self.tokens * width + np.arange(width) if self.model.positions else self.tokens
        ids: dict[int, int] = {}
        real = (self.tokens >= 0).tolist()
        return [
            [ids.setdefault(state, len(ids)) for state, is_real in zip(*both, strict=True) if is_real]
            for both in zip(states.tolist(), real, strict=True)
        ]

    @staticmethod
    def _count(rows: list[list[int]]) -> int:
        return 1 + max(map(max, rows))


def floor_of(contexts: Sequence[Hashable], targets: Sequence[int]) -> float:
    """Return the smallest mean loss where only the context is known: mean of -ln(share of the target in its context).

    >>> round(floor_of(["the", "the", "man"], [3, 6, 4]), 4)  # 2 ln 2 / 3
    0.4621
    """
    together, alone = Counter(zip(contexts, targets, strict=True)), Counter(contexts)
    return sum(-count * math.log(count / alone[context]) for (context, _), count in together.items()) / len(contexts)


def _refined(rows: list[list[int]], causal: bool) -> list[list[int]]:
    draw, longest = random.Random(0), max(map(len, rows))
    numbers = [draw.getrandbits(126) for _ in range(1 + max(map(max, rows)))]
    shares = [0, *(pow(count, -1, PRIME) for count in range(1, longest + 1))]
    ids: dict[tuple[int, int], int] = {}
    result = []
    for row in rows:
        total = 0 if causal else sum(numbers[state] for state in row)
        after = []
        for count, state in enumerate(row, 1):
            total += numbers[state] if causal else 0
            key = state, total * shares[count if causal else len(row)] % PRIME
            after.append(ids.setdefault(key, len(ids)))
        result.append(after)
    return result


def _only_target(observed: Iterable[tuple[int, int]]) -> dict[int, int]:
    """Return the target of every state, or UNDECIDED where there are several."""
    known: dict[int, int] = {}
    for state, target in observed:
        if known.setdefault(state, target) != target:
            known[state] = UNDECIDED
    return known


def _padded(rows: list[list[int]], shape: tuple[int, ...]) -> Ids:
    result = np.full(shape, -1, np.int64)
    for row, states in enumerate(rows):
        result[row, : len(states)] = states
    return result
