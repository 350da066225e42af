"""Corpora drawn from a seed: none of them is the notebook's, and each kind has what that one has not."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

import headlab as hl
from headlab.data.dataset import Dataset, Goal

Lines = list[list[str]]
Rng = np.random.Generator

ONSETS = ["b", "d", "f", "g", "k", "l", "m", "n", "p", "r", "s", "t", "v", "z", "ch", "sh"]
NUCLEI, CODAS = ["a", "e", "i", "o", "u", "ai", "ou"], ["", "n", "r", "s", "k"]
ODD = [
    "“so”",
    "it's",
    "x,y",
    "7",
    "3.5",
    "No",
    "no",
    "é",
    "a>b",
    "50%",
    "−1",
    "(2nd)",
]  # words that sentences must hold


class Words:
    """Words that were not used before, one after the other."""

    def __init__(self, rng: Rng) -> None:
        self.rng, self.used = rng, set[str]()

    def __call__(self, number: int | None = None) -> "str | list[str]":
        return self._one() if number is None else [self._one() for _ in range(number)]

    def _one(self) -> str:
        while True:
            if self.rng.random() < 0.05:
                word = str(self.rng.choice(ODD))
            else:
                parts = [self.rng.choice(ONSETS) + self.rng.choice(NUCLEI) for _ in range(self.rng.integers(1, 3))]
                word = "".join(parts) + str(self.rng.choice(CODAS))
            if word not in self.used:
                self.used.add(word)
                return word


def plain(rng: Rng, word: Words) -> Lines:
    """Two to five subjects, each with its own answer."""
    between = word(rng.integers(1, 3))
    return [[*word(1), *between, word()] for _ in range(rng.integers(2, 6))]


def exception(rng: Rng, word: Words) -> Lines:
    """Several subjects with one answer, and one with another."""
    between, usual = word(rng.integers(1, 3)), word()
    return [*([word(), *between, usual] for _ in range(rng.integers(2, 5))), [word(), *between, word()]]


def shared(rng: Rng, word: Words) -> Lines:
    """More subjects than answers."""
    between, answers = word(2), word(rng.integers(2, 5))
    return [[word(), *between, answers[at % len(answers)]] for at in range(len(answers) + rng.integers(1, 4))]


def shifted(rng: Rng, word: Words) -> Lines:
    """Subjects at different positions, and as many words after them as there happen to be."""
    fillers, between = word(3), word(rng.integers(1, 3))
    lines = []
    for _ in range(rng.integers(2, 5)):
        before = [str(rng.choice(fillers)) for _ in range(rng.integers(0, 3))]
        lines.append([*before, word(), *between, word()])
    return lines


def late(rng: Rng, word: Words) -> Lines:
    """Words between subject and answer, of different number."""
    fillers, verb = word(2), word()
    return [
        [word(), *(str(rng.choice(fillers)) for _ in range(rng.integers(0, 3))), verb, word()]
        for _ in range(rng.integers(2, 5))
    ]


def far(rng: Rng, word: Words) -> Lines:
    """The subject stands far from its answer."""
    between = word(rng.integers(4, 7))
    return [[word(), *between, word()] for _ in range(rng.integers(2, 4))]


def repeated_words(rng: Rng, word: Words) -> Lines:
    """One article before every noun."""
    the, verb, near = word(3)
    nouns = word(rng.integers(4, 6))
    lines = []
    for at in range(rng.integers(2, 4)):
        some = [nouns[(at * 2 + k) % len(nouns)] for k in range(3)]
        lines.append([the, some[0], verb, the, some[1], *([near, the, some[2]] if at % 2 else [])])
    return lines


def in_one_sentence(rng: Rng, word: Words) -> Lines:
    """Both places of a choice in one sentence, and perhaps in another one too."""
    subjects, answers, verb, then = word(2), word(2), word(), word()
    one = [subjects[0], verb, answers[0], then, subjects[1], verb, answers[1]]
    return [one] if rng.random() < 0.5 else [one, [subjects[1], verb, answers[1]]]


def counted(rng: Rng, word: Words) -> Lines:
    """The same word again and again: only the position tells."""
    go, stop = word(2)
    return [[go] * int(rng.integers(2, 4)) + [stop], *([[word(), go, stop]] if rng.random() < 0.5 else [])]


def exclusive(rng: Rng, word: Words) -> Lines:
    """Two cues that decide together: either, but not both."""
    first, second, between, answers = word(2), word(2), word(1), word(2)
    return [[first[a], second[b], *between, answers[a ^ b]] for a in range(2) for b in range(2)]


def both(rng: Rng, word: Words) -> Lines:
    """Two cues, of which only both together change the answer."""
    first, second, between, answers = word(2), word(2), word(1), word(2)
    return [[first[a], second[b], *between, answers[a & b]] for a in range(2) for b in range(2)]


def crossed(rng: Rng, word: Words) -> Lines:
    """Two dependencies a sentence, with answers of their own."""
    verb, then = word(2)
    return [[word(), verb, word(), then, word()] for _ in range(rng.integers(2, 4))]


def drawn(rng: Rng, word: Words) -> Lines:
    """Sentences of random words: most targets are open, some are decided by chance."""
    words = word(rng.integers(3, 7))
    return [[str(rng.choice(words)) for _ in range(rng.integers(3, 7))] for _ in range(rng.integers(2, 5))]


def nested(rng: Rng, word: Words) -> Lines:
    """The answer of one sentence is the subject of another."""
    ring, verb = word(rng.integers(3, 5)), word()
    return [[name, verb, ring[(at + 1) % len(ring)]] for at, name in enumerate(ring)]


KINDS: tuple[Callable[[Rng, Words], Lines], ...] = (
    plain, exception, shared, shifted, late, far, repeated_words, in_one_sentence, counted, exclusive, both, crossed,
    drawn, nested,
)  # fmt: skip


def draw(seed: int, number: int) -> tuple[str, Dataset]:
    """Return the kind's name and a dataset: corpus number `number` of a seed; kinds take turns."""
    rng = np.random.default_rng([seed, number, 1])
    kind = KINDS[number % len(KINDS)]
    while True:
        lines = kind(rng, Words(rng))
        if rng.random() < 0.3:  # said twice
            lines.append(lines[rng.integers(len(lines))])
        if rng.random() < 0.5:
            lines = [lines[at] for at in rng.permutation(len(lines))]
        corpus = _corpus(rng, lines)
        if any(item.resolvable for item in corpus.dependencies()):
            return kind.__name__, _dataset(rng, corpus)


def _corpus(rng: Rng, lines: Lines) -> hl.Corpus:
    start = "<Start>" if rng.random() < 0.6 else None
    words = list(dict.fromkeys([*([start] if start else []), *(word for line in lines for word in line)]))
    if rng.random() < 0.5:
        words = [words[at] for at in rng.permutation(len(words))]
    text = "\n".join(" ".join(line) for line in lines)
    return hl.Corpus.from_text(text, start=start, wrap=bool(start and rng.random() < 0.8), vocabulary=words)


def _dataset(rng: Rng, corpus: hl.Corpus) -> Dataset:
    luck = rng.random()
    if luck < 0.1:  # some targets count more
        corpus = corpus.with_targets(weights=np.where(corpus.targets >= 0, rng.integers(1, 4, corpus.tokens.shape), 0))
    return Dataset(corpus, name="drawn", goal=Goal(share=0.8) if 0.1 <= luck < 0.2 else Goal())


def renamed(corpus: hl.Corpus, spelling: Callable[[str], str]) -> hl.Corpus:
    """Return the same corpus with other words."""
    names = tuple(spelling(word) for word in corpus.vocabulary)
    start = None if corpus.start is None else spelling(corpus.start)
    return replace(corpus, vocabulary=names, labels=names, start=start)
