"""The exceptions headlab raises for a request it cannot serve.

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
