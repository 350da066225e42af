"""Does attention explain? Put other patterns in the place of the trained one and see whether the prediction cares.

If a uniform pattern, a permuted one, or one trained from another seed predicts the same, then the attention map is no
explanation of the prediction; if it does not, the map matters, and its variance over seeds says how unique it is.
Sources: Jain & Wallace 2019, Attention is not Explanation (permutation, total variation distance); Wiegreffe & Pinter 2019,
Attention is not not Explanation (uniform weights, weights frozen from another model, variance over seeds).
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from headlab.analysis.choice import Choice
from headlab.analysis.subject import Subject
from headlab.analysis.trials.interventions import intervene
from headlab.analysis.trials.pattern_by_hand import SetPattern
from headlab.arrays import Array, Bool, Float
from headlab.engine.activations import softmax
from headlab.model.forward import allowed

N_PERMUTATIONS = 20


def battery(
    subject: Subject, choices: Sequence[Choice], *, permutations: int = N_PERMUTATIONS, seed: int = 0
) -> pd.DataFrame:
    """Return a row a run, choice and test: `uniform`, `permuted` (median of some), `other run` (the next one's pattern).

    difference_before, difference_after: the logit difference; distance: total variation distance of the predicted
    distributions, 0 to 1; flips: the share of patterns that change the prediction (0 or 1 where there is one pattern)
    With one run, `other run` is left out.
    """
    rng = np.random.default_rng(seed)
    tables = []
    for choice in choices:
        at = choice.place
        mask = allowed(subject.corpus.tokens[[at.sequence]], subject.model.causal)[0]
        tests = {"uniform": [_uniform(mask)]}
        tests["permuted"] = [_permuted(_own(subject, at.sequence), mask, rng) for _ in range(permutations)]
        if subject.n_runs > 1:
            tests["other run"] = [np.roll(_own(subject, at.sequence), -1, axis=0)]
        cases = [SetPattern(at.sequence, pattern) for patterns in tests.values() for pattern in patterns]
        after = intervene(subject, cases, [at.position] * len(cases))
        before = subject.clean.logits[:, at.sequence, at.position]
        start = 0
        for name, patterns in tests.items():
            tables.append(_test(name, choice, before, after[:, start : start + len(patterns)]))
            start += len(patterns)
    return pd.concat(tables, ignore_index=True)


def pattern_variance(subject: Subject) -> list[pd.DataFrame]:
    """Return the standard deviation of every attention weight over runs, one table a sentence, heads averaged.

    From 0 (the same in every run) to 0.5 (all or nothing, in half of the runs each).
    """
    spread = subject.clean.pattern[subject.finite].std(axis=0).mean(axis=(0, 1))
    rows = [subject.corpus.position_words(number) for number in range(subject.corpus.n_sequences)]
    return [pd.DataFrame(spread[n, : len(names), : len(names)], names, names) for n, names in enumerate(rows)]


def _own(subject: Subject, sequence: int) -> Float[Array, "run layer head query key"]:
    return subject.clean.pattern[:, :, :, sequence]


def _uniform(mask: Bool[Array, "query key"]) -> Float[Array, "query key"]:
    return mask / np.maximum(mask.sum(axis=-1, keepdims=True), 1)


def _permuted(
    pattern: Float[Array, "run layer head query key"], mask: Bool[Array, "query key"], rng: np.random.Generator
) -> Float[Array, "run layer head query key"]:
    # One order of the keys for all runs and heads, drawn for each query among the keys it may look at.
    result = pattern.copy()
    for query, keys in enumerate(mask):
        places = np.nonzero(keys)[0]
        result[..., query, places] = pattern[..., query, rng.permutation(places)]
    return result


def _test(
    name: str, choice: Choice, before: Float[Array, "run d_vocab"], after: Float[Array, "run pattern d_vocab"]
) -> pd.DataFrame:
    distance = np.abs(softmax(after) - softmax(before)[:, None]).sum(axis=-1) / 2
    target, rivals = choice.target, list(choice.rivals)
    return pd.DataFrame(
        {
            "run": np.arange(len(before)),
            "sequence": choice.place.sequence,
            "position": choice.place.position,
            "test": name,
            "difference_before": before[:, target] - before[:, rivals].mean(axis=1),
            "difference_after": np.median(after[..., target] - after[..., rivals].mean(axis=-1), axis=1),
            "distance": np.median(distance, axis=1),
            "flips": (after.argmax(axis=-1) != before.argmax(axis=-1)[:, None]).mean(axis=1),
        }
    )
