"""How well models do, in one number a run, by the names that tasks give to it."""

import math
import re
from collections.abc import Iterable
from functools import cached_property

import numpy as np
import pandas as pd

from headlab.analysis.looking.bigrams import bigram_difference
from headlab.analysis.looking.head_roles import held_out_scores
from headlab.analysis.looking.held_out import HeldOut, held_out
from headlab.analysis.looking.plateaus import plateau
from headlab.analysis.subject import Subject
from headlab.arrays import Array, Float, Int
from headlab.config.record import nearest
from headlab.data.dataset import Dataset
from headlab.errors import Problem, SelectionError
from headlab.notation.values import short_repr

LOWER_IS_BETTER = ("cross_entropy", "above_bayes", "bigram_difference")
HELD_OUT = ("token_accuracy", "last_accuracy", "sequence_accuracy", "class_accuracy", "cross_entropy", "above_bayes")
HEAD_SCORES = ("previous_token", "current_token", "first_token", "prefix_matching", "copying")
METRICS = ("solved", *HELD_OUT, "exact_accuracy", "bigram_difference", *HEAD_SCORES)
SHARE, PLATEAU = (
    re.compile(name + r"\(([0-9]*\.?[0-9]+(?:[eE][+-]?[0-9]+)?)\)") for name in ("success_share", "plateau")
)
SHARES = ("solved", *(name for name in (*HELD_OUT, "exact_accuracy") if name.endswith("accuracy")))
TRAINING = re.compile(r"training_loss\(([1-9][0-9]{0,8})\)")
Curve = tuple[Int[Array, " evaluation"], Float[Array, "run evaluation"]]


def metric_values(
    names: Iterable[str],
    subject: Subject,
    curve: tuple[Int[Array, " evaluation"], Float[Array, "run evaluation"]] | None = None,
    training: Float[Array, "run step"] | None = None,
) -> dict[str, Float[Array, " run"]]:
    """Return metrics by their names, each [run]; of a run that diverged 0 where 1 is success, else not a number.

    On held-out examples where the dataset is drawn (see `held_out`), else on the sentences, which are all that there is:

    token_accuracy: the share of places with a target where it is the most likely output, the lowest id of equals
    last_accuracy: the share of sequences whose last place with a target is right; class_accuracy: the mean over outputs of it
    sequence_accuracy: the share of sequences where all places are right; exact_accuracy: that of all inputs that there are
    cross_entropy: the mean of -ln softmax(logits)_target, in nats per place with a target
    above_bayes: how far that is above the one of who knows how examples are drawn
    prefix_matching, previous_token, current_token, first_token, copying: that score of the head that has most of it
    success_share(x): 1 where what is right of all inputs, or else of the examples, is at least x, else 0
    solved: 1 where a run is solved, else 0
    bigram_difference: how far probabilities are from the counted shares of what follows; see `bigrams.bigram_difference`
    plateau(x): the mean of that rest of the run's held-out loss which is nearest to x; see `plateaus.plateau`
    training_loss(n): the mean of the losses of the last n steps of training, each before its update
    curve: steps [evaluation] and held-out losses [run, evaluation], where some were taken; training: the loss of every step
    Raises `SelectionError` for an unknown name.

    >>> from headlab.config import ModelConfig
    >>> from headlab.data.corpus import Corpus
    >>> from headlab.model.initial import initial
    >>> corpus = Corpus.notebook()
    >>> subject = Subject(initial(ModelConfig().on(corpus), np.zeros(2, np.uint64)), corpus, ModelConfig())
    >>> metric_values(["cross_entropy", "success_share(0.9)"], subject)["cross_entropy"].round(2).tolist()
    [1.96, 1.96]
    """
    measured, found = _Measured(subject, curve, training), {}
    for name in check_names(names):
        nothing = 0.0 if name == "solved" or SHARE.fullmatch(name) else np.nan
        found[name] = np.where(subject.finite, measured.value(name), nothing)
    return found


