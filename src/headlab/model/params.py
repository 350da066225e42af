"""The weights of a model, and their one flat order that kernel, files and analysis share."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from headlab.config import ModelConfig
from headlab.errors import WeightsError
from headlab.notation.values import brief

Array = NDArray[np.floating[Any]]
Shapes = dict[str, tuple[int, ...]]


@dataclass(frozen=True, eq=False)
class Params:
    """The weights of one run, or of many along leading `*run` axes; all multiply on the right.

    W_E [*run, d_vocab, d_model]; W_pos [*run, n_ctx, d_model] or None
    W_Q, W_K [*run, layer, head, d_model, d_head]
    W_V [*run, layer, head, d_model, d_model], or [..., d_model, d_head] with W_O [*run, layer, head, d_head, d_model]
    W_U [*run, d_model, d_vocab] or None
    """

    W_E: Array
    W_pos: Array | None
    W_Q: Array
    W_K: Array
    W_V: Array
    W_O: Array | None = None
    W_U: Array | None = None

    def items(self) -> Iterator[tuple[str, Array]]:
        """Yield (name, weight) in the flat order, leaving out what the model does not have."""
        for item in fields(self):
            weight = getattr(self, item.name)
            if weight is not None:
                yield item.name, weight

    @property
    def run_shape(self) -> tuple[int, ...]:
        """The leading axes: () for one run, (n,) for n."""
        return self.W_E.shape[:-2]

    def __getitem__(self, index: Any) -> "Params":
        return Params(**{item.name: None for item in fields(self)} | {name: w[index] for name, w in self.items()})

    def flat(self) -> Array:
        """Return all weights as one array [*run, weight]."""
        start = len(self.run_shape)
        return np.concatenate([w.reshape(*w.shape[:start], -1) for _, w in self.items()], axis=-1)

    @classmethod
    def from_flat(cls, flat: Array, shapes: Shapes) -> "Params":
        """Cut a flat array [*run, weight] into views of the given shapes.

        >>> shapes = param_shapes(ModelConfig(d_head=3), d_vocab=4, n_ctx=2)
        >>> Params.from_flat(np.zeros((8, 72)), shapes).W_Q.shape
        (8, 1, 1, 4, 3)
        """
        weights: dict[str, Array | None] = dict.fromkeys(item.name for item in fields(cls))
        start = 0
        for name, shape in shapes.items():
            size = int(np.prod(shape))
            weights[name] = flat[..., start : start + size].reshape(*flat.shape[:-1], *shape)
            start += size
        return cls(**weights)  # type: ignore[arg-type]


def param_shapes(model: ModelConfig, d_vocab: int, n_ctx: int) -> Shapes:
    """Return the shape of every weight of one run, in the flat order.

    >>> param_shapes(ModelConfig(), d_vocab=7, n_ctx=5)["W_K"]
    (1, 1, 7, 20)
    """
    d, h = model.width(d_vocab), model.d_head
    blocks = (model.n_layers, model.n_heads)
    shapes: Shapes = {"W_E": (d_vocab, d)}
    if model.positions:
        shapes["W_pos"] = (n_ctx, d)
    shapes |= {"W_Q": (*blocks, d, h), "W_K": (*blocks, d, h), "W_V": (*blocks, d, h if model.factored_values else d)}
    if model.factored_values:
        shapes["W_O"] = (*blocks, h, d)
    if model.unembed:
        shapes["W_U"] = (d, d_vocab)
    return shapes


def coerce(
    init: Params | Mapping[str, Any], model: ModelConfig, d_vocab: int, n_ctx: int, *, finite: bool = True
) -> Params:
    """Return given weights as `Params` with one leading run axis.

    A weight may come with or without the run axis, and without the layer and head axes where there is one of each
    (the notebook's W_Q is 7 × 20). Raises `WeightsError`, which lists every weight that does not fit.

    >>> ones = {name: np.ones(shape) for name, shape in param_shapes(ModelConfig(), 7, 5).items()}
    >>> coerce(ones, ModelConfig(), 7, 5).W_E.shape
    (1, 7, 7)
    """
    if not isinstance(init, Params | Mapping):
        raise WeightsError(f"init must be Params, or names and their arrays, got {brief(init)}")
    given = dict(init.items())
    shapes = param_shapes(model, d_vocab, n_ctx)
    problems = [f"init has no {name}: give an array of shape {shapes[name]}" for name in shapes if name not in given]
    problems += [
        f"init has a weight {brief(name)} that this model has not: leave it out" for name in given if name not in shapes
    ]
    fitted: dict[str, Array | None] = {}
    for name in shapes.keys() & given.keys():
        try:
            weight = np.asarray(given[name])
        except ValueError:
            fitted[name] = None
            problems.append(f"{name} must be an array, got rows of different lengths")
            continue
        fitted[name] = _with_run_axis(weight, shapes[name], model)
        if fitted[name] is None:
            problems.append(f"{name} must have shape {shapes[name]} or (run, *{shapes[name]}), got {weight.shape}")
        elif not (np.issubdtype(weight.dtype, np.number) and np.isrealobj(weight)):
            problems.append(f"{name} must hold real numbers, got {weight.dtype}")
        elif finite and not np.isfinite(weight).all():
            problems.append(f"{name} must be finite, got {int((~np.isfinite(weight)).sum())} values that are not")
    lengths = {name: len(weight) for name, weight in fitted.items() if weight is not None}
    if 0 in lengths.values():
        problems.append("init must have at least one run, got none")
    if len(set(lengths.values())) > 1:
        problems.append(f"all weights must have as many runs, got {lengths}")
    if problems:
        raise WeightsError("\n".join(problems))
    return Params(**{item.name: fitted.get(item.name) for item in fields(Params)})  # type: ignore[arg-type]


def _with_run_axis(weight: Array, shape: tuple[int, ...], model: ModelConfig) -> Array | None:
    plain = shape[2:] if len(shape) == 4 and model.n_layers == model.n_heads == 1 else shape
    for inner in (shape, plain):
        if weight.shape == inner:
            return weight.reshape(1, *shape)
        if weight.shape[1:] == inner:
            return weight.reshape(len(weight), *shape)
    return None


def summary(model: ModelConfig, d_vocab: int, n_ctx: int) -> pd.DataFrame:
    """Return the weights, their shapes and numbers of parameters, with their total.

    >>> int(summary(ModelConfig(), d_vocab=7, n_ctx=5).loc["total", "parameters"])
    413
    """
    shapes = param_shapes(model, d_vocab, n_ctx)
    shown = {name: shape[2:] if shape[:2] == (1, 1) else shape for name, shape in shapes.items()}
    table = pd.DataFrame(
        {
            "shape": [" × ".join(map(str, shape)) for shape in shown.values()],
            "parameters": [int(np.prod(shape)) for shape in shapes.values()],
        },
        index=pd.Index(shapes, name="weight"),
    )
    total = pd.DataFrame({"shape": [""], "parameters": [table["parameters"].sum()]}, index=["total"])
    return pd.concat([table, total]).rename_axis("weight")
