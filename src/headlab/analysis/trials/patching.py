"""Take an activation from another sentence, in both directions.

What is necessary shows when it is taken away from one side, what is sufficient when it is put into the other: a circuit that
needs two parts (AND) is missed by one direction, one that has a spare part (OR) by the other.
Source: Zhang & Nanda 2024, Towards Best Practices of Activation Patching.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from headlab.analysis.choice import Choice
from headlab.analysis.subject import Subject
from headlab.analysis.trials.effects import Effects, effects_of
from headlab.errors import SelectionError
from headlab.model.interventions import Change
from headlab.notation.values import short_repr

PATCHES = ("q", "k", "v", "z", "pattern", "scores", "resid")


def patch(
    subject: Subject,
    choice: Choice,
    what: str | Sequence[str],
    layer: int | None = None,
    head: int | None = None,
    position: int | None = None,
) -> Effects:
    """Patch activations from the other sentence into this one, and the other way round; both directions, always.

    what: one or several of q, k, v, z, pattern, scores, resid; layer, head, position: by default all of them
    Kinds are `into this` (donor: the other sentence) and `into other`. Raises `SelectionError`.
    """
    chosen = [what] if isinstance(what, str) else list(what)
    wrong = [name for name in chosen if name not in PATCHES]
    if wrong or not chosen:
        raise SelectionError(
            f"what to patch must be one of {', '.join(PATCHES)}; got {short_repr((wrong or ['nothing'])[0])}"
        )
    here, there = choice.place, choice.other
    if there is None or there.sequence == here.sequence:
        raise SelectionError(
            "patching must have another sentence in which the same token goes on with the rival, and this corpus has none: "
            "add one"
        )
    if layer is not None:
        layer = subject.layer_and_head(layer, 0)[0]
    if head is not None:
        head = subject.layer_and_head(0, head)[1]
    lengths = subject.corpus.lengths[[here.sequence, there.sequence]]
    if not subject.model.causal and lengths[0] != lengths[1] and {"pattern", "scores"} & set(chosen):
        raise SelectionError(
            f"sentences must be of one length to patch a pattern without the causal mask, got {lengths[0]} and {lengths[1]}: "
            f"patch q, k, v or z"
        )
    if position is not None:
        position = subject.position(here.sequence, position)
        subject.position(there.sequence, position)
    ways = ((here.sequence, there.sequence), (there.sequence, here.sequence))
    groups = [[[Patch(*way, name, layer, head, position)] for way in ways] for name in chosen]
    return effects_of(subject, choice, chosen, groups, ("into this", "into other"), [here, there])


@dataclass(frozen=True)
class Patch:
    """An activation taken from the sentence `donor`; layer, head, position None: all of them."""

    sequence: int
    donor: int
    what: str
    layer: int | None = None
    head: int | None = None
    position: int | None = None

    def changes(self, subject: Subject) -> tuple[Change, ...]:
        """Return what is changed while a model computes: the donor's, at the positions that both sentences have."""
        head = None if self.what == "resid" else self.head
        return (Change(self.what, "from", self.layer, head, self.position, donor=self.donor),)
