"""What draws the eye, tried by hand: parts of the last layer's scores are exchanged for what they are at another place."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from truth.measures import TIE, Scene
from truth.network import Array
from truth.places import Place, kept

DECIDES, UNDOES, READ, UNPAIRED, CHANGE, SLACK = 1 / 3, 2 / 3, 1 / 3, 1 / 10, 1e-6, 1e-7
EVERY = None


@dataclass(frozen=True)
class Item:
    """A part of scores: features of query and key, None for every one; the position of its key here, None for every key."""

    here: bool
    query: Any
    key: Any
    slot: int | None

    @property
    def what(self) -> tuple[Any, ...]:
        """What is exchanged."""
        return feature(self.query), feature(self.key), self.slot

    @staticmethod
    def of(told: Any) -> "Iterator[Item]":
        """Yield the parts that a clause tells of."""
        for key, slot in zip(told.keys, told.slots, strict=True):
            for query in told.queries:
                yield Item(told.here, query, key, slot)


def feature(spot: Any) -> Any:
    """A feature as it is called here; None for every one."""
    return None if spot is None or spot.kind == "everything" else spot.head if spot.kind == "head" else spot.kind


class Rows:
    """The last layer's row at a place, in one run, beside that at another place, slot by slot."""

    def __init__(self, scene: Scene, other: Place, run: int) -> None:
        world = scene.world
        self.scene, self.other, self.run, self.net = scene, world.at(other), run, world.net
        self.clean, self.last = world.clean, world.n_layers - 1
        rivals = scene.rivals(run)
        w = self._readout(rivals)
        self.V_here, self.V_there = (self._says(place, w) for place in (scene.place, other))
        sides = []
        for pairs in scene.text.alignments(scene.place, other):
            alone = [at for at in scene.seen if at not in pairs]
            theirs = [at for at in self.other.seen if at not in pairs.values()]
            lost = self._given(scene.place, self.V_here, alone) + self._given(other, self.V_there, theirs)
            sides.append((lost, pairs, alone))
        least = min(lost for lost, _, _ in sides) + TIE
        self.unpaired, self.pairs, self.alone = next(side for side in sides if side[0] <= least)
        self.keys = list(self.pairs)
        self.other_keys = [self.pairs[key] for key in self.keys]
        self.A, self.A_there = self.row(scene.place), self.row(other)
        self.V = (self.V_here[:, self.keys] + self.V_there[:, self.other_keys]) / 2
        self.makes = float(((self.A[:, self.keys] - self.A_there[:, self.other_keys]) * self.V).sum())
        D = [scene.D(logits[run], scene.target, rivals) for logits in (scene.logits, self.other.logits)]
        self.change = D[0] - D[1]
        self.scores = self._scores()
        self._parts()

    def _scores(self) -> Array:
        """The scores here [head, key]; of what is not seen −inf."""
        stream, position = self._stream(self.scene.place), self.scene.position
        found = np.full((self.scene.world.n_heads, len(stream)), -np.inf)
        for at in self.scene.seen:
            found[:, at] = self._score(stream[position], stream[at])
        return found

    def _readout(self, rivals: tuple[int, ...]) -> Array:
        W_U = self.net.weights.get("W_U")
        W = np.eye(self.clean.token.shape[-1]) if W_U is None else W_U[self.run]
        return W[:, self.scene.target] - W[:, list(rivals)].mean(axis=1)

    def _stream(self, place: Place) -> Array:
        """What the last layer reads at each position of a sentence."""
        row, on, run = place[0], self.clean, self.run
        found = on.token[run, row] + on.position[run, row]
        for layer in range(self.last):
            written = on.heads[run, layer, :, row].sum(axis=0)
            found = found + written if self.net.residual else written
        return found

    def _says(self, place: Place, w: Array) -> Array:
        """What each value says about the choice [head, position]."""
        return np.einsum("td,hde,e->ht", self._stream(place), self.net.through[self.run, self.last], w)

    def row(self, place: Place) -> Array:
        """The attention [head, key]."""
        return self.clean.A[self.run, self.last, :, place[0], place[1]]

    def _given(self, place: Place, says: Array, some: Sequence[int]) -> float:
        return float(np.abs((self.row(place)[:, some] * says[:, some]).sum(axis=0)).sum())

    @property
    def features(self) -> list[Any]:
        """What adds up to what the last layer reads."""
        layers = range(self.last) if self.net.residual else range(max(0, self.last - 1), self.last)
        heads = [(layer, head) for layer in layers for head in range(self.scene.world.n_heads)]
        return [*(["token", "position"] if self.net.residual or self.last == 0 else []), *heads]

    @kept
    def vector(self, name: Any, row: int, position: int) -> Array:
        """One feature at a position of a sentence."""
        on, run = self.clean, self.run
        if isinstance(name, tuple):
            return on.heads[run, name[0], name[1], row, position]
        return {"token": on.token, "position": on.position}[name][run, row, position]

    def _score(self, query: Array, key: Array) -> Array:
        """What two vectors add to a score, in each head."""
        W_Q, W_K = self.net.weights["W_Q"][self.run, self.last], self.net.weights["W_K"][self.run, self.last]
        return np.einsum("d,hde,hfe,f->h", query, W_Q, W_K, key) / np.sqrt(self.net.d_head)

    def _parts(self) -> None:
        """By how much each part is larger here: what the query makes of it, and what the key does, [head, slot] each."""
        here, there = self.scene.place, self.other.place
        self.by_query, self.by_key = {}, {}
        W_Q, W_K = self.net.weights["W_Q"][self.run, self.last], self.net.weights["W_K"][self.run, self.last]
        for i in self.features:
            q, r = self.vector(i, *here), self.vector(i, *there)
            for j in self.features:
                k = np.array([self.vector(j, here[0], at) for at in self.keys])
                m = np.array([self.vector(j, there[0], at) for at in self.other_keys])
                scale = np.sqrt(self.net.d_head)
                self.by_key[i, j] = np.einsum("d,hde,hfe,sf->hs", (q + r) / 2, W_Q, W_K, k - m, optimize=True) / scale
                scores = np.einsum("d,hde,hfe,sf->hs", q - r, W_Q, W_K, (k + m) / 2, optimize=True) / scale
                self.by_query[i, j] = self.less_median(scores)

    @staticmethod
    def less_median(scores: Array) -> Array:
        return scores - np.median(scores, axis=1, keepdims=True)

    def lowered(self, item: Item) -> Array:
        """By how much scores [head, slot] are lowered when a part is exchanged."""
        return self._lowered(feature(item.query), feature(item.key), item.slot)

    @kept
    def _lowered(self, query: Any, key: Any, slot: int | None) -> Array:
        out = np.zeros_like(self.V)
        for i in self.features if query is EVERY else [query]:
            for j in self.features if key is EVERY else [key]:
                if slot is None:
                    out += self.by_query[i, j]
                else:
                    at = self.keys.index(slot)
                    out[:, at] += self.by_query[i, j][:, at] + self.by_key[i, j][:, at]
        return out

    def after(self, lowered: Array) -> Array:
        """The attention [head, key] with scores lowered."""
        scores = self.scores.copy()
        scores[:, self.keys] -= lowered
        e = np.exp(scores - scores.max(axis=1, keepdims=True))
        return e / e.sum(axis=1, keepdims=True)

    def by_head(self, lowered: Array) -> Array:
        """What that takes from what the pattern makes, in each head."""
        return ((self.A - self.after(lowered))[:, self.keys] * self.V).sum(axis=1)

    def undone(self, lowered: Array) -> float:
        """Which share of what the pattern makes is undone."""
        return float(self.by_head(lowered).sum() / self.makes)

    def logits(self, lowered: Array) -> Array:
        """What is predicted then."""
        change = self.after(lowered) - self.A
        values = np.einsum("td,hde->hte", self._stream(self.scene.place), self.net.through[self.run, self.last])
        written = np.einsum("ht,hte->e", change, values)
        W_U = self.net.weights.get("W_U")
        return self.scene.logits[self.run] + (written if W_U is None else written @ W_U[self.run])

    def decides(self) -> bool:
        """Whether the pattern makes a third of the change, and what has no counterpart little of it."""
        return abs(self.change) > CHANGE and bool(
            self.makes / self.change >= DECIDES - SLACK and self.unpaired <= UNPAIRED * abs(self.change) + SLACK
        )

    def is_larger_here(self, item: Item) -> bool:
        """Whether a part is larger here, in the head in which it does most."""
        if item.slot is None:
            return True
        lowered = self.lowered(item)
        moved = np.abs(self.by_head(lowered))
        head = int(np.nonzero(moved >= moved.max() - TIE)[0][0])
        return bool(lowered[head, self.keys.index(item.slot)] > 0)

    def fits(self, item: Item) -> bool:
        """Whether the words of a part are those of these two sentences."""
        place, text = (self.scene.place if item.here else self.other.place), self.scene.text
        at = item.slot if item.here or item.slot is None else self.pairs.get(item.slot)
        words, row = self.scene.world.words, text.rows[place[0]]
        spots = [(item.query, place[1])] + ([] if item.key is None else [(item.key, at)])
        return all(
            spot.position == position
            and position is not None
            and spot.word == words[row[position]]
            and [words[row[at]] for at in spot.read if at < len(row)] == list(spot.read_words)
            for spot, position in spots
        ) and (item.slot is None or item.slot in self.pairs)

    def matters(self, items: Sequence[Item], item: Item, side: str) -> set[int]:
        """What an earlier head read that matters, as positions of the sentence in which the eye is drawn."""
        rest = [other for other in items if other != item]
        alone = abs(1 - self.undone(self.lowered(item))) <= 1 - UNDOES + TIE
        base = np.zeros_like(self.V) if alone else sum(map(self.lowered, rest), np.zeros_like(self.V))
        before, whole = self.undone(base), self.undone(base + self.lowered(item))
        found = set()
        for number, (key, other_key) in enumerate(zip(self.keys, self.other_keys, strict=True)):
            one = self._read(item, side, number)
            with np.errstate(all="ignore"):
                if (self.undone(base + one) - before) / (whole - before) >= READ:
                    found.add(key if item.here else other_key)
        return found

    def _read(self, item: Item, side: str, number: int) -> Array:
        """By how much scores are lowered when one thing that the head read is exchanged."""
        layer, head = feature(getattr(item, side))
        here, there = self.scene.place, self.other.place
        at = (here[1], there[1]) if side == "query" else (item.slot, self.pairs[item.slot])
        reads = self.clean.reads[self.run, layer, head]
        read = reads[here[0], at[0], self.keys[number]] - reads[there[0], at[1], self.other_keys[number]]
        out = np.zeros_like(self.V)
        if side == "key":
            queries = self.features if feature(item.query) is EVERY else [feature(item.query)]
            query = sum((self.vector(i, *here) + self.vector(i, *there)) / 2 for i in queries)
            out[:, self.keys.index(item.slot)] = self._score(query, read)
            return out
        for j in self.features if feature(item.key) is EVERY else [feature(item.key)]:
            keys = [
                (self.vector(j, here[0], k) + self.vector(j, there[0], m)) / 2
                for k, m in zip(self.keys, self.other_keys, strict=True)
            ]
            out += self.less_median(np.array([self._score(read, key) for key in keys]).T)
        return out if item.slot is None else out * (np.arange(out.shape[1]) == self.keys.index(item.slot))


