"""Runs on disk: weights that anybody can open, and run.json with what they are weights of.

    weights-SHA256.safetensors   the weights by name, and under `run.…` curves, snapshots, outcomes; named by its content
    run.json                     corpus (name, test and goal of its dataset), model, training, the name of the weights, and
                                 the SHA-256 of everything else in it; of models without a training, which loss they are
                                 measured by instead
    weights.safetensors          a link to the weights, for other programs

Each file is written under a temporary name, flushed, renamed. run.json comes after the weights that it names, and what it
replaced is removed after it: whenever saving stops, the folder holds the runs before or the runs after, whole. Format 1
(weights.safetensors as a plain file, run.json without a hash of its own) is read, too.
"""

import contextlib
import fcntl
import hashlib
import json
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import safetensors
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

from headlab.config import ModelConfig, TrainConfig
from headlab.data.dataset import DATASET_FIELDS, Dataset
from headlab.errors import HeadlabError, WeightsError
from headlab.files import (
    PARTIAL,
    flush_folder,
    nameable,
    partial,
    read_whole,
    removed_on_failure,
    unwritten,
    write_whole,
)
from headlab.model.params import Params, coerce
from headlab.notation.values import brief
from headlab.runs.history import History

if TYPE_CHECKING:
    from headlab.runs.models import Models
    from headlab.runs.runs import Runs

FORMAT, FORMAT_OF_RUNS = 3, 2  # the newest; runs are as an older headlab reads them
WEIGHTS, CONFIG = "weights.safetensors", "run.json"
_NAME = re.compile(r"weights-([0-9a-f]{64})\.safetensors")
_OURS = re.compile(rf"weights-[0-9a-f]{{64}}\.safetensors|(?:weights|run\.json).*{re.escape(PARTIAL)}")
_SEALED = re.compile(rb'\{\n  "sha256": "([0-9a-f]{64})",(.*)', re.DOTALL)
_ARRAYS = {  # axes: runs, recorded steps, kept moments, weights of a run, numbers of an optimiser's state
    "seeds": "u run",
    "loss": "f run step",
    "learning_rate": "f run step",
    "recorded_steps": "i step",
    "snapshots": "f run moment weight",
    "snapshot_steps": "i moment",
    "outcome": "i run",
    "final_loss": "f run",
    "optimizer_state": "f run state",
}
_MAY_LACK = {"seeds", "snapshots", "optimizer_state"}


def save(runs: "Runs", folder: str | Path) -> Path:
    """Write runs into a folder, which is made, in place of the ones that are there; raises `OutputError`."""
    training = {
        "training": runs.training.to_dict(),
        "before": [training.to_dict() for training in runs.before],
        "optimizer_step": runs.history.optimizer_step,
    }
    return _write(folder, lambda: _weights(runs), {"format": FORMAT_OF_RUNS}, runs.models, training)


def save_models(models: "Models", folder: str | Path) -> Path:
    """Write models without a training, as `save` writes runs; raises `OutputError`."""
    return _write(folder, lambda: _tensors(models.params), {"format": FORMAT}, models, {"loss_kind": models.loss_kind})


def _write(
    folder: str | Path, tensors: Callable[[], bytes], form: dict[str, int], models: "Models", more: dict[str, Any]
) -> Path:
    folder = Path(folder)
    what = {**models.dataset.to_dict(), "model": models.model.to_dict()}
    try:
        new = not nameable(folder).is_dir()
        folder.mkdir(parents=True, exist_ok=True)
        if new:
            flush_folder(folder.parent)
        with _held(folder):
            data = tensors()
            name = f"weights-{hashlib.sha256(data).hexdigest()}.safetensors"
            write_whole(folder / name, data)
            write_whole(folder / CONFIG, _sealed({**form, "weights": name, **what, **more}))
            _lead_to(folder / WEIGHTS, name, data)
            _sweep(folder, name)
    except (OSError, MemoryError) as error:
        raise unwritten("saved runs", folder, error) from error
    return folder


def load(folder: str | Path) -> "Runs":
    """Read runs from a folder; raises `WeightsError` when a file is missing, damaged, or of a newer format."""
    config, tensors = _read_folder(folder)
    if "training" not in config and "loss_kind" in config:
        raise WeightsError(
            f"{CONFIG} must tell of a training, got models without one in {str(folder)!r}: open them with Models.load"
        )
    with _told(folder):
        return _runs(config, tensors)


def load_models(folder: str | Path) -> "Models":
    """Read models from a folder, those of runs too; raises as `load`."""
    config, tensors = _read_folder(folder)
    if "training" in config:
        with _told(folder):
            return _runs(config, tensors).models
    from headlab.runs.models import Models

    with _told(folder):
        dataset, model = _dataset(config), ModelConfig.from_dict(config["model"])
        return Models(_params(tensors, dataset, model, finite=False), dataset, model, config["loss_kind"])


