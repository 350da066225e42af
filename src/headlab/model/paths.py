"""Paths from an embedding through heads to the logits, and the features of the stream that a layer reads."""

from itertools import product

from headlab.config.model import ModelConfig

Path = tuple[
    tuple[int, int], ...
]  # the heads it passes, as (layer, head), the first layer first; () is the direct path
Feature = str | tuple[int, int]  # token, position, or an earlier head: what it wrote
TOKEN, POSITION = "token", "position"


def paths_of(model: ModelConfig, longest: int) -> tuple[Path, ...]:
    """Return the paths through at most so many heads, those through the fewest first.

    >>> paths_of(ModelConfig(n_layers=2), 1)
    ((), ((0, 0),), ((1, 0),))
    >>> paths_of(ModelConfig(n_layers=2, residual=False), 2)
    (((0, 0), (1, 0)),)
    """
    found: list[Path] = [()]
    for layer in range(model.n_layers):
        through = [(*path, (layer, head)) for path in found if len(path) < longest for head in range(model.n_heads)]
        found = [*found, *through] if model.residual else through
    return tuple(sorted(found, key=lambda path: (len(path), path)))


def features(model: ModelConfig, layer: int) -> tuple[Feature, ...]:
    """Return what adds up to the residual stream that a layer reads: token, position, and each earlier head.

    >>> features(ModelConfig(n_layers=2), 1)
    ('token', 'position', (0, 0))
    """
    embeds: list[Feature] = [TOKEN, POSITION] if model.residual or layer == 0 else []
    return (*embeds, *product(range(0 if model.residual else max(0, layer - 1), layer), range(model.n_heads)))
