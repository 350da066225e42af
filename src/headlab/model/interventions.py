"""Interventions, readable: what each change does in the middle of a forward pass. `engine.look` does the same, faster."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import product

import numpy as np

from headlab.arrays import Array, Float, Int
from headlab.config.model import ModelConfig
from headlab.model.forward import Activations, allowed, forward
from headlab.model.params import Params

# What can be changed, in the order of headlab.h, and the activation of `forward` that it is, or is part of.
ACTIVATIONS = {
    "token": "token_embed",
    "position": "pos_embed",
    "resid": "resid_pre",
    "q": "q",
    "k": "k",
    "v": "v",
    "scores": "scores",
    "pattern": "pattern",
    "z": "z",
    "edge": "z",
    "direct_token": "direct",
    "direct_position": "direct",
    "mlp": "mlp_out",
}
HOWS = ("zero", "mean", "from", "mask", "given")
STAYS = -2  # in `there`: what is here stays


@dataclass(frozen=True, eq=False)
class Change:
    """A change of one thing while a model computes.

    what             token, position: an embedding, at a position; resid: what a layer reads there; q, k, v, z: of a head
                     there; scores, pattern: of a query and the keys that it sees; edge: what a head reads from a key for a
                     query, pattern · v (W_O), a part of z; direct_token, direct_position: an embedding's own part of the last
                     stream, past all heads; mlp: what a layer's MLP writes, at a position
    how: zero        becomes 0
         mean        what it is on average in the sentences that have the place; a position's embedding, at those of its own
         from        what it is in the sentence `donor`, when nobody intervenes there; scores of keys that are not seen: masked;
                     an edge is read from there even where the query here does not see the key
         mask        scores: left out of the softmax; a query of which all keys are reads nothing
         given       the pattern: weights by hand, of keys that are seen
    layer, head, at, key: None: all of them; at: a position, or a query
    there: the donor's position for every one here, -1: none, and what is here becomes zero, -2: what is here stays; None: the
        same ones, and what the donor's sentence is too short for stays
    given: [query, key], or [run, layer, head, query, key]
    """

    what: str
    how: str
    layer: int | None = None
    head: int | None = None
    at: int | None = None
    key: int | None = None
    donor: int = 0
    there: tuple[int, ...] | None = None
    given: Float[Array, "..."] | None = None


@dataclass(frozen=True, eq=False)
class Case:
    """A sentence, what is changed in the middle of it, and the position whose logits are wanted; None: all of them."""

    sequence: int
    changes: tuple[Change, ...] = ()
    at: int | None = None


def intervened(params: Params, tokens: Int[Array, "sequence position"], model: ModelConfig, case: Case) -> Activations:
    """Return every activation of the case's sentence, a batch of one, with its changes; weights have one run axis.

    Changes are made where the model computes what they are about, in their order.

    >>> from headlab.data.corpus import Corpus
    >>> from headlab.model.initial import initial
    >>> corpus = Corpus.notebook()
    >>> params = initial(ModelConfig().on(corpus), np.zeros(1, np.uint64))
    >>> on = intervened(params, corpus.tokens, ModelConfig(), Case(0, (Change("scores", "mask", key=0),)))
    >>> on.pattern[0, 0, 0, 0, :2].round(2).tolist()  # the first word sees nothing, the second one itself
    [[0.0, 0.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0, 0.0]]
    """
    return forward(params, tokens[[case.sequence]], model, _Changed(params, tokens, model, case))


@dataclass(frozen=True, eq=False)
class _Changed:
    """The edit of a forward pass that makes a case's changes."""

    params: Params
    tokens: Int[Array, "sequence position"]
    model: ModelConfig
    case: Case

    def __call__(self, name: str, layer: int, activation: Array, before: Mapping[str, Array]) -> Array:
        changes = [item for item in self.case.changes if ACTIVATIONS[item.what] == name]
        if name not in ("token_embed", "pos_embed", "direct"):
            changes = [item for item in changes if item.layer in (None, layer)]
        rows = activation[..., 0, :, :].copy()
        for change in changes:
            self._change(change, layer, rows, before)
        return rows[..., None, :, :]

    def _change(self, change: Change, layer: int, rows: Array, before: Mapping[str, Array]) -> None:
        heads = range(self.model.n_heads) if change.head is None else [change.head]
        clean, here = self.clean, self.case.sequence
        match change.what:
            case "token":
                self._rows(change, rows, clean.token_embed)
            case "position":
                self._positions(change, rows)
            case "resid":
                self._rows(change, rows, clean.resid_pre[:, layer])
            case "mlp":
                self._rows(change, rows, clean.mlp_out[:, layer])
            case "q" | "k" | "v" | "z":
                for head in heads:
                    self._rows(change, rows[:, head], getattr(clean, change.what)[:, layer, head])
            case "scores" | "pattern":
                for head in heads:
                    self._keys(change, rows[:, head], layer, head)
            case "edge":
                for head in heads:
                    self._edge(change, rows[:, head], layer, head, before)
            case "direct_token":
                instead = clean.token_embed[:, here].copy()
                self._rows(change, instead, clean.token_embed)
                rows += instead - clean.token_embed[:, here]
            case "direct_position":
                instead = clean.pos_embed[:, here].copy()
                self._positions(change, instead)
                rows += instead - clean.pos_embed[:, here]

    def _rows(self, change: Change, rows: Array, clean: Array) -> None:
        """Change rows [run, position, width], of which the sentences have [run, sequence, position, width]."""
        for at in self._places(change):
            there = self._there(change, at)
            if change.how == "mean":
                rows[:, at] = clean[:, self.tokens[:, at] >= 0, at].mean(axis=1)
            elif there != STAYS:
                rows[:, at] = clean[:, change.donor, there] if there >= 0 else 0

    def _positions(self, change: Change, rows: Array) -> None:
        clean = self.clean.pos_embed
        if change.how != "mean":
            self._rows(change, rows, clean)
            return
        for at in self._places(change):
            rows[:, at] = clean[:, self.case.sequence, : self._lengths[self.case.sequence]].mean(axis=1)

    def _keys(self, change: Change, rows: Array, layer: int, head: int) -> None:
        """Change scores or the pattern of some queries, [run, query, key]."""
        clean = getattr(self.clean, change.what)[:, layer, head]
        for query, key in self._seen(change):
            there = self._there(change, query), self._there(change, key)
            known = min(there) >= 0
            if change.how == "mask":
                rows[:, query, key] = -np.inf
            elif change.how == "given" and change.given is not None:
                given = change.given if change.given.ndim == 2 else change.given[:, layer, head]
                rows[:, query, key] = given[..., query, key]
            elif change.what == "scores" and known and not self._mask[(change.donor, *there)]:
                rows[:, query, key] = -np.inf
            elif STAYS not in there:
                rows[:, query, key] = clean[(slice(None), change.donor, *there)] if known else 0

    def _edge(self, change: Change, rows: Array, layer: int, head: int, before: Mapping[str, Array]) -> None:
        """Change what is read from a key, in z [run, query, d_model]."""
        clean, W_O = self.clean, self.params.W_O
        out = None if W_O is None else W_O[:, layer, head]
        pattern, v = clean.pattern[:, layer, head], clean.v[:, layer, head]
        seen = self._seen(change)
        for query, key in product(self._places(change), [change.key or 0]):
            there = self._there(change, query), self._there(change, key)
            if STAYS in there or (change.how != "from" and (query, key) not in seen):
                continue
            rows[:, query] -= _read(before["pattern"][:, head, 0, query, key], before["v"][:, head, 0, key], out)
            if change.how == "mean":
                real = (self.tokens[:, query] >= 0) & (self.tokens[:, key] >= 0)
                rows[:, query] += _read(pattern[:, real, query, key], v[:, real, key], out).mean(axis=1)
            elif change.how == "from" and min(there) >= 0:
                rows[:, query] += _read(pattern[(slice(None), change.donor, *there)], v[:, change.donor, there[1]], out)

    def _places(self, change: Change) -> list[int]:
        every = range(self._lengths[self.case.sequence])
        return [at for at in every if change.at in (None, at)]

    def _seen(self, change: Change) -> list[tuple[int, int]]:
        keys = [key for key in range(self.tokens.shape[1]) if change.key in (None, key)]
        seen = self._mask[self.case.sequence]
        return [pair for pair in product(self._places(change), keys) if seen[pair]]

    def _there(self, change: Change, at: int) -> int:
        """Return the donor's position for one here; -1: none, it becomes zero."""
        if change.how != "from":
            return -1
        if change.there is None:
            return at if at < self._lengths[change.donor] else STAYS
        return change.there[at]

    @cached_property
    def clean(self) -> Activations:
        return forward(self.params, self.tokens, self.model)

    @cached_property
    def _mask(self) -> Array:
        return allowed(self.tokens, self.model.causal)

    @cached_property
    def _lengths(self) -> list[int]:
        return [int(length) for length in (self.tokens >= 0).sum(axis=1)]


def _read(pattern: Array, v: Array, W_O: Array | None) -> Array:
    # What is read from a key, pattern [run, ...] of v [run, ..., width], as the head writes it.
    read = pattern[..., None] * v
    if W_O is None:
        return np.asarray(read)
    return np.asarray(read @ W_O if read.ndim == 3 else (read[:, None] @ W_O)[:, 0])
