"""Many runs beside each other: what a frame says of each."""

from typing import Any

from headlab.report.frames.seeds import seeds_frame
from twins.twin import Twins

OF = "problem"


def said(twins: Twins) -> dict[str, Any]:
    frame = seeds_frame(twins.runs)
    shapes = {name: list(array.shape) for name, array in frame.arrays.items()}
    return {"values": frame.values, "loss": frame.arrays["loss"], "shapes": shapes}
