"""Take a part away, patch it from another sentence, set it by hand: what becomes of the prediction is the proof.

Every intervention is one more sentence in one forward pass, so that many interventions on many runs cost one call.

Three ablations, always side by side because they are known to disagree: a part becomes zero; its mean over the corpus'
sentences that have the same place; what it is in another sentence (resampling). An ablated attention edge is what the head
read there, pattern[q, s] · v_s W_O, replaced; the other weights of the row stay. Position embeddings are the same in every
sentence: their mean is over positions, and they are resampled from the position before.
Source: Chan et al. 2022, Causal Scrubbing; Zhang & Nanda 2024, Towards Best Practices of Activation Patching.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from headlab.analysis.part import Part
from headlab.analysis.subject import NUMBERS_AT_A_TIME, Subject
from headlab.errors import SelectionError
from headlab.model.forward import forward
from headlab.model.params import Array
from headlab.notation.values import brief

KINDS = ("zero", "mean", "resample")
PATCHES = ("q", "k", "v", "z", "pattern", "scores", "resid")
_ACTIVATION = {
    "source": "z",
    "edge": "z",
    "head": "z",
    "token": "token_embed",
    "direct": "direct",
    "direct:token": "direct",
    "direct:position": "direct",
    "positions": "pos_embed",
}


@dataclass(frozen=True, eq=False)
class Moment:
    """Where in a forward pass an intervention is asked: the activation, its layer, and what is known there.

    before: what the same layer computed so far, all cases together; case: the number of this intervention among them;
    subject: the runs of this pass, not intervened upon; runs: which of all runs these are
    """

    name: str
    layer: int
    before: Mapping[str, Array]
    case: int
    subject: Subject
    runs: slice

    def clean(self, name: str) -> Array:
        """Return an activation of this layer without intervention, [run, (head,) sequence, ...]."""
        kept = getattr(self.subject.clean, name)
        return kept if name in ("token_embed", "pos_embed", "resid_0") else kept[:, self.layer]


class Intervention(Protocol):
    """What is done to one sentence: which activations it touches, and how it changes them in place."""

    @property
    def sequence(self) -> int: ...

    def touches(self, name: str) -> bool: ...

    def apply(self, rows: Array, moment: Moment) -> None: ...


def intervene(subject: Subject, interventions: Sequence[Intervention]) -> Array:
    """Return the logits [run, intervention, position, d_vocab] of each intervention's sentence.

    >>> from headlab.config import ModelConfig
    >>> from headlab.data.corpus import Corpus
    >>> from headlab.model.initial import initial
    >>> corpus = Corpus.notebook()
    >>> subject = Subject(initial(ModelConfig().on(corpus), np.zeros(2, np.uint64)), corpus, ModelConfig())
    >>> intervene(subject, [Ablation(0, Part("source", position=1), "zero"), Patch(0, 1, "resid")]).shape
    (2, 2, 5, 7)
    """
    logits = np.empty((subject.n_runs, len(interventions), subject.corpus.n_ctx, subject.corpus.d_vocab))
    for runs, part in subject.in_batches():
        step = max(1, NUMBERS_AT_A_TIME // (part.n_runs * part.numbers_a_sentence))
        for start in range(0, len(interventions), step):
            some = interventions[start : start + step]
            tokens = subject.corpus.tokens[[item.sequence for item in some]]
            with np.errstate(over="ignore", invalid="ignore"):
                on = forward(part.params, tokens, part.model, _edit(some, part, runs))
            logits[runs, start : start + len(some)] = on.logits
    return logits


def _edit(
    interventions: Sequence[Intervention], part: Subject, runs: slice
) -> Callable[[str, int, Array, Mapping[str, Array]], Array]:
    def edit(name: str, layer: int, activation: Array, before: Mapping[str, Array]) -> Array:
        touching = [(case, item) for case, item in enumerate(interventions) if item.touches(name)]
        if touching:
            activation = activation.copy()
        for case, item in touching:  # the case is the third axis from the end of every activation
            item.apply(activation[..., case, :, :], Moment(name, layer, before, case, part, runs))
        return activation

    return edit


@dataclass(frozen=True)
class Ablation:
    """A part replaced by zero, by its mean, or by what it is in the sentence `donor` (for `resample`)."""

    sequence: int
    part: Part
    kind: str
    donor: int = 0

    def touches(self, name: str) -> bool:
        """Return whether this activation changes."""
        return _ACTIVATION[self.part.kind] == name

    def apply(self, rows: Array, moment: Moment) -> None:
        """Replace the part in the rows [run, ..., position, width] of this sentence."""
        match self.part:
            case Part("source", position=int(key)):
                self._edges(rows, moment, key, slice(None), slice(None))
            case Part("edge", layer, head, position=int(key), query=int(query)):
                if layer in (None, moment.layer):
                    heads = slice(None) if head is None else slice(head, head + 1)
                    self._edges(rows, moment, key, slice(query, query + 1), heads)
            case Part("head", int(layer), int(head)):
                if layer == moment.layer:
                    rows[:, head] = self._replacement(moment.clean("z")[:, head], self._real(moment))
            case Part("token", token=int(token)):
                where = moment.subject.corpus.tokens[self.sequence] == token
                rows[:, where] = self._replacement(moment.clean("token_embed"), self._real(moment))[:, where]
            case Part("direct" | "direct:token" | "direct:position" as kind):
                if kind != "direct:position":
                    embeds = moment.subject.clean.token_embed
                    rows += self._replacement(embeds, self._real(moment)) - embeds[:, self.sequence]
                if kind != "direct:token":
                    embeds = moment.subject.clean.pos_embed[:, self.sequence]
                    rows += self._positions(embeds, moment) - embeds
            case Part("positions"):
                rows[:] = self._positions(rows, moment)

    def _edges(self, rows: Array, moment: Moment, key: int, queries: slice, heads: slice) -> None:
        W_O = moment.subject.params.W_O
        out = None if W_O is None else W_O[:, moment.layer, heads]
        now = _read(
            moment.before["pattern"][:, heads, moment.case, queries, key],
            moment.before["v"][:, heads, moment.case, key],
            out,
        )
        # [run, head, sequence, query, d_model]: the same edge in every sentence
        clean = _read(
            moment.clean("pattern")[:, heads, :, queries, key],
            moment.clean("v")[:, heads, :, key],
            None if out is None else out[:, :, None],
        )
        real = self._real(moment)
        there = real[:, queries] & real[:, key : key + 1]
        rows[:, heads, queries] += self._replacement(clean, there) - now

    def _positions(self, embeds: Array, moment: Moment) -> Array:
        """Return what replaces the position embeddings [run, position, d_model]."""
        result = embeds.copy()
        real = result[:, : int(moment.subject.corpus.lengths[self.sequence])]
        mean = real.mean(axis=1, keepdims=True)
        real[:] = {"zero": np.zeros(()), "mean": mean, "resample": np.roll(real, 1, axis=1)}[self.kind]
        return result

    def _replacement(self, clean: Array, there: NDArray[np.bool_]) -> Array:
        """Return what replaces a part, from its values [..., sequence, position, width] and where it exists."""
        if self.kind == "zero":
            return np.zeros_like(clean[..., 0, :, :])
        if self.kind == "resample":
            return clean[..., self.donor, :, :] * there[self.donor][:, None]
        return (clean * there[..., None]).sum(axis=-3) / np.maximum(there.sum(axis=0), 1)[:, None]

    def _real(self, moment: Moment) -> NDArray[np.bool_]:
        return moment.subject.corpus.tokens >= 0


@dataclass(frozen=True)
class Patch:
    """An activation taken from the sentence `donor`; layer, head, position None: all of them."""

    sequence: int
    donor: int
    what: str
    layer: int | None = None
    head: int | None = None
    position: int | None = None

    def touches(self, name: str) -> bool:
        """Return whether this activation changes."""
        return name == ("resid_pre" if self.what == "resid" else self.what)

    def apply(self, rows: Array, moment: Moment) -> None:
        """Put the donor's activation into the rows of this sentence, at the positions that both have."""
        if self.layer not in (None, moment.layer):
            return
        lengths = moment.subject.corpus.lengths
        at = slice(0, int(min(lengths[self.sequence], lengths[self.donor])))
        if self.position is not None:
            at = slice(self.position, self.position + 1)
        given = moment.clean(moment.name)[..., self.donor, :, :]
        if self.head is not None and self.what != "resid":
            rows, given = rows[:, self.head], given[:, self.head]
        rows[..., at, :] = given[..., at, :]


