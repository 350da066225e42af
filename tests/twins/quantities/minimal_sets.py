"""The minimal sets of a run's first dependencies, in words, too; of models of several layers, those of few runs."""

from typing import Any

from headlab.analysis.minimal.minimal_sets import minimal_sets
from headlab.report.words.minimal import set_lines
from twins.twin import Twin

MOST = 2  # dependencies


def said(twin: Twin) -> dict[str, Any] | None:
    subject = twin.run.subject
    if not subject.dependencies or (twin.number and subject.model.n_layers > 1):
        return None
    found = minimal_sets(subject, ["run"], subject.dependencies[:MOST])
    return {"rows": [shown(row) for row in found.to_list()], "lines": list(set_lines(found, "everything"))}


def shown(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row without the name of its run, and how many sets it has in words."""
    return {name: value for name, value in row.items() if name != "run"} | {"in_words": len(row["in_words"])}
