"""Conditions of a study: settings of model and training, those of a grid and those listed one by one."""

import contextlib
import itertools
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np

from headlab.config import NOTEBOOK_PHASES, ModelConfig, Phase, Plateau, TrainConfig
from headlab.config.record import gathered, no_field
from headlab.data.corpus import Corpus
from headlab.errors import ConfigError, Problem
from headlab.notation.values import brief
from headlab.study.columns import MODEL_FIELDS, TRAINING_FIELDS
from headlab.study.hashes import canonical_json
from headlab.study.identity import Data, run_identity, training_of

MAX_CONDITIONS = 100_000
FLAT = ("steps", "schedule")  # the settings that stand for phases


@dataclass(frozen=True)
class Condition:
    """One setting of model and training.

    factors: the fields that differ between the study's conditions, each with its value in force
    name: these in words, another one for every condition of a study; what tells conditions apart is their identity
    stored_as: the identity under which an older headlab keeps its runs
    """

    model: ModelConfig
    training: TrainConfig
    factors: tuple[tuple[str, Any], ...] = field(default=(), compare=False)
    name: str = field(default="the only condition", compare=False)
    stored_as: str | None = field(default=None, compare=False)

    def to_dict(self) -> dict[str, Any]:
        """Return model and training as plain values."""
        return {"model": self.model.to_dict(), "training": self.training.to_dict()}

    @classmethod
    def from_dict(cls, given: Any) -> "Condition":
        """Build a condition from what `to_dict` returned; raises `ConfigError` for anything else."""
        if not isinstance(given, dict) or set(given) != {"model", "training"}:
            raise ConfigError(f"a condition must have a model and a training, got {brief(given)}")
        model, training = given["model"], given["training"]
        if not isinstance(model, dict) or not isinstance(training, dict):
            raise ConfigError(f"a model and a training must be tables of fields, got {brief(given)}")
        return cls(ModelConfig.from_dict(model), TrainConfig.from_dict(training))

    def identity(self, data: Data) -> str:
        """Return what names its runs, each with its seed, on the data of a study; see `study.identity`."""
        return self.stored_as or run_identity(self.model, self.training, data)


def fields_of(model: ModelConfig, training: TrainConfig) -> dict[str, Any]:
    """Return the fields of both, by name, without those of the training that were left out: a condition may bring its own."""
    own = {name: getattr(training, name) for name in TRAINING_FIELDS if name not in FLAT}
    if training.rate_left_out:
        del own["learning_rate"]
    if training.phases == NOTEBOOK_PHASES:
        del own["phases"]
    return {name: getattr(model, name) for name in MODEL_FIELDS} | own


def laid_over(base: Mapping[str, Any], setting: Mapping[str, Any]) -> dict[str, Any]:
    """Return fields with others over them: phases take the place of steps and a schedule, and these of a training's phases.

    >>> laid_over({"steps": 5, "d_head": 1}, {"phases": []})
    {'d_head': 1, 'phases': []}
    >>> laid_over({"phases": (Phase(5), Phase(7))}, {"schedule": "constant"})
    {'steps': 12, 'schedule': 'constant'}
    """
    found, phases = dict(base), base.get("phases")
    if "phases" in setting:
        found = {name: value for name, value in base.items() if name not in FLAT}
    elif isinstance(phases, tuple) and setting.keys() & {*FLAT}:
        found = {name: value for name, value in base.items() if name != "phases"}
        found |= {} if "steps" in setting else {"steps": sum(phase.steps for phase in phases)}
    return found | {**setting}


def conditions_of(
    base: Mapping[str, Any], grid: Mapping[str, Any], listed: Iterable[Mapping[str, Any]], corpus: Corpus
) -> tuple[tuple[Condition, ...], list[Problem]]:
    """Return the conditions of a grid and a list, and every problem of their fields."""
    known = (*MODEL_FIELDS, *TRAINING_FIELDS)
    problems = [no_field("the grid", name, known) for name in grid if name not in known]
    chosen = _mappings(problems, listed)
    for number, item in enumerate(chosen, 1):
        problems += [no_field(f"condition {number}", name, known) for name in item if name not in known]
    axes = {}
    for name, given in grid.items():
        values = values_of(given)
        if values is None:
            said = f"the grid's {name} must be a list of at least one value, got {brief(given)}"
            problems.append(Problem(said, name))
        elif name in known:
            axes[name] = values
    count = math.prod(len(values) for values in axes.values()) + len(chosen)
    if count > MAX_CONDITIONS:
        return (), [
            *problems,
            Problem(f"a study must have at most {MAX_CONDITIONS:,} conditions, got {count:,}: take fewer values"),
        ]
    settings = [dict(zip(axes, values, strict=True)) for values in itertools.product(*axes.values())] if axes else []
    settings += [{name: value for name, value in item.items() if name in known} for item in chosen]
    built = [gathered(problems, partial(_condition, laid_over(base, setting))) for setting in settings or [{}]]
    return with_factors([condition for condition in built if condition is not None], corpus), problems


def values_of(given: Any) -> list[Any] | None:
    """Return the values of a list, a range, an array or a generator as plain values; None for anything else, or for none.

    >>> values_of(np.arange(10, 30, 10)), values_of(n * n for n in range(3)), values_of("10")
    ([10, 20], [0, 1, 4], None)
    """
    if isinstance(given, str | bytes | Mapping | set | frozenset) or not isinstance(given, Iterable):
        return None
    if isinstance(given, np.ndarray) and given.ndim == 0:
        return None
    return [plain(value) for value in itertools.islice(given, MAX_CONDITIONS + 1)] or None


