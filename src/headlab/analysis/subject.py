"""The models under study: weights and their corpus, what they compute, and the check that what is asked for exists."""

from collections.abc import Iterable, Iterator
from copy import copy
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

import numpy as np

from headlab.analysis.clean import Clean, flat_on
from headlab.analysis.looking import predictions
from headlab.analysis.words import THRESHOLDS
from headlab.arrays import Array, Bool, Float, Int, Shaped
from headlab.config.blocks import refuse
from headlab.config.model import ModelConfig
from headlab.data.corpus import Corpus
from headlab.data.dataset import Dataset, Trainable
from headlab.data.dependencies import Dependency
from headlab.engine.activations import log, softmax
from headlab.errors import SelectionError
from headlab.model.losses import mean_loss
from headlab.model.params import Params
from headlab.notation.values import listing, short_repr

RUNS_AT_A_TIME = 128  # activations of so many runs of a small model stay in the processor's cache
NUMBERS_AT_A_TIME = 4_000_000  # in one activation
_OF_RUNS = ("clean", "goes_by_token_alone", "near_bigram", "finite")  # measured along the run axis


@dataclass(frozen=True, eq=False)
class Subject:
    """One trained model or many, along one leading run axis, with what they are asked about.

    data: a corpus, a dataset or a task
    params: weights [run, ...], taken as float64, so that parts add up to their sum; nan for a run with one that is not
        finite; loss: what it was trained on
    finished: which runs' training did not diverge [run]; None: all
    grades: of each run [run], where they are known already

    >>> from headlab.model.initial import initial
    >>> corpus = Corpus.notebook()
    >>> Subject(initial(ModelConfig().on(corpus), np.arange(3, dtype=np.uint64)), corpus, ModelConfig()).n_runs
    3
    """

    params: Params
    data: Trainable
    model: ModelConfig
    loss: str = "softmax"
    finished: Bool[Array, " run"] | None = None
    grades: Shaped[Array, " run"] | None = None

    def __post_init__(self) -> None:
        # What a run diverged to would meet itself as inf - inf or 0 · inf in every product; nan stays nan without a word.
        sound = self._sound()
        wide = {
            name: np.where(sound[(slice(None),) + (None,) * (weight.ndim - 1)], weight, np.nan).astype(np.float64)
            for name, weight in self.params.items()
        }
        object.__setattr__(self, "params", Params(**wide))

    def _sound(self) -> Bool[Array, " run"]:
        """[run]: every weight is a finite number."""
        weights = [weight.reshape(self.n_runs, -1) for _, weight in self.params.items()]
        return np.logical_and.reduce([np.isfinite(weight).all(axis=1) for weight in weights])

    @cached_property
    def dataset(self) -> Dataset:
        """What the models are asked about, with the goal that `solved` and `grade` go by."""
        return Dataset.of(self.data)

    @property
    def corpus(self) -> Corpus:
        """The sentences that they are asked about."""
        return self.dataset.corpus

    @property
    def n_runs(self) -> int:
        """The number of models."""
        return self.params.run_shape[0]

    def __getitem__(self, runs: slice) -> "Subject":
        return self._with(runs)

    def some(self, runs: Int[Array, " some"]) -> "Subject":
        """Return some of the models by their numbers, with what all of them were measured for at once; all: this one."""
        if len(runs) == self.n_runs:
            return self
        for name in _OF_RUNS:
            getattr(self, name)
        return self._with(runs)

    def _with(self, runs: slice | Int[Array, " some"]) -> "Subject":
        found = copy(self)  # its weights are checked already
        kept = found.__dict__
        for name in (
            kept.keys() - {field.name for field in fields(self)} - {"dataset", "dependencies", "flat", *_OF_RUNS}
        ):
            del kept[name]
        for name in ("params", "finished", "grades", "flat", *_OF_RUNS):
            if kept.get(name) is not None:
                kept[name] = kept[name][runs]
        return found

    @property
    def d_model(self) -> int:
        """The width of the residual stream."""
        return self.model.on(self.corpus).d_model

    @property
    def numbers_a_sentence(self) -> int:
        """The size of the largest activation of one run on one sentence."""
        n_ctx, model = self.corpus.n_ctx, self.model
        in_heads = model.n_heads * max(n_ctx, self.params.W_E.shape[-1], model.d_head)
        return n_ctx * max(in_heads, model.d_mlp, self.corpus.n_outputs)

    def in_batches(self) -> Iterator[tuple[slice, "Subject"]]:
        """Yield the runs some at a time, so that their activations on the corpus stay small: (which, these)."""
        fit = NUMBERS_AT_A_TIME // (self.numbers_a_sentence * self.corpus.n_sequences)
        step = max(1, min(RUNS_AT_A_TIME, fit))
        for start in range(0, self.n_runs, step):
            runs = slice(start, min(start + step, self.n_runs))
            yield runs, self[runs]

    @cached_property
    def flat(self) -> Float[Array, "run weight"]:
        """The weights as the kernel takes them, with as many positions as the sentences have."""
        return flat_on(self.corpus.batch, self.params)

    def refuse(self, what: str) -> None:
        """Raise `ConfigError` where the models have blocks that what is asked for, in the plural, cannot treat yet."""
        refuse(self.model.on(self.corpus), what)

    @cached_property
    def clean(self) -> Clean:
        """What the models compute on their corpus when nobody intervenes."""
        return Clean.of(self.params, self.corpus.batch, self.model, self.flat, threads=0)

    @cached_property
    def dependencies(self) -> tuple[Dependency, ...]:
        """The corpus' dependencies that what the model sees settles, in order."""
        return tuple(item for item in self.corpus.dependencies(self.model) if item.resolvable)

    @cached_property
    def goes_by_token_alone(self) -> Bool[Array, "run d_vocab"]:
        """[run, d_vocab]: wherever a token with several targets stands, all probabilities are the same, to 5 points.

        max over tokens t of (max over places - min over places) of p(t) <= 0.05
        """
        corpus, found = self.corpus, np.zeros((self.n_runs, self.corpus.d_vocab), bool)
        probabilities = softmax(self.clean.logits)
        for token in {item.token for item in self.dependencies}:
            at = (corpus.tokens == token) & (corpus.targets >= 0)
            with np.errstate(invalid="ignore"):
                found[:, token] = np.ptp(probabilities[:, at], axis=1).max(axis=-1) <= THRESHOLDS["same"]
        return found

    @cached_property
    def near_bigram(self) -> Bool[Array, "run d_vocab"]:
        """[run, d_vocab]: wherever a token with several targets stands, the loss is about what the token alone would leave.

        loss = mean over places of -ln p(target)        bigram = mean over places of -ln P(target | token) in the corpus
        |loss - bigram| <= bigram / 3
        """
        corpus, found = self.corpus, np.zeros((self.n_runs, self.corpus.d_vocab), bool)
        for token in {item.token for item in self.dependencies}:
            at = (corpus.tokens == token) & (corpus.targets >= 0)
            targets, count = np.unique(corpus.targets[at], return_counts=True)
            bigrams = [-np.log(corpus.bigram_probability(token, target)) for target in targets.tolist()]
            bigram = float(np.average(bigrams, weights=count))
            probabilities = np.take_along_axis(
                softmax(self.clean.logits[:, at]), corpus.targets[at][None, :, None], axis=2
            )
            with np.errstate(invalid="ignore"):
                loss = -log(probabilities[..., 0]).mean(axis=1)
                found[:, token] = np.abs(loss - bigram) <= THRESHOLDS["near_bigram"] * bigram
        return found

    def in_order(self, run: int, tokens: Iterable[int]) -> list[int]:
        """Return tokens in an order that the vocabulary's does not decide: by their highest probability, then by spelling.

        A constant on all logits of a place changes no probability.
        """
        found = list(tokens)
        if len(found) > 1:
            with np.errstate(invalid="ignore"):
                highest = softmax(self.clean.logits[run][self.corpus.tokens >= 0]).max(axis=0).round(6)
            found.sort(key=lambda token: (-highest[token], self.corpus.output_names[token]))
        return found

    @cached_property
    def finite(self) -> Bool[Array, " run"]:
        """[run]: the training did not diverge, and every logit is a finite number."""
        finite = np.isfinite(self.clean.logits[:, self.corpus.tokens >= 0]).all(axis=(1, 2))
        return np.asarray(finite if self.finished is None else finite & self.finished)

    @cached_property
    def solved(self) -> Bool[Array, " run"]:
        """[run]: every resolvable position's most likely token is its target."""
        return predictions.solved(self.clean.logits, self.dataset, self.model) & self.finite

    @cached_property
    def grade(self) -> Shaped[Array, " run"]:
        """[run]: `solved`, `right by a hair`, `not solved` or `nothing to solve`; as `Runs.grade` has it."""
        if self.grades is not None:
            return self.grades
        return predictions.grade(self.clean.logits, self.dataset, self.finite, self.model)

    @cached_property
    def mean_loss(self) -> Float[Array, " run"]:
        """[run]: the mean loss, in nats per position with a target."""
        with np.errstate(over="ignore", invalid="ignore"):
            return mean_loss(self.clean.logits, self.corpus.targets, self.loss, self.corpus.weights)

    def sequence(self, number: Any) -> int:
        """Return a sequence's number, or raise `SelectionError`, which lists the sentences."""
        if is_index(number, self.corpus.n_sequences):
            return int(number)
        known = listing((f"{at} {' '.join(words)}" for at, words in enumerate(self.corpus.sentences)), "; ")
        raise SelectionError(f"the sequence must be one of: {known}; got {short_repr(number)}")

    def position(self, sequence: int, position: Any) -> int:
        """Return a position by its number or by a word that the sentence holds once; raises `SelectionError`."""
        words = self.corpus.sentences[sequence]
        if is_index(position, len(words)):
            return int(position)
        if isinstance(position, str) and words.count(position) == 1:
            return words.index(position)
        known = listing(f"{at} {word}" for at, word in enumerate(words))
        why = " (which is there more than once: give its number)" if position in words else ""
        raise SelectionError(f"the position must be one of {known}; got {short_repr(position)}{why}")

    def token(self, token: Any) -> int:
        """Return the id of what can be predicted by its spelling, its label or its id; raises `SelectionError`."""
        for names in (self.corpus.output_names, self.corpus.output_labels):
            if token in names:
                return names.index(token)
        if is_index(token, self.corpus.n_outputs):
            return int(token)
        raise SelectionError(f"the token must be one of {listing(self.corpus.output_names)}; got {short_repr(token)}")

    def layer_and_head(self, layer: Any, head: Any) -> tuple[int, int]:
        """Return a layer and one of its heads; raises `SelectionError`."""
        if not self.model.n_layers:
            raise SelectionError("the layer must be one of the model's, and this one has none")
        for name, value, count in (("layer", layer, self.model.n_layers), ("head", head, self.model.n_heads)):
            if not is_index(value, count):
                raise SelectionError(f"the {name} must be {numbers_to(count)}, got {short_repr(value)}")
        return int(layer), int(head)


def is_index(value: Any, count: int) -> bool:
    """Return whether a value is a whole number from 0 to count - 1.

    >>> is_index(2, 3), is_index(True, 3), is_index("2", 3)
    (True, False, False)
    """
    return isinstance(value, int | np.integer) and not isinstance(value, bool) and bool(0 <= value < count)


def run_number(number: Any, count: int, *, from_end: bool = False) -> int:
    """Return the number of one of `count` runs; raises `SelectionError` for anything else.

    from_end: below 0 it counts from the end, as in a list

    >>> run_number(2, 3), run_number(-1, 3, from_end=True)
    (2, 2)
    """
    backwards = from_end and isinstance(number, int | np.integer) and number < 0
    found = number + count if backwards else number
    if not is_index(found, count):
        raise SelectionError(f"a run must be from 0 to {count - 1}, got {short_repr(number)}: give its number")
    return int(found)


def numbers_to(count: int) -> str:
    """Return what the numbers below `count` are, in words.

    >>> numbers_to(1), numbers_to(3)
    ('0', 'from 0 to 2')
    """
    return "0" if count == 1 else f"from 0 to {count - 1}"
