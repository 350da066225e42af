"""What a study trains: conditions × seeds, on one corpus. Read from a TOML file or built in Python, validated whole."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from headlab.config import ModelConfig, TrainConfig
from headlab.config.numerics import NUMERICS
from headlab.config.record import gathered
from headlab.data.corpus import Corpus
from headlab.data.text import HALF_A_CHARACTER
from headlab.engine.job import Job
from headlab.errors import ConfigError, HeadlabError, Problem, StudyError
from headlab.notation.values import brief
from headlab.study import old_formats
from headlab.study import seeds as numbering
from headlab.study.conditions import (
    MAX_CONDITIONS,
    Condition,
    conditions_of,
    fields_of,
    first_repeated,
    with_factors,
)
from headlab.study.identity import Data, run_identity
from headlab.study.study_file import KEEPS, Parts, parts_of, parts_of_file
from headlab.study.toml import file_text


@dataclass(frozen=True, eq=False)
class StudyDesign:
    """A corpus, conditions, seeds, and what to keep of each run beside its row of results.

    conditions: of `grid`, or given; keep: some of weights, curves (log-spaced losses), snapshots (log-spaced weights)
    numerics: which bits its runs have; those of an older headlab are read, and not trained further
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
    numerics: int = NUMERICS

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
        if len(self.identities) < len(self.conditions):
            data = Data.of(self.corpus)
            twice = [condition.identity(data) for condition in self.conditions]
            name = self.conditions[twice.index(first_repeated(twice))].name
            problems.append(Problem(f"conditions must differ, got “{name}” twice: leave one out", "condition"))
        for condition in self.conditions:
            try:
                Job.of(self.corpus, condition.model, condition.training)
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

        factors: fields of `ModelConfig` and `TrainConfig` (and `steps`, `schedule`), each with its values
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
        return cls._of_parts(parts_of_file(Path(path)))

    @classmethod
    def from_fields(cls, given: Mapping[str, Any], folder: Path = Path()) -> "StudyDesign":
        """Build a study from the fields of a study file; folder: where its corpus file is looked for."""
        if not isinstance(given, Mapping):
            raise ConfigError(f"a study must be fields and their values, got {brief(given)}")
        return cls._of_parts(parts_of(given, folder))

    @classmethod
    def _of_parts(cls, parts: Parts) -> "StudyDesign":
        problems = list(parts.problems)
        conditions = parts.conditions or _SOME
        whole = gathered(problems, lambda: cls(parts.corpus, conditions, parts.seeds, parts.keep, parts.title))
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

    def successor(self) -> "StudyDesign":
        """Return the same study for this headlab: runs are named anew, and conditions that are the same now are one."""
        data, conditions = Data.of(self.corpus), dict[str, Condition]()
        for item in self.conditions:
            anew = replace(item, stored_as=None)
            conditions.setdefault(anew.identity(data), anew)
        found = with_factors(list(conditions.values()), self.corpus)
        return StudyDesign(self.corpus, found, self.seeds, self.keep, self.title)

    def to_toml(self) -> str:
        """Return a study file that reads back to an equal design.

        >>> print(StudyDesign.grid(Corpus.notebook(), seeds=range(8), model=ModelConfig(n_heads=2), d_head=[5, 10]).to_toml())
        corpus = "notebook"
        seeds = "0:8"
        keep = ["weights"]
        <BLANKLINE>
        [model]
        n_heads = 2
        <BLANKLINE>
        [[condition]]
        d_head = 5
        <BLANKLINE>
        [[condition]]
        d_head = 10
        <BLANKLINE>
        """
        return file_text(self.title, self.corpus, self.conditions, self.seeds, self.keep)

    @classmethod
    def from_dict(cls, given: Mapping[str, Any], numerics: int = NUMERICS) -> "StudyDesign":
        """Build a study from what `to_dict` returned; raises `StudyError` for anything else.

        numerics: which bits its runs have
        """
        try:
            listed = given["conditions"]
            if others := set(given) - {"title", "corpus", "conditions", "seeds", "keep"}:
                raise ConfigError(f"no specification has {', '.join(map(repr, sorted(others)))}")
            if not isinstance(listed, list) or len(listed) > MAX_CONDITIONS or not isinstance(given["keep"], list):
                raise ConfigError(f"conditions must be a list of at most {MAX_CONDITIONS:,}, and keep a list of names")
            seeds = numbering.of_ranges(given["seeds"], len(listed))
            corpus = Corpus.from_dict(given["corpus"])
            conditions = [Condition.from_dict(item) for item in listed]
            if numerics != NUMERICS:
                names = _names_then(given, conditions, corpus, numerics)
                conditions = [replace(item, stored_as=name) for item, name in zip(conditions, names, strict=True)]
            found = with_factors(conditions, corpus)
            return cls(corpus, found, seeds, tuple(given["keep"]), given["title"], numerics)
        except (HeadlabError, KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError) as error:
            problem = error.problems[0] if isinstance(error, HeadlabError) else f"{type(error).__name__}: {error}"
            raise StudyError(
                f"a study's specification must be one that headlab wrote, and is not ({problem}): restore the file"
            ) from None

    @cached_property
    def identities(self) -> dict[str, Condition]:
        """The conditions by their identity, which names their runs."""
        data = Data.of(self.corpus)
        return {condition.identity(data): condition for condition in self.conditions}


def _names_then(given: Mapping[str, Any], conditions: Iterable[Condition], corpus: Corpus, numerics: int) -> list[str]:
    """Return how an older headlab named the runs of each condition."""
    if numerics == 0:
        return old_formats.identities(given)
    data = Data.of(corpus)
    return [run_identity(item.model, item.training, data, numerics) for item in conditions]


_SOME = (Condition(ModelConfig(), TrainConfig()),)
