"""What a training is set to, field by field: how gradients become steps, on which data, and when a run has reached its goal."""

import dataclasses
from dataclasses import dataclass
from typing import Any

from headlab.config.fields import choice, flag, names, real, whole
from headlab.config.record import Checked
from headlab.config.weights import WEIGHTS

OPTIMIZERS = ("sgd", "rmsprop", "adam", "adamw")
LOSSES = ("softmax", "normalized_sigmoid")
DTYPES = ("float32", "float64")
NAMES = tuple(weight.name for weight in WEIGHTS)


@dataclass(frozen=True)
class Settings(Checked):
    """The fields of a training, without its phases; see `TrainConfig`, which has them all."""

    optimizer: str = choice(
        "sgd", OPTIMIZERS, label="optimiser", help="How a gradient becomes a step, by Keras' definitions."
    )
    # A number from the first line of its making on.
    learning_rate: float = real(
        None, 0.0, usual="Keras' for the optimiser: sgd 0.01, the others 0.001", label="learning rate",
        help="How far a step goes; of the first step, where a schedule reduces it.",
    )  # fmt: skip
    phases: tuple[Any, ...] = ()  # those of a training
    loss: str = choice(
        "softmax", LOSSES, label="loss",
        help="What training makes small: softmax of the logits, as the notebook does, or sigmoid outputs divided by their sum.",
    )  # fmt: skip
    momentum: float = real(
        0.0, 0.0, 1.0, optimizers=("sgd", "rmsprop"), label="momentum", help="How much of the last step goes on."
    )
    nesterov: bool = flag(
        False, optimizers=("sgd",), label="Nesterov", help="The gradient is taken ahead, where the momentum leads."
    )
    rho: float = real(
        0.9, 0.0, 1.0, optimizers=("rmsprop",), label="rho", help="How much of the mean square of gradients is kept."
    )
    centered: bool = flag(
        False, optimizers=("rmsprop",), label="centered", help="Divide by the spread of gradients, not by their size."
    )
    beta_1: float = real(
        0.9, 0.0, 1.0, open_high=True, optimizers=("adam", "adamw"), label="beta 1",
        help="How much of the mean gradient is kept.",
    )  # fmt: skip
    beta_2: float = real(
        0.999, 0.0, 1.0, open_high=True, optimizers=("adam", "adamw"), label="beta 2",
        help="How much of the mean square of gradients is kept.",
    )  # fmt: skip
    epsilon: float = real(
        1e-7, 0.0, optimizers=("rmsprop", "adam", "adamw"), label="epsilon",
        help="Added to what the gradient is divided by, so that it is never 0.",
    )  # fmt: skip
    weight_decay: float = real(
        0.004,
        0.0,
        optimizers=("adamw",),
        label="weight decay",
        help="How fast weights shrink, times the learning rate.",
    )
    l2: float = real(
        0.0,
        0.0,
        lab=False,
        label="L2",
        help="How much of a weight is added to its gradient, as in a loss with l2/2 · w².",
    )
    decayed: tuple[str, ...] | None = names(
        None, NAMES, usual="all", lab=False, label="decayed", help="The weights that weight_decay and l2 shrink."
    )
    clip: float | None = real(
        None, 0.0, open_low=True, usual="none", lab=False, label="clipping",
        help="How long the gradient of all weights that move may be; a longer one is made as long as this.",
    )  # fmt: skip
    batch_size: int | None = whole(
        None, 1, 2**20, usual="the whole corpus", lab=False, label="batch size",
        help="How many examples a step sees, fresh ones each; of a dataset that draws them.",
    )  # fmt: skip
    data_seed: int = whole(
        0, 0, 2**64 - 1, lab=False, label="data seed",
        help="What the examples are drawn from: example k is the same for every run and every batch size.",
    )  # fmt: skip
    data_per_run: bool = flag(
        False, lab=False, label="data per run",
        help="Each run sees examples of its own, from data_seed + its seed; runs are trained one by one then.",
    )  # fmt: skip
    evaluate_every: int = whole(
        0, lab=False, label="evaluate every", help="Steps from one look at held-out examples to the next; 0: none."
    )
    evaluate_on: int = whole(
        1024, 1, 2**24, lab=False, label="evaluate on", help="How many held-out examples there are."
    )
    stop_at: float | None = real(
        None, 0.0, 1.0, usual="no goal", lab=False, label="stop at",
        help="A run has reached its goal when this share of what is held out is right.",
    )  # fmt: skip
    stop_count: int = whole(
        1, 1, lab=False, label="stop count", help="How many evaluations in a row must reach stop_at before a run stops."
    )
    dtype: str = choice("float32", DTYPES, label="numbers", help="The numbers that are computed with, 4 bytes or 8.")


DEFAULTS = {item.name: item.default for item in dataclasses.fields(Settings)}
KINDS: dict[str, Any] = {item.name: item.type for item in dataclasses.fields(Settings)}
# What no phase changes.
FIXED = (
    "phases",
    "data_seed",
    "data_per_run",
    "evaluate_every",
    "evaluate_on",
    "stop_at",
    "stop_count",
    "dtype",
)
CHANGEABLE = tuple(name for name in DEFAULTS if name not in FIXED)
# Which optimisers have an option. One that is given to another would do nothing, and is refused.
HAVE = {row.name: row.optimizers for row in Settings.table() if row.optimizers is not None}
LATER = tuple(row.name for row in Settings.table() if not row.lab)  # fields that say nothing where they are as usual
