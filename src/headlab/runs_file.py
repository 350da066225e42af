"""Runs on disk: weights.safetensors (open to anybody), and run.json with the configuration and the weights' SHA-256."""

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import safetensors
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

from headlab.config import ModelConfig, TrainConfig
from headlab.corpus import Corpus
from headlab.errors import HeadlabError, OutputError, WeightsError
from headlab.files import write_output
from headlab.model.params import coerce

if TYPE_CHECKING:
    from headlab.runs import Runs

FORMAT = 1
WEIGHTS, CONFIG = "weights.safetensors", "run.json"
_ARRAYS = (
    "seeds",
    "loss",
    "learning_rate",
    "recorded_steps",
    "snapshots",
    "snapshot_steps",
    "outcome",
    "final_loss",
    "optimizer_state",
)


def save(runs: "Runs", folder: str | Path) -> Path:
    """Write runs into a folder, which is made; raises `OutputError`."""
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"the folder must be writable, got {str(folder)!r} ({error.strerror}): choose another place"
        ) from None
    tensors = {name: np.ascontiguousarray(weight) for name, weight in runs.params.items()}
    arrays = {name: getattr(runs, name) for name in _ARRAYS}
    tensors |= {f"run.{name}": np.ascontiguousarray(array) for name, array in arrays.items() if array is not None}
    data = save_tensors(tensors)
    config = {
        "format": FORMAT,
        "sha256": hashlib.sha256(data).hexdigest(),
        "corpus": runs.corpus.to_dict(),
        "model": runs.model.to_dict(),
        "training": runs.training.to_dict(),
        "optimizer_step": runs.optimizer_step,
    }
    write_output(folder / WEIGHTS, data)
    write_output(folder / CONFIG, json.dumps(config, indent=2, ensure_ascii=False).encode())
    return folder


def load(folder: str | Path) -> "Runs":
    """Read runs from a folder; raises `WeightsError` when a file is missing, damaged, or of a newer format."""
    folder = Path(folder)
    config = _config(folder)
    data = _read(folder / WEIGHTS)
    if hashlib.sha256(data).hexdigest() != config.get("sha256"):
        raise WeightsError(
            f"{WEIGHTS} must be as it was saved, got a damaged or exchanged file in {str(folder)!r}: train again"
        )
    try:
        tensors = load_tensors(data)
    except safetensors.SafetensorError as error:
        raise WeightsError(f"{WEIGHTS} must be a safetensors file, got {error}: train again") from None
    return _runs(config, tensors, folder)


def _runs(config: dict[str, Any], tensors: dict[str, np.ndarray], folder: Path) -> "Runs":
    from headlab.runs import Runs

    try:
        corpus = Corpus.from_dict(config["corpus"])
        model, training = ModelConfig.from_dict(config["model"]), TrainConfig.from_dict(config["training"])
        weights = {name: tensor for name, tensor in tensors.items() if not name.startswith("run.")}
        arrays = {name: tensors.get(f"run.{name}") for name in _ARRAYS}
        diverged = arrays["outcome"] is not None and bool((arrays["outcome"] >= 0).any())
        params = coerce(weights, model, corpus.d_vocab, corpus.n_ctx, finite=not diverged)
        return Runs(corpus, model, training, params=params, optimizer_step=config["optimizer_step"], **arrays)  # type: ignore[arg-type]
    except (KeyError, TypeError, HeadlabError) as error:
        raise WeightsError(
            f"{CONFIG} must describe the weights beside it, got {error} in {str(folder)!r}: train again"
        ) from None


def _config(folder: Path) -> dict[str, Any]:
    try:
        config = json.loads(_read(folder / CONFIG))
    except ValueError as error:
        if isinstance(error, HeadlabError):
            raise
        raise WeightsError(f"{CONFIG} must be JSON, got {error} in {str(folder)!r}: train again") from None
    if not isinstance(config, dict) or not isinstance(config.get("format"), int):
        raise WeightsError(
            f"{CONFIG} must be headlab's, got something else in {str(folder)!r}: name a folder made by save"
        )
    if config["format"] > FORMAT:
        raise WeightsError(f"{CONFIG} must be of format {FORMAT} or older, got {config['format']}: update headlab")
    return config


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise WeightsError(
            f"saved runs must have a readable {path.name}, got {error.strerror} in {str(path.parent)!r}"
        ) from None
