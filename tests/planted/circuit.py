"""A planted circuit: its tables hidden in a rotated residual stream, with noise, as a subject that can be explained."""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from headlab import Corpus, ModelConfig, Params
from headlab.analysis.subject import Subject
from planted.tables import Tables

BIGRAM = 50.0  # logits that no head can overrule at the positions that need none
OWN = 6.0  # logits of every token for itself, in the notebook's shape: embeddings that differ enough to be told apart


@dataclass(frozen=True, eq=False)
class Circuit:
    """A corpus, and a model of it that was made by hand.

    layers: lists of heads; direct: what a token or position writes by itself, {(feature, token): logit}
    bigram: logits of what follows the current token anywhere in the corpus, so that other places are right by themselves
    in_logits: of the notebook's shape, d_model = d_vocab, without W_U and positions
    """

    corpus: Corpus
    layers: list
    direct: dict = field(default_factory=dict)
    bigram: float = 12.0
    factored: bool = False
    residual: bool = True
    causal: bool = True
    positions: bool = True
    in_logits: bool = False

    @cached_property
    def tables(self) -> Tables:
        """What was planted, in features that can be read."""
        return Tables.of(self.corpus, self.layers, self.direct, self.bigram, self.positions)

    @cached_property
    def model(self) -> ModelConfig:
        """The model's shape."""
        shape = {"n_layers": len(self.layers), "n_heads": max(map(len, self.layers)), "causal": self.causal}
        shape |= {"residual": self.residual, "positions": self.positions}
        if self.in_logits:
            return ModelConfig(d_head=self.corpus.d_vocab, **shape)
        width = self.tables.embed.shape[1]
        return ModelConfig(d_head=width, d_model=width, unembed=True, factored_values=self.factored, **shape)

    def subject(self, noise=(0.0,), seed: int = 0) -> Subject:
        """Return copies of the model, each matrix of a copy with noise of so much of its own norm, a number a copy."""
        rng = np.random.default_rng(seed)
        exact = self._in_logits() if self.in_logits else self._rotated(rng)
        noisy = {name: np.stack([_with_noise(rng, weight, share) for share in noise]) for name, weight in exact.items()}
        missing = {} if self.positions and not self.in_logits else {"W_pos": None}
        return Subject(Params(**noisy, **missing), self.corpus, self.model)

    def _rotated(self, rng):
        on, width = self.tables, self.tables.embed.shape[1]
        R = np.linalg.qr(rng.normal(size=(width, width)))[0]
        weights = {
            "W_E": on.embed @ R,
            "W_Q": R.T @ on.looks / self.model.scale,
            "W_K": np.broadcast_to(R.T, on.looks.shape),
            "W_V": R.T @ on.writes if self.factored else R.T @ on.writes @ R,
            "W_U": R.T @ on.unembed,
        }
        weights |= {"W_O": np.broadcast_to(R, on.writes.shape)} if self.factored else {}
        return weights | ({"W_pos": on.places @ R} if self.positions else {})

    def _in_logits(self):
        corpus, V = self.corpus, self.corpus.d_vocab
        W_E = self.tables.unembed[:V] + OWN * np.eye(V)
        inverse = np.linalg.inv(W_E)
        answers = slice(V + corpus.n_ctx, 2 * V + corpus.n_ctx)
        return {
            "W_E": W_E,
            "W_Q": inverse @ self.tables.looks[:, :, :V, :V] / self.model.scale,
            "W_K": np.broadcast_to(inverse, (1, 1, V, V)),
            "W_V": inverse @ self.tables.writes[:, :, :V, answers],
        }


def _with_noise(rng, weight, share):
    # A matrix is the last two axes.
    noise = rng.normal(size=weight.shape)
    size = np.linalg.norm(weight, axis=(-2, -1), keepdims=True) / np.linalg.norm(noise, axis=(-2, -1), keepdims=True)
    return weight + share * size * noise


def plant(corpus, layers, direct=None, *, noise=0.0, seed=0, n_runs=3, bigram=BIGRAM):
    """Return a subject of some noisy copies of one planted model."""
    return Circuit(corpus, layers, direct or {}, bigram).subject([noise] * n_runs, seed)
