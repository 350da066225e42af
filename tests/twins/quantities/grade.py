"""Whether it is solved, and how."""

from typing import Any

from twins.twin import Twin


def said(twin: Twin) -> dict[str, Any]:
    return {"solved": twin.run.solved(), "grade": twin.run.grade()}
