"""What a model is asked: token ids, what should come next at each place, and how much each place counts."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from headlab.data.order import inverse, training_order
from headlab.errors import CorpusError, Problem
from headlab.notation.values import short_repr

Ids = NDArray[np.int64]
Weights = NDArray[np.float64]

MAX_VOCABULARY = 65_536  # as wide as a model can be
ABSENT = -1  # no token: padding; no target: nothing to predict


@dataclass(frozen=True, eq=False)
class Batch:
    """Token ids, targets and their weights in the loss, arrays [sequence, position] that cannot be written to.

    tokens: -1 is padding, at the right only; targets: -1 where there is none
    weights: finite numbers of at least 0, of the targets in the loss Σ w·l / Σ w; a target of weight 0 is none
    d_vocab: how many tokens there are, seen here or not: who makes the batch knows it
    d_vocab_out: how many outputs there are, where targets are ids of these and not of tokens

    Raises `CorpusError`, which lists all problems.

    >>> batch = Batch([[0, 1, 2], [0, 2, -1]], [[-1, 2, 0], [2, 0, -1]], [[0, 1, 0], [1, 3, 0]], d_vocab=3)
    >>> batch.n_sequences, batch.n_ctx, batch.lengths.tolist()
    (2, 3, [3, 2])
    >>> batch.targets.tolist()
    [[-1, 2, -1], [2, 0, -1]]
    """

    tokens: Ids
    targets: Ids
    weights: Weights
    d_vocab: int
    d_vocab_out: int | None = None

    def __post_init__(self) -> None:
        if problems := [*_wrong_sizes(self.d_vocab, self.d_vocab_out)]:
            raise CorpusError(problems)
        tokens = _ids(problems, "tokens", self.tokens, self.d_vocab)
        targets = _ids(problems, "targets", self.targets, self.n_outputs)
        if self.weights is None:  # as `equally_weighted` has it
            weights = None if targets is None else ones_at_targets(targets)
        else:
            weights = _weights(problems, self.weights)
        if tokens is not None:
            problems += _wrong_padding(tokens)
            for name, array in (("targets", targets), ("weights", weights)):
                if array is not None and array.shape != tokens.shape:
                    said = f"{name} must be as the tokens, {tokens.shape}, got {array.shape}: give one a place"
                    problems.append(Problem(said, name))
        if problems or tokens is None or targets is None or weights is None:
            raise CorpusError(problems)
        if problems := _unfit(tokens, targets, weights):
            raise CorpusError(problems)
        targets = np.where(weights > 0, targets, ABSENT)
        for name, array in (("tokens", tokens), ("targets", targets), ("weights", weights)):
            kept = np.array(array, order="C")
            kept.flags.writeable = False
            object.__setattr__(self, name, kept)

    @property
    def n_sequences(self) -> int:
        """The number of sequences."""
        return int(self.tokens.shape[0])

    @property
    def n_ctx(self) -> int:
        """The length of the longest sequence."""
        return int(self.tokens.shape[1])

    @property
    def n_outputs(self) -> int:
        """How many different things there are to predict: the outputs, or the tokens."""
        return self.d_vocab if self.d_vocab_out is None else self.d_vocab_out

    @property
    def names_tokens(self) -> bool:
        """Whether targets go by the order of the tokens: there are as many outputs."""
        return self.n_outputs == self.d_vocab

    @property
    def lengths(self) -> Ids:
        """The length of every sequence, without padding."""
        return np.asarray((self.tokens != ABSENT).sum(axis=1))

    @property
    def has_target(self) -> NDArray[np.bool_]:
        """[sequence, position]: there is something to predict."""
        return np.asarray(self.targets != ABSENT)

    @property
    def relative_weights(self) -> Weights:
        """The weights with the largest as 1, so that they can be added: equal ones are counted."""
        return np.asarray(self.weights / self.weights.max())

    @cached_property
    def order(self) -> Ids:
        """The order in which tokens are trained, whatever ids they have: the id of each, [d_vocab].

        First the tokens in the order in which they first appear, sequence by sequence; then those that only targets name, in
        the same way, unless these are of other outputs; then those that never appear, by their ids.

        >>> Batch([[3, 1], [3, 2]], [[1, 4], [2, 5]], [[1, 1], [1, 0]], d_vocab=6).order.tolist()
        [3, 1, 2, 4, 0, 5]
        """
        order = training_order(self.tokens, self.targets if self.names_tokens else None, self.d_vocab)
        order.flags.writeable = False
        return order

    def renumbered(self, order: Ids) -> "Batch":
        """Return the batch with ids that are the places of tokens in an order, [d_vocab].

        >>> batch = Batch.equally_weighted([[2, 0, -1]], [[0, -1, -1]], 3)
        >>> batch.renumbered(batch.order).tokens.tolist()
        [[0, 1, -1]]
        """
        place = np.append(inverse(order), ABSENT)  # of ABSENT, the last
        targets = place[self.targets] if self.names_tokens else self.targets
        return Batch(place[self.tokens], targets, self.weights, self.d_vocab, self.d_vocab_out)

    @classmethod
    def equally_weighted(cls, tokens: Any, targets: Any, d_vocab: int, d_vocab_out: int | None = None) -> Self:
        """Return a batch whose targets all count alike; raises `CorpusError`.

        >>> Batch.equally_weighted([[0, 1]], [[1, -1]], 2).weights.tolist()
        [[1.0, 0.0]]
        """
        return cls(tokens, targets, None, d_vocab, d_vocab_out)  # type: ignore[arg-type]

    def joined(self, *others: "Batch") -> "Batch":
        """Return the sequences of all, these first, padded to the longest ones.

        >>> Batch.equally_weighted([[0, 1]], [[1, 0]], 2).joined(Batch.equally_weighted([[1]], [[0]], 2)).tokens.tolist()
        [[0, 1], [1, -1]]
        """
        width = max(part.n_ctx for part in (self, *others))
        parts = [part.widened(width) for part in (self, *others)]
        tokens, targets, weights = (
            np.concatenate([getattr(part, name) for part in parts]) for name in ("tokens", "targets", "weights")
        )
        return Batch(tokens, targets, weights, max(part.d_vocab for part in parts), self.d_vocab_out)

    def sequences(self, some: slice | Ids) -> "Batch":
        """Return some of the sequences, in the order in which they are named.

        >>> Batch.equally_weighted([[0, 1], [1, 0]], [[1, 0], [0, 1]], 2).sequences(np.array([1])).tokens.tolist()
        [[1, 0]]
        """
        return Batch(self.tokens[some], self.targets[some], self.weights[some], self.d_vocab, self.d_vocab_out)

    def widened(self, width: int) -> "Batch":
        """Return the sequences filled up to a width with padding.

        >>> Batch.equally_weighted([[0, 1]], [[1, -1]], 2).widened(3).tokens.tolist()
        [[0, 1, -1]]
        """
        tokens, targets, weights = (widened(array, width) for array in (self.tokens, self.targets, self.weights))
        return Batch(tokens, targets, weights, self.d_vocab, self.d_vocab_out)


def _wrong_sizes(d_vocab: Any, d_vocab_out: Any) -> Iterator[Problem]:
    given = {"d_vocab": d_vocab, **({} if d_vocab_out is None else {"d_vocab_out": d_vocab_out})}
    for name, size in given.items():
        if type(size) is not int or not 0 < size <= MAX_VOCABULARY:
            said = f"{name} must be a whole number from 1 to {MAX_VOCABULARY}, got {short_repr(size)}"
            yield Problem(said, name)


def ones_at_targets(targets: Ids) -> Weights:
    """Return the weights of targets that all count alike: 1 where there is one.

    >>> ones_at_targets(np.array([[3, -1]])).tolist()
    [[1.0, 0.0]]
    """
    return np.asarray(targets != ABSENT, np.float64)


def next_tokens(tokens: Ids, wrap: bool) -> Ids:
    """Return the usual targets of tokens [sequence, position]: what comes next, and at the end the first token, or none.

    >>> next_tokens(np.array([[0, 1, 2], [0, 2, -1]]), wrap=True).tolist()
    [[1, 2, 0], [2, 0, -1]]
    """
    targets = np.full_like(tokens, ABSENT)
    targets[:, :-1] = tokens[:, 1:]
    if wrap:
        last = (tokens != ABSENT).sum(axis=1) - 1
        targets[np.arange(len(tokens)), last] = tokens[:, 0]
    return targets


def padded(rows: Sequence[Sequence[float]], padding: float = ABSENT) -> NDArray[Any]:
    """Return rows of different lengths as one array [row, place], padded at the right; whole numbers stay whole.

    >>> padded([[3, 1], [2]]).tolist(), padded([[0.5], [1.0, 2.0]], 0.0).tolist()
    ([[3, 1], [2, -1]], [[0.5, 0.0], [1.0, 2.0]])
    """
    result = np.full((len(rows), max(map(len, rows))), padding)
    for number, row in enumerate(rows):
        result[number, : len(row)] = row
    return result


def widened(array: NDArray[Any], width: int) -> NDArray[Any]:
    """Return rows [sequence, position] filled up to a width: ids with -1, weights with 0.

    >>> widened(np.array([[3, 1]]), 4).tolist()
    [[3, 1, -1, -1]]
    """
    padding = 0 if array.dtype.kind == "f" else ABSENT
    return np.pad(array, ((0, 0), (0, width - array.shape[1])), constant_values=padding)


def _ids(problems: list[Problem], name: str, given: Any, d_vocab: int) -> Ids | None:
    """Return ids as an array [sequence, position], or None with what is wrong put to the problems."""
    ids = _array(given)
    if ids is None or ids.ndim != 2 or ids.dtype.kind not in "iu" or not ids.size:
        got = short_repr(given) if ids is None or ids.ndim != 2 else f"{ids.dtype} {ids.shape}"
        said = f"{name} must be whole numbers [sequence, position], got {got}: give a row of ids a sequence"
    elif (wrong := ids[(ids < ABSENT) | (ids >= d_vocab)]).size:
        said = f"{name} must be from 0 to {d_vocab - 1}, or -1 for none, got {wrong[0]}: give ids of the vocabulary"
    else:
        return ids.astype(np.int64)
    problems.append(Problem(said, name))
    return None


def _weights(problems: list[Problem], given: Any) -> Weights | None:
    expected = "weights must be finite numbers of at least 0 [sequence, position]"
    weights = _array(given)
    if weights is None or weights.ndim != 2 or weights.dtype.kind not in "fiub":
        said = f"{expected}, got {short_repr(given)}: give one a place"
    elif (wrong := weights[~(np.isfinite(weights) & (weights >= 0))]).size:
        said = f"{expected}, got {short_repr(float(wrong[0]))}: give 0 to a place that does not count"
    else:
        return weights.astype(np.float64) + 0.0  # without -0.0
    problems.append(Problem(said, "weights"))
    return None


def _array(given: Any) -> NDArray[Any] | None:
    try:
        return np.asarray(given)
    except (ValueError, TypeError, OverflowError):  # rows of different lengths, numbers beyond all
        return None


def _wrong_padding(tokens: Ids) -> list[Problem]:
    real = tokens != ABSENT
    said = None
    if not real[:, 0].all():
        said = f"tokens must be at least one a sequence, got none in sequence {np.argmin(real[:, 0])}: leave it out"
    elif (again := (real[:, 1:] & ~real[:, :-1]).any(axis=1)).any():
        row = np.argmax(again)
        said = f"tokens must be padded (-1) at the right only, got a token after padding in sequence {row}: move it"
    return [] if said is None else [Problem(said, "tokens")]


def _unfit(tokens: Ids, targets: Ids, weights: Weights) -> list[Problem]:
    """Return what is wrong with targets and weights at their places."""
    problems = []
    for name, what, wrong, instead in (
        ("targets", "targets must be where there is a token", (targets != ABSENT) & (tokens == ABSENT), -1),
        ("weights", "weights above 0 must be where there is a target", (weights > 0) & (targets == ABSENT), 0),
    ):
        if wrong.any():
            row, position = np.argwhere(wrong)[0].tolist()
            said = f"{what}, got one at sequence {row}, position {position}: give {instead} there"
            problems.append(Problem(said, name))
    if not problems and not (weights > 0).any():
        said = "a batch must have something to predict, got no target of a weight above 0: give one"
        problems.append(Problem(said, "targets"))
    return problems
