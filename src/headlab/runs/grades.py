"""What grades are good for: which run to look at, and a row a run."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from headlab.analysis.clean import logits_on
from headlab.analysis.looking import predictions as looking
from headlab.arrays import Array, Float, Shaped
from headlab.model.params import Params

if TYPE_CHECKING:
    from headlab.runs.models import Models

NEAR_A_LIMIT = 1e-3  # of a logit: nearer to a tie or to a hair float32 cannot tell


def best_of(grades: Shaped[Array, " run"], leads: Callable[[], Array], losses: Callable[[], Array]) -> int:
    """Return the number of the first that is solved, else of the largest lead by a hair, else of the smallest loss."""
    if (grades == looking.SOLVED).any():
        return int(np.argmax(grades == looking.SOLVED))
    if (grades == looking.HAIR).any():
        return int(np.argmax(np.where(grades == looking.HAIR, leads(), -np.inf)))
    loss = losses()
    return int(np.argmin(np.where(np.isfinite(loss), loss, np.inf)))


def judged_exactly(
    found: Shaped[Array, " run"],
    lead: Float[Array, " run"],
    judge: Callable[[Array], NDArray[Any]],
    models: "Models",
    at_a_time: int,
) -> Shaped[Array, " run"]:
    """Return what leads decide about runs: in float64 where float32 cannot tell on which side of a limit they are.

    found, lead [run]: what was decided from the models' logits, and by which lead; judge: decides it from logits
    """
    if models.params.W_E.dtype == np.float64:
        return found
    runs = np.flatnonzero(np.fmin(np.abs(lead), np.abs(lead - looking.HAIR_LOGITS)) < NEAR_A_LIMIT)
    for start in range(0, len(runs), at_a_time):
        some = runs[start : start + at_a_time]
        weights = {name: weight[some].astype(np.float64) for name, weight in models.params.items()}
        with np.errstate(over="ignore", invalid="ignore"):
            found[some] = judge(logits_on(models.corpus.batch, Params(**weights), models.model))
    return found


def judged_table(
    told: dict[str, Any], grades: Shaped[Array, " run"], solved: Callable[[], NDArray[np.bool_]]
) -> pd.DataFrame:
    """Return a row a run: what is told of it, whether it is solved, its grade; solved is asked where grades leave it open."""
    by_grade = np.isin(grades, (looking.SOLVED, looking.HAIR))
    right = solved() if (grades == looking.NOTHING_TO_SOLVE).any() else by_grade
    return pd.DataFrame(told | {"solved": right, "grade": grades}, index=pd.RangeIndex(len(grades), name="run"))
