"""What a study kept of its runs beside their rows: their models back, and their curves."""

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from headlab.config import WEIGHTS
from headlab.errors import StudyError
from headlab.model.params import Params
from headlab.runs.history import History
from headlab.runs.models import Models
from headlab.runs.runs import Runs
from headlab.study.arrays import HISTORY, ONE_OF_ALL, in_order_of
from headlab.study.tables import open_tables
from headlab.study.work import has_kinds

if TYPE_CHECKING:
    from headlab.study.keeper import Keeper

BANDS = (0.1, 0.25, 0.5, 0.75, 0.9)


def runs_of(store: "Keeper", identity: str) -> Runs:
    """Return the trained models of a condition that have weights, with curves and snapshots where all of them have some.

    Raises `StudyError` where none has.
    """
    condition, arrays = store.design.identities[identity], _arrays(store, identity, "weights")
    if not arrays:
        raise StudyError("the condition must have finished runs with weights, and has none: run the study")
    with open_tables(store) as database:
        query = "select seed, outcome, final_loss from results where condition = ?"
        rows = database.execute(query, [identity]).df().set_index("seed").loc[arrays["seed"]]
    params = Params(**{row.name: arrays.get(row.name) for row in WEIGHTS})
    final_loss = rows["final_loss"].to_numpy(condition.training.dtype)
    kept = {name: arrays[name] for name in HISTORY if name in arrays}
    return Runs(
        Models(params, condition.dataset, condition.model, condition.training.in_force().loss),
        History.of(rows["outcome"].to_numpy(np.int64), final_loss, **kept),
        condition.training,
        arrays["seed"],
    )


def curves_of(store: "Keeper") -> pd.DataFrame:
    """Return one row a condition and recorded step: the loss's quantiles over all runs, a diverged loss above any other.

    Conditions that have no runs with curves yet are left out.
    """
    frames = [pd.DataFrame(columns=["condition", "step", *(f"q{100 * share:.0f}" for share in BANDS)])]
    for identity, condition in store.design.identities.items():
        arrays = _arrays(store, identity, "curves")
        if not arrays:
            continue
        loss = np.where(np.isfinite(arrays["loss"]), arrays["loss"], np.inf)
        bands = np.quantile(loss, list(BANDS), axis=0, method="inverted_cdf")
        columns = {f"q{100 * share:.0f}": band for share, band in zip(BANDS, bands, strict=True)}
        frames.append(pd.DataFrame({"condition": condition.name, "step": arrays["recorded_steps"], **columns}))
    return pd.concat(frames[1:] or frames, ignore_index=True)


def _arrays(store: "Keeper", identity: str, kind: str) -> dict[str, NDArray[Any]]:
    """Return what was kept of a condition's runs that have arrays of a kind, in the order of their seeds; nothing of none.

    Of a run that two chunks hold, as two processes trained it or more is kept now, the one with all of that counts.
    """
    found: list[dict[str, NDArray[Any]]] = []
    chunks = [chunk for chunk in store.sound_chunks(identity) if has_kinds(store, chunk, [kind])]
    chunks.sort(key=lambda chunk: has_kinds(store, chunk, store.design.keep), reverse=True)
    seen = np.zeros(0, np.uint64)
    for chunk in chunks:
        if not np.isin(store.contents([chunk])[chunk].seeds, seen).all():
            found.append(in_order_of(store.arrays(chunk), store.design.identities[identity]))
            seen = np.union1d(seen, found[-1]["seed"])
    if not found:
        return {}
    names = [name for name in found[0] if all(name in part for part in found)]
    whole = {name: np.concatenate([part[name] for part in found]) for name in names if name not in ONE_OF_ALL}
    order = np.unique(whole["seed"], return_index=True)[1]
    return {name: values[order] for name, values in whole.items()} | {
        name: found[0][name] for name in ONE_OF_ALL if name in names
    }
