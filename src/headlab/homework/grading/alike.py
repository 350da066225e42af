"""Files that are too much alike: the same sentence in several, with the same runs or with others."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from headlab.homework.assignment.question import SENTENCE
from headlab.homework.grading import words

if TYPE_CHECKING:
    from headlab.homework.assignment.assignment import Assignment
    from headlab.homework.grading.answer_file import AnswerFile

FEWEST_LETTERS = 30  # of a sentence that two do not write by chance


def notes_on_alike(files: Iterable["AnswerFile"], assignment: "Assignment") -> Mapping[str, tuple[str, ...]]:
    """Return by student what is the same in the files of others: for the instructor to read, and no proof of anything."""
    files = list(files)
    runs = {file.student: frozenset(run.hash for run in file.runs) for file in files}
    found: dict[
        tuple[str, bool, tuple[str, ...]], list[str]
    ] = {}  # questions by student, whether runs are the same, others
    for question in assignment.questions:
        if question.kind != SENTENCE:
            continue
        same: dict[str, list[str]] = {}
        for file in files:
            text = bare(str(file.answers.get(question.id, {}).get("text", "")))
            if len(text) >= FEWEST_LETTERS:
                same.setdefault(text, []).append(file.student)
        for students in same.values():
            for student in students:
                others = {alike: [] for alike in (True, False)}  # type: dict[bool, list[str]]
                for other in students:
                    if other != student:
                        others[runs[other] == runs[student]].append(other)
                for alike, some in others.items():
                    if some:
                        found.setdefault((student, alike, tuple(some)), []).append(question.id)
    notes: dict[str, list[str]] = {}
    for (student, alike, others_of_it), questions in found.items():
        notes.setdefault(student, []).append(words.sentences_alike(others_of_it, questions, alike))
    return {student: tuple(said) for student, said in notes.items()}


def bare(text: str) -> str:
    """Return a sentence as far as it says something: its letters and digits, in lower case.

    >>> bare("It looks at “man”.")
    'it looks at man'
    """
    kept = "".join(letter if letter.isalnum() else " " for letter in text.casefold())
    return " ".join(kept.split())
