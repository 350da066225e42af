"""How a model is trained: `TrainConfig` and its phases. The defaults are the notebook's: SGD 0.01 for 10 + 5,000 (reduced on
plateau) + 10 steps.
"""

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import InitVar, dataclass, field
from functools import partial
from typing import Any, Self

from headlab.config.record import Checked, choice, flag, gathered, real_number, whole_number
from headlab.errors import ConfigError
from headlab.notation.values import brief

OPTIMIZERS = ("sgd", "rmsprop", "adam", "adamw")
LOSSES = ("softmax", "normalized_sigmoid")
DTYPES = ("float32", "float64")


@dataclass(frozen=True)
class Plateau(Checked):
    """Reduce the learning rate when the loss stops falling, exactly as Keras 2's ReduceLROnPlateau does.

    An epoch improves when loss < best - min_delta, in float64 on the float32 loss; after `patience` epochs in a row
    without improvement the rate becomes max(rate · factor, min_rate) from the next step on.
    `best` and the count start afresh in every phase; the rate does not.
    min_rate: 0.0001 when left out; Keras' name for it, min_lr, is understood as well
    Source: tf-keras, callbacks.ReduceLROnPlateau.

    >>> Plateau().patience, Plateau().min_rate, Plateau(min_lr=0).min_rate
    (10, 0.0001, 0.0)
    """

    factor: float = 0.2
    patience: int = 10
    min_rate: float = field(default=None)  # type: ignore[assignment]  # a number from the first line of its making on
    min_delta: float = 0.0001
    cooldown: int = 0
    min_lr: InitVar[float | None] = None

    _also = ("min_lr",)

    def __post_init__(self, min_lr: float | None) -> None:
        if min_lr is not None and self.min_rate is not None:
            raise ConfigError(
                f"min_rate and min_lr are one field, got {brief(self.min_rate)} and {brief(min_lr)}: leave one out"
            )
        if self.min_rate is None:
            object.__setattr__(self, "min_rate", 0.0001 if min_lr is None else min_lr)
        super().__post_init__()

    def replace(self, **changes: Any) -> Self:
        """Return a copy with some fields changed; raises `ConfigError`."""
        return super().replace(**({"min_rate": None} if "min_lr" in changes else {}) | changes)

    def _problems(self) -> list[str]:
        return [
            *real_number("factor", self.factor, 0.0, 1.0, open_high=True),
            *whole_number("patience", self.patience, 0, 10**9),
            *real_number("min_rate", self.min_rate, 0.0),
            *real_number("min_delta", self.min_delta, 0.0),
            *whole_number("cooldown", self.cooldown, 0, 10**9),
        ]


@dataclass(frozen=True)
class Phase(Checked):
    """A stretch of training: a number of steps, with or without reduction on a plateau.

    >>> Phase(10).plateau is None
    True
    """

    steps: int
    plateau: Plateau | None = None

    def _problems(self) -> list[str]:
        wrong = self.plateau is not None and not isinstance(self.plateau, Plateau)
        return [
            *whole_number("steps", self.steps, 0, 10**9),
            *([f"plateau must be a Plateau or None, got {brief(self.plateau)}"] if wrong else []),
        ]


NOTEBOOK_PHASES = (Phase(10), Phase(5000, Plateau()), Phase(10))


# Which optimisers have an option. One that is given to another would do nothing, and is refused.
HAVE = {
    "momentum": ("sgd", "rmsprop"),
    "nesterov": ("sgd",),
    "rho": ("rmsprop",),
    "centered": ("rmsprop",),
    "beta_1": ("adam", "adamw"),
    "beta_2": ("adam", "adamw"),
    "epsilon": ("rmsprop", "adam", "adamw"),
    "weight_decay": ("adamw",),
}
FIRST_RATE = {"sgd": 0.01, "rmsprop": 0.001, "adam": 0.001, "adamw": 0.001}


