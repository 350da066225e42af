"""The evidence about one choice as plain lists, a row a run: what records are read from, a thousand times without NumPy."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from headlab.arrays import Array

if TYPE_CHECKING:
    from headlab.analysis.explanation.evidence import Evidence
    from headlab.analysis.parts.eye import EyeRecord

Rows = list[Any]


@dataclass(frozen=True, eq=False)
class Columns:
    """One list a quantity, [run] and what it is of, made when it is asked for; see `Evidence` and `Record` for what each is."""

    evidence: "Evidence"

    def named(self, run: int, tokens: Iterable[int]) -> tuple[str, ...]:
        """Return tokens by their words, in an order that the vocabulary's does not decide."""
        subject = self.evidence.subject
        return tuple(subject.corpus.vocabulary[token] for token in subject.in_order(run, tokens))

    @cached_property
    def numbers(self) -> dict[str, Rows]:
        """[run] each: what a record holds once."""
        found, here, there = self.evidence, self.evidence.here, self.evidence.there
        given, subject = found.contributions, found.subject
        unknown = np.full(subject.n_runs, np.nan)
        best = here.best
        arrays: dict[str, Array] = {
            "predicted_probability": np.take_along_axis(here.probabilities, best[:, None], axis=1)[:, 0],
            "probability": here.probability,
            "other_probability": unknown if there is None else there.probability,
            "difference": here.difference,
            "other_difference": unknown if there is None else there.difference,
            "lead": found.lead,
            "other_lead": found.other_lead,
            "same": found.same,
            "little": found.little,
            "direct": given.direct,
            "positional": given.positional,
            "remainder": given.remainder,
            "mechanism": found.mechanism,
            "loss": subject.mean_loss,
            "finite": subject.finite,
        }
        return {name: values.tolist() for name, values in arrays.items()}

    @cached_property
    def best(self) -> Rows:
        """[run]: the most likely token."""
        return self.evidence.here.best.tolist()

    @cached_property
    def first(self) -> Rows:
        """[run]: all tokens that are the most likely ones."""
        return _which(self.evidence.here.winners)

    @cached_property
    def runners_up(self) -> Rows:
        """[run]: the strongest tokens but the target."""
        return _which(self.evidence.runners_up)

    @cached_property
    def right_there(self) -> Rows:
        """[run]: what is right at the hardest other place."""
        return _which(self.evidence.right_there)

    @cached_property
    def bigram_floor(self) -> float:
        """The corpus' bigram floor."""
        return self.evidence.subject.corpus.bigram_floor()

    @cached_property
    def attention(self) -> Rows:
        """[run][layer][head][position]: the weights at the place, of the positions that its sentence has."""
        place, corpus = self.evidence.choice.place, self.evidence.subject.corpus
        return self.evidence.attention[..., : len(corpus.sentences[place.sequence])].tolist()

    @cached_property
    def by_source(self) -> Rows:
        """[run][position]: what comes from each source position through any head."""
        return self.evidence.contributions.by_source.tolist()

    @cached_property
    def claims(self) -> Rows:
        """[run][position]: what attribution claims of each source position."""
        return self.evidence.source_claims.tolist()

    @cached_property
    def after(self) -> Rows:
        """[run][part][kind]: the logit difference after each ablation."""
        return self.evidence.ablations.after.difference.tolist()

    @cached_property
    def flips(self) -> Rows:
        """[run][part]: the kinds of ablation that change the prediction."""
        return _which(self.evidence.ablations.flips)

    @cached_property
    def changed(self) -> Rows:
        """[run][part]: the kinds of ablation after which the most likely tokens are not those before."""
        return _which(self.evidence.ablations.predicts_otherwise)

    @cached_property
    def winner(self) -> Rows:
        """[run][part][kind]: the most likely token after each ablation, the first of several."""
        return self.evidence.ablations.winners.argmax(axis=-1).tolist()

    @cached_property
    def tied(self) -> Rows:
        """[run][part]: the kinds of ablation after which several tokens are the most likely ones."""
        return _which(self.evidence.ablations.winners.sum(axis=-1) > 1)

    @cached_property
    def findings(self) -> Rows:
        """[run][part]: what ablation says of each part."""
        return self.evidence.findings.tolist()

    @cached_property
    def disagree(self) -> Rows:
        """[run][part]: whether its ablations disagree."""
        return self.evidence.ablations.disagree.tolist()

    @cached_property
    def coding(self) -> dict[str, Rows] | None:
        """[run] each: the coding split and its shares; None without an other place."""
        split = self.evidence.coding
        if split is None:
            return None
        found = {name: getattr(split, name).tolist() for name in ("pattern", "value", "direct", "total")}
        return found | {f"{name}_share": split.share(name).tolist() for name in ("pattern", "value", "direct")}

    @cached_property
    def eye(self) -> "list[EyeRecord | None]":
        """[run]: what draws the eye."""
        found = self.evidence.eye
        return [None if found is None else found.of(run) for run in range(self.evidence.subject.n_runs)]

    @cached_property
    def patches(self) -> list[dict[str, Any]]:
        """A row a patch and direction: what it was, and [run] each what became of the choice."""
        effects = self.evidence.patches
        if effects is None:
            return []
        return [
            {
                "what": what,
                "direction": direction,
                "before": effects.before.difference[:, 0, way].tolist(),
                "after": effects.after.difference[:, number, way].tolist(),
                "flips": effects.flips[:, number, way].tolist(),
                "predicts": _which(effects.winners[:, number, way]),
            }
            for number, what in enumerate(effects.names)
            for way, direction in enumerate(effects.kinds)
        ]


def _which(there: Array) -> Rows:
    """Return the numbers that are there along the last axis, as lists.

    >>> _which(np.array([[True, False, True], [False, False, False]]))
    [[0, 2], []]
    """
    rows: Rows = [[] for _ in range(int(np.prod(there.shape[:-1])))]
    for row, number in zip(*(at.tolist() for at in np.nonzero(there.reshape(len(rows), -1))), strict=True):
        rows[row].append(number)
    for size in reversed(there.shape[1:-1]):
        rows = [rows[start : start + size] for start in range(0, len(rows), size)]
    return rows
