"""The exceptions headlab raises for a request it cannot serve.

Each is one sentence: what was expected, what came, what to do. The command line prints that sentence and exits
with status 2; a library user catches the class.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong: its sentence, and where it is, as far as that is known.

    field: the setting that it is about, by its name; line: of the text that was read, from 1

    >>> str(Problem("d_head must be a whole number from 1 to 65536, got 0", field="d_head"))
    'd_head must be a whole number from 1 to 65536, got 0'
    """

    text: str
    field: str | None = None
    line: int | None = None

    def __str__(self) -> str:
        return self.text

    def within(self, where: str) -> "Problem":
        """Return the same problem, said to be within something.

        >>> str(Problem("loss must be one of a, b").within("d_head 10"))
        'd_head 10: loss must be one of a, b'
        """
        return replace(self, text=f"{where}: {self.text}")


class HeadlabError(ValueError):
    """A request that headlab cannot serve; its text is what a user reads, a sentence a problem.

    problems: everything that is wrong; a sentence alone is a problem of no field and no line

    >>> HeadlabError("the seed must be a number").problems
    (Problem(text='the seed must be a number', field=None, line=None),)
    """

    def __init__(self, problems: str | Problem | Iterable[str | Problem]) -> None:
        several = (problems,) if isinstance(problems, str | Problem) else problems
        self.problems = tuple(item if isinstance(item, Problem) else Problem(item) for item in several)
        super().__init__("\n".join(map(str, self.problems)))


class CorpusError(HeadlabError):
    """The sentences, the vocabulary or the file they came from cannot be used."""


class ConfigError(HeadlabError):
    """One or more fields of a configuration are wrong; `problems` lists every one of them."""


class WeightsError(HeadlabError):
    """Given or loaded weights do not fit: a damaged file, a wrong shape, a value that is not finite."""


class SelectionError(HeadlabError):
    """A run, sentence, position, token, head or layer was asked for that does not exist."""


class OutputError(HeadlabError):
    """A result cannot be written where it was asked for."""


class StudyError(HeadlabError):
    """A study's folder is no study, of a newer format, damaged, or held by another process."""


class ModuleFull(MemoryError):
    """The wasm backend has no memory for the work on one group of runs; its text is the sentence that a user reads."""
