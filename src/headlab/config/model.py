"""What is trained: `ModelConfig`, and its `Shape` on a batch, in which every size is known.

The defaults are the notebook's: one layer, one head of size 20, no W_O, no W_U, residual, causal mask, learned positions.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Protocol

from headlab.config.record import Checked, flag, real_number, whole_number
from headlab.config.weights import WEIGHTS
from headlab.errors import ConfigError, Problem


@dataclass(frozen=True)
class ModelConfig(Checked):
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

    def on(self, batch: "Sized") -> "Shape":
        """Return the model's shape on a batch, or whatever has a vocabulary and a length: a corpus, a dataset.

        Raises `ConfigError` when d_model ≠ d_vocab without a W_U.

        >>> from headlab.data.corpus import Corpus
        >>> shape = ModelConfig().on(Corpus.notebook())
        >>> shape.d_model, shape.weights["W_K"], shape.n_weights
        (7, (1, 1, 7, 20), 413)
        """
        d_model = batch.d_vocab if self.d_model is None else self.d_model
        if d_model != batch.d_vocab and not self.unembed:
            wrong = (
                f"d_model must equal d_vocab = {batch.d_vocab} when there is no W_U (the residual stream is the logits), "
                f"got {d_model}: leave d_model out, or ask for a learned unembedding with unembed=True"
            )
            raise ConfigError(Problem(wrong, "d_model"))
        return Shape(self, batch.d_vocab, batch.n_ctx, d_model, self.d_head)

    def _problems(self) -> list[Problem]:
        return [
            *whole_number("d_head", self.d_head, 1, 65_536),
            *whole_number("n_heads", self.n_heads, 1, 1_024),
            *whole_number("n_layers", self.n_layers, 1, 1_024),
            *([] if self.d_model is None else whole_number("d_model", self.d_model, 1, 65_536)),
            *flag("factored_values", self.factored_values),
            *flag("unembed", self.unembed),
            *flag("residual", self.residual),
            *flag("positions", self.positions),
            *flag("causal", self.causal),
            *real_number("init_scale", self.init_scale, 0.0),
        ]


class Sized(Protocol):
    """What a model's sizes come from: a batch, or what makes one."""

    @property
    def d_vocab(self) -> int:
        """The number of different tokens."""

    @property
    def n_ctx(self) -> int:
        """The number of positions."""


@dataclass(frozen=True)
class Shape:
    """A model on a batch, every size known; `ModelConfig.on` is the one way to it.

    model: the settings, flags included, as they were given
    d_vocab, n_ctx: the different tokens and the positions of the batch
    d_model: the width of the residual stream
    d_head: the width of queries and keys as they are trained, which may be narrower than the model's
    """

    model: ModelConfig
    d_vocab: int
    n_ctx: int
    d_model: int
    d_head: int

    @property
    def n_layers(self) -> int:
        """The number of layers."""
        return self.model.n_layers

    @property
    def n_heads(self) -> int:
        """The number of heads in a layer."""
        return self.model.n_heads

    @property
    def value_width(self) -> int:
        """The width of a head's values: d_head where they are factored, d_model otherwise."""
        return self.d_head if self.model.factored_values else self.d_model

    @property
    def scale(self) -> float:
        """The factor on the scores, 1/sqrt(d_head) of the model, however narrow its heads are trained."""
        return self.model.scale

    @cached_property
    def weights(self) -> Mapping[str, tuple[int, ...]]:
        """The shape of every weight of one run by its name, in the flat order."""
        there = [row for row in WEIGHTS if row.comes_with is None or getattr(self.model, row.comes_with)]
        return {row.name: tuple(getattr(self, axis) for axis in row.axes) for row in there}

    @property
    def n_weights(self) -> int:
        """How many numbers the weights of one run are."""
        return sum(map(math.prod, self.weights.values()))

    def place(self, name: str) -> slice:
        """Return where a weight stands in the flat weights of one run.

        >>> from headlab.data.corpus import Corpus
        >>> ModelConfig().on(Corpus.notebook()).place("W_Q")
        slice(84, 224, None)
        """
        start = sum(math.prod(self.weights[before]) for before in list(self.weights)[: list(self.weights).index(name)])
        return slice(start, start + math.prod(self.weights[name]))

    def narrow(self, d_head: int) -> "Shape":
        """Return the same model with heads trained in another width; its scale stays."""
        return replace(self, d_head=d_head)
