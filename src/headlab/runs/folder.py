"""A folder with weights that anybody can open, and run.json, which says what they are weights of.

    weights-SHA256.safetensors   arrays by name; the file is named by its content
    run.json                     what is told of them, their name, and the SHA-256 of everything else in it
                                 (`order`: along the axes of tokens, weights are in the order of the vocabulary; both say so)
    weights.safetensors          a link to the weights, for other programs

Each file is written under a temporary name, flushed, renamed. run.json comes after the weights that it names, and what it
replaced is removed after it: whenever saving stops, the folder holds what was there or what comes, whole. Format 1
(weights.safetensors as a plain file, run.json without a hash of its own) is read, too.

The lab's page saves a run as one safetensors file instead: the text of run.json is its metadata `run`, and names the SHA-256 of
all that follows the file's header.
"""

import contextlib
import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
from numpy.typing import NDArray
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

from headlab.errors import WeightsError
from headlab.files import (
    PARTIAL,
    flush_folder,
    nameable,
    output_error,
    partial,
    put_in_place,
    read_whole,
    removed_on_failure,
    write_whole,
)
from headlab.locks import hold_folder
from headlab.notation.values import short_repr

FORMAT = 3
ORDER = {"order": "vocabulary"}  # of tokens along the axes of weights, whatever order they were trained in
SUFFIX = "safetensors"
WEIGHTS, CONFIG = f"weights.{SUFFIX}", "run.json"
_NAME = re.compile(r"weights-([0-9a-f]{64})\.safetensors")
_OURS = re.compile(rf"weights-[0-9a-f]{{64}}\.safetensors|(?:weights|run\.json).*{re.escape(PARTIAL)}")
_SEALED = re.compile(rb'\{\n  "sha256": "([0-9a-f]{64})",(.*)', re.DOTALL)

Tensors = dict[str, NDArray[Any]]


def write_folder(folder: str | Path, told: dict[str, Any], tensors: Callable[[], Tensors]) -> Path:
    """Write arrays, and what is told of them, into a folder, which is made; raises `OutputError`."""
    folder = Path(folder)
    try:
        new = not nameable(folder).is_dir()
        folder.mkdir(parents=True, exist_ok=True)
        if new:
            flush_folder(folder.parent)
        with hold_folder(folder):
            arrays = {name: np.ascontiguousarray(array) for name, array in tensors().items()}
            data = bytes(save_tensors(arrays, metadata=ORDER))
            name = f"weights-{hashlib.sha256(data).hexdigest()}.safetensors"
            write_whole(folder / name, data)
            write_whole(folder / CONFIG, _sealed({"format": FORMAT, "weights": name, **ORDER, **told}))
            _lead_to(folder / WEIGHTS, name, data)
            _sweep(folder, name)
    except (OSError, MemoryError) as error:
        raise output_error("saved runs", folder, error) from error
    return folder


def run_file(told: dict[str, Any], tensors: Tensors) -> bytes:
    """Return arrays, and what is told of them, as the one file that the lab's page saves."""
    arrays = {name: np.ascontiguousarray(array) for name, array in tensors.items()}
    data = bytes(save_tensors(arrays))
    body = data[8 + int.from_bytes(data[:8], "little") :]
    sealed = _sealed({"format": FORMAT, "weights": hashlib.sha256(body).hexdigest(), **ORDER, **told})
    return bytes(save_tensors(arrays, metadata={**ORDER, "run": sealed.decode()}))


def read_folder(folder: str | Path) -> tuple[dict[str, Any], Tensors]:
    """Return what is told, and the arrays; raises `WeightsError` for a file that is missing, damaged, or of a newer format.

    folder: or the one file that the lab's page saves
    """
    config, data = _of_file(Path(folder)) if is_run_file(folder) else _consistent(Path(folder))
    order = {"order": config["order"]} if "order" in config else ORDER  # older files do not say it
    if order != ORDER:
        said = f"{CONFIG} must have weights in the order of the {ORDER['order']}, got {short_repr(order['order'])}"
        raise WeightsError(f"{said} in {str(folder)!r}: update headlab")
    try:
        return config, load_tensors(data)
    except safetensors.SafetensorError as error:
        raise WeightsError(f"{WEIGHTS} must be a safetensors file, got {error}: train again") from None