def plain(value: Any) -> Any:
    """Return NumPy's numbers and arrays as Python's, in lists and mappings too: one value has one identity.

    >>> plain({"d_head": np.int64(5), "phases": (np.float64(0.5), np.True_)})
    {'d_head': 5, 'phases': [0.5, True]}
    """
    try:
        match value:
            case np.generic() | np.ndarray():
                return value.tolist()
            case Mapping():
                return {name: plain(item) for name, item in value.items()}
            case list() | tuple():
                return [plain(item) for item in value]
    except RecursionError:  # lists in lists without end, which no field is
        pass
    return value


def _mappings(problems: list[Problem], given: Any) -> list[Mapping[str, Any]]:
    """Return conditions listed one by one, those that are mappings of fields to values; what is none is a problem."""
    several = (
        isinstance(given, Iterable) and not isinstance(given, str | bytes | Mapping) and getattr(given, "ndim", 1) > 0
    )
    items = list(itertools.islice(given, MAX_CONDITIONS + 1)) if several else [given]
    problems += [
        Problem(f"a condition must be a mapping of fields to values, got {brief(item)}")
        for item in items
        if not isinstance(item, Mapping)
    ]
    return [plain(item) for item in items if isinstance(item, Mapping)]


def _condition(values: dict[str, Any]) -> Condition:
    problems: list[Problem] = []
    model = gathered(problems, lambda: ModelConfig(**{name: values[name] for name in MODEL_FIELDS}))
    training = {name: values[name] for name in TRAINING_FIELDS if name in values}
    built = gathered(problems, lambda: TrainConfig.of(**training))
    if problems or model is None or built is None:
        raise ConfigError(problems)
    return Condition(model, built)


def with_factors(conditions: Sequence[Condition], corpus: Corpus) -> tuple[Condition, ...]:
    """Return the conditions, each with the fields that differ between any of them, as they are in force, and a name."""
    rows = [
        {**vars(in_force(item.model, corpus)), **{k: v for k, v in vars(item.training).items() if k != "phases"}}
        for item in conditions
    ]
    for row, item in zip(rows, conditions, strict=True):
        row |= {"steps": item.training.steps, "schedule": item.training.schedule}
    if any(row["schedule"] == "phases" for row in rows):  # their own words say more
        for row in rows:
            del row["schedule"]
    differing = [name for name in rows[0] if len({repr(row[name]) for row in rows}) > 1] if rows else []
    schedules = _schedules(conditions)
    if len(set(schedules)) > len({(row["steps"], row.get("schedule")) for row in rows}):  # these do not tell them apart
        differing.append("phases")
        for row, text in zip(rows, schedules, strict=True):
            row["phases"] = text
    factors = [tuple((name, row[name]) for name in differing) for row in rows]
    words = [", ".join(f"{name} {_shown(value)}" for name, value in pairs) or Condition.name for pairs in factors]
    names = told_apart(words)
    return tuple(
        replace(item, factors=pairs, name=name) for item, pairs, name in zip(conditions, factors, names, strict=True)
    )


def _schedules(conditions: Sequence[Condition]) -> list[str]:
    """Return every condition's phases in words, other words for other phases."""
    exact = [canonical_json(training_of(item.training).get("phases")) for item in conditions]
    shown = {
        key: " + ".join(map(_phase, item.training.phases)) or "none"
        for key, item in zip(exact, conditions, strict=True)
    }
    texts = dict(zip(shown, told_apart(list(shown.values())), strict=True))
    return [texts[key] for key in exact]


def told_apart(texts: Sequence[str]) -> list[str]:
    """Return texts that all differ: those that come again with a number after them.

    >>> told_apart(["a", "b", "a", "a"])
    ['a', 'b', 'a (2)', 'a (3)']
    """
    found: dict[str, None] = {}
    seen: Counter[str] = Counter()
    for text in texts:
        name = text
        while name in found:
            seen[text] += 1
            name = f"{text} ({seen[text] + 1})"
        found[name] = None
    return list(found)


def in_force(model: ModelConfig, corpus: Corpus) -> ModelConfig:
    """Return a model with its d_model resolved, where it fits the corpus."""
    with contextlib.suppress(ConfigError):
        return model.replace(d_model=model.on(corpus).d_model)
    return model


def first_repeated(values: Iterable[Any]) -> Any:
    """Return the first value that comes twice; raises `LookupError` where none does."""
    seen = set()
    for value in values:
        if value in seen:
            return value
        seen.add(value)
    raise LookupError("nothing is repeated")


def _phase(phase: Phase) -> str:
    """Return a phase in words: its steps, what of its plateau is not as usual, what changes, what is frozen."""
    words = str(phase.steps)
    if phase.plateau is not None:
        usual, settings = vars(Plateau()), vars(phase.plateau)
        others = [f"{name} {_shown(value)}" for name, value in settings.items() if value != usual[name]]
        goes_on = " that goes on" if phase.plateau_goes_on else ""
        words += f" on plateau{goes_on}" + (f" ({', '.join(others)})" if others else "")
    if phase.changes:
        words += f" with {', '.join(f'{name} {_shown(value)}' for name, value in phase.changes.items())}"
    return words + (f" without {', '.join(phase.freeze)}" if phase.freeze else "")


def _shown(value: Any) -> str:
    # Never so short that two values look the same.
    short = f"{value:g}" if isinstance(value, float) else str(value)
    return short if not isinstance(value, float) or float(short) == value else repr(value)
