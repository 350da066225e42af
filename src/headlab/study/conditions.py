"""Conditions of a study: a dataset with settings of model and training, those of a grid and those listed one by one."""

import contextlib
import itertools
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np

from headlab.config import NOTEBOOK_PHASES, ModelConfig, Phase, Plateau, Shape, TrainConfig
from headlab.config.numerics import NUMERICS
from headlab.config.record import gathered, no_field
from headlab.data.dataset import Dataset
from headlab.errors import ConfigError, Problem
from headlab.notation.values import short_repr
from headlab.study.columns import DATASET, FLAT, MODEL_FIELDS, TRAINING_FIELDS
from headlab.study.hashes import canonical_digest, canonical_json
from headlab.study.identity import Data, run_identity, training_of
from headlab.tasks.door import usual_recipe
from headlab.tasks.task import Recipe

MAX_CONDITIONS = 100_000


@dataclass(frozen=True)
class Condition:
    """One dataset with one setting of model and training.

    factors: the fields that differ between the study's conditions, each with its value in force
    name: these in words, another one for every condition of a study; what tells conditions apart is their identity
    dataset_name: what its dataset is called in tables; another name for every dataset of a study
    stored_as: the identity under which an older headlab keeps its runs
    """

    dataset: Dataset
    model: ModelConfig
    training: TrainConfig
    factors: tuple[tuple[str, Any], ...] = field(default=(), compare=False)
    name: str = field(default="the only condition", compare=False)
    dataset_name: str = field(default="", compare=False)
    stored_as: str | None = field(default=None, compare=False)

    def to_dict(self) -> dict[str, Any]:
        """Return model and training as plain values."""
        return {"model": self.model.to_dict(), "training": self.training.to_dict()}

    @classmethod
    def from_dict(cls, given: Any, datasets: Sequence[Dataset]) -> "Condition":
        """Build a condition from what `to_dict` returned, and the number of its dataset; raises `ConfigError`."""
        if not isinstance(given, dict) or set(given) != {DATASET, "model", "training"}:
            raise ConfigError(f"a condition must have a dataset, a model and a training, got {short_repr(given)}")
        number, model, training = given[DATASET], given["model"], given["training"]
        if not isinstance(model, dict) or not isinstance(training, dict):
            raise ConfigError(f"a model and a training must be tables of fields, got {short_repr(given)}")
        if type(number) is not int or number not in range(len(datasets)):
            raise ConfigError(f"a dataset must be a number from 0 to {len(datasets) - 1}, got {short_repr(number)}")
        return cls(datasets[number], ModelConfig.from_dict(model), TrainConfig.from_dict(training))

    @property
    def shape(self) -> Shape:
        """Its model on its dataset, every size known; raises `ConfigError` where it does not fit."""
        return self.model.on(self.dataset)

    @property
    def model_in_force(self) -> ModelConfig:
        """Its model with the d_model that it has on its dataset, where it fits."""
        with contextlib.suppress(ConfigError):
            return self.model.replace(d_model=self.shape.d_model)
        return self.model

    @property
    def identity(self) -> str:
        """What names its runs, each with its seed; see `study.identity`.

        >>> from headlab.data.corpus import Corpus
        >>> Condition(Dataset(Corpus.notebook()), ModelConfig(), TrainConfig()).identity
        'b49e46c36834f225'
        """
        return identities_of([self])[0]


def identities_of(conditions: Iterable[Condition], numerics: int = NUMERICS) -> list[str]:
    """Return what names the runs of each condition; what several are trained on is hashed once."""
    data: dict[int, Data] = {}
    found = []
    for item in conditions:
        if item.stored_as is None and id(item.dataset) not in data:
            data[id(item.dataset)] = Data.of(item.dataset, numerics)
        found.append(item.stored_as or run_identity(item.model, item.training, data[id(item.dataset)], numerics))
    return found


def fields_of(model: ModelConfig, training: TrainConfig) -> dict[str, Any]:
    """Return the fields of both, by name, without those of the training that were left out: a condition may bring its own."""
    own = {name: getattr(training, name) for name in TRAINING_FIELDS if name not in FLAT}
    if training.rate_left_out:
        del own["learning_rate"]
    if training.phases == NOTEBOOK_PHASES:
        del own["phases"]
    return {name: getattr(model, name) for name in MODEL_FIELDS} | own


