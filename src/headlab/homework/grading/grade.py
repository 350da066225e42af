"""Grading: a folder of files in, every run in them trained again once, and every answer judged against its run."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from headlab.errors import ConfigError, HeadlabError
from headlab.homework.grading import words
from headlab.homework.grading.again import MOST_BYTES_OF_ONE, Again, cost, kept_bytes, trained_again
from headlab.homework.grading.alike import notes_on_alike
from headlab.homework.grading.answer_file import AnswerFile, student_of
from headlab.homework.grading.asked import Asked
from headlab.homework.grading.facts import explained_of, facts_of, pictures_of, unchecked_of
from headlab.homework.grading.graded import UNCOUNTED, Graded, Grades, Item, Refused
from headlab.homework.grading.judging import Judge
from headlab.homework.grading.measured import measured_together
from headlab.homework.grading.submissions import Submissions

if TYPE_CHECKING:
    from headlab.homework.assignment.assignment import Assignment
    from headlab.runs.train import Progress

MOST_SECONDS = 60.0  # of a core, for the runs of one file
MOST_KEPT = 512 << 20  # bytes of weights that are there at once
MOST_PROBLEMS = 8  # of a file that are told


@dataclass
class _Handed:
    """A student's file on its way: where it is, what it says, and what came up so far; asked: its runs by number there."""

    place: str
    file: AnswerFile
    variant: int | None
    problems: list[str]
    notes: list[str]
    asked: dict[int, Asked]
    refused: bool = False


def grade(
    assignment: "Assignment",
    path: str | Path,
    *,
    most_seconds: float = MOST_SECONDS,
    explain: bool = True,
    alone: bool = False,
    progress: "Progress | None" = None,
) -> Grades:
    """Grade a folder or zip of answer files, or one.

    most_seconds: of a core, that the runs of one file may take to train again; explain: whether headlab's own words on the runs
    are laid beside sentences, and mechanisms found for the whole class
    alone: whether it is one student's submission, of which nothing is trained where it holds the files of several
    progress: called with the share that is done
    Raises `HeadlabError` where nothing was handed in, or several files where one student is alone.
    What is wrong with one file is said of it, and the others are graded.
    """
    found = Submissions.of(path)
    handed, refused = _read(assignment, found)
    if alone and len(handed) > 1:
        raise HeadlabError(words.several([one.file.student for one in handed]))
    for one in handed:
        if not one.refused:
            _check(one, assignment, most_seconds)
    graded: list[Graded] = []
    parts = [*_parts(handed)]
    for at, part in enumerate(parts):
        asked = [run for one in part for run in one.asked.values()]
        tell = None if progress is None else lambda done, at=at: progress((at + done) / len(parts))
        again = trained_again(asked, tell, mechanisms=explain and len(handed) > 1)
        whose = {run.hash: run for run in again.values()}
        judges = [None if one.refused else _judge(assignment, one, again, whose) for one in part]
        known = measured_together(judge for judge in judges if judge is not None)
        for one, judge in zip(part, judges, strict=True):
            graded.append(
                _refused(assignment, one) if judge is None else _judged(one, judge.knowing(known), explain=explain)
            )
    alike = notes_on_alike([one.file for one in handed if not one.refused], assignment)
    graded = [replace(one, notes=(*one.notes, *alike.get(one.student, ()))) for one in graded]
    graded.sort(key=lambda one: one.student)
    return Grades(assignment, tuple(graded), tuple(refused), tuple(found.left_out))


