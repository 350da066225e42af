"""Where heads look and what they write, as tables in words; of few heads and tokens."""

from typing import Any

import numpy as np

from headlab.analysis.looking.circuits import circuits
from twins.twin import Twin

MOST_HEADS = 2


def said(twin: Twin) -> list[dict[str, Any]]:
    subject = twin.run.subject
    layers, heads = subject.model.n_layers, subject.model.n_heads
    some = list(np.ndindex(layers, heads))[-MOST_HEADS:]
    return [{name: told(table) for name, table in circuits(subject, *at).tables().items()} for at in some]


def told(table: Any) -> dict[str, Any]:
    names = {"rows": list(map(str, table.index)), "columns": list(map(str, table.columns))}
    return names | {"values": table.to_numpy()[:, :4]}
