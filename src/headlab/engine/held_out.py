"""How well runs did on held-out examples while they were trained."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from headlab.arrays import Array, Float, Int


@dataclass(frozen=True, eq=False)
class HeldOut:
    """Evaluations of runs on held-out examples.

    steps [evaluation]: after so many updates; loss [run, evaluation]: nats a target; right [run, evaluation]: the share of
    targets, or of whole sequences where the data counts those, to which a model gives the largest logit (of equal ones the
    first). nan after a run had ended.
    """

    steps: Int[Array, " evaluation"]
    loss: Float[Array, "run evaluation"]
    right: Float[Array, "run evaluation"]

    def __getitem__(self, index: Any) -> "HeldOut":
        """Return those of some runs."""
        return replace(self, loss=self.loss[index], right=self.right[index])

    def followed_by(self, after: "HeldOut", steps: int, every: int) -> "HeldOut":
        """Return these and those of the same runs when they went on after so many steps; every: steps between two.

        One that was made because the training ended is left out when it goes on.

        >>> some = HeldOut(np.array([0, 10, 15]), np.zeros((2, 3)), np.zeros((2, 3)))
        >>> some.followed_by(HeldOut(np.array([5]), np.ones((2, 1)), np.ones((2, 1))), 15, 10).steps.tolist()
        [0, 10, 20]
        """
        kept = self.steps % every == 0
        return HeldOut(
            np.concatenate([self.steps[kept], steps + after.steps]),
            np.concatenate([self.loss[:, kept], after.loss], axis=1),
            np.concatenate([self.right[:, kept], after.right], axis=1),
        )

    def arrays(self) -> dict[str, Array]:
        """Return the arrays by the names that they have in a file."""
        return {"held_out.steps": self.steps, "held_out.loss": self.loss, "held_out.right": self.right}
