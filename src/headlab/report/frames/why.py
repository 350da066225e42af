"""Why a run predicts what it predicts, as a frame: its explanation, and what each part gives at every kept moment."""

from typing import TYPE_CHECKING, Any

import numpy as np

from headlab.analysis.choice import choices
from headlab.analysis.explanation.evidence import Evidence
from headlab.analysis.words import PHRASES
from headlab.errors import SelectionError
from headlab.report.frames.parts import listed_parts
from headlab.report.frames.wire import Frame
from headlab.report.words import explanation as words

if TYPE_CHECKING:
    from headlab.report.frames.recording import Recording
    from headlab.runs.runs import Run

MOST_DEPENDENCIES, MOST_PATHS = 8, 40


def why_frame(recording: "Recording") -> Frame:
    """Return the explanation of the run, and the parts of each choice at every moment: by source, by head, by path.

    Each array [moment, choice, part] begins with what the token's and the position's embedding give past all heads, and what
    MLPs write and biases give where there are any; a dependency's `parts` say what the numbers are of, under the array's name,
    as far as the place sees them.
    """
    run, past = recording.run, recording.past
    if not run.finished:
        return Frame("why", {"none": PHRASES["nothing_of"].format(outcome=run.outcome_sentence)})
    try:
        explanation = run.explain().first(MOST_DEPENDENCIES)
        explained = choices(run.subject)[:MOST_DEPENDENCIES]  # those of the end, at every moment
    except SelectionError as error:
        return Frame("why", {"none": str(error)})
    every = [Evidence(past.subject, choice).contributions for choice in explained]
    direct = [
        np.stack([found.direct, found.positional, *(each.sum(axis=1) for each in found.written.values())], axis=1)
        for found in every
    ]
    ways = {"source": [found.by_source for found in every]}
    paths = [path for path in every[0].paths if path]
    if len(paths) > 1:
        ways["head"] = [np.stack(list(found.by_last_head.values()), axis=1) for found in every]
    if 1 < len(paths) <= MOST_PATHS and run.model.n_layers > 1:
        ways["path"] = [found.by_path for found in every]
    layers, heads = run.model.n_layers, run.model.n_heads
    circuits = [_tables(run, layer, head) for layer, head in np.ndindex(layers, heads)] if layers * heads <= 4 else []
    said = explanation.to_dict()
    for dependency, record in zip(said["dependencies"], explanation.records, strict=True):
        dependency["pair"] = record.pair
        dependency["more"] = record.more
        compared = record.coding is not None and np.isfinite(record.coding["pattern_share"])
        dependency["equation"] = words.coding_sentence(record) if compared else ""
    for dependency, choice, found in zip(said["dependencies"], explained, every, strict=True):
        dependency["parts"] = {way: listed_parts(past.subject, choice, found, way) for way in ways}
    return Frame(
        "why",
        {
            **said,
            "circuits": circuits,
        },
        {
            way: np.stack([np.concatenate(both, axis=1) for both in zip(direct, found, strict=True)], axis=1)
            for way, found in ways.items()
        },
    )


def _tables(run: "Run", layer: int, head: int) -> dict[str, Any]:
    return {
        name: {
            "rows": list(map(str, frame.index)),
            "columns": list(map(str, frame.columns)),
            "values": frame.round(4).to_numpy().tolist(),
        }
        for name, frame in run.circuits(layer, head).tables().items()
        if frame.size <= 1024
    }
