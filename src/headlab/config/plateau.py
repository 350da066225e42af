"""When a learning rate is reduced: `Plateau`, Keras 2's rule."""

from dataclasses import InitVar, dataclass
from typing import Any, Self

from headlab.config.fields import choice, documented, real, whole
from headlab.config.record import Checked
from headlab.errors import ConfigError, Problem
from headlab.notation.values import short_repr


@documented
@dataclass(frozen=True)
class Plateau(Checked):
    """Reduce the learning rate when the loss stops falling, exactly as Keras 2's ReduceLROnPlateau does.

    An epoch improves when loss < best - min_delta, in float64 on the float32 loss; after `patience` epochs in a row
    without improvement the rate becomes max(rate · factor, min_rate) from the next step on.
    `best` and the count start afresh in every phase, unless it goes on with the plateau of the one before; the rate goes on.
    Keras' name for min_rate, min_lr, is understood as well.
    Source: tf-keras, callbacks.ReduceLROnPlateau.

    >>> Plateau().patience, Plateau().min_rate, Plateau(min_lr=0).min_rate
    (10, 0.0001, 0.0)
    """

    factor: float = real(0.2, 0.0, 1.0, open_high=True, label="factor", help="What the rate is multiplied by.")
    patience: int = whole(10, label="patience", help="Steps in a row without improvement before that.")
    # A number from the first line of its making on.
    min_rate: float = real(None, 0.0, usual="0.0001", label="lowest rate", help="The rate goes no lower.")
    min_delta: float = real(0.0001, 0.0, label="improvement", help="How much the loss must fall to have improved.")
    cooldown: int = whole(0, label="cooldown", help="Steps after a reduction in which nothing is counted.")
    on: str = choice(
        "training", ("training", "held_out"), lab=False, label="watches",
        help="Each step's own loss, or each one on held-out examples; patience and cooldown count those.",
    )  # fmt: skip
    min_lr: InitVar[float | None] = None

    _also = ("min_lr",)

    def __post_init__(self, min_lr: float | None) -> None:
        if min_lr is not None and self.min_rate is not None:
            got = f"{short_repr(self.min_rate)} and {short_repr(min_lr)}"
            raise ConfigError(Problem(f"min_rate and min_lr are one field, got {got}: leave one out", "min_rate"))
        if self.min_rate is None:
            object.__setattr__(self, "min_rate", 0.0001 if min_lr is None else min_lr)
        super().__post_init__()

    def replace(self, **changes: Any) -> Self:
        """Return a copy with some fields changed; raises `ConfigError`."""
        return super().replace(**({"min_rate": None} if "min_lr" in changes else {}) | changes)

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain JSON values; `on` where it is not the training's loss."""
        return {name: value for name, value in super().to_dict().items() if (name, value) != ("on", "training")}
