"""How many runs go by which mechanism, and one to look at for each."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from headlab.analysis.parts.mechanism import BIGRAM, HAIR, MECHANISMS, OTHER
from headlab.arrays import Array, Float, Shaped


def census(
    mechanisms: Shaped[Array, " run"],
    pattern_share: Float[Array, " run"],
    loss: Float[Array, " run"],
    names: Sequence[object],
) -> pd.DataFrame:
    """Return one row a mechanism that occurs: runs, share of all, median pattern share, and a prototype run.

    The prototype is the run whose pattern share is nearest to its mechanism's median (unsolved or by a hair: whose loss is).
    names: what each run is called, for instance its seed

    >>> table = census(np.array(["mixed", "mixed", "value-coded"]), np.array([0.4, 0.5, 0.0]), np.zeros(3), [7, 8, 9])
    >>> table.loc["mixed", "runs"], table.loc["value-coded", "prototype"]
    (np.int64(2), np.int64(9))
    """
    rows = []
    for name in MECHANISMS:
        where = np.nonzero(mechanisms == name)[0]
        if len(where) == 0:
            continue
        by = loss if name in (HAIR, BIGRAM, OTHER) else pattern_share
        known = where[np.isfinite(by[where])]
        middle = float(np.median(by[known])) if len(known) else np.nan
        nearest = known[np.argmin(np.abs(by[known] - middle))] if len(known) else where[0]
        share = pattern_share[where][np.isfinite(pattern_share[where])]
        rows.append(
            {
                "mechanism": name,
                "runs": len(where),
                "share": len(where) / len(mechanisms),
                "pattern_share": float(np.median(share))
                if len(share) and name not in (HAIR, BIGRAM, OTHER)
                else np.nan,
                "prototype": names[nearest],
            }
        )
    return pd.DataFrame(rows).set_index("mechanism")
