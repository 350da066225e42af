"""Why it predicts what it predicts, as the page shows it; what its parts give, at the first moment, one between, and the last."""

from typing import Any

from headlab.report.frames.why import why_frame
from twins.twin import Twin

CHOICE = ("sentence", "more", "clauses", "equation", "words", "sequence", "place", "target", "rivals", "pair", "coding")


def said(twin: Twin) -> dict[str, Any]:
    frame = why_frame(twin.recording)
    if "none" in frame.values:
        return dict(frame.values)
    arrays = {way: numbers[[0, len(numbers) // 2, -1]] for way, numbers in frame.arrays.items()}
    return {
        "mechanism": frame.values["mechanism"],
        "meaning": frame.values["meaning"],
        "dependencies": [
            {**{name: _short(item, name) for name in CHOICE}, "parts": item["parts"]}
            for item in frame.values["dependencies"]
        ],
        "circuits": [
            {name: {**table, "values": table["values"][:1]} for name, table in tables.items()}
            for tables in frame.values["circuits"]
        ],
        "arrays": {way: numbers.tolist() for way, numbers in arrays.items()},
        "shapes": {way: list(numbers.shape) for way, numbers in frame.arrays.items()},
    }


def _short(item: dict[str, Any], name: str) -> Any:
    if name != "clauses":
        return item[name]
    return [{part: clause[part] for part in ("kind", "text")} for clause in item[name]]
