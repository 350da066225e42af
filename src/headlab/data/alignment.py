"""Which positions of two places answer to each other, and which places are nearest in content.

A place is a position of a sentence, as (sequence, position); what is compared is what is seen from it, its context.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations, product
from math import comb

import numpy as np
from numpy.typing import NDArray

from headlab.data.batch import Ids
from headlab.data.dependencies import Place

MOST_ALIGNMENTS = 32  # ways to leave out a surplus; of more, only the one that keeps what is nearest


@dataclass(frozen=True)
class Alignment:
    """One way to compare two contexts, position by position.

    pairs: (position in a, position in b), no position twice; unpaired_a, unpaired_b: positions with no counterpart
    """

    pairs: tuple[tuple[int, int], ...]
    unpaired_a: tuple[int, ...]
    unpaired_b: tuple[int, ...]


def visible(row: Ids, position: int, causal: bool) -> range:
    """Return the positions that are seen from one: those up to it, or the whole sentence; padding never.

    >>> visible(np.array([4, 2, 7, -1]), 1, True), visible(np.array([4, 2, 7, -1]), 1, False)
    (range(0, 2), range(0, 3))
    """
    return range(position + 1 if causal else int((np.asarray(row) >= 0).sum()))


def context(tokens: Ids, place: Place, causal: bool) -> tuple[int, tuple[int, ...]]:
    """Return what is seen from a place of tokens [sequence, position]: (its position, the tokens), equal for equal contexts.

    >>> context(np.array([[4, 2, 7]]), (0, 1), True)
    (1, (4, 2))
    """
    row, position = place
    return position, tuple(tokens[row, visible(tokens[row], position, causal)].tolist())


def alignments(tokens: Ids, place_a: Place, place_b: Place, causal: bool) -> list[Alignment]:
    """Return the ways to pair what is seen from two places of tokens [sequence, position].

    1. The places themselves are a pair, whatever stands there.
    2. So are equal tokens at equal distance from the place, before or after it.
    3. Equal tokens that are left are paired one to one, those nearest to the place first: on the same side of the place,
       then across it.
    4. What is left has no equal token on the other side. It is paired in order of distance, the nearest first, before the
       place and after it by themselves. Of a side with more left than the other, every way to leave out the surplus is
       an alignment, the one that keeps the nearest first; if that makes more than 32, this one alone.

    Swapping the places swaps the pairs; which number stands for a token does not matter.

    >>> alignments(np.array([[0, 1, 2, 3, -1], [0, 4, 5, 2, 3]]), (0, 3), (1, 4), True)[0]
    Alignment(pairs=((0, 0), (1, 2), (2, 3), (3, 4)), unpaired_a=(), unpaired_b=(1,))
    """
    here, there = (_Seen.of(tokens, place, causal) for place in (place_a, place_b))
    fixed = [(0, 0), *_pair_equal(here, there)]
    used_here, used_there = ({pair[side] for pair in fixed} for side in (0, 1))
    ways = [
        _ways([d for d in mine if d not in used_here], [d for d in theirs if d not in used_there])
        for mine, theirs in zip(here.sides, there.sides, strict=True)
    ]
    every = product(*ways) if len(ways[0]) * len(ways[1]) <= MOST_ALIGNMENTS else [(ways[0][0], ways[1][0])]
    return [_alignment(here, there, [*fixed, *before, *after]) for before, after in every]


def nearest(tokens: Ids, place: Place, candidates: Sequence[Place], causal: bool) -> list[Place]:
    """Return the candidates that are nearest to a place in content, in their order; several where several are equally near.

    Nearest are those in another sentence, else those of the same; of these those at the same position, else all; of these
    those with the fewest slots that differ: pairs of different tokens, and positions with no counterpart (see `alignments`,
    which all have equally many). Sentences with the same tokens are the same sentence, and of candidates with
    the same context the first stands for all.

    >>> nearest(np.array([[0, 1, 2], [0, 3, 2], [0, 3, 2], [3, 3, 2]]), (0, 2), [(3, 2), (2, 2), (1, 2)], True)
    [(2, 2)]
    """
    if not candidates:
        return []
    row, position = place
    rows, positions = np.array(candidates).T
    same_sentence = (tokens[rows] == tokens[row]).all(axis=1)
    keep = np.arange(len(rows))
    for unlike in (same_sentence, positions != position):
        keep = _fewest(keep, unlike[keep])
    keep = _fewest(keep, differing(tokens, place, [candidates[number] for number in keep.tolist()], causal))
    first: dict[tuple[int, tuple[int, ...]], Place] = {}
    for number in keep.tolist():
        first.setdefault(context(tokens, candidates[number], causal), candidates[number])
    return list(first.values())


def differing(tokens: Ids, place: Place, candidates: Sequence[Place], causal: bool) -> Ids:
    """Return how many slots differ between a place and each candidate, [candidate]: unequal pairs and unpaired positions.

    >>> differing(np.array([[0, 1, 2, 3, -1], [0, 4, 5, 2, 3]]), (0, 3), [(1, 4), (0, 3)], True).tolist()
    [2, 0]
    """
    row, position = place
    mine = np.unique(tokens[row, visible(tokens[row], position, causal)])
    here = _counts(tokens, np.array([row]), np.array([position]), mine, causal)
    rows, positions = np.array(candidates).T
    there = _counts(tokens, rows, positions, mine, causal)
    # What is paired as equal is settled by counts: on one side as many as both have, across it what both have left.
    paired = [np.minimum(here[side], there[side])[:, :-1] for side in (0, 1)]
    across = [np.minimum(here[side] - there[side], there[1 - side] - here[1 - side])[:, :-1].clip(0) for side in (0, 1)]
    left = [
        np.maximum(
            here[side].sum(axis=1) - (paired[side] + across[side]).sum(axis=1),
            there[side].sum(axis=1) - (paired[side] + across[1 - side]).sum(axis=1),
        )
        for side in (0, 1)
    ]
    return np.asarray(left[0] + left[1] + (tokens[rows, positions] != tokens[row, position]))


@dataclass(frozen=True)
class _Seen:
    """What is seen from a place, by distance from it: below 0 what stands before it."""

    position: int
    tokens: dict[int, int]  # the token at each distance
    sides: tuple[list[int], list[int]]  # the distances before and after the place, the nearest first

    @classmethod
    def of(cls, tokens: Ids, place: Place, causal: bool) -> "_Seen":
        row, position = place
        seen = visible(tokens[row], position, causal)
        by_distance = {at - position: token for at, token in zip(seen, tokens[row, seen].tolist(), strict=True)}
        return cls(position, by_distance, (list(range(-1, -position - 1, -1)), list(range(1, len(seen) - position))))


def _pair_equal(here: _Seen, there: _Seen) -> list[tuple[int, int]]:
    pairs = [(d, d) for d, token in here.tokens.items() if d and there.tokens.get(d, -1) == token]
    used_here, used_there = {d for d, _ in pairs}, {d for d, _ in pairs}
    for mine, theirs in ((0, 0), (1, 1), (0, 1), (1, 0)):
        waiting: dict[int, list[int]] = defaultdict(list)
        for d in reversed(there.sides[theirs]):
            if d not in used_there:
                waiting[there.tokens[d]].append(d)
        for d in here.sides[mine]:
            if d not in used_here and waiting[here.tokens[d]]:
                other = waiting[here.tokens[d]].pop()
                pairs.append((d, other))
                used_here.add(d)
                used_there.add(other)
    return pairs


def _ways(mine: list[int], theirs: list[int]) -> list[list[tuple[int, int]]]:
    fewer, more = sorted((len(mine), len(theirs)))
    kept: Iterable[Sequence[int]] = combinations(range(more), fewer)
    if comb(more, fewer) > MOST_ALIGNMENTS:
        kept = [range(fewer)]
    if len(mine) == more:
        return [[(mine[number], d) for number, d in zip(some, theirs, strict=True)] for some in kept]
    return [[(d, theirs[number]) for d, number in zip(mine, some, strict=True)] for some in kept]


def _alignment(here: _Seen, there: _Seen, pairs: list[tuple[int, int]]) -> Alignment:
    found = sorted((a + here.position, b + there.position) for a, b in pairs)
    unpaired = (
        tuple(sorted(d + seen.position for d in seen.tokens.keys() - {pair[side] for pair in pairs}))
        for side, seen in enumerate((here, there))
    )
    return Alignment(tuple(found), *unpaired)


def _counts(tokens: Ids, rows: Ids, positions: Ids, kinds: Ids, causal: bool) -> tuple[Ids, Ids]:
    """Count the tokens seen before and after each place, two [place, kind]; the last column counts all other kinds."""
    seen, at = tokens[rows], np.arange(tokens.shape[1])
    number = np.searchsorted(kinds, seen).clip(max=len(kinds) - 1)
    number = np.where(kinds[number] == seen, number, len(kinds))
    cells = number + np.arange(len(rows))[:, None] * (len(kinds) + 1)
    before, after = at < positions[:, None], (at > positions[:, None]) & (seen >= 0) & (not causal)
    shape = len(rows), len(kinds) + 1
    counts = [np.bincount(cells[side], minlength=shape[0] * shape[1]).reshape(shape) for side in (before, after)]
    return counts[0], counts[1]


def _fewest(keep: Ids, measure: NDArray[np.generic]) -> Ids:
    return keep[measure == measure.min()]
