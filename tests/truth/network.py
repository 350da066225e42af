"""The model once more, by hand in float64: no line is shared with `headlab.model` or `headlab.analysis`.

Every head's output is a sum over what it reads from each key; interventions are factors on these reads, scores that are
forbidden, and vectors that are added to what a head, or the direct path, writes.
"""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass
class Edit:
    """What is done to one sentence; every field broadcasts over what it leaves out.

    keep: a factor on what is read [layer, head, query, key]; forbid: keys that no score reaches [layer, head, query, key]
    add: added to what a head writes [run, layer, head, query, d_model]; direct: to the last stream [run, query, d_model]
    token, position: instead of the embeddings [run, position, d_model]
    """

    keep: Array | None = None
    forbid: NDArray[np.bool_] | None = None
    add: Array | None = None
    direct: Array | None = None
    token: Array | None = None
    position: Array | None = None


@dataclass
class Pass:
    """What was computed, [run, case, ...].

    A [run, layer, head, case, query, key]; reads [run, layer, head, case, query, key, d_model]; logits; token, position: the
    embeddings [run, case, position, d_model]
    """

    A: Array
    reads: Array
    logits: Array
    token: Array
    position: Array

    @cached_property
    def heads(self) -> Array:
        """What each head writes [run, layer, head, case, query, d_model]."""
        return self.reads.sum(axis=-2)


@dataclass
class Network:
    """The weights of some runs [run, ...] and what the model's flags say of them."""

    weights: dict[str, Array]
    n_layers: int
    n_heads: int
    d_head: int
    causal: bool
    residual: bool
    through: Array = field(init=False)

    def __post_init__(self) -> None:
        W = self.weights
        V = W["W_V"]
        self.through = V if "W_O" not in W else np.einsum("rlhdv,rlhve->rlhde", V, W["W_O"])

    @property
    def n_runs(self) -> int:
        return len(self.weights["W_E"])

    def visible(self, tokens: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which key each query sees [case, query, key]."""
        T = tokens.shape[1]
        seen = (tokens >= 0)[:, None, :] & (tokens >= 0)[:, :, None]
        return seen & (np.arange(T)[None, :] <= np.arange(T)[:, None]) if self.causal else seen

    def embeds(self, tokens: NDArray[np.int64]) -> tuple[Array, Array]:
        """Token and position embeddings [run, case, position, d_model]."""
        W_E = self.weights["W_E"]
        token = W_E[:, np.where(tokens < 0, 0, tokens)]
        if "W_pos" not in self.weights:
            return token, np.zeros_like(token)
        return token, np.repeat(self.weights["W_pos"][:, None, : tokens.shape[1]], len(tokens), axis=1)

    def __call__(self, tokens: NDArray[np.int64], edits: list[Edit] | None = None) -> Pass:
        """Pass sentences [case, position] through, each with its edit."""
        token, position = self.embeds(tokens)
        token, position = token.copy(), position.copy()
        edits = edits or [Edit() for _ in tokens]
        for case, edit in enumerate(edits):
            if edit.token is not None:
                token[:, case] = edit.token
            if edit.position is not None:
                position[:, case] = edit.position
        stream, seen = token + position, self.visible(tokens)
        patterns, reads = [], []
        for layer in range(self.n_layers):
            q = np.einsum("rctd,rhde->rhcte", stream, self.weights["W_Q"][:, layer])
            k = np.einsum("rctd,rhde->rhcte", stream, self.weights["W_K"][:, layer])
            allowed = np.broadcast_to(seen, (self.n_heads, *seen.shape)).copy()
            for case, edit in enumerate(edits):
                if edit.forbid is not None:
                    allowed[:, case] &= ~edit.forbid[layer]
            A = shares(np.einsum("rhcqe,rhcke->rhcqk", q, k) / np.sqrt(self.d_head), allowed)
            v = np.einsum("rctd,rhde->rhcte", stream, self.through[:, layer])
            read = A[..., None] * v[:, :, :, None]
            patterns.append(A)
            reads.append(read)
            factor = A
            if any(edit.keep is not None for edit in edits):
                factor = A.copy()
                for case, edit in enumerate(edits):
                    if edit.keep is not None:
                        factor[:, :, case] *= edit.keep[layer]
            out = np.einsum("rhcqk,rhckd->rcqd", factor, v)
            for case, edit in enumerate(edits):
                if edit.add is not None:
                    out[:, case] += edit.add[:, layer].sum(axis=1)
            stream = stream + out if self.residual else out
        for case, edit in enumerate(edits):
            if edit.direct is not None and self.residual:
                stream[:, case] += edit.direct
        W_U = self.weights.get("W_U")
        logits = stream if W_U is None else np.einsum("rctd,rdv->rctv", stream, W_U)
        return Pass(np.stack(patterns, 1), np.stack(reads, 1), logits, token, position)


def shares(scores: Array, allowed: NDArray[np.bool_]) -> Array:
    """Softmax over the keys that are allowed; a row with none is zero."""
    out = np.zeros_like(scores)
    with np.errstate(invalid="ignore", over="ignore"):
        top = np.where(allowed, scores, -np.inf).max(axis=-1, keepdims=True)
        top = np.where(np.isfinite(top), top, 0)
        e = np.exp(np.where(allowed, scores - top, -np.inf))
        total = e.sum(axis=-1, keepdims=True)
        np.divide(e, total, out=out, where=total > 0)
    return out


def probabilities(logits: Array) -> Array:
    """Softmax over the last axis."""
    e = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)
