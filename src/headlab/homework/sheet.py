"""A student's answers in Python: put in one by one, held to the assignment's rules, saved as the file that the page hands in."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import headlab
from headlab.errors import ConfigError, HeadlabError
from headlab.files import write_output
from headlab.homework.assignment.assignment import Assignment
from headlab.homework.assignment.public import assignment_of
from headlab.homework.assignment.question import Question
from headlab.homework.assignment.variants import Variant, check_student
from headlab.homework.grading.again import Again, trained_again
from headlab.homework.grading.answer_file import FORMAT, KIND, LARGEST, AnswerFile, NamedRun
from headlab.homework.grading.asked import Asked
from headlab.homework.grading.judging import Judge
from headlab.notation.values import listing, short_repr

if TYPE_CHECKING:
    from headlab.runs.runs import Run

KEY = "HEADLAB_KEY"  # the variable of the environment that names the instructor's file, where points are given
PARTS: Mapping[str, tuple[str, type | tuple[type, ...]]] = {  # of an answer: what each is
    "run": ('an address in quotes, like "seed=5"', str),
    "runs": ("a list of addresses", (list, tuple)),
    "value": ("a number, or text in quotes", (int, float, str)),
    "text": ("text in quotes", str),
    "view": ("text in quotes", str),
}


@dataclass(frozen=True, eq=False)
class Sheet:
    """What one student answers: addresses of runs, choices and sentences, by question.

    assignment: as students may see it, or with its key
    """

    assignment: Assignment
    student: str
    variant: Variant
    answers: dict[str, dict[str, Any]] = field(default_factory=dict)
    trained: dict[str, Again] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, public: str | Mapping[str, Any], student: str) -> "Sheet":
        """Begin a sheet; public: what a student may see of the assignment, as JSON or plain values. Raises `ConfigError`.

        Where the variable HEADLAB_KEY names the assignment's own file, points are given by its key, too.
        """
        assignment = assignment_of(json.loads(public) if isinstance(public, str) else public)
        if os.environ.get(KEY):
            whole = Assignment.read(Path(os.environ[KEY]))
            if whole.hash != assignment.hash:
                raise ConfigError(
                    f"{KEY} must name the file of {assignment.name} as it was handed out, got another one"
                )
            assignment = whole
        return cls(assignment, check_student(student).lower(), assignment.variant_of(student))

    def train(self, address: str = "") -> "Run":
        """Train a run; address: what differs from the one that this student begins with. Raises `ConfigError`."""
        return self._again(address).run

    def words(self, sentence: int) -> dict[int, str]:
        """Return the words of a sentence, counted from 1, by their positions."""
        corpus = self.train().corpus
        if not 1 <= sentence <= corpus.n_sequences:
            raise HeadlabError(f"sentence must be from 1 to {corpus.n_sequences}, got {sentence}")
        return dict(enumerate(corpus.sentences[sentence - 1]))

    def put(self, name: str, answer: Mapping[str, Any]) -> None:
        """Put an answer in, in place of one that is there; raises `HeadlabError` with what is missing or against the rules."""
        question = self._question(name)
        self.answers.pop(name, None)
        if not isinstance(answer, Mapping):
            raise HeadlabError(f'the answer to {name} must be in braces, like {{"run": ""}}, got {short_repr(answer)}')
        plain = {part: value.item() if isinstance(value, np.generic) else value for part, value in answer.items()}
        given = {part: value for part, value in plain.items() if value is not ... and value != [...]}
        problems = [f"{name} has no {short_repr(part)}: it has {listing(PARTS)}" for part in given if part not in PARTS]
        missing = [part for part in answer if part not in given]
        if missing:
            problems.append(f"{name} is not answered yet: {' and '.join(missing)} must be there in place of ...")
        problems += [
            f"the {part} of {name} must be {PARTS[part][0]}, got {short_repr(value)}"
            for part, value in given.items()
            if part in PARTS and not isinstance(value, PARTS[part][1])
        ]
        if problems:
            raise HeadlabError(problems)
        for address in _addresses(given):
            self._again(address)
        self.answers[question.id] = given

    def points(self, name: str) -> float:
        """Return the points of a question, whose runs are trained here; those of a find are half where the key is not known."""
        file, runs = self._file()
        return float(Judge(self.assignment, file, runs).item(self._question(name)).points)

    def text(self) -> str:
        """Return the file that is handed in."""
        file, _ = self._file()
        rows = {
            "headlab": KIND,
            "format": FORMAT,
            "assignment": file.assignment,
            "name": file.name,
            "version": file.version,
            "numerics": file.numerics,
            "id": file.student,
            "variant": file.variant,
            "runs": [[run.address, run.hash] for run in file.runs],
            "answers": file.answers,
        }
        return (
            "{\n"
            + ",\n".join(f"{json.dumps(key)}: {json.dumps(row, ensure_ascii=False)}" for key, row in rows.items())
            + "\n}\n"
        )

    def save(self, folder: str | Path = ".") -> Path:
        """Write the file that is handed in, and return its path; raises `HeadlabError` where it would be refused."""
        path, data = (
            Path(folder) / f"{self.assignment.name}-{self.student}.txt",
            self.text().encode(errors="surrogatepass"),
        )
        AnswerFile.of(data)
        write_output(path, data)
        return path

    def _question(self, name: str) -> Question:
        try:
            return self.assignment.question(name)
        except KeyError:
            known = listing(question.id for question in self.assignment.questions)
            raise HeadlabError(f"a question must be one of {known}, got {short_repr(name)}") from None

    def _again(self, address: str) -> Again:
        if not isinstance(address, str):
            raise HeadlabError(f'a run must be an address in quotes, like "seed=5", got {short_repr(address)}')
        if address not in self.trained:
            asked = Asked.of(self.assignment.fields(self.variant, address))
            self.trained[address] = trained_again([asked])[asked]
        return self.trained[address]

    def _file(self) -> tuple[AnswerFile, dict[int, Again]]:
        """Return the answers as a file has them, and its runs by their numbers there."""
        addresses = list(dict.fromkeys(address for answer in self.answers.values() for address in _addresses(answer)))
        number = {address: at for at, address in enumerate(addresses)}
        answers = {name: _numbered(answer, number) for name, answer in self.answers.items()}
        runs = {at: self.trained[address] for address, at in number.items()}
        named = tuple(NamedRun(address, runs[at].hash) for address, at in number.items())
        of = self.assignment
        told = of.hash, of.name, headlab.__version__, of.numerics, self.student, self.variant.number
        return AnswerFile(*told, named, answers), runs


def _addresses(answer: Mapping[str, Any]) -> list[str]:
    return [*([answer["run"]] if "run" in answer else []), *answer.get("runs", [])]


def _numbered(answer: Mapping[str, Any], number: Mapping[str, int]) -> dict[str, Any]:
    found = dict(answer)
    if "run" in found:
        found["run"] = number[found["run"]]
    if "runs" in found:
        found["runs"] = list(dict.fromkeys(number[address] for address in found["runs"]))
    value = found.get("value")
    if isinstance(value, float) or (isinstance(value, int) and not 0 <= value <= LARGEST):
        found["value"] = repr(value)
    return found
