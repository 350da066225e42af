"""The notebook's experiment once more, written out in NumPy: nothing of headlab is in it.

One layer, one head, no W_O and no W_U: logits = x + pattern (x W_V) for x = W_E[token] + W_pos, with the notebook's loss
(softmax cross-entropy, the mean over all places), its gradient by hand, plain SGD, and Keras 2's ReduceLROnPlateau (factor
0.2, patience 10, not below 0.0001, improved by 0.0001) in all steps but the first and the last 10. Every number is of the
type of the weights.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Arrays = dict[str, NDArray[Any]]
STEPS, EDGE, RATE = 5020, 10, 0.01


def train(
    weights: Arrays, tokens: NDArray[Any], targets: NDArray[Any], steps: int = STEPS
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return loss and learning rate before each update, [run, step], from weights with a leading run axis."""
    w = {name: array.copy() for name, array in weights.items()}
    kind = w["W_E"].dtype.type
    runs, d_vocab = w["W_E"].shape[:2]
    one_hot, hit = np.eye(d_vocab, dtype=kind)[tokens], np.eye(d_vocab, dtype=kind)[targets]
    future = np.triu(np.full((tokens.shape[1],) * 2, -np.inf, kind), 1)
    root = kind(np.sqrt(w["W_Q"].shape[-1]))
    rate, best, wait = np.full(runs, RATE, kind), np.full(runs, np.inf), np.zeros(runs, int)
    losses, rates = np.empty((runs, steps), kind), np.empty((runs, steps), kind)
    for step in range(steps):
        # forward; axes r run, s sentence, q query, k key, d and v width of the vocabulary, h of the head
        x = np.einsum("sqv,rvd->rsqd", one_hot, w["W_E"]) + w["W_pos"][:, None]
        q, k, v = (x @ w[name][:, None] for name in ("W_Q", "W_K", "W_V"))
        scores = q @ k.swapaxes(-1, -2) / root + future
        pattern = np.exp(scores - scores.max(axis=-1, keepdims=True))
        pattern /= pattern.sum(axis=-1, keepdims=True)
        logits = x + pattern @ v
        logits = logits - logits.max(axis=-1, keepdims=True)
        probs = np.exp(logits)
        normalizer = probs.sum(axis=-1, keepdims=True)
        losses[:, step] = (np.log(normalizer) - (logits * hit).sum(axis=-1, keepdims=True)).mean(axis=(1, 2, 3))
        rates[:, step] = rate
        # backward
        d_logits = (probs / normalizer - hit) / kind(targets.size)
        d_pattern = d_logits @ v.swapaxes(-1, -2)
        d_scores = pattern * (d_pattern - (pattern * d_pattern).sum(axis=-1, keepdims=True)) / root
        d_q, d_k, d_v = d_scores @ k, d_scores.swapaxes(-1, -2) @ q, pattern.swapaxes(-1, -2) @ d_logits
        d_x = d_logits.copy()
        gradient = {}
        for name, d in (("W_Q", d_q), ("W_K", d_k), ("W_V", d_v)):
            gradient[name] = (x.swapaxes(-1, -2) @ d).sum(axis=1)
            d_x += d @ w[name].swapaxes(-1, -2)[:, None]
        gradient["W_E"] = np.einsum("sqv,rsqd->rvd", one_hot, d_x)
        gradient["W_pos"] = d_x.sum(axis=1)
        for name, d in gradient.items():
            w[name] -= rate.reshape(-1, *[1] * (d.ndim - 1)) * d
        # the plateau, in Python's own numbers as Keras has it
        if EDGE <= step < steps - EDGE:
            loss = losses[:, step].astype(float)
            improved = loss < best - 0.0001
            best, wait = np.where(improved, loss, best), np.where(improved, 0, wait + 1)
            due = (wait >= 10) & (rate > kind(0.0001))
            rate = np.where(due, np.maximum(rate * kind(0.2), kind(0.0001)), rate)
            wait[due] = 0
    return losses, rates
