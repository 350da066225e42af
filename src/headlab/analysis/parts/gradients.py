"""The gradient of a logit difference with respect to the residual stream: what a small change there changes, patterns included.

The parts of `contributions` hold the pattern fixed and are exact for what is read; here the pattern reacts, and the gradient is
exact for small changes only. Edge attribution patching takes it times the whole change of what an edge reads.
Source: Nanda 2023, Attribution Patching; Syed, Rager & Conmy 2023, Attribution Patching Outperforms Automated Circuit Discovery.
"""

from collections.abc import Sequence

from headlab.analysis.choice import Place
from headlab.analysis.parts.exact import compared, exact
from headlab.analysis.subject import Subject
from headlab.arrays import Array, Float
from headlab.engine.parts import Parts


def gradients(
    subject: Subject, place: Place, target: int, rivals: Sequence[int]
) -> Float[Array, "run stream position d_model"]:
    """Return the gradient of logit(target) - mean over rivals of logit(rival), before each layer and after the last.

    >>> import numpy as np
    >>> from headlab.config import ModelConfig
    >>> from headlab.data.corpus import Corpus
    >>> from headlab.model.initial import initial
    >>> corpus = Corpus.notebook()
    >>> subject = Subject(initial(ModelConfig().on(corpus), np.zeros(1, np.uint64)), corpus, ModelConfig())
    >>> found, fixed = gradients(subject, Place(0, 3), 3, [6]), exact(subject).adjoints((0, 3), compared(7, 3, [6]))
    >>> np.array_equal(found[:, 1], fixed[:, 1]), np.array_equal(found[:, 0], fixed[:, 0])  # nothing reacts behind the last layer
    (True, False)
    """
    asked = compared(subject.corpus.n_outputs, target, rivals)
    subject.refuse("gradients")  # of norms and MLPs, which react, too, there are none yet
    parts = exact(subject)
    assert isinstance(parts, Parts)
    return parts.gradients((place.sequence, place.position), asked)
