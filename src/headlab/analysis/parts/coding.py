"""How attention codes a dependency, as a number: does it look elsewhere, or find something else where it looks?

Two places differ in their answer. They are compared slot by slot: a slot is a position of the one and the position of the
other that answers to it, see `data.alignment`. Let D(i, j) be the logit difference with the pattern of place i and the content
(the embeddings that values and direct path read) of place j. What the places differ by falls exactly into

    D(0, 0) - D(1, 1) = pattern part + value part + direct part

    pattern part = [D(0, 0) - D(1, 0) + D(0, 1) - D(1, 1)] / 2        who is looked at changes
    value part   = the same with content exchanged, through heads      what is read there changes
    direct part  = the same, past all heads                            the current token or its position changes

For one layer the first two are  sum (A₀ - A₁)(V₀ + V₁)/2  and  sum (A₀ + A₁)/2 (V₀ - V₁)  over slots, with A the pattern's row
and V what each source position's value says about the choice. They are Shapley values of two players, pattern and content.
Source: Shapley 1953; Elhage et al. 2021 for the separation into QK and OV.

Where MLPs or norms lie between, the three parts are taken with what MLPs write left out, and with norms that divide by the mean
of what they divide by in both places, slot by slot. What that leaves of the change is the rest, a part of its own: what MLPs and
norms make of it.

A position with no counterpart can be read in its own place only: what it gives falls half to the pattern and half to the value
part. Where this and what goes through such positions is more than 1/10 of the change, the places cannot be compared, and the
parts have no shares. Of several ways to align two places each run takes the one whose positions without a counterpart give
least, of equal ones the first; of several other places the parts are the means.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from headlab.analysis.choice import Choice, Place
from headlab.analysis.parts.exact import FrozenParts, compared, exact, readout
from headlab.analysis.subject import Subject
from headlab.analysis.words import THRESHOLDS
from headlab.arrays import Array, Bool, Float, Int
from headlab.config.model import ModelConfig
from headlab.data.alignment import Alignment, alignments
from headlab.engine.parts import Parts
from headlab.model.frozen import Sizes

NONE = -1  # no position
NOTHING = 1e-9  # of a logit: a difference smaller than this has no shares
MOST_UNPAIRED = THRESHOLDS["unpaired"]  # of the change: with more of it unpaired, it has no shares


@dataclass(frozen=True, eq=False)
class Coding:
    """The parts [run] of what a choice's logit difference changes by between its place and its other places, on the mean.

    rest [run]: what MLPs and norms make of it; None in a model without
    unpaired [run]: what goes through positions with no counterpart, in logits: the sum of the sizes of what each source gives,
    in both places, along paths that start at such a position or pass one
    """

    pattern: Float[Array, " run"]
    value: Float[Array, " run"]
    direct: Float[Array, " run"]
    unpaired: Float[Array, " run"]
    rest: Float[Array, " run"] | None = None

    @property
    def total(self) -> Float[Array, " run"]:
        """[run]: the change itself."""
        total = self.pattern + self.value + self.direct
        return total if self.rest is None else total + self.rest

    @property
    def comparable(self) -> Bool[Array, " run"]:
        """[run]: at most 1/10 of the change goes through positions that have no counterpart."""
        return np.asarray(self.unpaired <= MOST_UNPAIRED * np.abs(self.total))

    def share(self, part: str) -> Float[Array, " run"]:
        """Return one part over the total, [run]; nan where the places do not differ at all, or cannot be compared."""
        total = self.total
        known = (np.abs(total) > NOTHING) & self.comparable
        return np.divide(getattr(self, part), total, out=np.full_like(total, np.nan), where=known)


def coding(subject: Subject, choice: Choice) -> Coding | None:
    """Return the coding split between a choice's place and its other places, or None where there is no other place.

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
    if not choice.others:
        return None
    here = _Reading.of(subject, choice.place, choice)
    splits = [_split(here, _Reading.of(subject, other, choice)) for other in choice.others]
    if len(splits) == 1:
        return splits[0]
    names = ["pattern", "value", "direct", "unpaired"] + ["rest"] * (splits[0].rest is not None)
    return Coding(**{name: np.mean([getattr(split, name) for split in splits], axis=0) for name in names})


