"""What is said of a head: how much of which kind it is, where it looks, what it copies; each number by what it was counted on."""

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from headlab.notation.numbers import decimals, quantity
from headlab.notation.values import listing

if TYPE_CHECKING:
    from headlab.analysis.looking.head_roles import HeadRole, Reading

MOST_OF_IT = 0.5  # of its attention, from which on a head is called by its kind
PLACES = {
    "previous_token": "the position before",
    "current_token": "its own position",
    "first_token": "the first position",
    "prefix_matching": "what came right after an earlier occurrence of its token",
    "answer": "places that hold the answer",
    "asked_key": "places with the key that is asked for",
}


def head_name(role: "HeadRole") -> str:
    """Return what a head is called: its layer and its number there."""
    return f"head {role.layer}.{role.head}"


def head_sentences(role: "HeadRole") -> list[str]:
    """Return what a head does, a sentence each: its kind, where it looks beyond that, what it copies.

    >>> from headlab.analysis.looking.head_roles import HeadRole, Reading
    >>> role = HeadRole(
    ...     1, 0, {"previous_token": 0.03, "prefix_matching": 0.96, "answer": 0.97},
    ...     {"previous_token": 15872, "prefix_matching": 11000, "answer": 11000}, 512,
    ...     True, (), (Reading(3, 0.25, 0.0625),), (), 26, 0, 26, 0.98,
    ... )  # fmt: skip
    >>> for sentence in head_sentences(role):
    ...     print(sentence)
    Head 1.0 gives 0.97 of its attention to places that hold the answer (over 11,000 queries).
    It gives 0.96 to what came right after an earlier occurrence of its token (over 11,000 queries).
    Where something is asked it gives more than an even look to position 3 (0.25 of its attention; evenly 0.06).
    Of 26 tokens 26 raise their own logit most where it reads them as they were embedded (copying score 0.98).
    """
    return [*_kinds(role), *_reads(role), *_copies(role)]


def _kinds(role: "HeadRole") -> list[str]:
    known = {name: score for name, score in role.scores.items() if not math.isnan(score)}
    if not known:
        return []
    order = sorted(known, key=lambda name: -known[name])
    called = [name for name in order if known[name] > MOST_OF_IT]
    if not called:
        name = order[0]
        said = f"of no kind that is known: it gives {_share(role, name, 'at most ')}"
        return [f"{head_name(role).capitalize()} is {said}."]
    first, *others = called
    return [
        f"{head_name(role).capitalize()} gives {_share(role, first)}.",
        *(f"It gives {_share(role, name, short=True)}." for name in others),
    ]


def _share(role: "HeadRole", name: str, before: str = "", short: bool = False) -> str:
    of = "" if short else " of its attention"
    queries = quantity(role.queries[name], "query").replace("querys", "queries")
    return f"{before}{decimals(role.scores[name], 2)}{of} to {PLACES[name]} (over {queries})"


def _reads(role: "HeadRole") -> list[str]:
    """Return where it looks most beyond an even look: at tokens, at positions or so many places back, whichever is most."""
    kinds: tuple[tuple[tuple[Reading, ...], Callable[[object], str]], ...] = (
        (role.tokens, str),
        (role.positions, lambda what: f"position {what}"),
        (role.distances, _distance),
    )
    kind, spell = max(kinds, key=lambda pair: sum(reading.share - reading.even for reading in pair[0]))
    if not kind:
        return []
    where = "Where something is asked" if role.asked_alone else "At all places"
    read = listing(_reading(reading, spell(reading.what)) for reading in kind)
    return [f"{where} it gives more than an even look to {read}."]


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
