"""What is said of a study beside its answer: which tables compare its conditions, and by which tests."""

from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    from headlab.study.answer import Answer


def comparison_tables(answer: "Answer") -> dict[str, tuple[str, pd.DataFrame]]:
    """Return the tables of every pair of conditions by name, each with its title, which says what they rest on."""
    return {
        "shares": (
            "Solved shares: Newcombe's interval, score or Fisher's exact test, Holm over all pairs",
            answer.pairs(),
        ),
        "paired": ("The same, seed by seed: BCa interval (10,000 resamples), McNemar's test", answer.paired_table()),
        "medians": (
            "Median loss of solved runs: BCa interval (10,000 resamples), Mood's median test",
            answer.medians(),
        ),
    }
