"""What an intervention does to one choice: the logit difference, the target's probability, the prediction; before and after."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from headlab.analysis.choice import Choice, Place
from headlab.analysis.looking.predictions import TIE, place_leads
from headlab.analysis.part import Part
from headlab.analysis.subject import Subject
from headlab.analysis.trials.interventions import Intervention, intervene
from headlab.analysis.words import THRESHOLDS
from headlab.arrays import Array, Bool, Float, Int, Shaped
from headlab.engine.activations import softmax
from headlab.notation.numbers import quantity, with_sign
from headlab.notation.visible import escape_unseen

MOST_ROWS = 100  # in a notebook
DISAGREE = 0.5  # ablations disagree when their changes differ by more than this share of the clean logit difference
SMALL_MOVE = THRESHOLDS["same"]  # of the target's probability
SMALL_CHANGE = THRESHOLDS["small"]  # of a logit difference, as a share of itself


@dataclass(frozen=True, eq=False)
class Prediction:
    """One choice in some forward passes: all logits there [run, *case, d_vocab], between a target and its rivals."""

    logits: Float[Array, "run *case d_vocab"]
    target: int
    rivals: tuple[int, ...]

    @cached_property
    def difference(self) -> Float[Array, " run *case"]:
        """[run, *case]: logit(target) - mean over rivals of logit(rival)."""
        return np.asarray(self.logits[..., self.target] - self.logits[..., list(self.rivals)].mean(axis=-1))

    @cached_property
    def probabilities(self) -> Float[Array, "run *case d_vocab"]:
        """[run, *case, d_vocab]: of every token."""
        with np.errstate(invalid="ignore"):
            return softmax(self.logits)

    @property
    def probability(self) -> Float[Array, " run *case"]:
        """[run, *case]: the target's."""
        return self.probabilities[..., self.target]

    @cached_property
    def best(self) -> Int[Array, " run *case"]:
        """[run, *case]: the most likely token."""
        return self.logits.argmax(axis=-1)

    @cached_property
    def winners(self) -> Bool[Array, "run *case d_vocab"]:
        """[run, *case, d_vocab]: the most likely tokens, all that share the first place; none where logits are no numbers."""
        with np.errstate(invalid="ignore"):
            return np.asarray(self.logits >= self.logits.max(axis=-1, keepdims=True) - TIE)

    @cached_property
    def lead(self) -> Float[Array, " run *case"]:
        """[run, *case]: how far the target's logit is ahead of the strongest other one; below 0 where it is behind."""
        return place_leads(self.logits, np.array(self.target))

    def leads_over(self, others: Sequence[int]) -> Float[Array, "run *case other"]:
        """Return logit(target) - logit(other), [run, *case, other]."""
        with np.errstate(invalid="ignore"):
            return np.asarray(self.logits[..., [self.target]] - self.logits[..., list(others)])


