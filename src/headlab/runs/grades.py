"""What grades are good for: which run to look at, and a row a run."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from headlab.analysis.looking import predictions as looking
from headlab.arrays import Array, Shaped


def best_of(grades: Shaped[Array, " run"], leads: Callable[[], Array], losses: Callable[[], Array]) -> int:
    """Return the number of the first that is solved, else of the largest lead by a hair, else of the smallest loss."""
    if (grades == looking.SOLVED).any():
        return int(np.argmax(grades == looking.SOLVED))
    if (grades == looking.HAIR).any():
        return int(np.argmax(np.where(grades == looking.HAIR, leads(), -np.inf)))
    loss = losses()
    return int(np.argmin(np.where(np.isfinite(loss), loss, np.inf)))


def judged_table(
    told: dict[str, Any], grades: Shaped[Array, " run"], solved: Callable[[], NDArray[np.bool_]]
) -> pd.DataFrame:
    """Return a row a run: what is told of it, whether it is solved, its grade; solved is asked where grades leave it open."""
    by_grade = np.isin(grades, (looking.SOLVED, looking.HAIR))
    right = solved() if (grades == looking.NOTHING_TO_SOLVE).any() else by_grade
    return pd.DataFrame(told | {"solved": right, "grade": grades}, index=pd.RangeIndex(len(grades), name="run"))
