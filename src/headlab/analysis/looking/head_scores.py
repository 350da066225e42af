"""What kind of head it is, by the field's scores: each from 0 to 1 (copying: from -1), averaged over the corpus.

A score is a mean over the queries for which it is defined; nan where there is none (no earlier token to look at, no
repeated token). Rows of padding never count.
"""

from collections.abc import Callable

import numpy as np
import pandas as pd

from headlab.analysis.subject import Subject
from headlab.arrays import Array, Bool, Float, Int
from headlab.config.model import ModelConfig
from headlab.model.decompose import of_finite
from headlab.model.matrices import token_circuit
from headlab.model.params import Params

Places = tuple[Bool[Array, "sequence position position"], Bool[Array, "sequence position"]]


def previous(tokens: Int[Array, "sequence position"]) -> Places:
    """Return the position before, for all queries but the first."""
    n = tokens.shape[1]
    return np.broadcast_to(np.eye(n, k=-1, dtype=bool), (len(tokens), n, n)), _after_the_first(tokens)


def current(tokens: Int[Array, "sequence position"]) -> Places:
    """Return the query's own position, for all queries but the first, which under the causal mask sees nothing else."""
    n = tokens.shape[1]
    return np.broadcast_to(np.eye(n, dtype=bool), (len(tokens), n, n)), _after_the_first(tokens)


def first(tokens: Int[Array, "sequence position"]) -> Places:
    """Return position 0, for all queries but the first."""
    n = tokens.shape[1]
    return np.broadcast_to(np.arange(n) == 0, (len(tokens), n, n)), _after_the_first(tokens)


def prefix(tokens: Int[Array, "sequence position"]) -> Places:
    """Return the positions right after every earlier occurrence of the query's token, for queries that have one.

    >>> where, queries = prefix(np.array([[5, 7, 5, 7]]))
    >>> where[0, 3].astype(int).tolist(), queries[0].astype(int).tolist()
    ([0, 0, 1, 0], [0, 0, 1, 1])
    """
    n = tokens.shape[1]
    same = (tokens[:, :, None] == tokens[:, None, :]) & (tokens >= 0)[:, None, :] & np.tri(n, k=-1, dtype=bool)
    where = np.zeros_like(same)
    where[:, :, 1:] = same[:, :, :-1]
    where &= np.tri(n, dtype=bool)  # the token after it may be the query's own position, never a later one
    return where, same.any(axis=2)


# What a head of a kind looks at, as [sequence, query, key], and the queries [sequence, query] that have such places.
KINDS: dict[str, Callable[[Int[Array, "sequence position"]], Places]] = {
    "previous_token": previous,
    "current_token": current,
    "first_token": first,
    "prefix_matching": prefix,
}


def previous_token(
    pattern: Float[Array, "*run sequence position position"], tokens: Int[Array, "sequence position"]
) -> Float[Array, "*run"]:
    """Return the mean attention to the position before, over all queries but the first, [...].

    pattern: [..., sequence, query, key]; tokens: [sequence, position], -1 is padding

    >>> float(previous_token(np.eye(4, k=-1)[None], np.array([[0, 1, 2, 3]])))
    1.0
    """
    return _mean_attention(pattern, *previous(tokens))


def current_token(
    pattern: Float[Array, "*run sequence position position"], tokens: Int[Array, "sequence position"]
) -> Float[Array, "*run"]:
    """Return the mean attention to the position itself, over all queries but the first, [...].

    The first query has nowhere else to look under the causal mask.
    """
    return _mean_attention(pattern, *current(tokens))


def first_token(
    pattern: Float[Array, "*run sequence position position"], tokens: Int[Array, "sequence position"]
) -> Float[Array, "*run"]:
    """Return the mean attention to position 0, over all queries but the first, [...]."""
    return _mean_attention(pattern, *first(tokens))


