"""How well models do, in one number a run, by the names that tasks give to it."""

import re
from collections.abc import Iterable

import numpy as np

from headlab.analysis.looking.bigrams import bigram_difference
from headlab.analysis.looking.head_scores import head_scores
from headlab.analysis.looking.plateaus import plateau
from headlab.analysis.subject import Subject
from headlab.arrays import Array, Float, Int
from headlab.config.record import nearest
from headlab.errors import Problem, SelectionError
from headlab.model.losses import mean_loss
from headlab.notation.values import short_repr

LOWER_IS_BETTER = ("cross_entropy", "above_bayes", "bigram_difference")
ACCURACIES = ("token_accuracy", "last_accuracy", "sequence_accuracy", "exact_accuracy")
HEAD_SCORES = ("previous_token", "current_token", "first_token", "prefix_matching", "copying")
METRICS = ("solved", *ACCURACIES, "cross_entropy", "bigram_difference", *HEAD_SCORES)
SHARE, PLATEAU = (re.compile(name + r"\(([0-9.eE+-]+)\)") for name in ("success_share", "plateau"))


def metric_values(
    names: Iterable[str],
    subject: Subject,
    curve: tuple[Int[Array, " evaluation"], Float[Array, "run evaluation"]] | None = None,
) -> dict[str, Float[Array, " run"]]:
    """Return metrics by their names, each [run]; of a run that diverged 0 where 1 is success, else not a number.

    solved: 1 where a run is solved, else 0
    token_accuracy: the share of places with a target where it is the most likely output, the lowest id of equals
    last_accuracy: the share of sequences whose last place with a target is right
    sequence_accuracy: the share of sequences where all of them are; exact_accuracy: that of all inputs that there are
    cross_entropy: the mean of -ln softmax(logits)_target, in nats per place with a target
    bigram_difference: how far probabilities are from the counted shares of what follows; see `bigrams.bigram_difference`
    plateau(x): the mean of that rest of the run's held-out loss which is nearest to x; see `plateaus.plateau`
    success_share(x): 1 where the share of what is right, places or sequences, is at least x, else 0
    prefix_matching, previous_token, current_token, first_token, copying: that score of the head that has most of it
    curve: steps [evaluation] and held-out losses [run, evaluation], where some were taken
    Raises `SelectionError` for an unknown name.

    >>> from headlab.config import ModelConfig
    >>> from headlab.data.corpus import Corpus
    >>> from headlab.model.initial import initial
    >>> corpus = Corpus.notebook()
    >>> subject = Subject(initial(ModelConfig().on(corpus), np.zeros(2, np.uint64)), corpus, ModelConfig())
    >>> metric_values(["cross_entropy", "success_share(0.9)"], subject)["cross_entropy"].round(2).tolist()
    [1.96, 1.96]
    """
    asked = check_names(names)
    of_curve = [name for name in asked if PLATEAU.fullmatch(name)]
    others = [name for name in asked if name not in of_curve]
    parts = [_of_some(others, part) for _, part in subject.in_batches()] if others else []
    found = {name: np.concatenate([part[name] for part in parts]) for name in others}
    for name in of_curve:
        level = float(name.removeprefix("plateau(").removesuffix(")"))
        found[name] = np.full(subject.n_runs, np.nan) if curve is None else plateau(*curve, level)
    return found


def check_names(names: Iterable[str]) -> list[str]:
    """Return names of metrics, each once; raises `SelectionError` where one is unknown.

    >>> check_names(["token_accuracy", "success_share(0.9)", "token_accuracy"])
    ['token_accuracy', 'success_share(0.9)']
    """
    asked = list(dict.fromkeys(names))
    if unknown := [name for name in asked if not _is_known(str(name))]:
        known = [*METRICS, "success_share(0.99)", "plateau(0.5)"]
        raise SelectionError(
            Problem(f"a metric must be a known one, got {short_repr(name)}: {nearest(str(name), known)}", "metrics")
            for name in unknown
        )
    return asked


def _is_known(name: str) -> bool:
    return name in METRICS or bool(SHARE.fullmatch(name) or PLATEAU.fullmatch(name))


def _of_some(names: list[str], subject: Subject) -> dict[str, Float[Array, " run"]]:
    found, finite = {}, subject.finite
    for name in names:
        with np.errstate(over="ignore", invalid="ignore"):
            nothing = 0.0 if name == "solved" or SHARE.fullmatch(name) else np.nan
            found[name] = np.where(finite, _value(name, subject), nothing)
    return found


def _value(name: str, subject: Subject) -> Float[Array, " run"]:
    if name == "solved":
        return subject.solved.astype(float)
    if name in HEAD_SCORES:
        table = head_scores(subject)
        return table.groupby("run")[name].max().to_numpy(float)
    if name == "cross_entropy":
        return mean_loss(subject.clean.logits, subject.corpus.targets, "softmax", subject.corpus.weights).astype(float)
    if name == "bigram_difference":
        return bigram_difference(subject)
    places = subject.corpus.targets >= 0
    right = (subject.clean.logits.argmax(axis=-1) == subject.corpus.targets) | ~places
    if name == "token_accuracy":
        return np.asarray(right[:, places].mean(axis=-1))
    if name == "last_accuracy":
        last = np.arange(places.shape[1]) == np.where(places, np.arange(places.shape[1]), -1).max(axis=1)[:, None]
        return np.asarray(right[:, last & places].mean(axis=-1))
    sequences = right.all(axis=-1)[:, places.any(axis=-1)].mean(axis=-1)
    if found := SHARE.fullmatch(name):
        return (sequences >= float(found[1])).astype(float)
    return np.asarray(sequences)
