"""What a page's fields say: a corpus, a model, a training and a seed, checked whole; and the fields that say a run.

The page reads the same fields, in web/src/config/experiment.ts, and says the same of what is wrong with them.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import Any

from headlab.config import HAVE, ModelConfig, TrainConfig
from headlab.config.record import gathered
from headlab.config.schedule import SCHEDULE
from headlab.config.seeds import is_seed
from headlab.data.corpus import Corpus
from headlab.data.dataset import Dataset
from headlab.data.notebook import TEXT as NOTEBOOK_TEXT
from headlab.errors import ConfigError, Problem
from headlab.notation.javascript import plain
from headlab.notation.values import short_repr
from headlab.tasks import tasks

MODEL_FIELDS = tuple(row.name for row in ModelConfig.table() if row.lab)
FORK_FIELDS = tuple(
    row.name for row in TrainConfig.table() if row.lab and row.name != "dtype"
)  # what a fork may change
OF_TEXT = ("text", "start", "wrap")  # a text of one's own and how it is read
FIELDS = ("task", *OF_TEXT, "seed", "fork", "before", *FORK_FIELDS, *MODEL_FIELDS)


@dataclass(frozen=True)
class Experiment:
    """One setting of the page, of any size.

    >>> Experiment.of({"d_head": 10}).model.d_head
    10
    """

    dataset: Dataset
    model: ModelConfig
    training: TrainConfig
    seed: int

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> "Experiment":
        """Build an experiment from the page's fields, the notebook's where one is left out.

        task: the name of a task; or "", where text, start and wrap say what is trained on. Where it is left out, it is "" with
        any of these, whatever they say, and the notebook without.
        Raises `ConfigError`, which lists all problems.
        """
        chosen = chosen_of(given)
        problems = [Problem(f"{name} is no setting: leave it out", name) for name in given if name not in FIELDS]
        if not is_seed(chosen["seed"]):
            said = f"seed must be a whole number from 0 to 2**64 - 1, got {short_repr(chosen['seed'])}"
            problems.append(Problem(said, "seed"))
        dataset = gathered(problems, lambda: _dataset(chosen))
        model = gathered(problems, lambda: ModelConfig(**{name: chosen[name] for name in MODEL_FIELDS}))
        training = gathered(problems, lambda: _training(chosen))
        if model is not None and model.n_layers == 0:
            problems.append(Problem("n_layers must be at least 1 in the lab, got 0: take one", "n_layers"))
        if dataset is not None and model is not None:
            gathered(problems, lambda: model.on(dataset))
        if problems or dataset is None or model is None or training is None:
            raise ConfigError(problems)
        return cls(dataset, model, training, int(chosen["seed"]))


def notebook_fields() -> dict[str, Any]:
    """Return the page's fields with the notebook's values."""
    return {
        "task": "notebook",
        "text": NOTEBOOK_TEXT,
        "start": "<Start>",
        "wrap": True,
        "seed": 1,
        "fork": None,
        "before": "",
        **_usual(),
    }


@lru_cache
def _usual() -> Mapping[str, Any]:
    return _flat(ModelConfig(), TrainConfig())


def chosen_of(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return every field: those that are given, and the notebook's for the others.

    >>> chosen_of({"text": "a b"})["task"], chosen_of({"steps": 100})["schedule"]
    ('', None)
    """
    own = {} if not any(name in given for name in OF_TEXT) else {"task": ""}
    chosen = {**notebook_fields(), **own, **{name: value for name, value in given.items() if name in FIELDS}}
    if "steps" in given and "schedule" not in given:
        chosen["schedule"] = None  # steps alone mean here what they mean everywhere
    return chosen


def fields_of(dataset: Dataset, model: ModelConfig, training: TrainConfig, seed: int) -> dict[str, Any]:
    """Return the fields that say a run; raises `ConfigError` where there are none.

    >>> fields = fields_of(tasks["notebook"].dataset, ModelConfig(d_head=5), TrainConfig().forked(9, {"momentum": 0.5}), 7)
    >>> fields["task"], fields["d_head"], fields["momentum"], fields["fork"], fields["before"], fields["seed"]
    ('notebook', 5, 0.5, 9, '{}', 7)
    """
    said = {**notebook_fields(), **_text(dataset), "seed": seed}
    if other := _beyond_the_lab(model, training):
        raise ConfigError(f"a link holds settings that the lab has, got {' and '.join(other)}: save the run instead")
    for some in _trainings(training):
        fields = {**said, **_flat(model, training), **some}
        built = gathered([], lambda fields=fields: Experiment.of(fields))  # type: ignore[misc]
        if built is not None and built.training == training:
            return fields
    wrong = (
        "a link holds a training of float32 with one schedule and at most one fork, got another: save the run instead"
    )
    raise ConfigError(wrong)


