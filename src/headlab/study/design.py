"""What a study trains: conditions × seeds, on one corpus. Read from a TOML file or built in Python, validated whole."""

import hashlib
import itertools
import json
import math
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from headlab.config import MAX_RUNS, ModelConfig, Phase, TrainConfig, nearest
from headlab.corpus import Corpus
from headlab.errors import ConfigError, CorpusError, HeadlabError
from headlab.study.columns import MODEL_FIELDS, TRAINING_FIELDS
from headlab.training import is_seed, seeds_of_text

KEEPS = ("weights", "curves", "snapshots")
MAX_CONDITIONS = 100_000
FILE_FIELDS = (
    "title",
    "corpus",
    "sentences",
    "start",
    "wrap",
    "tokens",
    "seeds",
    "keep",
    "model",
    "training",
    "grid",
    "condition",
)

TEMPLATE = """# A headlab study: every condition is trained with every seed.
title = "Does the head size matter?"

corpus = "notebook"          # or a file with one sentence a line, beside this one
# sentences = ["man ordered the chicken", "woman ordered the beef"]     # or the sentences themselves
seeds = "0:1000"             # or a list: [1, 5, 9]
keep = ["weights"]           # a row of results a run is always kept; also: "curves", "snapshots"

[model]                      # what all conditions share; the notebook's values where nothing is said
# n_heads = 1
# residual = true

[training]
# learning_rate = 0.01
# steps = 5000               # at a constant rate; without it, the notebook's schedule

[grid]                       # every combination of these is a condition
d_head = [10, 20, 40]
# learning_rate = [0.01, 0.02]

# [[condition]]              # conditions beside those of the grid, one by one
# d_head = 160
# optimizer = "adam"
"""


@dataclass(frozen=True)
class Condition:
    """One setting of model and training; factors: the fields that differ between the study's conditions, with their values."""

    model: ModelConfig
    training: TrainConfig
    factors: tuple[tuple[str, Any], ...] = field(default=(), compare=False)

    @property
    def name(self) -> str:
        """The factors in words.

        >>> Condition(ModelConfig(d_head=10), TrainConfig(), (("d_head", 10),)).name
        'd_head 10'
        """
        return ", ".join(f"{name} {_shown(value)}" for name, value in self.factors) or "the only condition"

    def to_dict(self) -> dict[str, Any]:
        """Return model and training as plain values."""
        return {"model": self.model.to_dict(), "training": self.training.to_dict()}

    def identity(self, corpus: Corpus) -> str:
        """Return what names a run of this condition, with its seed: a hash of model, training and corpus, 16 hex digits."""
        return digest({**self.to_dict(), "corpus": corpus.to_dict()})[:16]


