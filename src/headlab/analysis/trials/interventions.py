"""Do something in the middle of a forward pass: what becomes of the prediction is the proof.

Every intervention says which changes it makes (`model.interventions`); the kernel makes those of all runs in one call.
"""

from collections.abc import Sequence
from typing import Protocol

from headlab.analysis.subject import Subject
from headlab.arrays import Array, Float
from headlab.engine.look import Look
from headlab.model.interventions import Case, Change


class Intervention(Protocol):
    """What is done to one sentence, as changes while a model computes."""

    @property
    def sequence(self) -> int: ...

    def changes(self, subject: Subject) -> tuple[Change, ...]: ...


def intervene(
    subject: Subject, interventions: Sequence[Intervention], places: Sequence[int] | None = None
) -> Float[Array, "run intervention ..."]:
    """Return the logits of each intervention's sentence at its place [run, intervention, d_vocab].

    places: a position each; without them [run, intervention, position, d_vocab], all of them

    >>> import numpy as np
    >>> from headlab.analysis.part import Part
    >>> from headlab.analysis.trials.ablation import Ablation
    >>> from headlab.config import ModelConfig
    >>> from headlab.data.corpus import Corpus
    >>> from headlab.model.initial import initial
    >>> corpus = Corpus.notebook()
    >>> subject = Subject(initial(ModelConfig().on(corpus), np.zeros(2, np.uint64)), corpus, ModelConfig())
    >>> intervene(subject, [Ablation(0, Part("source", position=1), "zero")], [3]).shape
    (2, 1, 7)
    """
    at = [None] * len(interventions) if places is None else [int(place) for place in places]
    cases = [Case(item.sequence, item.changes(subject), place) for item, place in zip(interventions, at, strict=True)]
    return look_at(subject).logits(cases)


def look_at(subject: Subject) -> Look:
    """Return what the models of a subject compute when something is changed on the way."""
    return Look(subject.corpus.batch, subject.model.on(subject.corpus), subject.flat)
