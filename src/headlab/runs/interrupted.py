"""What is raised when somebody stops a training."""

from typing import TYPE_CHECKING

from headlab.notation.numbers import quantity

if TYPE_CHECKING:
    from headlab.runs.runs import Runs


class TrainingInterrupted(KeyboardInterrupt):
    """Ctrl-C during training; `runs` holds the runs that had ended by then."""

    def __init__(self, runs: "Runs", n_asked: int) -> None:
        self.runs = runs
        super().__init__(f"interrupted: {len(runs):,} of {quantity(n_asked, 'run')} had ended and are kept")
