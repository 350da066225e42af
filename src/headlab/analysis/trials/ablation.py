"""Take a part away: it becomes zero, its mean, or what it is in another sentence.

Three ablations, always side by side because they are known to disagree:

    zero      the part is 0
    mean      the part's mean over the corpus' sentences that have the same place
    resample  what the part is in another sentence

A head that is ablated writes the replacement of its z. An ablated edge is what the head read there, pattern[q, s] · v_s W_O,
replaced; the other weights of the row stay. Position embeddings are the same in every sentence: their mean is over positions,
and they are resampled from the position before.
Source: Chan et al. 2022, Causal Scrubbing; Zhang & Nanda 2024, Towards Best Practices of Activation Patching.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from headlab.analysis.choice import Choice, donor_sentence
from headlab.analysis.part import Part
from headlab.analysis.subject import Subject
from headlab.analysis.trials.effects import Effects, effects_of
from headlab.analysis.trials.interventions import Moment
from headlab.analysis.trials.model_parts import find_part, parts_at
from headlab.arrays import Array, Bool, Float

KINDS = ("zero", "mean", "resample")
WITHIN_SENTENCE = ("positions", "direct:position")  # kinds of parts: their mean and resampling need no other sentence
_ACTIVATION = {
    "source": "z",
    "edge": "z",
    "head": "z",
    "token": "token_embed",
    "direct": "direct",
    "direct:token": "direct",
    "direct:position": "direct",
    "positions": "pos_embed",
}


def ablate(subject: Subject, choice: Choice, parts: Sequence[Part | Mapping[str, Any] | str] | None = None) -> Effects:
    """Take parts away, each in all three ways, and return what that does to the choice.

    parts: as `find_part` takes them; by default every source position, every head where there are several, both direct
        parts, all positions. Raises `SelectionError` for a part that does not exist.
    """
    row = choice.place.sequence
    taken = parts_at(subject, choice.place) if parts is None else [find_part(subject, row, part) for part in parts]
    other = donor_sentence(subject, choice)
    groups = [[Ablation(row, part, kind, row if other is None else other) for kind in KINDS] for part in taken]
    names = [part.name(subject.corpus, row) for part in taken]
    found = effects_of(subject, choice, names, groups, KINDS, [choice.place], tuple(taken))
    return found if other is not None else _of_one_sentence(found)


def _of_one_sentence(effects: Effects) -> Effects:
    # Mean and resampling would put back what was there.
    nothing = [[kind != "zero" and part.kind not in WITHIN_SENTENCE for kind in KINDS] for part in effects.parts]
    logits = effects.after.logits.copy()
    logits[:, np.array(nothing)] = np.nan
    return replace(effects, after=replace(effects.after, logits=logits))


@dataclass(frozen=True)
class Ablation:
    """A part replaced by zero, by its mean, or by what it is in the sentence `donor` (for `resample`)."""

    sequence: int
    part: Part
    kind: str
    donor: int = 0

    def touches(self, name: str) -> bool:
        """Return whether this activation changes."""
        return _ACTIVATION[self.part.kind] == name

    def apply(self, rows: Float[Array, "run ... position width"], moment: Moment) -> None:
        """Replace the part in the rows [run, ..., position, width] of this sentence."""
        match self.part:
            case Part("source", position=int(key)):
                self._edges(rows, moment, key, slice(None), slice(None))
            case Part("edge", layer, head, position=int(key), query=int(query)):
                if layer in (None, moment.layer):
                    heads = slice(None) if head is None else slice(head, head + 1)
                    self._edges(rows, moment, key, slice(query, query + 1), heads)
            case Part("head", int(layer), int(head)):
                if layer == moment.layer:
                    rows[:, head] = self._replacement(moment.clean("z")[:, head], self._real(moment))
            case Part("token", token=int(token)):
                where = moment.subject.corpus.tokens[self.sequence] == token
                rows[:, where] = self._replacement(moment.clean("token_embed"), self._real(moment))[:, where]
            case Part("direct" | "direct:token" | "direct:position" as kind):
                if kind != "direct:position":
                    embeds = moment.subject.clean.token_embed
                    rows += self._replacement(embeds, self._real(moment)) - embeds[:, self.sequence]
                if kind != "direct:token":
                    embeds = moment.subject.clean.pos_embed[:, self.sequence]
                    rows += self._positions(embeds, moment) - embeds
            case Part("positions"):
                rows[:] = self._positions(rows, moment)

    def _edges(self, rows: Array, moment: Moment, key: int, queries: slice, heads: slice) -> None:
        W_O = moment.subject.params.W_O
        out = None if W_O is None else W_O[:, moment.layer, heads]
        now = _read(
            moment.before["pattern"][:, heads, moment.case, queries, key],
            moment.before["v"][:, heads, moment.case, key],
            out,
        )
        # [run, head, sequence, query, d_model]: the same edge in every sentence
        clean = _read(
            moment.clean("pattern")[:, heads, :, queries, key],
            moment.clean("v")[:, heads, :, key],
            None if out is None else out[:, :, None],
        )
        real = self._real(moment)
        there = real[:, queries] & real[:, key : key + 1]
        rows[:, heads, queries] += self._replacement(clean, there) - now

    def _positions(self, embeds: Array, moment: Moment) -> Array:
        """Return what replaces the position embeddings [run, position, d_model]."""
        result = embeds.copy()
        real = result[:, : int(moment.subject.corpus.lengths[self.sequence])]
        mean = real.mean(axis=1, keepdims=True)
        real[:] = {"zero": np.zeros(()), "mean": mean, "resample": np.roll(real, 1, axis=1)}[self.kind]
        return result

    def _replacement(self, clean: Array, there: Bool[Array, "sequence position"]) -> Array:
        """Return what replaces a part, from its values [..., sequence, position, width] and where it exists."""
        if self.kind == "zero":
            return np.zeros_like(clean[..., 0, :, :])
        if self.kind == "resample":
            return clean[..., self.donor, :, :] * there[self.donor][:, None]
        return (clean * there[..., None]).sum(axis=-3) / np.maximum(there.sum(axis=0), 1)[:, None]

    def _real(self, moment: Moment) -> Bool[Array, "sequence position"]:
        return moment.subject.corpus.tokens >= 0


def _read(pattern: Array, v: Array, W_O: Array | None) -> Array:
    # What is read across an edge: pattern[..., query] · v[..., :] W_O
    if W_O is not None:
        v = (v[..., None, :] @ W_O)[..., 0, :]
    return pattern[..., None] * v[..., None, :]
