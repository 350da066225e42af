"""What the right answers to the quantities of a homework are, at the first word and at the first dependency."""

from typing import Any

from headlab.homework.assignment.measure import measure
from headlab.homework.assignment.quantities import PARAMETERS, Quantity
from twins.twin import Twin


def asked(twin: Twin) -> list[dict[str, Any]]:
    """Return the quantities, places as positions: those of the run, and at each place the same ones in the same order."""
    subject = twin.run.subject
    names = ("loss", "grade", "mechanism", "copies_most")
    found: list[dict[str, Any]] = [*({"name": name} for name in names), {"name": "copies_most", "layer": 0}]
    places = {(0, min(1, len(subject.corpus.sentences[0]) - 1)): None}
    places |= {(item.sequence, item.position): None for item in subject.dependencies[:1]}
    for sequence, position in places:
        place = {"sentence": sequence + 1, "word": position}
        before = max(0, position - 1)
        found += [
            {"name": "predicted", **place},
            {"name": "probability", **place},
            {"name": "probability", **place, "of": subject.corpus.vocabulary[0]},
            {"name": "weight", **place, "on": before},
            {"name": "looks_most", **place},
            {"name": "looks_most", **place, "layer": 0, "head": subject.model.n_heads - 1},
            {"name": "gives_most", **place},
            {"name": "coding", **place},
        ]
        for ablation in PARAMETERS["ablation"]["options"]:
            found.append({"name": "flips", **place, "part": f"source:{before}", "ablation": ablation})
    return found


def said(twin: Twin) -> list[dict[str, Any]]:
    runs, answers = twin.run.runs, []
    for given in asked(twin):
        found = measure(Quantity.of(given), runs)[0]
        answers.append({"quantity": given, "values": list(found.values), "shown": found.shown})
    return answers
