"""Trained models: `Runs` are many along one leading axis, a `Run` is one of them without that axis."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, overload

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from headlab import hooks
from headlab.analysis import questions
from headlab.analysis.explanation.explanation import Explanation, Explanations, explain
from headlab.analysis.looking import predictions as looking
from headlab.analysis.subject import Subject
from headlab.arrays import Array, Bool, Float, Int, Shaped, UInt64
from headlab.config import ModelConfig, TrainConfig
from headlab.data.corpus import Corpus
from headlab.data.dataset import Dataset
from headlab.errors import ConfigError, SelectionError
from headlab.model.params import Params
from headlab.notation.numbers import quantity
from headlab.notation.values import listing, short_repr
from headlab.runs.experiment import fields_of
from headlab.runs.files import SavedModels, SavedRuns, load_any, load_runs, save_runs
from headlab.runs.grades import best_of, judged_table
from headlab.runs.history import History, Outcome
from headlab.runs.html import tables_html
from headlab.runs.link import write as write_link
from headlab.runs.models import Model, Models, of_model, of_models
from headlab.runs.selection import number_of


@dataclass(frozen=True, eq=False)
class Runs:
    """Trained models and how they came about.

    models: what training made of them; history: how it went, and how it ended; training: all of it
    seeds [run] (None: from given weights)
    What models and history hold is there as an attribute, too: `runs.params`, `runs.loss`.
    """

    models: Models
    history: History
    training: TrainConfig
    seeds: UInt64[Array, " run"] | None

    choice, contributions, coding = questions.choice, questions.contributions, questions.coding
    ablate, patch, set_pattern = questions.ablate, questions.patch, questions.set_pattern
    battery, pattern_variance, head_scores = questions.battery, questions.pattern_variance, questions.head_scores
    circuits, evaluate, held_out = questions.circuits, questions.evaluate, questions.held_out
    without_heads = questions.without_heads
    activations = of_models(Models.activations)
    logits = of_models(Models.logits)
    sigmoid = of_models(Models.sigmoid)
    probs = of_models(Models.probs)
    pattern = of_models(Models.pattern)
    predict = of_models(Models.predict)

    @property
    def params(self) -> Params:
        """The weights at the end, with a leading run axis."""
        return self.models.params

    @property
    def dataset(self) -> Dataset:
        """What they were trained on, with its test and its goal."""
        return self.models.dataset

    @property
    def corpus(self) -> Corpus:
        """The sentences that they were trained on."""
        return self.models.corpus

    @property
    def model(self) -> ModelConfig:
        """Their shape."""
        return self.models.model

    @property
    def loss(self) -> Float[Array, "run step"]:
        """[run, recorded step]: nats per position with a target, before each update."""
        return self.history.loss

    @property
    def learning_rate(self) -> Float[Array, "run step"]:
        """[run, recorded step]: the learning rate of each update."""
        return self.history.learning_rate

    @property
    def recorded_steps(self) -> Int[Array, " step"]:
        """[recorded step]: at which steps loss and learning rate were kept."""
        return self.history.recorded_steps

    @property
    def snapshots(self) -> Float[Array, "run moment weight"] | None:
        """[run, snapshot, weight]: flat weights before the steps `snapshot_steps`."""
        return self.history.snapshots

    @property
    def snapshot_steps(self) -> Int[Array, " moment"]:
        """[snapshot]: before which steps the weights were kept; see `at`."""
        return self.history.snapshot_steps

    @property
    def outcome(self) -> Shaped[Array, " run"]:
        """[run]: how each training ended, an `Outcome`; `outcomes()` says it in words."""
        return self.history.outcome

    @property
    def final_loss(self) -> Float[Array, " run"]:
        """[run]: the loss of the last step, before its update; of no steps, the loss of the weights as they are."""
        return self.history.final_loss

    @property
    def finished(self) -> Bool[Array, " run"]:
        """[run]: trained to the last step without diverging."""
        return self.history.finished

    def __len__(self) -> int:
        return len(self.models)

    @overload
    def __getitem__(self, index: int | np.integer[Any]) -> "Run": ...
    @overload
    def __getitem__(self, index: slice | list[int] | list[bool] | NDArray[Any]) -> "Runs": ...
    def __getitem__(self, index: Any) -> "Run | Runs":
        """Return one `Run` for a number, `Runs` for a slice, a mask or a list of numbers."""
        number = number_of(index, len(self))
        if number is not None:
            return Run(self._choose(slice(number, number + 1)), number)
        return self._choose(index)

    def __iter__(self) -> Iterator["Run"]:
        return (self[number] for number in range(len(self)))

    def _choose(self, index: Any) -> "Runs":
        seeds = None if self.seeds is None else self.seeds[index]
        return replace(self, models=self.models.choose(index), history=self.history[index], seeds=seeds)

    def solved(self) -> Bool[Array, " run"]:
        """Return [run]: the run finished, and every resolvable position's most likely token is its target."""
        return self.models.solved() & self.finished

    def grade(self) -> Shaped[Array, " run"]:
        """Return [run]: `solved`, `right by a hair` (solved, but somewhere by less than half a logit) or `not solved`.

        `nothing to solve` where no prefix of the corpus decides a target.

        >>> import headlab as hl
        >>> hl.train(hl.Corpus.notebook(), seeds=[3, 0, 4], record="none").grade().tolist()
        ['solved', 'right by a hair', 'solved']
        """
        grade = self.models.grade()
        return np.where(self.finished | (grade == looking.NOTHING_TO_SOLVE), grade, looking.NOT_SOLVED)

    def pick(self) -> int:
        """Return the number of a run to show: the first that is solved.

        Without one, of those right by a hair the one with the largest lead; without any, the one of the smallest loss.

        >>> import headlab as hl
        >>> hl.train(hl.Corpus.notebook(), seeds=[0, 3], record="none").pick()
        1
        """
        return best_of(self.grade(), self.models.lead, lambda: self.final_loss)

    def outcomes(self) -> list[str]:
        """Return for every run how it ended: `finished`, or `diverged at step k`."""
        return self.history.sentences()

    def at(self, step: int) -> Models:
        """Return the models as they were before a step whose weights were kept; raises `SelectionError` otherwise.

        A moment has its own loss, grade and explanation, and neither an outcome nor an optimiser's state: to train on from
        it, `train(init=moment.params)`.

        >>> import headlab as hl
        >>> runs = hl.train(hl.Corpus.notebook(), seeds=range(3))
        >>> runs.at(0).loss() - runs.loss[:, 0] < 1e-5
        array([ True,  True,  True])
        """
        where = np.nonzero(self.snapshot_steps == step)[0] if isinstance(step, int | float | np.number) else []
        if self.history.kept is None or len(where) == 0:
            known = listing(self.snapshot_steps.tolist()) or "none"
            raise SelectionError(f"the step must be one whose weights were kept ({known}), got {short_repr(step)}")
        params = Params.from_flat(self.history.kept.at(int(where[0])), self.model.on(self.corpus))
        return replace(self.models, params=params, loss_kind=self.training.in_force(step).loss)

    def table(self) -> pd.DataFrame:
        """Return one row a run: seed, outcome, final loss, what share of held-out data was right last, solved, grade."""
        seeds = pd.NA if self.seeds is None else self.seeds
        told = {"seed": seeds, "outcome": self.outcomes(), "loss": self.final_loss, **self.history.last_right()}
        return judged_table(told, self.grade(), self.solved)

    @cached_property
    def subject(self) -> Subject:
        """The weights, in float64, with the dataset: what `headlab.analysis` studies."""
        return Subject(self.params, self.dataset, self.model, self.models.loss_kind, self.finished, self.grade())

    def explain(self) -> Explanations:
        """Explain every run: where it looks, what that gives, how the dependency is coded, and the test by intervention.

        >>> import headlab as hl
        >>> hl.train(hl.Corpus.notebook(), seeds=range(100), record="none").explain().census()["runs"].sum()
        np.int64(100)
        """
        return explain(self.subject, names=None if self.seeds is None else self.seeds.tolist())

    def save(self, folder: str | Path) -> Path:
        """Write weights and run.json into a folder, in place of runs that are there: these or those, whole, at every moment.

        Other programs open `weights.safetensors`, which leads to the weights by a name that carries their SHA-256; run.json
        names them, and holds the SHA-256 of its own content. Raises `OutputError`.
        """
        return save_runs(self.to_save(), folder)

    def to_save(self) -> SavedRuns:
        """Return what a folder of them holds."""
        return SavedRuns(self.models.to_save(), self.training, self.history, self.seeds)

    @classmethod
    def load(cls, folder: str | Path) -> "Runs":
        """Read what `save` wrote; raises `WeightsError` for anything damaged."""
        return cls.of_saved(load_runs(folder))

    @classmethod
    def of_saved(cls, saved: SavedRuns) -> "Runs":
        """Return the runs of a folder."""
        return cls(Models.of_saved(saved.models), saved.history, saved.training, saved.seeds)

    def view(self, number: int | None = None, *, alone: bool = False) -> Any:
        """Return a widget of these runs for a notebook: all at a glance, one to scrub and to ablate; see `headlab.view`."""
        return hooks.view(self, number, alone=alone)

    def __repr__(self) -> str:
        how = looking.tally(self.grade())
        steps, words = quantity(self.training.steps, "step"), self.training.in_words()
        return f"Runs({len(self)} of {words if ', then ' in words else steps}, d_head={self.model.d_head}: {how})"


