"""Trained models: `Runs` are many along one leading axis, a `Run` is one of them without that axis."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from headlab import engine
from headlab.analysis import questions
from headlab.analysis.explanation.explanation import Explanation, Explanations, explain
from headlab.analysis.looking import predictions as looking
from headlab.analysis.looking.circuits import W_QK, effective_rank
from headlab.analysis.looking.next_token import NextToken, next_token
from headlab.analysis.looking.notebook_layers import Layers
from headlab.analysis.subject import Subject, is_index, run_number
from headlab.config import ModelConfig, TrainConfig
from headlab.data.corpus import Corpus
from headlab.errors import SelectionError
from headlab.model.forward import Activations, forward
from headlab.model.params import Array, Params, summary
from headlab.notation.numbers import counted
from headlab.notation.values import brief, listed

RUNS_AT_A_TIME, LOGITS_AT_A_TIME = 4096, 20_000_000
_PER_RUN = ("seeds", "params", "loss", "learning_rate", "snapshots", "outcome", "final_loss", "optimizer_state")


@dataclass(frozen=True, eq=False)
class Runs:
    """Trained runs and how they came about.

    seeds [run] (None: from given weights); params: weights with a leading run axis
    loss (nats per position with a target), learning_rate [run, recorded step]; recorded_steps: which steps these are
    snapshots: flat weights [run, snapshot, weight] before the steps snapshot_steps, or None
    outcome [run]: -1 finished, otherwise the step at which the run diverged (-2: interrupted before its end)
    final_loss [run]: the loss of the last step, before its update; of no steps, the loss of the weights as they are
    optimizer_state, optimizer_step: what `resume` goes on from
    before: how they were trained before they were resumed, one `TrainConfig` a time
    """

    corpus: Corpus
    model: ModelConfig
    training: TrainConfig
    seeds: NDArray[np.uint64] | None
    params: Params
    loss: Array
    learning_rate: Array
    recorded_steps: NDArray[np.int64]
    snapshots: Array | None
    snapshot_steps: NDArray[np.int64]
    outcome: NDArray[np.int64]
    final_loss: Array
    optimizer_state: Array | None = None
    optimizer_step: int = 0
    before: tuple[TrainConfig, ...] = ()

    choice, contributions, coding = questions.choice, questions.contributions, questions.coding
    ablate, patch, set_pattern = questions.ablate, questions.patch, questions.set_pattern
    battery, pattern_variance = questions.battery, questions.pattern_variance
    head_scores, circuits = questions.head_scores, questions.circuits

    def __len__(self) -> int:
        return len(self.outcome)

    def __getitem__(self, index: Any) -> Any:
        """Return one `Run` for a number, `Runs` for a slice, a mask or a list of numbers."""
        if isinstance(index, int | np.integer) and not isinstance(index, bool):
            number = run_number(index, len(self), from_end=True)
            return Run(self._select(slice(number, number + 1)), number)
        try:
            chosen = np.arange(len(self))[index]
        except (IndexError, TypeError, ValueError):
            chosen = None
        if np.ndim(chosen) != 1 or chosen is None:  # NumPy takes None, True and two lists for further axes
            raise SelectionError(
                f"runs must be chosen by a number, a slice, a mask or a list of numbers from 0 to {len(self) - 1}, "
                f"got {brief(index)}"
            )
        return self._select(index)

    def __iter__(self) -> Iterator["Run"]:
        return (self[number] for number in range(len(self)))

    def _select(self, index: Any) -> "Runs":
        kept: dict[str, Any] = {name: getattr(self, name) for name in _PER_RUN}
        some: dict[str, Any] = {name: None if value is None else value[index] for name, value in kept.items()}
        return replace(self, **some)

    def activations(self) -> Activations:
        """Return everything the trained models compute on their corpus, with a leading run axis."""
        return self._activations

    @cached_property
    def _activations(self) -> Activations:
        with np.errstate(over="ignore", invalid="ignore"):  # diverged runs hold whatever they diverged to
            return forward(self.params, self.corpus.tokens, self.model)

    def logits(self) -> Array:
        """Return [run, sequence, position, d_vocab]."""
        return self._logits

    @cached_property
    def _logits(self) -> Array:
        # Some runs at a time: all activations of 100,000 runs would take more memory than their weights.
        with np.errstate(over="ignore", invalid="ignore"):
            parts = [
                forward(self.params[start : start + RUNS_AT_A_TIME], self.corpus.tokens, self.model).logits
                for start in range(0, max(1, len(self)), RUNS_AT_A_TIME)
            ]
        return np.concatenate(parts)

    def sigmoid(self) -> Array:
        """Return sigmoid(logits), the output that the notebook prints."""
        return self._view("sigmoid")

    def probs(self) -> Array:
        """Return softmax(logits), the probabilities that the softmax loss sees."""
        return self._view("probs")

    def _view(self, kind: str) -> Array:
        with np.errstate(over="ignore", invalid="ignore"):
            return looking.view(self.logits(), kind)

    def pattern(self) -> Array:
        """Return the attention [run, sequence, query, key]; with several layers or heads, [run, layer, head, ...]."""
        pattern = self._activations.pattern
        return pattern[:, 0, 0] if pattern.shape[1:3] == (1, 1) else pattern

    def solved(self) -> NDArray[np.bool_]:
        """Return [run]: the run finished, and every resolvable position's most likely token is its target."""
        return self._judged(lambda logits, finished: looking.solved(logits, self.corpus, self.model) & finished)

    def grade(self) -> NDArray[np.str_]:
        """Return [run]: `solved`, `right by a hair` (solved, but somewhere by less than half a logit) or `not solved`.

        `nothing to solve` where no prefix of the corpus decides a target.

        >>> import headlab as hl
        >>> hl.train(hl.Corpus.notebook(), seeds=[0, 12, 3], record="none").grade().tolist()
        ['solved', 'right by a hair', 'solved']
        """
        return self._judged(lambda logits, finished: looking.grade(logits, self.corpus, finished, self.model))

    def _judged(self, judge: Callable[[Array, NDArray[np.bool_]], NDArray[Any]]) -> NDArray[Any]:
        """Return what is made of logits and `finished`, of some runs at a time where all of their logits would be large."""
        step = max(1, min(RUNS_AT_A_TIME, LOGITS_AT_A_TIME // (self.corpus.tokens.size * self.corpus.d_vocab)))
        if step >= len(self) or "_logits" in self.__dict__:
            return judge(self.logits(), self.finished)
        parts = (self[start : start + step] for start in range(0, len(self), step))
        return np.concatenate([judge(part.logits(), part.finished) for part in parts])

    def pick(self) -> int:
        """Return the number of a run to show: the first that is solved.

        Without one, of those right by a hair the one with the largest lead; without any, the one of the smallest loss.

        >>> import headlab as hl
        >>> hl.train(hl.Corpus.notebook(), seeds=[12, 3], record="none").pick()
        1
        """
        grades = self.grade()
        if (grades == looking.SOLVED).any():
            return int(np.argmax(grades == looking.SOLVED))
        if (grades == looking.HAIR).any():
            leads = self._judged(lambda logits, _: looking.lead(logits, self.corpus, self.model))
            return int(np.argmax(np.where(grades == looking.HAIR, leads, -np.inf)))
        return int(np.argmin(np.where(np.isfinite(self.final_loss), self.final_loss, np.inf)))

    @property
    def finished(self) -> NDArray[np.bool_]:
        """[run]: trained to the last step without diverging."""
        return np.asarray(self.outcome == engine.FINISHED)

    @property
    def trained(self) -> str:
        """The whole training in words.

        >>> import headlab as hl
        >>> short = hl.TrainConfig.of(steps=50)
        >>> hl.resume(hl.train(hl.Corpus.notebook(), training=short), hl.TrainConfig.of(steps=1000)).trained
        '50 steps of sgd, then 1,000 of sgd'
        """
        first, *later = (*self.before, self.training)
        return ", then ".join(
            [
                f"{counted(first.steps, 'step')} of {first.optimizer}",
                *(f"{part.steps:,} of {part.optimizer}" for part in later),
            ]
        )

    def outcomes(self) -> list[str]:
        """Return a phrase for every run: `finished`, or `diverged at step k`."""
        phrases = {engine.FINISHED: "finished", engine.NOT_RUN: "interrupted"}
        return [phrases.get(step, f"diverged at step {step}") for step in self.outcome.tolist()]

    def at(self, step: int) -> "Runs":
        """Return the runs as they were before a step whose weights were kept; raises `SelectionError` otherwise."""
        where = np.nonzero(self.snapshot_steps == step)[0] if isinstance(step, int | float | np.number) else []
        if self.snapshots is None or len(where) == 0:
            known = listed(self.snapshot_steps.tolist()) or "none"
            raise SelectionError(f"the step must be one whose weights were kept ({known}), got {brief(step)}")
        params = Params.from_flat(self.snapshots[:, where[0]], self.model.on(self.corpus))
        return replace(self, params=params, optimizer_state=None)

    def table(self) -> pd.DataFrame:
        """Return one row a run: seed, outcome, final loss, solved (those right by a hair too), grade."""
        return pd.DataFrame(
            {
                "seed": pd.NA if self.seeds is None else self.seeds,
                "outcome": self.outcomes(),
                "loss": self.final_loss,
                "solved": self.solved(),
                "grade": self.grade(),
            },
            index=pd.RangeIndex(len(self), name="run"),
        )

    @cached_property
    def subject(self) -> Subject:
        """The weights, in float64, with the corpus: what `headlab.analysis` studies."""
        return Subject(self.params, self.corpus, self.model, self.training.loss, self.finished, self.grade())

    def explain(self) -> Explanations:
        """Explain every run: where it looks, what that gives, how the dependency is coded, and the test by intervention.

        >>> import headlab as hl
        >>> hl.train(hl.Corpus.notebook(), seeds=range(100), record="none").explain().census()["runs"].sum()
        np.int64(100)
        """
        return explain(self.subject, names=None if self.seeds is None else self.seeds.tolist())

    def predict(self, text: str) -> NextToken:
        """Return what every run predicts after a text, with a leading run axis; see `analysis.next_token`.

        Raises `CorpusError` for unknown words, `SelectionError` for a text that is too long, or runs that diverged.

        >>> import headlab as hl
        >>> hl.train(hl.Corpus.notebook(), seeds=range(8), record="none").predict("woman ordered the …").token
        'beef'
        """
        return next_token(self.params, self.corpus, self.model, text)

    def save(self, folder: str | Path) -> Path:
        """Write weights and run.json into a folder, in place of runs that are there: these or those, whole, at every moment.

        Other programs open `weights.safetensors`, which leads to the weights by a name that carries their SHA-256; run.json
        names them, and holds the SHA-256 of its own content. Raises `OutputError`.
        """
        from headlab.runs.files import save

        return save(self, folder)

    @classmethod
    def load(cls, folder: str | Path) -> "Runs":
        """Read what `save` wrote; raises `WeightsError` for anything damaged."""
        from headlab.runs.files import load

        return load(folder)

    def view(self, number: int | None = None) -> Any:
        """Return a widget of these runs for a notebook: all at a glance, one to scrub and to ablate (`headlab[notebook]`)."""
        from headlab.report.notebook.view import view

        return view(self, number)

    def __repr__(self) -> str:
        how = looking.tally(self.grade())
        steps = self.trained if self.before else counted(self.training.steps, "step")
        return f"Runs({len(self)} of {steps}, d_head={self.model.d_head}: {how})"


class Run:
    """One trained run: the arrays of `Runs` without their run axis, and tables to look at.

    >>> import headlab as hl
    >>> run = hl.train(hl.Corpus.notebook(), seeds=4, record="none")[0]
    >>> run.attention()[0].round(3).shape
    (5, 5)
    """

    choice, contributions, coding = questions.choice, questions.contributions, questions.coding
    ablate, patch, set_pattern = questions.ablate, questions.patch, questions.set_pattern
    battery, pattern_variance = questions.battery, questions.pattern_variance
    head_scores, circuits = questions.head_scores, questions.circuits

    def __init__(self, runs: Runs, number: int) -> None:
        self.runs = runs
        self.number = number

    def __getattr__(self, name: str) -> Any:
        # The arrays of Runs, one by one: run.loss is runs.loss[number].
        if name.startswith("_") or name not in {item.name for item in fields(Runs)}:
            raise AttributeError(f"Run has no attribute {name!r}")
        value = getattr(self.runs, name)
        return value[0] if name in _PER_RUN and value is not None else value

    @property
    def seed(self) -> int | None:
        """The seed, or None for a run from given weights."""
        return None if self.runs.seeds is None else int(self.runs.seeds[0])

    def activations(self) -> Activations:
        """Return everything the trained model computes on its corpus."""
        return self.runs.activations()[0]

    def logits(self) -> Array:
        """Return [sequence, position, d_vocab]."""
        return self.runs.logits()[0]

    def sigmoid(self) -> Array:
        """Return sigmoid(logits), the output that the notebook prints."""
        return self.runs.sigmoid()[0]

    def probs(self) -> Array:
        """Return softmax(logits)."""
        return self.runs.probs()[0]

    def pattern(self) -> Array:
        """Return the attention [sequence, query, key]; with several layers or heads, [layer, head, ...]."""
        return self.runs.pattern()[0]

    def solved(self) -> bool:
        """Return whether every resolvable position's most likely token is its target."""
        return bool(self.runs.solved()[0])

    def grade(self) -> str:
        """Return `solved`, `right by a hair` (solved, but somewhere by less than half a logit) or `not solved`."""
        return str(self.runs.grade()[0])

    def predictions(self, view: str = "sigmoid") -> list[pd.DataFrame]:
        """Return one table a sentence: rows `3 the`, columns the vocabulary's labels; view: sigmoid, probs or logits."""
        return looking.tables(looking.view(self.logits(), view), self.corpus)

    def predict(self, text: str) -> NextToken:
        """Return what the run predicts after a text that it need not have been trained on; raises as `Runs.predict`.

        >>> import headlab as hl
        >>> hl.train(hl.Corpus.notebook(), seeds=0, record="none")[0].predict("man ordered the …")
        NextToken(after '<Start> man ordered the': chicken 0.9..., beef 0.0..., ordered 0.0..., 4 more)
        """
        return next_token(self.runs.params[0], self.corpus, self.model, text)

    def attention(self, layer: int = 0, head: int = 0) -> list[pd.DataFrame]:
        """Return one table a sentence: rows are query positions, columns key positions."""
        for name, value, count in (("layer", layer, self.model.n_layers), ("head", head, self.model.n_heads)):
            if not is_index(value, count):
                raise SelectionError(f"the {name} must be from 0 to {count - 1}, got {brief(value)}")
        return looking.tables(self.activations().pattern[layer, head], self.corpus, columns="positions")

    def layers(self) -> Layers:
        """Return the notebook's 14 layers by number or name."""
        return Layers(self.corpus.tokens, self.activations())

    def summary(self) -> pd.DataFrame:
        """Return every weight's shape and number of parameters; `attrs` holds the training and the effective rank of W_QK."""
        table = summary(self.model.on(self.corpus))
        table.attrs["trained"] = self.runs.trained
        table.attrs["effective_rank_W_QK"] = effective_rank(W_QK(self.params).astype(float)).tolist()
        return table

    @property
    def subject(self) -> Subject:
        """The weights, in float64, with the corpus: what `headlab.analysis` studies."""
        return self.runs.subject

    def explain(self) -> Explanation:
        """Explain the run: where it looks, what that gives, how the dependency is coded, and the test by intervention."""
        return self.runs.explain()[0]

    def at(self, step: int) -> "Run":
        """Return the run as it was before a step whose weights were kept."""
        return Run(self.runs.at(step), self.number)

    def view(self) -> Any:
        """Return a widget for a notebook: scrub through the training, ablate what the head looks at (`headlab[notebook]`)."""
        return self.runs.view(0)

    def __repr__(self) -> str:
        name = "from given weights" if self.seed is None else f"seed {self.seed}"
        return f"Run({name}, loss {float(self.final_loss):.4f}, {self.grade()})"

    def _repr_html_(self) -> str:
        from headlab.report.terminal.grid import run_html

        return run_html(self)
