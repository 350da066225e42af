"""A study's design as a study file: TOML that reads back to an equal design."""

from collections.abc import Mapping, Sequence
from typing import Any

from headlab.config import ModelConfig
from headlab.data.dataset import Dataset
from headlab.study.columns import DATASET
from headlab.study.conditions import Condition
from headlab.study.file_datasets import table_fields, top_level_fields
from headlab.study.identity import differences, training_of
from headlab.study.toml import key_text, lines_of, value_text


def file_text(
    title: str,
    datasets: Mapping[str, Dataset],
    conditions: Sequence[Condition],
    seeds: Sequence[int],
    keep: Sequence[str],
) -> str:
    """Return a study file of a design's parts: what its conditions share in [model] and [training], what not one by one."""
    settings = [(differences(item.model, ModelConfig()), _training(item)) for item in conditions]
    models, trainings = zip(*settings, strict=True)
    shared = _shared(models), _shared(trainings)
    first = top_level_fields(next(iter(datasets.values()))) if len(datasets) == 1 else None
    lines = [*([f"title = {value_text(title)}"] if title else []), *lines_of(first or {})]
    lines += [f"seeds = {_seeds(seeds)}", f"keep = {value_text(list(keep))}"]
    for name, dataset in datasets.items() if first is None else ():
        lines += ["", f"[dataset.{key_text(name)}]", *lines_of(table_fields(name, dataset))]
    for name, fields in zip(("model", "training"), shared, strict=True):
        lines += ["", f"[{name}]", *lines_of(fields)] if fields else []
    for item, both in zip(conditions, settings, strict=True) if len(settings) > 1 else ():
        own = {DATASET: item.dataset_name} if len(datasets) > 1 else {}
        for given, same in zip(both, shared, strict=True):
            own |= {name: value for name, value in given.items() if name not in same}
        lines += ["", "[[condition]]", *lines_of(own)]
    return "\n".join(lines) + "\n"


def _training(condition: Condition) -> dict[str, Any]:
    found, schedule = training_of(condition.training), condition.training.schedule
    if "phases" in found and schedule != "phases":
        del found["phases"]
        found |= {"steps": condition.training.steps, **({"schedule": schedule} if schedule == "plateau" else {})}
    return found


def _shared(settings: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the fields that all conditions have, with one value."""
    return {
        name: value
        for name, value in settings[0].items()
        if all(name in item and item[name] == value for item in settings)
    }


def _seeds(seeds: Sequence[int]) -> str:
    whole = range(seeds[0], seeds[0] + len(seeds))
    return value_text(f"{whole.start}:{whole.stop}" if list(seeds) == list(whole) else list(seeds))
