"""Each answer of a file, judged against the runs that it names, as they came out when they were trained again."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from headlab.errors import HeadlabError
from headlab.homework.assignment.measure import Measured, measure, measure_collected, number_of, reaches, shown
from headlab.homework.assignment.quantities import POSITION
from headlab.homework.assignment.question import CHOOSE, CLAIM, FIND, NUMBER, PICTURE, RUNS, SENTENCE, Question
from headlab.homework.grading import words
from headlab.homework.grading.asked import Asked
from headlab.homework.grading.collected import Collected
from headlab.homework.grading.graded import MISSING, PARTLY, RIGHT, TO_READ, UNCOUNTED, WRONG, Item
from headlab.notation.values import short_repr

if TYPE_CHECKING:
    from headlab.homework.assignment.assignment import Assignment
    from headlab.homework.grading.again import Again
    from headlab.homework.grading.answer_file import AnswerFile

EXACT = 1e-9  # by which a number that is right may differ for its notation
HALF = 0.5  # of the points, where the goal is reached and par is not


class Uncounted(HeadlabError):
    """An answer that cannot be judged; its text says why."""


@dataclass(frozen=True)
class Judge:
    """What judges a file's answers: the assignment, the file, and the runs of it that count, by their number there.

    known: by question and run, what was measured already, with others of its setting
    """

    assignment: "Assignment"
    file: "AnswerFile"
    runs: Mapping[int, "Again"]
    known: Mapping[tuple[str, Asked], Measured] = field(default_factory=dict)
    _collected: dict[str, Collected] = field(default_factory=dict, repr=False)

    def items(self) -> list[Item]:
        """Return every question's answer, judged, in the order of the questions."""
        return [self.item(question) for question in self.assignment.questions]

    def knowing(self, known: Mapping[tuple[str, Asked], Measured]) -> "Judge":
        """Return the same judge with what was measured already."""
        return replace(self, known=known)

    def item(self, question: Question) -> Item:
        """Return one question's answer, judged."""
        answer = self.file.answers.get(question.id)
        if not answer:
            return Item(question, 0, "", MISSING, words.NO_ANSWER, checked=question.kind != SENTENCE)
        try:
            return _JUDGES[question.kind](self, question, answer)
        except Uncounted as error:
            return Item(question, 0, _plain(answer), UNCOUNTED, str(error))

    def unasked(self) -> list[str]:
        """Return the sentence that says what was answered and not asked; nothing where there is none."""
        known = {question.id for question in self.assignment.questions}
        names = [name for name in self.file.answers if name not in known]
        return [words.unasked(names)] if names else []

    def label(self, question: Question) -> str:
        """Return in words what a question's quantity is."""
        assert question.quantity is not None
        asked = None if question.source is None else self.assignment.question(question.source).runs
        return question.quantity.label("" if asked is None else asked.setting)

    def run_of(self, question: Question) -> "Again":
        """Return the run that a question's answer is about; raises `Uncounted`."""
        number = self.file.answers.get(question.id, {}).get("run")
        if question.run is not None:
            other = self.file.answers.get(question.run, {}).get("run")
            if number is not None and number != other:
                raise Uncounted(words.other_run(question.run))
            number = other
        if number is None:
            raise Uncounted(words.no_run(question.run or question.id))
        if number not in self.runs:
            raise Uncounted(words.uncounted(number, self.file.runs[number].address))
        return self.runs[number]

    def collected(self, name: str) -> Collected:
        """Return the runs that were collected for a question; those that differ in more than its setting are left out."""
        if name not in self._collected:
            self._collected[name] = self._collect(name)
        return self._collected[name]

    def _collect(self, name: str) -> Collected:
        asked = self.assignment.question(name).runs
        assert asked is not None
        numbers = self.file.answers.get(name, {}).get("runs", [])
        runs = [self.runs[number].ended for number in numbers if number in self.runs]
        return Collected.of(runs, asked.setting, asked.values)

    def measured(self, question: Question) -> Measured:
        """Return what a question's quantity is, of the run or the runs that it is about; raises `Uncounted`."""
        assert question.quantity is not None
        if question.source is not None:
            collected = self.collected(question.source)
            return measure_collected(question.quantity, collected.setting, collected.answer.groups)
        run = self.run_of(question)
        known = self.known.get((question.id, run.ended.asked))
        return measure(question.quantity, run.run.runs)[0] if known is None else known

    def _settled(self, question: Question, answer: Mapping[str, Any]) -> Item:
        said = answer.get("value")
        if said is None or said == "":
            return Item(question, 0, "", MISSING, words.NO_ANSWER)
        found, several = self.measured(question), question.source is not None
        if not found.values:
            raise Uncounted(words.unmeasurable(found.shown, several=several))
        if question.kind == NUMBER and number_of(said) is None:
            raise Uncounted(words.wrong_kind("a number", said))
        right = found.holds(said, question.tolerance)
        points = question.points if right else 0
        why = words.measured(found.shown, several=several)
        return Item(question, points, self._shown(question, said), RIGHT if right else WRONG, why)

    def _collection(self, question: Question, answer: Mapping[str, Any]) -> Item:
        assert question.runs is not None
        found, each = self.collected(question.id), question.runs.each
        counts = [(value, len(found.at(value))) for value in found.values]
        share = sum(min(count, each) for _, count in counts) / (each * len(counts))
        why = words.collected(found.setting, counts, each)
        if found.apart:
            why = f"{why}; {words.apart(found.apart, found.setting)}"
        verdict = RIGHT if share == 1 else PARTLY if share else UNCOUNTED
        said = words.named(len(answer.get("runs", [])))
        return Item(question, _points(question, share), said, verdict, why)

    def _found(self, question: Question, answer: Mapping[str, Any]) -> Item:
        wanted = question.find
        assert wanted is not None
        run = self.run_of(question)
        value = run.ended.asked.setting.fields[wanted.setting]
        if value is None:
            raise Uncounted(words.no_value(wanted.setting))
        said, why = f"{wanted.setting} {value}", words.found(wanted.setting, value, run.ended.grade, wanted.goal)
        if not reaches(run.ended.grade, wanted.goal):
            return Item(question, 0, said, WRONG, why)
        good = value <= wanted.par if wanted.best == "lowest" else value >= wanted.par
        if good:
            return Item(question, question.points, said, RIGHT, why, value=value)
        why = f"{why}; {words.par(wanted.setting, wanted.best, wanted.par)}"
        return Item(question, _points(question, HALF), said, PARTLY, why, value=value)

    def _sentence(self, question: Question, answer: Mapping[str, Any]) -> Item:
        said = str(answer.get("text", "")).strip()
        if not said:
            return Item(question, 0, "", MISSING, words.NO_ANSWER, checked=False)
        fits = question.least <= len(said) <= question.most
        why = words.READ if fits else words.sentence_length(len(said), question.least, question.most)
        return Item(question, 0, said, TO_READ, why, checked=False)

    def _picture(self, question: Question, answer: Mapping[str, Any]) -> Item:
        run = self.run_of(question)
        right = reaches(run.ended.grade, question.needs)
        why = words.picture(run.ended.grade, question.needs or run.ended.grade)
        said = str(answer.get("view", ""))
        return Item(question, question.points if right else 0, said, RIGHT if right else WRONG, why)

    def _shown(self, question: Question, said: Any) -> str:
        """Return a choice in words, a position with its word; what is none of its kind as it was given."""
        quantity = question.quantity
        assert quantity is not None
        if quantity.answer == POSITION:
            if not isinstance(said, int):
                return str(said)
            sentence = self.run_of(question).run.corpus.sentences[int(quantity.parameters["sentence"]) - 1]
            return shown(quantity, said, sentence)
        return str(said) if question.kind == NUMBER else shown(quantity, str(said))


_JUDGES: Mapping[str, Callable[[Judge, Question, Mapping[str, Any]], Item]] = {
    CHOOSE: Judge._settled,
    CLAIM: Judge._settled,
    NUMBER: Judge._settled,
    RUNS: Judge._collection,
    FIND: Judge._found,
    SENTENCE: Judge._sentence,
    PICTURE: Judge._picture,
}


def _points(question: Question, share: float) -> float:
    return math.floor(100 * question.points * share + EXACT) / 100  # never more than was earned


def _plain(answer: Mapping[str, Any]) -> str:
    return next((str(answer[name]) for name in ("value", "text", "view") if name in answer), short_repr(dict(answer)))