def check_names(names: Iterable[str]) -> list[str]:
    """Return names of metrics, each once; raises `SelectionError` where one is unknown.

    >>> check_names(["token_accuracy", "success_share(0.9)", "token_accuracy"])
    ['token_accuracy', 'success_share(0.9)']
    """
    asked = list(dict.fromkeys(names))
    if unknown := [name for name in asked if not _is_known(str(name))]:
        known = [*METRICS, "success_share(0.99)", "plateau(0.5)", "training_loss(100)"]
        raise SelectionError(
            Problem(f"a metric must be a known one, got {short_repr(name)}: {nearest(str(name), known)}", "metrics")
            for name in unknown
        )
    return asked


def _is_known(name: str) -> bool:
    share = SHARE.fullmatch(name)
    others = any(kind.fullmatch(name) for kind in (PLATEAU, TRAINING))
    return name in METRICS or others or bool(share and float(share[1]) <= 1)


def lower_is_better(name: str) -> bool:
    """Return whether a metric is a loss.

    >>> lower_is_better("cross_entropy"), lower_is_better("training_loss(100)"), lower_is_better("solved")
    (True, True, False)
    """
    return name in LOWER_IS_BETTER or bool(TRAINING.fullmatch(name))


def within(name: str) -> tuple[float, float]:
    """Return the lowest and the highest number that a metric can come to.

    >>> within("token_accuracy"), within("cross_entropy"), within("copying")
    ((0.0, 1.0), (0.0, inf), (-inf, inf))
    """
    if name in SHARES or SHARE.fullmatch(name):
        return 0.0, 1.0
    loss = name in ("cross_entropy", "bigram_difference") or TRAINING.fullmatch(name)
    return (0.0 if loss else -math.inf), math.inf


def lacking(name: str, dataset: Dataset, evaluated: bool) -> str | None:
    """Return what a metric needs and a dataset, or its training, has not, in words; None where nothing is missing.

    evaluated: whether held-out examples are looked at while models are trained

    >>> from headlab.data.corpus import Corpus
    >>> lacking("plateau(0.5)", Dataset(Corpus.notebook()), False)
    'evaluate_every in the training'
    """
    stream = dataset.stream
    if name == "exact_accuracy" and stream is not None and stream.enumerate is None:
        return "enumerate in the stream"
    if name == "above_bayes" and (stream is None or stream.bayes is None):
        return "bayes in the stream"
    return "evaluate_every in the training" if PLATEAU.fullmatch(name) and not evaluated else None


class _Measured:
    """What is measured of models for one metric serves the others, too."""

    def __init__(self, subject: Subject, curve: Curve | None, training: Float[Array, "run step"] | None) -> None:
        self.subject, self.curve, self.training = subject, curve, training

    def value(self, name: str) -> Float[Array, " run"]:
        """Return a metric [run]."""
        if found := SHARE.fullmatch(name):
            return np.asarray(self._right >= float(found[1])).astype(float)  # of what is no number that is false
        if found := PLATEAU.fullmatch(name):
            return np.full(self.subject.n_runs, np.nan) if self.curve is None else plateau(*self.curve, float(found[1]))
        if found := TRAINING.fullmatch(name):
            none = self.training is None or not self.training.shape[1]
            last = np.full((self.subject.n_runs, 1), np.nan) if none else self.training[:, -int(found[1]) :]  # type: ignore[index]
            return np.asarray(last.astype(np.float64).mean(axis=1))
        if name == "solved":
            return self.subject.solved.astype(float)
        if name == "bigram_difference":
            return bigram_difference(self.subject)
        if name in HEAD_SCORES:
            return self._scores.groupby("run")[name].max().to_numpy(float)
        if name == "exact_accuracy":
            return self._exact.sequences
        table = self._held_out.table()
        return table[name].to_numpy(float) if name in table else np.full(self.subject.n_runs, np.nan)

    @cached_property
    def _held_out(self) -> HeldOut:
        return held_out(self.subject)

    @cached_property
    def _exact(self) -> HeldOut:
        return held_out(self.subject, exact=True)

    @cached_property
    def _scores(self) -> pd.DataFrame:
        return held_out_scores(self.subject)

    @property
    def _right(self) -> Float[Array, " run"]:
        """What of all inputs, or else of the examples, is right: places or sequences, as the stream counts."""
        stream = self.subject.dataset.stream
        found = self._held_out if stream is None or stream.enumerate is None else self._exact
        return found.right("sequences" if stream is None else stream.counts)
