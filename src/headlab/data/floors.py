"""The smallest loss that can be reached where only so much is known."""

import math
from collections import defaultdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from headlab.data.batch import Batch, Ids


def floor_of(contexts: "Ids", batch: "Batch") -> float:
    """Return the smallest mean loss Σ w·l / Σ w where only the contexts [sequence, position] are known.

        mean over positions of -ln(share of the target in its context), all by weight

    >>> from headlab.data.batch import Batch
    >>> batch = Batch([[0, 0, 1]], [[3, 2, 0]], [[1, 3, 4]], d_vocab=4)  # of token 0 a quarter goes on with 3
    >>> round(floor_of(batch.tokens, batch), 4)  # (ln 4 + 3 ln 4/3) / 8
    0.2812
    """
    where = batch.has_target
    weights: list[float] = batch.relative_weights[where].tolist()
    alone: dict[int, float] = defaultdict(float)
    together: dict[tuple[int, int], float] = defaultdict(float)
    for context, target, weight in zip(contexts[where].tolist(), batch.targets[where].tolist(), weights, strict=True):
        alone[context] += weight
        together[context, target] += weight
    terms = (-some * math.log(some / alone[context]) for (context, _), some in together.items() if some)
    return sum(terms) / sum(weights)
