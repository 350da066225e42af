"""What the page asks for: a corpus, a model, a training and a seed, checked whole, within limits, with its cost known."""

import json
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from headlab import engine
from headlab.config import HAVE, ModelConfig, TrainConfig
from headlab.config.seeds import is_seed
from headlab.data.corpus import Corpus
from headlab.data.dataset import Dataset
from headlab.data.notebook import TEXT as NOTEBOOK_TEXT
from headlab.engine import cost
from headlab.errors import ConfigError, CorpusError, HeadlabError, Problem
from headlab.notation.values import short_repr
from headlab.runs import train as training
from headlab.runs.runs import Runs
from headlab.tasks import tasks

MODEL_FIELDS = tuple(row.name for row in ModelConfig.table())
FORK_FIELDS = tuple(row.name for row in TrainConfig.table() if row.name != "dtype")  # what a fork may change
OF_TEXT = ("text", "start", "wrap")  # a text of one's own and how it is read
FIELDS = ("task", *OF_TEXT, "seed", "fork", "before", *FORK_FIELDS, *MODEL_FIELDS)

MOST_CHARACTERS = 16_384
MOST = {"sequences": 200, "positions": 64, "d_vocab": 512}
MOST_OF = {"d_head": 1024, "n_heads": 16, "n_layers": 8, "d_model": 512, "steps": 100_000}
MOST_SECONDS = 30.0
LARGER = "train larger ones with `headlab train`"


