"""A study's answer as JSON, and every pair of its conditions."""

from typing import TYPE_CHECKING, Any

from headlab.report.json.values import records
from headlab.report.words.study import comparison_tables

if TYPE_CHECKING:
    from headlab.study.answer import Answer


def comparison_json(answer: "Answer") -> dict[str, Any]:
    """Return every comparison as plain JSON values."""
    return {name: records(frame) for name, (_, frame) in comparison_tables(answer).items()}


def study_json(answer: "Answer") -> dict[str, Any]:
    """Return a study's answer as plain JSON values."""
    return {
        "factor": answer.factor,
        "conditions": records(answer.table().reset_index()),
        "census": records(answer.census()),
        "minimal": records(answer.minimal()),
        "pairs": records(answer.pairs()),
        "trend": None if answer.trend is None else vars(answer.trend),
        "sentences": answer.sentences(),
        "how_sure": answer.how_sure(),
    }
