"""What is trained and how: records, frozen, validated whole, with a JSON round trip."""

from headlab.config.model import ModelConfig
from headlab.config.training import DTYPES, HAVE, LOSSES, NOTEBOOK_PHASES, OPTIMIZERS, Phase, Plateau, TrainConfig

MAX_RUNS = 10_000_000

__all__ = [
    "DTYPES",
    "HAVE",
    "LOSSES",
    "MAX_RUNS",
    "NOTEBOOK_PHASES",
    "OPTIMIZERS",
    "ModelConfig",
    "Phase",
    "Plateau",
    "TrainConfig",
]
