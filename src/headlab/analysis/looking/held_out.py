"""How well models do on examples that they were not trained on, or on all inputs that there are."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from headlab.analysis.clean import flat_on
from headlab.analysis.subject import Subject
from headlab.arrays import Array, Float, Int
from headlab.data.batch import Batch
from headlab.data.dataset import Dataset
from headlab.data.held_out import every_input
from headlab.data.held_out import held_out as examples_of
from headlab.engine.evaluation import answers
from headlab.errors import ConfigError, Problem
from headlab.model.losses import mean_loss
from headlab.notation.numbers import quantity
from headlab.notation.values import short_repr

EXAMPLES = 4096
NUMBERS_AT_A_TIME = 4_000_000  # of logits
TOGETHER = 32  # runs: alone each would take many times as long as among others
MOST_EXAMPLES = 10**8
COLUMNS = ("cross_entropy", "token_accuracy", "last_accuracy", "sequence_accuracy", "class_accuracy")

# Of models on a batch: each one's mean loss, and the output with the largest logit [run, sequence, position].
Answers = tuple[Array, Array]
Answering = Callable[[Subject, Batch], Answers]


@dataclass(frozen=True, eq=False)
class HeldOut:
    """How models do on examples; a place is one that has a target, what is right has the largest logit, the lowest id of equals.

    loss [run]: the mean of -ln softmax(logits)_target over places, in nats
    places, last, sequences [run]: the share that is right of places, of the last place of each sequence, and of sequences in
        which all places are; classes [run, output]: of the places with this target, nan where there are none
    bayes: the mean of -ln p(target) of who knows how examples are drawn, where the task says it
    exact: whether the examples are all inputs that there are
    Not a number for a run of which some logit is none.
    """

    loss: Float[Array, " run"]
    places: Float[Array, " run"]
    last: Float[Array, " run"]
    sequences: Float[Array, " run"]
    classes: Float[Array, "run output"]
    bayes: float | None
    n_examples: int
    n_places: int
    exact: bool

    @cached_property
    def class_accuracy(self) -> Float[Array, " run"]:
        """The mean over outputs that are ever right of the share of their places that is: the balanced accuracy."""
        there = ~np.isnan(self.classes).all(axis=0)
        return self.classes[:, there].mean(axis=1) if there.any() else np.full(len(self.classes), np.nan)

    @property
    def above_bayes(self) -> Float[Array, " run"]:
        """How far the loss is above that of who knows how examples are drawn, in nats; nan where nobody says it."""
        return np.asarray(self.loss - (np.nan if self.bayes is None else self.bayes))

    def right(self, by: str) -> Float[Array, " run"]:
        """Return the share [run] that is right of `places` or of whole `sequences`."""
        return self.sequences if by == "sequences" else self.places

    def table(self) -> pd.DataFrame:
        """Return one row a run, its columns by the names of metrics; `above_bayes` where the task says it."""
        columns = (self.loss, self.places, self.last, self.sequences, self.class_accuracy)
        found = dict(zip(COLUMNS, columns, strict=True))
        if self.bayes is not None:
            found["above_bayes"] = self.above_bayes
        return pd.DataFrame(found).rename_axis("run")

    def __repr__(self) -> str:
        of = f"all {self.n_examples:,} inputs" if self.exact else f"{quantity(self.n_examples, 'example')}"
        return f"HeldOut({quantity(len(self.loss), 'run')} on {of}: {_best(self.sequences)} of sequences right)"

    def _repr_html_(self) -> str:
        return self.table().to_html(float_format="{:.4f}".format)


def _best(shares: Float[Array, " run"]) -> str:
    known = shares[np.isfinite(shares)]
    return (
        "none" if not known.size else f"{known.min():.4f} to {known.max():.4f}" if len(known) > 1 else f"{known[0]:.4f}"
    )


def held_out(subject: Subject, n: int = EXAMPLES, *, exact: bool = False, seed: int = 0) -> HeldOut:
    """Return how every model does on the first n held-out examples of its dataset, or exactly on all inputs.

    Of a dataset that is not drawn the sentences are all that there is, whatever n. seed: of the data
    Raises `ConfigError` for a wrong n, and where all inputs are asked for and nobody can name them.

    >>> import headlab as hl
    >>> runs = hl.train(hl.Corpus.notebook(), seeds=range(3), record="none")
    >>> found = held_out(runs.subject)
    >>> found.places.tolist(), found.n_places, found.exact
    ([0.9, 0.9, 0.9], 10, True)
    """
    check_n(n)
    whole = subject.dataset.stream is None
    together = min(subject.n_runs, TOGETHER)
    size = max(1, NUMBERS_AT_A_TIME // (together * _numbers_of_an_example(subject)))
    batches = every_input(subject.dataset, size) if exact else examples_of(subject.dataset, n, size, seed=seed)
    return measured(subject, batches, exact=exact or whole)


def check_n(n: object) -> None:
    """Raise `ConfigError` for what is no number of examples."""
    if isinstance(n, bool) or not isinstance(n, int | np.integer) or not 1 <= n <= MOST_EXAMPLES:
        said = f"n must be a whole number of examples from 1 to {MOST_EXAMPLES:,}, got {short_repr(n)}"
        raise ConfigError(Problem(said, "n"))


def measured(subject: Subject, batches: Iterable[Batch], *, exact: bool, answering: Answering | None = None) -> HeldOut:
    """Return how models do on batches, some models at a time.

    answering: answers for the models, where something is changed on the way
    """
    sums = _Sums.empty(subject.n_runs, subject.corpus.n_outputs)
    for batch in batches:
        sums.counted(batch, _bayes_of(subject.dataset, batch))
        step = max(1, NUMBERS_AT_A_TIME // (batch.tokens.size * batch.n_outputs))
        for start in range(0, subject.n_runs, step):
            some = slice(start, start + step)
            part = subject if step >= subject.n_runs else subject[some]
            sums.add(some, batch, *(_own if answering is None else answering)(part, batch))
    return sums.found(exact, subject.dataset)


def _own(subject: Subject, batch: Batch) -> Answers:
    # In the numbers that were trained in, as far as weights tell, and in the order that drawn data is trained in.
    weights = flat_on(batch, subject.params)
    with np.errstate(over="ignore", invalid="ignore"):
        narrow = weights.astype(np.float32)
    kept = narrow if np.array_equal(narrow, weights, equal_nan=True) else weights
    return answers(batch, subject.model.on(batch), kept, declared=subject.dataset.stream is not None)


def of_logits(logits: Float[Array, "run sequence position output"], batch: Batch) -> Answers:
    """Return the mean loss of logits on a batch, and the output with the largest one everywhere.

    >>> from headlab.data.corpus import Corpus
    >>> losses, outputs = of_logits(np.zeros((1, 2, 5, 7)), Corpus.notebook().batch)
    >>> losses.round(4).tolist(), outputs.max()  # ln 7
    ([1.9459], np.int64(0))
    """
    with np.errstate(over="ignore", invalid="ignore"):
        losses = mean_loss(logits, batch.targets, "softmax", batch.weights)
    return np.asarray(losses, np.float64), logits.argmax(axis=-1)


def _numbers_of_an_example(subject: Subject) -> int:
    batch, model = subject.corpus.batch, subject.model
    heads = model.n_layers * model.n_heads * batch.n_ctx
    return batch.n_ctx * max(batch.n_outputs, model.d_mlp, heads)


def _bayes_of(dataset: Dataset, batch: Batch) -> float | None:
    """Return the sum of -ln p(target) of who knows how examples are drawn, over the batch's places."""
    if dataset.stream is None or dataset.stream.bayes is None:
        return None
    places = batch.has_target
    given = np.asarray(dataset.stream.bayes(batch.tokens), np.float64)
    wanted = (*batch.tokens.shape, batch.n_outputs)
    if given.shape != wanted:
        said = (
            f"bayes must give probabilities [example, position, output] {wanted}, got {given.shape}: give one an output"
        )
        raise ConfigError(Problem(said, "bayes"))
    with np.errstate(divide="ignore"):
        return float(-np.log(given[places][np.arange(places.sum()), batch.targets[places]]).sum())