def _read(assignment: "Assignment", found: Submissions) -> tuple[list[_Handed], list[Refused]]:
    """Return what can be read, once a student, and what cannot."""
    refused = [Refused(place, (said,)) for place, said in found.refused]
    read: dict[str, list[tuple[str, AnswerFile]]] = {}
    for submitted in found.files:
        try:
            file = AnswerFile.of(submitted.data)
        except HeadlabError as error:
            said = words.told([problem.text for problem in error.problems], MOST_PROBLEMS)
            refused.append(Refused(submitted.place, said, student_of(submitted.data)))
            continue
        read.setdefault(file.student, []).append((submitted.place, file))
    handed = []
    for files in read.values():
        places = [place for place, _ in files]
        file = files[0][1]
        one = _Handed(places[0], file, assignment.variant_of(file.student).number, [], [], {})
        if any(other != file for _, other in files):
            one.problems.append(words.different_files(file.student, places))
            one.refused = True
        elif len(files) > 1:
            one.notes.append(words.same_files(places))
        handed.append(one)
    return handed, refused


def _check(one: _Handed, assignment: "Assignment", most_seconds: float) -> None:
    """Say what is wrong with a file, and which of its runs are to be trained, before any is."""
    file = one.file
    if file.assignment != assignment.hash:
        one.problems.append(words.wrong_assignment(file, assignment))
    elif file.numerics != assignment.numerics:
        one.problems.append(words.wrong_numerics(file.numerics, assignment.numerics))
    elif file.variant != one.variant:
        one.problems.append(words.wrong_variant(file.student, file.variant, one.variant))
    if one.problems:
        one.refused = True
        return
    variant = assignment.variant_of(file.student)
    for number, run in enumerate(file.runs):
        try:
            one.asked[number] = Asked.of(assignment.fields(variant, run.address))
        except ConfigError as error:
            one.problems.append(words.broken_rule(number, run.address, "; ".join(map(str, error.problems))))
    taken, size = cost(one.asked.values())
    if taken > most_seconds:
        one.problems.append(words.too_costly(taken, most_seconds))
    elif size > MOST_BYTES_OF_ONE:
        one.problems.append(words.too_large(size, MOST_BYTES_OF_ONE))
    else:
        return
    one.asked, one.refused = {}, True


def _parts(handed: Sequence[_Handed]) -> Iterator[list[_Handed]]:
    """Yield files in parts whose runs fit in memory together; of all but enormous ones, that is one part."""
    part: list[_Handed] = []
    size = 0
    for one in handed:
        more = kept_bytes(one.asked.values())
        if part and size + more > MOST_KEPT:
            yield part
            part, size = [], 0
        part.append(one)
        size += more
    if part:
        yield part


def _refused(assignment: "Assignment", one: _Handed) -> Graded:
    none = tuple(Item(question, 0, "", UNCOUNTED) for question in assignment.questions)
    return Graded(
        one.file.student,
        one.place,
        one.variant,
        none,
        words.told(one.problems, MOST_PROBLEMS),
        tuple(one.notes),
        refused=True,
    )


def _judge(assignment: "Assignment", one: _Handed, again: Mapping[Asked, Again], whose: Mapping[str, Again]) -> Judge:
    """Return who judges a file by its runs; of those whose hash is another one, nothing counts. whose: runs by their hash."""
    runs: dict[int, Again] = {}
    for number, asked in one.asked.items():
        named, found = one.file.runs[number], again[asked]
        if found.hash == named.hash:
            runs[number] = found
            continue
        other = whose.get(named.hash)
        one.problems.append(words.other_hash(number, named.address, "" if other is None else _beside(other, asked)))
    return Judge(assignment, one.file, runs)


def _judged(one: _Handed, judge: Judge, *, explain: bool) -> Graded:
    questions = judge.assignment.questions
    return Graded(
        one.file.student,
        one.place,
        one.variant,
        tuple(judge.items()),
        words.told(one.problems, MOST_PROBLEMS),
        (*one.notes, *judge.unasked()),
        tuple(unchecked_of(judge)),
        facts_of(judge),
        explained_of(judge) if explain else {},
        {number: run.ended for number, run in judge.runs.items()},
        {question.id: judge.collected(question.id) for question in questions if question.runs is not None},
        pictures_of(judge),
    )


def _beside(run: Again, other: Asked) -> str:
    asked = run.ended.asked
    return words.setting_name(asked.setting.fields, other.setting.fields, asked.seed)
