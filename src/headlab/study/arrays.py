"""What is kept of a chunk's runs beside their rows: weights, curves and snapshots, as safetensors.

Weights are in the order of the vocabulary that their condition had when they were trained; `order` is the one in which its
tokens were trained. The same runs may be read by a condition whose vocabulary has another order.
"""

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import safetensors
from numpy.typing import NDArray
from safetensors.numpy import load

from headlab.config import Shape
from headlab.data.order import inverse
from headlab.model.order import order_on, reordered, reordered_flat
from headlab.model.params import Params
from headlab.study.conditions import Condition

if TYPE_CHECKING:
    from headlab.runs.runs import Runs

ONE_OF_ALL = ("recorded_steps", "snapshot_steps")  # arrays without a run axis
_CURVES, _SNAPSHOTS = ("loss", "learning_rate", "recorded_steps"), ("snapshots", "snapshot_steps")
HISTORY = (*_CURVES, *_SNAPSHOTS)  # what may be kept of how runs were trained
ORDER = "order"  # [d_vocab]: which token of the vocabulary is trained first, second …
SETS = "minimal_sets"  # [run, dependency, ablation]: how many minimal sets there are
HEAD = 65_536  # bytes in which a file says what it holds


def names_of(keep: Sequence[str], condition: Condition) -> frozenset[str]:
    """Return the names of the arrays that are there when these are kept of the runs of a condition.

    >>> from headlab.config import ModelConfig, TrainConfig
    >>> from headlab.tasks import tasks
    >>> sorted(names_of(["weights", "curves"], Condition(tasks["notebook"].dataset, ModelConfig(), TrainConfig())))
    ['W_E', 'W_K', 'W_Q', 'W_V', 'W_pos', 'learning_rate', 'loss', 'recorded_steps']
    """
    kinds = {"weights": (*condition.shape.weights,), "curves": _CURVES, "snapshots": _SNAPSHOTS, "minimal": (SETS,)}
    return frozenset(name for kind in keep for name in kinds[kind])


def names_in(head: bytes) -> frozenset[str]:
    """Return the names of a file's arrays, from its first bytes; none where they say nothing."""
    size = int.from_bytes(head[:8], "little")
    try:
        return frozenset(json.loads(head[8 : 8 + size]))
    except (ValueError, TypeError, RecursionError):
        return frozenset()


def arrays_of(runs: "Runs", keep: Sequence[str], counts: NDArray[np.int64] | None = None) -> dict[str, NDArray[Any]]:
    """Return what is kept of the runs beside their rows; counts: how many minimal sets they have, where that is kept."""
    arrays: dict[str, NDArray[Any]] = {"seed": np.array(runs.seeds, np.uint64)}
    if "weights" in keep:
        arrays |= dict(runs.params.items())
    if "curves" in keep:
        arrays |= {name: getattr(runs, name) for name in _CURVES}
    if "snapshots" in keep and runs.snapshots is not None:
        arrays |= {name: getattr(runs, name) for name in _SNAPSHOTS}
    if "weights" in keep or "snapshots" in keep:
        arrays[ORDER] = order_on(runs.corpus.batch, runs.model.on(runs.corpus))
    if counts is not None:
        arrays[SETS] = counts
    return arrays if len(arrays) > 1 else {}


def read_arrays(data: bytes, seeds: NDArray[np.uint64], condition: Condition) -> dict[str, NDArray[Any]] | None:
    """Return the arrays of a file, or None where they are not those of these seeds and this condition."""
    try:
        arrays = load(data)
    except (safetensors.SafetensorError, ValueError, KeyError, OverflowError):
        return None
    own = arrays.get("seed")
    if own is None or own.dtype != np.uint64 or own.ndim != 1 or not np.array_equal(np.sort(own), np.sort(seeds)):
        return None
    return arrays if _fit(arrays, len(seeds), condition.shape) else None


def in_order_of(arrays: dict[str, NDArray[Any]], condition: Condition) -> dict[str, NDArray[Any]]:
    """Return a chunk's arrays with weights in the order of the condition's vocabulary, and without what says their own."""
    found, shape = dict(arrays), condition.shape
    now = order_on(condition.dataset.batch, shape)
    then = found.pop(ORDER, now)  # numerics before 2 did not say it: their studies stay as they are
    if not np.array_equal(then, now):
        change = then[inverse(now)]
        weights = Params(**{name: found[name] for name in shape.weights if name in found})
        found |= reordered(weights, change, shape).items()
        if "snapshots" in found:
            found["snapshots"] = reordered_flat(found["snapshots"], change, shape)
    return found


def _is_order(array: NDArray[Any], d_vocab: int) -> bool:
    return array.dtype.kind == "i" and np.array_equal(np.sort(array), np.arange(d_vocab))


def _fit(arrays: Mapping[str, NDArray[Any]], n: int, shape: Shape) -> bool:
    weights = shape.weights
    shapes: dict[str, tuple[int, ...]] = {name: (n, *of) for name, of in weights.items()}
    if "recorded_steps" in arrays:
        shapes |= dict.fromkeys(("loss", "learning_rate"), (n, arrays["recorded_steps"].size))
    if "snapshot_steps" in arrays:
        shapes["snapshots"] = (n, arrays["snapshot_steps"].size, shape.n_weights)
    given = set(arrays) - {"seed", ORDER, SETS, *ONE_OF_ALL}
    together = [set(weights), {"loss", "learning_rate"}, {"snapshots"}]
    return (
        given <= set(shapes)
        and all(arrays[name].shape == shapes[name] and arrays[name].dtype.kind == "f" for name in given)
        and (ORDER not in arrays or _is_order(arrays[ORDER], shape.d_vocab))
        and (SETS not in arrays or (arrays[SETS].ndim, len(arrays[SETS]), arrays[SETS].dtype.kind) == (3, n, "i"))
        and all(group <= given or not group & given for group in together)
        and all(arrays[name].ndim == 1 and arrays[name].dtype.kind == "i" for name in ONE_OF_ALL if name in arrays)
    )
