"""What a planted model computes, and what becomes of it without a part, from its tables alone.

No code is shared with the analysis: loops over heads, queries and keys, in features that can be read.
"""

from dataclasses import dataclass

import numpy as np

ABLATIONS = ("zero", "mean", "resample", "mask")


@dataclass(frozen=True)
class Cut:
    """A part that is taken away: a source's position, a head as (layer, head), "token", "position" or "positions".

    how: one of ABLATIONS; donor, pairs: for resample, a sentence, and which of its positions stands for which one here
    """

    part: object
    how: str
    donor: int | None = None
    pairs: tuple = ()


@dataclass
class Pass:
    """A forward pass: pattern [layer][head, query, key], reads [layer][head, query, key, feature], z [layer][head, query]."""

    tokens: np.ndarray
    places: np.ndarray
    pattern: list
    reads: list
    z: list
    logits: np.ndarray


class Oracle:
    """A circuit's own forward pass."""

    def __init__(self, circuit):
        self.circuit, self.on, self.corpus = circuit, circuit.tables, circuit.corpus
        self.clean = [self.forward(row) for row in range(self.corpus.n_sequences)]

    def forward(self, row, cut=None, frozen=None, only=None):
        """Return a sentence's forward pass.

        cut: a part that is taken away; frozen: patterns to go by; only: the source whose embedding alone is there
        """
        on, circuit = self.on, self.circuit
        ids = self.corpus.tokens[row]
        ids = ids[ids >= 0]
        n = len(ids)
        tokens, places = on.embed[ids], on.places[:n]
        if cut and cut.part == "positions":
            places = self._places(places, cut)
        x = tokens + places
        if only is not None:
            x = x * (np.arange(n) == only)[:, None]
        x0, kept = x, Pass(tokens, places, [], [], [], np.zeros(0))
        seen = np.tri(n, dtype=bool) if circuit.causal else np.ones((n, n), bool)
        if cut and cut.how == "mask":
            seen = seen & (np.arange(n) != cut.part)
        for layer in range(len(on.looks)):
            pattern = _softmax(x @ on.looks[layer] @ x.T, seen) if frozen is None else frozen[layer]
            reads = pattern[..., None] * (x @ on.writes[layer])[:, None]  # [head, query, key, feature]
            if cut and type(cut.part) is int and cut.how != "mask":
                reads[:, :, cut.part] = self._edge(cut, layer, n)
            z = reads.sum(axis=2)
            if cut and type(cut.part) is tuple and cut.part[0] == layer:
                z[cut.part[1]] = self._replaced(cut, [kept.z[layer][cut.part[1]] for kept in self._all()], n)
            kept.pattern.append(pattern)
            kept.reads.append(reads)
            kept.z.append(z)
            x = z.sum(axis=0) + (x if circuit.residual else 0)
        if cut and cut.part == "token":
            x = x - tokens + self._replaced(cut, [kept.tokens for kept in self._all()], n)
        if cut and cut.part == "position":
            x = x - places + self._places(places, cut)
        kept.logits = x @ on.unembed
        if only is not None and circuit.residual:  # what goes through heads
            kept.logits = kept.logits - x0 @ on.unembed
        return kept

    def gives(self, row, position, weights):
        """Return what every part gives to a weighted sum of logits [token]: sources by position, "token", "position"."""
        clean = self.clean[row]
        found = {
            source: float(self.forward(row, frozen=clean.pattern, only=source).logits[position] @ weights)
            for source in range(len(clean.logits))
        }
        if self.circuit.residual:
            found["token"] = float(clean.tokens[position] @ self.on.unembed @ weights)
            found["position"] = float(clean.places[position] @ self.on.unembed @ weights)
        return found

    def _all(self):
        return self.clean

    def _edge(self, cut, layer, n):
        """Return what replaces all that is read from one source, [head, query, feature]."""
        shape = (self.on.looks.shape[1], n, self.on.embed.shape[1])
        result = np.zeros(shape)
        for query in range(n):
            if cut.how == "mean":
                there = [
                    kept.reads[layer][:, query, cut.part]
                    for kept in self.clean
                    if max(query, cut.part) < len(kept.logits)
                ]
                result[:, query] = np.mean(there, axis=0)
            if cut.how == "resample":
                pairs = dict(cut.pairs)
                if query in pairs and cut.part in pairs:
                    result[:, query] = self.clean[cut.donor].reads[layer][:, pairs[query], pairs[cut.part]]
        return result

    def _replaced(self, cut, every, n):
        """Return what replaces rows [position, feature], of which `every` holds each sentence's."""
        result = np.zeros((n, self.on.embed.shape[1]))
        for position in range(n):
            if cut.how == "mean":
                result[position] = np.mean([rows[position] for rows in every if position < len(rows)], axis=0)
            if cut.how == "resample" and position in dict(cut.pairs):
                result[position] = every[cut.donor][dict(cut.pairs)[position]]
        return result

    def _places(self, places, cut):
        mean = np.broadcast_to(places.mean(axis=0), places.shape)
        return {"zero": 0 * places, "mean": mean, "resample": np.roll(places, 1, axis=0)}[cut.how]


def _softmax(scores, seen):
    shifted = np.where(seen, scores, -np.inf)
    top = shifted.max(axis=-1, keepdims=True)
    raised = np.exp(shifted - np.where(np.isfinite(top), top, 0))
    return raised / np.maximum(raised.sum(axis=-1, keepdims=True), 1e-300)