@dataclass(frozen=True)
class TrainConfig(Checked):
    """How a model is trained: Keras' optimisers, with Keras' definitions and defaults.

    optimizer: one of sgd, rmsprop, adam, adamw
    learning_rate: of the first step, Keras' for the optimiser when left out (sgd 0.01, the others 0.001); `phases` may
        reduce it
    phases: trained one after the other
    loss: softmax (cross-entropy on the logits: what the notebook trains) or normalized_sigmoid (what the same script
    minimises under Keras 3 on JAX or PyTorch)
    momentum: sgd and rmsprop; nesterov: sgd with a momentum; rho, centered: rmsprop; beta_1, beta_2: adam and adamw;
    epsilon: all but sgd; weight_decay: adamw. An optimiser takes no option that it has not.
    dtype: float32 or float64

    Raises `ConfigError`, which lists all wrong fields.

    >>> TrainConfig().steps, TrainConfig().learning_rate, TrainConfig(optimizer="adam").learning_rate
    (5020, 0.01, 0.001)
    >>> TrainConfig.of(steps=100, learning_rate=0.1).phases
    (Phase(steps=100, plateau=None),)
    """

    optimizer: str = "sgd"
    learning_rate: float = field(default=None)  # type: ignore[assignment]  # a number from the first line of its making on
    phases: tuple[Phase, ...] = NOTEBOOK_PHASES
    loss: str = "softmax"
    momentum: float = 0.0
    nesterov: bool = False
    rho: float = 0.9
    centered: bool = False
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-7
    weight_decay: float = 0.004
    dtype: str = field(default="float32")

    def __post_init__(self) -> None:
        object.__setattr__(self, "_rate_left_out", self.learning_rate is None)
        if self.learning_rate is None:
            known = isinstance(self.optimizer, str) and self.optimizer in FIRST_RATE
            object.__setattr__(self, "learning_rate", FIRST_RATE[self.optimizer] if known else FIRST_RATE["sgd"])
        if isinstance(self.phases, list):
            object.__setattr__(self, "phases", tuple(self.phases))
        super().__post_init__()

    def replace(self, **changes: Any) -> Self:
        """Return a copy with some fields changed; a learning rate that was left out is that of the new optimiser.

        >>> TrainConfig().replace(optimizer="adam").learning_rate
        0.001
        >>> TrainConfig(learning_rate=0.05).replace(optimizer="adam").learning_rate
        0.05
        """
        return super().replace(**({"learning_rate": None} if self.rate_left_out else {}) | changes)

    @property
    def rate_left_out(self) -> bool:
        """Whether the learning rate is the optimiser's own because none was given."""
        return bool(vars(self)["_rate_left_out"])

    @classmethod
    def of(cls, *, steps: int, plateau: Plateau | None = None, **fields: Any) -> Self:
        """Build a configuration with a single phase of `steps` steps; raises `ConfigError`."""
        problems: list[str] = []
        phases = gathered(problems, lambda: (Phase(steps, plateau),))
        built = gathered(problems, lambda: cls.from_dict({**fields, "phases": phases or ()}))
        if problems or built is None:
            raise ConfigError(problems)
        return built

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Self:
        """Build the record from plain JSON values; raises `ConfigError` for an unknown or wrong field."""
        given: Any = dict(fields) if isinstance(fields, Mapping) else fields
        problems: list[str] = []
        if isinstance(fields, Mapping) and isinstance(fields.get("phases"), list | tuple):
            phases = [gathered(problems, partial(_phase, item)) for item in fields["phases"]]
            given["phases"] = () if problems else tuple(phases)
        built = gathered(problems, lambda: super(TrainConfig, cls).from_dict(given))
        if problems or built is None:
            raise ConfigError(problems)
        return built

    @property
    def steps(self) -> int:
        """The number of steps of all phases together."""
        return sum(phase.steps for phase in self.phases)

    def _problems(self) -> list[str]:
        phases_fit = isinstance(self.phases, tuple) and all(isinstance(phase, Phase) for phase in self.phases)
        return [
            *choice("optimizer", self.optimizer, OPTIMIZERS),
            *real_number("learning_rate", self.learning_rate, 0.0),
            *([] if phases_fit else [f"phases must be a tuple of Phase, got {brief(self.phases)}"]),
            *choice("loss", self.loss, LOSSES),
            *real_number("momentum", self.momentum, 0.0, 1.0),
            *flag("nesterov", self.nesterov),
            *real_number("rho", self.rho, 0.0, 1.0),
            *flag("centered", self.centered),
            *real_number("beta_1", self.beta_1, 0.0, 1.0, open_high=True),
            *real_number("beta_2", self.beta_2, 0.0, 1.0, open_high=True),
            *real_number("epsilon", self.epsilon, 0.0),
            *real_number("weight_decay", self.weight_decay, 0.0),
            *choice("dtype", self.dtype, DTYPES),
            *self._misplaced(),
        ]

    def _misplaced(self) -> Iterator[str]:
        """Yield the options that would do nothing."""
        defaults = {item.name: item.default for item in dataclasses.fields(self)}
        known = isinstance(self.optimizer, str) and self.optimizer in OPTIMIZERS
        for name, have in HAVE.items() if known else ():
            value, where = getattr(self, name), f"{name} goes with {' and '.join(have)}"
            other = type(value) is type(defaults[name]) and value != defaults[name]  # no number: said already
            if self.optimizer not in have and other:
                yield f"{where}, and the optimizer is {self.optimizer}, got {brief(value)}: leave it out"
        if known and self.optimizer == "sgd" and self.nesterov is True and self.momentum == 0:
            yield "nesterov goes with a momentum above 0, got momentum 0: give a momentum, or leave nesterov out"


def _phase(item: Any) -> Phase:
    if not isinstance(item, Mapping):
        return item  # reported by TrainConfig._problems
    given, problems = dict(item), list[str]()
    if isinstance(given.get("plateau"), Mapping):
        given["plateau"] = gathered(problems, lambda: Plateau.from_dict(item["plateau"]))
    built = gathered(problems, lambda: Phase.from_dict(given))
    if problems or built is None:
        raise ConfigError(problems)
    return built
