"""Data that is drawn: example k is a function of the data's seed, a stream and k, or a row of a table that is made once."""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headlab.data.batch import MAX_VOCABULARY, Ids
from headlab.data.drawn import Sizes, called, examples_of
from headlab.data.draws import STREAMS, Draws
from headlab.errors import ConfigError, CorpusError, Problem
from headlab.notation.values import short_repr

Examples = tuple[Ids, Ids]
Sampler = Callable[[Draws, int | None], Examples]
COUNTS = ("places", "sequences")
MOST_TABLES = 8  # that are kept
NAMED = 64  # examples of each stream that name it


@dataclass(frozen=True, eq=False)
class Stream:
    """Sequences that are drawn, what each is to be answered with, and what belongs to them.

    sample: (draws, size) to tokens and targets [example, position], the same for the same draws; -1 is no target, and what
        comes after a sequence's end; size: what a phase of a training may ask for, None where it asks for nothing
    vocabulary: the tokens' spelling; n_ctx: the length of the longest sequence; outputs: the targets' spelling, where
        they are no tokens; counts: what is right or wrong where shares are told, `places` or whole `sequences`
    enumerate: all inputs that there are, in pieces; bayes: tokens to the probabilities [example, position, output] that
        somebody gives who knows how they are drawn
    table: a data seed to all training examples, where those are fixed; held_out: likewise to examples not trained on
    size: what the sampler is asked for where nothing is said; name: of the task that it belongs to

    Raises `ConfigError`, which lists all problems; what its functions give is checked by `check`, and whenever they are asked.

    >>> echo = Stream(lambda draws, size: (drawn := draws.integers(3, 2), drawn), ("a", "b", "c"), n_ctx=2)
    >>> echo.examples("train", 0, 4)[0].shape, echo.check()
    ((4, 2), [])
    """

    sample: Sampler = field(repr=False)
    vocabulary: tuple[str, ...]
    n_ctx: int
    outputs: tuple[str, ...] | None = None
    counts: str = "places"
    enumerate: Callable[[], Iterator[Examples]] | None = field(default=None, repr=False)
    table: Callable[[int], Examples] | None = field(default=None, repr=False)
    held_out: Callable[[int], Examples] | None = field(default=None, repr=False)
    bayes: Callable[[Ids], NDArray[np.float64]] | None = field(default=None, repr=False)
    size: int | None = None
    name: str = ""
    _made: dict[tuple[str, int], Examples] = field(default_factory=dict, init=False, repr=False)
    _ordered: dict[str, Any] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        problems = [
            *_names("vocabulary", self.vocabulary),
            *([] if self.outputs is None else _names("outputs", self.outputs)),
        ]
        if type(self.n_ctx) is not int or self.n_ctx < 1:
            said = f"n_ctx must be the length of the longest sequence, at least 1, got {short_repr(self.n_ctx)}"
            problems.append(Problem(said, "n_ctx"))
        if self.counts not in COUNTS:
            problems.append(
                Problem(f"counts must be one of {', '.join(COUNTS)}, got {short_repr(self.counts)}", "counts")
            )
        for name in ("sample", "enumerate", "table", "held_out", "bayes"):
            given = getattr(self, name)
            if not callable(given) and (given is not None or name == "sample"):
                problems.append(Problem(f"{name} must be a function, got {short_repr(given)}", name))
        if problems:
            raise ConfigError(problems)
        for name in ("vocabulary", "outputs"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, tuple(getattr(self, name)))

    @classmethod
    def missing(cls, kept: Mapping[str, Any], vocabulary: tuple[str, ...]) -> "Stream":
        """Return a stream of which only what `to_dict` said of it is there: it says so when it is asked to draw.

        Raises `ConfigError` for what `to_dict` did not say.
        """
        fits = isinstance(kept, Mapping) and set(kept) <= {"name", "sha", "n_ctx", "counts", "outputs"}
        if not fits or not isinstance(kept.get("sha"), str) or not isinstance(kept.get("name"), str):
            raise ConfigError(f"a stream must be what headlab wrote, got {short_repr(kept)}: restore the file")
        others = {name: kept[name] for name in ("counts", "outputs") if name in kept}
        stream = cls(_Missing(kept["name"]), vocabulary, kept.get("n_ctx", 0), name=kept["name"], **others)
        vars(stream)["sha"] = kept["sha"]
        return stream

    @property
    def is_missing(self) -> bool:
        """Whether only its name and its hash are there, and nothing to draw from."""
        return isinstance(self.sample, _Missing)

    def to_dict(self) -> dict[str, Any]:
        """Return what of it can be written, as plain JSON values: its name, its hash, its sizes; no function."""
        return {
            "name": self.name,
            "sha": self.sha,
            "n_ctx": self.n_ctx,
            **({} if self.counts == COUNTS[0] else {"counts": self.counts}),
            **({} if self.outputs is None else {"outputs": list(self.outputs)}),
        }

    @property
    def sizes(self) -> Sizes:
        """How many tokens, classes and positions there are."""
        return Sizes(len(self.vocabulary), len(self.outputs or self.vocabulary), self.n_ctx)

    @property
    def how(self) -> str:
        """How examples come about, in words."""
        return "missing" if self.is_missing else "drawn" if self.table is None else "drawn from a table"

    @property
    def n_rows(self) -> int | None:
        """How many examples the table has (that of data seed 0), None where training draws without an end."""
        return None if self.table is None else len(self._rows("table", 0)[0])

    def examples(self, stream: str, first: int, n: int, seed: int = 0, size: int | None = None) -> Examples:
        """Return tokens and targets [example, position] of n examples of a stream, from a first one on.

        stream: `train`, `held out` or `test`; where there is a table the examples are its rows in their order, and no more
            of them than it has
        seed: of the data; size: what the sampler is asked for, the stream's own when left out
        Raises `CorpusError` where the sampler raises or gives no examples.

        >>> toss = Stream(lambda draws, size: (draws.integers(2, 1),) * 2, ("heads", "tails"), n_ctx=1)
        >>> bool((toss.examples("train", 3, 1)[0] == toss.examples("train", 0, 4)[0][3:]).all())
        True
        """
        if stream not in STREAMS:
            known = ", ".join(name for name in STREAMS if name != "order")
            raise ConfigError(Problem(f"stream must be one of {known}, got {short_repr(stream)}", "stream"))
        name = {"train": "table", "held out": "held_out"}.get(stream, "")
        if name and getattr(self, name) is not None:
            tokens, targets = self._rows(name, seed)
            return tokens[first : first + n], targets[first : first + n]
        given = called("sample", self.sample, Draws(seed, stream, first, n), self.size if size is None else size)
        return examples_of("sample", given, self.sizes, n, first)

    def batches(
        self, step: int, n_steps: int, batch_size: int, *, seed: int = 0, size: int | None = None, start: int = 0
    ) -> Examples:
        """Return tokens and targets [step, example, position] that so many steps are trained on, from a step on.

        Step s has examples start + s · batch_size and after. Of a table epoch e has the rows in an order that example e of
        the stream `order` gives; rows that make no whole batch are left out until the next one.

        start: how many examples were trained on before step 0, with batches of other sizes (of a table: no meaning)
        Raises `ConfigError` where a batch is larger than the table; `CorpusError` as `examples`.

        >>> toss = Stream(lambda draws, size: (draws.integers(2, 1),) * 2, ("heads", "tails"), n_ctx=1)
        >>> toss.batches(5, 3, 8)[0].shape
        (3, 8, 1)
        """
        if self.table is None:
            tokens, targets = self.examples("train", start + step * batch_size, n_steps * batch_size, seed, size)
        else:
            tokens, targets = self._rows("table", seed)
            chosen = self._chosen_rows(len(tokens), step, n_steps, batch_size, seed)
            tokens, targets = tokens[chosen], targets[chosen]
        shape = (n_steps, batch_size, tokens.shape[1])
        return tokens.reshape(shape), targets.reshape(shape)

    def too_few_rows(self, n_rows: int, batch_size: int) -> Problem:
        """Return the sentence on a batch that is larger than the table."""
        said = (
            f"batch_size must be at most the {n_rows:,} examples of the table, got {batch_size:,}: take smaller batches"
        )
        return Problem(said, "batch_size")

    def _chosen_rows(self, n_rows: int, step: int, n_steps: int, batch_size: int, seed: int) -> Ids:
        if batch_size > n_rows:
            raise ConfigError(self.too_few_rows(n_rows, batch_size))
        per_epoch = n_rows // batch_size
        chosen, last = [], step + n_steps
        while step < last:
            epoch, within = divmod(step, per_epoch)
            end = min(per_epoch, within + last - step)
            chosen.append(self._order(n_rows, epoch, seed)[within * batch_size : end * batch_size])
            step += end - within
        return np.concatenate(chosen)

    def _order(self, n_rows: int, epoch: int, seed: int) -> Ids:
        if self._ordered.get("of") != (n_rows, epoch, seed):
            self._ordered.update(of=(n_rows, epoch, seed), order=Draws(seed, "order", epoch, 1).order(n_rows)[0])
        order: Ids = self._ordered["order"]
        return order

    def _rows(self, name: str, seed: int) -> Examples:
        if (name, seed) not in self._made:
            rows = examples_of(name, called(name, getattr(self, name), seed), self.sizes)
            if len(self._made) >= MOST_TABLES:
                self._made.clear()
            self._made[name, seed] = rows
        return self._made[name, seed]

    def pieces(self) -> Iterator[Examples]:
        """Yield all inputs and their targets, a piece at a time; raises `ConfigError` where nobody can name them all."""
        if self.enumerate is None:
            said = "enumerate must name all inputs for what is exact, got none: draw examples instead"
            raise ConfigError(Problem(said, "enumerate"))
        rest = iter(called("enumerate", self.enumerate))
        while (piece := called("enumerate", next, rest, None)) is not None:
            yield examples_of("enumerate", piece, self.sizes)

    @cached_property
    def sha(self) -> str:
        """The SHA-256 of what the stream is: sizes, and its first examples of training and held out, by ids alone.

        >>> one, two = (Stream(lambda draws, size: (draws.integers(2, 1),) * 2, names, 1) for names in ("ab", "xy"))
        >>> one.sha == two.sha
        True
        """
        said = hashlib.sha256(repr((*self.sizes, self.counts)).encode())
        for stream in ("train", "held out"):
            for array in self.examples(stream, 0, NAMED):
                said.update(repr(array.shape).encode() + array.astype("<i4").tobytes())
        return said.hexdigest()

    def check(self) -> list[Problem]:
        """Return what is wrong with what its functions give, a sentence each with the place; nothing where all is well."""
        from headlab.data.stream_check import problems_of

        return problems_of(self)


def _names(name: str, given: Any) -> list[Problem]:
    """Return what is wrong with how tokens or classes are called."""
    several = isinstance(given, tuple | list) and all(isinstance(item, str) and item for item in given)
    if not several or not 1 <= len(given) <= MAX_VOCABULARY:
        said = f"{name} must be 1 to {MAX_VOCABULARY} names, got {short_repr(given)}: give a text a token"
    elif len(set(given)) < len(given):
        twice = next(item for item in given if given.count(item) > 1)
        said = f"{name} must name each token once, got {short_repr(twice)} twice: give it another name"
    else:
        return []
    return [Problem(said, name)]


@dataclass(frozen=True)
class _Missing:
    """The sampler of a task whose file is not here."""

    name: str

    def __call__(self, draws: Draws, size: int | None) -> Examples:
        raise CorpusError(missing_told(self.name))


def missing_told(name: str) -> Problem:
    """Return the sentence on a task that is not here to draw from."""
    called_so = f"the task {short_repr(name)}" if name else "a task without a name"
    said = f"examples must come from the task that was trained on, got only what runs keep of {called_so}"
    return Problem(f"{said}: load the task's file, and train or evaluate with that", "task")
