"""The columns of a study's table: one row a run, of the same types in every chunk and in a study without runs."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headlab.config import ModelConfig, TrainConfig

MODEL_FIELDS = tuple(item.name for item in fields(ModelConfig))
TRAINING_FIELDS = (*(item.name for item in fields(TrainConfig)), "steps")
_SQL = {int: "bigint", float: "double", bool: "boolean", str: "varchar", int | None: "bigint"}
_NUMPY = {"bigint": np.int64, "ubigint": np.uint64, "double": np.float64, "boolean": np.bool_, "varchar": np.object_}
RESULTS = {
    "condition": "varchar",
    "seed": "ubigint",
    "outcome": "bigint",
    "final_loss": "double",
    "solved": "boolean",
    "grade": "varchar",
    "mechanism": "varchar",
    "pattern_share": "double",
    "headlab": "varchar",
}
# Every column with its SQL type. Files that were written before a column was there have none of it, and read as null.
COLUMNS = {
    **RESULTS,
    **{item.name: _SQL[item.type] for item in fields(ModelConfig)},  # type: ignore[index]
    **{item.name: _SQL[item.type] for item in fields(TrainConfig) if item.name != "phases"},  # type: ignore[index]
    "steps": "bigint",
    "phases": "varchar",
    "arrays": "varchar",
}
LATER = frozenset({"grade"})  # columns that older files lack
EMPTY = frozenset({"final_loss", "pattern_share"})  # of a run that diverged, or a corpus with nothing to explain


def typed(rows: Mapping[str, Any]) -> dict[str, NDArray[Any]]:
    """Return columns of equal length with the types that they have in every chunk; a single value stands for all rows."""
    n = len(rows["seed"])
    return {name: np.array(np.broadcast_to(value, n), _NUMPY[COLUMNS[name]]) for name, value in rows.items()}
