"""What gives what to every choice, and how it is coded."""

from typing import Any

import numpy as np

from headlab.analysis.choice import choices
from headlab.analysis.parts.coding import Coding, coding
from headlab.analysis.parts.contributions import contributions, path_name
from headlab.analysis.parts.mechanism import mechanism_at
from twins.twin import Twin

CODED = ("pattern", "value", "direct")


def said(twin: Twin) -> list[dict[str, Any]] | None:
    subject = twin.run.subject
    if not subject.dependencies:
        return None
    rows = []
    for choice in choices(subject):
        found = contributions(subject, choice.place, choice.target, choice.rivals)
        mechanism, share = mechanism_at(subject, choice)
        rows.append(
            {
                "paths": list(map(path_name, found.paths)),
                "total": found.total[0],
                "direct": found.direct[0],
                "positional": found.positional[0],
                "by_source": found.by_source[0],
                "by_path": found.by_path[0],
                "by_last_head": [[*head, gives[0]] for head, gives in found.by_last_head.items()],
                "coding": split_of(coding(subject, choice)),
                "mechanism": str(mechanism[0]),
                "shared": bool(np.isfinite(share[0])),
            }
        )
    return rows


def split_of(split: Coding | None) -> dict[str, Any] | None:
    if split is None:
        return None
    parts = {name: getattr(split, name)[0] for name in (*CODED, "unpaired", "total", "comparable")}
    return parts | {f"{name}_share": split.share(name)[0] for name in CODED}
