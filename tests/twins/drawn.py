"""Problems that are drawn: texts of few words, in which sentences differ by one or two, and models of every kind."""

import random
from collections.abc import Iterator
from itertools import islice
from typing import Any

from headlab.errors import HeadlabError
from twins.problems import Problem
from twins.twin import Twins

WORDS = ("a", "b", "c", "d", "e", "f", "man", "woman", "the")


def drawn(seed: int, count: int) -> list[Problem]:
    """Return so many problems that can be trained, of one run each."""
    return list(islice(_that_can_be(random.Random(seed)), count))


def _that_can_be(rng: random.Random) -> Iterator[Problem]:
    number = 0
    while True:
        problem = Problem(f"drawn {number}", _fields(rng), sample=(rng.randrange(1000),), whole=1)
        try:
            _ = Twins(problem, problem.sample).experiment
        except HeadlabError:
            continue
        number += 1
        yield problem


def _fields(rng: random.Random) -> dict[str, Any]:
    steps, rate = rng.choice([2, 60, 250, 500]), rng.choice([0.01, 0.03, 0.1])
    fields = {"start": rng.choice(["<Start>", "<Start>", ""]), "wrap": rng.random() < 0.7, "text": _text(rng)}
    fields |= {
        "n_layers": rng.choice([1, 1, 2, 2, 3]),
        "n_heads": rng.choice([1, 1, 2, 3]),
        "d_head": rng.randint(1, 12),
    }
    fields |= {"optimizer": "adam", "learning_rate": rate, "steps": steps}
    fields |= {name: rng.random() < 0.75 for name in ("residual", "causal", "positions")}
    if rng.random() < 0.3:
        fields |= {"unembed": True, "d_model": rng.randint(2, 9)}
    return fields | {"factored_values": rng.random() < 0.3}


def _text(rng: random.Random) -> str:
    base = rng.choices(WORDS, k=rng.randint(2, 5))
    lines = []
    for _ in range(rng.randint(2, 5)):
        line = list(base)
        for _ in range(rng.randint(1, 2)):
            line[rng.randrange(len(line))] = rng.choice(WORDS)
        if rng.random() < 0.3:
            line.insert(rng.randrange(len(line) + 1), rng.choice(WORDS))
        lines.append(" ".join(line))
    return "\n".join(lines)
