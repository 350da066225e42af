"""What gives what in the models of a subject, exactly, by the kernel: what is asked, in its terms."""

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from headlab.arrays import Array, Float
from headlab.engine.parts import Parts

if TYPE_CHECKING:
    from headlab.analysis.subject import Subject

FEW = 8  # sequences, whose activations are all handed over; of more only what is asked about


def exact(subject: "Subject") -> Parts:
    """Return the parts of all models of a subject, patterns as they are."""
    on, corpus = subject.clean, subject.corpus
    asked = corpus.batch, subject.model.on(corpus), subject.flat
    if corpus.n_sequences <= FEW:
        return Parts(*asked, on.pattern, on.z)
    return Parts(*asked, patterns_in=partial(on.in_sentence, "pattern"))


def compared(d_vocab: int, target: int, rivals: Sequence[int]) -> Float[Array, " d_vocab"]:
    """Return how much each token's logit counts in logit(target) - mean over rivals of logit(rival).

    >>> compared(4, 1, [2, 3]).tolist()
    [0.0, 1.0, -0.5, -0.5]
    """
    readout = np.zeros(d_vocab)
    readout[target] += 1
    readout[list(rivals)] -= 1 / len(rivals)
    return readout
