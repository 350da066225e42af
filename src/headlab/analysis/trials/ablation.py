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
from headlab.analysis.trials.model_parts import find_part, parts_at
from headlab.analysis.trials.ways import KINDS, Way, ways
from headlab.model.interventions import STAYS, Change


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
    """A part taken away in one way."""

    def changes(self, subject: Subject) -> tuple[Change, ...]:
        """Return what is changed while a model computes, see `model.interventions`."""
        match self.part:
            case Part("source", position=int(key)):
                return (self._edge(key),)
            case Part("edge", layer, head, position=int(key), query=int(query)):
                return (self._edge(key, query, layer, head),)
            case Part("head", int(layer), int(head)):
                return (self._change("z", layer=layer, head=head),)
            case Part("mlp", int(layer)):
                return (self._change("mlp", layer=layer),)
            case Part("token", token=int(token)):
                places = np.nonzero(subject.corpus.tokens[self.sequence] == token)[0].tolist()
                if self.kind == "mask":
                    return tuple(self._edge(at) for at in places)
                return tuple(self._change("token", at=at) for at in places)
            case Part("direct:token"):
                return (self._change("direct_token"),)
            case Part("direct"):
                position = [self._positions(subject, "direct_position")] if subject.model.positions else []
                return (self._change("direct_token"), *position)
            case Part("direct:position"):
                return (self._positions(subject, "direct_position"),)
            case Part("positions"):
                return (self._positions(subject, "position"),)
        return ()

    def _edge(self, key: int, query: int | None = None, layer: int | None = None, head: int | None = None) -> Change:
        if self.kind == "mask":
            return Change("scores", "mask", layer, head, query, key)
        return self._change("edge", layer, head, query, key)

    def _change(
        self,
        what: str,
        layer: int | None = None,
        head: int | None = None,
        at: int | None = None,
        key: int | None = None,
    ) -> Change:
        if self.donor is None:
            return Change(what, self.kind, layer, head, at, key)
        return Change(what, "from", layer, head, at, key, self.donor.sequence, self.donor.positions)

    def _positions(self, subject: Subject, what: str) -> Change:
        if self.kind != "resample":
            return Change(what, self.kind)
        length = int(subject.corpus.lengths[self.sequence])
        before = tuple((at - 1) % length if at < length else STAYS for at in range(subject.corpus.n_ctx))
        return Change(what, "from", donor=self.sequence, there=before)