@dataclass(frozen=True, eq=False)
class SetPattern:
    """The pattern, or one row of it, set by hand: [query, key] or [run, layer, head, query, key]; query None: all rows."""

    sequence: int
    pattern: Array
    query: int | None = None
    layer: int | None = None
    head: int | None = None

    def touches(self, name: str) -> bool:
        """Return whether this activation changes."""
        return name == "pattern"

    def apply(self, rows: Array, moment: Moment) -> None:
        """Put the pattern into the rows of this sentence."""
        if self.layer not in (None, moment.layer):
            return
        given = self.pattern if self.pattern.ndim == 2 else self.pattern[moment.runs, moment.layer]
        at = slice(None) if self.query is None else slice(self.query, self.query + 1)
        if self.head is not None:
            rows = rows[:, self.head]
        rows[..., at, :] = given[..., at, :]


def pattern_row(subject: Subject, sequence: int, query: int, weights: Mapping[int | str, float]) -> Array:
    """Return a pattern with one row set from weights by position or word, the others 0; raises `SelectionError`."""
    row = np.zeros((subject.corpus.n_ctx, subject.corpus.n_ctx))
    for place, weight in weights.items():
        key = subject.position(sequence, place)
        if subject.model.causal and key > query:
            raise SelectionError(
                f"a key must be at or before its query under the causal mask, got position {key} for {query}"
            )
        if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 <= weight <= 1:
            raise SelectionError(f"a weight must be a number from 0 to 1, got {brief(weight)} for {brief(place)}")
        row[query, key] = weight
    if abs(row[query].sum() - 1) > 1e-6:
        raise SelectionError(
            f"the weights of a pattern's row must sum to 1, got {row[query].sum():g}: give all of them"
        )
    return row


def _read(pattern: Array, v: Array, W_O: Array | None) -> Array:
    # What is read across an edge: pattern[..., query] · v[..., :] W_O
    if W_O is not None:
        v = (v[..., None, :] @ W_O)[..., 0, :]
    return pattern[..., None] * v[..., None, :]
