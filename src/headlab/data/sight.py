"""What a model can tell apart in a batch, and what follows from it: floor, resolvable places, dependencies.

Colour refinement of positions. What a position starts from is its token, and its position where the model has them, or
knows how far apart tokens are:

    state_0(t)     = token, or (token, position)
    state_{l+1}(t) = (state_l(t), the proportions of state_l among the positions that t may look at)

Under the causal mask these are the positions up to t, without it the whole sentence. Softmax attention takes weighted
means, so it sees proportions, not counts: two positions of the same state after `n_layers` rounds look the same to every
model of that shape, whatever its weights.
Source: the Weisfeiler-Leman bound on what message passing can tell apart; Xu et al. 2019, How Powerful are Graph Neural
Networks, section 4 and 5.2 (means see proportions).
"""

import random
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from headlab.data.batch import Batch, Ids, padded, widened
from headlab.data.dependencies import UNDECIDED, Dependency, dependencies_of, only_targets
from headlab.data.floors import floor_of

if TYPE_CHECKING:
    from headlab.config.model import ModelConfig

# Proportions are compared as one number each: the mean, modulo a prime, of a random number a state. Means that differ
# as vectors agree modulo 2^127 - 1 once in 10^38 times.
PRIME = 2**127 - 1


@dataclass(frozen=True, eq=False)
class Sight:
    """What a model of one shape can see in a batch.

    >>> from headlab.config import ModelConfig
    >>> batch = Batch.equally_weighted([[0, 1, 2], [0, 1, 3]], [[1, 2, 0], [1, 3, 0]], d_vocab=4)
    >>> Sight(batch, ModelConfig(causal=False)).floor, round(Sight(batch, ModelConfig()).floor, 4)
    (0.0, 0.231)
    """

    batch: Batch
    model: "ModelConfig"

    @cached_property
    def states(self) -> Ids:
        """[sequence, position]: the same number where no model of this shape can tell positions apart; -1: padding."""
        rows, n_states = self.at_first, _count(self.at_first)
        for _ in range(self.model.n_layers):
            rows = _refined(rows, self.model.causal)
            before, n_states = n_states, _count(rows)
            if n_states == before:  # nothing was split, and nothing ever will be
                break
        return widened(padded(rows), self.batch.n_ctx)

    @cached_property
    def at_first(self) -> list[list[int]]:
        """The states of every sequence's positions before the model looks at others: token, or token and position."""
        tokens, width = self.batch.tokens, self.batch.n_ctx
        states = tokens * width + np.arange(width) if self.model.sees_positions else tokens
        ids: dict[int, int] = {}
        return [
            [ids.setdefault(state, len(ids)) for state in row[:length]]
            for row, length in zip(states.tolist(), self.batch.lengths.tolist(), strict=True)
        ]

    @cached_property
    def floor(self) -> float:
        """The smallest mean loss Σ w·l / Σ w of any such model, in nats per position with a target.

        mean over positions of -ln(share of the target among all positions of the same state), all by weight
        """
        return floor_of(self.states, self.batch)

    @cached_property
    def resolvable(self) -> NDArray[np.bool_]:
        """[sequence, position]: there is a target, and what the model sees decides it."""
        where = self.batch.has_target
        states, targets = self.states[where].tolist(), self.batch.targets[where].tolist()
        known = only_targets(zip(states, targets, strict=True))
        result = np.zeros(where.shape, bool)
        result[where] = [known[state] != UNDECIDED for state in states]
        result.flags.writeable = False
        return result

    @cached_property
    def dependencies(self) -> tuple[Dependency, ...]:
        """The positions whose target the current token leaves open, in order."""
        return dependencies_of(self)


def _count(rows: list[list[int]]) -> int:
    return 1 + max(map(max, rows))


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