def overlay(base: Mapping[str, Any], setting: Mapping[str, Any]) -> dict[str, Any]:
    """Return fields with others over them: phases take the place of steps and a schedule, and these of a training's phases.

    Of one phase alone the steps are changed, and nothing else. Raises `ConfigError` where these are no number of steps.

    >>> overlay({"steps": 5, "d_head": 1}, {"phases": []})
    {'d_head': 1, 'phases': []}
    >>> overlay({"phases": (Phase(5), Phase(7))}, {"schedule": "constant"})
    {'steps': 12, 'schedule': 'constant'}
    >>> overlay({"phases": (Phase(5, rate="cosine"),)}, {"steps": 7})["phases"][0]
    Phase(steps=7, plateau=None, rate='cosine')
    """
    found, phases = dict(base), base.get("phases")
    if isinstance(phases, tuple) and len(phases) == 1 and setting.keys() & {*FLAT, "phases"} == {"steps"}:
        rest = {name: value for name, value in setting.items() if name != "steps"}
        return found | {"phases": (phases[0].replace(steps=setting["steps"]),)} | rest
    if "phases" in setting:
        found = {name: value for name, value in base.items() if name not in FLAT}
    elif isinstance(phases, tuple) and setting.keys() & {*FLAT}:
        found = {name: value for name, value in base.items() if name != "phases"}
        found |= {} if "steps" in setting else {"steps": sum(phase.steps for phase in phases)}
    return found | {**setting}


def conditions_of(
    base: Mapping[str, Any],
    grid: Mapping[str, Any],
    listed: Iterable[Mapping[str, Any]],
    model: ModelConfig | None = None,
    training: TrainConfig | None = None,
) -> tuple[tuple[Condition, ...], list[Problem]]:
    """Return the conditions of a grid and a list, and every problem of their fields.

    base: what is said for all of them; model, training: of all, where they are given, else those of the recipe by which what
    a condition is trained on is usually trained
    """
    known = (DATASET, *MODEL_FIELDS, *TRAINING_FIELDS)
    problems = [no_field("the grid", name, known) for name in grid if name not in known]
    chosen = _mappings(problems, listed)
    for number, item in enumerate(chosen, 1):
        problems += [no_field(f"condition {number}", name, known) for name in item if name not in known]
    axes = {}
    for name, given in grid.items():
        values = values_of(given)
        if values is None:
            said = f"the grid's {name} must be a list of at least one value, got {short_repr(given)}"
            problems.append(Problem(said, name))
        elif name in known:
            axes[name] = [_as_dataset(value) for value in values] if name == DATASET else values
    count = math.prod(len(values) for values in axes.values()) + len(chosen)
    if count > MAX_CONDITIONS:
        return (), [
            *problems,
            Problem(f"a study must have at most {MAX_CONDITIONS:,} conditions, got {count:,}: take fewer values"),
        ]
    settings = [dict(zip(axes, values, strict=True)) for values in itertools.product(*axes.values())] if axes else []
    settings += [{name: value for name, value in item.items() if name in known} for item in chosen]
    built = [gathered(problems, partial(_condition, base, setting, model, training)) for setting in settings or [{}]]
    return tuple(condition for condition in built if condition is not None), problems


def _as_dataset(given: Any) -> Any:
    """Return a dataset that all conditions of a grid share; what is none is refused with them."""
    try:
        return Dataset.of(given)
    except ConfigError:
        return given


def values_of(given: Any) -> list[Any] | None:
    """Return the values of a list, a range, an array or a generator as plain values; None for anything else, or for none.

    >>> values_of(np.arange(10, 30, 10)), values_of(n * n for n in range(3)), values_of("10")
    ([10, 20], [0, 1, 4], None)
    """
    if isinstance(given, str | bytes | Mapping | set | frozenset) or not isinstance(given, Iterable):
        return None
    if isinstance(given, np.ndarray) and given.ndim == 0:
        return None
    return [without_numpy(value) for value in itertools.islice(given, MAX_CONDITIONS + 1)] or None


def without_numpy(value: Any) -> Any:
    """Return NumPy's numbers and arrays as Python's, in lists and mappings too: one value has one identity.

    >>> without_numpy({"d_head": np.int64(5), "phases": (np.float64(0.5), np.True_)})
    {'d_head': 5, 'phases': [0.5, True]}
    """
    try:
        match value:
            case np.generic() | np.ndarray():
                return value.tolist()
            case Mapping():
                return {name: without_numpy(item) for name, item in value.items()}
            case list() | tuple():
                return [without_numpy(item) for item in value]
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
        Problem(f"a condition must be a mapping of fields to values, got {short_repr(item)}")
        for item in items
        if not isinstance(item, Mapping)
    ]
    return [without_numpy(item) for item in items if isinstance(item, Mapping)]


def _condition(
    base: Mapping[str, Any], setting: Mapping[str, Any], model: ModelConfig | None, training: TrainConfig | None
) -> Condition:
    problems: list[Problem] = []
    dataset = gathered(problems, lambda: Dataset.of(setting.get(DATASET, base[DATASET])))
    usual = Recipe() if dataset is None else usual_recipe(dataset)
    chosen = Recipe(model or usual.model, training or usual.training)
    both = gathered(problems, lambda: configured(chosen, overlay(base, setting)))
    if problems or dataset is None or both is None:
        raise ConfigError(problems)
    if usual.weights is not None and both[1].steps == 0:
        said = f"a study's dataset must be trained, got {dataset.name}, whose weights are set by hand"
        said = f"{said}: leave it out, or give it steps"
        raise ConfigError(Problem(said, DATASET))
    return Condition(dataset, *both)


