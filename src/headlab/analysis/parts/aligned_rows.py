"""One row of the last layer's pattern at two places, key by key: scores, what values say, what a change of scores does."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from headlab.analysis.choice import Choice, Place
from headlab.analysis.parts.exact import has_blocks
from headlab.analysis.subject import Subject
from headlab.analysis.words import THRESHOLDS
from headlab.arrays import Array, Float, Int
from headlab.data.alignment import Alignment
from headlab.engine.activations import softmax
from headlab.engine.look import Look
from headlab.model.interventions import Case, Change

LEAST_CHANGE = THRESHOLDS["change"]  # of a logit difference, that anything is a share of


@dataclass(frozen=True, eq=False)
class AlignedRows:
    """The row of the last layer's pattern at a place here and a place there, in slots, of some of a subject's models.

    A slot is a key here and the key there that answers to it; what has no counterpart is only ever looked past.
    runs: the models' numbers; keys, other_keys: the positions of each slot
    scores [run, head, key]: here, of slots and then of what has no counterpart
    other_pattern [run, head, slot]: the attention there
    value [run, head, slot]: what the values here and there say about the choice, their mean
    change [run]: of the logit difference between the places; unpaired [run]: what keys with no counterpart give, sizes summed
    """

    subject: Subject
    here: Place
    there: Place
    alignment: Alignment
    runs: Int[Array, " run"]
    scores: Float[Array, "run head key"]
    other_pattern: Float[Array, "run head slot"]
    value: Float[Array, "run head slot"]
    change: Float[Array, " run"]
    unpaired: Float[Array, " run"]

    @classmethod
    def of(
        cls,
        subject: Subject,
        choice: Choice,
        w: tuple[Float[Array, "run d_model"], Float[Array, "run d_model"]],
        there: Place,
        alignment: Alignment,
    ) -> "AlignedRows":
        """Take the rows of all models out of what they compute; w: the choice's readout, here and there."""
        last, sides = subject.model.n_layers - 1, (choice.place, there)
        keys = [list(some) for some in zip(*alignment.pairs, strict=True)]
        alone = [list(alignment.unpaired_a), list(alignment.unpaired_b)]
        says = [values(subject, read, place.sequence) for read, place in zip(w, sides, strict=True)]
        rows = [subject.clean.pattern[:, last, :, place.sequence, place.position] for place in sides]
        lost = [
            np.abs((row[:, :, some] * value[:, :, some]).sum(axis=1)).sum(axis=1)
            for row, value, some in zip(rows, says, alone, strict=True)
        ]
        logits = [subject.clean.logits[:, place.sequence, place.position] for place in sides]
        differences = [each[:, choice.target] - each[:, list(choice.rivals)].mean(axis=1) for each in logits]
        return cls(
            subject,
            choice.place,
            there,
            alignment,
            np.arange(subject.n_runs),
            subject.clean.seen_scores[:, last, :, choice.place.sequence, choice.place.position][
                :, :, keys[0] + alone[0]
            ],
            rows[1][:, :, keys[1]],
            (says[0][:, :, keys[0]] + says[1][:, :, keys[1]]) / 2,
            differences[0] - differences[1],
            lost[0] + lost[1],
        )

    def __getitem__(self, some: Any) -> "AlignedRows":
        return replace(self, **{name: getattr(self, name)[some] for name in _BY_RUN})

    @property
    def keys(self) -> list[int]:
        """The position here of each slot."""
        return [pair[0] for pair in self.alignment.pairs]

    @property
    def other_keys(self) -> list[int]:
        """The position there of each slot."""
        return [pair[1] for pair in self.alignment.pairs]

    @cached_property
    def pattern(self) -> Float[Array, "run head slot"]:
        """The attention here."""
        return softmax(self.scores)[:, :, : self.value.shape[2]]

    @cached_property
    def makes(self) -> Float[Array, " run"]:
        """[run]: what the pattern makes of the change between the places, sum of (A_here - A_there) V."""
        return np.asarray(((self.pattern - self.other_pattern) * self.value).sum(axis=(1, 2)))

    @cached_property
    def share(self) -> Float[Array, " run"]:
        """[run]: that over the change; nan where there is next to none, of which shares would be the last bits."""
        known = np.abs(self.change) > LEAST_CHANGE
        return np.divide(self.makes, self.change, out=np.full_like(self.change, np.nan), where=known)

    @cached_property
    def rest(self) -> tuple[Float[Array, "run head slot"], Float[Array, "run head slot"]]:
        """What a slot competes with, [run, head, slot]: the log of the others' summed exp(score), and what they say."""
        n = self.value.shape[2]
        shown = np.where(np.eye(n, self.scores.shape[2], dtype=bool), -np.inf, self.scores[:, :, None])
        top = np.maximum(shown.max(axis=-1, keepdims=True), -np.finfo(float).max)  # a slot alone competes with nothing
        raised = np.exp(shown - top)
        total = raised.sum(axis=-1)
        says = (raised[..., :n] @ self.value[..., None])[..., 0]
        with np.errstate(divide="ignore"):
            log = np.log(total) + top[..., 0]
        return log, np.divide(says, total, out=np.zeros_like(total), where=total > 0)

    def moved(self, lowered: Float[Array, "run case head slot"]) -> Float[Array, "run case head key"]:
        """Return the attention here, key by key, when scores of slots are lowered by as much."""
        scores = np.repeat(self.scores[:, None], lowered.shape[1], axis=1)
        scores[..., : lowered.shape[-1]] -= lowered
        return softmax(scores)

    def undone(self, lowered: Float[Array, "run case head slot"]) -> Float[Array, "run case"]:
        """Return which share of what the pattern makes is undone when scores of slots are lowered, [run, case]."""
        pattern = self.moved(lowered)[..., : lowered.shape[-1]]
        change = ((self.pattern[:, None] - pattern) * self.value[:, None]).sum(axis=(2, 3))
        return np.asarray(change / self.makes[:, None])

    def logits(self, lowered: Float[Array, "run head slot"]) -> Float[Array, "run d_vocab"]:
        """Return what is predicted here when scores of slots are lowered, [run, d_vocab], all else as it is."""
        params, last = self.subject.params, self.subject.model.n_layers - 1
        every = [*self.keys, *self.alignment.unpaired_a]
        if has_blocks(self.subject):
            return self._looked(every, self.moved(lowered[:, None])[:, 0])
        v = self.subject.clean.v[self.runs, last, :, self.here.sequence][:, :, every]
        change = self.moved(lowered[:, None])[:, 0] - softmax(self.scores)
        z = (change[:, :, None] @ v)[:, :, 0]
        written = z.sum(axis=1) if params.W_O is None else np.einsum("rhv,rhvd->rd", z, params.W_O[self.runs, last])
        if params.W_U is not None:
            written = (written[:, None] @ params.W_U[self.runs])[:, 0]
        return np.asarray(self.subject.clean.logits[self.runs, self.here.sequence, self.here.position] + written)

    def _looked(self, keys: list[int], weights: Array) -> Array:
        # What lies behind the heads answers to what they write: the model is asked.
        some, place, last = self.subject.some(self.runs), self.here, self.subject.model.n_layers - 1
        given = some.clean.pattern[:, :, :, place.sequence].copy()
        given[:, last, :, place.position, keys] = np.moveaxis(weights, 2, 0)
        change = Change("pattern", "given", last, at=place.position, given=given)
        look = Look(some.corpus.batch, some.model.on(some.corpus), some.flat)
        return look.logits([Case(place.sequence, (change,), place.position)])[:, 0]


_BY_RUN = {"runs", "scores", "other_pattern", "value", "change", "unpaired"}


def values(subject: Subject, w: Float[Array, "run d_model"], sequence: int) -> Float[Array, "run head position"]:
    """Return what each value of the last layer says about a choice with a readout, [run, head, position]."""
    last, out = subject.model.n_layers - 1, w[:, None, :, None]
    if subject.params.W_O is not None:
        out = subject.params.W_O[:, last] @ out
    return np.asarray((subject.clean.v[:, last, :, sequence] @ out)[..., 0])
