"""What an intervention does to one choice: the logit difference, the target's probability, the prediction; before and after."""

from collections.abc import Mapping, Sequence
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
from headlab.analysis.trials.interventions import (
    KINDS,
    PATCHES,
    Ablation,
    Intervention,
    Patch,
    SetPattern,
    intervene,
    pattern_row,
)
from headlab.analysis.trials.model_parts import find_part, parts_at
from headlab.errors import SelectionError
from headlab.model.forward import softmax
from headlab.model.params import Array
from headlab.notation.numbers import counted
from headlab.notation.values import brief
from headlab.notation.visible import visible

MOST_ROWS = 100  # in a notebook
WITHIN_SENTENCE = ("positions", "direct:position")  # kinds of parts: their mean and resampling need no other sentence
DISAGREE = 0.5  # ablations disagree when their changes differ by more than this share of the clean logit difference


@dataclass(frozen=True, eq=False)
class Prediction:
    """One choice in some forward passes: all logits there [run, *case, d_vocab], between the tokens target and rival."""

    logits: Array
    target: int
    rival: int

    @cached_property
    def difference(self) -> Array:
        """[run, *case]: logit(target) - logit(rival)."""
        return self.logits[..., self.target] - self.logits[..., self.rival]

    @cached_property
    def probabilities(self) -> Array:
        """[run, *case, d_vocab]: of every token."""
        with np.errstate(invalid="ignore"):
            return softmax(self.logits)

    @property
    def probability(self) -> Array:
        """[run, *case]: the target's."""
        return self.probabilities[..., self.target]

    @cached_property
    def best(self) -> NDArray[np.int64]:
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
    def change(self) -> Array:
        """[run, group, kind]: how much the logit difference moved."""
        return self.after.difference - self.before.difference

    @cached_property
    def flips(self) -> NDArray[np.bool_]:
        """[run, group, kind]: another token is now more likely than the one predicted before; a tie is no flip."""
        logits = self.after.logits
        best = np.broadcast_to(self.before.best, logits.shape[:-1])
        kept = np.take_along_axis(logits, best[..., None], axis=-1)[..., 0]
        top = logits.max(axis=-1)
        with np.errstate(invalid="ignore"):
            return np.asarray(top - kept > TIE * (1 + np.abs(top)))

    @cached_property
    def disagree(self) -> NDArray[np.bool_]:
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
        of = "" if runs == 1 else f", {counted(runs, 'run')}"
        return visible(f"Effects({', '.join(self.names[:4])}{' …' if groups > 4 else ''}: {', '.join(self.kinds)}{of})")

    def _repr_html_(self) -> str:
        table = self.table()
        left = len(table) - MOST_ROWS
        shown = table.iloc[:MOST_ROWS].to_html(index=False, float_format="{:+.3f}".format)
        return shown + (
            f"<p>… and {counted(left, 'more row')}: <code>table()</code> has them all.</p>" if left > 0 else ""
        )


def donor(subject: Subject, choice: Choice) -> int | None:
    """Return the sentence that parts are resampled from: the choice's other one, else the next; None without any."""
    row = choice.place.sequence
    if choice.other is not None and choice.other.sequence != row:
        return choice.other.sequence
    return None if subject.corpus.n_sequences == 1 else (row + 1) % subject.corpus.n_sequences


def ablate(subject: Subject, choice: Choice, parts: Sequence[Part | Mapping[str, Any] | str] | None = None) -> Effects:
    """Take parts away, each in all three ways, and return what that does to the choice.

    parts: as `find_part` takes them; by default every source position, every head where there are several, both direct
        parts, all positions. Raises `SelectionError` for a part that does not exist.
    """
    row = choice.place.sequence
    taken = parts_at(subject, choice.place) if parts is None else [find_part(subject, row, part) for part in parts]
    other = donor(subject, choice)
    cases: list[Intervention] = [
        Ablation(row, part, kind, row if other is None else other) for part in taken for kind in KINDS
    ]
    after = _predicted(subject, choice, cases, [choice.place] * len(cases))
    if other is None:  # with one sentence, mean and resampling would put back what was there
        after = _without(
            after, [kind != "zero" and part.kind not in WITHIN_SENTENCE for part in taken for kind in KINDS]
        )
    names = tuple(part.name(subject.corpus, row) for part in taken)
    before = _before(subject, choice, [choice.place])
    return Effects(choice, names, KINDS, before, _grouped(after, len(KINDS)), tuple(taken))


