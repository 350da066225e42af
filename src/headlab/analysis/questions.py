"""What can be asked of trained models: methods of everything that has a `subject`, one run or many, defined once.

A class takes them in its body: `ablate, patch = questions.ablate, questions.patch`. Every answer is for all models at once;
every method raises `SelectionError`, which lists what exists.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, TypedDict, Unpack

import pandas as pd

from headlab.analysis.bound_choice import BoundChoice
from headlab.analysis.choice import choice_at, choices
from headlab.analysis.looking import circuits as looking_circuits
from headlab.analysis.looking import evaluation
from headlab.analysis.looking import head_scores as looking_head_scores
from headlab.analysis.looking.held_out import EXAMPLES, HeldOut
from headlab.analysis.looking.held_out import held_out as looking_held_out
from headlab.analysis.looking.without_heads import BATCH, WAYS, WithoutHeads
from headlab.analysis.looking.without_heads import without_heads as looking_without_heads
from headlab.analysis.part import Part
from headlab.analysis.parts.coding import Coding
from headlab.analysis.parts.contributions import Contributions
from headlab.analysis.subject import Subject
from headlab.analysis.trials import other_patterns
from headlab.analysis.trials.effects import Effects


class HasSubject(Protocol):
    """Trained models that can be asked."""

    @property
    def subject(self) -> Subject:
        """The weights under study, and their corpus."""


class Where(TypedDict, total=False):
    """Which choice is asked about; left out, the corpus' first dependency.

    position: its number, or a word that the sentence holds once; tokens: two words, the first one preferred
    """

    sequence: Any
    position: Any
    tokens: tuple[Any, Any] | None


def choice(
    self: HasSubject, sequence: Any = None, position: Any = None, tokens: tuple[Any, Any] | None = None
) -> BoundChoice:
    """Return a choice that can be asked, by default the corpus' first.

    position: its number, or a word that the sentence holds once; tokens: two words, the first one preferred

    >>> import headlab as hl
    >>> run = hl.train(hl.Corpus.notebook(), seeds=4)[0]
    >>> run.choice(position="ordered", tokens=("the", "beef"))
    BoundChoice(logit(the) − logit(beef) at sequence 0, position 2)
    """
    return BoundChoice(self.subject, choice_at(self.subject, sequence, position, tokens))


def contributions(
    self: HasSubject,
    sequence: Any = None,
    position: Any = None,
    tokens: tuple[Any, Any] | None = None,
    max_heads: int | None = None,
) -> Contributions:
    """Return the exact parts of a choice's logit difference; see `analysis.parts.contributions`."""
    return choice(self, sequence, position, tokens).contributions(max_heads)


def coding(self: HasSubject, **where: Unpack[Where]) -> Coding | None:
    """Return the split of what two sentences differ by into pattern, value and direct part; None without another place."""
    return choice(self, **where).coding()


def ablate(self: HasSubject, *parts: Part | Mapping[str, Any] | str, **where: Unpack[Where]) -> Effects:
    """Take parts away (`source:man`, `edge:3>1`, `head:0.0`, `token:man`, `direct`, `positions`; none: all).

    >>> import headlab as hl
    >>> run = hl.train(hl.Corpus.notebook(), seeds=4)[0]
    >>> run.ablate("source:man").table()[["kind", "flips"]].to_string(index=False)
    '    kind  flips\\n    zero   True\\n    mean  False\\nresample   True\\n    mask   True'
    """
    return choice(self, **where).ablate(*parts)


def patch(
    self: HasSubject,
    what: str | Sequence[str],
    *,
    layer: int | None = None,
    head: int | None = None,
    at: Any = None,
    **where: Unpack[Where],
) -> Effects:
    """Patch q, k, v, z, pattern, scores or resid from the other sentence, in both directions; at: one position only."""
    return choice(self, **where).patch(what, layer=layer, head=head, at=at)


def set_pattern(
    self: HasSubject,
    weights: Mapping[int | str, float],
    *,
    layer: int = 0,
    head: int = 0,
    query: int | str | None = None,
    **where: Unpack[Where],
) -> Effects:
    """Set a row of a head's pattern by hand, weights by position or word; query: by default the choice's place."""
    return choice(self, **where).set_pattern(weights, layer=layer, head=head, query=query)


def battery(self: HasSubject, *, permutations: int = other_patterns.N_PERMUTATIONS, seed: int = 0) -> pd.DataFrame:
    """Return what uniform, permuted and another run's patterns do to every dependency."""
    return other_patterns.battery(self.subject, choices(self.subject), permutations=permutations, seed=seed)


def pattern_variance(self: HasSubject) -> list[pd.DataFrame]:
    """Return the standard deviation of every attention weight over the runs, one table a sentence."""
    return other_patterns.pattern_variance(self.subject)


def head_scores(self: HasSubject) -> pd.DataFrame:
    """Return previous-token, current-token, first-token, prefix-matching and copying scores of every head."""
    return looking_head_scores.head_scores(self.subject)


def held_out(self: HasSubject, n: int = EXAMPLES, *, exact: bool = False, seed: int = 0) -> HeldOut:
    """Return how every model does on n held-out examples, or exactly on all inputs; see `analysis.looking.held_out`.

    >>> import headlab as hl
    >>> hl.train(hl.Corpus.notebook(), seeds=3, record="none").held_out()
    HeldOut(1 run on all 2 inputs: 0.5000 of sequences right)
    """
    return looking_held_out(self.subject, n, exact=exact, seed=seed)


def without_heads(
    self: HasSubject, n: int = BATCH, *, exact: bool = False, ways: Sequence[str] = tuple(WAYS), seed: int = 0
) -> WithoutHeads:
    """Return how every model does without each head in turn (zero, mean, resample); see `analysis.looking.without_heads`."""
    return looking_without_heads(self.subject, n, exact=exact, ways=ways, seed=seed)


def circuits(self: HasSubject, layer: int = 0, head: int = 0) -> looking_circuits.Circuits:
    """Return a head's QK and OV circuits in words (of the first run)."""
    return looking_circuits.circuits(self.subject, layer, head)


def evaluate(self: HasSubject) -> pd.DataFrame:
    """Return loss and share right of every model on what it is asked about, and on the dataset's test where it has one."""
    return evaluation.evaluate(self.subject)
