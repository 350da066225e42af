"""What goes to the page: a JSON header and named float32 arrays in one binary message.

    bytes 0 … 3      length of the header, unsigned, little-endian
    header           JSON in UTF-8, filled up with spaces to a multiple of 4 bytes; its `arrays` are [name, shape], in order
    then             the arrays one after the other, row-major: float32, little-endian; those described as [name, shape, "share"]
                     as one byte a number, in 255ths, filled up to a multiple of 4 bytes

A whole number that JavaScript cannot hold exactly, such as a seed above 2⁵³, goes as text. The page's side is
web/src/frames.ts, and web/src/protocol.ts has every kind of frame.
"""

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headlab.report.json.values import json_value

MOST_EXACT = 2**53 - 1  # JavaScript's Number.MAX_SAFE_INTEGER


@dataclass(frozen=True, eq=False)
class Frame:
    """A message to the page: its kind, plain values, and arrays."""

    kind: str
    values: Mapping[str, Any] = field(default_factory=dict)
    arrays: Mapping[str, NDArray[Any]] = field(default_factory=dict)


def encode(frame: Frame, **more: Any) -> bytes:
    """Return a frame as one binary message; more: further values of the header.

    >>> import numpy as np
    >>> data = encode(Frame("picture", {"seed": 4}, {"loss": np.zeros(3)}), id=7)
    >>> decode(data).values["id"], decode(data).arrays["loss"].tolist()
    (7, [0.0, 0.0, 0.0])
    """
    arrays = {
        name: np.ascontiguousarray(values, "u1" if values.dtype == np.uint8 else "<f4")
        for name, values in frame.arrays.items()
    }
    described = [
        [name, list(values.shape), *(["share"] if values.dtype == np.uint8 else [])] for name, values in arrays.items()
    ]
    header = json.dumps(
        json_value({"kind": frame.kind, **frame.values, **more, "arrays": described}, MOST_EXACT),
        ensure_ascii=False,
        allow_nan=False,
        separators=(",", ":"),
    ).encode()
    header += b" " * (-len(header) % 4)
    parts = [values.tobytes() + b"\0" * (-values.nbytes % 4) for values in arrays.values()]
    return b"".join([struct.pack("<I", len(header)), header, *parts])


def shares(values: NDArray[Any]) -> NDArray[np.uint8]:
    """Return shares in 0 … 1 in 255ths, exact enough for a picture of them; what is no number becomes 0.

    >>> shares(np.array([0.0, 0.2, 1.0, np.nan])).tolist()
    [0, 51, 255, 0]
    """
    return np.rint(255 * np.clip(np.nan_to_num(values, posinf=0.0), 0, 1)).astype(np.uint8)


def decode(data: bytes) -> Frame:
    """Return the frame that `encode` wrote."""
    (length,) = struct.unpack_from("<I", data)
    header = json.loads(data[4 : 4 + length])
    arrays, at = {}, 4 + length
    for name, shape, *kind in header.pop("arrays"):
        size = int(np.prod(shape, dtype=int))
        numbers = np.frombuffer(data, "u1" if kind else "<f4", size, at).reshape(shape)
        arrays[name] = numbers / np.float32(255) if kind else numbers
        at += numbers.nbytes + -numbers.nbytes % 4
    return Frame(header.pop("kind"), header, arrays)
