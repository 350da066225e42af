"""What becomes of a run's first choice: parts taken away in every way, activations patched, a row of the pattern by hand."""

from typing import Any

from headlab.analysis.bound_choice import BoundChoice
from headlab.analysis.part import Part
from headlab.analysis.trials.effects import Effects
from headlab.errors import SelectionError
from twins.twin import Twin

PATCHES = ("q", "k", "v", "z", "pattern", "scores", "resid")


def said(twin: Twin) -> dict[str, Any] | None:
    subject = twin.run.subject
    if not subject.dependencies:
        return None
    choice = twin.run.choice()
    place = choice.place
    last, keys = subject.model.n_layers - 1, range(place.position + 1)
    edges = [Part("edge", layer, 0, key, place.position) for layer in {0, last} for key in keys[:2]]
    token = Part("token", token=int(subject.corpus.tokens[place.sequence, place.position]))
    row = {key: 1 / len(keys) for key in keys}
    return {
        "parts": effects(choice.ablate()),
        "others": effects(choice.ablate(token, *edges, Part("edge", position=0, query=place.position))),
        "patches": patches(choice),
        "row": effects(choice.set_pattern(row, layer=last)),
    }


def patches(choice: BoundChoice) -> Any:
    """Return what patches did, or why there are none."""
    try:
        at = effects(choice.patch("v", layer=0, head=0, at=choice.place.position))
        return [effects(choice.patch(PATCHES)), at]
    except SelectionError as error:
        return str(error)


def effects(found: Effects) -> dict[str, Any]:
    """Return what interventions did to the one run."""
    return {
        "names": found.names,
        "kinds": found.kinds,
        "before": [found.before.difference[0, 0], found.before.probability[0, 0]],
        "difference": found.after.difference[0],
        "probability": found.after.probability[0],
        "moves": found.moves[0],
        "flips": found.flips[0],
        "nothing": found.changes_nothing[0],
        "disagree": found.disagree[0],
    }
