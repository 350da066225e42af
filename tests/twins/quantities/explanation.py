"""The whole explanation, every record with its clauses and numbers; nothing where there is nothing to explain."""

from typing import Any

from twins.twin import Twin


def said(twin: Twin) -> dict[str, Any] | None:
    return None if twin.explanation is None else twin.explanation.to_dict() | {"run": twin.number}