def _beyond_the_lab(model: ModelConfig, training: TrainConfig) -> list[str]:
    """Return the settings that the lab has not, where they are others than usual."""
    usual = (ModelConfig(), TrainConfig())
    return [
        row.name
        for given, standard in zip((model, training), usual, strict=True)
        for row in given.table()
        if not row.lab and getattr(given, row.name) != getattr(standard, row.name)
    ]


def _text(dataset: Dataset) -> dict[str, Any]:
    """Return what says a dataset: its task, or a text and how it is read, whatever tokens are called on the screen."""
    corpus, identity = dataset.corpus, dataset.identity_fields()
    if dataset.name in tasks and tasks[dataset.name].dataset.identity_fields() == identity:
        return {"task": dataset.name}
    first = 0 if corpus.start is None else 1
    text = "\n".join(" ".join(words[first:]) for words in corpus.sentences)
    again = gathered([], lambda: Corpus.from_text(text, start=corpus.start, wrap=corpus.wrap))
    if again is None or Dataset(again).identity_fields() != identity:
        said = (
            "a link holds a task, or sentences and what comes next in them, got another dataset: save the run instead"
        )
        raise ConfigError(said)
    return {"task": "", "text": text, "start": corpus.start or "", "wrap": corpus.wrap}


def _flat(model: ModelConfig, training: TrainConfig) -> dict[str, Any]:
    return {
        **{name: getattr(model, name) for name in MODEL_FIELDS},
        **{name: getattr(training, name) for name in FORK_FIELDS},
    }


def _trainings(training: TrainConfig) -> list[dict[str, Any]]:
    """Return flat settings that may say a training: without a fork, and with one where something changes."""
    force, whole = training.in_force(), {"steps": training.steps}
    alone = [{"schedule": name, **whole} for name in SCHEDULE.choices]
    changing = [number for number, phase in enumerate(training.phases) if phase.changes]
    if len(changing) != 1:
        return alone
    later = {name: getattr(force, name) for name in FORK_FIELDS if name not in ("steps", "schedule")}
    usual = notebook_fields()
    at = sum(phase.steps for phase in training.phases[: changing[0]])
    found = []
    for before, after in product(SCHEDULE.choices, repeat=2):
        earlier = {**{name: getattr(training, name) for name in later}, "steps": training.steps, "schedule": before}
        differing = {name: value for name, value in earlier.items() if value != usual[name]}
        found.append({**whole, **later, "schedule": after, "fork": at, "before": json.dumps(differing)})
    return found


def _dataset(chosen: Mapping[str, Any]) -> Dataset:
    return Dataset(_text_corpus(chosen)) if chosen["task"] == "" else tasks[chosen["task"]].dataset


def _text_corpus(chosen: Mapping[str, Any]) -> Corpus:
    text, start, wrap = (chosen[name] for name in OF_TEXT)
    if not isinstance(text, str) or not isinstance(start, str) or not isinstance(wrap, bool):
        raise ConfigError("text and start must be text, and wrap true or false: reload the page")
    return Corpus.from_text(text, start=start or None, wrap=wrap)


def _training(chosen: Mapping[str, Any]) -> TrainConfig:
    """Return the whole training, with the settings before a fork up to it where there is one."""
    fork, whole = chosen["fork"], _without_fork(chosen)
    if fork is None:
        return whole
    return _without_fork(before_fork(chosen)).continued_as(fork, whole)


def before_fork(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of the training before a fork, of fields that have one; raises `ConfigError`.

    >>> before_fork({"fork": 300, "before": '{"steps": 600}'})["steps"]
    600
    """
    known = notebook_fields()
    return {**{name: known[name] for name in FORK_FIELDS}, **_before(fields["before"])}


def _before(text: Any) -> dict[str, Any]:
    try:
        before = json.loads(text or "{}", parse_int=plain, parse_float=plain, parse_constant=_no_number)
        wrong = [name for name in before if name not in FORK_FIELDS]
    except (TypeError, ValueError, RecursionError):
        raise ConfigError(
            Problem("before must be the settings before the fork, as JSON: fork again", "before")
        ) from None
    if not isinstance(before, dict) or wrong:
        said = f"before must hold settings of the training alone, got {short_repr(wrong or before)}: fork again"
        raise ConfigError(Problem(said, "before"))
    return before


def _no_number(text: str) -> None:
    raise ValueError(text)


def _without_fork(chosen: Mapping[str, Any]) -> TrainConfig:
    # The page keeps what was chosen for another optimiser; what this one has not is left out.
    had = [name for name in FORK_FIELDS if chosen["optimizer"] in HAVE.get(name, (chosen["optimizer"],))]
    if not chosen["momentum"]:
        had = [name for name in had if name != "nesterov"]
    training = TrainConfig.of(**{name: chosen[name] for name in had})
    if training.steps < 1:
        raise ConfigError(Problem("steps must be at least 1 in the lab, got 0: take some", "steps"))
    return training
