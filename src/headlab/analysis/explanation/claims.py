"""What attribution alone claims about edges and sources, before anybody intervenes; tests hold the claims against ablation.

With the pattern of later layers held fixed, every token's logit is linear in what heads read. Taking edges away moves all logits
by what would be read in their place less what is read now; under the mask that is, with A the weights of a query in one head,

    sum over other keys of A v / (1 - A of the masked key)   less   sum over all keys of A v

A part is claimed

    necessary    when the target, which is the single most likely token, no longer is in any ablation that is possible
    irrelevant   when `Effects.changes_nothing` will say so: neither the answer, nor its probability, nor what speaks for it

For edges of the last layer the claim is exact; for earlier ones later patterns may react, which is what the test is for. Norms
and MLPs are held fixed, too, and may react behind any layer.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property

import numpy as np

from headlab.analysis.choice import Choice
from headlab.analysis.part import BETWEEN, IRRELEVANT, NECESSARY, Part
from headlab.analysis.parts.exact import FrozenParts, has_blocks
from headlab.analysis.subject import Subject
from headlab.analysis.trials.effects import Effects, Prediction
from headlab.analysis.trials.ways import KINDS, Way, ways
from headlab.arrays import Array, Float, Shaped
from headlab.model.forward import allowed
from headlab.model.matrices import W_OV
from headlab.model.outputs import softmax

AT_A_TIME = 16  # ablations of which what is written is held for every query


def claims(subject: Subject, choice: Choice, parts: Sequence[Part]) -> Effects:
    """Return what attribution foretells of taking edges or sources away: what `ablate` measures, without a forward pass.

    >>> import headlab as hl
    >>> from headlab.analysis.choice import choices
    >>> subject = hl.train(hl.Corpus.notebook(), seeds=4).subject
    >>> verdicts(claims(subject, choices(subject)[0], [Part("source", position=key) for key in range(4)]))[0].tolist()
    ['irrelevant', 'between', 'irrelevant', 'irrelevant']
    """
    row, position = choice.place.sequence, choice.place.position
    every = [some for kinds in ways(subject, choice, parts) for some in kinds]
    cells = [cell for cell, some in enumerate(every) for _ in some]
    items = [item for some in every for item in some]
    clean = subject.clean.logits[:, row, position]
    after = np.empty((subject.n_runs, len(cells), clean.shape[-1]))
    with np.errstate(over="ignore", invalid="ignore"):  # diverged runs hold whatever they diverged to
        for runs, batch in subject.in_batches():
            reads = [_Reads(batch, choice, layer) for layer in range(subject.model.n_layers)]
            for start in range(0, len(cells), AT_A_TIME):
                some = slice(start, start + AT_A_TIME)
                changes = np.sum([read.changes(items[some]) for read in reads], axis=0)
                after[runs, some] = clean[runs, None] + changes
    names = tuple(part.name(subject.corpus, row) for part in parts)
    before = Prediction(clean[:, None, None], choice.target, choice.rivals)
    found = replace(before, logits=after)
    return Effects(
        choice, names, KINDS, tuple(subject.corpus.output_names), before, found, np.array(cells, int), tuple(parts)
    )


def verdicts(effects: Effects) -> Shaped[Array, "run group"]:
    """Return what ablations say of every part, [run, group]: `necessary`, `irrelevant` or `between`."""
    single = effects.before.winners[..., effects.choice.target] & (effects.before.winners.sum(axis=-1) == 1)
    winners = effects.winners
    tried = np.asarray(winners.any(axis=-1))
    lost = ~winners[..., effects.choice.target] | (winners.sum(axis=-1) > 1)
    necessary = single[:, :, 0] & tried.any(axis=2) & (lost | ~tried).all(axis=2)
    return np.select([necessary, effects.changes_nothing], [NECESSARY, IRRELEVANT], BETWEEN)


class _Reads:
    """What the heads of one layer read for a choice, as all tokens' logits there, seen through everything behind them."""

    def __init__(self, subject: Subject, choice: Choice, layer: int) -> None:
        self.subject, self.row, self.layer = subject, choice.place.sequence, layer
        self.W_O = None if subject.params.W_O is None else subject.params.W_O[:, layer]
        self.pattern, self.v = subject.clean.pattern[:, layer], subject.clean.v[:, layer]
        # Of the last layer only the place itself is read.
        last = layer == subject.model.n_layers - 1
        self.queries = np.array([choice.place.position]) if last else np.arange(subject.corpus.n_ctx)
        self.behind = _behind(subject, choice, layer)[:, self.queries]

    def changes(self, items: Sequence[Way]) -> Float[Array, "run item d_vocab"]:
        """Return by how much ablations move the logits through this layer."""
        found = np.zeros((self.subject.n_runs, len(items), self.subject.corpus.n_outputs))
        whole = []  # what changes for every query goes through what is behind them in one product
        for number, item in enumerate(items):
            heads, some = self._where(item.part)
            if not len(some) or item.part.layer not in (None, self.layer):
                continue
            if item.kind == "mask":
                found[:, number] = self._masked[:, heads][:, :, some, item.part.position].sum(axis=(1, 2))
            elif len(some) == len(self.queries):
                whole.append((number, self._written(item, heads, some)))
            else:
                behind = self.behind[:, some]
                found[:, number] = (self._written(item, heads, some)[:, :, None] @ behind).sum(axis=(1, 2))
        if whole:
            numbers, written = zip(*whole, strict=True)
            shape = self.subject.n_runs, len(whole), -1
            behind = self.behind.reshape(self.subject.n_runs, -1, found.shape[-1])
            found[:, list(numbers)] = np.stack(written, axis=1).reshape(shape) @ behind
        return found

    def _where(self, part: Part) -> tuple[slice, Array]:
        """Return which heads and which of this layer's queries a part is about."""
        heads = slice(None) if part.kind != "edge" or part.head is None else slice(part.head, part.head + 1)
        every = np.arange(len(self.queries))
        return heads, every if part.kind != "edge" else np.nonzero(self.queries == part.query)[0]

    def _written(self, item: Way, heads: slice, some: Array) -> Float[Array, "run query d_model"]:
        """Return what heads write for some queries with an edge or a source replaced, less what they write now."""
        key = item.part.position
        assert key is not None
        queries = self.queries[some]
        pattern, v = self.pattern[:, heads], self.v[:, heads]
        read = -pattern[:, :, self.row, queries, key][..., None] * v[:, :, self.row, key][:, :, None]
        if item.donor is not None:
            query, there = np.array(item.donor.positions)[queries], item.donor.positions[key]
            weights = pattern[:, :, item.donor.sequence, query, there] * ((query >= 0) & (there >= 0))
            read = read + weights[..., None] * v[:, :, item.donor.sequence, there][:, :, None]
        elif item.kind == "mean":
            real = self.subject.corpus.tokens >= 0
            count = np.maximum((real[:, queries] & real[:, [key]]).sum(axis=0), 1)
            summed = np.swapaxes(pattern[:, :, :, queries, key], 2, 3) @ v[:, :, :, key]
            read = read + summed / count[:, None]
        # [run, head, query, width] to [run, query, d_model]
        return np.asarray((read if self.W_O is None else read @ self.W_O[:, heads]).sum(axis=1))

    @cached_property
    def _masked(self) -> Float[Array, "run head query key d_vocab"]:
        """By how much the logits move where one key is masked for one query of one head."""
        weights = self.pattern[:, :, self.row][:, :, self.queries]
        v = self.v[:, :, self.row]
        written = v if self.W_O is None else v @ self.W_O
        values = written[:, :, None] @ self.behind[:, None]  # [run, head, query, key, d_vocab]
        given = weights[..., None] * values
        now = given.sum(axis=3, keepdims=True)
        top = weights.argmax(axis=-1)[..., None]
        # At most half of the weight is any other key's: only without the largest one is 1 - A too small to divide by.
        left = np.where(np.arange(weights.shape[-1]) == top, 1.0, 1 - weights)
        change = (now - given) / left[..., None] - now
        shared = self._without(top)[..., None, :] @ values
        np.put_along_axis(change, top[..., None], shared - now, axis=3)
        return change

    def _without(self, key: Array) -> Float[Array, "run head query key"]:
        """Return the pattern with one key [run, head, query, 1] masked."""
        scores = self.subject.clean.seen_scores[:, self.layer, :, self.row][:, :, self.queries]
        seen = np.broadcast_to(_sight(self.subject, self.row)[self.queries], scores.shape).copy()
        np.put_along_axis(seen, key, False, axis=-1)
        return softmax(np.where(seen, scores, -np.inf))


def _sight(subject: Subject, row: int) -> Array:
    return allowed(subject.corpus.tokens[[row]], subject.model.causal)[0]


def _behind(subject: Subject, choice: Choice, layer: int) -> Float[Array, "run position d_model d_vocab"]:
    """Return what a vector written by a layer at each position adds to every logit at the choice's place, pattern held fixed."""
    if has_blocks(subject):
        at, outputs = (choice.place.sequence, choice.place.position), np.eye(subject.corpus.n_outputs)
        return np.moveaxis(FrozenParts(subject).all_behind(at, outputs, layer), 1, -1)
    W_U = subject.params.W_U
    d_model = subject.params.W_E.shape[-1]
    found = np.zeros((subject.n_runs, subject.corpus.n_ctx, d_model, subject.corpus.n_outputs))
    found[:, choice.place.position] = np.eye(d_model) if W_U is None else W_U
    OV = W_OV(subject.params)
    for later in range(subject.model.n_layers - 1, layer, -1):
        pattern = subject.clean.pattern[:, later, :, choice.place.sequence]
        through = np.einsum("rhqs,rhqiv->rsiv", pattern, OV[:, later, :, None] @ found[:, None])
        found = found + through if subject.model.residual else through
    return found
