"""How attention codes a dependency, as a number: does it look elsewhere, or find something else where it looks?

Two sentences differ in their answer. Let D(i, j) be the logit difference with the pattern of sentence i and the content
(the embeddings that values and direct path read) of sentence j. What the sentences differ by falls exactly into

    D(0, 0) - D(1, 1) = pattern part + value part + direct part

    pattern part = [D(0, 0) - D(1, 0) + D(0, 1) - D(1, 1)] / 2        who is looked at changes
    value part   = the same with content exchanged, through heads      what is read there changes
    direct part  = the same, past all heads                            the current token or its position changes

For one layer the first two are  sum (A₀ - A₁)(V₀ + V₁)/2  and  sum (A₀ + A₁)/2 (V₀ - V₁), with A the pattern's row and V what
each source position's value says about the choice. They are Shapley values of two players, pattern and content.
Source: Shapley 1953; Elhage et al. 2021 for the separation into QK and OV.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from headlab.analysis.choice import Choice, Place
from headlab.analysis.parts.contributions import adjoints, readout
from headlab.analysis.subject import Subject
from headlab.arrays import Array, Float

NOTHING = 1e-9  # of a logit: a difference smaller than this has no shares


@dataclass(frozen=True, eq=False)
class Coding:
    """The parts [run] of what a choice's logit difference changes by between two places."""

    pattern: Float[Array, " run"]
    value: Float[Array, " run"]
    direct: Float[Array, " run"]

    @property
    def total(self) -> Float[Array, " run"]:
        """[run]: the change itself."""
        return self.pattern + self.value + self.direct

    def share(self, part: str) -> Float[Array, " run"]:
        """Return one part over the total, [run]; nan where the places do not differ at all."""
        total = self.total
        known = np.abs(total) > NOTHING
        return np.divide(getattr(self, part), total, out=np.full_like(total, np.nan), where=known)


def coding(subject: Subject, choice: Choice) -> Coding | None:
    """Return the coding split between a choice's place and its other place, or None where there is no other place.

    >>> from headlab.analysis.choice import Place
    >>> from headlab.config import ModelConfig
    >>> from headlab.data.corpus import Corpus
    >>> from headlab.model.initial import initial
    >>> corpus = Corpus.notebook()
    >>> subject = Subject(initial(ModelConfig().on(corpus), np.zeros(1, np.uint64)), corpus, ModelConfig())
    >>> split = coding(subject, Choice(Place(0, 3), 3, (6,), (Place(1, 3),)))
    >>> logits = subject.clean.logits[0, :, 3]
    >>> bool(abs(split.total[0] - ((logits[0, 3] - logits[0, 6]) - (logits[1, 3] - logits[1, 6]))) < 1e-12)
    True
    """
    if choice.other is None:
        return None
    each = [_between(subject, choice, other) for other in choice.others]
    return Coding(
        *(np.mean([getattr(split, name) for split in each], axis=0) for name in ("pattern", "value", "direct"))
    )


def _between(subject: Subject, choice: Choice, other: Place) -> Coding:
    places = (choice.place, other)
    parts = {
        (i, j): recombined_difference(subject, places[i], places[j], choice.target, choice.rivals)
        for i, j in np.ndindex(2, 2)
    }
    heads = {key: through for key, (_, through) in parts.items()}
    return Coding(
        pattern=(heads[0, 0] - heads[1, 0] + heads[0, 1] - heads[1, 1]) / 2,
        value=(heads[0, 0] - heads[0, 1] + heads[1, 0] - heads[1, 1]) / 2,
        direct=parts[0, 0][0] - parts[1, 1][0],
    )


def recombined_difference(
    subject: Subject, pattern_of: Place, content_of: Place, target: int, rivals: Sequence[int]
) -> tuple[Float[Array, " run"], Float[Array, " run"]]:
    """Return D with the pattern of one place and the embeddings of another, in two parts.

    Returns (direct [run], through heads [run]): past all heads from the content's own position, and through heads.
    """
    w = readout(subject.params, target, rivals)
    pattern = subject.clean.pattern[:, :, :, pattern_of.sequence]
    real = subject.corpus.tokens[content_of.sequence] >= 0
    embeds = subject.clean.resid_0[:, content_of.sequence] * real[:, None]
    direct = np.zeros(subject.n_runs)
    G = adjoints(subject, pattern, w, pattern_of.position)[0]
    if subject.model.residual:
        G = G.copy()
        G[:, pattern_of.position] -= w
        direct = np.einsum("rd,rd->r", embeds[:, content_of.position], w)
    return direct, np.einsum("rsd,rsd->r", G, embeds)
