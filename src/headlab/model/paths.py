"""Paths from an embedding through heads to the logits, and the features of the stream that a layer reads."""

from itertools import product

from headlab.config.model import ModelConfig

Path = tuple[
    tuple[int, int], ...
]  # the heads it passes, as (layer, head), the first layer first; () is the direct path
Feature = str | tuple[int, int]  # token, position, or an earlier head: what it wrote
TOKEN, POSITION = "token", "position"
BIASES, DISTANCE = "biases", "distance"


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


def mlp_name(layer: int) -> str:
    """Return what a layer's MLP is called.

    >>> mlp_name(0)
    'MLP 0'
    """
    return f"MLP {layer}"


def mlp_layer(feature: str) -> int | None:
    """Return the layer of an MLP by its name; None for anything else.

    >>> mlp_layer("MLP 2"), mlp_layer("token")
    (2, None)
    """
    return int(feature.removeprefix("MLP ")) if feature.startswith("MLP ") else None


def has_biases(model: ModelConfig) -> bool:
    """Return whether anything is added that depends on no token: biases of heads or W_U, or a LayerNorm's.

    >>> has_biases(ModelConfig(norm="layer")), has_biases(ModelConfig(norm="rms"))
    (True, False)
    """
    return model.biases or model.norm == "layer"


def all_features(model: ModelConfig, layer: int) -> tuple[Feature, ...]:
    """Return what adds up to what a layer's heads ask with and answer with: `features`, MLPs, biases, and the distance.

    >>> all_features(ModelConfig(n_layers=2, d_mlp=8, biases=True, relative_positions=True), 1)
    ('token', 'position', (0, 0), 'MLP 0', 'biases', 'distance')
    """
    earlier = range(0 if model.residual else max(0, layer - 1), layer) if model.d_mlp else ()
    others = [(BIASES, has_biases(model)), (DISTANCE, model.relative_positions)]
    named: list[Feature] = [*map(mlp_name, earlier), *(name for name, there in others if there)]
    return (*features(model, layer), *named)
