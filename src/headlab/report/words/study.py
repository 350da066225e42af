"""What is said of a study beside its answer: which tables compare its conditions, and by which tests."""

from typing import TYPE_CHECKING

import pandas as pd

from headlab.notation.numbers import percent

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


def minimal_table(answer: "Answer") -> pd.DataFrame:
    """Return how many explanations the runs of each condition have, as text; no rows where that is not kept."""
    table = answer.minimal()
    label = "" if answer.factor == "condition" else f"{answer.factor} "
    rows = [
        {
            "runs": str(row["runs"]),
            "exactly one": f"{percent(row['share'])} [{100 * row['low']:.0f}, {100 * row['high']:.0f}]",
            "median": f"{row['median']:g}",
            "most": str(row["most"]),
        }
        for row in table.to_dict("records")
    ]
    names = [f"{label}{value}, {kind}" for value, kind in zip(table[answer.factor], table["ablation"], strict=True)]
    return pd.DataFrame(rows, index=names)
