"""Values and lists of names as messages and sentences show them: never long."""

from collections.abc import Iterable


def brief(value: object) -> str:
    """Return a value as a message shows it: as Python writes it, but never long.

    >>> brief("twenty"), len(brief(list(range(10**5))))
    ("'twenty'", 201)
    """
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # a number of 5,000 digits, a list in a list in a list …
        return f"a {type(value).__name__} that is too large to show"
    return text if len(text) <= 200 else f"{text[:200]}…"


def listed(names: Iterable[object], between: str = ", ", most: int = 20) -> str:
    """Return what there is to choose from as a message lists it: the first ones, and how many more.

    >>> listed(["a", "b"]), listed(range(500), most=3)
    ('a, b', '0, 1, 2, … and 497 more')
    """
    texts = [str(name) for name in names]
    more = [f"… and {len(texts) - most:,} more"] if len(texts) > most else []
    return between.join([*texts[:most], *more])