def _read_folder(folder: str | Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    config, data = _consistent(Path(folder))
    try:
        return config, load_tensors(data)
    except safetensors.SafetensorError as error:
        raise WeightsError(f"{WEIGHTS} must be a safetensors file, got {error}: train again") from None


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


def _weights(runs: "Runs") -> bytes:
    history = runs.history
    arrays = {name: getattr(history, name) for name in _ARRAYS if name not in ("seeds", "outcome")}
    return _tensors(runs.params, **arrays, seeds=runs.seeds, outcome=history.numbers)


def _tensors(params: Params, **arrays: Any) -> bytes:
    tensors = {name: np.ascontiguousarray(weight) for name, weight in params.items()}
    tensors |= {f"run.{name}": np.ascontiguousarray(array) for name, array in arrays.items() if array is not None}
    return bytes(save_tensors(tensors))


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
            temporary.replace(link)


def _sweep(folder: Path, name: str) -> None:
    """Remove weights that no run.json names any more, and what a killed process left."""
    for path in folder.iterdir():
        if _OURS.fullmatch(path.name) and path.name != name:
            with contextlib.suppress(OSError):
                path.unlink()


@contextlib.contextmanager
def _held(folder: Path) -> Iterator[None]:
    """Hold a folder while the block runs, where its disk has locks: who saves there, too, waits."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


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
        raise WeightsError(f"{CONFIG} must be of format {FORMAT} or older, got {brief(form)}: update headlab")
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
            got = brief(config.get("weights"))
            raise WeightsError(f"{CONFIG} must name its weights, got {got} in {str(folder)!r}: train again")
        name, sha = match[0], match[1]
    data = _read(folder / name)
    if hashlib.sha256(data).hexdigest() != sha:
        raise WeightsError(
            f"{name} must be as it was saved, got a damaged or exchanged file in {str(folder)!r}: train again"
        )
    return data


def _read(path: Path) -> bytes:
    try:
        return read_whole(path)
    except (OSError, MemoryError) as error:
        why = getattr(error, "strerror", None) or "too large for the memory"
        raise WeightsError(f"saved runs must have a readable {path.name}, got {why} in {str(path.parent)!r}") from None


def _runs(config: dict[str, Any], tensors: dict[str, np.ndarray]) -> "Runs":
    from headlab.runs.models import Models
    from headlab.runs.runs import Runs

    dataset = _dataset(config)
    model, training = ModelConfig.from_dict(config["model"]), TrainConfig.from_dict(config["training"])
    before = config.get("before", [])  # runs of an older headlab do not say
    if not isinstance(before, list):
        raise WeightsError(f"before {brief(before)}, which is no list of trainings")
    step = config["optimizer_step"]
    if isinstance(step, bool) or not isinstance(step, int) or step < 0:
        raise WeightsError(f"optimizer_step {brief(step)}, which is no number of steps")
    arrays = {name: tensors.get(f"run.{name}") for name in _ARRAYS}
    numbers = arrays.pop("outcome")
    diverged = numbers is not None and bool((numbers >= 0).any())
    params = _params(tensors, dataset, model, finite=not diverged)
    _check_arrays(arrays | {"outcome": numbers}, params)
    seeds, earlier = arrays.pop("seeds"), tuple(map(TrainConfig.from_dict, before))
    history = History.of(numbers, optimizer_step=step, **arrays)  # type: ignore[arg-type]
    return Runs(Models(params, dataset, model, training.loss), history, training, seeds, earlier)


def _dataset(config: dict[str, Any]) -> Dataset:
    return Dataset.from_dict({"corpus": config["corpus"]} | {n: config[n] for n in DATASET_FIELDS if n in config})


def _params(tensors: dict[str, np.ndarray], dataset: Dataset, model: ModelConfig, *, finite: bool) -> Params:
    weights = {name: tensor for name, tensor in tensors.items() if not name.startswith("run.")}
    if odd := [name for name, weight in weights.items() if weight.dtype.kind != "f"]:
        raise WeightsError(f"{odd[0]} as {weights[odd[0]].dtype}, and weights are real numbers")
    return coerce(weights, model.on(dataset), finite=finite)


def _check_arrays(arrays: dict[str, np.ndarray | None], params: Params) -> None:
    """Raise `WeightsError` where an array is missing, of another kind, or has an axis of another length than the rest."""
    sizes = {"run": params.run_shape[0], "weight": sum(weight[0].size for _, weight in params.items())}
    for name, described in _ARRAYS.items():
        array, (kind, *axes) = arrays[name], described.split()
        if array is None and name in _MAY_LACK:
            continue
        found = None if array is None or array.dtype.kind != kind or array.ndim != len(axes) else array.shape
        if found is None or any(sizes.setdefault(axis, size) != size for axis, size in zip(axes, found, strict=True)):
            got = "nothing" if array is None else f"{array.dtype} {array.shape}"
            raise WeightsError(f"{got} for {name}, which must be [{', '.join(axes)}]")
