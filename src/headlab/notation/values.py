"""Values and lists of names as messages and sentences show them: never long."""

import re
from collections.abc import Iterable, Sequence


def short_repr(value: object) -> str:
    """Return a value as a message shows it: as Python writes it, but never long.

    >>> short_repr("twenty"), len(short_repr(list(range(10**5))))
    ("'twenty'", 201)
    """
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # a number of 5,000 digits, a list in a list in a list …
        return f"a {type(value).__name__} that is too large to show"
    return text if len(text) <= 200 else f"{text[:200]}…"


def listing(names: Iterable[object], between: str = ", ", most: int = 20) -> str:
    """Return what there is to choose from as a message lists it: the first ones, and how many more.

    >>> listing(["a", "b"]), listing(range(500), most=3)
    ('a, b', '0, 1, 2, … and 497 more')
    """
    texts = [str(name) for name in names]
    more = [f"… and {len(texts) - most:,} more"] if len(texts) > most else []
    return between.join([*texts[:most], *more])


def enumeration(names: Sequence[str], most: int) -> str:
    """Return names as a sentence goes on with them: all, or the first ones and how many more.

    >>> enumeration(["a"], 3), enumeration(["a", "b", "c"], 3), enumeration(["a", "b", "c", "d", "e"], 3)
    ('a', 'a, b and c', 'a, b, c and 2 more')
    """
    first, left = names[:most], len(names) - most
    last = f"{left:,} more" if left > 0 else names[-1]
    before = first if left > 0 else first[:-1]
    return f"{', '.join(before)} and {last}" if before else last


def and_more(left: int, what: str, where: str = "") -> list[str]:
    """Return the sentence that counts what is not shown; none where everything is.

    left: how many; what: of what, in the plural; where: the command or method that has them all

    >>> and_more(488, "sentences", "headlab export runs/ attention")
    ['… and 488 more sentences; `headlab export runs/ attention` has them all.']
    >>> and_more(1, "head sizes"), and_more(1, "dependencies of places"), and_more(0, "sentences")
    (['… and 1 more head size.'], ['… and 1 more dependency of places.'], [])
    """
    if left <= 0:
        return []
    rest = f"… and {left:,} more {_one(what) if left == 1 else what}"
    return [f"{rest}; `{where}` has {'it' if left == 1 else 'them all'}." if where else f"{rest}."]


def _one(what: str) -> str:
    noun, end, rest = re.split("( of | that |$)", what, maxsplit=1)
    return f"{re.sub('ies$', 'y', noun) if noun.endswith('ies') else noun.removesuffix('s')}{end}{rest}"
