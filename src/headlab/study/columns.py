"""The columns of a study's table: one row a run, of the same types in every chunk and in a study without runs."""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headlab.config import ModelConfig, TrainConfig
from headlab.config.fields import CHOICE, FLAG, NAMED, REAL, TEXT, WHOLE
from headlab.config.schedule import SCHEDULE, STEPS

DATASET = "dataset"  # the field of a condition that is neither its model's nor its training's
MODEL_FIELDS = tuple(row.name for row in ModelConfig.table())
TRAINING_FIELDS = (*(row.name for row in TrainConfig.table()), "phases")
FLAT = {row.name: row for row in (STEPS, SCHEDULE)}  # what phases are told by
_SQL = {WHOLE: "bigint", REAL: "double", FLAG: "boolean", CHOICE: "varchar", NAMED: "varchar", TEXT: "varchar"}
_NUMPY = {"bigint": np.int64, "ubigint": np.uint64, "double": np.float64, "boolean": np.bool_, "varchar": np.object_}
SETS = ("sets_zero", "sets_resample")  # how many minimal sets suffice by each ablation, where that is kept
RESULTS = {
    "condition": "varchar",
    "seed": "ubigint",
    "outcome": "bigint",
    "final_loss": "double",
    "solved": "boolean",
    "grade": "varchar",
    "mechanism": "varchar",
    "pattern_share": "double",
    **dict.fromkeys(SETS, "bigint"),
    "headlab": "varchar",
}
SETTINGS = {
    DATASET: "varchar",
    **{row.name: _SQL[row.kind] for row in ModelConfig.table()},
    **{row.name: _SQL[row.kind] for row in TrainConfig.table() if row.name not in FLAT},
    **{row.name: _SQL[row.kind] for row in FLAT.values()},
    "phases": "varchar",
}
# Every column with its SQL type. Files that were written before a column was there have none of it.
COLUMNS = {**RESULTS, **SETTINGS, "arrays": "varchar"}
OF_FILES = {**RESULTS, "arrays": "varchar"}  # read from files; settings are those of the specification
LATER = frozenset({"grade", *SETS})  # columns that older files lack
EMPTY = frozenset({"final_loss", "pattern_share"})  # of a run that diverged, or a corpus with nothing to explain


def settings_of(dataset: str, model: ModelConfig, training: TrainConfig) -> dict[str, Any]:
    """Return every setting of a condition as the table has it.

    dataset: what it is called; model: with its d_model in force
    """
    values = {DATASET: dataset, **vars(model), **vars(training), "steps": training.steps, "schedule": training.schedule}
    values["phases"] = json.dumps(training.to_dict()["phases"])
    values["decayed"] = ", ".join(training.decayed or ())
    return {name: values[name] for name in SETTINGS}


def column_of(name: str, values: Any) -> NDArray[Any]:
    """Return values of a column with the type that it has in every chunk; what is masked, or None, is null."""
    kind = _NUMPY[COLUMNS[name]]
    may_lack = kind is not np.object_ and getattr(values, "dtype", np.object_) == np.object_
    if may_lack and any(none := [value is None for value in values]):
        return np.ma.array([0 if value is None else value for value in values], kind, mask=none)
    array = np.ma.array if isinstance(values, np.ma.MaskedArray) else np.array
    return array(values, kind)


def columns_of(rows: Mapping[str, Any]) -> dict[str, NDArray[Any]]:
    """Return columns of equal length, each with its type; a single value stands for all rows."""
    n = len(rows["seed"])
    return {name: column_of(name, value if np.ndim(value) else np.full(n, value)) for name, value in rows.items()}
