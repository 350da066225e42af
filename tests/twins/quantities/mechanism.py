"""The word for what a run does, and what it means; a sentence where there is nothing to explain."""

from typing import Any

from twins.twin import Twin


def said(twin: Twin) -> dict[str, Any]:
    explanation = twin.explanation
    if explanation is None:
        return {"nothing": twin.twins.explanations}
    return {"mechanism": explanation.mechanism, "meaning": explanation.meaning}