@dataclass(frozen=True, eq=False)
class Effects:
    """What each of some interventions does to a choice, in every run.

    names: the interventions' groups (one a part, or one an activation that is patched); kinds: what was done in each group
    tokens: what every token is called
    before: the choice, [run, 1, kind], or one for all kinds; trials: the same after each forward pass, [run, trial]
    cells: which group and kind each trial belongs to [trial], group · kinds + kind, in ascending order; a kind that was not
        possible has no trial, and resampling has one for each place from which it was done
    parts: what was ablated, a part a group; none of other interventions
    """

    choice: Choice
    names: tuple[str, ...]
    kinds: tuple[str, ...]
    tokens: tuple[str, ...]
    before: Prediction
    trials: Prediction
    cells: Int[Array, " trial"]
    parts: tuple[Part, ...] = ()

    @cached_property
    def after(self) -> Prediction:
        """The choice after each kind, [run, group, kind]: after the trial in which the target leads least; nan without any."""
        logits = np.full(
            (len(self.trials.logits), len(self.names) * len(self.kinds), self.before.logits.shape[-1]), np.nan
        )
        logits[:, self.cells] = self.trials.logits
        for cell, some in self._several:
            number = np.argmax(self._worst(some)[1], axis=1)
            logits[:, cell] = np.take_along_axis(self.trials.logits[:, some], number[:, None, None], axis=1)[:, 0]
        return replace(self.before, logits=self._in_cells(logits))

    @cached_property
    def winners(self) -> Bool[Array, "run group kind d_vocab"]:
        """[run, group, kind, d_vocab]: the most likely tokens then, all that share the first place.

        Of trials after which the target leads equally little, those of each.
        """
        found = self.after.winners.reshape(len(self.trials.logits), -1, len(self.tokens)).copy()
        for cell, some in self._several:
            found[:, cell] = (self.trials.winners[:, some] & self._worst(some)[0][..., None]).any(axis=1)
        return self._in_cells(found)

    @cached_property
    def change(self) -> Float[Array, "run group kind"]:
        """[run, group, kind]: how much the logit difference moved."""
        return self.after.difference - self.before.difference

    @cached_property
    def moves(self) -> Float[Array, "run group kind"]:
        """[run, group, kind]: how far the target's probability moved, whichever way; of several trials the farthest."""
        found = np.full((len(self.trials.logits), len(self.names) * len(self.kinds)), np.nan)
        moved = np.abs(self.trials.probability - self._before(self.before.probability))
        found[:, self.cells] = moved
        for cell, some in self._several:
            found[:, cell] = moved[:, some].max(axis=1)
        return self._in_cells(found)

    @cached_property
    def flips(self) -> Bool[Array, "run group kind"]:
        """[run, group, kind]: the token predicted before is not among the most likely ones now; a tie with it is no flip."""
        return _flipped(self.before.winners, self.winners)

    @cached_property
    def predicts_otherwise(self) -> Bool[Array, "run group kind"]:
        """[run, group, kind]: other tokens are the most likely ones than before: a flip, or a tie with what was predicted."""
        now = self.winners
        return np.asarray((now != self.before.winners).any(axis=-1) & now.any(axis=-1))

    @cached_property
    def changes_nothing(self) -> Bool[Array, "run group"]:
        """[run, group]: something was possible, and none of it changes the answer, its probability or what speaks for it.

        no flip        in any trial
        |Δ p(target)|  at most 0.05
        |Δ D|          at most 10 % of |D|, for D = logit(target) - logit(other), every rival and every alternative of the corpus
        """
        others = sorted({*self.choice.rivals, *self.choice.alternatives})
        clean, now = self.before.leads_over(others), self.trials.leads_over(others)
        with np.errstate(invalid="ignore"):
            moved = np.abs(self.trials.probability - self._before(self.before.probability)) > SMALL_MOVE
            shifted = ~(np.abs(now - self._before(clean)) <= SMALL_CHANGE * np.abs(self._before(clean)))
        changed = moved | shifted.any(axis=-1) | _flipped(self._before(self.before.winners), self.trials.winners)
        of_group = np.zeros((len(self.names), len(self.cells)), bool)
        of_group[self.cells // len(self.kinds), np.arange(len(self.cells))] = True
        return ~(changed @ of_group.T) & of_group.any(axis=1)

    @cached_property
    def disagree(self) -> Bool[Array, "run group"]:
        """[run, group]: some kinds flip the prediction and others do not, or ablations change it by very different amounts.

        Very different: by more than half of the clean logit difference. Directions of patching start from different places:
        of them only flips are compared.
        """
        tried = np.isfinite(self.after.difference)
        some = self.flips.any(axis=2) & ~(self.flips | ~tried).all(axis=2)
        if self.before.difference.shape[2] > 1:
            return np.asarray(some)
        change = np.where(tried, self.change, np.nan)
        spread = np.fmax.reduce(change, axis=2) - np.fmin.reduce(change, axis=2)
        return np.asarray(some | (spread > DISAGREE * np.abs(self.before.difference[:, :, 0])))

    def predicts(self, run: int, group: int, kind: int) -> tuple[str, ...]:
        """Return what one run predicts then: one token, or those that share the first place; none where nothing was possible."""
        first, count = (table[run][group][kind] for table in self._first)
        if count == 1:
            return (self.tokens[first],)
        return tuple(self.tokens[token] for token in np.nonzero(self.winners[run, group, kind])[0].tolist())

    @cached_property
    def _first(self) -> tuple[list[list[list[int]]], list[list[list[int]]]]:
        # By run, group and kind: the first of the winners, and how many there are.
        return self.winners.argmax(axis=-1).tolist(), self.winners.sum(axis=-1).tolist()

    @cached_property
    def _predicted(self) -> Shaped[Array, "run group kind"]:
        # As `predicts` has it, as text.
        found = np.empty(self.flips.shape, object)
        for at in np.ndindex(found.shape):
            found[at] = ", ".join(self.predicts(*at)) or None
        return found

    @cached_property
    def _several(self) -> list[tuple[int, slice]]:
        # The cells of several trials, and which these are.
        found, starts, counts = np.unique(self.cells, return_index=True, return_counts=True)
        every = zip(found.tolist(), starts.tolist(), counts.tolist(), strict=True)
        return [(cell, slice(start, start + count)) for cell, start, count in every if count > 1]

    def _worst(self, some: slice) -> tuple[Bool[Array, "run some"], Bool[Array, "run some"]]:
        """Return of some trials those after which the target leads least, [run, some], and of these those to be shown."""
        least = _lowest(self.trials.lead[:, some], np.ones((), bool))
        worst = _lowest(self.trials.difference[:, some], least)
        return least, _lowest(self.trials.probability[:, some], worst)

    def _before(self, values: Array) -> Array:
        """Return the values before [run, 1, kind, ...] as one a trial, [run, trial, ...]."""
        return values[:, 0, self.cells % len(self.kinds) if values.shape[2] > 1 else np.zeros(1, int)]

    def _in_cells(self, values: Array) -> Array:
        return values.reshape(len(values), len(self.names), len(self.kinds), *values.shape[2:])

    def table(self, run: int | None = None) -> pd.DataFrame:
        """Return a row a run, intervention and kind; without the column `run` for one run only.

        predicts: the most likely token then, or those that share the first place; nothing where the kind was not possible
        """
        chosen = slice(None) if run is None else slice(run, run + 1)
        after = self.after.difference[chosen]
        index = np.indices(after.shape).reshape(3, -1)

        def column(values: NDArray[Any]) -> NDArray[Any]:
            return np.broadcast_to(values[chosen], after.shape).ravel()

        table = pd.DataFrame(
            {
                "run": index[0],
                "intervention": np.array(self.names)[index[1]],
                "kind": np.array(self.kinds)[index[2]],
                "difference_before": column(self.before.difference),
                "difference_after": column(self.after.difference),
                "change": column(self.change),
                "probability_before": column(self.before.probability),
                "probability_after": column(self.after.probability),
                "flips": column(self.flips),
                "predicts": column(self._predicted),
                "disagree": column(self.disagree[:, :, None]),
            }
        )
        return table.drop(columns="run") if len(after) == 1 else table

    def __repr__(self) -> str:
        runs, groups, _ = self.flips.shape
        of = "" if runs == 1 else f", {quantity(runs, 'run')}"
        return escape_unseen(
            f"Effects({', '.join(self.names[:4])}{' …' if groups > 4 else ''}: {', '.join(self.kinds)}{of})"
        )

    def _repr_html_(self) -> str:
        table = self.table()
        left = len(table) - MOST_ROWS
        shown = table.iloc[:MOST_ROWS].to_html(index=False, float_format=_signed)
        return shown + (
            f"<p>… and {quantity(left, 'more row')}: <code>table()</code> has them all.</p>" if left > 0 else ""
        )


def _signed(value: float) -> str:
    return with_sign(value, 3)


def effects_of(
    subject: Subject,
    choice: Choice,
    names: Sequence[str],
    groups: Sequence[Sequence[Sequence[Intervention]]],
    kinds: tuple[str, ...],
    places: Sequence[Place],
    parts: tuple[Part, ...] = (),
) -> Effects:
    """Make interventions, all of them in one call, and return what they do to a choice.

    names, groups: what each group is called, and its interventions, some a kind
    places: where each kind's prediction is read, or one place for all kinds
    """
    cells = [(cell, item) for cell, some in enumerate(some for group in groups for some in group) for item in some]
    numbers = np.array([cell for cell, _ in cells], int)
    at = [places[cell % len(kinds) % len(places)].position for cell, _ in cells]
    after = intervene(subject, [item for _, item in cells], at)
    clean = subject.clean.logits[:, [place.sequence for place in places], [place.position for place in places]]
    before = Prediction(clean[:, None], choice.target, choice.rivals)
    vocabulary = tuple(subject.corpus.output_names)
    return Effects(choice, tuple(names), kinds, vocabulary, before, replace(before, logits=after), numbers, parts)


def _flipped(before: Bool[Array, "..."], now: Bool[Array, "..."]) -> Bool[Array, "..."]:
    """Return [...] from most likely tokens [..., d_vocab]: none of those before is among those now, which are known."""
    return np.asarray(before.any(axis=-1) & now.any(axis=-1) & ~(before & now).any(axis=-1))


def _lowest(values: Float[Array, "run some"], among: Bool[Array, "..."]) -> Bool[Array, "run some"]:
    """Return which of some values are the lowest, [run, some], ties included; what is no number is lowest."""
    low = np.where(among, np.where(np.isnan(values), -np.inf, values), np.inf)
    return np.asarray(among & (low <= low.min(axis=1, keepdims=True) + TIE))
