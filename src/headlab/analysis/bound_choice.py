"""A choice of some models that can be asked: what gives what to it, how it is coded, what becomes of it after an intervention."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from headlab.analysis.choice import Choice, Place
from headlab.analysis.part import Part
from headlab.analysis.parts.coding import Coding, coding
from headlab.analysis.parts.contributions import Contributions, contributions
from headlab.analysis.parts.eye import Eye, eye
from headlab.analysis.subject import Subject
from headlab.analysis.trials.ablation import ablate
from headlab.analysis.trials.effects import Effects
from headlab.analysis.trials.patching import patch
from headlab.analysis.trials.pattern_by_hand import set_pattern


@dataclass(frozen=True, eq=False)
class BoundChoice:
    """A choice, and the models that make it; every answer is for all of them at once, and raises `SelectionError`.

    >>> import headlab as hl
    >>> choice = hl.train(hl.Corpus.notebook(), seeds=4)[0].choice(sequence=0)
    >>> choice
    BoundChoice(logit(chicken) − logit(beef) at sequence 0, position 3)
    >>> choice.ablate("source:man").flips[0, 0].tolist()
    [True, False, True, True]
    """

    subject: Subject
    choice: Choice

    @property
    def place(self) -> Place:
        """Where it is made."""
        return self.choice.place

    def words(self) -> str:
        """Return the comparison as a formula."""
        return self.choice.words(self.subject.corpus)

    def contributions(self, max_heads: int | None = None) -> Contributions:
        """Return the exact parts of the logit difference; see `parts.contributions`."""
        return contributions(self.subject, self.place, self.choice.target, self.choice.rivals, max_heads)

    def coding(self) -> Coding | None:
        """Return the split of what two sentences differ by into pattern, value and direct part; None without another place."""
        return coding(self.subject, self.choice)

    def eye(self) -> Eye:
        """Return what draws the eye where the pattern decides: features of query and key, tried; see `parts.eye`."""
        return eye(self.subject, self.choice)

    def ablate(self, *parts: Part | Mapping[str, Any] | str) -> Effects:
        """Take parts away (`source:man`, `edge:3>1`, `head:0.0`, `token:man`, `direct`, `positions`; none: all)."""
        return ablate(self.subject, self.choice, parts or None)

    def patch(
        self, what: str | Sequence[str], *, layer: int | None = None, head: int | None = None, at: Any = None
    ) -> Effects:
        """Patch q, k, v, z, pattern, scores or resid from the other sentence, in both directions; at: one position only."""
        return patch(self.subject, self.choice, what, layer, head, at)

    def set_pattern(
        self, weights: Mapping[int | str, float], *, layer: int = 0, head: int = 0, query: int | str | None = None
    ) -> Effects:
        """Set a row of a head's pattern by hand, weights by position or word; query: by default the choice's place."""
        return set_pattern(self.subject, self.choice, weights, layer, head, query)

    def __repr__(self) -> str:
        return f"BoundChoice({self.words()} at sequence {self.place.sequence}, position {self.place.position})"
