"""The weights of a model, and their one flat order that kernel, files and analysis share."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from headlab.arrays import Array, Shaped
from headlab.config.model import Shape
from headlab.config.weights import LAYER, WEIGHTS
from headlab.errors import WeightsError
from headlab.notation.values import short_repr

if TYPE_CHECKING:
    import pandas as pd

NAMES = tuple(row.name for row in WEIGHTS)
OF_LAYERS = frozenset(row.name for row in WEIGHTS if LAYER in row.axes)


@dataclass(frozen=True, eq=False, init=False)
class Params:
    """The weights of one run, or of many along leading `*run` axes, by the names of `headlab.config.WEIGHTS`.

    All multiply on the right. A weight is None where the model has it not.
    W_E [*run, d_vocab, d_model], or half as wide of pairs; W_pos [*run, n_ctx, d_model]; W_U [*run, d_model, d_vocab_out]
    W_Q, W_K [*run, layer, head, d_model, d_head]; W_R [*run, layer, head, n_ctx, d_head]: of a key so far behind
    W_V [*run, layer, head, d_model, d_model], or [..., d_model, d_head] with W_O [*run, layer, head, d_head, d_model]
    b_Q, b_K, b_V [*run, layer, head, width]; b_O [*run, layer, d_model]; b_U [*run, d_vocab_out]
    W_in [*run, layer, d_model, d_mlp], b_in [*run, layer, d_mlp]; W_out, b_out: back
    ln1_w, ln1_b, ln2_w, ln2_b [*run, layer, d_model]; ln_final_w, ln_final_b [*run, d_model]
    Raises `TypeError` for a name that is no weight's.

    >>> both = Params(W_E=np.zeros((7, 7)), W_pos=None)
    >>> both.W_E.shape, both.W_pos, both.W_U
    ((7, 7), None, None)
    """

    _weights: dict[str, Array]

    def __init__(self, **weights: Array | None) -> None:
        unknown = [name for name in weights if name not in NAMES]
        if unknown:
            raise TypeError(f"weights are {', '.join(NAMES)}, got {unknown[0]}")
        there = {name: weight for name in NAMES if (weight := weights.get(name)) is not None}
        object.__setattr__(self, "_weights", there)

    def __getattr__(self, name: str) -> Array | Any:
        if name not in NAMES:
            raise AttributeError(f"Params has no {name}: weights are {', '.join(NAMES)}")
        return self._weights.get(name)

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *NAMES]

    def replace(self, **weights: Array | None) -> "Params":
        """Return a copy with some weights changed.

        >>> float(Params(W_E=np.zeros((7, 7))).replace(W_E=np.ones((7, 7))).W_E.sum())
        49.0
        """
        return Params(**(self._weights | weights))

    def items(self) -> Iterator[tuple[str, Shaped[Array, "..."]]]:
        """Yield (name, weight) in the flat order, leaving out what the model does not have."""
        yield from self._weights.items()

    @property
    def run_shape(self) -> tuple[int, ...]:
        """The leading axes: () for one run, (n,) for n."""
        shape: tuple[int, ...] = self.W_E.shape[:-2]
        return shape

    def __getitem__(self, index: Any) -> "Params":
        return Params(**{name: weight[index] for name, weight in self.items()})

    def of_layer(self, layer: int) -> "Params":
        """Return the weights of one layer, without their layer axis, and none of the others.

        >>> Params(W_E=np.zeros((7, 7)), W_Q=np.zeros((2, 1, 7, 20))).of_layer(1).W_Q.shape
        (1, 7, 20)
        """
        at: Any = (*(slice(None),) * len(self.run_shape), layer)
        return Params(**{name: weight[at] for name, weight in self.items() if name in OF_LAYERS})

    def flat(self) -> Shaped[Array, "*run weight"]:
        """Return all weights as one array [*run, weight]."""
        start = len(self.run_shape)
        return np.concatenate(
            [w.reshape(*w.shape[:start], math.prod(w.shape[start:])) for _, w in self.items()], axis=-1
        )

    @classmethod
    def from_flat(cls, flat: Shaped[Array, "*run weight"], shape: Shape) -> "Params":
        """Cut a flat array [*run, weight] into views of the weights of a shape.

        >>> from headlab.config import ModelConfig
        >>> from headlab.data.corpus import Corpus
        >>> Params.from_flat(np.zeros((8, 413)), ModelConfig().on(Corpus.notebook())).W_Q.shape
        (8, 1, 1, 7, 20)
        """
        cut = {name: flat[..., shape.place(name)].reshape(*flat.shape[:-1], *of) for name, of in shape.weights.items()}
        return cls(**cut)


def coerce(init: Params | Mapping[str, Any], shape: Shape, *, finite: bool = True, called: str = "init") -> Params:
    """Return given weights as `Params` with one leading run axis.

    A weight may come with or without the run axis, and without the layer and head axes where there is one of each
    (the notebook's W_Q is 7 × 20). Raises `WeightsError`, which lists every weight that does not fit, and names the argument
    as it is called.

    >>> from headlab.config import ModelConfig
    >>> from headlab.data.corpus import Corpus
    >>> shape = ModelConfig().on(Corpus.notebook())
    >>> coerce({name: np.ones(of) for name, of in shape.weights.items()}, shape).W_E.shape
    (1, 7, 7)
    """
    if not isinstance(init, Params | Mapping):
        raise WeightsError(f"{called} must be Params, or names and their arrays, got {short_repr(init)}")
    given = dict(init.items())
    shapes = shape.weights
    problems = [
        f"{called} has no {name}: give an array of shape {shapes[name]}" for name in shapes if name not in given
    ]
    problems += [
        f"{called} has a weight {short_repr(name)} that this model has not: leave it out"
        for name in given
        if name not in shapes
    ]
    fitted: dict[str, Array | None] = {}
    for name in shapes.keys() & given.keys():
        try:
            weight = np.asarray(given[name])
        except ValueError:
            fitted[name] = None
            problems.append(f"{name} must be an array, got rows of different lengths")
            continue
        fitted[name] = _with_run_axis(weight, shapes[name])
        if fitted[name] is None:
            problems.append(f"{name} must have shape {shapes[name]} or (run, *{shapes[name]}), got {weight.shape}")
        elif not (np.issubdtype(weight.dtype, np.number) and np.isrealobj(weight)):
            problems.append(f"{name} must hold real numbers, got {weight.dtype}")
        elif finite and not np.isfinite(weight).all():
            problems.append(f"{name} must be finite, got {int((~np.isfinite(weight)).sum())} values that are not")
    lengths = {name: len(weight) for name, weight in fitted.items() if weight is not None}
    if 0 in lengths.values():
        problems.append(f"{called} must have at least one run, got none")
    if len(set(lengths.values())) > 1:
        problems.append(f"all weights must have as many runs, got {lengths}")
    if problems:
        raise WeightsError(problems)
    return Params(**fitted)


def _with_run_axis(weight: Array, shape: tuple[int, ...]) -> Array | None:
    plain = shape[2:] if len(shape) == 4 and shape[:2] == (1, 1) else shape
    for inner in (shape, plain):
        if weight.shape == inner:
            return weight.reshape(1, *shape)
        if weight.shape[1:] == inner:
            return weight.reshape(len(weight), *shape)
    return None


def summary(shape: Shape) -> "pd.DataFrame":
    """Return the weights, their shapes and numbers of parameters, with their total.

    >>> from headlab.config import ModelConfig
    >>> from headlab.data.corpus import Corpus
    >>> int(summary(ModelConfig().on(Corpus.notebook())).loc["total", "parameters"])
    413
    """
    import pandas as pd  # which takes longer than all that the engine needs

    shapes = shape.weights
    shown = {name: of[2:] if len(of) == 4 and of[:2] == (1, 1) else of for name, of in shapes.items()}
    table = pd.DataFrame(
        {
            "shape": [" × ".join(map(str, of)) for of in shown.values()],
            "parameters": [int(np.prod(of)) for of in shapes.values()],
        },
        index=pd.Index(shapes, name="weight"),
    )
    total = pd.DataFrame({"shape": [""], "parameters": [table["parameters"].sum()]}, index=["total"])
    return pd.concat([table, total]).rename_axis("weight")
