"""What is said of a head: how much of which kind it is, where it looks, what it copies; each number by what it was counted on."""

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from headlab.notation.numbers import decimals, quantity
from headlab.notation.values import listing

if TYPE_CHECKING:
    from headlab.analysis.looking.head_roles import HeadRole, Reading
    from headlab.analysis.looking.held_out import HeldOut
    from headlab.analysis.looking.without_heads import WithoutHeads
    from headlab.data.dataset import Dataset

MOST_OF_IT = 0.5  # of its attention, from which on a head is called by its kind,
BEYOND = 0.25  # where that is so much more than a head would score that looks at all places alike
EVEN = "even_look"
ALIKE = 0.9  # of its attention as an even look would have it, from which on a head looks at all places alike
PLACES = {
    "previous_token": "the position before",
    "current_token": "its own position",
    "first_token": "the first position",
    "prefix_matching": "what came right after an earlier occurrence of its token",
    "duplicate_token": "other places with its own token",
    "answer": "places that hold the answer",
    "asked_key": "places with the key that is asked for",
}
WAYS = {
    "zero": "with nothing in place of what it writes",
    "mean": "with its mean over examples",
    "resample": "with what it writes in another example",
}


def examples_words(dataset: "Dataset", n: int) -> str:
    """Return on what it is counted what heads do: on examples drawn apart from those of training, or on all that there are.

    >>> import headlab as hl
    >>> examples_words(hl.tasks["ioi"].dataset, 512), examples_words(hl.tasks["max4"].dataset, 512)
    ('on its 60 sequences', 'on 512 held-out examples')
    """
    if dataset.stream is None:
        return f"on its {quantity(dataset.corpus.batch.n_sequences, 'sequence')}"
    return f"on {quantity(n, 'held-out example')}"


def head_name(role: "HeadRole") -> str:
    """Return what a head is called: its layer and its number there."""
    return f"head {role.layer}.{role.head}"


def head_sentences(role: "HeadRole") -> list[str]:
    """Return what a head does, a sentence each: its kind, where it looks beyond that, what it copies.

    >>> from headlab.analysis.looking.head_roles import HeadRole, Reading
    >>> role = HeadRole(
    ...     1, 0, {"previous_token": 0.03, "prefix_matching": 0.96, "answer": 0.97, "even_look": 0.1},
    ...     {"previous_token": 0.1, "prefix_matching": 0.05, "answer": 0.06, "even_look": 1.0},
    ...     {"previous_token": 15872, "prefix_matching": 11000, "answer": 11000, "even_look": 15872}, 512,
    ...     True, (), (Reading(3, 0.25, 0.0625),), (), 26, 0, 26, 0.98,
    ... )  # fmt: skip
    >>> first, *others = head_sentences(role)
    >>> first[:80]
    'Where something is asked, head 1.0 gives 0.97 of its attention to places that ho'
    >>> for sentence in others:
    ...     print(sentence)
    It gives 0.96 to what came right after an earlier occurrence of its token (over 11,000 queries, an even look 0.05).
    It gives more than an even look to position 3 (0.25 of its attention; evenly 0.06).
    Of 26 tokens 26 raise their own logit most where it reads them as they were embedded (copying score 0.98).
    """
    does = [*_kinds(role), *_reads(role)]
    name = f"Where something is asked, {head_name(role)}" if role.asked_alone else head_name(role).capitalize()
    return [f"{'It' if number else name} {what}." for number, what in enumerate(does)] + _copies(role)


