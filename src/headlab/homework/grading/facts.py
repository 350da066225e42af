"""What is read beside a student's sentence: what was measured of the runs that it is about, and headlab's own words."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from headlab.errors import HeadlabError
from headlab.homework.assignment.question import FIND, PICTURE, RUNS, SENTENCE, Question
from headlab.homework.grading import words
from headlab.homework.grading.judging import Judge, Uncounted

if TYPE_CHECKING:
    from headlab.homework.grading.again import Again


def facts_of(judge: Judge) -> dict[str, list[str]]:
    """Return how the runs ended that a question is about, and of a sentence what else was measured of these.

    By question, of those that no single quantity settles: what settles the others stands beside their answers.
    """
    asked = [question for question in judge.assignment.questions if question.kind in (SENTENCE, PICTURE, RUNS, FIND)]
    found = {question.id: [*_facts(judge, question)] for question in asked}
    return {name: said for name, said in found.items() if said}


def explained_of(judge: Judge) -> dict[str, list[str]]:
    """Return by question, of those that ask for a sentence, headlab's own answer, as `headlab exercise` gives it."""
    found = {}
    for question in judge.assignment.questions:
        if question.kind == SENTENCE and judge.file.answers.get(question.id) and (said := _explained(judge, question)):
            found[question.id] = said
    return found


def unchecked_of(judge: Judge) -> Iterator[str]:
    """Yield what of a file no measurement can settle."""
    yield words.ID_WITHOUT_VARIANTS if judge.assignment.variants is None else words.ID_ALONE
    for question in judge.assignment.questions:
        answer = judge.file.answers.get(question.id, {})
        if question.kind == SENTENCE and answer.get("text"):
            yield words.unchecked_sentence(question.id)
        if question.kind == PICTURE and answer:
            yield words.unchecked_view(question.id, str(answer.get("view", "")))


def _facts(judge: Judge, question: Question) -> Iterator[str]:
    if question.kind == RUNS or question.source is not None:
        yield from _of_collected(judge, question.source or question.id)
    elif (run := _run(judge, question)) is not None:
        yield words.about_run(_address(judge, run), run.ended.grade, run.ended.loss)
    if question.kind != SENTENCE or (question.source is None and question.run is None):
        return
    for other in judge.assignment.questions:
        of_it = other.source == question.source if question.source else question.run in (other.run, other.id)
        if other.quantity is not None and of_it:
            try:
                found = judge.measured(other)
            except Uncounted:
                continue
            if found.values:
                yield words.fact(judge.label(other), found.shown)


def _of_collected(judge: Judge, name: str) -> Iterator[str]:
    collected = judge.collected(name)
    for value in collected.values:
        runs = collected.at(value)
        if runs:
            solved = sum(run.grade == "solved" for run in runs)
            yield words.about_collected(collected.setting, value, solved, [run.loss for run in runs])


def _explained(judge: Judge, question: Question) -> list[str]:
    from headlab.homework.answers import answer_on_looking, answer_on_sizes

    try:
        if question.source is not None:
            collected = judge.collected(question.source)
            found = collected.answer
            if collected.setting == "d_head" and len(found.groups) > 1:
                return answer_on_sizes(found, collected.values[0]).sentences
            return found.sentences() if found.groups else []
        run = _run(judge, question)
        return [] if run is None else answer_on_looking(run.run, 0, 1).sentences
    except HeadlabError:
        return []


def _run(judge: Judge, question: Question) -> "Again | None":
    try:
        return judge.run_of(question)
    except Uncounted:
        return None


def _address(judge: Judge, run: "Again") -> str:
    number = next(number for number, other in judge.runs.items() if other.ended.asked == run.ended.asked)
    return judge.file.runs[number].address


def pictures_of(judge: Judge) -> Mapping[str, "Again"]:
    """Return by question the runs of pictures, whose tables are the evidence."""
    found = {question.id: _run(judge, question) for question in judge.assignment.questions if question.kind == PICTURE}
    return {name: run for name, run in found.items() if run is not None}
