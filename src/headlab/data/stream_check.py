"""Whether a stream keeps its promises: examples that fit, the same ones whenever they are asked for, all inputs named once."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from headlab.config.record import gathered
from headlab.data.batch import Ids
from headlab.data.drawn import called, examples_of
from headlab.data.draws import Draws
from headlab.errors import CorpusError, Problem
from headlab.notation.values import short_repr

if TYPE_CHECKING:
    from headlab.data.stream import Examples, Stream

TRIED = 64  # examples of a stream
CUT = 23  # where they are drawn in two parts
MOST_INPUTS = 1 << 21  # that are looked through


def problems_of(stream: "Stream") -> list[Problem]:
    """Return what is wrong with what a stream's functions give, a sentence each.

    >>> import itertools
    >>> from headlab.data.stream import Stream
    >>> count = itertools.count()
    >>> never_the_same = Stream(lambda draws, size: (np.full((draws.n, 1), next(count) % 2),) * 2, ("a", "b"), 1)
    >>> [str(problem) for problem in problems_of(never_the_same)]
    ['sample must be a function of its draws, got another example 0 of the stream train when asked again']
    """
    problems: list[Problem] = []
    for name in ("train", "held out"):
        function = {"train": "table", "held out": "held_out"}[name]
        if getattr(stream, function) is not None:
            gathered(problems, lambda function=function: _check_table(stream, function))  # type: ignore[misc]
        elif not problems:
            gathered(problems, lambda name=name: _check_sampler(stream, name))  # type: ignore[misc]
    if not problems and stream.enumerate is not None:
        gathered(problems, lambda: _check_inputs(stream))
    if not problems and stream.bayes is not None:
        gathered(problems, lambda: _check_bayes(stream))
    return problems


def _check_table(stream: "Stream", name: str) -> None:
    rows = stream._rows(name, 0)
    again = examples_of(name, called(name, getattr(stream, name), 0), stream.sizes)
    if not _alike(rows, again):
        raise _wrong(
            name, "be a function of the data's seed, got other rows when asked again: draw from Draws(seed, …)"
        )


def _check_sampler(stream: "Stream", name: str) -> None:
    for seed in (0, 1):
        whole = stream.examples(name, 0, TRIED, seed)
        for again, said in (
            (stream.examples(name, 0, TRIED, seed), "when asked again"),
            (_in_parts(stream, name, seed), f"when asked for {CUT} of them and then for the others"),
        ):
            if whole[0].shape != again[0].shape:
                raise _wrong(
                    "sample", f"give sequences of one length, got {whole[0].shape} and {again[0].shape} {said}"
                )
            differing = _differing(whole, again)
            if len(differing):
                got = f"got another example {differing[0]} of the stream {name} {said}"
                raise _wrong("sample", f"be a function of its draws, {got}")


def _in_parts(stream: "Stream", name: str, seed: int) -> "Examples":
    parts = [stream.examples(name, *cut, seed) for cut in ((0, CUT), (CUT, TRIED - CUT))]
    if parts[0][0].shape[1] != parts[1][0].shape[1]:
        lengths = " and ".join(str(tokens.shape[1]) for tokens, _ in parts)
        raise _wrong("sample", f"give sequences of one length whatever is asked for, got {lengths}: pad them with -1")
    tokens, targets = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    return tokens, targets


def _check_inputs(stream: "Stream") -> None:
    """Raise where what is drawn is not among the inputs that are named, or has other targets there; or one is named twice."""
    given = called("sample", stream.sample, Draws(0, "test", 0, TRIED), stream.size)
    tokens, targets = examples_of("sample", given, stream.sizes, TRIED)
    keys, seen, count, looked_through = _keys(tokens), [np.zeros(0, np.uint64)], 0, TRIED
    order = np.argsort(keys)
    lacking = set(keys.tolist())
    for some_tokens, some_targets in stream.pieces():
        seen.append(_keys(some_tokens))
        nearest = order[np.searchsorted(keys[order], seen[-1]).clip(max=TRIED - 1)]
        for there in np.flatnonzero(keys[nearest] == seen[-1]):
            here = nearest[there]
            if not np.array_equal(targets[here], some_targets[there]):
                got = f"{short_repr(some_targets[there].tolist())} for {short_repr(tokens[here].tolist())}"
                raise _wrong("enumerate", f"give the targets that sample gives, got {got}: mend one of the two")
            lacking.discard(int(keys[here]))
        if (count := count + len(some_tokens)) > looked_through:  # one that never ends names some twice
            looked_through = 2 * count
            _check_once(seen)
        if count > MOST_INPUTS:
            return
    if count == 0:
        raise _wrong("enumerate", "name at least one input, got none: leave it out, or yield tokens and targets")
    if lacking:
        missing = short_repr(tokens[int(np.argmax(np.isin(keys, list(lacking))))].tolist())
        raise _wrong("enumerate", f"name every input that sample gives, and lacks {missing}: mend one of the two")
    _check_once(seen)


def _check_once(seen: list[NDArray[np.uint64]]) -> None:
    keys = np.concatenate(seen)
    if len(np.unique(keys)) < len(keys):
        raise _wrong("enumerate", "name every input once, got one of them twice: name it once")


def _check_bayes(stream: "Stream") -> None:
    assert stream.bayes is not None
    tokens, targets = stream.examples("test", 0, TRIED)
    shares = np.asarray(called("bayes", stream.bayes, tokens))
    wanted = (*tokens.shape, stream.sizes.d_vocab_out)
    if shares.shape != wanted:
        raise _wrong("bayes", f"give probabilities {wanted}, got {shares.shape}: one an output at every place")
    there = targets >= 0
    if not (np.isfinite(shares[there]) & (shares[there] >= 0)).all() or (abs(shares[there].sum(-1) - 1) > 1e-9).any():
        raise _wrong("bayes", "give probabilities that add up to 1 where there is a target, got others")


def _keys(tokens: Ids) -> NDArray[np.uint64]:
    """Return a number for every row, another for another row but for one chance in 10¹⁹."""
    factors = Draws(0, "test", 0, 1).words(2 * tokens.shape[1]).reshape(2, -1)
    odd = (factors[0] << np.uint64(32)) | factors[1] | np.uint64(1)
    return np.asarray((tokens.astype(np.uint64) * odd).sum(axis=1))


def _alike(one: "Examples", other: "Examples") -> bool:
    return all(np.array_equal(*pair) for pair in zip(one, other, strict=True))


def _differing(one: "Examples", other: "Examples") -> NDArray[np.int64]:
    wrong = [(mine != theirs).any(axis=1) for mine, theirs in zip(one, other, strict=True)]
    return np.flatnonzero(wrong[0] | wrong[1])


def _wrong(name: str, said: str) -> CorpusError:
    return CorpusError(Problem(f"{name} must {said}", name))
