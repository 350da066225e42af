"""Runs as JSON, one record a run, and what they predict after a text."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from headlab.report.json.values import json_value, records

if TYPE_CHECKING:
    from headlab.analysis.looking.next_token import NextToken
    from headlab.runs.runs import Runs


def runs_json(runs: "Runs") -> dict[str, Any]:
    """Return one record a run, how many are solved (those right by a hair too) and have each grade, and how they were trained."""
    grades = grade_counts(runs.grade())
    counts = {"solved": int(runs.solved().sum()), "grades": grades}
    return {"runs": records(runs.table()), **counts, "training": runs.training.to_dict()}


def grade_counts(grades: NDArray[np.str_]) -> dict[str, int]:
    """Return how many runs have each grade that any of them has.

    >>> grade_counts(np.array(["solved", "not solved", "solved"]))
    {'not solved': 1, 'solved': 2}
    """
    names, counts = np.unique(grades, return_counts=True)
    return dict(zip(names.tolist(), counts.tolist(), strict=True))


def next_token_json(found: "NextToken") -> dict[str, Any]:
    """Return the prediction as plain JSON values: every token, and the attention [layer][head][position] (of many: its mean)."""
    layers, heads = found.attention.shape[-3:-1]
    return {
        "text": found.text,
        "words": list(found.words),
        "predicted": found.token,
        "tokens": records(found.table().reset_index()),
        "attention": json_value(found.looks().to_numpy().reshape(layers, heads, -1)),
    }
