"""Set the attention pattern of a head by hand, and see what the model predicts then."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from headlab.analysis.choice import Choice
from headlab.analysis.subject import Subject
from headlab.analysis.trials.effects import Effects, effects_of
from headlab.arrays import Array, Float
from headlab.errors import SelectionError
from headlab.model.interventions import Change
from headlab.notation.values import short_repr


def set_pattern(
    subject: Subject,
    choice: Choice,
    weights: Mapping[int | str, float],
    layer: int = 0,
    head: int = 0,
    query: int | str | None = None,
) -> Effects:
    """Set a row of a head's pattern by hand and return what that does to the choice.

    weights: by position or word, those left out are 0; they must sum to 1
    query: whose row; by default the position that the choice is at. Raises `SelectionError`.
    """
    row = choice.place.sequence
    at = choice.place.position if query is None else subject.position(row, query)
    layer, head = subject.layer_and_head(layer, head)
    case = SetPattern(row, pattern_row(subject, row, at, weights), at, layer, head)
    words = ", ".join(f"{place} {weight:g}" for place, weight in weights.items())
    return effects_of(subject, choice, [f"pattern {words}"], [[[case]]], ("set",), [choice.place])


@dataclass(frozen=True, eq=False)
class SetPattern:
    """The pattern, or one row of it, set by hand: [query, key] or [run, layer, head, query, key]; query None: all rows."""

    sequence: int
    pattern: Float[Array, "..."]
    query: int | None = None
    layer: int | None = None
    head: int | None = None

    def changes(self, subject: Subject) -> tuple[Change, ...]:
        """Return what is changed while a model computes."""
        return (Change("pattern", "given", self.layer, self.head, self.query, given=self.pattern),)


def pattern_row(
    subject: Subject, sequence: int, query: int, weights: Mapping[int | str, float]
) -> Float[Array, "position position"]:
    """Return a pattern with one row set from weights by position or word, the others 0; raises `SelectionError`."""
    row = np.zeros((subject.corpus.n_ctx, subject.corpus.n_ctx))
    for place, weight in weights.items():
        key = subject.position(sequence, place)
        if subject.model.causal and key > query:
            raise SelectionError(
                f"a key must be at or before its query under the causal mask, got position {key} for {query}"
            )
        if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 <= weight <= 1:
            raise SelectionError(
                f"a weight must be a number from 0 to 1, got {short_repr(weight)} for {short_repr(place)}"
            )
        row[query, key] = weight
    if abs(row[query].sum() - 1) > 1e-6:
        raise SelectionError(
            f"the weights of a pattern's row must sum to 1, got {row[query].sum():g}: give all of them"
        )
    return row
