"""Do something in the middle of a forward pass: what becomes of the prediction is the proof.

Every intervention is one more sentence in one forward pass, so that many interventions on many runs cost one call.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from headlab.analysis.subject import NUMBERS_AT_A_TIME, Subject
from headlab.arrays import Array, Float
from headlab.model.forward import forward


@dataclass(frozen=True, eq=False)
class Moment:
    """Where in a forward pass an intervention is asked: the activation, its layer, and what is known there.

    before: what the same layer computed so far, all cases together; case: the number of this intervention among them;
    subject: the runs of this pass, not intervened upon; runs: which of all runs these are
    """

    name: str
    layer: int
    before: Mapping[str, Float[Array, "..."]]
    case: int
    subject: Subject
    runs: slice

    def clean(self, name: str) -> Float[Array, "run ... position width"]:
        """Return an activation of this layer without intervention, [run, (head,) sequence, ...]."""
        kept = getattr(self.subject.clean, name)
        return kept if name in ("token_embed", "pos_embed", "resid_0") else kept[:, self.layer]


class Intervention(Protocol):
    """What is done to one sentence: which activations it touches, and how it changes them in place."""

    @property
    def sequence(self) -> int: ...

    def touches(self, name: str) -> bool: ...

    def apply(self, rows: Float[Array, "run ... position width"], moment: Moment) -> None: ...


def intervene(
    subject: Subject, interventions: Sequence[Intervention]
) -> Float[Array, "run intervention position d_vocab"]:
    """Return the logits [run, intervention, position, d_vocab] of each intervention's sentence.

    >>> from headlab.analysis.part import Part
    >>> from headlab.analysis.trials.ablation import Ablation
    >>> from headlab.config import ModelConfig
    >>> from headlab.data.corpus import Corpus
    >>> from headlab.model.initial import initial
    >>> corpus = Corpus.notebook()
    >>> subject = Subject(initial(ModelConfig().on(corpus), np.zeros(2, np.uint64)), corpus, ModelConfig())
    >>> intervene(subject, [Ablation(0, Part("source", position=1), "zero")]).shape
    (2, 1, 5, 7)
    """
    logits = np.empty((subject.n_runs, len(interventions), subject.corpus.n_ctx, subject.corpus.d_vocab))
    for runs, batch in subject.in_batches():
        step = max(1, NUMBERS_AT_A_TIME // (batch.n_runs * batch.numbers_a_sentence))
        for start in range(0, len(interventions), step):
            some = interventions[start : start + step]
            tokens = subject.corpus.tokens[[item.sequence for item in some]]
            with np.errstate(over="ignore", invalid="ignore"):
                on = forward(batch.params, tokens, batch.model, _edit(some, batch, runs))
            logits[runs, start : start + len(some)] = on.logits
    return logits


def _edit(
    interventions: Sequence[Intervention], batch: Subject, runs: slice
) -> Callable[[str, int, Array, Mapping[str, Array]], Array]:
    def edit(name: str, layer: int, activation: Array, before: Mapping[str, Array]) -> Array:
        touching = [(case, item) for case, item in enumerate(interventions) if item.touches(name)]
        if touching:
            activation = activation.copy()
        for case, item in touching:  # the case is the third axis from the end of every activation
            item.apply(activation[..., case, :, :], Moment(name, layer, before, case, batch, runs))
        return activation

    return edit
