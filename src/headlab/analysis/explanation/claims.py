"""What attribution alone claims about an edge or a source, before anybody intervenes; tests hold the claims against ablation.

With the pattern of later layers held fixed, ablating edges moves the logit difference D by what they would contribute then
less what they contribute now. An edge is claimed

    necessary    when D becomes negative in all three ablations: the rival must then win over the target
    irrelevant   when none of the three moves D by 10 % of itself

For edges of the last layer the claim is exact; for earlier ones later patterns may react, which is what the test is for.
"""

from dataclasses import dataclass

import numpy as np

from headlab.analysis.choice import Choice, donor_sentence
from headlab.analysis.parts.contributions import edge_contributions
from headlab.analysis.subject import Subject
from headlab.arrays import Array, Float, Shaped

SMALL = 0.1  # of the logit difference
NECESSARY, IRRELEVANT, BETWEEN = "necessary", "irrelevant", "between"


@dataclass(frozen=True, eq=False)
class Claims:
    """Claims about the edges of one choice.

    contribution [run, layer, head, query, key]: what each edge adds to the logit difference
    change [kind, run, layer, head, query, key]: by how much each ablation would move it, kinds as in KINDS
    total [run]: the logit difference
    """

    contribution: Float[Array, "run layer head query key"]
    change: Float[Array, "kind run layer head query key"]
    total: Float[Array, " run"]

    def edges(self) -> Shaped[Array, "run layer head query key"]:
        """Return the claim about every edge, [run, layer, head, query, key]."""
        return necessity(self.change, self.total[:, None, None, None, None])

    def sources(self) -> Shaped[Array, "run key"]:
        """Return the claim about every source position, all its edges together, [run, key]."""
        return necessity(self.change.sum(axis=(2, 3, 4)), self.total[:, None])


def necessity(change: Float[Array, " kind *axes"], total: Float[Array, "#*axes"]) -> Shaped[Array, "*axes"]:
    """Return `necessary`, `irrelevant` or `between` from the changes [kind, ...] of a logit difference.

    >>> necessity(np.array([[-3.0], [-2.5], [-5.0]]), np.array([2.0])).tolist()
    ['necessary']
    """
    tried = np.isfinite(change)
    lost = np.where(tried, total + change < 0, True).all(axis=0) & (total > 0)
    still = np.where(tried, np.abs(change) < SMALL * np.abs(total), True).all(axis=0)
    return np.select([lost, still], [NECESSARY, IRRELEVANT], BETWEEN)


def claims(subject: Subject, choice: Choice) -> Claims:
    """Return what attribution claims about the edges of one choice."""
    row, other = choice.place.sequence, donor_sentence(subject, choice)
    every = edge_contributions(subject, choice.place, choice.target, choice.rivals)
    real = subject.corpus.tokens >= 0
    there = real[:, :, None] & real[:, None, :]
    own = every[:, :, :, row]
    if other is None:
        nothing = np.full_like(own, np.nan)
        change = np.stack([-own, nothing, nothing])
    else:
        mean = (every * there).sum(axis=3) / np.maximum(there.sum(axis=0), 1)
        # Where the sentence itself has no such edge there is nothing to replace.
        change = np.stack([-own, mean - own, every[:, :, :, other] - own]) * there[row]
    logits = subject.clean.logits[:, row, choice.place.position]
    return Claims(own, change, logits[:, choice.target] - logits[:, list(choice.rivals)].mean(axis=1))
