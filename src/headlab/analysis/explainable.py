"""What can be asked of trained models: the methods that one run and many share."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from headlab.analysis.choice import Choice, choice_at, choices
from headlab.analysis.looking.circuits import Circuits, circuits
from headlab.analysis.looking.head_scores import head_scores
from headlab.analysis.part import Part
from headlab.analysis.parts import contributions as attribution
from headlab.analysis.parts.coding import Coding, coding
from headlab.analysis.subject import Subject
from headlab.analysis.trials import effects
from headlab.analysis.trials.other_patterns import N_PERMUTATIONS, battery, pattern_variance

if TYPE_CHECKING:
    from headlab.analysis.trials.effects import Effects

Tokens = tuple[Any, Any] | None


class Explainable:
    """Questions about trained models; `subject` holds their weights, and everything works on all its runs at once.

    sequence, position, tokens: the choice that is asked about; left out, the corpus' first dependency. A position may be a
    word that the sentence holds once; tokens are two words, the first one preferred. Every method raises `SelectionError`,
    which lists what exists.
    """

    @property
    def subject(self) -> Subject:
        """The weights under study, and their corpus."""
        raise NotImplementedError

    def choice(self, sequence: Any = None, position: Any = None, tokens: Tokens = None) -> Choice:
        """Return the choice that the other methods ask about."""
        return choice_at(self.subject, sequence, position, tokens)

    def contributions(
        self, sequence: Any = None, position: Any = None, tokens: Tokens = None, max_heads: int | None = None
    ) -> attribution.Contributions:
        """Return the exact parts of the logit difference; see `analysis.parts.contributions`."""
        at = self.choice(sequence, position, tokens)
        return attribution.contributions(self.subject, at.place, at.target, at.rival, max_heads)

    def coding(self, sequence: Any = None, position: Any = None, tokens: Tokens = None) -> Coding | None:
        """Return the split of what two sentences differ by into pattern, value and direct part."""
        return coding(self.subject, self.choice(sequence, position, tokens))

    def ablate(
        self, *parts: Part | Mapping[str, Any] | str, sequence: Any = None, position: Any = None, tokens: Tokens = None
    ) -> "Effects":
        """Take parts away (`source:man`, `edge:3>1`, `head:0.0`, `token:man`, `direct`, `positions`; none: all).

        >>> import headlab as hl
        >>> run = hl.train(hl.Corpus.notebook(), seeds=4)[0]
        >>> run.ablate("source:man").table()[["kind", "flips"]].to_string(index=False)
        '    kind  flips\\n    zero   True\\n    mean  False\\nresample   True'
        """
        return effects.ablate(self.subject, self.choice(sequence, position, tokens), parts or None)

    def patch(
        self,
        what: str | Sequence[str],
        *,
        layer: int | None = None,
        head: int | None = None,
        at: Any = None,
        sequence: Any = None,
        position: Any = None,
        tokens: Tokens = None,
    ) -> "Effects":
        """Patch q, k, v, z, pattern, scores or resid from the other sentence, in both directions; at: one position only."""
        choice = self.choice(sequence, position, tokens)
        return effects.patch(self.subject, choice, what, layer, head, at)

    def set_pattern(
        self,
        weights: Mapping[int | str, float],
        *,
        layer: int = 0,
        head: int = 0,
        query: int | str | None = None,
        sequence: Any = None,
        position: Any = None,
        tokens: Tokens = None,
    ) -> "Effects":
        """Set a row of a head's pattern by hand, weights by position or word."""
        choice = self.choice(sequence, position, tokens)
        return effects.set_pattern(self.subject, choice, weights, layer, head, query)

    def battery(self, *, permutations: int = N_PERMUTATIONS, seed: int = 0) -> pd.DataFrame:
        """Return what uniform, permuted and another run's patterns do to every dependency."""
        return battery(self.subject, choices(self.subject), permutations=permutations, seed=seed)

    def pattern_variance(self) -> list[pd.DataFrame]:
        """Return the standard deviation of every attention weight over the runs, one table a sentence."""
        return pattern_variance(self.subject)

    def head_scores(self) -> pd.DataFrame:
        """Return previous-token, current-token, first-token, prefix-matching and copying scores of every head."""
        return head_scores(self.subject)

    def circuits(self, layer: int = 0, head: int = 0) -> Circuits:
        """Return a head's QK and OV circuits in words (of the first run)."""
        return circuits(self.subject, layer, head)