class Run:
    """One trained run: the arrays of `Runs` without their run axis, and tables to look at.

    >>> import headlab as hl
    >>> run = hl.train(hl.Corpus.notebook(), seeds=4, record="none")[0]
    >>> run.attention()[0].round(3).shape
    (5, 5)
    """

    choice, contributions, coding = questions.choice, questions.contributions, questions.coding
    ablate, patch, set_pattern = questions.ablate, questions.patch, questions.set_pattern
    battery, pattern_variance, head_scores = questions.battery, questions.pattern_variance, questions.head_scores
    circuits, evaluate, held_out = questions.circuits, questions.evaluate, questions.held_out
    without_heads = questions.without_heads

    def __init__(self, runs: Runs, number: int) -> None:
        self.runs = runs
        self.number = number
        self.trained_model = Model(runs.models, number)

    activations = of_model(Model.activations)
    logits = of_model(Model.logits)
    sigmoid = of_model(Model.sigmoid)
    probs = of_model(Model.probs)
    pattern = of_model(Model.pattern)
    predictions = of_model(Model.predictions)
    predict = of_model(Model.predict)
    attention = of_model(Model.attention)
    layers = of_model(Model.layers)

    @property
    def seed(self) -> int | None:
        """The seed, or None for a run from given weights."""
        return None if self.runs.seeds is None else int(self.runs.seeds[0])

    @property
    def params(self) -> Params:
        """The weights at the end."""
        return self.trained_model.params

    @property
    def dataset(self) -> Dataset:
        """What it was trained on, with its test and its goal."""
        return self.runs.dataset

    @property
    def corpus(self) -> Corpus:
        """The sentences that it was trained on."""
        return self.runs.corpus

    @property
    def model(self) -> ModelConfig:
        """Its shape."""
        return self.runs.model

    @property
    def training(self) -> TrainConfig:
        """How it was trained."""
        return self.runs.training

    @property
    def loss(self) -> Float[Array, " step"]:
        """[recorded step]: nats per position with a target, before each update."""
        return self.runs.loss[0]

    @property
    def learning_rate(self) -> Float[Array, " step"]:
        """[recorded step]: the learning rate of each update."""
        return self.runs.learning_rate[0]

    @property
    def recorded_steps(self) -> Int[Array, " step"]:
        """[recorded step]: at which steps loss and learning rate were kept."""
        return self.runs.recorded_steps

    @property
    def snapshots(self) -> Float[Array, "moment weight"] | None:
        """[snapshot, weight]: flat weights before the steps `snapshot_steps`."""
        return None if self.runs.snapshots is None else self.runs.snapshots[0]

    @property
    def snapshot_steps(self) -> Int[Array, " moment"]:
        """[snapshot]: before which steps the weights were kept; see `at`."""
        return self.runs.snapshot_steps

    @property
    def outcome(self) -> Outcome:
        """How its training ended; `outcome_sentence` says it in words."""
        ended: Outcome = self.runs.outcome[0]
        return ended

    @property
    def outcome_sentence(self) -> str:
        """How its training ended: `finished`, or `diverged at step k`."""
        return self.runs.outcomes()[0]

    @property
    def finished(self) -> bool:
        """Whether it was trained to the last step without diverging."""
        return self.outcome is Outcome.FINISHED

    @property
    def final_loss(self) -> float:
        """The loss of the last step, before its update; of no steps, the loss of the weights as they are."""
        return float(self.runs.final_loss[0])

    def solved(self) -> bool:
        """Return whether it finished, and every resolvable position's most likely token is its target."""
        return bool(self.runs.solved()[0])

    def grade(self) -> str:
        """Return `solved`, `right by a hair` (solved, but somewhere by less than half a logit) or `not solved`."""
        return str(self.runs.grade()[0])

    def summary(self) -> pd.DataFrame:
        """Return every weight's shape and number of parameters; `attrs` holds the training and the effective rank of W_QK."""
        table = self.trained_model.summary()
        table.attrs["trained"] = self.training.in_words()
        return table

    @property
    def subject(self) -> Subject:
        """The weights, in float64, with the dataset: what `headlab.analysis` studies."""
        return self.runs.subject

    def explain(self) -> Explanation:
        """Explain the run: where it looks, what that gives, how the dependency is coded, and the test by intervention."""
        return self.runs.explain()[0]

    def at(self, step: int) -> Model:
        """Return the model as it was before a step whose weights were kept; see `Runs.at`."""
        return Model(self.runs.at(step), self.number)

    def link(self) -> str:
        """Return the end of the lab's address that is this run, like `#seed=5&numerics=2`; raises `ConfigError` for others."""
        if self.seed is None:
            raise ConfigError("a link holds a seed, and this run is from given weights: save the run instead")
        return write_link(fields_of(self.dataset, self.model, self.training, self.seed))

    def view(self, *, alone: bool = False) -> Any:
        """Return a widget for a notebook: scrub through the training, ablate what the head looks at; see `headlab.view`."""
        return hooks.view(self.runs, 0, alone=alone)

    def __repr__(self) -> str:
        name = "from given weights" if self.seed is None else f"seed {self.seed}"
        return f"Run({name}, loss {self.final_loss:.4f}, {self.grade()})"

    def _repr_html_(self) -> str:
        return tables_html(repr(self), self.predictions(), self.attention())


def load(folder: str | Path) -> Runs | Models:
    """Read what `save` wrote: runs, or models without a training; raises `WeightsError` for anything damaged."""
    found = load_any(folder)
    return Models.of_saved(found) if isinstance(found, SavedModels) else Runs.of_saved(found)