@dataclass(frozen=True, eq=False)
class StudyDesign:
    """A corpus, conditions, seeds, and what to keep of each run beside its row of results.

    conditions: of `grid`, or given; keep: some of weights, curves (log-spaced losses), snapshots (log-spaced weights)
    Raises `ConfigError`, which lists all problems.

    >>> design = StudyDesign.grid(Corpus.notebook(), seeds=range(1000), d_head=[10, 20, 40])
    >>> [condition.name for condition in design.conditions], design.n_runs
    (['d_head 10', 'd_head 20', 'd_head 40'], 3000)
    """

    corpus: Corpus
    conditions: tuple[Condition, ...]
    seeds: tuple[int, ...]
    keep: tuple[str, ...] = ("weights",)
    title: str = ""

    def __post_init__(self) -> None:
        problems = []
        wrong = [name for name in self.keep if name not in KEEPS]
        problems += [f"keep must be some of {', '.join(KEEPS)}, got {name!r}" for name in wrong]
        if not self.conditions:
            problems.append("a study must have at least one condition, got none: give every field of the grid a value")
        if self.n_runs > MAX_RUNS:
            problems.append(
                f"a study must have at most {MAX_RUNS:,} runs, got {len(self.conditions):,} conditions × "
                f"{len(self.seeds):,} seeds = {self.n_runs:,}: take fewer of either"
            )
        wrong_seeds = [repr(seed) for seed in self.seeds if not is_seed(seed)]
        if wrong_seeds or not self.seeds:
            got = wrong_seeds[0] if wrong_seeds else "none"
            problems.append(f"seeds must be whole numbers from 0 to 2**64 - 1, at least one, got {got}")
        elif len(set(self.seeds)) < len(self.seeds):
            problems.append(f"seeds must each be named once, got {_first_repeated(self.seeds)} twice")
        names = [json.dumps(condition.to_dict(), sort_keys=True) for condition in self.conditions]
        if len(set(names)) < len(names):
            twice = self.conditions[names.index(_first_repeated(names))]
            problems.append(f"conditions must differ, got “{twice.name}” twice: leave one out")
        for condition in self.conditions:
            try:
                condition.model.width(self.corpus.d_vocab)
            except ConfigError as error:
                problems += [f"{condition.name}: {problem}" for problem in error.problems]
        if problems:
            raise ConfigError(problems)

    @classmethod
    def grid(
        cls,
        corpus: Corpus,
        *,
        seeds: Iterable[int],
        model: ModelConfig | None = None,
        training: TrainConfig | None = None,
        conditions: Sequence[Mapping[str, Any]] = (),
        keep: Sequence[str] = ("weights",),
        title: str = "",
        **factors: Sequence[Any],
    ) -> "StudyDesign":
        """Build a study of every combination of some fields' values, and of further conditions one by one.

        factors: fields of `ModelConfig` and `TrainConfig` (and `steps`), each with its values
        conditions: mappings of such fields to one value each. Raises `ConfigError`, which lists all problems.
        """
        base = {**_plain(model or ModelConfig(), MODEL_FIELDS), **_plain(training or TrainConfig(), TRAINING_FIELDS)}
        found, problems = _conditions(base, factors, conditions)
        if problems:
            raise ConfigError(problems)
        return cls(corpus, found, tuple(seeds), tuple(keep), title)

    @classmethod
    def from_toml(cls, path: str | Path) -> "StudyDesign":
        """Read a study file; raises one `ConfigError` that lists all its problems."""
        path = Path(path)
        try:
            given = tomllib.loads(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"a study file must be readable UTF-8 text, got {str(path)!r} ({error})") from None
        except tomllib.TOMLDecodeError as error:
            raise ConfigError(f"a study file must be TOML, got {str(path)!r}: {error}") from None
        return cls.from_fields(given, path.parent)

    @classmethod
    def from_fields(cls, given: Mapping[str, Any], folder: Path = Path()) -> "StudyDesign":
        """Build a study from the fields of a study file; folder: where its corpus file is looked for."""
        problems = [_unknown("a study", name, FILE_FIELDS) for name in given if name not in FILE_FIELDS]
        parts = {}
        for name in ("model", "training", "grid"):
            part = given.get(name, {})
            if isinstance(part, Mapping):
                parts[name] = part
            else:
                problems.append(f"{name} must be a table of fields, got {part!r}")
        corpus, seeds = _try(problems, _corpus, given, folder), _try(problems, _seeds, given.get("seeds"))
        for name, known in (("model", MODEL_FIELDS), ("training", TRAINING_FIELDS)):
            problems += [_unknown(f"[{name}]", key, known) for key in parts.get(name, {}) if key not in known]
        base = {**_plain(ModelConfig(), MODEL_FIELDS), **_plain(TrainConfig(), TRAINING_FIELDS)}
        base |= {
            key: value for part in ("model", "training") for key, value in parts.get(part, {}).items() if key in base
        }
        listed = given.get("condition", [])
        if not (isinstance(listed, list) and all(isinstance(item, Mapping) for item in listed)):
            problems.append(f"condition must be a list of tables, each begun by [[condition]], got {listed!r}")
            listed = []
        conditions, wrong = _conditions(base, parts.get("grid", {}), listed)
        problems += wrong
        keep = given.get("keep", ["weights"])
        if not (isinstance(keep, list) and all(isinstance(name, str) for name in keep)):
            problems.append(f"keep must be a list of some of {', '.join(KEEPS)}, got {keep!r}")
            keep = []
        try:
            whole = cls(
                corpus or Corpus.notebook(),
                conditions or _SOME,
                tuple(seeds or (0,)),
                tuple(keep),
                str(given.get("title", "")),
            )
        except ConfigError as error:
            problems += error.problems
        if problems:
            raise ConfigError(problems)
        return whole

    @property
    def n_runs(self) -> int:
        """Conditions × seeds."""
        return len(self.conditions) * len(self.seeds)

    @property
    def n_steps(self) -> int:
        """Steps of all runs together."""
        return sum(condition.training.steps for condition in self.conditions) * len(self.seeds)

    @property
    def factors(self) -> tuple[str, ...]:
        """The fields that differ between conditions."""
        return tuple(dict.fromkeys(name for condition in self.conditions for name, _ in condition.factors))

    @property
    def models(self) -> dict[str, ModelConfig]:
        """The conditions' models, by the conditions' names."""
        return {condition.name: condition.model for condition in self.conditions}

    def to_dict(self) -> dict[str, Any]:
        """Return the specification as plain values."""
        return {
            "title": self.title,
            "corpus": self.corpus.to_dict(),
            "conditions": [condition.to_dict() for condition in self.conditions],
            "seeds": _ranges(self.seeds),
            "keep": list(self.keep),
        }

    @classmethod
    def from_dict(cls, given: Mapping[str, Any]) -> "StudyDesign":
        """Build a study from what `to_dict` returned."""
        plain = [
            Condition(ModelConfig.from_dict(item["model"]), TrainConfig.from_dict(item["training"]))
            for item in given["conditions"]
        ]
        seeds = tuple(seed for first, last in given["seeds"] for seed in range(first, last))
        return cls(Corpus.from_dict(given["corpus"]), _with_factors(plain), seeds, tuple(given["keep"]), given["title"])

    @cached_property
    def identities(self) -> dict[str, Condition]:
        """The conditions by their identity."""
        return {condition.identity(self.corpus): condition for condition in self.conditions}


