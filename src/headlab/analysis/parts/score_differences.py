"""How the scores of two rows differ, part by part: which feature of the query, with which feature of which key."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product
from typing import Any

import numpy as np

from headlab.analysis.choice import Place
from headlab.analysis.subject import Subject
from headlab.arrays import Array, Float, Int

Feature = str | tuple[int, int]  # token, position, or an earlier head: what it wrote
TOKEN, POSITION = "token", "position"


@dataclass(frozen=True, eq=False)
class Differences:
    """The features of two rows' queries and keys, and what they make the scores differ by.

    features: what the residual stream consists of before the last layer
    query, other_query [run, query_feature, d_model]; keys, other_keys [run, key_feature, slot, d_model]: here and there
    W_Q, W_K [run, head, d_model, d_head]: of the last layer; scale: 1 / sqrt(d_head)
    """

    features: tuple[Feature, ...]
    query: Float[Array, "run query_feature d_model"]
    other_query: Float[Array, "run query_feature d_model"]
    keys: Float[Array, "run key_feature slot d_model"]
    other_keys: Float[Array, "run key_feature slot d_model"]
    W_Q: Float[Array, "run head d_model d_head"]
    W_K: Float[Array, "run head d_model d_head"]
    scale: float

    @classmethod
    def of(
        cls, subject: Subject, runs: Int[Array, " run"], here: Place, there: Place, keys: Sequence[tuple[int, int]]
    ) -> "Differences":
        """Take the features of some models out of what they compute; keys: the positions of each slot, here and there."""
        every, last = features(subject, subject.model.n_layers - 1), subject.model.n_layers - 1
        query, other_query = (stream(subject, last, runs, at, [at.position])[:, :, 0] for at in (here, there))
        slots = zip(*keys, strict=True)
        mine, theirs = (stream(subject, last, runs, at, some) for at, some in zip((here, there), slots, strict=True))
        W_Q, W_K = subject.params.W_Q[runs, last], subject.params.W_K[runs, last]
        return cls(every, query, other_query, mine, theirs, W_Q, W_K, subject.model.scale)

    def __getitem__(self, some: Any) -> "Differences":
        return replace(self, **{name: getattr(self, name)[some] for name in _BY_RUN})

    @cached_property
    def by_key(self) -> Float[Array, "run head slot query_feature key_feature"]:
        """What the keys make of the difference: that of the keys, for the mean query."""
        return self.scores((self.query + self.other_query) / 2, self.keys - self.other_keys)

    @cached_property
    def by_query(self) -> Float[Array, "run head slot query_feature key_feature"]:
        """What the query makes of it: that of the queries, for the mean keys, without what it adds to all keys alike."""
        changed = self.query - self.other_query
        if not changed.any():
            return np.zeros_like(self.by_key)
        return self.over_keys(changed)

    @property
    def total(self) -> Float[Array, "run head slot query_feature key_feature"]:
        """By how much a part here is larger than the part there."""
        return self.by_key + self.by_query

    def over_keys(
        self, query: Float[Array, "run query_part d_model"]
    ) -> Float[Array, "run head slot query_part key_feature"]:
        """Return the scores of some vectors with the mean keys, less their median over the slots."""
        scores = self.scores(query, (self.keys + self.other_keys) / 2)
        return scores - np.median(scores, axis=2, keepdims=True)

    def scores(
        self, query: Float[Array, "run query_part d_model"], keys: Float[Array, "run key_part slot d_model"]
    ) -> Float[Array, "run head slot query_part key_part"]:
        """Return the scores of some queries with some keys, in every head."""
        n, parts, slots, width = keys.shape
        answers = keys.reshape(n, 1, parts * slots, width) @ self.W_K
        found = (query[:, None] @ self.W_Q) @ np.swapaxes(answers, -1, -2) * self.scale
        return np.moveaxis(found.reshape(*found.shape[:3], parts, slots), -1, 2)


_BY_RUN = {"query", "other_query", "keys", "other_keys", "W_Q", "W_K"}


def features(subject: Subject, layer: int) -> tuple[Feature, ...]:
    """Return what adds up to the residual stream that a layer reads: token, position, and each earlier head."""
    residual = subject.model.residual
    embeds: list[Feature] = [TOKEN, POSITION] if residual or layer == 0 else []
    return (*embeds, *product(range(0 if residual else max(0, layer - 1), layer), range(subject.model.n_heads)))


def stream(
    subject: Subject, layer: int, runs: Int[Array, " run"], place: Place, positions: Sequence[int]
) -> Float[Array, "run feature position d_model"]:
    """Return the features of a layer at some positions of a place's sentence, in the order of `features`."""
    on, at = subject.clean, list(positions)
    parts = []
    for feature in features(subject, layer):
        if isinstance(feature, tuple):
            part = on.z[runs, feature[0], feature[1], place.sequence]
        else:
            part = (on.token_embed if feature == TOKEN else on.pos_embed)[runs, place.sequence]
        parts.append(part[:, at])
    return np.stack(parts, axis=1)


def reads(
    subject: Subject, head: tuple[int, int], runs: Int[Array, " run"], place: Place, sources: Sequence[int]
) -> Float[Array, "run source d_model"]:
    """Return what a head writes at a place of what it reads from each of some positions."""
    on, params, (layer, number) = subject.clean, subject.params, head
    pattern = on.pattern[runs, layer, number, place.sequence, place.position][:, list(sources)]
    read = pattern[..., None] * on.v[runs, layer, number, place.sequence][:, list(sources)]
    return np.asarray(read if params.W_O is None else read @ params.W_O[runs, layer, number])
