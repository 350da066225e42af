"""The trained weights' SHA-256, of float32 in the order of the vocabulary."""

import hashlib

import numpy as np

from twins.twin import Twin


def said(twin: Twin) -> str:
    return hashlib.sha256(np.ascontiguousarray(twin.run.runs.params.flat(), "<f4").tobytes()).hexdigest()
