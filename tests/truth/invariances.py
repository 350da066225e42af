"""What must not change a word: the order of sentences and of the vocabulary, spellings, and what the model does not feel."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

import headlab as hl
from headlab.analysis.subject import Subject
from headlab.data.batch import Batch
from truth.corpora import renamed

Rng = np.random.Generator


@dataclass(frozen=True)
class Changed:
    """Changed models, the number that each old sentence has now, and the old spelling of each new word."""

    subject: Subject
    sentences: tuple[int, ...]
    spelled: Mapping[str, str] = field(default_factory=dict)


def respelled(text: str, spelled: Mapping[str, str]) -> str:
    """Return a text with every quoted new word as it was spelled before."""
    return re.sub("“(w[0-9]{3})”", lambda word: f"“{spelled[word[1]]}”", text) if spelled else text


def _with(subject: Subject, corpus: hl.Corpus | None = None, **weights: np.ndarray) -> Subject:
    params = hl.Params(**(dict(subject.params.items()) | weights))
    data = subject.dataset if corpus is None else replace(subject.dataset, corpus=corpus)
    return replace(subject, params=params, data=data)


def _same(subject: Subject) -> tuple[int, ...]:
    return tuple(range(subject.corpus.n_sequences))


def _ordered(subject: Subject, order: np.ndarray) -> Changed:
    corpus = subject.corpus
    batch = Batch(corpus.tokens[order], corpus.targets[order], corpus.weights[order], corpus.d_vocab)
    return Changed(_with(subject, replace(corpus, batch=batch)), tuple(np.argsort(order).tolist()))


def rotated(subject: Subject, rng: Rng) -> Changed:
    """The last sentence comes first."""
    return _ordered(subject, np.roll(np.arange(subject.corpus.n_sequences), 1))


def permuted(subject: Subject, rng: Rng) -> Changed:
    """Sentences in any order."""
    return _ordered(subject, rng.permutation(subject.corpus.n_sequences))


def vocabulary(subject: Subject, rng: Rng) -> Changed:
    """Tokens have other ids, and the weights follow."""
    corpus, w = subject.corpus, dict(subject.params.items())
    old = rng.permutation(corpus.d_vocab)  # the old id of each new one
    new = np.append(np.argsort(old), -1)
    batch = Batch(new[corpus.tokens], new[corpus.targets], corpus.weights, corpus.d_vocab)
    names, labels = (tuple(words[at] for at in old) for words in (corpus.vocabulary, corpus.labels))
    changed = replace(corpus, batch=batch, vocabulary=names, labels=labels)
    w["W_E"] = w["W_E"][:, old]
    if "W_U" in w:
        w["W_U"] = w["W_U"][..., old]
        return Changed(_with(subject, changed, **w), _same(subject))
    # Logits are the residual stream: its axes follow.
    for name in ("W_E", "W_pos", "W_O" if "W_O" in w else "W_V"):
        if name in w:
            w[name] = w[name][..., old]
    for name in ("W_Q", "W_K", "W_V"):
        w[name] = w[name][..., old, :]
    return Changed(_with(subject, changed, **w), _same(subject))


def spelled(subject: Subject, rng: Rng) -> Changed:
    """Every word is another one; the alphabet, by which lists go where nothing else orders them, has them in the same order."""
    names = {word: f"w{number:03}" for number, word in enumerate(sorted(subject.corpus.vocabulary))}
    back = {name: word for word, name in names.items()}
    return Changed(_with(subject, renamed(subject.corpus, names.__getitem__)), _same(subject), back)


def _orthogonal(rng: Rng, *shape: int) -> np.ndarray:
    return np.linalg.qr(rng.normal(size=shape))[0]


def turned(subject: Subject, rng: Rng) -> Changed:
    """Queries and keys of each head turned together."""
    W_Q, W_K = subject.params.W_Q, subject.params.W_K
    R = _orthogonal(rng, *W_Q.shape[1:3], W_Q.shape[-1], W_Q.shape[-1])
    with np.errstate(all="ignore"):
        return Changed(_with(subject, W_Q=W_Q @ R, W_K=W_K @ R), _same(subject))


def lifted(subject: Subject, rng: Rng) -> Changed | None:
    """The same added to all logits of a place, another at each; None without a W_U, or where the loss would feel it."""
    W_U = subject.params.W_U
    if W_U is None or subject.loss != "softmax":
        return None
    return Changed(_with(subject, W_U=W_U + rng.normal(size=(*W_U.shape[:2], 1))), _same(subject))


def turned_stream(subject: Subject, rng: Rng) -> Changed | None:
    """The residual stream in other coordinates; None where its coordinates are the logits."""
    w = dict(subject.params.items())
    if "W_U" not in w:
        return None
    R = _orthogonal(rng, w["W_E"].shape[-1], w["W_E"].shape[-1])
    with np.errstate(all="ignore"):
        for name in ("W_E", "W_pos", "W_O" if "W_O" in w else "W_V"):
            if name in w:
                w[name] = w[name] @ R
        for name in ("W_Q", "W_K", "W_V", "W_U"):
            w[name] = R.T @ w[name]
    return Changed(_with(subject, **w), _same(subject))


def doubled(subject: Subject, rng: Rng) -> Changed | None:
    """Every sentence is there twice: no frequency changes; None where the goal counts places."""
    if subject.dataset.goal.share < 1:
        return None
    n = subject.corpus.n_sequences
    found = _ordered(subject, np.concatenate([np.arange(n), rng.permutation(n)]))
    return replace(found, sentences=tuple(range(n)))


CHANGES: dict[str, Callable[[Subject, Rng], Changed | None]] = {
    change.__name__: change
    for change in (rotated, permuted, vocabulary, spelled, turned, lifted, turned_stream, doubled)
}
