"""What a task is: a dataset with a name that every door knows, how it is trained, and what is to come of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType
from typing import Any

from headlab.config import ModelConfig, TrainConfig
from headlab.config.record import nearest
from headlab.data.dataset import Dataset
from headlab.data.drawn import called
from headlab.errors import ConfigError, HeadlabError, Problem
from headlab.model.params import Params, coerce
from headlab.notation.values import short_repr
from headlab.tasks.reference import PUBLISHED, Reference

_TEXTS = ("title", "source", "text", "license")


@dataclass(frozen=True)
class Recipe:
    """A model and a training that belong together.

    title: what it is for, in a few words, where a task has several
    weights: makes weights that are set by hand, to start from instead of drawn ones; there is one run then
    Raises `ConfigError`, which lists all wrong fields.

    >>> Recipe().model.d_head
    20
    """

    model: ModelConfig = field(default=ModelConfig())
    training: TrainConfig = field(default=TrainConfig())
    title: str = ""
    weights: Callable[[], Params] | None = None

    def __post_init__(self) -> None:
        kinds = (("model", ModelConfig), ("training", TrainConfig), ("title", str))
        problems = [
            Problem(f"a recipe's {name} must be a {kind.__name__}, got {short_repr(getattr(self, name))}", name)
            for name, kind in kinds
            if not isinstance(getattr(self, name), kind)
        ]
        if self.weights is not None and not callable(self.weights):
            said = f"a recipe's weights must be a function that makes them, got {short_repr(self.weights)}"
            problems.append(Problem(said, "weights"))
        if problems:
            raise ConfigError(problems)

    def start(self) -> Params | None:
        """Return the weights that are set by hand, None where they are drawn; raises `CorpusError` where none are made.

        >>> Recipe().start() is None
        True
        """
        made: Params | None = None if self.weights is None else called("weights", self.weights)
        return made

    def begins(self, seeds: Any) -> dict[str, Any]:
        """Return from where a run is trained, as `headlab.train` takes it: from seeds, or from weights set by hand; as `start`.

        >>> Recipe().begins([3])
        {'seeds': [3]}
        """
        weights = self.start()
        return {"seeds": seeds} if weights is None else {"init": weights}


@dataclass(frozen=True, eq=False)
class Task:
    """A named dataset, how it is trained, and the numbers that are known of it.

    name: one word, of small letters, digits and hyphens; title: one line on what there is to find; source: where it is from,
        with commit or number; text: what it is and what to look at, for a newcomer; license: of the data that it uses
    make: builds the dataset, when it is first asked for
    recipes: by their names, the first is the usual one; where there are none, model and training are the one `published`
    metrics: names of what is measured; references: what is known of them

    Raises `ConfigError`, which lists all problems.

    >>> from headlab.data.corpus import Corpus
    >>> Task("toss", "a coin toss", make=lambda: Dataset(Corpus.from_text("a b\\na c"))).dataset
    Dataset(toss: 2 sentences of 4 tokens)
    """

    name: str
    title: str
    make: Callable[[], Dataset] = field(repr=False)
    source: str = ""
    model: ModelConfig = field(default=ModelConfig(), repr=False)
    training: TrainConfig = field(default=TrainConfig(), repr=False)
    text: str = field(default="", repr=False)
    recipes: Mapping[str, Recipe] = field(default_factory=dict, repr=False)
    metrics: tuple[str, ...] = field(default=(), repr=False)
    references: tuple[Reference, ...] = field(default=(), repr=False)
    license: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        problems = list(self._problems())
        if problems:
            raise ConfigError(problems)
        recipes = dict(self.recipes) or {PUBLISHED: Recipe(self.model, self.training)}
        object.__setattr__(self, "recipes", MappingProxyType(recipes))
        usual = next(iter(recipes.values()))
        for name, value in (("model", usual.model), ("training", usual.training)):
            object.__setattr__(self, name, value)
        unknown = {item.recipe for item in self.references} - set(recipes)
        unmeasured = {item.metric for item in self.references} - set(self.metrics)
        problems = [
            Problem(
                f"a reference's recipe must be one of the task's, got {short_repr(name)}: "
                f"{nearest(name, list(recipes))}",
                "references",
            )
            for name in sorted(unknown)
        ]
        problems += [
            Problem(
                f"a reference's metric must be among the task's metrics, got {short_repr(name)}: add it there",
                "references",
            )
            for name in sorted(unmeasured)
        ]
        if problems:
            raise ConfigError(problems)

    def _problems(self) -> Any:
        name = self.name
        if not isinstance(name, str) or not name or not all(c in "abcdefghijklmnopqrstuvwxyz0123456789-" for c in name):
            yield Problem(
                f"a task's name must be a word of small letters, digits and hyphens, got {short_repr(name)}", "name"
            )
        for what in _TEXTS:
            if not isinstance(getattr(self, what), str):
                yield Problem(f"a task's {what} must be text, got {short_repr(getattr(self, what))}", what)
        if not callable(self.make):
            yield Problem(
                f"a task's make must be a function that builds a Dataset, got {short_repr(self.make)}", "make"
            )
        kinds = (("model", ModelConfig), ("training", TrainConfig))
        yield from (
            Problem(f"a task's {what} must be a {kind.__name__}, got {short_repr(getattr(self, what))}", what)
            for what, kind in kinds
            if not isinstance(getattr(self, what), kind)
        )
        for what, kind in (("metrics", str), ("references", Reference)):
            given = getattr(self, what)
            if not isinstance(given, tuple | list) or not all(isinstance(item, kind) for item in given):
                yield Problem(f"a task's {what} must be a list of {kind.__name__}, got {short_repr(given)}", what)
        recipes = self.recipes
        if not isinstance(recipes, Mapping) or not all(isinstance(item, Recipe) for item in recipes.values()):
            yield Problem(f"a task's recipes must be names with a Recipe each, got {short_repr(recipes)}", "recipes")

    def recipe(self, name: str | None = None) -> Recipe:
        """Return a recipe by its name, the usual one when left out; raises `ConfigError`.

        >>> import headlab as hl
        >>> hl.tasks["notebook"].recipe().model == hl.ModelConfig()
        True
        """
        if name is None:
            return next(iter(self.recipes.values()))
        if name not in self.recipes:
            said = (
                f"a recipe must be one of the task's, got {short_repr(name)}: {nearest(str(name), list(self.recipes))}"
            )
            raise ConfigError(Problem(said, "recipe"))
        return self.recipes[name]

    @cached_property
    def dataset(self) -> Dataset:
        """What is trained on; it has the task's name, and so has its stream. Raises `ConfigError` where none is made."""
        made = called("make", self.make)
        if not isinstance(made, Dataset):
            said = f"make must build a Dataset, got {short_repr(made)}: return one"
            raise ConfigError(Problem(said, "make"))
        stream = None if made.stream is None else replace(made.stream, name=self.name)
        return replace(made, name=self.name, stream=stream)

    def check(self) -> list[Problem]:
        """Return what is wrong with what the task gives when it is used, a sentence each; nothing where all is well.

        >>> import headlab as hl
        >>> hl.tasks["notebook"].check()
        []
        """
        problems: list[Problem] = []
        try:
            dataset = self.dataset
        except HeadlabError as error:
            return list(error.problems)
        if dataset.stream is not None:
            problems += dataset.stream.check()
        for name, recipe in self.recipes.items():
            try:
                shape = recipe.model.on(dataset)
                if recipe.weights is not None:
                    coerce(called("weights", recipe.weights), shape, called="weights")
            except HeadlabError as error:
                problems += [problem.within(f"recipe {name}") for problem in error.problems]
        return problems
