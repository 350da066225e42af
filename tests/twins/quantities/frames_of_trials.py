"""What a trial on the first run is as a frame, or what is wrong with what was asked; parts spelled in every way."""

from dataclasses import asdict
from typing import Any

from headlab.errors import SelectionError
from headlab.report.json.values import json_value
from twins.trial import trial_frame
from twins.twin import Twins

OF = "problem"
WORKS = ("source:1", "edge:1>0", "edge:0.0:1>1", "head:0.0", "direct", "direct:token", "direct:position", "positions")
WRONG = (
    *("source:nowhere", "source:99", "source:", 'source:"1"', "edge:0>1", "edge:1", "edge:1>0>0", "edge:a.b:1>0"),
    *("head:9.0", "head:0.9", "head:0", "head:a.b", "head:1_0.+0", "token:zzz", "token:99", 'token:"', "direct:else"),
    *("", "sources", "source", "direct:", "positions:1", 'edge:"a"">"">0', "x" * 300),
)
EVERYWHERE: list[dict[str, Any]] = [
    *({"part": part} for part in WORKS),
    {"part": "head:0.9"},
    {"part": {"kind": "edge", "query": 1, "position": 0, "layer": 0, "head": 0}},
    *({"patch": what} for what in ("pattern", "v")),
    {"row": {"0": 0.25, "1": 0.75}, "layer": 0, "head": 0, "position": 1},
]
ONCE: list[dict[str, Any]] = [
    *({"part": part} for part in WRONG),
    {"part": {"kind": "edge", "query": 1, "position": 0, "layer": 0}},
    {"part": {"kind": "source", "position": 1.5}},
    {"part": {"kind": "source", "position": True}},
    {"part": {"kind": "path"}},
    {"part": {}},
    *({"patch": what} for what in ("nothing", "")),
    {"row": {"0": 1}, "layer": 0, "head": 0},
    {"row": {"0": 0.5}, "layer": 0, "head": 0},
    {"row": {"0": 0.3333333, "1": 0.66666}, "layer": 0, "head": 0},
    {"row": {"0": 2}, "layer": 0, "head": 0},
    {"row": {"0": -0.00001}, "layer": 0, "head": 0},
    {"row": {"99": 1}, "layer": 0, "head": 0},
    {"row": {"1": 1}, "layer": 0, "head": 0, "sequence": 0, "position": 0},
    {"row": {"0": 1}, "layer": 9, "head": 0},
    {"row": {"a": 1}, "layer": 0, "head": 0},
    {"row": {}, "layer": 0, "head": 0},
    {"part": "source:0", "sequence": 99},
    {"part": "source:0", "sequence": 0, "position": 99},
    {"part": "source:0", "sequence": 0, "position": 0},
]


def said(twins: Twins) -> list[Any]:
    run, first = twins.runs[0], twins.experiment.dataset.corpus.sentences[0]
    words = [{"part": f"{kind}:{word}"} for kind in ("source", "token") for word in dict.fromkeys(first)]
    every = [*EVERYWHERE, *words, *(ONCE if twins.problem.name == "notebook" else [])]
    return [[asked, answer(run, asked, not number)] for number, asked in enumerate(every)]


def answer(run: Any, asked: dict[str, Any], whole: bool) -> Any:
    """Return the frame's values, of the rows the words alone where it is not the whole that is asked for; or the problems."""
    try:
        values: dict[str, Any] = json_value(trial_frame(run, asked).values)
    except SelectionError as error:
        return [asdict(problem) for problem in error.problems]
    return values if whole else values | {"rows": [[row["said"], row["possible"]] for row in values["rows"]]}