def configured(usual: Recipe, given: Mapping[str, Any]) -> tuple[ModelConfig, TrainConfig]:
    """Return a recipe's model and training with some of their fields as they are given; raises `ConfigError` with all problems.

    >>> configured(Recipe(ModelConfig(d_head=3)), {"n_heads": 2, "steps": 9})[0].d_head
    3
    """
    problems: list[Problem] = []
    values = overlay(fields_of(usual.model, usual.training), given)
    model = gathered(problems, lambda: ModelConfig(**{name: values[name] for name in MODEL_FIELDS}))
    training = {name: values[name] for name in TRAINING_FIELDS if name in values}
    built = gathered(problems, lambda: TrainConfig.of(**training))
    if problems or model is None or built is None:
        raise ConfigError(problems)
    return model, built


def with_factors(conditions: Sequence[Condition]) -> tuple[Condition, ...]:
    """Return the conditions, each with the fields that differ between any of them, as they are in force, and a name."""
    called = dataset_names(item.dataset for item in conditions)
    rows = [_row(item, called[id(item.dataset)]) for item in conditions]
    if any(row["schedule"] == "phases" for row in rows):  # their own words say more
        for row in rows:
            del row["schedule"]
    differing = [name for name in rows[0] if len({repr(row[name]) for row in rows}) > 1] if rows else []
    if len({_own_d_model(item) for item in conditions}) == 1:  # it differs as the vocabularies do
        differing = [name for name in differing if name != "d_model"]
    schedules = _schedules(conditions)
    if len(set(schedules)) > len({(row["steps"], row.get("schedule")) for row in rows}):  # these do not tell them apart
        differing.append("phases")
        for row, text in zip(rows, schedules, strict=True):
            row["phases"] = text
    factors = [tuple((name, row[name]) for name in differing) for row in rows]
    words = [", ".join(f"{name} {_value_words(value)}" for name, value in pairs) or Condition.name for pairs in factors]
    return tuple(
        replace(item, factors=pairs, name=name, dataset_name=called[id(item.dataset)])
        for item, pairs, name in zip(conditions, factors, distinguish(words), strict=True)
    )


def dataset_names(datasets: Iterable[Dataset]) -> dict[int, str]:
    """Return what datasets are called, by their id(): their names, or which corpus it is; other ones by other names."""
    contents: dict[int, str] = {}
    called: dict[str, str] = {}
    for dataset in datasets:
        if id(dataset) not in contents:
            content = contents[id(dataset)] = canonical_digest(dataset.to_dict())
            called.setdefault(content, dataset.name or f"corpus {len(called) + 1}")
    names = dict(zip(called, distinguish(list(called.values())), strict=True))
    return {number: names[content] for number, content in contents.items()}


def _row(item: Condition, dataset: str) -> dict[str, Any]:
    """Return the values of a condition that may tell it from others."""
    training = {name: value for name, value in vars(item.training).items() if name[0] != "_" and name != "phases"}
    schedule = {"steps": item.training.steps, "schedule": item.training.schedule}
    return {"dataset": dataset, **vars(item.model_in_force), **training, **schedule}


def _own_d_model(item: Condition) -> int | None:
    return item.model.d_model if item.model.d_model != item.dataset.d_vocab else None


def _schedules(conditions: Sequence[Condition]) -> list[str]:
    """Return every condition's phases in words, other words for other phases."""
    exact = [canonical_json(training_of(item.training).get("phases")) for item in conditions]
    shown = {
        key: " + ".join(map(_phase, item.training.phases)) or "none"
        for key, item in zip(exact, conditions, strict=True)
    }
    texts = dict(zip(shown, distinguish(list(shown.values())), strict=True))
    return [texts[key] for key in exact]


def distinguish(texts: Sequence[str]) -> list[str]:
    """Return texts that all differ: those that come again with a number after them.

    >>> distinguish(["a", "b", "a", "a"])
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
        others = [f"{name} {_value_words(value)}" for name, value in settings.items() if value != usual[name]]
        goes_on = " that goes on" if phase.plateau_goes_on else ""
        words += f" on plateau{goes_on}" + (f" ({', '.join(others)})" if others else "")
    if phase.changes:
        words += f" with {', '.join(f'{name} {_value_words(value)}' for name, value in phase.changes.items())}"
    return words + (f" without {', '.join(phase.freeze)}" if phase.freeze else "")


def _value_words(value: Any) -> str:
    # Never so short that two values look the same.
    short = f"{value:g}" if isinstance(value, float) else str(value)
    return short if not isinstance(value, float) or float(short) == value else repr(value)
