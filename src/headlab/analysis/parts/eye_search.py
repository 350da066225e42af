"""The search for the parts of scores that draw the eye, and for what earlier heads read to make them; see `parts.eye`."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from itertools import combinations
from typing import Any

import numpy as np

from headlab.analysis.choice import Place
from headlab.analysis.looking.predictions import TIE
from headlab.analysis.parts.aligned_rows import AlignedRows
from headlab.analysis.parts.score_differences import Differences, reads
from headlab.analysis.words import LIMITS, THRESHOLDS
from headlab.arrays import Array, Bool, Float, Int
from headlab.model.outputs import sigmoid

UNDOES = THRESHOLDS["undoes"]  # of what the pattern makes: what is named undoes, at least, and not more than 4/3
READ = THRESHOLDS["read"]  # of what exchanging a part undoes: what one thing that an earlier head read does, at least
MOST_TOGETHER = LIMITS["together"]  # parts that are tried two by two: those that could move most attention
EVERY = -1  # every feature, or every key


@dataclass(frozen=True, eq=False)
class Named:
    """Parts of scores that are named, one a row.

    run, other: whose, and the number of the other place; key, other_key: the positions of its slot here and there
    query_feature, key_feature: which features, as numbers of `Eye.features`; what is -1 is every key or every feature
    here: it draws the eye here, else what stands there does so there
    alone: it is enough alone, else together with the other one that is named
    undone: which share of what the pattern makes is undone with it alone exchanged
    by_query: how much of what it differs by is the query's, from 0 to 1 (of sizes); the rest is the key's
    query_read, key_read [part, position]: what an earlier head that is one of the features read, in the sentence in which the
        eye is drawn
    """

    run: Int[Array, " part"]
    other: Int[Array, " part"]
    key: Int[Array, " part"]
    other_key: Int[Array, " part"]
    query_feature: Int[Array, " part"]
    key_feature: Int[Array, " part"]
    here: Bool[Array, " part"]
    alone: Bool[Array, " part"]
    undone: Float[Array, " part"]
    by_query: Float[Array, " part"]
    query_read: Bool[Array, "part position"]
    key_read: Bool[Array, "part position"]

    @classmethod
    def joined(cls, some: Sequence["Named"], n_ctx: int) -> "Named":
        """Return the rows of several, in the order of runs."""
        none = np.zeros(0, int)
        empty = cls(*[none] * 6, *[none > 0] * 2, *[none / 1] * 2, *[np.zeros((0, n_ctx), bool)] * 2)
        columns = {item.name: [getattr(one, item.name) for one in (empty, *some)] for item in fields(cls)}
        order = np.argsort(np.concatenate(columns["run"]), kind="stable")
        return cls(**{name: np.concatenate(column)[order] for name, column in columns.items()})


@dataclass(frozen=True, eq=False)
class Candidates:
    """Some parts of scores that may draw the eye in some rows, and by how much each is larger here than there.

    differences: of these rows and maybe others; at: the numbers of these
    slot, query_feature, key_feature [part]: which they are; -1: every one
    by_query, by_key [run, head, part]: what query and key make of the difference
    """

    rows: AlignedRows
    differences: Differences
    at: Int[Array, " run"]
    slot: Int[Array, " part"]
    query_feature: Int[Array, " part"]
    key_feature: Int[Array, " part"]
    by_query: Float[Array, "run head part"]
    by_key: Float[Array, "run head part"]

    @classmethod
    def of_keys(cls, rows: AlignedRows, differences: Differences, every: tuple[int, ...] = ()) -> "Candidates":
        """Return the parts of all slots; every: axes of features, query 3, key 4, that are exchanged as one."""
        split = [part.sum(axis=every, keepdims=True) for part in (differences.by_query, differences.by_key)]
        shape = split[0].shape[2:]
        numbers = np.unravel_index(np.arange(np.prod(shape)), shape)
        slot, *feature = (np.full_like(at, EVERY) if axis in every else at for axis, at in enumerate(numbers, 2))
        query, key = (part.reshape(*part.shape[:2], -1) for part in split)
        return cls(rows, differences, np.arange(len(rows.runs)), slot, feature[0], feature[1], query, key)

    def __getitem__(self, some: Any) -> "Candidates":
        return replace(self, **{name: getattr(self, name)[some] for name in ("rows", "at", *self._by_run)})

    @property
    def _by_run(self) -> tuple[str, ...]:
        return "by_query", "by_key"

    @cached_property
    def total(self) -> Float[Array, "run head part"]:
        """By how much a part is larger here."""
        return self.by_query + self.by_key

    @cached_property
    def by_head(self) -> Float[Array, "run head part"]:
        """What exchanging each part alone takes from what the pattern makes, in every head."""
        others, says = self.rows.rest
        odds = self.rows.scores[:, :, : says.shape[2]] - others
        pattern = sigmoid(odds[:, :, self.slot] - self.total)
        return (self.rows.pattern[:, :, self.slot] - pattern) * (self.rows.value - says)[:, :, self.slot]

    @cached_property
    def undone(self) -> Float[Array, "run part"]:
        """Which share of what the pattern makes is undone with one part exchanged."""
        return np.asarray(self.by_head.sum(axis=1) / self.rows.makes[:, None])

    @cached_property
    def alone(self) -> Bool[Array, "run part"]:
        """Those that are enough alone."""
        return is_enough(self.undone)

    @cached_property
    def together(self) -> Bool[Array, "run part"]:
        """The two that best undo what the pattern makes, where they are enough; of equal ones those that change scores least."""
        attention = np.maximum(self.rows.pattern, self.rows.other_pattern)[:, :, self.slot]
        could = (np.abs(self.total) * attention).max(axis=1)
        most = min(MOST_TOGETHER, int((could > 0).sum(axis=1).max(initial=0)))
        first = np.argsort(-could, axis=1, kind="stable")[:, :most]
        pairs = np.array(list(combinations(range(most), 2)), int).reshape(-1, 2)
        named = np.zeros(could.shape, bool)
        if not len(pairs):
            return named
        where = self.slot[first][:, :, None] == np.arange(self.rows.value.shape[2])
        total = np.take_along_axis(self.total, first[:, None], axis=2)
        each = np.swapaxes(total, 1, 2)[..., None] * where[:, :, None]
        undone = self.rows.undone(each[:, pairs[:, 0]] + each[:, pairs[:, 1]])
        short = np.abs(1 - undone)
        best = (short <= short.min(axis=1, keepdims=True) + TIE) & is_enough(undone)
        size = np.abs(total).sum(axis=1)
        size = np.where(best, size[:, pairs[:, 0]] + size[:, pairs[:, 1]], np.inf)
        best &= size <= size.min(axis=1, keepdims=True) + TIE
        for run, pair in np.argwhere(best):
            named[run, first[run, pairs[pair]]] = True
        return named

    def lowered(self, parts: Bool[Array, "run part"]) -> Float[Array, "run head slot"]:
        """Return by how much scores are lowered where some parts are exchanged."""
        at = self.slot[:, None] == np.arange(self.rows.value.shape[2])
        return np.asarray((self.total * parts[:, None]) @ at)

    def table(self, named: Bool[Array, "run part"], other: int) -> Named:
        """Return the named parts as rows; other: the number of the other place."""
        rows, (runs, parts) = self.rows, np.nonzero(named)
        moved = np.abs(self.by_head[runs, :, parts])
        head = (moved >= moved.max(axis=1, initial=0.0, keepdims=True) - TIE).argmax(axis=1)
        query, key = (np.abs(part[runs, head, parts]) for part in (self.by_query, self.by_key))
        here, slot = self.total[runs, head, parts] > 0, self.slot[parts]
        keys, other_keys = (np.array(some) for some in (rows.keys, rows.other_keys))
        read = np.zeros((2, len(runs), rows.subject.corpus.n_ctx), bool)
        positions = np.where(here[:, None], keys, other_keys)
        for side, found in enumerate(self._read(named, runs, parts)):
            np.put_along_axis(read[side], positions, found, axis=1)
        return Named(
            run=rows.runs[runs],
            other=np.full(len(runs), other),
            key=np.where(slot == EVERY, EVERY, keys[slot]),
            other_key=np.where(slot == EVERY, EVERY, other_keys[slot]),
            query_feature=self.query_feature[parts],
            key_feature=self.key_feature[parts],
            here=here,
            alone=self.alone[runs, parts],
            undone=self.undone[runs, parts],
            by_query=np.divide(query, query + key, out=np.zeros_like(query), where=query + key > 0),
            query_read=read[0],
            key_read=read[1],
        )

    def _read(self, named: Array, runs: Array, parts: Array) -> Array:
        """Return which sources earlier heads read that matter, [query or key, named part, slot]."""
        read = np.zeros((2, len(runs), self.rows.value.shape[2]), bool)
        for part in np.unique(parts):
            mine = parts == part
            for side, feature in enumerate((self.query_feature[part], self.key_feature[part])):
                if feature != EVERY and isinstance(self.differences.features[feature], tuple):
                    look = self._key_reads if side else self._query_reads
                    read[side, mine] = self._matter(named, runs[mine], part, look(runs[mine], part))
        return read

    def _key_reads(self, some: Array, part: int) -> Array:
        """Return by how much scores are lowered, [run, source, head, slot], when one thing read at the key is exchanged."""
        d, slot = self.differences[self.at[some]], self.slot[part]
        read = self._exchanged(some, self.key_feature[part], (self.rows.keys[slot], self.rows.other_keys[slot]))
        feature = self.query_feature[part]
        scores = d.with_keys(None if feature == EVERY else feature, read)
        return np.swapaxes(scores, 1, 2)[..., None] * (np.arange(self.rows.value.shape[2]) == slot)

    def _query_reads(self, some: Array, part: int) -> Array:
        """Return the same of what is read at the query."""
        slot, feature = self.slot[part], self.key_feature[part]
        read = self._exchanged(some, self.query_feature[part], (self.rows.here.position, self.rows.there.position))
        scores = self.differences[self.at[some]].over_keys(read)
        scores = np.moveaxis(scores.sum(axis=-1) if feature == EVERY else scores[..., feature], -1, 1)
        return scores if slot == EVERY else scores * (np.arange(scores.shape[-1]) == slot)

    def _exchanged(self, some: Array, feature: int, at: tuple[int, int]) -> Array:
        """Return what a head read from each slot's position here less there, [run, source, d_model]."""
        rows, head = self.rows, self.differences.features[feature]
        assert isinstance(head, tuple)
        here, there = (
            reads(rows.subject, head, rows.runs[some], Place(place.sequence, position), keys)
            for place, position, keys in zip((rows.here, rows.there), at, (rows.keys, rows.other_keys), strict=True)
        )
        return here - there

    def _matter(self, named: Array, some: Array, part: int, cases: Array) -> Array:
        """Return [run, case]: which undo at least 1/3 of what the part does, with those that it needs exchanged, too."""
        own = np.arange(named.shape[1]) == part
        others = named[some] & ~own & ~self.alone[some, part, None]
        these = self[some]
        base, whole = these.lowered(others), these.lowered(others | own)
        before, after = (these.rows.undone(lowered[:, None]) for lowered in (base, whole))
        with np.errstate(divide="ignore", invalid="ignore"):  # exchanging it may undo nothing
            return (these.rows.undone(base[:, None] + cases) - before) / (after - before) >= READ


