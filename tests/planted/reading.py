"""What an own forward pass on the tables of a circuit shows at the places of its truth."""

import numpy as np

from planted.oracle import Cut, Oracle

TIE = 1e-9


class Reading:
    """What the oracle sees at every place of a truth."""

    def __init__(self, truth):
        self.truth, self.circuit, self.corpus = truth, truth.circuit, truth.circuit.corpus
        self.oracle = Oracle(truth.circuit)
        self.places = truth.located()

    def id(self, token):
        return self.corpus.vocabulary.index(token)

    def alternatives(self, row, position):
        """Return every target of the token at a place, anywhere in the corpus."""
        tokens, targets = self.corpus.tokens, self.corpus.targets
        return sorted(set(targets[(tokens == tokens[row, position]) & (targets >= 0)].tolist()))

    def weights(self, at):
        """Return what logit(answer) - mean logit(rivals) weighs tokens with."""
        weights = np.zeros(self.corpus.d_vocab)
        weights[self.id(at.answer)] += 1
        rivals = at.rival.split("=")
        for rival in rivals:
            weights[self.id(rival)] -= 1 / len(rivals)
        return weights

    def after(self, at, row, position, part, how):
        """Return the logits without a part, of the donors after which the answer leads least; none of what cannot be tried."""
        kind = type(part)
        if how == "mask" and kind is not int:
            return []
        single = self.corpus.n_sequences == 1
        if how == "mean" and single and part not in ("position", "positions"):
            return []
        if how != "resample" or part in ("position", "positions"):
            return [self.oracle.forward(row, Cut(part, how)).logits[position]]
        donors = self.truth.against(at, row, position)
        found = [
            self.oracle.forward(row, Cut(part, how, donor, tuple(pairs.items()))).logits[position]
            for donor, pairs in donors
        ]
        worst = min(lead(logits, self.id(at.answer)) for logits in found)
        return [logits for logits in found if lead(logits, self.id(at.answer)) <= worst + TIE]


def lead(logits, target):
    return logits[target] - np.delete(logits, target).max()


def softmax(logits):
    raised = np.exp(logits - logits.max())
    return raised / raised.sum()


def winners(logits, corpus):
    return {corpus.vocabulary[token] for token in np.nonzero(logits >= logits.max() - TIE)[0]}
