"""Parts of a model as frames have them: a part's fields, its name in a list, and its spelling; the page makes none of them up.

    {"kind": "head", "layer": 0, "head": 1, "position": null, "query": null, "token": null,
     "name": "head 0.1", "spelling": "head:0.1"}

The spelling is null where a part cannot be taken away by itself. A path through heads (`kind` is "path") has none.
"""

from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any

from headlab.analysis.part import Part
from headlab.analysis.trials.model_parts import find_part, parts_at
from headlab.analysis.trials.spelling import spelling
from headlab.errors import SelectionError
from headlab.model.paths import mlp_layer

if TYPE_CHECKING:
    from headlab.analysis.choice import Choice
    from headlab.analysis.parts.contributions import Contributions
    from headlab.analysis.subject import Subject
    from headlab.model.paths import Path

PART_FIELDS = [field.name for field in fields(Part)]
PAST_HEADS = (Part("direct:token"), Part("direct:position"))


def part_values(subject: "Subject", part: Part, sequence: int) -> dict[str, Any]:
    """Return a part as a frame has it."""
    try:
        spelled = spelling(find_part(subject, sequence, part))
    except SelectionError:
        spelled = None
    return {**asdict(part), "name": part.label(subject.corpus, sequence), "spelling": spelled}


def listed_parts(subject: "Subject", choice: "Choice", found: "Contributions", way: str) -> list[dict[str, Any]]:
    """Return the parts that a choice's numbers are of, in their order: what passes the heads by, then by source, head or path.

    Of the sources only those that the place sees.
    """
    sequence = choice.place.sequence
    others = [Part("biases") if (at := mlp_layer(name)) is None else Part("mlp", at) for name in found.written]
    past = [part_values(subject, part, sequence) for part in (*PAST_HEADS, *others)]
    if way == "path":
        return past + [_path_values(path) for path in found.paths if path]
    if way == "head":
        parts = [Part("head", layer, head) for layer, head in found.by_last_head]
    else:
        parts = [part for part in parts_at(subject, choice.place) if part.kind == "source"]
    return past + [part_values(subject, part, sequence) for part in parts]


def _path_values(path: "Path") -> dict[str, Any]:
    name = " → ".join(f"{layer}.{head}" for layer, head in path)
    return {**dict.fromkeys(PART_FIELDS), "kind": "path", "name": name, "spelling": None}
