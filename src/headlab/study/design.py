"""What a study trains: conditions × seeds, on one corpus. Read from a TOML file or built in Python, validated whole."""

import json
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from headlab.config import ModelConfig, TrainConfig
from headlab.config.record import gathered, no_field
from headlab.data.corpus import Corpus
from headlab.data.text import HALF_A_CHARACTER
from headlab.engine.problem import Problem as Trainable
from headlab.errors import ConfigError, CorpusError, HeadlabError, Problem, StudyError
from headlab.files import nameable
from headlab.notation.values import brief
from headlab.study import seeds as numbering
from headlab.study.columns import MODEL_FIELDS, TRAINING_FIELDS
from headlab.study.conditions import (
    MAX_CONDITIONS,
    Condition,
    conditions_of,
    fields_of,
    first_repeated,
    in_force,
    with_factors,
)

KEEPS = ("weights", "curves", "snapshots")
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

NOTEBOOK_OPTIONS = {"start": "<Start>", "wrap": True, "tokens": "words"}

TEMPLATE = """# A headlab study: every condition is trained with every seed.
title = "Does the head size matter?"

corpus = "notebook"          # or a file with one sentence a line, beside this one
# sentences = ["man ordered the chicken", "woman ordered the beef"]     # or the sentences themselves
# tokens = "characters"      # for a corpus or sentences: every character a token, not every word
seeds = "0:1000"             # or a list: [1, 5, 9]
keep = ["weights"]           # a row of results a run is always kept; also: "curves", "snapshots"

[model]                      # what all conditions share; the notebook's values where nothing is said
# n_heads = 1
# residual = true

[training]
# learning_rate = 0.01       # without it, Keras' for the optimizer: sgd 0.01, the others 0.001
# steps = 5000               # at a constant rate; without it, the notebook's schedule

[grid]                       # every combination of these is a condition
d_head = [10, 20, 40]
# learning_rate = [0.01, 0.02]

# [[condition]]              # conditions beside those of the grid, one by one
# d_head = 160
# optimizer = "adam"
"""


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
        problems: list[Problem] = []
        several = (
            isinstance(self.keep, Iterable) and not isinstance(self.keep, str) and getattr(self.keep, "ndim", 1) > 0
        )
        keep = tuple(self.keep) if several else (self.keep,)
        wrong = [name for name in keep if not isinstance(name, str) or name not in KEEPS]
        problems += [Problem(f"keep must be some of {', '.join(KEEPS)}, got {brief(name)}", "keep") for name in wrong]
        if not isinstance(self.title, str) or HALF_A_CHARACTER.search(self.title):
            said = f"a study's title must be text, got {brief(self.title)}: write some, or leave it out"
            problems.append(Problem(said, "title"))
        if not self.conditions:
            said = "a study must have at least one condition, got none: give every field of the grid a value"
            problems.append(Problem(said, "grid"))
        seeds = gathered(problems, lambda: numbering.taken(self.seeds, len(self.conditions)))
        forced = [Condition(in_force(item.model, self.corpus), item.training) for item in self.conditions]
        names = [json.dumps(condition.to_dict(), sort_keys=True) for condition in forced]
        if len(set(names)) < len(names):
            twice = self.conditions[names.index(first_repeated(names))]
            problems.append(Problem(f"conditions must differ, got “{twice.name}” twice: leave one out", "condition"))
        for condition in self.conditions:
            try:
                Trainable.of(self.corpus, condition.model, condition.training)
            except ConfigError as error:
                problems += [problem.within(condition.name) for problem in error.problems]
        if problems:
            raise ConfigError(problems)
        object.__setattr__(self, "seeds", seeds)
        object.__setattr__(self, "keep", keep)

    @classmethod
    def grid(
        cls,
        corpus: Corpus,
        *,
        seeds: int | str | Iterable[int],
        model: ModelConfig | None = None,
        training: TrainConfig | None = None,
        conditions: Iterable[Mapping[str, Any]] = (),
        keep: Iterable[str] = ("weights",),
        title: str = "",
        **factors: Iterable[Any],
    ) -> "StudyDesign":
        """Build a study of every combination of some fields' values, and of further conditions one by one.

        factors: fields of `ModelConfig` and `TrainConfig` (and `steps`), each with its values
        conditions: mappings of such fields to one value each. Raises `ConfigError`, which lists all problems.

        Values, seeds too, may come in lists, ranges, generators and NumPy's arrays.
        """
        base = fields_of(model or ModelConfig(), training or TrainConfig())
        found, problems = conditions_of(base, factors, conditions, corpus)
        whole = gathered(problems, lambda: cls(corpus, found or _SOME, seeds, keep, title))  # type: ignore[arg-type]
        if problems or whole is None:
            raise ConfigError(problems)
        return whole

    @classmethod
    def from_toml(cls, path: str | Path) -> "StudyDesign":
        """Read a study file; raises one `ConfigError` that lists all its problems."""
        path = Path(path)
        try:
            given = tomllib.loads(_text(path))
        except tomllib.TOMLDecodeError as error:
            raise ConfigError(f"a study file must be TOML, got {str(path)!r}: {error}") from None
        except RecursionError:
            raise ConfigError(f"a study file must be TOML, got lists in lists without end in {str(path)!r}") from None
        except ValueError as error:  # a number of more digits than Python reads
            if isinstance(error, ConfigError):
                raise
            raise ConfigError(
                f"a study file must hold numbers and dates that are some, got {error} in {str(path)!r}"
            ) from None
        return cls.from_fields(given, path.parent)

    @classmethod
    def from_fields(cls, given: Mapping[str, Any], folder: Path = Path()) -> "StudyDesign":
        """Build a study from the fields of a study file; folder: where its corpus file is looked for."""
        if not isinstance(given, Mapping):
            raise ConfigError(f"a study must be fields and their values, got {brief(given)}")
        problems = [no_field("a study", name, FILE_FIELDS) for name in given if name not in FILE_FIELDS]
        parts = {}
        for name in ("model", "training", "grid"):
            part = given.get(name, {})
            if isinstance(part, Mapping):
                parts[name] = part
            else:
                problems.append(Problem(f"{name} must be a table of fields, got {brief(part)}", name))
        corpus = gathered(problems, lambda: _corpus(given, folder))
        seeds = gathered(problems, lambda: _seeds(given.get("seeds")))
        for name, known in (("model", MODEL_FIELDS), ("training", TRAINING_FIELDS)):
            problems += [no_field(f"[{name}]", key, known) for key in parts.get(name, {}) if key not in known]
        base = fields_of(ModelConfig(), TrainConfig())
        base |= {
            key: value
            for part in ("model", "training")
            for key, value in parts.get(part, {}).items()
            if key in (*MODEL_FIELDS, *TRAINING_FIELDS)
        }
        listed = given.get("condition", [])
        if not (isinstance(listed, list) and all(isinstance(item, Mapping) for item in listed)):
            said = f"condition must be a list of tables, each begun by [[condition]], got {brief(listed)}"
            problems.append(Problem(said, "condition"))
            listed = []
        conditions, wrong = conditions_of(base, parts.get("grid", {}), listed, corpus or Corpus.notebook())
        problems += wrong
        keep = given.get("keep", ["weights"])
        if not (isinstance(keep, list) and all(isinstance(name, str) for name in keep)):
            problems.append(Problem(f"keep must be a list of some of {', '.join(KEEPS)}, got {brief(keep)}", "keep"))
            keep = []
        whole = gathered(
            problems,
            lambda: cls(
                corpus or Corpus.notebook(),
                conditions or _SOME,
                (0,) if seeds is None else seeds,
                tuple(keep),
                str(given.get("title", "")),
            ),
        )
        if problems or whole is None:
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
            "seeds": numbering.ranges(self.seeds),
            "keep": list(self.keep),
        }

    @classmethod
    def from_dict(cls, given: Mapping[str, Any]) -> "StudyDesign":
        """Build a study from what `to_dict` returned; raises `StudyError` for anything else."""
        try:
            listed = given["conditions"]
            if others := set(given) - {"title", "corpus", "conditions", "seeds", "keep"}:
                raise ConfigError(f"no specification has {', '.join(map(repr, sorted(others)))}")
            if not isinstance(listed, list) or len(listed) > MAX_CONDITIONS or not isinstance(given["keep"], list):
                raise ConfigError(f"conditions must be a list of at most {MAX_CONDITIONS:,}, and keep a list of names")
            seeds = numbering.of_ranges(given["seeds"], len(listed))
            corpus = Corpus.from_dict(given["corpus"])
            conditions = with_factors([Condition.from_dict(item) for item in listed], corpus)
            return cls(corpus, conditions, seeds, tuple(given["keep"]), given["title"])
        except (HeadlabError, KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError) as error:
            problem = error.problems[0] if isinstance(error, HeadlabError) else f"{type(error).__name__}: {error}"
            raise StudyError(
                f"a study's specification must be one that headlab wrote, and is not ({problem}): restore the file"
            ) from None

    @cached_property
    def identities(self) -> dict[str, Condition]:
        """The conditions by their identity."""
        return {condition.identity(self.corpus): condition for condition in self.conditions}


