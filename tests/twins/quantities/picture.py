"""The picture of a run, but what it saw and said, which is float32 (web/tests/runs.test.ts): values, curve, shapes."""

from typing import Any

from headlab.report.frames.picture import picture_frame
from headlab.report.frames.wire import MOST_EXACT
from headlab.report.json.values import json_value
from twins.twin import Twin

DRAWN = ("pattern", "logits")
EACH = 16  # of the curve


def said(twin: Twin) -> dict[str, Any]:
    frame = picture_frame(twin.recording)
    return {
        "values": json_value(frame.values, MOST_EXACT),
        "arrays": {name: array[::EACH] for name, array in frame.arrays.items() if name not in DRAWN},
        "shapes": {name: list(array.shape) for name, array in frame.arrays.items()},
    }
