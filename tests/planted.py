"""Models with a mechanism planted by hand, as tables of scores and writes, hidden in a rotated residual stream."""

from dataclasses import dataclass, field

import numpy as np

from headlab import Corpus, ModelConfig, Params
from headlab.analysis.subject import Subject

STRONG, LOOK = 8.0, 9.0  # logits; scores
BIGRAM = 50.0  # logits that no head can overrule at the positions that need none


@dataclass
class Head:
    """A head by what it does: scores[query, key] and writes[source, logit], rows and columns named by token or position.

    moves: write the token that is read into a scratch space; reads: write logits from what stands there
    """

    scores: dict = field(default_factory=dict)
    writes: dict = field(default_factory=dict)
    moves: float = 0.0
    reads: dict = field(default_factory=dict)


def plant(corpus, layers, direct=None, *, noise=0.0, seed=0, n_runs=3, factored=False):
    """Return a subject of some noisy copies of one planted model.

    layers: lists of heads; direct: what a token or position writes by itself, {(feature, token): logit}; all tokens with
    one successor get it right by themselves.
    """
    rng = np.random.default_rng(seed)
    V, T = corpus.d_vocab, corpus.n_ctx
    F = V + T  # residual stream: token | position | out | scratch
    d = F + 2 * V
    out, scratch = slice(F, F + V), slice(F + V, d)
    n_heads = max(map(len, layers))
    QK, OV = (np.zeros((len(layers), n_heads, d, d)) for _ in range(2))
    for layer, heads in enumerate(layers):
        for number, head in enumerate(heads):
            for (query, key), score in head.scores.items():
                QK[layer, number, at(corpus, query), at(corpus, key)] += score
            for (source, token), logit in head.writes.items():
                OV[layer, number, at(corpus, source), F + at(corpus, token)] += logit
            for (token, answer), logit in head.reads.items():
                OV[layer, number, F + V + at(corpus, token), F + at(corpus, answer)] += logit
            OV[layer, number, :V, scratch] += head.moves * np.eye(V)
    W_U = np.zeros((d, V))
    W_U[out] = np.eye(V)
    W_U[:V] = bigram_logits(corpus)
    for (feature, token), logit in (direct or {}).items():
        W_U[at(corpus, feature), at(corpus, token)] += logit
    embed = np.eye(d)
    R = np.linalg.qr(rng.normal(size=(d, d)))[0]
    model = ModelConfig(
        d_head=d, n_heads=n_heads, n_layers=len(layers), d_model=d, unembed=True, factored_values=factored
    )
    weights = {
        "W_E": embed[:V] @ R,
        "W_pos": embed[V:F] @ R,
        "W_Q": R.T @ QK / model.scale,
        "W_K": np.broadcast_to(R.T, QK.shape),
        "W_V": R.T @ OV @ R,
        "W_U": R.T @ W_U,
    }
    if factored:
        weights |= {"W_V": R.T @ OV, "W_O": np.broadcast_to(R, OV.shape)}
    noisy = {name: w + noise * rng.normal(size=(n_runs, *w.shape)) for name, w in weights.items()}
    return Subject(Params(**noisy), corpus, model)


def plant_in_logits(corpus, scores, writes, *, noise=0.0, seed=0, n_runs=3):
    """Return a subject of the notebook's shape without positions: one head, d_model = d_vocab, no W_U."""
    rng = np.random.default_rng(seed)
    V = corpus.d_vocab
    W_E = bigram_logits(corpus) + np.eye(V)
    inverse = np.linalg.inv(W_E)
    S, W = np.zeros((V, V)), np.zeros((V, V))
    for (query, key), score in scores.items():
        S[at(corpus, query), at(corpus, key)] = score
    for (source, token), logit in writes.items():
        W[at(corpus, source), at(corpus, token)] = logit
    model = ModelConfig(d_head=V, positions=False)
    weights = {
        "W_E": W_E,
        "W_Q": (inverse @ S / model.scale)[None, None],
        "W_K": inverse[None, None],
        "W_V": (inverse @ W)[None, None],
    }
    noisy = {name: w + noise * rng.normal(size=(n_runs, *w.shape)) for name, w in weights.items()}
    return Subject(Params(W_pos=None, **noisy), corpus, model)


def at(corpus, feature):
    """Return the row of a token, or of a position given as a number, in the residual stream."""
    return corpus.d_vocab + feature if isinstance(feature, int) else corpus.vocabulary.index(feature)


def bigram_logits(corpus):
    """Return [token, next token]: BIGRAM for every token that follows it."""
    return BIGRAM * (corpus.association().to_numpy() > 0)


NOTEBOOK = Corpus.notebook()
ANIMALS = Corpus.from_text("cat likes the fish\ndog likes the bone\nbird likes the seed")
LONG = Corpus.from_text("ann who went to the old town bought some tea\nbob who went to the old town bought some jam")
TWICE = Corpus.from_text("x go x stop")