@dataclass(frozen=True)
class Experiment:
    """One setting of the page.

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
        problems = [Problem(f"{name} is no setting: leave it out", name) for name in given if name not in FIELDS]
        own = {} if not any(name in given for name in OF_TEXT) else {"task": ""}
        chosen = {**notebook_fields(), **own, **{name: value for name, value in given.items() if name in FIELDS}}
        if "steps" in given and "schedule" not in given:
            chosen["schedule"] = None  # steps alone mean here what they mean everywhere
        if not is_seed(chosen["seed"]):
            said = f"seed must be a whole number from 0 to 2**64 - 1, got {short_repr(chosen['seed'])}"
            problems.append(Problem(said, "seed"))
        parts: dict[str, Any] = {}
        for name, build in (("dataset", _dataset), ("model", _model), ("training", _training)):
            try:
                parts[name] = build(chosen)
            except HeadlabError as error:
                problems += error.problems
        wrong = {problem.field for problem in problems}
        problems += [
            Problem(f"{name} must be at most {most:,} in the lab, got {chosen[name]}: {LARGER}", name)
            for name, most in MOST_OF.items()
            if name not in wrong and isinstance(chosen[name], int) and chosen[name] > most
        ]
        if len(parts) == 3:
            try:
                parts["model"].on(parts["dataset"])
            except ConfigError as error:
                problems += error.problems
        if problems:
            raise ConfigError(problems)
        found = cls(**parts, seed=int(chosen["seed"]))
        if found.seconds > MOST_SECONDS:
            raise ConfigError(
                f"one run must take at most {MOST_SECONDS:.0f} s in the lab, and this one would take about "
                f"{found.seconds:.0f} s: take fewer steps, or a smaller model or corpus"
            )
        return found

    @property
    def corpus(self) -> Corpus:
        """The sentences that are trained on."""
        return self.dataset.corpus

    @property
    def seconds(self) -> float:
        """About how long one run takes on one processor, from what the engine counts."""
        return cost.seconds(engine.Job.of(self.corpus, self.model, self.training), 1, 1)

    @property
    def key(self) -> Hashable:
        """Equal for experiments that train the same run."""
        return self.model, self.training, self.seed, json.dumps(self.corpus.to_dict())

    def with_head(self, size: int) -> "Experiment":
        """Return the same with another head size."""
        return replace(self, model=self.model.replace(d_head=size))

    def train(
        self,
        seeds: Sequence[int],
        *,
        record: str = "none",
        moments: Sequence[int] | None = None,
        threads: int | None = 1,
        progress: Callable[[float], None] | None = None,
    ) -> Runs:
        """Train a run for each seed, through the fork where there is one; moments: steps to keep weights of."""
        return training.train(
            self.dataset, self.model, self.training, seeds=seeds, record=record, snapshots=moments, threads=threads,
            progress=progress,
        )  # fmt: skip


def notebook_fields() -> dict[str, Any]:
    """Return the page's fields with the notebook's values."""
    model, standard = ModelConfig(), TrainConfig()
    return {
        "task": "notebook",
        "text": NOTEBOOK_TEXT,
        "start": "<Start>",
        "wrap": True,
        "seed": 1,
        "fork": None,
        "before": "",
        **{name: getattr(model, name) for name in MODEL_FIELDS},
        **{name: getattr(standard, name) for name in FORK_FIELDS},
    }


def _dataset(chosen: Mapping[str, Any]) -> Dataset:
    dataset = Dataset(_text_corpus(chosen)) if chosen["task"] == "" else tasks[chosen["task"]].dataset
    sizes = {"sequences": len(dataset.corpus.tokens), "positions": dataset.n_ctx, "d_vocab": dataset.d_vocab}
    words = {"sequences": "sentences", "positions": "words in a sentence", "d_vocab": "different words"}
    wrong = [
        f"the lab takes at most {MOST[name]} {words[name]}, got {size}: use `headlab train` for more"
        for name, size in sizes.items()
        if size > MOST[name]
    ]
    if wrong:
        raise CorpusError(wrong)
    return dataset


def _text_corpus(chosen: Mapping[str, Any]) -> Corpus:
    text, start, wrap = (chosen[name] for name in OF_TEXT)
    if not isinstance(text, str) or not isinstance(start, str) or not isinstance(wrap, bool):
        raise ConfigError("text and start must be text, and wrap true or false: reload the page")
    if len(text) > MOST_CHARACTERS:
        said = f"the sentences must have at most {MOST_CHARACTERS:,} characters, got {len(text):,}"
        raise ConfigError(Problem(said, "text"))
    return Corpus.from_text(text, start=start or None, wrap=wrap)


def _model(chosen: Mapping[str, Any]) -> ModelConfig:
    return ModelConfig(**{name: chosen[name] for name in MODEL_FIELDS})


def _training(chosen: Mapping[str, Any]) -> TrainConfig:
    """Return the whole training, with the settings before a fork up to it where there is one."""
    fork, whole = chosen["fork"], _without_fork(chosen)
    if fork is None:
        return whole
    known = notebook_fields()
    try:
        before = json.loads(chosen["before"] or "{}")
        wrong = [name for name in before if name not in FORK_FIELDS]
    except (TypeError, ValueError, RecursionError):
        raise ConfigError(
            Problem("before must be the settings before the fork, as JSON: fork again", "before")
        ) from None
    if not isinstance(before, dict) or wrong:
        said = f"before must hold settings of the training alone, got {short_repr(wrong or before)}: fork again"
        raise ConfigError(Problem(said, "before"))
    earlier = _without_fork({**{name: known[name] for name in FORK_FIELDS}, **before})
    return earlier.continued_as(fork, whole)


def _without_fork(chosen: Mapping[str, Any]) -> TrainConfig:
    # The page keeps what was chosen for another optimiser; what this one has not is left out.
    had = [name for name in FORK_FIELDS if chosen["optimizer"] in HAVE.get(name, (chosen["optimizer"],))]
    if not chosen["momentum"]:
        had = [name for name in had if name != "nesterov"]
    training = TrainConfig.of(**{name: chosen[name] for name in had})
    if training.steps < 1:
        raise ConfigError(Problem("steps must be at least 1 in the lab, got 0: take some", "steps"))
    return training


def table() -> list[dict[str, Any]]:
    """Return the table of fields as the page reads it: with what a number may be in the lab."""
    rows = [row for row in (*TrainConfig.table(), *ModelConfig.table()) if row.name in FIELDS]
    return [replace(row, high=min(row.high, MOST_OF.get(row.name, row.high))).to_dict() for row in rows]
