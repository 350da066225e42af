"""A run that a file names, as it is to be trained again, and how it ended when it was."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from headlab.config.seeds import is_seed
from headlab.engine.job import Job
from headlab.errors import ConfigError, Problem
from headlab.notation.values import short_repr
from headlab.runs.experiment import Experiment


@dataclass(frozen=True)
class Setting:
    """What runs that differ in their seed have in common: the lab's fields but the seed, as canonical JSON."""

    text: str

    @classmethod
    def of(cls, fields: Mapping[str, Any]) -> "Setting":
        """Take it from the lab's fields.

        >>> Setting.of({"d_head": 10, "seed": 5}).text
        '{"d_head": 10}'
        """
        rest = {name: _plain(value) for name, value in fields.items() if name != "seed"}
        return cls(json.dumps(rest, sort_keys=True))

    @property
    def fields(self) -> Mapping[str, Any]:
        """The fields, as plain values."""
        return _fields(self)

    def without(self, name: str) -> "Setting":
        """Return what settings have in common that differ in one field."""
        return _without(self, name)

    @property
    def experiment(self) -> Experiment:
        """What is trained, of some seed; raises `ConfigError`."""
        return _experiment(self)

    @property
    def job(self) -> Job:
        """The same for the kernel; raises `ConfigError`."""
        return _job(self)


@dataclass(frozen=True)
class Asked:
    """A run to be trained again."""

    setting: Setting
    seed: int

    @classmethod
    def of(cls, fields: Mapping[str, Any]) -> "Asked":
        """Take it from the lab's fields; raises `ConfigError` for what cannot be trained."""
        if not is_seed(fields["seed"]):
            said = f"seed must be a whole number from 0 to 2**64 - 1, got {short_repr(fields['seed'])}"
            raise ConfigError(Problem(said, "seed"))
        setting = Setting.of(fields)
        _experiment(setting)
        return cls(setting, int(fields["seed"]))


@dataclass(frozen=True)
class Ended:
    """How a run ended that was trained again; mechanism: by which it works, empty where nobody asked or nothing is to explain."""

    asked: Asked
    grade: str
    loss: float
    finished: bool
    mechanism: str = ""


def _plain(value: Any) -> Any:
    """Return a number as it is written one way: 1.0 and 1 are one setting, as they are on the page."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


@lru_cache(maxsize=20_000)
def _fields(setting: Setting) -> Mapping[str, Any]:
    found: dict[str, Any] = json.loads(setting.text)
    return found


@lru_cache(maxsize=20_000)
def _without(setting: Setting, name: str) -> Setting:
    return Setting.of({other: value for other, value in setting.fields.items() if other != name})


@lru_cache(maxsize=20_000)
def _experiment(setting: Setting) -> Experiment:
    return Experiment.of({**setting.fields, "seed": 0})


@lru_cache(maxsize=20_000)
def _job(setting: Setting) -> Job:
    experiment = setting.experiment
    return Job.of(experiment.dataset, experiment.model, experiment.training)
