"""The datasets of a study file: what its conditions are trained on, read from its fields and written as such."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from headlab.config.record import gathered, no_field
from headlab.data.corpus import Corpus
from headlab.data.dataset import Dataset, Goal
from headlab.data.text import join_tokens
from headlab.errors import ConfigError, CorpusError, HeadlabError, Problem
from headlab.notation.values import short_repr
from headlab.tasks import tasks
from headlab.tasks.door import dataset_of

READING = ("start", "wrap", "tokens")
SOURCES = ("corpus", "task", "sentences")
TABLE_FIELDS = (*SOURCES, *READING, "name", "test", "goal")


@dataclass(frozen=True)
class DatasetNames:
    """The datasets that a study file may name: those of its own tables, tasks, and files in its folder."""

    folder: Path
    tables: Mapping[str, Dataset]

    def default(self, given: Mapping[str, Any]) -> Dataset:
        """Return what conditions are trained on that name nothing; raises `HeadlabError`.

        It is what the file's own fields say, or its first table, or the notebook's.
        """
        if self.tables and not any(name in given for name in (*SOURCES, *READING)):
            return next(iter(self.tables.values()))
        return source_of(given, self.folder)

    def find(self, problems: list[Problem], name: Any) -> Any:
        """Return the dataset of a name; what is wrong is put to the problems, and the notebook's stands in for it."""
        return gathered(problems, lambda: self._dataset_of(name)) or tasks["notebook"].dataset

    def _dataset_of(self, name: Any) -> Dataset:
        if not isinstance(name, str):
            said = f"a dataset must be the name of a table, a task or a file, got {short_repr(name)}"
            raise ConfigError(Problem(said, "dataset"))
        return self.tables[name] if name in self.tables else dataset_of(name, self.folder)


def datasets_of_tables(problems: list[Problem], given: Any, folder: Path) -> dict[str, Dataset]:
    """Return the datasets of a file's tables `[dataset.NAME]`; what is wrong is put to the problems."""
    if not (isinstance(given, Mapping) and all(isinstance(item, Mapping) for item in given.values())):
        said = f"dataset must be tables, each begun by [dataset.NAME], got {short_repr(given)}"
        problems.append(Problem(said, "dataset"))
        return {}
    found = {}
    for name, table in given.items():
        problems += [no_field(f"[dataset.{name}]", key, TABLE_FIELDS) for key in table if key not in TABLE_FIELDS]
        dataset = gathered(problems, lambda name=name, table=table: _of_table(name, table, folder))  # type: ignore[misc]
        found[name] = dataset or tasks["notebook"].dataset
    return found


def _of_table(name: str, given: Mapping[str, Any], folder: Path) -> Dataset:
    dataset = source_of(given, folder)
    more: dict[str, Any] = {"name": given.get("name", name)}
    if "test" in given:
        more["test"] = _test(given["test"], dataset.corpus)
    if "goal" in given:
        more["goal"] = Goal.from_dict(given["goal"])
    return replace(dataset, **more)


def _test(given: Any, corpus: Corpus) -> Corpus:
    if isinstance(given, Mapping):
        return Corpus.from_dict({"start": None, **given})
    return Corpus.from_text(
        _text(given, "test"), vocabulary=corpus.vocabulary, labels=corpus.labels, **_text_options(corpus)
    )


def source_of(given: Mapping[str, Any], folder: Path) -> Dataset:
    """Return what the fields `corpus`, `task` or `sentences` say, read as `start`, `wrap` and `tokens` say.

    Raises `HeadlabError`.
    """
    reading = {name: given[name] for name in READING if name in given}
    if reading.get("start") == "":
        reading["start"] = None
    there = [name for name in SOURCES if name in given]
    if len(there) > 1:
        said = (
            f"a study must have one of {', '.join(SOURCES)}, got both {there[0]} and {there[1]}: leave one of them out"
        )
        raise CorpusError(Problem(said, there[1]))
    if "sentences" in given:
        return Dataset(Corpus.from_text(_text(given["sentences"], "sentences"), **reading))
    name = given.get(there[0], "notebook") if there else "notebook"
    if there == ["corpus"] and isinstance(name, Mapping):
        return Dataset(Corpus.from_dict({"start": None, **name}))
    if not isinstance(name, str):
        said = f"{there[0]} must be the name of a task or a file, got {short_repr(name)}"
        raise CorpusError(Problem(said, there[0]))
    return dataset_of(tasks[name].name if there == ["task"] else name, folder, **reading)


def _text(given: Any, name: str) -> str:
    if not (isinstance(given, list) and all(isinstance(line, str) for line in given)):
        raise CorpusError(Problem(f"{name} must be a list of texts, got {short_repr(given)}", name))
    return "\n".join(given)


def _text_options(corpus: Corpus) -> dict[str, Any]:
    return {"start": corpus.start, "wrap": corpus.wrap, "tokens": corpus.tokens_are}


def top_level_fields(dataset: Dataset) -> dict[str, Any] | None:
    """Return the fields of a study file that say what a dataset is; None where it takes a table, `[dataset.NAME]`."""
    for fields in ({"corpus": dataset.name}, _sentences(dataset.corpus)):
        if _reads_back(fields, dataset):
            return fields
    return None


def table_fields(name: str, dataset: Dataset) -> dict[str, Any]:
    """Return the fields of the table `[dataset.NAME]` of a dataset."""
    bare = replace(dataset, name="", test=None, goal=Goal())
    source = next(
        (
            item
            for item in ({"corpus": "notebook"}, _sentences(dataset.corpus))
            if _reads_back({**item, "name": ""}, bare)
        ),
        {"corpus": _without_none(dataset.corpus.to_dict())},
    )
    found = dict(source)
    if dataset.name != name:
        found["name"] = dataset.name
    if dataset.test is not None:
        found["test"] = _without_none(dataset.test.to_dict())
    if dataset.goal != Goal():
        found["goal"] = dataset.goal.to_dict()
    return found


def _sentences(corpus: Corpus) -> dict[str, Any]:
    lines = [join_tokens(list(words[corpus.start is not None :]), corpus.tokens_are) for words in corpus.sentences]
    return {"sentences": lines, **_text_options(corpus), "start": corpus.start or ""}


def _reads_back(fields: Mapping[str, Any], dataset: Dataset) -> bool:
    """Return whether fields of a study file read back to a dataset."""
    try:
        found = _of_table("", fields, Path()) if "name" in fields else source_of(fields, Path("/nowhere"))
    except HeadlabError:  # tokens that no text has, a file
        return False
    return found.to_dict() == dataset.to_dict()


def _without_none(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}
