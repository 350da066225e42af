"""What is trained on: a corpus, what it is called, what it is tested on, and how much must be right."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol, Union

import numpy as np
from numpy.typing import NDArray

from headlab import hooks
from headlab.config.model import ModelConfig
from headlab.config.numerics import BY_TRAINING_ORDER, NUMERICS
from headlab.config.record import Checked, gathered
from headlab.data.batch import Batch, Ids
from headlab.data.corpus import Corpus
from headlab.data.sight import Sight
from headlab.data.stream import Stream
from headlab.errors import ConfigError, Problem
from headlab.notation.numbers import quantity
from headlab.notation.values import short_repr

DATASET_FIELDS = ("corpus", "name", "test", "goal", "stream")
SHOWN = 16  # examples of a stream that are looked at
MOST_LETTERS = 100  # of a name


@dataclass(frozen=True)
class Goal(Checked):
    """When a model has solved a dataset.

    share: of the resolvable places, how many must be right, above 0 and at most 1 (all of them)
    Raises `ConfigError`.

    >>> Goal().places(8), Goal(share=0.9).places(8), Goal(share=0.9).places(10)
    (8, 8, 9)
    """

    share: float = 1.0

    def places(self, count: int) -> int:
        """Return how many of so many resolvable places must be right."""
        return math.ceil(self.share * count - 1e-9)

    def _problems(self) -> list[Problem]:
        share = self.share
        if isinstance(share, bool) or not isinstance(share, int | float) or not 0 < share <= 1:
            said = f"share must be a number above 0 and at most 1, got {short_repr(share)}: 1 is every resolvable place"
            return [Problem(said, "share")]
        return []


class HasDataset(Protocol):
    """What has a dataset: a task, runs."""

    @property
    def dataset(self) -> "Dataset": ...


@dataclass(frozen=True, eq=False)
class Dataset:
    """A corpus to train on, and what belongs to it.

    name: what it is called, in tables and files; test: other sentences of the same vocabulary that are not trained on, none
    longer than the longest of the corpus; goal: when it is solved
    stream: what training draws from, where it does; the corpus is then what `from_stream` makes of it, to look at

    Raises `ConfigError`, which lists all problems.

    >>> seen = Corpus.from_text("the cat meows\\nthe dog barks\\na cat meows", start=None)
    >>> unseen = Corpus.from_text("a dog barks", start=None, vocabulary=seen.vocabulary)
    >>> Dataset(seen, "animals", unseen, Goal(share=0.8))
    Dataset(animals: 3 sentences of 6 tokens, 1 to test, goal 0.8)
    """

    corpus: Corpus
    name: str = ""
    test: Corpus | None = None
    goal: Goal = Goal()
    stream: Stream | None = None

    def __post_init__(self) -> None:
        problems = []
        if not isinstance(self.corpus, Corpus):
            problems.append(
                f"a dataset's corpus must be a Corpus, got {short_repr(self.corpus)}: make one of text or ids"
            )
        if not isinstance(self.name, str) or len(self.name) > MOST_LETTERS or not (self.name + " ").isprintable():
            problems.append(
                f"a dataset's name must be a line of at most {MOST_LETTERS} letters, got {short_repr(self.name)}"
            )
        if not isinstance(self.goal, Goal):
            problems.append(f"a dataset's goal must be a Goal, got {short_repr(self.goal)}: write Goal(share=…)")
        if self.test is not None and not problems:
            problems += _unfit(self.test, self.corpus)
        if self.stream is not None and not problems:
            problems += _unfit_stream(self.stream, self.corpus, self.test)
        if problems:
            raise ConfigError(problems)
        if self.stream is not None and self.corpus.n_ctx < self.n_ctx:  # the few that are shown are shorter than others
            wide = replace(self.corpus, batch=self.batch.widened(self.n_ctx))
            object.__setattr__(self, "corpus", wide)

    @classmethod
    def from_stream(cls, stream: Stream, name: str = "", goal: Goal = Goal()) -> "Dataset":
        """Return a dataset that is drawn from a stream, with a few held-out examples as its corpus.

        Raises `CorpusError` where the stream gives no examples.

        >>> echo = Stream(lambda draws, size: (drawn := draws.integers(3, 2), drawn), ("a", "b", "c"), n_ctx=2)
        >>> Dataset.from_stream(echo, "echo")
        Dataset(echo: sequences of 2 of 3 tokens, drawn)
        """
        tokens, targets = stream.examples("held out", 0, SHOWN)
        return cls(_corpus_of(stream, tokens, targets), name, goal=goal, stream=stream)

    @classmethod
    def of(cls, given: "Trainable") -> "Dataset":
        """Return the dataset of what can be trained on: a corpus alone, a dataset, or what has one (a task, runs).

        Raises `ConfigError` for anything else.

        >>> Dataset.of(Corpus.notebook()).name
        ''
        """
        if isinstance(given, Corpus):
            return cls(given)
        found = given if isinstance(given, cls) else getattr(given, "dataset", None)
        if isinstance(found, cls):
            return found
        said = f"corpus must be a Corpus, a Dataset or a task, got {short_repr(given)}"
        raise ConfigError(Problem(f"{said}: make one with Corpus.from_text, or take tasks['notebook']", "corpus"))

    @property
    def batch(self) -> Batch:
        """What is trained on: the whole corpus, in every step."""
        return self.corpus.batch

    @property
    def d_vocab(self) -> int:
        """The number of tokens in the vocabulary."""
        return self.corpus.d_vocab

    @property
    def d_vocab_out(self) -> int | None:
        """The number of outputs, where these are no tokens."""
        return self.corpus.d_vocab_out

    @property
    def counts(self) -> str:
        """Of what shares are told that are right: `places`, or whole `sequences` where its stream says so."""
        return "places" if self.stream is None else self.stream.counts

    @property
    def n_ctx(self) -> int:
        """The length of the longest sequence, start token included."""
        return self.corpus.n_ctx if self.stream is None else self.stream.n_ctx

    def resolvable_in_test(self, model: ModelConfig | None = None) -> NDArray[np.bool_]:
        """Return [sequence, position] of the test: what the model sees decides the target, there and in the corpus.

        model: as for `Corpus.resolvable`; False everywhere where there is no test
        """
        if self.test is None:
            return np.zeros((0, self.n_ctx), bool)
        together = Sight(self.batch.joined(self.test.batch), model or ModelConfig())
        return together.resolvable[self.corpus.n_sequences :, : self.test.n_ctx]

    def to_dict(self) -> dict[str, Any]:
        """Return the dataset as plain JSON values: the corpus, and what else there is."""
        return {
            "corpus": self.corpus.to_dict(),
            **({"name": self.name} if self.name else {}),
            **({} if self.test is None else {"test": self.test.to_dict()}),
            **({} if self.goal == Goal() else {"goal": self.goal.to_dict()}),
            **({} if self.stream is None else {"stream": self.stream.to_dict()}),
        }

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> "Dataset":
        """Build a dataset from what `to_dict` returned; raises `ConfigError` or `CorpusError` for anything else.

        A stream is that of the task of its name, where there is such a one and it is the same; else it is a missing one.

        >>> Dataset.from_dict(Dataset(Corpus.notebook(), "notebook").to_dict()).name
        'notebook'
        """
        if not isinstance(fields, Mapping) or "corpus" not in fields or set(fields) - set(DATASET_FIELDS):
            got = short_repr(sorted(fields)) if isinstance(fields, Mapping) else short_repr(fields)
            raise ConfigError(f"a dataset must have some of {', '.join(DATASET_FIELDS)}, got {got}: restore the file")
        problems: list[Problem] = []
        parts = [
            gathered(problems, lambda: Corpus.from_dict(fields["corpus"])),
            gathered(problems, lambda: None if "test" not in fields else Corpus.from_dict(fields["test"])),
            gathered(problems, lambda: Goal() if "goal" not in fields else Goal.from_dict(fields["goal"])),
        ]
        if problems:
            raise ConfigError(problems)
        corpus, test, goal = parts
        stream = None if "stream" not in fields else _found(fields["stream"], corpus.vocabulary)  # type: ignore[union-attr]
        return cls(corpus, fields.get("name", ""), test, goal, stream)  # type: ignore[arg-type]

    def identity_fields(self, numerics: int = NUMERICS) -> dict[str, Any]:
        """Return what makes runs on it the runs that they are, and their grades, as plain JSON values: no word, no name, no id.

        Tokens are numbered in the order in which they are trained, those of the test, too; in numerics before 2 by their ids.
        Weights, test and goal are among them where they are not the usual ones. What is drawn from a stream is named by the
        stream's hash.

        >>> fields = Dataset(Corpus.notebook(), "notebook").identity_fields()
        >>> fields["d_vocab"], fields["tokens"], fields["targets"][0], len(fields)
        (7, [[0, 1, 2, 3, 4], [0, 5, 2, 3, 6]], [1, 2, 3, 4, 0], 3)
        """
        if self.stream is not None:
            aim = {} if self.goal == Goal() else {"goal": _not_usual(self.goal)}
            return {"d_vocab": self.d_vocab, "stream": self.stream.sha, **aim}
        order = self.batch.order if numerics >= BY_TRAINING_ORDER else np.arange(self.d_vocab)
        return {
            "d_vocab": self.d_vocab,
            **_asked(self.batch.renumbered(order)),
            **({} if self.test is None else {"test": _asked(self.test.batch.renumbered(order))}),
            **({} if self.goal == Goal() else {"goal": _not_usual(self.goal)}),
        }

    def __repr__(self) -> str:
        """Return its name, how large it is, and what else belongs to it."""
        tested = f", {self.test.n_sequences} to test" if self.test else ""
        aim = f", goal {self.goal.share:.4g}" if self.goal != Goal() else ""
        size = self.corpus.size
        if self.stream is not None:
            size = f"sequences of {self.n_ctx} of {quantity(self.d_vocab, 'token')}, {self.stream.how}"
        return f"Dataset({self.name or 'no name'}: {size}{tested}{aim})"


Trainable = Union[Corpus, Dataset, HasDataset]  # noqa: UP007  # `|` would want the classes before they are there


def _not_usual(goal: Goal) -> dict[str, Any]:
    usual = Goal().to_dict()
    return {name: value for name, value in goal.to_dict().items() if value != usual[name]}


def _asked(batch: Batch) -> dict[str, Any]:
    alike = (batch.relative_weights[batch.has_target] == 1).all()
    weights = {} if alike else {"weights": batch.weights.tolist()}
    outputs = {} if batch.d_vocab_out is None else {"d_vocab_out": batch.d_vocab_out}
    return {"tokens": batch.tokens.tolist(), "targets": batch.targets.tolist(), **weights, **outputs}


def _corpus_of(stream: Stream, tokens: Ids, targets: Ids) -> Corpus:
    count = None if stream.outputs is None else len(stream.outputs)
    batch = Batch.equally_weighted(tokens, targets, len(stream.vocabulary), count)
    return Corpus(batch, stream.vocabulary, stream.vocabulary, wrap=False, outputs=stream.outputs)


def _found(kept: Any, vocabulary: tuple[str, ...]) -> Stream:
    """Return the stream of the task that is named, where it is the one that was written; else a missing one."""
    missing = Stream.missing(kept, vocabulary)
    known: Stream | None = hooks.stream(missing.name, missing.sha)
    return missing if known is None else known


def _unfit_stream(stream: Any, corpus: Corpus, test: Any) -> list[str]:
    """Return what is wrong with what a dataset is drawn from."""
    if not isinstance(stream, Stream):
        return [f"a dataset's stream must be a Stream, got {short_repr(stream)}: write Dataset.from_stream(Stream(…))"]
    problems = []
    names = stream.vocabulary, stream.outputs
    if names != (corpus.vocabulary, corpus.outputs) or corpus.n_ctx > stream.n_ctx:
        problems.append(
            "a dataset's corpus must be examples of its stream, got another vocabulary, outputs or longer sequences: "
            "write Dataset.from_stream(stream)"
        )
    if test is not None:
        problems.append("a dataset that is drawn must have no test, got one: give the stream held_out examples instead")
    return problems


def _unfit(test: Any, corpus: Corpus) -> list[str]:
    """Return what is wrong with the sentences that a corpus is to be tested on."""
    if not isinstance(test, Corpus):
        return [f"a dataset's test must be a Corpus, got {short_repr(test)}: make one of text or ids"]
    problems = []
    if test.vocabulary != corpus.vocabulary:
        problems.append(
            "a dataset's test must have the vocabulary of its corpus, got another: "
            "make it with Corpus.from_text(…, vocabulary=corpus.vocabulary)"
        )
    if test.outputs != corpus.outputs:
        problems.append("a dataset's test must have the outputs of its corpus, got others: give it the same ones")
    if test.n_ctx > corpus.n_ctx:
        problems.append(
            f"a dataset's test must have sequences of at most {corpus.n_ctx} tokens, as its corpus has, got {test.n_ctx}: "
            f"leave the longer ones out"
        )
    return problems