def without_sentences(found: "WithoutHeads", by: str) -> list[str]:
    """Return how much is right without each head of one run, a sentence each, after one that says on what.

    by: `places` or `sequences`, of which shares are told

    >>> import headlab as hl
    >>> run = hl.train(hl.Corpus.notebook(), seeds=3, record="none")[0]
    >>> for sentence in without_sentences(run.without_heads(), "places"):
    ...     print(sentence)  # doctest: +NORMALIZE_WHITESPACE
    With all heads 0.9000 of the places of all 2 inputs are right.
    Without head 0.0: 0.8000 with nothing in place of what it writes, 0.8000 with its mean over examples,
    0.7000 with what it writes in another example.
    """

    def right(held: "HeldOut") -> str:
        return decimals(float(held.right(by)[0]), 4)

    of = (
        f"all {found.whole.n_examples:,} inputs"
        if found.whole.exact
        else f"{found.whole.n_examples:,} held-out examples"
    )
    lines = [f"With all heads {right(found.whole)} of the {by} of {of} are right."]
    heads: dict[tuple[int, int], list[str]] = {}
    for (layer, head, way), rest in found.without.items():
        heads.setdefault((layer, head), []).append(f"{right(rest)} {WAYS[way]}")
    return [*lines, *(f"Without head {layer}.{head}: {', '.join(shares)}." for (layer, head), shares in heads.items())]


def _kinds(role: "HeadRole") -> list[str]:
    known = {name: score for name, score in role.scores.items() if name in PLACES and not math.isnan(score)}
    order = sorted(known, key=lambda kind: -known[kind])
    called = [kind for kind in order if known[kind] > MOST_OF_IT and known[kind] - role.evenly[kind] > BEYOND]
    if called:
        return [f"gives {_share(role, kind, short=kind != called[0])}" for kind in called]
    even = role.scores[EVEN]
    if even > ALIKE:
        alike = f"{decimals(even, 2)} of its attention is as an even look would have it{_over(role, EVEN)}"
        return [f"looks at all places alike: {alike}"]
    return [f"is of no kind that is known: it gives at most {_share(role, order[0])}"] if order else []


def _share(role: "HeadRole", kind: str, short: bool = False) -> str:
    of = "" if short else " of its attention"
    return f"{decimals(role.scores[kind], 2)}{of} to {PLACES[kind]}{_over(role, kind)}"


def _over(role: "HeadRole", kind: str) -> str:
    count = role.queries[kind]
    beside = "" if kind == EVEN else f", an even look {decimals(role.evenly[kind], 2)}"
    return f" (over {count:,} {'query' if count == 1 else 'queries'}{beside})"


def _reads(role: "HeadRole") -> list[str]:
    """Return where it looks most beyond an even look: at tokens, at positions or so many places back, whichever is most."""
    kinds: tuple[tuple[tuple[Reading, ...], Callable[[object], str]], ...] = (
        (role.tokens, str),
        (role.positions, lambda what: f"position {what}"),
        (role.distances, _distance),
    )
    kind, spell = max(kinds, key=lambda pair: sum(reading.share - reading.even for reading in pair[0]))
    if not kind or (len(kind) == 1 and _is_said(role, kind[0])):
        return []
    read = listing(_reading(reading, spell(reading.what)) for reading in kind)
    return [f"gives more than an even look to {read}"]


def _is_said(role: "HeadRole", reading: "Reading") -> bool:
    """Return whether a distance is that of a kind that the head was called by."""
    kinds = {1: "previous_token", 0: "current_token"}
    return reading in role.distances and role.scores[kinds.get(int(reading.what), EVEN)] > MOST_OF_IT


def _reading(reading: "Reading", what: str) -> str:
    return f"{what} ({decimals(reading.share, 2)} of its attention; evenly {decimals(reading.even, 2)})"


def _distance(what: object) -> str:
    distance = int(str(what))
    if distance == 0:
        return "its own position"
    return f"{quantity(abs(distance), 'place')} {'back' if distance > 0 else 'ahead'}"


def _copies(role: "HeadRole") -> list[str]:
    if role.raises_own is None or role.lowers_own is None:
        return []
    count, verb = (role.raises_own, "raise") if role.raises_own >= role.lowers_own else (role.lowers_own, "lower")
    score = f" (copying score {decimals(role.copying, 2)})"
    return [
        f"Of {role.n_tokens} tokens {count} {verb} their own logit most where it reads them as they were embedded{score}."
    ]
