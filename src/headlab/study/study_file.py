"""A study file: TOML in which a person says what to train. Read into a design's parts, every problem at once, and written."""

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headlab.config import Field, ModelConfig, TrainConfig
from headlab.config.record import gathered, no_field
from headlab.errors import ConfigError, Problem
from headlab.notation.values import short_repr
from headlab.study.columns import DATASET, MODEL_FIELDS, TRAINING_FIELDS
from headlab.study.conditions import Condition, conditions_of
from headlab.study.file_datasets import DatasetNames, datasets_of_tables
from headlab.study.toml import fields_of_text, text_of_file, value_text
from headlab.tasks import tasks

WHAT = "a study file"  # in words
KEEPS = ("weights", "curves", "snapshots", "minimal")
FILE_FIELDS = (
    "title",
    "corpus",
    "task",
    "sentences",
    "start",
    "wrap",
    "tokens",
    "seeds",
    "keep",
    "model",
    "training",
    "dataset",
    "grid",
    "condition",
)

ASIDE = 29  # where the template's comments begin
TEMPLATE = """# A headlab study: every condition is trained with every seed.
title = "Does the head size matter?"

corpus = "notebook"          # a task; or a file with one sentence a line, beside this one
# sentences = ["man ordered the chicken", "woman ordered the beef"]     # or the sentences themselves
# tokens = "characters"      # for a corpus or sentences: every character a token, not every word
seeds = "0:1000"             # or a list: [1, 5, 9]
keep = ["weights"]           # a row of results a run is always kept; also: "curves", "snapshots", "minimal"

[model]                      # what all conditions share; the notebook's values where nothing is said
{model}

[training]
{training}

[grid]                       # every combination of these is a condition: any fields of model and training
d_head = [10, 20, 40]
# learning_rate = [0.01, 0.02]
# dataset = ["notebook", "other.txt"]       # tasks and files, instead of the corpus above

# [[condition]]              # conditions beside those of the grid, one by one
# d_head = 160
# optimizer = "adam"
"""


def template() -> str:
    """Return a study file to begin with, in which every field is named with its default and what it means."""
    tables = {"model": ModelConfig.table(), "training": TrainConfig.table()}
    return TEMPLATE.format(**{name: "\n".join(map(_commented, table)) for name, table in tables.items()})


def _commented(row: Field) -> str:
    value = "" if row.default is None else value_text(row.default)
    usual = f" Without it: {row.usual}." if row.usual else ""
    first, *others = textwrap.wrap(f"{row.told()}{usual}", ASIDE * 3)
    lines = [f"{f'# {row.name} = {value}'.ljust(ASIDE)}# {first}", *(f"{'#'.ljust(ASIDE)}# {line}" for line in others)]
    return "\n".join(lines)


@dataclass(frozen=True)
class Parts:
    """What a study file says, as far as it could be read, and everything that is wrong with it."""

    conditions: tuple[Condition, ...]
    seeds: Any
    keep: tuple[str, ...]
    title: str
    problems: list[Problem]


def parts_of_file(path: Path) -> Parts:
    """Read a study file; raises `ConfigError` for what is no TOML."""
    given = fields_of_text(text_of_file(path, WHAT), WHAT, str(path))
    return parts_of(given, path.parent)


def parts_of(given: Mapping[str, Any], folder: Path) -> Parts:
    """Return the parts of a study from the fields of a study file; folder: where its corpus file is looked for."""
    problems = [no_field("a study", name, FILE_FIELDS) for name in given if name not in FILE_FIELDS]
    tables = {name: _table(problems, given, name) for name in ("model", "training", "grid")}
    names = DatasetNames(folder, datasets_of_tables(problems, given.get(DATASET, {}), folder))
    seeds = gathered(problems, lambda: _seeds(given.get("seeds")))
    base = {DATASET: gathered(problems, lambda: names.default(given)) or tasks["notebook"].dataset}
    for name, known in (("model", MODEL_FIELDS), ("training", TRAINING_FIELDS)):
        problems += [no_field(f"[{name}]", key, known) for key in tables[name] if key not in known]
        base |= {key: value for key, value in tables[name].items() if key in (*MODEL_FIELDS, *TRAINING_FIELDS)}
    grid, listed = dict(tables["grid"]), _listed(problems, given.get("condition", []))
    if isinstance(grid.get(DATASET), list):
        grid[DATASET] = [names.find(problems, name) for name in grid[DATASET]]
    listed = [{**item, DATASET: names.find(problems, item[DATASET])} if DATASET in item else item for item in listed]
    conditions, wrong = conditions_of(base, grid, listed)
    keep = _keep(problems, given.get("keep", ["weights"]))
    return Parts(
        conditions,
        (0,) if seeds is None else seeds,
        keep,
        str(given.get("title", "")),
        [*problems, *(problem for problem in wrong if problem not in problems)],
    )


def _table(problems: list[Problem], given: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    table = given.get(name, {})
    if isinstance(table, Mapping):
        return table
    problems.append(Problem(f"{name} must be a table of fields, got {short_repr(table)}", name))
    return {}


def _listed(problems: list[Problem], listed: Any) -> list[Mapping[str, Any]]:
    if isinstance(listed, list) and all(isinstance(item, Mapping) for item in listed):
        return listed
    said = f"condition must be a list of tables, each begun by [[condition]], got {short_repr(listed)}"
    problems.append(Problem(said, "condition"))
    return []


def _keep(problems: list[Problem], keep: Any) -> tuple[str, ...]:
    if isinstance(keep, list) and all(isinstance(name, str) for name in keep):
        return tuple(keep)
    problems.append(Problem(f"keep must be a list of some of {', '.join(KEEPS)}, got {short_repr(keep)}", "keep"))
    return ()


def _seeds(given: Any) -> Any:
    if isinstance(given, str | list) and given:
        return given
    said = f'seeds must be a range like "0:1000" or a list like [1, 5, 9], got {short_repr(given)}'
    raise ConfigError(Problem(said, "seeds"))
