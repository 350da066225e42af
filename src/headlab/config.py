"""What is trained and how: `ModelConfig` and `TrainConfig`, frozen, validated whole, with a JSON round trip.

The defaults are the notebook's: one layer, one head of size 20, no W_O, no W_U, residual, causal mask, learned
positions; SGD 0.01 for 10 + 5,000 (reduced on plateau) + 10 steps.
"""

import dataclasses
import difflib
import json
import math
import numbers
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from headlab.errors import ConfigError, brief

OPTIMIZERS = ("sgd", "rmsprop", "adam", "adamw")
LOSSES = ("softmax", "normalized_sigmoid")
DTYPES = ("float32", "float64")
MAX_RUNS = 10_000_000


def nearest(name: str, known: Sequence[str]) -> str:
    """Return a hint for an unknown name: the known one that is most like it, or all of them.

    >>> nearest("d_heads", ["d_head", "d_model"])
    'did you mean d_head?'
    """
    near = difflib.get_close_matches(name, known, 1)
    return f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}"


def _refuse_unknown(cls: type, given: Any, *, whole: bool = True) -> None:
    if not isinstance(given, Mapping):
        raise ConfigError(f"{cls.__name__} must be fields and their values, got {brief(given)}")
    known = [item.name for item in dataclasses.fields(cls)]
    problems = []
    for name in given:
        if name not in known:
            problems.append(f"{cls.__name__} has no field {brief(name)}: {nearest(str(name), known)}")
    for item in dataclasses.fields(cls) if whole else ():
        if item.name not in given and item.default is dataclasses.MISSING:
            problems.append(f"{cls.__name__} must have a field {item.name}, got none")
    if problems:
        raise ConfigError(problems)


def _plain_number(value: Any) -> Any:
    # NumPy's numbers are welcome: np.arange(10, 50, 10) is a natural list of head sizes.
    if isinstance(value, bool | int | float):
        return value
    if isinstance(value, numbers.Integral):
        return int(value)
    return float(value) if isinstance(value, numbers.Real) else value


def _whole(name: str, value: Any, low: int, high: int) -> list[str]:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        return [f"{name} must be a whole number from {low} to {high}, got {brief(value)}"]
    return []


def _number(name: str, value: Any, low: float, high: float = math.inf, *, open_high: bool = False) -> list[str]:
    fits = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= sys.float_info.max
    if fits and low <= value <= high and not (open_high and value == high):
        return []
    bound = f"at least {low:g}" if high == math.inf else f"from {low:g} to {'below ' if open_high else ''}{high:g}"
    return [f"{name} must be a finite number {bound}, got {brief(value)}"]


def _flag(name: str, value: Any) -> list[str]:
    return [] if isinstance(value, bool) else [f"{name} must be True or False, got {brief(value)}"]


def _choice(name: str, value: Any, known: tuple[str, ...]) -> list[str]:
    return [] if value in known else [f"{name} must be one of {', '.join(known)}, got {brief(value)}"]


