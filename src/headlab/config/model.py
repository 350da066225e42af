"""What is trained: `ModelConfig`, and its `Shape` on a batch, in which every size is known.

The defaults are the notebook's: one layer, one head of size 20, no W_O, no W_U, residual, causal mask, learned positions.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Protocol

from headlab.config import starts
from headlab.config.combinations import problems_together
from headlab.config.fields import choice, documented, flag, real, text, whole
from headlab.config.record import Checked
from headlab.config.weights import WEIGHTS, has
from headlab.errors import ConfigError, Problem

ACTIVATIONS, NORMS = ("relu", "gelu"), ("none", "layer", "rms")


@documented
@dataclass(frozen=True)
class ModelConfig(Checked):
    """The shape of the model; every field says what it is.

    scores = q · k / sqrt(d_head); values are W_V [d_model, d_model], or W_V [d_model, d_head] times W_O [d_head, d_model]
    where they are factored; logits are the residual stream, or that times W_U
    `headlab.model.forward` says what each block computes.

    Raises `ConfigError`, which lists all wrong fields.

    >>> ModelConfig(d_head=10).scale == 1 / 10**0.5
    True
    """

    d_head: int = whole(20, 1, 65_536, label="d_head", help="Width of queries and keys: the notebook's head size.")
    n_heads: int = whole(1, 1, 1_024, label="heads", help="Attention heads in a layer.")
    n_layers: int = whole(1, 0, 1_024, label="layers", help="Layers of attention; none needs a learned W_U.")
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
    init_scale: float = real(1.0, 0.0, label="initial scale", help="Factor on every initial weight that is drawn.")
    init: Mapping[str, str] | Sequence[str] | str = text(
        "", label="initial weights", lab=False,
        help="How weights begin, by name, or * for every W_, like *=normal 0.02, W_O=linear: uniform (its bound), normal "
        "(its standard deviation) or constant with a number, embedding, glorot, linear or transformer_lens without.",
    )  # fmt: skip
    d_vocab_out: int | None = whole(
        None, 1, 65_536, usual="what the data has to predict", label="d_vocab_out", lab=False,
        help="How many things there are to predict, where these are no tokens; needs a learned W_U.",
    )  # fmt: skip
    d_mlp: int = whole(
        0,
        0,
        65_536,
        label="MLP",
        lab=False,
        help="Width of an MLP with biases after each layer's heads; 0 is none.",
    )
    activation: str = choice(
        "relu", ACTIVATIONS, label="activation", lab=False, help="Of the MLP; gelu is its tanh form."
    )
    norm: str = choice(
        "none", NORMS, label="norm", lab=False,
        help="What each block reads is normed: layer is LayerNorm with gain and bias, rms RMSNorm with a gain.",
    )  # fmt: skip
    norm_after: bool = flag(
        False, label="norm after", lab=False, help="The stream is normed after each block was added, instead."
    )
    norm_final: bool = flag(False, label="final norm", lab=False, help="What the unembedding reads is normed, too.")
    biases: bool = flag(
        False, label="biases", lab=False, help="Of queries, keys, values, what a layer's heads write, and W_U."
    )
    tied: bool = flag(False, label="tied", lab=False, help="The unembedding is W_E, turned, instead of a W_U.")
    relative_positions: bool = flag(
        False, label="relative positions", lab=False,
        help="A vector for each distance, added to the keys; needs the causal mask.",
    )  # fmt: skip
    sinusoidal_positions: bool = flag(
        False, label="sinusoidal positions", lab=False,
        help="Position embeddings are sines and cosines that do not move.",
    )  # fmt: skip
    stream_values: bool = flag(
        False, label="V = 1", lab=False, help="A head's values are what it reads: no W_V, no W_O."
    )
    pairs: bool = flag(
        False, label="pairs", lab=False,
        help="A token of the data is two of the model's, a times d_vocab plus b, whose embeddings stand side by side.",
    )  # fmt: skip

    def __post_init__(self) -> None:
        read, wrong = starts.read(self.init)
        if not wrong:
            object.__setattr__(self, "init", read)
        super().__post_init__()

    def _problems(self) -> Iterator[Problem]:
        problems = [*super()._problems(), *starts.read(self.init)[1]]
        yield from problems
        if not problems:
            yield from problems_together(self)
            yield from starts.problems_on(self)

    @property
    def frozen(self) -> tuple[str, ...]:
        """The weights that never move.

        >>> ModelConfig(sinusoidal_positions=True).frozen
        ('W_pos',)
        """
        return ("W_pos",) if self.sinusoidal_positions else ()

    @property
    def sees_positions(self) -> bool:
        """Whether it knows where tokens stand, or how far apart."""
        return self.positions or self.relative_positions

    @property
    def scale(self) -> float:
        """The factor on the scores, 1/sqrt(d_head)."""
        return 1.0 / math.sqrt(self.d_head)

    def on(self, batch: "Sized") -> "Shape":
        """Return the model's shape on a batch, or whatever has a vocabulary and a length: a corpus, a dataset.

        Raises `ConfigError`, which lists all problems: d_model ≠ d_vocab without a W_U, pairs of no square of a number of ids,
        outputs that the batch has not.

        >>> from headlab.data.corpus import Corpus
        >>> shape = ModelConfig().on(Corpus.notebook())
        >>> shape.d_model, shape.weights["W_K"], shape.n_weights
        (7, (1, 1, 7, 20), 413)
        """
        d_vocab = math.isqrt(batch.d_vocab) if self.pairs else batch.d_vocab
        d_model = d_vocab if self.d_model is None else self.d_model
        d_vocab_out = batch.d_vocab_out or batch.d_vocab
        problems = []
        if d_model != d_vocab and not self.unembed:
            wrong = (
                f"d_model must equal d_vocab = {d_vocab} when there is no W_U (the residual stream is the logits), "
                f"got {d_model}: leave d_model out, or ask for a learned unembedding with unembed=True"
            )
            problems.append(Problem(wrong, "d_model"))
        if self.d_vocab_out not in (None, d_vocab_out):
            wrong = (
                f"d_vocab_out must be what the data has to predict, {d_vocab_out}, got {self.d_vocab_out}: leave it out"
            )
            problems.append(Problem(wrong, "d_vocab_out"))
        if d_vocab_out != d_vocab and not self.unembed and not problems:
            wrong = (
                f"unembed must be True where {d_vocab_out} outputs of {d_vocab} tokens are to be predicted, got False"
            )
            problems.append(Problem(wrong, "unembed"))
        if d_vocab_out != d_vocab and self.tied:
            wrong = (
                f"tied must be False where outputs are no tokens ({d_vocab_out} of {d_vocab}), got True: leave it out"
            )
            problems.append(Problem(wrong, "tied"))
        if self.pairs and (d_vocab**2 != batch.d_vocab or d_model % 2 or batch.d_vocab_out is None):
            wrong = (
                f"pairs must be of d_vocab² ids, with outputs of their own and an even d_model, got {batch.d_vocab} ids, "
                f"{batch.d_vocab_out or 'no'} outputs and d_model {d_model}: leave pairs out"
            )
            problems.append(Problem(wrong, "pairs"))
        if problems:
            raise ConfigError(problems)
        return Shape(self, d_vocab, batch.n_ctx, d_model, self.d_head, d_vocab_out)


class Sized(Protocol):
    """What a model's sizes come from: a batch, or what makes one."""

    @property
    def d_vocab(self) -> int:
        """The number of different tokens."""

    @property
    def n_ctx(self) -> int:
        """The number of positions."""

    @property
    def d_vocab_out(self) -> int | None:
        """The number of different targets, where these are no tokens."""