@dataclass(frozen=True, eq=False)
class _Reading:
    """What is read at one place with its own pattern.

    w: the readout, of what passes all heads by; asked: the same of logits; G: what a vector at each position adds to it through
    heads; embeds: the one that is there; gives: what each source gives; direct: past all heads
    parts: what gives what, norms as they are or held at something else
    """

    subject: Subject
    place: Place
    w: Float[Array, "run d_model"]
    asked: Float[Array, " d_vocab"]
    parts: Parts | FrozenParts

    @classmethod
    def of(cls, subject: Subject, place: Place, choice: Choice) -> "_Reading":
        asked = compared(subject.corpus.n_outputs, choice.target, choice.rivals)
        parts = exact(subject)
        if isinstance(parts, FrozenParts):
            return cls(subject, place, parts.past_heads((place.sequence, place.position), asked), asked, parts)
        return cls(subject, place, readout(subject.params, choice.target, choice.rivals), asked, parts)

    def divided_by(self, sizes: Sizes) -> "_Reading":
        """Return the same with norms that divide by something else."""
        parts = FrozenParts(self.subject, sizes)
        w = parts.past_heads((self.place.sequence, self.place.position), self.asked)
        return _Reading(self.subject, self.place, w, self.asked, parts)

    @property
    def logits(self) -> Float[Array, " run"]:
        """What is read there in all."""
        return self.parts.totals((self.place.sequence, self.place.position), self.asked)

    @cached_property
    def embeds(self) -> Float[Array, "run position d_model"]:
        return self.subject.clean.in_sentence("resid_0", self.place.sequence)

    @cached_property
    def G(self) -> Float[Array, "run position d_model"]:
        return self.without(None)

    @cached_property
    def gives(self) -> Float[Array, "run position"]:
        return np.einsum("rsd,rsd->rs", self.G, self.embeds)

    @property
    def direct(self) -> Float[Array, " run"]:
        if not self.subject.model.residual:
            return np.zeros(self.subject.n_runs)
        return np.einsum("rd,rd->r", self.embeds[:, self.place.position], self.w)

    def without(self, passed: Bool[Array, "run position"] | None) -> Float[Array, "run position d_model"]:
        """Return G by the paths that are left when what heads read for some positions is lost."""
        pattern = None
        if passed is not None:
            pattern = self.subject.clean.in_sentence("pattern", self.place.sequence) * ~passed[:, None, None, :, None]
        place = self.place.sequence, self.place.position
        G: Array = self.parts.adjoints(place, self.asked, pattern)[:, 0]
        if self.subject.model.residual:
            G[:, self.place.position] -= self.w
        return G

    def through(self, unpaired: Bool[Array, "run position"]) -> Float[Array, " run"]:
        """Return [run]: the sum of the sizes of what each source gives by paths that start at some positions or pass them."""
        if not unpaired.any():
            return np.zeros(len(unpaired))
        kept = self.gives
        if self.subject.model.n_layers > 1:  # else no path passes anything on its way
            kept = np.einsum("rsd,rsd->rs", self.without(unpaired), self.embeds)
        return np.asarray(np.abs(self.gives - kept * ~unpaired).sum(axis=1))


def aligned(subject: Subject, choice: Choice, there: Place) -> tuple[list[Alignment], Int[Array, " run"]]:
    """Return the ways to align a choice's place with another, and each run's: the one whose unpaired positions give least."""
    return _aligned(_Reading.of(subject, choice.place, choice), _Reading.of(subject, there, choice))


def _aligned(here: _Reading, there: _Reading) -> tuple[list[Alignment], Int[Array, " run"]]:
    subject = here.subject
    at, other = ((side.place.sequence, side.place.position) for side in (here, there))
    ways = alignments(subject.corpus.tokens, at, other, subject.model.causal)
    if len(ways) == 1:
        return ways, np.zeros(subject.n_runs, int)
    sizes = np.abs(here.gives), np.abs(there.gives)
    lost = [
        sizes[0][:, list(way.unpaired_a)].sum(axis=1) + sizes[1][:, list(way.unpaired_b)].sum(axis=1) for way in ways
    ]
    return ways, least(np.stack(lost, axis=1))


def _split(here: _Reading, there: _Reading) -> Coding:
    subject = here.subject
    ways, which = _aligned(here, there)
    unpaired = np.zeros((2, len(ways), subject.corpus.n_ctx), bool)  # [side, way, position]
    mates, back = np.full((2, *unpaired.shape[1:]), NONE)  # [way, position here]: the position there; and back
    for number, way in enumerate(ways):
        a, b = zip(*way.pairs, strict=True)
        mates[number, list(a)] = b
        back[number, list(b)] = a
        unpaired[0, number, list(way.unpaired_a)] = True
        unpaired[1, number, list(way.unpaired_b)] = True
    mate, both = mates[which], (here, there)
    if isinstance(here.parts, FrozenParts):
        sizes = [Sizes.of(subject.model, subject.clean, side.place.sequence) for side in both]
        here = here.divided_by(_between(sizes[0], sizes[1], mate))
        there = there.divided_by(_between(sizes[1], sizes[0], back[which]))
    paired, runs = (mate != NONE)[..., None], np.arange(subject.n_runs)[:, None]
    crossed = (
        np.einsum("rsd,rsd->r", here.G, there.embeds[runs, mate] * paired),
        np.einsum("rsd,rsd->r", there.G[runs, mate] * paired, here.embeds),
    )
    own = here.gives.sum(axis=1), there.gives.sum(axis=1)
    found = Coding(
        pattern=(own[0] - crossed[1] + crossed[0] - own[1]) / 2,
        value=(own[0] - crossed[0] + crossed[1] - own[1]) / 2,
        direct=here.direct - there.direct,
        unpaired=here.through(unpaired[0, which]) + there.through(unpaired[1, which]),
    )
    if not has_rest(subject.model):
        return found
    return replace(found, rest=both[0].logits - both[1].logits - found.total)


def has_rest(model: ModelConfig) -> bool:
    """Return whether something between embeddings and logits differs from place to place that is no head: an MLP, or a norm."""
    return model.d_mlp > 0 or model.norm != "none"


def _between(mine: Sizes, theirs: Sizes, mate: Int[Array, "run position"]) -> Sizes:
    """Return by how much norms divide in one sentence, on the mean with the other's, where a position has a counterpart there."""
    at, paired = np.maximum(mate, 0), mate != NONE

    def mean(one: Array | None, other: Array | None) -> Array | None:
        if one is None or other is None:
            return None
        shape = one.shape[:-1] + at.shape[-1:]
        axes = (slice(None), *[None] * (one.ndim - 2))
        counterpart = np.take_along_axis(other, np.broadcast_to(at[axes], shape), axis=-1)
        return np.where(paired[axes], (one + counterpart) / 2, one)

    return Sizes(*(mean(getattr(mine, name), getattr(theirs, name)) for name in ("first", "second", "final")))


def least(amounts: Float[Array, "run way"]) -> Int[Array, " run"]:
    """Return the column of each row's least amount, [run], of equal ones the first."""
    return np.asarray((amounts <= amounts.min(axis=1, keepdims=True) + NOTHING).argmax(axis=1))
