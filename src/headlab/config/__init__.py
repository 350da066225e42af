"""What is trained and how: records, frozen, validated whole, with a JSON round trip."""

from headlab.config.model import ModelConfig, Shape, Sized
from headlab.config.training import DTYPES, HAVE, LOSSES, NOTEBOOK_PHASES, OPTIMIZERS, Phase, Plateau, TrainConfig
from headlab.config.weights import WEIGHTS, Weight

MAX_RUNS = 10_000_000

__all__ = [
    "DTYPES",
    "HAVE",
    "LOSSES",
    "MAX_RUNS",
    "NOTEBOOK_PHASES",
    "OPTIMIZERS",
    "WEIGHTS",
    "ModelConfig",
    "Phase",
    "Plateau",
    "Shape",
    "Sized",
    "TrainConfig",
    "Weight",
]
