"""What is trained: `ModelConfig`. The defaults are the notebook's: one layer, one head of size 20, no W_O, no W_U, residual,
causal mask, learned positions.
"""

import math
from dataclasses import dataclass

from headlab.config.record import Checked, flag, real_number, whole_number
from headlab.errors import ConfigError


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
