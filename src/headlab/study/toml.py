"""A study's design as a study file: TOML that reads back to an equal design."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from headlab.config import ModelConfig
from headlab.data.corpus import Corpus
from headlab.data.text import join_tokens
from headlab.study.conditions import Condition
from headlab.study.identity import differing, training_of


def file_text(
    title: str, corpus: Corpus, conditions: Sequence[Condition], seeds: Sequence[int], keep: Sequence[str]
) -> str:
    """Return a study file of a design's parts: what its conditions share in [model] and [training], what not one by one."""
    settings = [(differing(item.model, ModelConfig()), _training(item)) for item in conditions]
    models, trainings = zip(*settings, strict=True)
    shared = _shared(models), _shared(trainings)
    first, last = _corpus(corpus)
    lines = [*([f"title = {value_text(title)}"] if title else []), *first]
    lines += [f"seeds = {_seeds(seeds)}", f"keep = {value_text(list(keep))}", *last]
    for name, fields in zip(("model", "training"), shared, strict=True):
        lines += ["", f"[{name}]", *_fields(fields)] if fields else []
    for both in settings if len(settings) > 1 else []:
        own = {
            name: value
            for given, same in zip(both, shared, strict=True)
            for name, value in given.items()
            if name not in same
        }
        lines += ["", "[[condition]]", *_fields(own)]
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


def _corpus(corpus: Corpus) -> tuple[list[str], list[str]]:
    """Return the lines that say what a corpus is: those that stand above all tables, and a table."""
    if corpus.to_dict() == Corpus.notebook().to_dict():
        return ['corpus = "notebook"'], []
    sentences = [join_tokens(list(words[corpus.start is not None :]), corpus.tokens_are) for words in corpus.sentences]
    options = {"start": corpus.start, "wrap": corpus.wrap, "tokens": corpus.tokens_are}
    if _as_text(sentences, options) == corpus.to_dict():
        lines = [f"sentences = [{''.join(f'{chr(10)}    {value_text(text)},' for text in sentences)}\n]"]
        return lines + _fields({**options, "start": corpus.start or ""}), []
    fields = {name: value for name, value in corpus.to_dict().items() if value is not None}
    return [], ["", "[corpus]", *_fields(fields)]


def _as_text(sentences: Sequence[str], options: Mapping[str, Any]) -> dict[str, Any] | None:
    try:
        return Corpus.from_text("\n".join(sentences), **options).to_dict()
    except ValueError:  # tokens that no text has
        return None


def _seeds(seeds: Sequence[int]) -> str:
    whole = range(seeds[0], seeds[0] + len(seeds))
    return value_text(f"{whole.start}:{whole.stop}" if list(seeds) == list(whole) else list(seeds))


def _fields(fields: Mapping[str, Any]) -> list[str]:
    return [f"{name} = {value_text(value)}" for name, value in fields.items()]


def value_text(value: Any) -> str:
    """Return a value as TOML.

    >>> value_text({"steps": 5, "plateau": {"factor": 0.5}, "freeze": ["W_E"]})
    '{steps = 5, plateau = {factor = 0.5}, freeze = ["W_E"]}'
    """
    match value:
        case bool():
            return str(value).lower()
        case int() | float():
            return repr(value)
        case str():
            return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
        case Mapping():
            return f"{{{', '.join(_fields(value))}}}"
    assert isinstance(value, Iterable)
    return f"[{', '.join(map(value_text, value))}]"
