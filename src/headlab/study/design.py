"""What a study trains: conditions × seeds. Read from a TOML file or built in Python, validated whole."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from headlab.config import ModelConfig, TrainConfig
from headlab.config.numerics import NUMERICS
from headlab.config.record import gathered
from headlab.data.dataset import Dataset, Trainable
from headlab.data.letters import HALF_A_CHARACTER
from headlab.engine.job import Job
from headlab.errors import ConfigError, HeadlabError, Problem, StudyError
from headlab.notation.numbers import quantity
from headlab.notation.values import short_repr
from headlab.study import seeds as numbering
from headlab.study.columns import DATASET
from headlab.study.conditions import (
    MAX_CONDITIONS,
    Condition,
    conditions_of,
    first_repeated,
    identities_of,
    with_factors,
)
from headlab.study.file_text import file_text
from headlab.study.study_file import KEEPS, Parts, parts_of, parts_of_file
from headlab.tasks import tasks


@dataclass(frozen=True, eq=False)
class StudyDesign:
    """Conditions, seeds, and what to keep of each run beside its row of results.

    conditions: a dataset, a model and a training each, of `grid`, or given
    keep: some of weights, curves (log-spaced losses), snapshots (log-spaced weights), minimal (how many minimal sets suffice)
    numerics: which bits its runs have; those of an older headlab are read, and not trained further
    Raises `ConfigError`, which lists all problems.

    >>> design = StudyDesign.grid(seeds=range(1000), d_head=[10, 20, 40])
    >>> design
    StudyDesign(3 conditions × 1,000 seeds: d_head)
    >>> [condition.name for condition in design.conditions], design.n_runs
    (['d_head 10', 'd_head 20', 'd_head 40'], 3000)
    """

    conditions: tuple[Condition, ...]
    seeds: tuple[int, ...]
    keep: tuple[str, ...] = ("weights",)
    title: str = ""
    numerics: int = NUMERICS

    def __post_init__(self) -> None:
        object.__setattr__(self, "conditions", with_factors(self.conditions))
        problems: list[Problem] = []
        several = (
            isinstance(self.keep, Iterable) and not isinstance(self.keep, str) and getattr(self.keep, "ndim", 1) > 0
        )
        keep = tuple(self.keep) if several else (self.keep,)
        wrong = [name for name in keep if not isinstance(name, str) or name not in KEEPS]
        problems += [
            Problem(f"keep must be some of {', '.join(KEEPS)}, got {short_repr(name)}", "keep") for name in wrong
        ]
        if not isinstance(self.title, str) or HALF_A_CHARACTER.search(self.title):
            said = f"a study's title must be text, got {short_repr(self.title)}: write some, or leave it out"
            problems.append(Problem(said, "title"))
        if not self.conditions:
            said = "a study must have at least one condition, got none: give every field of the grid a value"
            problems.append(Problem(said, "grid"))
        seeds = gathered(problems, lambda: numbering.seeds_of(self.seeds, len(self.conditions)))
        problems += self._problems_of_conditions()
        if problems:
            raise ConfigError(problems)
        object.__setattr__(self, "seeds", seeds)
        object.__setattr__(self, "keep", keep)

    def _problems_of_conditions(self) -> Iterable[Problem]:
        if len(self.identities) < len(self.conditions):
            identities = identities_of(self.conditions)
            name = self.conditions[identities.index(first_repeated(identities))].name
            yield Problem(f"conditions must differ, got “{name}” twice: leave one out", "condition")
        for condition in self.conditions:
            if condition.dataset.stream is not None and condition.dataset.stream.is_missing:
                continue  # what was trained can be looked at; training says what is missing
            try:
                Job.of(condition.dataset, condition.model, condition.training)
            except ConfigError as error:
                yield from (problem.within(condition.name) for problem in error.problems)

    @classmethod
    def grid(
        cls,
        corpus: Trainable | None = None,
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

        corpus: what conditions are trained on that name no dataset: a corpus, a dataset or a task; by default the notebook's
        model, training: of all conditions; where left out, those that a task is usually trained with, or the notebook's
        factors: `dataset`, and fields of `ModelConfig` and `TrainConfig` (and `steps`, `schedule`), each with its values
        conditions: mappings of such fields to one value each. Raises `ConfigError`, which lists all problems.

        Values, seeds too, may come in lists, ranges, generators and NumPy's arrays.

        >>> from headlab.data.corpus import Corpus
        >>> texts = [Corpus.from_text("a b\\nc d"), Corpus.from_text("a b\\na c")]
        >>> [condition.name for condition in StudyDesign.grid(seeds=7, dataset=texts).conditions]
        ['dataset corpus 1', 'dataset corpus 2']
        """
        base = {DATASET: Dataset.of(tasks["notebook"] if corpus is None else corpus)}
        found, problems = conditions_of(base, factors, conditions, model, training)
        return cls._built(problems, found, seeds, keep, title)

    @classmethod
    def from_toml(cls, path: str | Path) -> "StudyDesign":
        """Read a study file; raises one `ConfigError` that lists all its problems."""
        return cls._of_parts(parts_of_file(Path(path)))

    @classmethod
    def from_fields(cls, given: Mapping[str, Any], folder: Path = Path()) -> "StudyDesign":
        """Build a study from the fields of a study file; folder: where its corpus file is looked for."""
        if not isinstance(given, Mapping):
            raise ConfigError(f"a study must be fields and their values, got {short_repr(given)}")
        return cls._of_parts(parts_of(given, folder))

    @classmethod
    def _of_parts(cls, parts: Parts) -> "StudyDesign":
        return cls._built(parts.problems, parts.conditions, parts.seeds, parts.keep, parts.title)

    @classmethod
    def _built(cls, problems: Iterable[Problem], conditions: tuple[Condition, ...], *others: Any) -> "StudyDesign":
        """Return a design of its parts; raises `ConfigError` with what is wrong already, and with what is wrong of it."""
        every = list(problems)
        some = conditions or (Condition(tasks["notebook"].dataset, ModelConfig(), TrainConfig()),)
        whole = gathered(every, lambda: cls(some, *others))
        if every or whole is None:
            raise ConfigError(every)
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

    def __repr__(self) -> str:
        over = f": {', '.join(self.factors)}" if self.factors else ""
        conditions, seeds = quantity(len(self.conditions), "condition"), quantity(len(self.seeds), "seed")
        return f"StudyDesign({conditions} × {seeds}{over})"

    @cached_property
    def datasets(self) -> dict[str, Dataset]:
        """What is trained on, by what it is called, in the order of the conditions."""
        found: dict[str, Dataset] = {}
        for condition in self.conditions:
            found.setdefault(condition.dataset_name, condition.dataset)
        return found

    @cached_property
    def floors(self) -> dict[str, tuple[float, float]]:
        """Each condition's floor and bigram floor, in nats per position with a target, by the conditions' names."""
        corpora = {item.name: item.dataset.corpus for item in self.conditions}
        return {
            item.name: (corpora[item.name].floor(item.model), corpora[item.name].bigram_floor())
            for item in self.conditions
        }

    @cached_property
    def identities(self) -> dict[str, Condition]:
        """The conditions by their identity, which names their runs."""
        return dict(zip(identities_of(self.conditions), self.conditions, strict=True))

    def successor(self) -> "StudyDesign":
        """Return the same study for this headlab: runs are named anew, and conditions that are the same now are one."""
        found: dict[str, Condition] = {}
        anew = [replace(item, stored_as=None) for item in self.conditions]
        for identity, item in zip(identities_of(anew), anew, strict=True):
            found.setdefault(identity, item)
        return StudyDesign(tuple(found.values()), self.seeds, self.keep, self.title)

    def to_toml(self) -> str:
        """Return a study file that reads back to an equal design.

        >>> print(StudyDesign.grid(seeds=range(8), model=ModelConfig(n_heads=2), d_head=[5, 10]).to_toml())
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
        return file_text(self.title, self.datasets, self.conditions, self.seeds, self.keep)

    def to_dict(self) -> dict[str, Any]:
        """Return the specification as plain values."""
        numbers = {name: number for number, name in enumerate(self.datasets)}
        return {
            "title": self.title,
            "datasets": [dataset.to_dict() for dataset in self.datasets.values()],
            "conditions": [{DATASET: numbers[item.dataset_name], **item.to_dict()} for item in self.conditions],
            "seeds": numbering.ranges(self.seeds),
            "keep": list(self.keep),
        }

    @classmethod
    def from_dict(
        cls, given: Mapping[str, Any], numerics: int = NUMERICS, identities: Sequence[str] = ()
    ) -> "StudyDesign":
        """Build a study from what `to_dict` returned; raises `StudyError` for anything else.

        numerics: which bits its runs have; identities: how an older headlab named the runs of each condition
        """
        try:
            if others := set(given) - {"title", "datasets", "conditions", "seeds", "keep"}:
                raise ConfigError(f"no specification has {', '.join(map(repr, sorted(others)))}")
            listed, datasets = given["conditions"], [Dataset.from_dict(item) for item in given["datasets"]]
            if not isinstance(listed, list) or len(listed) > MAX_CONDITIONS or not isinstance(given["keep"], list):
                raise ConfigError(f"conditions must be a list of at most {MAX_CONDITIONS:,}, and keep a list of names")
            seeds = numbering.of_ranges(given["seeds"], len(listed))
            found = [Condition.from_dict(item, datasets) for item in listed]
            if numerics != NUMERICS:
                names = identities or identities_of(found, numerics)
                found = [replace(item, stored_as=name) for item, name in zip(found, names, strict=True)]
            return cls(tuple(found), seeds, tuple(given["keep"]), given["title"], numerics)
        except (HeadlabError, KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError) as error:
            problem = error.problems[0] if isinstance(error, HeadlabError) else f"{type(error).__name__}: {error}"
            raise StudyError(
                f"a study's specification must be one that headlab wrote, and is not ({problem}): restore the file"
            ) from None