@dataclass(frozen=True, eq=False)
class QueryCandidates(Candidates):
    """Features of the query, with every feature of every key.

    by_slot [run, head, slot, part]: what the query makes of the difference at every slot
    """

    by_slot: Float[Array, "run head slot part"]

    @classmethod
    def of_queries(cls, rows: AlignedRows, differences: Differences) -> "QueryCandidates":
        """Return the features of the query."""
        by_slot = differences.by_query.sum(axis=-1)
        size = np.abs(by_slot).max(axis=2)
        every = np.full(size.shape[2], EVERY)
        return cls(
            rows,
            differences,
            np.arange(len(rows.runs)),
            every,
            np.arange(size.shape[2]),
            every,
            size,
            np.zeros_like(size),
            by_slot,
        )

    @property
    def _by_run(self) -> tuple[str, ...]:
        return "by_query", "by_key", "by_slot"

    @cached_property
    def by_head(self) -> Float[Array, "run head part"]:
        """What exchanging each part alone takes from what the pattern makes, in every head."""
        rows = self.rows
        pattern = rows.moved(np.moveaxis(self.by_slot, -1, 1))[..., : rows.value.shape[2]]
        return np.moveaxis(((rows.pattern[:, None] - pattern) * rows.value[:, None]).sum(axis=-1), 1, -1)

    def lowered(self, parts: Bool[Array, "run part"]) -> Float[Array, "run head slot"]:
        """Return by how much scores are lowered where some parts are exchanged."""
        return np.asarray((self.by_slot * parts[:, None, None]).sum(axis=-1))


