"""The exceptions headlab raises for a request it cannot serve, and how sentences show values and lists.

Each is one sentence: what was expected, what came, what to do. The command line prints that sentence and exits
with status 2; a library user catches the class.
"""

from collections.abc import Iterable


class HeadlabError(ValueError):
    """A request that headlab cannot serve; its text is the sentence a user reads."""

    @property
    def problems(self) -> tuple[str, ...]:
        """Everything that is wrong, a sentence each."""
        return (str(self),)


class CorpusError(HeadlabError):
    """The sentences, the vocabulary or the file they came from cannot be used."""


class ConfigError(HeadlabError):
    """One or more fields of a configuration are wrong; `problems` lists every one of them."""

    def __init__(self, problems: str | Iterable[str]) -> None:
        self._problems = (problems,) if isinstance(problems, str) else tuple(problems)
        super().__init__("\n".join(self._problems))

    @property
    def problems(self) -> tuple[str, ...]:
        """Every one of them, a sentence each."""
        return self._problems


class WeightsError(HeadlabError):
    """Given or loaded weights do not fit: a damaged file, a wrong shape, a value that is not finite."""


class SelectionError(HeadlabError):
    """A run, sentence, position, token, head or layer was asked for that does not exist."""


class OutputError(HeadlabError):
    """A result cannot be written where it was asked for."""


class StudyError(HeadlabError):
    """A study's folder is no study, of a newer format, damaged, or held by another process."""


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