_SOME = (Condition(ModelConfig(), TrainConfig()),)


def _corpus(given: Mapping[str, Any], folder: Path) -> Corpus:
    options = {name: given[name] for name in ("start", "wrap", "tokens") if name in given}
    if options.get("start") == "":
        options["start"] = None
    if "sentences" in given:
        if "corpus" in given:
            said = "a study must have a corpus or sentences, got both: leave one of them out"
            raise CorpusError(Problem(said, "sentences"))
        if not (isinstance(given["sentences"], list) and all(isinstance(line, str) for line in given["sentences"])):
            said = f"sentences must be a list of texts, got {brief(given['sentences'])}"
            raise CorpusError(Problem(said, "sentences"))
        return Corpus.from_text("\n".join(given["sentences"]), **options)
    name = given.get("corpus", "notebook")
    if not isinstance(name, str):
        raise CorpusError(Problem(f"corpus must be “notebook” or a file's name, got {brief(name)}", "corpus"))
    if name != "notebook":
        return Corpus.from_file(folder / name, **options)
    if odd := [option for option, value in options.items() if value != NOTEBOOK_OPTIONS[option]]:
        raise CorpusError(
            f"{', '.join(odd)} must go with a corpus file or sentences, got none: name them, or leave it out"
        )
    return Corpus.notebook()


def _seeds(given: Any) -> Any:
    if isinstance(given, str | list) and given:
        return given
    said = f'seeds must be a range like "0:1000" or a list like [1, 5, 9], got {brief(given)}'
    raise ConfigError(Problem(said, "seeds"))


def _text(path: Path) -> str:
    try:
        data = nameable(path).read_bytes()
    except OSError as error:
        raise ConfigError(
            f"a study file must be readable, got {str(path)!r} ({error.strerror}): check the path"
        ) from None
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise ConfigError(f"a study file must be UTF-8 text, got UTF-16 in {str(path)!r}: save it as UTF-8")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        said = (
            f"a study file must be UTF-8 text, got byte 0x{data[error.start]:02x} in line {line} of {str(path)!r}: "
            f"save it as UTF-8"
        )
        raise ConfigError(Problem(said, line=line)) from None
