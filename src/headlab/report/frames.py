"""What goes to the page: a JSON header and named float32 arrays in one binary message.

    bytes 0 … 3      length of the header, unsigned, little-endian
    header           JSON in UTF-8, filled up with spaces to a multiple of 4 bytes; its `arrays` are [name, shape], in order
    then             the arrays one after the other, float32, little-endian, row-major

The page's side of this is web/src/frames.ts.
"""

import json
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Frame:
    """A message to the page: its kind, plain values, and arrays."""

    kind: str
    values: Mapping[str, Any] = field(default_factory=dict)
    arrays: Mapping[str, NDArray[Any]] = field(default_factory=dict)


def problems(said: Iterable[str]) -> Frame:
    """Return the message that something cannot be done, a sentence a problem."""
    return Frame("problems", {"problems": list(said)})


def encode(frame: Frame, **more: Any) -> bytes:
    """Return a frame as one binary message; more: further values of the header.

    >>> import numpy as np
    >>> data = encode(Frame("picture", {"seed": 4}, {"loss": np.zeros(3)}), id=7)
    >>> decode(data).values["id"], decode(data).arrays["loss"].tolist()
    (7, [0.0, 0.0, 0.0])
    """
    arrays = {name: np.ascontiguousarray(values, "<f4") for name, values in frame.arrays.items()}
    described = [[name, list(values.shape)] for name, values in arrays.items()]
    header = json.dumps(
        {"kind": frame.kind, **_finite(frame.values), **more, "arrays": described},
        ensure_ascii=False,
        allow_nan=False,
        separators=(",", ":"),
    ).encode()
    header += b" " * (-len(header) % 4)
    return b"".join([struct.pack("<I", len(header)), header, *(values.tobytes() for values in arrays.values())])


def decode(data: bytes) -> Frame:
    """Return the frame that `encode` wrote."""
    (length,) = struct.unpack_from("<I", data)
    header = json.loads(data[4 : 4 + length])
    arrays, at = {}, 4 + length
    for name, shape in header.pop("arrays"):
        size = int(np.prod(shape, dtype=int))
        arrays[name] = np.frombuffer(data, "<f4", size, at).reshape(shape)
        at += 4 * size
    return Frame(header.pop("kind"), header, arrays)


def _finite(value: Any) -> Any:
    """Return a value that strict JSON can hold: what is no finite number becomes null."""
    if isinstance(value, Mapping):
        return {str(name): _finite(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not np.isfinite(value) else value
