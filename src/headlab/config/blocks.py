"""Blocks that a model may have beyond heads that add to a stream, and the one refusal of what cannot treat them."""

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

from headlab.errors import ConfigError, Problem

if TYPE_CHECKING:
    from headlab.config.model import Shape

# Of each block: the setting that asks for it, and whether a shape has it.
BLOCKS: dict[str, tuple[str, Callable[["Shape"], bool]]] = {
    "no layers": ("n_layers", lambda shape: shape.n_layers == 0),
    "outputs": ("d_vocab_out", lambda shape: shape.d_vocab_out != shape.d_vocab),
    "MLP": ("d_mlp", lambda shape: shape.model.d_mlp > 0),
    "norm": ("norm", lambda shape: shape.model.norm != "none"),
    "biases": ("biases", lambda shape: shape.model.biases),
    "tied": ("tied", lambda shape: shape.model.tied),
    "relative positions": ("relative_positions", lambda shape: shape.model.relative_positions),
    "stream values": ("stream_values", lambda shape: shape.model.stream_values),
    "pairs": ("pairs", lambda shape: shape.model.pairs),
}


def blocks_of(shape: "Shape") -> list[str]:
    """Return the blocks that a shape has, by name.

    >>> from headlab.config import ModelConfig
    >>> from headlab.data.corpus import Corpus
    >>> blocks_of(ModelConfig(d_mlp=8, norm="layer").on(Corpus.notebook()))
    ['MLP', 'norm']
    """
    return [name for name, (_, has) in BLOCKS.items() if has(shape)]


def refuse(shape: "Shape", what: str, treated: Collection[str] = ()) -> None:
    """Raise `ConfigError`, a problem a block, where a shape has blocks that are not among the treated ones.

    what: what was asked for, in the plural: explanations, contributions

    >>> from headlab.config import ModelConfig
    >>> from headlab.data.corpus import Corpus
    >>> try:
    ...     refuse(ModelConfig(d_mlp=8, norm="layer").on(Corpus.notebook()), "contributions", ["norm"])
    ... except ConfigError as error:
    ...     print(error)
    contributions are not to be had of a model with d_mlp yet, got d_mlp=8: ask for predictions, or leave d_mlp out
    """
    problems = []
    for name in blocks_of(shape):
        if name not in treated:
            field = BLOCKS[name][0]
            value = getattr(shape, field) if field == "d_vocab_out" else getattr(shape.model, field)
            said = f"{what} are not to be had of a model with {field} yet, got {field}={value}: ask for predictions, or leave"
            problems.append(Problem(f"{said} {field} out", field))
    if problems:
        raise ConfigError(problems)
