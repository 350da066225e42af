"""What an intervention does to one choice: the logit difference, the target's probability, the prediction; before and after."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from headlab.analysis.choice import Choice, Place
from headlab.analysis.looking.predictions import TIE
from headlab.analysis.part import Part
from headlab.analysis.subject import Subject
from headlab.analysis.trials.interventions import Intervention, intervene
from headlab.arrays import Array, Bool, Float, Int
from headlab.model.outputs import softmax
from headlab.notation.numbers import quantity
from headlab.notation.visible import escape_unseen

MOST_ROWS = 100  # in a notebook
DISAGREE = 0.5  # ablations disagree when their changes differ by more than this share of the clean logit difference


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

    def tied(self, run: int) -> list[int]:
        """Return the tokens that share the first place in a run's forward pass, where they are several."""
        logits = self.logits[run]
        first = np.nonzero(logits >= logits.max() - TIE)[0].tolist()
        return first if len(first) > 1 else []


@dataclass(frozen=True, eq=False)
class Effects:
    """What each of some interventions does to a choice, in every run.

    names: the interventions' groups (one a part, or one an activation that is patched); kinds: what was done in each group
    before, after: the choice, [run, group, kind]; after holds nan where an intervention was not possible
    parts: what was ablated, a part a group; none of other interventions
    """

    choice: Choice
    names: tuple[str, ...]
    kinds: tuple[str, ...]
    before: Prediction
    after: Prediction
    parts: tuple[Part, ...] = ()

    @cached_property
    def change(self) -> Float[Array, "run group kind"]:
        """[run, group, kind]: how much the logit difference moved."""
        return self.after.difference - self.before.difference

    @cached_property
    def flips(self) -> Bool[Array, "run group kind"]:
        """[run, group, kind]: another token is now more likely than the one predicted before; a tie is no flip."""
        logits = self.after.logits
        best = np.broadcast_to(self.before.best, logits.shape[:-1])
        kept = np.take_along_axis(logits, best[..., None], axis=-1)[..., 0]
        top = logits.max(axis=-1)
        with np.errstate(invalid="ignore"):
            return np.asarray(top - kept > TIE * (1 + np.abs(top)))

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

    def table(self, run: int | None = None) -> pd.DataFrame:
        """Return a row a run, intervention and kind; without the column `run` for one run only."""
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
        shown = table.iloc[:MOST_ROWS].to_html(index=False, float_format="{:+.3f}".format)
        return shown + (
            f"<p>… and {quantity(left, 'more row')}: <code>table()</code> has them all.</p>" if left > 0 else ""
        )


def effects_of(
    subject: Subject,
    choice: Choice,
    names: Sequence[str],
    groups: Sequence[Sequence[Intervention]],
    kinds: tuple[str, ...],
    places: Sequence[Place],
    parts: tuple[Part, ...] = (),
) -> Effects:
    """Make interventions, all of them in one forward pass, and return what they do to a choice.

    names, groups: what each group is called, and its interventions, one a kind
    places: where each kind's prediction is read, or one place for all kinds
    """
    cases = [case for group in groups for case in group]
    at = [place.position for place in places] * (len(cases) // len(places))
    after = intervene(subject, cases)[:, np.arange(len(cases)), at]
    clean = subject.clean.logits[:, [place.sequence for place in places], [place.position for place in places]]
    return Effects(
        choice,
        tuple(names),
        kinds,
        Prediction(clean[:, None], choice.target, choice.rivals),
        Prediction(after.reshape(len(after), len(groups), len(kinds), -1), choice.target, choice.rivals),
        parts,
    )
