"""Which places are explained, against which others, and what answers to what there: by hand, from token ids alone."""

from collections import Counter
from collections.abc import Callable
from fractions import Fraction
from functools import cached_property, wraps
from itertools import combinations, product

from headlab.config.model import ModelConfig

Place = tuple[int, int]
MOST = 32  # ways to leave out a surplus


def kept(method: Callable) -> Callable:
    """Let the first argument remember what was returned, and be forgotten with it."""

    @wraps(method)
    def call(self, *arguments):
        memory = vars(self).setdefault("memory", {})
        key = method.__name__, *arguments
        if key not in memory:
            memory[key] = method(self, *arguments)
        return memory[key]

    return call


class Sentences:
    """A corpus as lists of ids, and what a model of some shape sees of it."""

    def __init__(self, tokens, targets, model: ModelConfig) -> None:
        self.rows = [[int(t) for t in row if t >= 0] for row in tokens]
        self.targets = [[int(t) for t in row[: len(mine)]] for row, mine in zip(targets, self.rows, strict=True)]
        self.causal, self.positions, self.n_layers = model.causal, model.positions, model.n_layers

    def token(self, place: Place) -> int:
        return self.rows[place[0]][place[1]]

    def target(self, place: Place) -> int:
        return self.targets[place[0]][place[1]]

    @cached_property
    def asked(self) -> list[Place]:
        """Every place with a target."""
        return [(r, p) for r, row in enumerate(self.targets) for p, target in enumerate(row) if target >= 0]

    def seen(self, place: Place) -> range:
        """The positions that are seen from a place."""
        return range(place[1] + 1 if self.causal else len(self.rows[place[0]]))

    def context(self, place: Place) -> tuple[int, tuple[int, ...]]:
        """What is seen, and from where."""
        return place[1], tuple(self.rows[place[0]][at] for at in self.seen(place))

    @cached_property
    def states(self) -> list[list[object]]:
        """The same state where no model of this shape tells places apart."""
        now = [[(t, p) if self.positions else t for p, t in enumerate(row)] for row in self.rows]
        for _ in range(self.n_layers):
            after = []
            for r, row in enumerate(now):
                line = []
                for p, state in enumerate(row):
                    counts = Counter(row[at] for at in self.seen((r, p)))
                    n = sum(counts.values())
                    line.append((state, frozenset((kind, Fraction(count, n)) for kind, count in counts.items())))
                after.append(line)
            numbers: dict[object, int] = {}
            now = [[numbers.setdefault(state, len(numbers)) for state in row] for row in after]
        return now

    @cached_property
    def settled(self) -> set[Place]:
        """The places whose target follows from what such a model sees."""
        states, targets = self.states, {}
        for r, p in self.asked:
            targets.setdefault(states[r][p], set()).add(self.target((r, p)))
        return {(r, p) for r, p in self.asked if len(targets[states[r][p]]) == 1}

    @kept
    def following(self, token: int) -> set[int]:
        """Every target of a token."""
        return {self.target(place) for place in self.asked if self.token(place) == token}

    def dependencies(self) -> list[Place]:
        """Settled places whose token has several targets."""
        settled = self.settled
        return [place for place in self.asked if place in settled and len(self.following(self.token(place))) > 1]

    @kept
    def others(self, place: Place, wanted: frozenset[int]) -> list[Place]:
        """The places nearest in content where the same token has one of the wanted targets, each content once."""
        found = [
            other for other in self.asked if self.token(other) == self.token(place) and self.target(other) in wanted
        ]

        def far(other: Place) -> tuple[bool, bool, int]:
            same = self.rows[other[0]] == self.rows[place[0]]
            return same, other[1] != place[1], self.differing(place, other)

        least = min(map(far, found), default=None)
        by_content: dict[object, Place] = {}
        for other in found:
            if far(other) == least:
                by_content.setdefault(self.context(other), other)
        return list(by_content.values())

    def differing(self, a: Place, b: Place) -> int:
        """Pairs of unequal tokens, and positions without a counterpart."""
        pairs = self.alignments(a, b)[0]
        unequal = sum(self.rows[a[0]][i] != self.rows[b[0]][j] for i, j in pairs.items())
        return unequal + len(self.seen(a)) + len(self.seen(b)) - 2 * len(pairs)

    @kept
    def alignments(self, a: Place, b: Place) -> list[dict[int, int]]:
        """Every way to pair positions seen from a with positions seen from b."""
        left, right = ({at - place[1]: self.rows[place[0]][at] for at in self.seen(place)} for place in (a, b))
        pairs = {0: 0} | {d: d for d in left if d and left[d] == right.get(d)}

        def free(mine: dict[int, int], used, sign: int) -> list[int]:
            return sorted((d for d in mine if d not in used and d * sign > 0), key=abs)

        for sign, other in ((-1, -1), (1, 1), (-1, 1), (1, -1)):
            for token in sorted(set(left.values())):
                mine = [d for d in free(left, pairs, sign) if left[d] == token]
                theirs = [d for d in free(right, set(pairs.values()), other) if right[d] == token]
                pairs |= dict(zip(mine, theirs, strict=False))
        ways = []
        for sign in (-1, 1):
            mine, theirs = free(left, pairs, sign), free(right, set(pairs.values()), sign)
            n = min(len(mine), len(theirs))
            some = [
                dict(zip(x, y, strict=True)) for x, y in product(combinations(mine, n), combinations(theirs, n))
            ]  # one of the two is whole
            ways.append(some if len(some) <= MOST else some[:1])
        every = list(product(*ways))
        every = every if len(every) <= MOST else every[:1]
        return [{i + a[1]: j + b[1] for i, j in sorted((pairs | before | after).items())} for before, after in every]
