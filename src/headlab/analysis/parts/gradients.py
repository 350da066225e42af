"""The gradient of a logit difference with respect to the residual stream: what a small change there changes, patterns included.

`contributions.adjoints` hold the pattern fixed and are exact for what is read; here the pattern reacts, and the gradient is
exact for small changes only. Edge attribution patching takes it times the whole change of what an edge reads.
Source: Nanda 2023, Attribution Patching; Syed, Rager & Conmy 2023, Attribution Patching Outperforms Automated Circuit Discovery.
"""

import numpy as np

from headlab.analysis.choice import Place
from headlab.analysis.subject import Subject
from headlab.arrays import Array, Float


def gradients(
    subject: Subject, place: Place, w: Float[Array, "run d_model"]
) -> list[Float[Array, "run position d_model"]]:
    """Return the gradient of resid · w at a place, [run, position, d_model] before each layer and after the last.

    w: [run, d_model], as `contributions.readout` has it

    >>> from headlab.analysis.parts.contributions import adjoints
    >>> from headlab.config import ModelConfig
    >>> from headlab.data.corpus import Corpus
    >>> from headlab.model.initial import initial
    >>> corpus = Corpus.notebook()
    >>> subject = Subject(initial(ModelConfig().on(corpus), np.zeros(1, np.uint64)), corpus, ModelConfig())
    >>> found = gradients(subject, Place(0, 3), np.ones((1, 7)))
    >>> fixed = adjoints(subject, subject.clean.pattern[:, :, :, 0], np.ones((1, 7)), 3)
    >>> np.array_equal(found[1], fixed[1]), np.array_equal(found[0], fixed[0])  # nothing reacts behind the last layer
    (True, False)
    """
    params, on, row = subject.params, subject.clean, place.sequence
    G = np.zeros((subject.n_runs, subject.corpus.n_ctx, w.shape[-1]))
    G[:, place.position] = w
    found: list[Array] = [G]
    for layer in reversed(range(subject.model.n_layers)):
        q, k, v, pattern = (getattr(on, name)[:, layer, :, row] for name in ("q", "k", "v", "pattern"))
        to_z = G[:, None]
        if params.W_O is not None:
            to_z = to_z @ _turned(params.W_O[:, layer])
        to_pattern = to_z @ _turned(v)
        to_scores = pattern * (to_pattern - (pattern * to_pattern).sum(axis=-1, keepdims=True)) * subject.model.scale
        back = (
            to_scores @ k @ _turned(params.W_Q[:, layer])
            + _turned(to_scores) @ q @ _turned(params.W_K[:, layer])
            + _turned(pattern) @ to_z @ _turned(params.W_V[:, layer])
        ).sum(axis=1)
        G = G + back if subject.model.residual else back
        found.append(G)
    return found[::-1]


def _turned(matrices: Array) -> Array:
    return np.swapaxes(matrices, -1, -2)