@dataclass(frozen=True)
class Shape:
    """A model on a batch, every size known; `ModelConfig.on` is the one way to it.

    model: the settings, flags included, as they were given
    d_vocab, n_ctx: the different tokens and the positions of the batch
    d_model: the width of the residual stream
    d_head: the width of queries and keys as they are trained, which may be narrower than the model's
    d_vocab_out: the different things to predict, of which there are logits
    """

    model: ModelConfig
    d_vocab: int
    n_ctx: int
    d_model: int
    d_head: int
    d_vocab_out: int

    @property
    def n_layers(self) -> int:
        """The number of layers."""
        return self.model.n_layers

    @property
    def n_heads(self) -> int:
        """The number of heads in a layer."""
        return self.model.n_heads

    @property
    def d_mlp(self) -> int:
        """The width of a layer's MLP, 0 where there is none."""
        return self.model.d_mlp

    @property
    def d_embed(self) -> int:
        """The width of a token's embedding: that of the residual stream, or half of it where two stand side by side."""
        return self.d_model // 2 if self.model.pairs else self.d_model

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
        return {row.name: tuple(getattr(self, axis) for axis in row.axes) for row in WEIGHTS if has(row, self.model)}

    @cached_property
    def draws(self) -> Mapping[str, starts.Draw]:
        """How each weight begins, by its name: a rule (uniform, normal, constant or sinusoidal) and its size.

        >>> from headlab.data.corpus import Corpus
        >>> ModelConfig(init="W_E=normal 0.5").on(Corpus.notebook()).draws["W_E"]
        ('normal', 0.5)
        """
        return starts.draws_of(self)

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
        return row.token_axes(
            unembed=self.model.unembed,
            factored_values=self.model.factored_values,
            own_outputs=self.d_vocab_out != self.d_vocab,
        )

    def narrow(self, d_head: int) -> "Shape":
        """Return the same model with heads trained in another width; its scale stays."""
        return replace(self, d_head=d_head)