@dataclass(frozen=True)
class _Checked:
    """A frozen record that lists every problem of its fields at once."""

    def __post_init__(self) -> None:
        for item in dataclasses.fields(self):
            object.__setattr__(self, item.name, _plain_number(getattr(self, item.name)))
        problems = list(self._problems())
        if problems:
            raise ConfigError(problems)

    def _problems(self) -> list[str]:
        raise NotImplementedError

    def replace(self, **changes: Any) -> Self:
        """Return a copy with some fields changed; raises `ConfigError` for an unknown field.

        >>> ModelConfig().replace(d_head=40).d_head
        40
        """
        _refuse_unknown(type(self), changes, whole=False)
        return dataclasses.replace(self, **changes)

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain JSON values."""
        plain: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(self)))
        return plain

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Self:
        """Build the record from plain JSON values; raises `ConfigError` for an unknown or wrong field.

        >>> ModelConfig.from_dict(ModelConfig(d_head=10).to_dict()) == ModelConfig(d_head=10)
        True
        """
        _refuse_unknown(cls, fields)
        return cls(**fields)


@dataclass(frozen=True)
class ModelConfig(_Checked):
    """The shape of the model.

    d_head: width of queries and keys (and of values when `factored_values`); scores are scaled by 1/sqrt(d_head)
    n_heads, n_layers: attention heads in a layer, layers
    d_model: width of the residual stream; None means d_vocab, the only choice without `unembed`
    factored_values: values are W_V [d_model, d_head] times W_O [d_head, d_model] instead of one full W_V [d_model, d_model]
    unembed: logits are resid · W_U instead of the residual stream itself
    residual, positions, causal: the residual connection, the learned positions, the causal mask
    init_scale: factor on every initial weight

    Raises `ConfigError`, which lists all wrong fields.

    >>> ModelConfig(d_head=10)
    ModelConfig(d_head=10, n_heads=1, n_layers=1, d_model=None, factored_values=False, unembed=False, residual=True, \
positions=True, causal=True, init_scale=1.0)
    """

    d_head: int = 20
    n_heads: int = 1
    n_layers: int = 1
    d_model: int | None = None
    factored_values: bool = False
    unembed: bool = False
    residual: bool = True
    positions: bool = True
    causal: bool = True
    init_scale: float = 1.0

    @property
    def scale(self) -> float:
        """The factor on the scores, 1/sqrt(d_head)."""
        return 1.0 / math.sqrt(self.d_head)

    def width(self, d_vocab: int) -> int:
        """Return d_model for a vocabulary; raises `ConfigError` when d_model ≠ d_vocab without a W_U."""
        d_model = d_vocab if self.d_model is None else self.d_model
        if d_model != d_vocab and not self.unembed:
            raise ConfigError(
                f"d_model must equal d_vocab = {d_vocab} when there is no W_U (the residual stream is the logits), "
                f"got {d_model}: leave d_model out, or ask for a learned unembedding with unembed=True"
            )
        return d_model

    def _problems(self) -> list[str]:
        return [
            *_whole("d_head", self.d_head, 1, 65_536),
            *_whole("n_heads", self.n_heads, 1, 1_024),
            *_whole("n_layers", self.n_layers, 1, 1_024),
            *([] if self.d_model is None else _whole("d_model", self.d_model, 1, 65_536)),
            *_flag("factored_values", self.factored_values),
            *_flag("unembed", self.unembed),
            *_flag("residual", self.residual),
            *_flag("positions", self.positions),
            *_flag("causal", self.causal),
            *_number("init_scale", self.init_scale, 0.0),
        ]


@dataclass(frozen=True)
class Plateau(_Checked):
    """Reduce the learning rate when the loss stops falling, exactly as Keras 2's ReduceLROnPlateau does.

    An epoch improves when loss < best - min_delta, in float64 on the float32 loss; after `patience` epochs in a row
    without improvement the rate becomes max(rate · factor, min_rate) from the next step on.
    `best` and the count start afresh in every phase; the rate does not.
    Source: tf-keras, callbacks.ReduceLROnPlateau.

    >>> Plateau().patience
    10
    """

    factor: float = 0.2
    patience: int = 10
    min_rate: float = 0.0001
    min_delta: float = 0.0001
    cooldown: int = 0

    def _problems(self) -> list[str]:
        return [
            *_number("factor", self.factor, 0.0, 1.0, open_high=True),
            *_whole("patience", self.patience, 0, 10**9),
            *_number("min_rate", self.min_rate, 0.0),
            *_number("min_delta", self.min_delta, 0.0),
            *_whole("cooldown", self.cooldown, 0, 10**9),
        ]


@dataclass(frozen=True)
class Phase(_Checked):
    """A stretch of training: a number of steps, with or without reduction on a plateau.

    >>> Phase(10).plateau is None
    True
    """

    steps: int
    plateau: Plateau | None = None

    def _problems(self) -> list[str]:
        wrong = self.plateau is not None and not isinstance(self.plateau, Plateau)
        return [
            *_whole("steps", self.steps, 0, 10**9),
            *([f"plateau must be a Plateau or None, got {brief(self.plateau)}"] if wrong else []),
        ]


NOTEBOOK_PHASES = (Phase(10), Phase(5000, Plateau()), Phase(10))


@dataclass(frozen=True)
class TrainConfig(_Checked):
    """How a model is trained: Keras' optimisers, with Keras' definitions and defaults.

    optimizer: one of sgd, rmsprop, adam, adamw
    learning_rate: of the first step; `phases` may reduce it
    phases: trained one after the other
    loss: softmax (cross-entropy on the logits: what the notebook trains) or normalized_sigmoid (what the same script
    minimises under Keras 3 on JAX or PyTorch)
    momentum: sgd and rmsprop; nesterov: sgd; rho, centered: rmsprop; beta_1, beta_2: adam and adamw;
    epsilon: all but sgd; weight_decay: adamw
    dtype: float32 or float64

    Raises `ConfigError`, which lists all wrong fields.

    >>> TrainConfig().steps
    5020
    >>> TrainConfig.of(steps=100, learning_rate=0.1).phases
    (Phase(steps=100, plateau=None),)
    """

    optimizer: str = "sgd"
    learning_rate: float = 0.01
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

    @classmethod
    def of(cls, *, steps: int, plateau: Plateau | None = None, **fields: Any) -> Self:
        """Build a configuration with a single phase of `steps` steps."""
        return cls.from_dict({**fields, "phases": (Phase(steps, plateau),)})

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Self:
        """Build the record from plain JSON values; raises `ConfigError` for an unknown or wrong field."""
        _refuse_unknown(cls, fields)
        given = dict(fields)
        if isinstance(given.get("phases"), list | tuple):
            given["phases"] = tuple(_phase(item) for item in given["phases"])
        return cls(**given)

    @property
    def steps(self) -> int:
        """The number of steps of all phases together."""
        return sum(phase.steps for phase in self.phases)

    def _problems(self) -> list[str]:
        phases_fit = isinstance(self.phases, tuple) and all(isinstance(phase, Phase) for phase in self.phases)
        return [
            *_choice("optimizer", self.optimizer, OPTIMIZERS),
            *_number("learning_rate", self.learning_rate, 0.0),
            *([] if phases_fit else [f"phases must be a tuple of Phase, got {brief(self.phases)}"]),
            *_choice("loss", self.loss, LOSSES),
            *_number("momentum", self.momentum, 0.0, 1.0),
            *_flag("nesterov", self.nesterov),
            *_number("rho", self.rho, 0.0, 1.0),
            *_flag("centered", self.centered),
            *_number("beta_1", self.beta_1, 0.0, 1.0, open_high=True),
            *_number("beta_2", self.beta_2, 0.0, 1.0, open_high=True),
            *_number("epsilon", self.epsilon, 0.0),
            *_number("weight_decay", self.weight_decay, 0.0),
            *_choice("dtype", self.dtype, DTYPES),
        ]


def _phase(item: Any) -> Phase:
    if not isinstance(item, Mapping):
        return item  # reported by TrainConfig._problems
    given = dict(item)
    if isinstance(given.get("plateau"), Mapping):
        given["plateau"] = Plateau.from_dict(given["plateau"])
    return Phase.from_dict(given)
