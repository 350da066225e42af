"""What is trained and how: records, frozen, validated whole, with a JSON round trip."""

from headlab.config.fields import Field
from headlab.config.model import ModelConfig, Shape, Sized
from headlab.config.phase import Phase
from headlab.config.plateau import Plateau
from headlab.config.settings import DTYPES, HAVE, LOSSES, OPTIMIZERS
from headlab.config.training import NOTEBOOK_PHASES, TrainConfig
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
    "Field",
    "ModelConfig",
    "Phase",
    "Plateau",
    "Shape",
    "Sized",
    "TrainConfig",
    "Weight",
]
