"""What the kernel trains: token ids, targets and their weights, the model, the training."""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from headlab.config import ModelConfig, Shape, TrainConfig
from headlab.config.record import gathered
from headlab.config.settings import DEFAULTS, LATER
from headlab.data.dataset import Dataset
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
        if self.stream is not None:
            said = f"training must have a corpus for now, got the stream of {self.stream.name or 'no name'}"
            problems.append(Problem(f"{said}: train on its corpus, some examples in every step", "corpus"))
        shape = gathered(problems, lambda: self.shape)
        problems += self.training.frozen_problems(shape.weights) if shape is not None else []
        gathered(problems, self.loss_places)
        problems += _not_yet(self.training)
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


def _not_yet(training: TrainConfig) -> list[Problem]:
    """Return what of a training is known, and not computed yet."""
    asked = [name for name in LATER if getattr(training, name) != DEFAULTS[name]]
    phases = [name for phase in training.phases for name in {**phase.changes, **phase.to_dict()} if name in _OF_PHASES]
    held_out = (
        ["on"] if any(phase.plateau is not None and phase.plateau.on != "training" for phase in training.phases) else []
    )
    return [
        Problem(
            f"{name} must be left out in this version, which cannot train with it yet, got a value: leave it out", name
        )
        for name in dict.fromkeys([*asked, *phases, *held_out])
    ]


_OF_PHASES = (*LATER, "rate", "warmup", "reset", "size")