def problems_of_eye(
    scene: Scene, run: int, told: Sequence[Any], undone: float, predicts: set[int] | None
) -> Iterator[str]:
    """What is false of what is said to draw the eye at a place."""
    items = [item for some in told for item in Item.of(some)]
    every = [rows for rows in (rows_of(scene, other, run) for other in scene.others(run)) if rows.decides()]
    if not every:
        yield "the pattern does not decide"
        return
    if len(set(items)) < len(items):
        yield "a part is told twice"
    used, found, likely, single = set(), [], set(), len(scene.others(run)) == 1
    certain = True  # that it is known what was named against each place
    for rows in every:
        fitting = [item for item in items if rows.fits(item) and rows.is_larger_here(item) == item.here]
        before = len(found)
        for some in [tuple(fitting)] if single else candidates(rows, fitting):
            lowered = sum(map(rows.lowered, some), np.zeros_like(rows.V))
            if rows.undone(lowered) >= UNDOES - SLACK:
                found.append(rows.undone(lowered))
                used |= {id(item) for item in fitting if item.what in {one.what for one in some}}
                logits = rows.logits(lowered)
                likely |= set(np.nonzero(logits >= logits.max() - TIE)[0].tolist())
                if single:
                    yield from _problems_of_reads(rows, some)
        certain &= len(found) <= before + 1
    for item in items:
        if id(item) not in used:
            yield f"{item} does not do so"
    if not any(abs(undone - share) <= SLACK * (1 + abs(share)) for share in found):
        yield f"exchanging it undoes {found}, not {undone}"
    first = set(scene.first(run))
    if predicts is None:
        if certain and not likely & first:
            yield f"it predicts {likely} then"
    elif not predicts or predicts & first or predicts - likely or (certain and predicts != likely):
        yield f"it predicts {likely} then, not {predicts}"


def candidates(rows: Rows, items: Sequence[Item]) -> Iterator[tuple[Item, ...]]:
    """What may have been named against one other place: of one kind all parts that are enough alone, or two together."""
    kinds: dict[tuple[bool, ...], list[Item]] = {}
    for item in {item.what: item for item in items}.values():
        what = feature(item.query) is EVERY, feature(item.key) is EVERY, item.slot is None
        kinds.setdefault(what, []).append(item)
    for some in kinds.values():
        alone = tuple(item for item in some if abs(1 - rows.undone(rows.lowered(item))) <= 1 - UNDOES + SLACK)
        yield from [alone] if alone else combinations(some, 2)


@kept
def rows_of(scene: Scene, other: Place, run: int) -> Rows:
    return Rows(scene, other, run)


def _problems_of_reads(rows: Rows, items: Sequence[Item]) -> Iterator[str]:
    for item in items:
        for side in ("query", "key"):
            spot = getattr(item, side)
            if spot is not None and spot.kind == "head" and set(spot.read) != rows.matters(items, item, side):
                yield f"{spot} read from {rows.matters(items, item, side)}"
