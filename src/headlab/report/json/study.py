"""A study's answer as JSON, and every pair of its conditions."""

from typing import TYPE_CHECKING, Any

from headlab.report.json.values import records
from headlab.report.words.study import comparison_tables

if TYPE_CHECKING:
    from headlab.study.answer import Answer


def comparison_json(summary: "Answer") -> dict[str, Any]:
    """Return every comparison as plain JSON values."""
    return {name: records(frame) for name, (_, frame) in comparison_tables(summary).items()}


def study_json(summary: "Answer") -> dict[str, Any]:
    """Return a study's answer as plain JSON values."""
    return {
        "factor": summary.factor,
        "conditions": records(summary.table().reset_index()),
        "census": records(summary.census()),
        "pairs": records(summary.pairs()),
        "trend": None if summary.trend is None else vars(summary.trend),
        "sentences": summary.sentences(),
        "how_sure": summary.how_sure(),
    }