_SOME = (Condition(ModelConfig(), TrainConfig()),)


def digest(value: Any) -> str:
    """Return the SHA-256 of a value's canonical JSON, in hex."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _plain(config: ModelConfig | TrainConfig, names: Sequence[str]) -> dict[str, Any]:
    return {name: getattr(config, name, None) if name != "steps" else None for name in names}


def _conditions(
    base: Mapping[str, Any], grid: Mapping[str, Any], listed: Sequence[Mapping[str, Any]]
) -> tuple[tuple[Condition, ...], list[str]]:
    """Return the conditions of a grid and a list, and every problem of their fields."""
    known = (*MODEL_FIELDS, *TRAINING_FIELDS)
    problems = [_unknown("the grid", name, known) for name in grid if name not in known]
    for number, item in enumerate(listed, 1):
        problems += [_unknown(f"condition {number}", name, known) for name in item if name not in known]
    axes = {}
    for name, values in grid.items():
        if isinstance(values, str) or not isinstance(values, Sequence) or len(values) == 0:
            problems.append(f"the grid's {name} must be a list of at least one value, got {values!r}")
        elif name in known:
            axes[name] = values
    count = math.prod(len(values) for values in axes.values()) + len(listed)
    if count > MAX_CONDITIONS:
        return (), [
            *problems,
            f"a study must have at most {MAX_CONDITIONS:,} conditions, got {count:,}: take fewer values",
        ]
    settings = [dict(zip(axes, values, strict=True)) for values in itertools.product(*axes.values())] if axes else []
    settings += [{name: value for name, value in item.items() if name in known} for item in listed]
    built = []
    for setting in settings or [{}]:
        try:
            built.append(_condition({**base, **setting}))
        except ConfigError as error:
            problems += [problem for problem in error.problems if problem not in problems]
    return _with_factors(built), problems


def _condition(values: dict[str, Any]) -> Condition:
    steps = values.pop("steps", None)
    problems: list[str] = []
    model = _try(problems, ModelConfig, **{name: values[name] for name in MODEL_FIELDS})
    training = {name: values[name] for name in TRAINING_FIELDS if name != "steps"}
    if steps is not None:
        phase = _try(problems, Phase, steps)
        training["phases"] = () if phase is None else (phase,)
    built = _try(problems, TrainConfig.from_dict, training)
    if problems or model is None or built is None:
        raise ConfigError(problems)
    return Condition(model, built)


def _with_factors(conditions: Sequence[Condition]) -> tuple[Condition, ...]:
    """Return the conditions, each with the values of the fields that differ between any of them."""
    rows = [
        {**vars(item.model), **{k: v for k, v in vars(item.training).items() if k != "phases"}} for item in conditions
    ]
    for row, item in zip(rows, conditions, strict=True):
        row["steps"] = item.training.steps
    differing = [name for name in rows[0] if len({repr(row[name]) for row in rows}) > 1] if rows else []
    phases = {item.training.phases for item in conditions}
    found = []
    for row, item in zip(rows, conditions, strict=True):
        factors = [(name, row[name]) for name in differing]
        if len(phases) > 1 and "steps" not in differing:
            factors.append(("phases", json.dumps(item.training.to_dict()["phases"])))
        found.append(Condition(item.model, item.training, tuple(factors)))
    return tuple(found)


def _corpus(given: Mapping[str, Any], folder: Path) -> Corpus:
    options = {name: given[name] for name in ("start", "wrap", "tokens") if name in given}
    if options.get("start") == "":
        options["start"] = None
    if "sentences" in given:
        if "corpus" in given:
            raise CorpusError("a study must have a corpus or sentences, got both: leave one of them out")
        if not (isinstance(given["sentences"], list) and all(isinstance(line, str) for line in given["sentences"])):
            raise CorpusError(f"sentences must be a list of texts, got {given['sentences']!r}")
        return Corpus.from_text("\n".join(given["sentences"]), **options)
    name = given.get("corpus", "notebook")
    if not isinstance(name, str):
        raise CorpusError(f"corpus must be “notebook” or a file's name, got {name!r}")
    return Corpus.notebook() if name == "notebook" else Corpus.from_file(folder / name, **options)


def _seeds(given: Any) -> Sequence[int]:
    if isinstance(given, str):
        return seeds_of_text(given)
    if isinstance(given, list) and given:
        return given
    raise ConfigError(f'seeds must be a range like "0:1000" or a list like [1, 5, 9], got {given!r}')


def _try(problems: list[str], build: Any, *arguments: Any, **named: Any) -> Any:
    try:
        return build(*arguments, **named)
    except ConfigError as error:
        problems += [problem for problem in error.problems if problem not in problems]
    except HeadlabError as error:
        problems.append(str(error))
    return None


def _unknown(where: str, name: str, known: Sequence[str]) -> str:
    return f"{where} has no field {name!r}: {nearest(name, known)}"


def _first_repeated(values: Sequence[Any]) -> Any:
    seen = set()
    for value in values:
        if value in seen:
            return value
        seen.add(value)
    raise LookupError("nothing is repeated")


def _ranges(seeds: Sequence[int]) -> list[list[int]]:
    """Return seeds as half-open ranges.

    >>> _ranges([0, 1, 2, 7])
    [[0, 3], [7, 8]]
    """
    found: list[list[int]] = []
    for seed in seeds:
        if found and found[-1][1] == seed:
            found[-1][1] += 1
        else:
            found.append([seed, seed + 1])
    return found


def _shown(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
