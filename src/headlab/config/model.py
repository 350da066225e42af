"""What is trained: `ModelConfig`, and its `Shape` on a batch, in which every size is known.

The defaults are the notebook's: one layer, one head of size 20, no W_O, no W_U, residual, causal mask, learned positions.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Protocol

from headlab.config.fields import documented, flag, real, whole
from headlab.config.record import Checked
from headlab.config.weights import WEIGHTS
from headlab.errors import ConfigError, Problem


@documented
@dataclass(frozen=True)
class ModelConfig(Checked):
    """The shape of the model; every field says what it is.

    scores = q · k / sqrt(d_head); values are W_V [d_model, d_model], or W_V [d_model, d_head] times W_O [d_head, d_model]
    where they are factored; logits are the residual stream, or that times W_U

    Raises `ConfigError`, which lists all wrong fields.

    >>> ModelConfig(d_head=10).scale == 1 / 10**0.5
    True
    """

    d_head: int = whole(20, 1, 65_536, label="d_head", help="Width of queries and keys: the notebook's head size.")
    n_heads: int = whole(1, 1, 1_024, label="heads", help="Attention heads in a layer.")
    n_layers: int = whole(1, 1, 1_024, label="layers", help="Layers of attention.")
    d_model: int | None = whole(
        None, 1, 65_536, usual="d_vocab", label="d_model",
        help="Width of the residual stream; any but d_vocab needs a learned W_U (unembed).",
    )  # fmt: skip
    factored_values: bool = flag(
        False, label="W_V · W_O", help="Values through d_head numbers, W_V times W_O, instead of one full W_V."
    )
    unembed: bool = flag(
        False, label="W_U", help="A learned W_U, the unembedding, instead of the residual stream as logits."
    )
    residual: bool = flag(
        True, label="residual", help="Each layer adds to the residual stream instead of replacing it."
    )
    positions: bool = flag(
        True, label="positions", help="Learned position embeddings: the model knows where a token stands."
    )
    causal: bool = flag(True, label="causal mask", help="A position sees only itself and what comes before it.")
    init_scale: float = real(1.0, 0.0, label="initial scale", help="Factor on every initial weight.")

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

    def token_axes(self, name: str) -> tuple[int, ...]:
        """Return which axes of a weight have an entry a token of the vocabulary, counted from the last, which is -1.

        >>> from headlab.data.corpus import Corpus
        >>> ModelConfig().on(Corpus.notebook()).token_axes("W_E")
        (-2, -1)
        """
        (row,) = (row for row in WEIGHTS if row.name == name)
        return row.token_axes(unembed=self.model.unembed, factored_values=self.model.factored_values)

    def narrow(self, d_head: int) -> "Shape":
        """Return the same model with heads trained in another width; its scale stays."""
        return replace(self, d_head=d_head)