@dataclass(eq=False)
class _Sums:
    """What is counted on the way: of each run over all batches so far."""

    loss: Float[Array, " run"]
    places: Int[Array, " run"]
    last: Int[Array, " run"]
    sequences: Int[Array, " run"]
    classes: Int[Array, "run output"]
    of_classes: Int[Array, " output"]
    weights: float = 0.0
    n_examples: int = 0
    n_places: int = 0
    n_sequences: int = 0
    bayes: float | None = 0.0

    @classmethod
    def empty(cls, n_runs: int, n_outputs: int) -> "_Sums":
        places, last, sequences = np.zeros((3, n_runs), np.int64)
        classes, of_classes = np.zeros((n_runs, n_outputs), np.int64), np.zeros(n_outputs, np.int64)
        return cls(np.zeros(n_runs), places, last, sequences, classes, of_classes)

    def counted(self, batch: Batch, bayes: float | None) -> None:
        """Count what a batch has, whatever models say."""
        places = batch.has_target
        self.n_examples += batch.n_sequences
        self.n_places += int(places.sum())
        self.n_sequences += int(places.any(axis=1).sum())
        self.weights += float(batch.weights[places].sum())
        self.bayes = None if bayes is None or self.bayes is None else self.bayes + bayes
        np.add.at(self.of_classes, batch.targets[places], 1)

    def add(
        self,
        runs: slice,
        batch: Batch,
        losses: Float[Array, " run"],
        outputs: Int[Array, "run sequence position"],
    ) -> None:
        """Count what some runs say of a batch."""
        places, targets = batch.has_target, batch.targets[batch.has_target]
        self.loss[runs] += losses.astype(np.float64) * batch.weights[places].sum()
        right = np.asarray(outputs[:, places] == targets)
        self.places[runs] += right.sum(axis=1)
        whole: Array = np.ones((len(right), *places.shape), bool)
        whole[:, places] = right
        some = places.any(axis=1)
        self.sequences[runs] += whole[:, some].all(axis=-1).sum(axis=1)
        lasts = places.shape[1] - 1 - places[:, ::-1].argmax(axis=1)
        self.last[runs] += whole[:, np.arange(len(places)), lasts][:, some].sum(axis=1)
        for output in np.unique(targets):
            self.classes[runs, output] += right[:, targets == output].sum(axis=1)

    def found(self, exact: bool, dataset: Dataset) -> HeldOut:
        """Return the shares; raises `ConfigError` where no batch had a target."""
        if not self.n_places:
            said = (
                f"examples must have something to predict, got none of {dataset.name or 'the dataset'}: give it targets"
            )
            raise ConfigError(Problem(said, "n"))
        finite = np.isfinite(self.loss)
        with np.errstate(invalid="ignore"):
            classes = self.classes / self.of_classes

        def share(counts: Array, of: int) -> Array:
            return np.where(finite, counts / of, np.nan)

        return HeldOut(
            np.where(finite, self.loss / self.weights, np.nan),
            share(self.places, self.n_places),
            share(self.last, self.n_sequences),
            share(self.sequences, self.n_sequences),
            np.where(finite[:, None], classes, np.nan),
            None if self.bayes is None else self.bayes / self.n_places,
            self.n_examples,
            self.n_places,
            exact,
        )
