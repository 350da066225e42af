"""What attribution foretells of a run's first choice, and what ablation says of the same edges and sources."""

from typing import Any

from headlab.analysis.explanation.claims import claims, verdicts
from headlab.analysis.part import Part
from twins.twin import Twin


def said(twin: Twin) -> dict[str, Any] | None:
    subject = twin.run.subject
    if not subject.dependencies:
        return None
    choice = twin.run.choice()
    keys = range(choice.place.position + 1)
    layers = sorted({0, subject.model.n_layers - 1})
    edges = [Part("edge", layer, 0, key, choice.place.position) for layer in layers for key in keys]
    parts = [*(Part("source", position=key) for key in keys), *edges]
    foretold = claims(subject, choice.choice, parts)
    return {
        "difference": foretold.after.difference[0],
        "probability": foretold.after.probability[0],
        "claims": verdicts(foretold)[0],
        "verdicts": verdicts(choice.ablate(*parts))[0],
    }