def is_run_file(path: str | Path) -> bool:
    """Return whether there is one file with weights in place of a folder."""
    return Path(path).suffix == f".{SUFFIX}" and Path(path).is_file()


def _sealed(fields: dict[str, Any]) -> bytes:
    """Return run.json, which begins with the SHA-256 of all that follows."""
    body = json.dumps(fields, indent=2, ensure_ascii=False)[1:].encode("utf-8", "surrogatepass")
    return b'{\n  "sha256": "%s",%s' % (hashlib.sha256(body).hexdigest().encode(), body)


def _lead_to(link: Path, name: str, data: bytes) -> None:
    temporary = partial(link.parent, link.name)
    with removed_on_failure(temporary):
        try:
            temporary.symlink_to(name)
        except OSError:  # no links on this disk
            write_whole(link, data)
        else:
            put_in_place(temporary, link)


def _sweep(folder: Path, name: str) -> None:
    """Remove weights that no run.json names any more, and what a killed process left."""
    for path in folder.iterdir():
        if _OURS.fullmatch(path.name) and path.name != name:
            with contextlib.suppress(OSError):
                path.unlink()


def _consistent(folder: Path) -> tuple[dict[str, Any], bytes]:
    """Return what run.json says, and the content of the weights that it names."""
    while True:
        text = _read(folder / CONFIG)
        try:
            config = _config(text, folder)
            return config, _named(folder, config)
        except WeightsError:
            if _read(folder / CONFIG) == text:  # otherwise somebody has just saved over it
                raise


def _of_file(path: Path) -> tuple[dict[str, Any], bytes]:
    """Return what a file of one run says that it holds, and its content."""
    data = _read(path)
    start = 8 + int.from_bytes(data[:8], "little")
    try:
        text = str(json.loads(data[8:start])["__metadata__"]["run"]).encode()
    except (ValueError, KeyError, TypeError, RecursionError):
        said = f"{path.name} must say what it is weights of, got something else in {str(path.parent)!r}"
        raise WeightsError(f"{said}: name a folder made by save, or a file that the lab saved") from None
    config = _config(text, path)
    if config.get("weights") != hashlib.sha256(data[start:]).hexdigest():
        raise _damaged(path.name, path.parent)
    return config, data


def _damaged(name: str, folder: Path) -> WeightsError:
    return WeightsError(
        f"{name} must be as it was saved, got a damaged or exchanged file in {str(folder)!r}: train again"
    )


def _config(text: bytes, folder: Path) -> dict[str, Any]:
    try:
        config = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise WeightsError(f"{CONFIG} must be JSON, got {error} in {str(folder)!r}: train again") from None
    form = config.get("format") if isinstance(config, dict) else None
    if isinstance(form, bool) or not isinstance(form, int) or form < 1:
        raise WeightsError(
            f"{CONFIG} must be headlab's, got something else in {str(folder)!r}: name a folder made by save"
        )
    if form > FORMAT:
        raise WeightsError(f"{CONFIG} must be of format {FORMAT} or older, got {short_repr(form)}: update headlab")
    sealed = _SEALED.fullmatch(text)
    if form > 1 and (sealed is None or hashlib.sha256(sealed[2]).hexdigest().encode() != sealed[1]):
        raise WeightsError(
            f"{CONFIG} must be as it was saved, got a changed or damaged file in {str(folder)!r}: "
            f"restore it, or train again"
        )
    return dict(config)


def _named(folder: Path, config: dict[str, Any]) -> bytes:
    """Return the content of the weights that run.json names, which is what its hash says."""
    name, sha = WEIGHTS, config.get("sha256")
    if config["format"] > 1:
        match = _NAME.fullmatch(str(config.get("weights")))
        if match is None:
            got = short_repr(config.get("weights"))
            raise WeightsError(f"{CONFIG} must name its weights, got {got} in {str(folder)!r}: train again")
        name, sha = match[0], match[1]
    data = _read(folder / name)
    if hashlib.sha256(data).hexdigest() != sha:
        raise _damaged(name, folder)
    return data


def _read(path: Path) -> bytes:
    try:
        return read_whole(path)
    except (OSError, MemoryError) as error:
        why = getattr(error, "strerror", None) or "too large for the memory"
        raise WeightsError(f"saved runs must have a readable {path.name}, got {why} in {str(path.parent)!r}") from None
