"""Runs and models on disk, and back from there: which arrays there are, and what run.json says of them (see `folder`).

    the weights by name, and under `run.…` seeds, curves, snapshots, outcomes; under `run.state.…` what training goes on from
    run.json: the corpus (name, test and goal of its dataset), the model, its training; of models without a training, which loss
    they are measured by instead

Older formats are read: their trainings in several parts become one, with phases.
"""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headlab import engine
from headlab.arrays import Array, UInt64
from headlab.config import ModelConfig, Shape, TrainConfig
from headlab.data.dataset import DATASET_FIELDS, Dataset
from headlab.errors import HeadlabError, WeightsError
from headlab.model.params import Params, coerce
from headlab.notation.values import short_repr
from headlab.runs.folder import CONFIG, Tensors, read_folder, run_file, write_folder
from headlab.runs.history import History

_ARRAYS = {  # axes: runs, recorded steps, kept moments, weights of a run
    "seeds": "u run",
    "loss": "f run step",
    "learning_rate": "f run step",
    "recorded_steps": "i step",
    "snapshots": "f run moment weight",
    "snapshot_steps": "i moment",
    "outcome": "i run",
    "final_loss": "f run",
}
_HELD_OUT = {"steps": "i evaluation", "loss": "f run evaluation", "right": "f run evaluation"}
_STATE = {  # axes: numbers that an optimiser remembers of a weight, weights as they are trained, heads and their widths
    "rate": "f run",
    "best": "f run",
    "wait": "i run",
    "cooldown": "i run",
    "reached": "i run",
    "slots": "f run slot trained",
    "narrow": "f run both block d_model width",
    "basis": "f run block d_head width",
}
_CURVES = ("recorded_steps", "loss", "learning_rate", "snapshot_steps")
_MAY_LACK = {"seeds", "snapshots"}


@dataclass(frozen=True, eq=False)
class SavedModels:
    """What a folder holds of models: weights, what they are weights of, and which loss they are measured by."""

    params: Params
    dataset: Dataset
    model: ModelConfig
    loss_kind: str


@dataclass(frozen=True, eq=False)
class SavedRuns:
    """What a folder holds of runs: their models, and how those came about."""

    models: SavedModels
    training: TrainConfig
    history: History
    seeds: UInt64[Array, " run"] | None


def save_models(models: SavedModels, folder: str | Path) -> Path:
    """Write models into a folder, in place of what is there; raises `OutputError`."""
    told = {**models.dataset.to_dict(), "model": models.model.to_dict(), "loss_kind": models.loss_kind}
    return write_folder(folder, told, lambda: dict(models.params.items()))


def save_runs(runs: SavedRuns, folder: str | Path) -> Path:
    """Write runs into a folder, in place of what is there; raises `OutputError`."""
    models, state = runs.models, runs.history.state
    told = {**models.dataset.to_dict(), "model": models.model.to_dict(), "training": runs.training.to_dict()}
    told |= {} if state is None else {"optimizer_step": state.optimizer_step}
    return write_folder(folder, told, lambda: tensors_of(runs))


def file_of(runs: SavedRuns) -> bytes:
    """Return the one run that there is as one file, without curves and snapshots."""
    models, history = runs.models, runs.history
    told = {**models.dataset.to_dict(), "model": models.model.to_dict(), "training": runs.training.to_dict()}
    bare = replace(
        history, state=None, held_out=None, **{name: getattr(history, name)[..., :0] for name in _CURVES}, kept=None
    )
    return run_file(told, tensors_of(replace(runs, history=bare)))


def tensors_of(runs: SavedRuns) -> Tensors:
    """Return the arrays of runs by the names that they have in a file."""
    arrays = runs.history.arrays() | ({} if runs.seeds is None else {"seeds": runs.seeds})
    return dict(runs.models.params.items()) | {f"run.{name}": array for name, array in arrays.items()}


def load_any(folder: str | Path) -> SavedRuns | SavedModels:
    """Read what a folder holds; raises as `load_runs`."""
    config, tensors = read_folder(folder)
    with _told(folder):
        return _models(config, tensors) if "loss_kind" in config else _runs(config, tensors)


def load_runs(folder: str | Path) -> SavedRuns:
    """Read runs from a folder; raises `WeightsError` when a file is missing, damaged, newer, or does not fit the others."""
    found = load_any(folder)
    if isinstance(found, SavedModels):
        raise WeightsError(
            f"{CONFIG} must tell of a training, got models without one in {str(folder)!r}: open them with Models.load"
        )
    return found


@contextlib.contextmanager
def _told(folder: str | Path) -> Iterator[None]:
    """Raise whatever is wrong with what stands in a folder as one sentence."""
    try:
        yield
    except (HeadlabError, KeyError, TypeError, ValueError, ArithmeticError, RecursionError, MemoryError) as error:
        why = f"no {error}" if isinstance(error, KeyError) else str(error) or type(error).__name__
        raise WeightsError(
            f"{CONFIG} must describe the weights beside it, got {'; '.join(why.splitlines())} in {str(folder)!r}: "
            f"train again"
        ) from None


def _models(config: dict[str, Any], tensors: Tensors) -> SavedModels:
    dataset, model = _dataset(config), ModelConfig.from_dict(config["model"])
    return SavedModels(_params(tensors, dataset, model, finite=False), dataset, model, config["loss_kind"])


