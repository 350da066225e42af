"""How the scores of two rows differ, part by part: which feature of the query, with which feature of which key."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from headlab.analysis.choice import Place
from headlab.analysis.parts.exact import FrozenParts, exact, has_blocks
from headlab.analysis.subject import Subject
from headlab.arrays import Array, Float, Int
from headlab.model.paths import TOKEN, Feature, all_features


@dataclass(frozen=True, eq=False)
class Differences:
    """What the features of two rows' queries and keys make the scores of the last layer differ by, in some of a subject's models.

    features: what the residual stream consists of before the last layer; slots: the positions of each, here and there
    scores [run, head, query, key, query_feature, key_feature]: of the queries here and there with the keys of all slots here,
        and then there
    """

    subject: Subject
    runs: Int[Array, " run"]
    here: Place
    there: Place
    slots: Sequence[tuple[int, int]]
    scores: Float[Array, "run head query key query_feature key_feature"]

    @classmethod
    def of(
        cls, subject: Subject, runs: Int[Array, " run"], here: Place, there: Place, slots: Sequence[tuple[int, int]]
    ) -> "Differences":
        """Take the scores of some models."""
        if has_blocks(subject):
            return FrozenDifferences.of_frozen(subject, runs, here, there, slots)
        sides = zip((here, there), zip(*slots, strict=True), strict=True)
        keys = [(place.sequence, key) for place, keys in sides for key in keys]
        queries = [(place.sequence, place.position) for place in (here, there)]
        some = None if len(runs) == subject.n_runs else runs
        scores = exact(subject).of_scores(subject.model.n_layers - 1, queries, keys, some)
        return cls(subject, runs, here, there, slots, scores)

    def __getitem__(self, some: Any) -> "Differences":
        return replace(self, runs=self.runs[some], scores=self.scores[some])

    @property
    def features(self) -> tuple[Feature, ...]:
        """The features, in their order."""
        return all_features(self.subject.model, self.subject.model.n_layers - 1)

    @cached_property
    def by_key(self) -> Float[Array, "run head slot query_feature key_feature"]:
        """What the keys make of the difference: that of the keys, for the mean query."""
        mean, n = self.scores.mean(axis=2), len(self.slots)
        return np.asarray(mean[:, :, :n] - mean[:, :, n:])

    @cached_property
    def by_query(self) -> Float[Array, "run head slot query_feature key_feature"]:
        """What the query makes of it: that of the queries, for the mean keys, without what it adds to all keys alike."""
        n, changed = len(self.slots), self.scores[:, :, 0] - self.scores[:, :, 1]
        return _over_keys((changed[:, :, :n] + changed[:, :, n:]) / 2)

    @property
    def total(self) -> Float[Array, "run head slot query_feature key_feature"]:
        """By how much a part here is larger than the part there."""
        return self.by_key + self.by_query

    def with_keys(
        self, feature: int | None, keys: Float[Array, "run key_part d_model"]
    ) -> Float[Array, "run head key_part"]:
        """Return the scores of a feature of the mean query, or of all of it, with some vectors as keys."""
        mine, theirs = (self._stream(place, [place.position])[:, :, 0] for place in (self.here, self.there))
        query = (mine + theirs) / 2
        asks = query.sum(axis=1, keepdims=True) if feature is None else query[:, [feature]]
        return self._scores(asks, keys)[:, :, 0]

    def over_keys(
        self, query: Float[Array, "run query_part d_model"]
    ) -> Float[Array, "run head slot query_part key_feature"]:
        """Return the scores of some vectors as queries with the mean keys, less their median over the slots."""
        places = zip((self.here, self.there), zip(*self.slots, strict=True), strict=True)
        mine, theirs = (self._stream(place, keys) for place, keys in places)
        n, parts, slots, width = mine.shape
        found = self._scores(query, ((mine + theirs) / 2).reshape(n, parts * slots, width))
        return _over_keys(np.moveaxis(found.reshape(*found.shape[:3], parts, slots), -1, 2))

    def _stream(self, place: Place, positions: Sequence[int]) -> Float[Array, "run feature position d_model"]:
        on, at = self.subject.clean, list(positions)
        parts = []
        for feature in self.features:
            if isinstance(feature, tuple):
                part = on.z[self.runs, feature[0], feature[1], place.sequence]
            else:
                part = (on.token_embed if feature == TOKEN else on.pos_embed)[self.runs, place.sequence]
            parts.append(part[:, at])
        return np.stack(parts, axis=1)

    def _scores(self, query: Array, keys: Array) -> Array:
        params, last, scale = self.subject.params, self.subject.model.n_layers - 1, self.subject.model.scale
        answers = keys[:, None] @ params.W_K[self.runs, last]
        return (query[:, None] @ params.W_Q[self.runs, last]) @ np.swapaxes(answers, -1, -2) * scale


@dataclass(frozen=True, eq=False)
class FrozenDifferences(Differences):
    """The same of models with blocks: norms divide by what they divide by, and what a distance adds is a feature of its key."""

    @classmethod
    def of_frozen(
        cls, subject: Subject, runs: Int[Array, " run"], here: Place, there: Place, slots: Sequence[tuple[int, int]]
    ) -> "FrozenDifferences":
        """Take the scores of some models."""
        none = np.zeros((len(runs), 0, 0, 0, 0, 0))
        found = cls(subject, runs, here, there, slots, none)
        q, (mine, theirs) = found._queries(), found._keys()
        k = np.concatenate([mine, theirs], axis=2)
        return replace(found, scores=np.einsum("rhqid,rhkjd->rhqkij", q, k) * subject.model.scale)

    def with_keys(
        self, feature: int | None, keys: Float[Array, "run key_part d_model"]
    ) -> Float[Array, "run head key_part"]:
        """Return the scores of a feature of the mean query, or of all of it, with some vectors as keys."""
        query = self._queries().mean(axis=2)  # [run, head, feature, d_head]
        asks = query.sum(axis=2) if feature is None else query[:, :, feature]
        answers = keys[:, None] @ self._weight("W_K")
        return np.asarray((answers @ asks[..., None])[..., 0] * self.subject.model.scale)

    def over_keys(
        self, query: Float[Array, "run query_part d_model"]
    ) -> Float[Array, "run head slot query_part key_feature"]:
        """Return the scores of some vectors as queries with the mean keys, less their median over the slots."""
        asks, (mine, theirs) = query[:, None] @ self._weight("W_Q"), self._keys()
        found = np.einsum("rhid,rhkjd->rhkij", asks, (mine + theirs) / 2)
        return _over_keys(found * self.subject.model.scale)

    def _weight(self, name: str) -> Array:
        return np.asarray(getattr(self.subject.params, name)[self.runs, self.subject.model.n_layers - 1])

    def _queries(self) -> Float[Array, "run head query feature d_head"]:
        parts, last = FrozenParts(self.subject), self.subject.model.n_layers - 1
        places = [(place.sequence, [place.position]) for place in (self.here, self.there)]
        return np.concatenate([parts.queries(last, *place)[self.runs] for place in places], axis=2)

    def _keys(self) -> list[Array]:
        """Return the keys of all slots here and there, [run, head, slot, feature, d_head]."""
        parts, last = FrozenParts(self.subject), self.subject.model.n_layers - 1
        sides = zip((self.here, self.there), zip(*self.slots, strict=True), strict=True)
        return [parts.keys(last, at.sequence, keys, at.position)[self.runs] for at, keys in sides]


def _over_keys(scores: Float[Array, "run head slot query_part key_feature"]) -> Array:
    # Where nothing changes there is nothing to sort.
    return scores - np.median(scores, axis=2, keepdims=True) if scores.any() else scores


def reads(
    subject: Subject, head: tuple[int, int], runs: Int[Array, " run"], place: Place, sources: Sequence[int]
) -> Float[Array, "run source d_model"]:
    """Return what a head writes at a place of what it reads from each of some positions, as the last layer finds it."""
    on, params, (layer, number) = subject.clean, subject.params, head
    pattern = on.pattern[runs, layer, number, place.sequence, place.position][:, list(sources)]
    read = pattern[..., None] * on.v[runs, layer, number, place.sequence][:, list(sources)]
    wrote = np.asarray(read if params.W_O is None else read @ params.W_O[runs, layer, number])
    if not has_blocks(subject):
        return wrote
    frozen, last = FrozenParts(subject).at(place.sequence, place.position, runs), subject.model.n_layers - 1
    return frozen.passed(wrote, layer, last)
