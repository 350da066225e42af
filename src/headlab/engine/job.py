"""What the kernel trains: token ids, targets and their weights, the model, the training."""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from headlab.config import ModelConfig, Shape, TrainConfig
from headlab.config.record import gathered
from headlab.config.settings import DEFAULTS
from headlab.data.dataset import Dataset
from headlab.data.stream import missing_told
from headlab.errors import ConfigError, Problem
from headlab.model.losses import LossPlaces

if TYPE_CHECKING:
    from headlab.data.corpus import Corpus
    from headlab.data.stream import Stream

Ids = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Job:
    """What the kernel trains: ids [sequence, position] (-1 is padding, or no target), the model, the training.

    weights: of the targets in the loss, Σ w·l / Σ w [sequence, position]; all alike when left out
    stream: what training draws batches from, where it does; tokens and targets are then some examples to look at
    d_vocab_out: how many outputs there are, where targets are no tokens

    Raises `ConfigError` for weights that no loss can have, and where what is frozen is not there.
    """

    tokens: Ids
    targets: Ids
    d_vocab: int
    model: ModelConfig
    training: TrainConfig
    weights: NDArray[np.floating[Any]] | None = None
    stream: "Stream | None" = None
    d_vocab_out: int | None = None

    def __post_init__(self) -> None:
        problems: list[Problem] = []
        shape = gathered(problems, lambda: self.shape)
        problems += self.training.frozen_problems(shape.weights) if shape is not None else []
        gathered(problems, self.loss_places)
        problems += _without(self.training) if self.stream is None else _drawn(self.training, self.stream)
        if problems:
            raise ConfigError(problems)

    @property
    def n_ctx(self) -> int:
        """The number of positions."""
        return self.tokens.shape[1]

    @cached_property
    def shape(self) -> Shape:
        """The model on these tokens, every size known."""
        return self.model.on(self)

    def loss_places(self) -> LossPlaces:
        """Return where the loss is taken, and what each place's share of it is."""
        return LossPlaces.of(self.targets, self.weights)

    @classmethod
    def of(cls, given: "Corpus | Dataset", model: ModelConfig, training: TrainConfig) -> "Job":
        """Return what is to be trained on a corpus, or on a dataset, which may be drawn from a stream."""
        corpus, stream = (given.corpus, given.stream) if isinstance(given, Dataset) else (given, None)
        batch = corpus.batch
        sizes = batch.d_vocab, model, training, batch.weights, stream, batch.d_vocab_out
        return cls(batch.tokens, batch.targets, *sizes)


_OF_STREAMS = (
    "batch_size",
    "data_seed",
    "data_per_run",
    "evaluate_every",
)  # settings that a fixed batch has no use for


def _without(training: TrainConfig) -> list[Problem]:
    """Return what of a training goes with data that is drawn, where there is none."""
    asked = [name for name in _OF_STREAMS if getattr(training, name) != DEFAULTS[name]]
    asked += [name for phase in training.phases for name in phase.changes if name in _OF_STREAMS]
    asked += ["size" for phase in training.phases if phase.size is not None]
    return [
        Problem(
            f"{name} goes with a dataset that draws its examples, got a corpus, which is one batch: leave it out", name
        )
        for name in dict.fromkeys(asked)
    ]


def _drawn(training: TrainConfig, stream: "Stream") -> list[Problem]:
    """Return what is wrong with a training on examples that are drawn."""
    if stream.is_missing:
        return [missing_told(stream.name)]
    numbers = [at for at, phase in enumerate(training.phases) if phase.steps]
    problems = []
    if any(training.settings(at).batch_size is None for at in numbers):
        said = (
            "batch_size must say how many examples a step sees, got none, and the dataset draws them: give it, like 128"
        )
        problems.append(Problem(said, "batch_size"))
    largest = max((training.settings(at).batch_size or 0 for at in numbers), default=0)
    if stream.n_rows is not None and largest > stream.n_rows:
        problems.append(stream.too_few_rows(stream.n_rows, largest))
    looks = training.steps // training.evaluate_every + 1 if training.evaluate_every else 0
    if training.stop_at is not None and training.stop_count > looks:
        said = f"stop_count must be at most the {looks:,} evaluations of {training.steps:,} steps, got {training.stop_count:,}"
        problems.append(Problem(f"{said}: evaluate more often, or ask for fewer", "stop_count"))
    return problems
