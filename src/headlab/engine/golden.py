"""What trainings are held to: the settings of golden.json, and the hashes of the weights that they end with.

A setting says what differs from `model` and `training` at the top of the file. The kernel's own test reads the same file.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from headlab.arrays import Array, Int, Shaped
from headlab.config import ModelConfig, TrainConfig
from headlab.config.model import Shape
from headlab.model.order import reordered_flat

FILE: dict[str, Any] = json.loads(Path(__file__).with_suffix(".json").read_text(encoding="utf-8"))


@dataclass(frozen=True)
class Golden:
    """A named setting of the notebook's sentences; sha256 [of `many` and of `few` seeds]: of the weights that they end with."""

    name: str
    model: ModelConfig
    training: TrainConfig
    sha256: Mapping[str, str]

    @classmethod
    def all_of(cls, file: Mapping[str, Any]) -> list[Self]:
        """Return the settings of a file, as it was read.

        >>> [golden.name for golden in Golden.all_of(FILE)][:2]
        ['d_head 1', 'd_head 10']
        """
        return [
            cls(
                setting["name"],
                ModelConfig.from_dict({**file["model"], **setting["model"]}),
                TrainConfig.from_dict({**file["training"], **setting["training"]}),
                setting["sha256"],
            )
            for setting in file["settings"]
        ]


def sha256(weights: Shaped[Array, "run weight"], order: Int[Array, " d_vocab"], shape: Shape) -> str:
    """Return the hash of flat weights [run, weight]: as float32 in training order, little-endian, run after run."""
    return hashlib.sha256(reordered_flat(weights, order, shape).astype("<f4").tobytes()).hexdigest()