def _runs(config: dict[str, Any], tensors: Tensors) -> SavedRuns:
    dataset, model = _dataset(config), ModelConfig.from_dict(config["model"])
    step = config["optimizer_step"] if config["format"] < 3 else config.get("optimizer_step", 0)
    if isinstance(step, bool) or not isinstance(step, int) or step < 0:
        raise WeightsError(f"optimizer_step {short_repr(step)}, which is no number of steps")
    arrays = {name: tensors.get(f"run.{name}") for name in _ARRAYS}
    numbers = arrays.pop("outcome")
    diverged = numbers is not None and bool((numbers >= 0).any())
    params = _params(tensors, dataset, model, finite=not diverged)
    sizes = {"run": params.run_shape[0], "weight": model.on(dataset).n_weights}
    _check_arrays(arrays | {"outcome": numbers}, _ARRAYS, sizes)
    seeds = arrays.pop("seeds")
    held_out = _held_out(tensors, sizes)
    training, history = _whole(config, History.of(numbers, **arrays, held_out=held_out))  # type: ignore[arg-type]
    if config["format"] < 3:
        state: engine.State | None = _older_state(tensors, training, step, history, sizes["weight"])
    else:
        state = _state(tensors, training, step, model.on(dataset), sizes)
    models = SavedModels(params, dataset, model, training.in_force().loss)
    return SavedRuns(models, training, replace(history, state=state), seeds)


def _dataset(config: dict[str, Any]) -> Dataset:
    return Dataset.from_dict({"corpus": config["corpus"]} | {n: config[n] for n in DATASET_FIELDS if n in config})


def _params(tensors: Tensors, dataset: Dataset, model: ModelConfig, *, finite: bool) -> Params:
    weights = {name: tensor for name, tensor in tensors.items() if not name.startswith("run.")}
    if odd := [name for name, weight in weights.items() if weight.dtype.kind != "f"]:
        raise WeightsError(f"{odd[0]} as {weights[odd[0]].dtype}, and weights are real numbers")
    return coerce(weights, model.on(dataset), finite=finite, called="weights")


def _held_out(tensors: Tensors, sizes: dict[str, int]) -> engine.HeldOut | None:
    found = {name: tensors.get(f"run.held_out.{name}") for name in _HELD_OUT}
    if all(array is None for array in found.values()):
        return None
    _check_arrays(found, _HELD_OUT, dict(sizes), set())
    return engine.HeldOut(**found)  # type: ignore[arg-type]


def _state(
    tensors: Tensors, training: TrainConfig, step: int, shape: Shape, sizes: dict[str, int]
) -> engine.State | None:
    found = {name: tensors[f"run.state.{name}"] for name in _STATE if f"run.state.{name}" in tensors}
    if not found:
        return None
    blocks, width = shape.n_layers * shape.n_heads, 2 * shape.d_model
    trained = shape.n_weights - ("basis" in found) * 2 * blocks * shape.d_model * (shape.d_head - width)
    heads = {"both": 2, "block": blocks, "d_model": shape.d_model, "d_head": shape.d_head, "width": width}
    _check_arrays(
        {**dict.fromkeys(_STATE), **found},
        _STATE,
        {**sizes, **heads, "trained": trained},
        {"narrow", "basis", "reached"},
    )
    return engine.State.of_arrays(training.in_force().state_kind, step, found)


def _check_arrays(
    arrays: dict[str, NDArray[Any] | None], table: dict[str, str], sizes: dict[str, int], may_lack: set[str] = _MAY_LACK
) -> None:
    """Raise `WeightsError` where an array is missing, of another kind, or has an axis of another length than the rest."""
    for name, described in table.items():
        array, (kind, *axes) = arrays[name], described.split()
        if array is None and name in may_lack:
            continue
        found = None if array is None or array.dtype.kind != kind or array.ndim != len(axes) else array.shape
        if found is None or any(sizes.setdefault(axis, size) != size for axis, size in zip(axes, found, strict=True)):
            got = "nothing" if array is None else f"{array.dtype} {array.shape}"
            raise WeightsError(f"{got} for {name}, which must be [{', '.join(axes)}]")


def _whole(config: dict[str, Any], history: History) -> tuple[TrainConfig, History]:
    """Return the whole training, and the history with steps counted from its beginning.

    Before format 3, `training` was the last part, `before` were those before it, and steps counted from the last resumption.
    """
    training, before = TrainConfig.from_dict(config["training"]), config.get("before", [])
    if not isinstance(before, list):
        raise WeightsError(f"before {short_repr(before)}, which is no list of trainings")
    if not before:
        return training, history
    first, *later = (TrainConfig.from_dict(part).replace(dtype=training.dtype) for part in before)
    for part in later:
        first = first.followed_by(part)
    steps = first.steps
    shifted = replace(
        history,
        ended_at=np.where(history.ended_at < 0, -1, steps + history.ended_at),
        recorded_steps=steps + history.recorded_steps,
        snapshot_steps=steps + history.snapshot_steps,
    )
    return first.followed_by(training), shifted


def _older_state(tensors: Tensors, training: TrainConfig, step: int, history: History, n_weights: int) -> engine.State:
    """Return what runs of an older format go on from: what the optimiser remembered, the last rate that was kept, no plateau."""
    force, n_runs = training.in_force(), len(history)
    start = engine.State.at_start(force.state_kind, n_runs, n_weights, force.learning_rate, np.dtype(training.dtype))
    slots, known = tensors.get("run.optimizer_state"), history.recorded_steps[-1:] == training.steps - 1
    if slots is not None:
        start = replace(start, optimizer_step=step, slots=slots.reshape(n_runs, -1, n_weights))
    if not known.any():
        return start
    last = history.learning_rate[:, -1]
    return replace(start, rate=np.where(np.isfinite(last), last, start.rate).astype(start.rate.dtype))
