"""Corpora far larger than anybody reads, from a seeded generator."""

import random

import headlab as hl


def large_text(sentences: int = 500, words: int = 2_000, length: int = 8, seed: int = 0) -> str:
    """Return sentences of words drawn at random, every one of which occurs; most places have a dependency."""
    source = random.Random(seed)
    drawn = [f"w{number}" for number in range(words)]
    drawn += [f"w{source.randrange(words)}" for _ in range(max(0, sentences * length - words))]
    source.shuffle(drawn)
    return "\n".join(" ".join(drawn[length * at : length * (at + 1)]) for at in range(sentences))


def pairs_text(pairs: int) -> str:
    """Return twice as many sentences, in which the second word alone tells what comes after `the`."""
    return "\n".join(f"man{at} ordered{at} the food{at}\nwoman{at} ordered{at} the drink{at}" for at in range(pairs))


def large_runs(text: str, seeds: int = 1, d_model: int = 32, steps: int = 200) -> hl.Runs:
    """Return runs trained on such a corpus, with a width of their own."""
    model = hl.ModelConfig(d_model=d_model, unembed=True)
    return hl.train(
        hl.Corpus.from_text(text), model, hl.TrainConfig.of(steps=steps, learning_rate=0.5), seeds=range(seeds)
    )
