"""Runs that nobody but the views of a notebook holds: a notebook keeps every view, and would keep all that it ever trained."""

import hashlib
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from headlab.runs.runs import Runs

MOST_BYTES = 2**25  # together, of all but the last used ones

_kept: dict[str, "Runs"] = {}  # by name, the last used ones last
_lock = Lock()


def keep_runs(name: str, runs: "Runs") -> None:
    """Keep runs for their views: the last used ones, as many as are small together."""
    with _lock:
        _kept.pop(name, None)
        _kept[name] = runs
        while len(_kept) > 1 and sum(map(bytes_kept, _kept.values())) > MOST_BYTES:
            del _kept[next(iter(_kept))]


def find_runs(name: str) -> "Runs | None":
    """Return the runs of a name, as long as they are kept."""
    return _kept.get(name)


def bytes_kept(runs: "Runs") -> int:
    """Return the bytes that runs keep from being freed: where they are a part of others, all of those."""
    held = [*runs.history.held(), *_others(runs).values()]
    wholes = (values if values.base is None else values.base for values in held)
    return sum({id(whole): whole.nbytes for whole in wholes}.values())


def name_of(runs: "Runs") -> str:
    """Return a name that equal runs share: twelve views of them are one, shown twelve times."""
    digest = hashlib.sha256(repr([runs.corpus.to_dict(), runs.model, runs.training]).encode())
    for name, values in (runs.history.arrays() | _others(runs)).items():
        digest.update(f"{name} {values.dtype} {values.shape}".encode())
        digest.update(np.ascontiguousarray(values).data)
    return digest.hexdigest()


def _others(runs: "Runs") -> dict[str, Any]:
    return ({} if runs.seeds is None else {"seeds": runs.seeds}) | dict(runs.params.items())