@dataclass(frozen=True, eq=False)
class Find:
    """What was found in some rows: the named parts as a table, and by how much scores are lowered with all of them exchanged."""

    rows: AlignedRows
    named: Named
    lowered: Float[Array, "run head slot"]


QUERY, KEY = 3, 4  # axes of `Differences`


def search(rows: AlignedRows, other: int) -> Iterator[Find]:
    """Yield what draws the eye, of each row where something is found: the finest that is enough, alone before together.

    1. one part (a feature of the query, with one of a key), 2. a feature of a key whatever the query, 3. a feature of the query
    whatever the keys, 4. two parts, 5. two features of keys, 6. one key with all that it is, 7. two keys
    """
    differences = Differences.of(rows.subject, rows.runs, rows.here, rows.there, rows.alignment.pairs)
    parts, key_features, keys = (Candidates.of_keys(rows, differences, every) for every in ((), (QUERY,), (QUERY, KEY)))
    left = np.arange(len(rows.runs))
    for number, candidates in enumerate((parts, key_features, None, parts, key_features, keys, keys)):
        if not len(left):
            return
        if candidates is None:
            candidates = QueryCandidates.of_queries(rows, differences)
        some = candidates[left] if len(left) < len(rows.runs) else candidates
        named = some.together if number in (3, 4, 6) else some.alone
        found = named.any(axis=1)
        if found.any():
            these = some[found]
            yield Find(these.rows, these.table(named[found], other), these.lowered(named[found]))
        left = left[~found]


def is_enough(undone: Float[Array, "*any"]) -> Bool[Array, "*any"]:
    """Return whether from 2/3 to 4/3 of what the pattern makes is undone."""
    return np.asarray(np.abs(1 - undone) <= 1 - UNDOES + TIE)