def patch(
    subject: Subject,
    choice: Choice,
    what: str | Sequence[str],
    layer: int | None = None,
    head: int | None = None,
    position: int | None = None,
) -> Effects:
    """Patch activations from the other sentence into this one, and the other way round; both directions, always.

    What is necessary shows when it is taken away from one side, what is sufficient when it is put into the other: a circuit
    that needs two parts (AND) is missed by one direction, one that has a spare part (OR) by the other.
    what: one or several of q, k, v, z, pattern, scores, resid; layer, head, position: by default all of them
    Kinds are `into this` (donor: the other sentence) and `into other`. Raises `SelectionError`.
    """
    chosen = [what] if isinstance(what, str) else list(what)
    wrong = [name for name in chosen if name not in PATCHES]
    if wrong or not chosen:
        raise SelectionError(
            f"what to patch must be one of {', '.join(PATCHES)}; got {brief((wrong or ['nothing'])[0])}"
        )
    here, there = choice.place, choice.other
    if there is None or there.sequence == here.sequence:
        raise SelectionError(
            "patching must have another sentence in which the same token goes on with the rival, and this corpus has none: "
            "add one"
        )
    if layer is not None or head is not None:
        layer, head = subject.layer_and_head(layer or 0, head or 0)
    lengths = subject.corpus.lengths[[here.sequence, there.sequence]]
    if not subject.model.causal and lengths[0] != lengths[1] and {"pattern", "scores"} & set(chosen):
        raise SelectionError(
            f"sentences must be of one length to patch a pattern without the causal mask, got {lengths[0]} and {lengths[1]}: "
            f"patch q, k, v or z"
        )
    if position is not None:
        position = subject.position(here.sequence, position)
        subject.position(there.sequence, position)
    cases: list[Intervention] = []
    for name in chosen:
        cases.append(Patch(here.sequence, there.sequence, name, layer, head, position))
        cases.append(Patch(there.sequence, here.sequence, name, layer, head, position))
    after = _predicted(subject, choice, cases, [here, there] * len(chosen))
    before = _before(subject, choice, [here, there])
    return Effects(choice, tuple(chosen), ("into this", "into other"), before, _grouped(after, 2))


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
    after = _predicted(subject, choice, [case], [choice.place])
    words = ", ".join(f"{place} {weight:g}" for place, weight in weights.items())
    return Effects(
        choice, (f"pattern {words}",), ("set",), _before(subject, choice, [choice.place]), _grouped(after, 1)
    )


def _predicted(subject: Subject, choice: Choice, cases: Sequence[Intervention], places: Sequence[Place]) -> Prediction:
    logits = intervene(subject, cases)[:, np.arange(len(cases)), [place.position for place in places]]
    return Prediction(logits, choice.target, choice.rival)


def _before(subject: Subject, choice: Choice, places: Sequence[Place]) -> Prediction:
    """Return the choice without intervention, [run, 1, place]: it stands beside every group of `after`."""
    logits = subject.clean.logits[:, [place.sequence for place in places], [place.position for place in places]]
    return Prediction(logits[:, None], choice.target, choice.rival)


def _grouped(predicted: Prediction, kinds: int) -> Prediction:
    logits = predicted.logits
    return Prediction(logits.reshape(len(logits), -1, kinds, logits.shape[-1]), predicted.target, predicted.rival)


def _without(predicted: Prediction, cases: Sequence[bool]) -> Prediction:
    logits = predicted.logits.copy()
    logits[:, list(cases)] = np.nan
    return Prediction(logits, predicted.target, predicted.rival)