def prefix_matching(
    pattern: Float[Array, "*run sequence position position"], tokens: Int[Array, "sequence position"]
) -> Float[Array, "*run"]:
    """Return the mean attention to tokens that came right after an earlier occurrence of the current token, [...].

    Over the queries whose token was there before; an induction head scores 1. The key is the position after the earlier
    occurrence, not that occurrence itself; every earlier occurrence counts, not the last alone.
    Source: Olsson et al. 2022, In-context Learning and Induction Heads.

    >>> tokens = np.array([[5, 7, 5]])
    >>> pattern = np.zeros((1, 3, 3)); pattern[0, 2, 1] = 1.0  # from the second 5 to the 7 that followed the first
    >>> float(prefix_matching(pattern, tokens))
    1.0
    """
    return _mean_attention(pattern, *prefix(tokens))


def copying(params: Params, model: ModelConfig) -> Float[Array, "*run layer head"]:
    """Return how much a head raises the token it reads, from -1 to 1, [*run, layer, head].

        sum of eigenvalues / sum of their absolute values,   of   W_E W_V W_O W_U   [d_vocab, d_vocab]

    1: every eigenvalue is positive, what is read is written again; 0: nothing of the kind, also for a head that writes
    nothing; -1: what is read is suppressed; not a number for weights that are not finite, and where logits are not the tokens'.
    Norms count by their gains (`token_circuit`).
    Source: Elhage et al. 2021, A Mathematical Framework for Transformer Circuits (summarising OV/QK matrices).
    """
    with np.errstate(over="ignore", invalid="ignore"):  # diverged runs hold whatever they diverged to
        if (factors := token_circuit(params, model)) is None:
            return np.full((*params.run_shape, model.n_layers, model.n_heads), np.nan)
        first, last = factors
        # The product in the other order has the same eigenvalues but for zeros: thousands of words cost no more than d_model.
        full = last @ first if first.shape[-1] < first.shape[-2] else first @ last
    values = of_finite(np.linalg.eigvals, full)
    size = np.abs(values).sum(axis=-1)
    nothing = np.where(np.isfinite(size), 0.0, np.nan)
    return np.divide(values.sum(axis=-1).real, size, out=nothing, where=size > 1e-12)


def head_scores(subject: Subject) -> pd.DataFrame:
    """Return one row a run, layer and head with all scores on the corpus.

    >>> from headlab.config import ModelConfig
    >>> from headlab.data.corpus import Corpus
    >>> from headlab.model.initial import initial
    >>> corpus = Corpus.notebook()
    >>> subject = Subject(initial(ModelConfig().on(corpus), np.zeros(2, np.uint64)), corpus, ModelConfig())
    >>> list(head_scores(subject).columns)[3:]
    ['previous_token', 'current_token', 'first_token', 'prefix_matching', 'copying']
    """
    pattern, tokens = subject.clean.pattern, subject.corpus.tokens
    scores = {
        "previous_token": previous_token(pattern, tokens),
        "current_token": current_token(pattern, tokens),
        "first_token": first_token(pattern, tokens),
        "prefix_matching": prefix_matching(pattern, tokens),
        "copying": copying(subject.params, subject.model),
    }
    index = np.indices(pattern.shape[:3]).reshape(3, -1)
    places = dict(zip(("run", "layer", "head"), index, strict=True))
    return pd.DataFrame(places | {name: values.ravel() for name, values in scores.items()})


def _after_the_first(tokens: Int[Array, "sequence position"]) -> Bool[Array, "sequence position"]:
    return np.asarray((tokens >= 0) & (np.arange(tokens.shape[1]) > 0))


def _mean_attention(
    pattern: Float[Array, "*run sequence position position"],
    where: Bool[Array, "sequence position position"],
    queries: Bool[Array, "sequence position"],
) -> Float[Array, "*run"]:
    """Return the attention inside `where` [sequence, query, key], averaged over `queries` [sequence, query]."""
    if not queries.any():
        return np.full(pattern.shape[:-3], np.nan)
    return np.asarray((pattern * where).sum(axis=-1)[..., queries].mean(axis=-1))
