"""What names a run: a hash over what makes it the run that it is, and over nothing else. See docs/decisions/identity.md."""

from dataclasses import dataclass, fields
from typing import Any

from headlab.config import ModelConfig, Phase, Plateau, TrainConfig
from headlab.config.numerics import NUMERICS
from headlab.data.dataset import Dataset, Trainable
from headlab.study.hashes import canonical_digest

DIGITS = 16  # of a condition's identity


@dataclass(frozen=True)
class Data:
    """What a condition is trained on, as far as it names its runs: a hash of it, and how many tokens there are."""

    sha: str
    d_vocab: int

    @classmethod
    def of(cls, given: Trainable, numerics: int = NUMERICS) -> "Data":
        """Hash what of a dataset makes runs on it what they are, and their grades: no spelling, no label, no name, no id."""
        dataset = Dataset.of(given)
        return cls(canonical_digest(dataset.identity_fields(numerics)), dataset.d_vocab)


def run_identity(model: ModelConfig, training: TrainConfig, data: Data, numerics: int = NUMERICS) -> str:
    """Return what names the runs of a condition, each with its seed: 16 hex digits.

        SHA-256 of the canonical JSON of {data, model, numerics, training}

    model, training: the fields that differ from their defaults; a d_model that is what it would be is none of them
    data: the SHA-256 of the canonical JSON of `Dataset.identity_fields`

    >>> from headlab.data.corpus import Corpus
    >>> run_identity(ModelConfig(), TrainConfig(), Data.of(Corpus.notebook()))
    'b49e46c36834f225'
    """
    settings = {"model": model_of(model, data.d_vocab), "training": training_of(training)}
    return canonical_digest({**settings, "data": data.sha, "numerics": numerics})[:DIGITS]


def model_of(model: ModelConfig, d_vocab: int) -> dict[str, Any]:
    """Return the fields of a model that differ from what they are when left out.

    >>> model_of(ModelConfig(d_head=10, d_model=7), 7)
    {'d_head': 10}
    """
    return differences(model, type(model)(d_model=d_vocab if model.d_model == d_vocab else None))


def training_of(training: TrainConfig) -> dict[str, Any]:
    """Return the fields of a training that differ from what they are when left out; phases likewise.

    >>> training_of(TrainConfig(optimizer="adam", phases=(Phase(5, Plateau(patience=3)), Phase(6))))
    {'optimizer': 'adam', 'phases': [{'steps': 5, 'plateau': {'patience': 3}}, {'steps': 6}]}
    """
    usual = type(training)(optimizer=training.optimizer)  # an optimizer brings its learning rate
    found = differences(training, usual)
    if training.optimizer != TrainConfig().optimizer:
        found = {"optimizer": training.optimizer, **found}
    if "phases" in found:
        found["phases"] = [phase_of(phase) for phase in training.phases]
    return found


def phase_of(phase: Phase) -> dict[str, Any]:
    """Return the fields of a phase, and of its plateau, that differ from what they are when left out."""
    found = {"steps": phase.steps, **differences(phase, Phase(phase.steps))}
    if phase.plateau is not None:
        found["plateau"] = differences(phase.plateau, Plateau())
    return found


def differences(record: Any, usual: Any) -> dict[str, Any]:
    """Return the fields in which a record differs from another one of its kind, as they are in the first."""
    names = (item.name for item in fields(record))
    return {name: getattr(record, name) for name in names if getattr(record, name) != getattr(usual, name)}
