"""What the page asks for: a corpus, a model, a training and a seed, checked whole, within limits, with its cost known."""

import json
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from headlab import engine
from headlab.config import ModelConfig, TrainConfig
from headlab.config.record import gathered
from headlab.data.corpus import Corpus
from headlab.engine import cost
from headlab.errors import ConfigError, Problem
from headlab.runs import experiment
from headlab.runs import train as training
from headlab.runs.experiment import FIELDS, FORK_FIELDS, notebook_fields
from headlab.runs.runs import Runs

__all__ = ["FORK_FIELDS", "Experiment", "notebook_fields", "table"]

MOST_CHARACTERS = 16_384
MOST = {"sequences": 200, "positions": 64, "d_vocab": 512}
MOST_OF = {"d_head": 1024, "n_heads": 16, "n_layers": 8, "d_model": 512, "steps": 100_000}
MOST_SECONDS = 30.0
LARGER = "train larger ones with `headlab train`"


class Experiment(experiment.Experiment):
    """One setting of the page, within the lab's limits.

    >>> Experiment.of({"d_head": 10}).model.d_head
    10
    """

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> "Experiment":
        """Build an experiment from the page's fields, as `headlab.runs.experiment` does; raises `ConfigError`."""
        chosen = experiment.chosen_of(given)
        text = chosen["text"]
        if isinstance(text, str) and len(text) > MOST_CHARACTERS:
            said = f"the sentences must have at most {MOST_CHARACTERS:,} characters, got {len(text):,}"
            raise ConfigError(Problem(said, "text"))
        problems: list[Problem] = []
        built = gathered(problems, lambda: experiment.Experiment.of(given))
        wrong = {problem.field for problem in problems}
        problems += [
            Problem(f"{name} must be at most {most:,} in the lab, got {chosen[name]}: {LARGER}", name)
            for name, most in MOST_OF.items()
            if name not in wrong and isinstance(chosen[name], int) and chosen[name] > most
        ]
        if built is not None:
            problems += _too_large(built.dataset.corpus)
        if problems or built is None:
            raise ConfigError(problems)
        found = cls(built.dataset, built.model, built.training, built.seed)
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


def _too_large(corpus: Corpus) -> list[Problem]:
    sizes = {"sequences": len(corpus.tokens), "positions": corpus.n_ctx, "d_vocab": corpus.d_vocab}
    words = {"sequences": "sentences", "positions": "words in a sentence", "d_vocab": "different words"}
    return [
        Problem(f"the lab takes at most {MOST[name]} {words[name]}, got {size}: use `headlab train` for more")
        for name, size in sizes.items()
        if size > MOST[name]
    ]


def table() -> list[dict[str, Any]]:
    """Return the table of fields as the page reads it: with what a number may be in the lab."""
    rows = [row for row in (*TrainConfig.table(), *ModelConfig.table()) if row.name in FIELDS]
    return [replace(row, high=min(row.high, MOST_OF.get(row.name, row.high))).to_dict() for row in rows]
