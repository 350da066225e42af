"""Take a part away: it becomes zero, its mean, what it is elsewhere, or it can no longer be looked at.

Four ablations, always side by side because they are known to disagree:

    zero      the part is 0
    mean      the part's mean over the corpus' sentences that have the same place
    resample  what the part is at the choice's other places, aligned with this one; the worst of them counts
    mask      attention knock-out: the scores of the part's keys are left out of the softmax, and the other keys share its weight

A head that is ablated writes the replacement of its z. An ablated edge is what the head read there, pattern[q, s] · v_s W_O,
replaced; the other weights of the row stay, except under the mask. A query whose every key is masked reads nothing. Heads, the
direct path and positions are no keys: masking them is not possible. Position embeddings are the same in every sentence: their
mean is over positions, and they are resampled from the position before.
Sources: Chan et al. 2022, Causal Scrubbing; Zhang & Nanda 2024, Towards Best Practices of Activation Patching; Geva et al. 2023,
Dissecting Recall of Factual Associations (attention knock-out).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from headlab.analysis.choice import Choice
from headlab.analysis.part import Part
from headlab.analysis.subject import Subject
from headlab.analysis.trials.effects import Effects, effects_of
from headlab.analysis.trials.interventions import Moment
from headlab.analysis.trials.model_parts import find_part, parts_at
from headlab.analysis.trials.ways import KINDS, Way, ways
from headlab.arrays import Array, Bool, Float

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
    """Take parts away, each in all ways that are possible, and return what that does to the choice.

    parts: as `find_part` takes them; by default every source position, every head where there are several, both direct
        parts, all positions. Raises `SelectionError` for a part that does not exist.
    """
    row = choice.place.sequence
    taken = parts_at(subject, choice.place) if parts is None else [find_part(subject, row, part) for part in parts]
    groups = [[[Ablation(**vars(way)) for way in some] for some in kinds] for kinds in ways(subject, choice, taken)]
    names = [part.name(subject.corpus, row) for part in taken]
    return effects_of(subject, choice, names, groups, KINDS, [choice.place], tuple(taken))


@dataclass(frozen=True)
class Ablation(Way):
    """A part taken away in one way, in the middle of a forward pass."""

    def touches(self, name: str) -> bool:
        """Return whether this activation changes."""
        return name == ("scores" if self.kind == "mask" else _ACTIVATION[self.part.kind])

    def apply(self, rows: Float[Array, "run ... position width"], moment: Moment) -> None:
        """Replace the part in the rows [run, ..., position, width] of this sentence."""
        match self.part:
            case Part("source", position=int(key)):
                self._edges(rows, moment, slice(key, key + 1), slice(None), slice(None))
            case Part("edge", layer, head, position=int(key), query=int(query)):
                if layer in (None, moment.layer):
                    heads = slice(None) if head is None else slice(head, head + 1)
                    self._edges(rows, moment, slice(key, key + 1), slice(query, query + 1), heads)
            case Part("head", int(layer), int(head)):
                if layer == moment.layer:
                    rows[:, head] = self._replacement(moment.clean("z")[:, head], moment)
            case Part("token", token=int(token)):
                where = moment.subject.corpus.tokens[self.sequence] == token
                if self.kind == "mask":
                    rows[..., where] = -np.inf
                else:
                    rows[:, where] = self._replacement(moment.clean("token_embed"), moment)[:, where]
            case Part("direct" | "direct:token" | "direct:position" as kind):
                if kind != "direct:position":
                    embeds = moment.subject.clean.token_embed
                    rows += self._replacement(embeds, moment) - embeds[:, self.sequence]
                if kind != "direct:token":
                    embeds = moment.subject.clean.pos_embed[:, self.sequence]
                    rows += self._positions(embeds, moment) - embeds
            case Part("positions"):
                rows[:] = self._positions(rows, moment)

    def _edges(self, rows: Array, moment: Moment, key: slice, queries: slice, heads: slice) -> None:
        if self.kind == "mask":
            rows[:, heads, queries, key] = -np.inf
            return
        W_O = moment.subject.params.W_O
        out = None if W_O is None else W_O[:, moment.layer, heads]
        before, case = moment.before, moment.case
        rows[:, heads, queries] -= _read(
            before["pattern"][:, heads, case, queries, key], before["v"][:, heads, case, key], out
        )
        if self.kind == "zero":
            return
        pattern, v = moment.clean("pattern")[:, heads], moment.clean("v")[:, heads]
        if self.donor is not None:
            there = np.array(self.donor.positions)
            query, keys = there[queries], there[key]
            weights = pattern[:, :, self.donor.sequence][:, :, query[:, None], keys]
            weights = weights * ((query >= 0)[:, None] & (keys >= 0))
            rows[:, heads, queries] += _read(weights, v[:, :, self.donor.sequence, keys], out)
            return
        # What every sentence that has the edge reads there, [run, head, sequence, query, width]
        real = moment.subject.corpus.tokens >= 0
        count = np.maximum((real[:, queries] & real[:, key]).sum(axis=0), 1)[:, None]
        read = pattern[..., queries, key] @ v[..., key, :]
        rows[:, heads, queries] += _through(read.sum(axis=2) / count, out)

    def _positions(self, embeds: Array, moment: Moment) -> Array:
        """Return what replaces the position embeddings [run, position, d_model]."""
        result = embeds.copy()
        real = result[:, : int(moment.subject.corpus.lengths[self.sequence])]
        mean = real.mean(axis=1, keepdims=True)
        real[:] = {"zero": np.zeros(()), "mean": mean, "resample": np.roll(real, 1, axis=1)}[self.kind]
        return result

    def _replacement(self, clean: Array, moment: Moment) -> Array:
        """Return what replaces a part, from its values [..., sequence, position, width]."""
        if self.kind == "zero":
            return np.zeros_like(clean[..., 0, :, :])
        if self.donor is not None:
            there = np.array(self.donor.positions)
            return np.asarray(clean[..., self.donor.sequence, there, :] * (there >= 0)[:, None])
        real: Bool[Array, "sequence position"] = moment.subject.corpus.tokens >= 0
        return np.asarray((clean * real[..., None]).sum(axis=-3) / np.maximum(real.sum(axis=0), 1)[:, None])


def _read(pattern: Array, v: Array, W_O: Array | None) -> Array:
    # What is read from some keys: pattern [..., query, key] of v [..., key, width], as the head writes it.
    return _through(pattern @ v, W_O)


def _through(read: Array, W_O: Array | None) -> Array:
    return read if W_O is None else read @ W_O
