"""Models without a training: `Models` are many along one leading axis, a `Model` is one of them without that axis.

A moment of a training, weights from elsewhere, weights set by hand: what they compute, predict, and why.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, wraps
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar, overload

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from headlab.analysis import questions
from headlab.analysis.clean import Clean, logits_on
from headlab.analysis.explanation.explanation import Explanation, Explanations, explain
from headlab.analysis.looking import predictions as looking
from headlab.analysis.looking.next_token import NextToken, next_token
from headlab.analysis.looking.notebook_layers import Layers
from headlab.analysis.subject import Subject
from headlab.arrays import Array, Bool, Float, Shaped
from headlab.config import ModelConfig
from headlab.data.corpus import Corpus
from headlab.data.dataset import Dataset, Trainable
from headlab.model.forward import Activations
from headlab.model.losses import mean_loss
from headlab.model.matrices import W_QK, effective_rank
from headlab.model.params import Params, coerce, summary
from headlab.runs.files import SavedModels, load_any, save_models
from headlab.runs.grades import best_of, judged_exactly, judged_table
from headlab.runs.html import tables_html
from headlab.runs.selection import number_of

P = ParamSpec("P")
R = TypeVar("R")

RUNS_AT_A_TIME, LOGITS_AT_A_TIME = 4096, 20_000_000


@dataclass(frozen=True, eq=False, init=False)
class Models:
    """Models of one shape on one dataset, along a leading run axis, however they came about.

    params: weights, with or without a leading run axis: `Params`, or a mapping of names to arrays
    dataset: what they are asked about: a corpus, a dataset or a task; model: their shape, the notebook's when left out
    loss_kind: which loss is measured: softmax or normalized_sigmoid
    Raises `WeightsError`, which lists every weight that does not fit.

    >>> import headlab as hl
    >>> start = hl.train(hl.Corpus.notebook(), seeds=4).at(0)
    >>> by_hand = dict(start.params.items()) | {"W_Q": np.zeros((7, 20))}
    >>> hl.Models(by_hand, hl.Corpus.notebook()).pattern()[0, 0, 1].tolist()
    [0.5, 0.5, 0.0, 0.0, 0.0]
    """

    params: Params
    dataset: Dataset
    model: ModelConfig
    loss_kind: str

    choice, contributions, coding = questions.choice, questions.contributions, questions.coding
    ablate, patch, set_pattern = questions.ablate, questions.patch, questions.set_pattern
    battery, pattern_variance, head_scores = questions.battery, questions.pattern_variance, questions.head_scores
    circuits, evaluate, held_out = questions.circuits, questions.evaluate, questions.held_out
    without_heads = questions.without_heads

    def __init__(
        self,
        params: Params | Mapping[str, Any],
        dataset: Trainable,
        model: ModelConfig | None = None,
        loss_kind: str = "softmax",
    ) -> None:
        model, dataset = ModelConfig() if model is None else model, Dataset.of(dataset)
        fields = {"params": _with_run_axis(params, dataset, model), "dataset": dataset, "model": model}
        for name, value in {**fields, "loss_kind": loss_kind}.items():
            object.__setattr__(self, name, value)

    @property
    def corpus(self) -> Corpus:
        """The sentences that they are asked about."""
        return self.dataset.corpus

    def __len__(self) -> int:
        return self.params.run_shape[0]

    @overload
    def __getitem__(self, index: int | np.integer[Any]) -> "Model": ...
    @overload
    def __getitem__(self, index: "slice | list[int] | list[bool] | NDArray[Any]") -> "Models": ...
    def __getitem__(self, index: Any) -> "Model | Models":
        """Return one `Model` for a number, `Models` for a slice, a mask or a list of numbers."""
        number = number_of(index, len(self))
        if number is not None:
            return Model(self.choose(slice(number, number + 1)), number)
        return self.choose(index)

    def __iter__(self) -> Iterator["Model"]:
        return (self[number] for number in range(len(self)))

    def choose(self, index: Any) -> "Models":
        """Return some of the models, chosen as NumPy chooses along an axis."""
        return replace(self, params=self.params[index])

    def activations(self) -> Activations:
        """Return everything the models compute on their corpus, with a leading run axis."""
        return self._activations

    @cached_property
    def _activations(self) -> Activations:
        return Clean.of(self.params, self.corpus.batch, self.model)

    def logits(self) -> Float[Array, "run sequence position d_vocab"]:
        """Return [run, sequence, position, d_vocab]."""
        return self._logits

    @cached_property
    def _logits(self) -> Array:
        # Some runs at a time: the kernel takes a copy of their weights.
        parts = [
            logits_on(self.corpus.batch, self.params[start : start + RUNS_AT_A_TIME], self.model)
            for start in range(0, max(1, len(self)), RUNS_AT_A_TIME)
        ]
        return np.concatenate(parts)

    def sigmoid(self) -> Float[Array, "run sequence position d_vocab"]:
        """Return sigmoid(logits), the output that the notebook prints."""
        return self._view("sigmoid")

    def probs(self) -> Float[Array, "run sequence position d_vocab"]:
        """Return softmax(logits), the probabilities that the softmax loss sees."""
        return self._view("probs")

    def _view(self, kind: str) -> Array:
        with np.errstate(over="ignore", invalid="ignore"):
            return looking.output(self.logits(), kind)

    def pattern(self) -> Float[Array, "run *layers sequence position position"]:
        """Return the attention [run, sequence, query, key]; with several layers or heads, [run, layer, head, ...]."""
        pattern = self._activations.pattern
        return pattern[:, 0, 0] if pattern.shape[1:3] == (1, 1) else pattern

    def loss(self) -> Float[Array, " run"]:
        """Return the loss [run] of these weights on their corpus, in nats per position with a target."""
        with np.errstate(over="ignore", invalid="ignore"):
            return self._judged(
                lambda logits: mean_loss(logits, self.corpus.targets, self.loss_kind, self.corpus.weights)
            )

    def solved(self) -> Bool[Array, " run"]:
        """Return [run]: every resolvable position's most likely token is its target."""
        return self._judged(lambda logits: looking.solved(logits, self.dataset, self.model), exactly=True)

    def grade(self) -> Shaped[Array, " run"]:
        """Return [run]: `solved`, `right by a hair` (solved, but somewhere by less than half a logit) or `not solved`.

        `nothing to solve` where no prefix of the corpus decides a target.

        >>> import headlab as hl
        >>> hl.train(hl.Corpus.notebook(), seeds=range(3)).at(0).grade().tolist()
        ['not solved', 'not solved', 'not solved']
        """
        return self._judged(lambda logits: looking.grade(logits, self.dataset, None, self.model), exactly=True)

    def lead(self) -> Float[Array, " run"]:
        """Return [run]: the smallest lead of a target over its strongest rival, in logits; see `predictions.lead`."""
        return self._judged(lambda logits: looking.lead(logits, self.dataset, self.model))

    def _judged(self, judge: Callable[[Array], NDArray[Any]], exactly: bool = False) -> NDArray[Any]:
        """Return what is made of logits, of some runs at a time where all of their logits would be large."""
        step = max(1, min(RUNS_AT_A_TIME, LOGITS_AT_A_TIME // (self.corpus.tokens.size * self.corpus.n_outputs)))
        if step >= len(self) or "_logits" in self.__dict__:
            found = judge(self.logits())
        else:
            parts = (self.choose(slice(start, start + step)) for start in range(0, len(self), step))
            found = np.concatenate([judge(part.logits()) for part in parts])
        return judged_exactly(found, self.lead(), judge, self, step) if exactly else found

    def pick(self) -> int:
        """Return the number of a model to show: the first that is solved.

        Without one, of those right by a hair the one with the largest lead; without any, the one of the smallest loss.
        """
        return best_of(self.grade(), self.lead, self.loss)

    def table(self) -> pd.DataFrame:
        """Return one row a model: loss, solved (those right by a hair too), grade."""
        return judged_table({"loss": self.loss()}, self.grade(), self.solved)

    @cached_property
    def subject(self) -> Subject:
        """The weights, in float64, with the dataset: what `headlab.analysis` studies."""
        return Subject(self.params, self.dataset, self.model, self.loss_kind, grades=self.grade())

    def explain(self) -> Explanations:
        """Explain every model: where it looks, what that gives, how the dependency is coded, and the test by intervention."""
        return explain(self.subject)

    def predict(self, text: str) -> NextToken:
        """Return what every model predicts after a text, with a leading run axis; see `analysis.next_token`.

        Raises `CorpusError` for unknown words, `SelectionError` for a text that is too long, or runs that diverged.

        >>> import headlab as hl
        >>> hl.train(hl.Corpus.notebook(), seeds=range(8), record="none").predict("woman ordered the …").token
        'beef'
        """
        return next_token(self.params, self.corpus, self.model, text)

    def save(self, folder: str | Path) -> Path:
        """Write weights and run.json into a folder, as `Runs.save` does; raises `OutputError`."""
        return save_models(self.to_save(), folder)

    @classmethod
    def load(cls, folder: str | Path) -> "Models":
        """Read what was saved, the models of `Runs` too; raises `WeightsError` for anything damaged."""
        found = load_any(folder)
        return cls.of_saved(found if isinstance(found, SavedModels) else found.models)

    def to_save(self) -> SavedModels:
        """Return what a folder holds of them."""
        return SavedModels(self.params, self.dataset, self.model, self.loss_kind)

    @classmethod
    def of_saved(cls, saved: SavedModels) -> "Models":
        """Return the models of a folder."""
        return cls(saved.params, saved.dataset, saved.model, saved.loss_kind)

    def __repr__(self) -> str:
        return f"Models({len(self)}, d_head={self.model.d_head}: {looking.tally(self.grade())})"


class Model:
    """One model: the arrays of `Models` without their run axis, and tables to look at.

    >>> import headlab as hl
    >>> hl.train(hl.Corpus.notebook(), seeds=4)[0].at(0)
    Model(loss 1.9438, not solved)
    """

    choice, contributions, coding = questions.choice, questions.contributions, questions.coding
    ablate, patch, set_pattern = questions.ablate, questions.patch, questions.set_pattern
    battery, pattern_variance, head_scores = questions.battery, questions.pattern_variance, questions.head_scores
    circuits, evaluate, held_out = questions.circuits, questions.evaluate, questions.held_out
    without_heads = questions.without_heads

    def __init__(self, models: Models, number: int) -> None:
        self.models = models
        self.number = number

    @property
    def params(self) -> Params:
        """The weights, without a run axis."""
        return self.models.params[0]

    @property
    def dataset(self) -> Dataset:
        """What the model is asked about."""
        return self.models.dataset

    @property
    def corpus(self) -> Corpus:
        """The sentences that it is asked about."""
        return self.models.corpus

    @property
    def model(self) -> ModelConfig:
        """Its shape."""
        return self.models.model

    def activations(self) -> Activations:
        """Return everything the model computes on its corpus."""
        return self.models.activations()[0]

    def logits(self) -> Float[Array, "sequence position d_vocab"]:
        """Return [sequence, position, d_vocab]."""
        return self.models.logits()[0]

    def sigmoid(self) -> Float[Array, "sequence position d_vocab"]:
        """Return sigmoid(logits), the output that the notebook prints."""
        return self.models.sigmoid()[0]

    def probs(self) -> Float[Array, "sequence position d_vocab"]:
        """Return softmax(logits)."""
        return self.models.probs()[0]

    def pattern(self) -> Float[Array, "*layers sequence position position"]:
        """Return the attention [sequence, query, key]; with several layers or heads, [layer, head, ...]."""
        return self.models.pattern()[0]

    def loss(self) -> float:
        """Return the loss of these weights on their corpus, in nats per position with a target."""
        return float(self.models.loss()[0])

    def solved(self) -> bool:
        """Return whether every resolvable position's most likely token is its target."""
        return bool(self.models.solved()[0])

    def grade(self) -> str:
        """Return `solved`, `right by a hair` (solved, but somewhere by less than half a logit) or `not solved`."""
        return str(self.models.grade()[0])

    def predictions(self, output: str = "sigmoid") -> list[pd.DataFrame]:
        """Return one table a sentence: rows `3 the`, columns the vocabulary's labels; output: sigmoid, probs or logits."""
        return looking.tables(looking.output(self.logits(), output), self.corpus)

    def predict(self, text: str) -> NextToken:
        """Return what the model predicts after a text that it need not have been trained on; raises as `Models.predict`.

        >>> import headlab as hl
        >>> hl.train(hl.Corpus.notebook(), seeds=4, record="none")[0].predict("man ordered the …")
        NextToken(after '<Start> man ordered the': chicken 0.9..., beef 0.0..., ordered 0.0..., 4 more)
        """
        return next_token(self.params, self.corpus, self.model, text)

    def attention(self, layer: int = 0, head: int = 0) -> list[pd.DataFrame]:
        """Return one table a sentence: rows are query positions, columns key positions."""
        layer, head = self.subject.layer_and_head(layer, head)
        return looking.tables(self.activations().pattern[layer, head], self.corpus, columns="positions")

    def layers(self) -> Layers:
        """Return the notebook's 14 layers by number or name."""
        self.subject.refuse("the notebook's layers")
        return Layers(self.corpus.tokens, self.activations())

    def summary(self) -> pd.DataFrame:
        """Return every weight's shape and number of parameters; `attrs` holds the effective rank of W_QK."""
        table = summary(self.model.on(self.corpus))
        ranks = effective_rank(W_QK(self.params).astype(float)).tolist() if self.model.n_layers else []
        table.attrs["effective_rank_W_QK"] = ranks
        return table

    @property
    def subject(self) -> Subject:
        """The weights, in float64, with the dataset: what `headlab.analysis` studies."""
        return self.models.subject

    def explain(self) -> Explanation:
        """Explain the model: where it looks, what that gives, how the dependency is coded, and the test by intervention."""
        return self.models.explain()[0]

    def save(self, folder: str | Path) -> Path:
        """Write weights and run.json into a folder, as `Models.save` does; raises `OutputError`."""
        return self.models.save(folder)

    def __repr__(self) -> str:
        return f"Model(loss {self.loss():.4f}, {self.grade()})"

    def _repr_html_(self) -> str:
        return tables_html(repr(self), self.predictions(), self.attention())


class HasModels(Protocol):
    """What many models came of: runs."""

    @property
    def models(self) -> Models:
        """What training made."""


class HasModel(Protocol):
    """What one model came of: a run."""

    @property
    def trained_model(self) -> Model:
        """What training made."""


def of_models(ask: Callable[Concatenate[Models, P], R]) -> Callable[Concatenate[HasModels, P], R]:
    """Return what runs answer because they have models."""

    @wraps(ask)
    def answer(self: HasModels, /, *args: P.args, **kwargs: P.kwargs) -> R:
        return ask(self.models, *args, **kwargs)

    return answer


def of_model(ask: Callable[Concatenate[Model, P], R]) -> Callable[Concatenate[HasModel, P], R]:
    """Return what a run answers because it has a model."""

    @wraps(ask)
    def answer(self: HasModel, /, *args: P.args, **kwargs: P.kwargs) -> R:
        return ask(self.trained_model, *args, **kwargs)

    return answer


def _with_run_axis(params: Params | Mapping[str, NDArray[Any]], dataset: Dataset, model: ModelConfig) -> Params:
    """Return weights as floating-point `Params` with one run axis; those of a training are taken as they are."""
    shape = model.on(dataset)
    if isinstance(params, Params) and {name: weight.shape[1:] for name, weight in params.items()} == shape.weights:
        return params
    flat = coerce(params, shape, called="params").flat()
    return Params.from_flat(flat.astype(np.result_type(flat, np.float32), copy=False), shape)
