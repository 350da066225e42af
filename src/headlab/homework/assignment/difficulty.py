"""How hard each variant of an assignment is, by training it: whether it can be done, and whether neighbours could copy."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from headlab.analysis.looking.predictions import SOLVED
from headlab.engine import Job, cost
from headlab.engine.golden import sha256
from headlab.errors import SelectionError
from headlab.homework.assignment.measure import Measured, measure, measure_collected, reaches
from headlab.homework.assignment.question import PICTURE, Question
from headlab.homework.assignment.variants import Variant
from headlab.notation.numbers import percent, quantity
from headlab.notation.values import enumeration
from headlab.runs.experiment import Experiment
from headlab.runs.train import train
from headlab.study.answer import Group

if TYPE_CHECKING:
    from headlab.homework.assignment.assignment import Assignment
    from headlab.runs.runs import Runs

MOST_TRIED = 20  # seeds of each variant
MOST_NAMED = 8  # variants in a sentence


@dataclass(frozen=True)
class Tried:
    """One variant, tried with its first seeds.

    number: among all variants, None where there are none; corpus: which of the texts, from 0; variant: what a student begins with
    runs: those of its first seeds; solved: the share of them that is; mechanisms: the share of each that occurs
    answers: what is right, by measured question: of each of these runs, or of the collected ones, which are the first seeds, too
    reached: by question, the share of runs that reach what it needs
    """

    number: int | None
    corpus: int | None
    variant: Variant
    runs: "Runs"
    solved: float
    mechanisms: Mapping[str, float]
    answers: Mapping[str, tuple[Measured, ...]]
    reached: Mapping[str, float]

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds that were tried."""
        return tuple(self.runs.seeds.tolist()) if self.runs.seeds is not None else ()

    def to_dict(self) -> dict[str, Any]:
        """Return the numbers as plain values."""
        told = {"variant": self.number, "corpus": self.corpus, "seeds": [self.seeds[0], self.seeds[-1]]}
        return {**told, "solved": self.solved, "mechanisms": dict(self.mechanisms), "reached": dict(self.reached)}


@dataclass(frozen=True, eq=False)
class Difficulty:
    """Every variant that is handed out, tried, and what must not be so.

    alike: texts that are the same run under other words, each with the first such one
    """

    assignment: "Assignment"
    tried: tuple[Tried, ...]
    alike: tuple[tuple[int, int], ...]

    @classmethod
    def of(
        cls, assignment: "Assignment", threads: int | None = None, progress: Callable[[float], None] | None = None
    ) -> "Difficulty":
        """Train the first seeds of every variant, and measure what is asked.

        progress: called with the share that is done
        Raises `ConfigError` for what cannot be trained.
        """
        plans = list(_plans(assignment))
        found: list[tuple[int, Tried]] = []
        texts = list(dict.fromkeys(plan.corpus for plan in plans))
        for number, corpus in enumerate(texts):
            some = [(place, plan) for place, plan in enumerate(plans) if plan.corpus == corpus]
            trials = _Trials(assignment, [plan for _, plan in some], threads)
            for at, (place, _) in enumerate(some):
                found.append((place, trials.tried(at)))
                if progress is not None:
                    progress((number + (at + 1) / len(some)) / len(texts))
        in_order = tuple(tried for _, tried in sorted(found, key=lambda item: item[0]))
        return cls(assignment, in_order, tuple(_alike(assignment, threads)))

    @cached_property
    def problems(self) -> list[str]:
        """What must not be so, a sentence each."""
        return [*self._unfit(), *self._unreached(), *self._same_runs(), *self._same_answers()]

    def _unfit(self) -> Iterator[str]:
        variants = self.assignment.variants
        if variants is None:
            return
        for name, (low, high) in (("solved", variants.solved), *variants.mechanisms.items()):
            outside = []
            for item in self.tried:
                share = item.solved if name == "solved" else item.mechanisms.get(name, 0.0)
                if not low <= share <= high:
                    outside.append(f"{item.number} ({percent(share)})")
            if outside:
                which, it = ("variant", "it") if len(outside) == 1 else ("variants", "them")
                yield (
                    f"{percent(low)} to {percent(high)} of a variant's runs must be {name}, got {which} "
                    f"{enumeration(outside, MOST_NAMED)}: put {it} into skip, or widen {name}"
                )

    def _unreached(self) -> Iterator[str]:
        for question in self.assignment.questions:
            never = [item for item in self.tried if item.reached.get(question.id, 1.0) == 0]
            if not never:
                continue
            goal = question.needs if question.find is None else question.find.goal
            where = "" if question.find is None else f" with {question.find.setting} {question.find.par:g}, its par,"
            numbers = [str(item.number) for item in never if item.number is not None]
            who = f" of variant {enumeration(numbers, MOST_NAMED)}" if numbers else ""
            runs = quantity(len(never[0].seeds), "run")
            yield f"question {question.id} must be one that can be answered, and none of the first {runs}{who}{where} is {goal}"

    def _same_runs(self) -> Iterator[str]:
        for first, second in self.alike:
            yield (
                f"corpus {second + 1} must be another experiment than corpus {first + 1}, and is the same run under other words: "
                "give it another structure, or leave it out"
            )

    def _same_answers(self) -> Iterator[str]:
        by_answers: dict[Any, list[str]] = {}
        for item in self.tried:
            told = tuple(tuple(found.shown for found in some) for some in item.answers.values())
            by_answers.setdefault(told, []).append(str(item.number))
        for numbers in by_answers.values():
            if len(numbers) > 1:
                yield (
                    f"variants must have other answers than each other, and all of the first runs of "
                    f"{enumeration(numbers, MOST_NAMED)} have the same: put all but one of them into skip"
                )


def problems_of_difficulty(assignment: "Assignment", threads: int | None = None) -> list[str]:
    """Return what is wrong with an assignment's variants, by training them; nothing where they can be handed out."""
    return Difficulty.of(assignment, threads).problems


def cost_of_submission(assignment: "Assignment") -> tuple[int, float]:
    """Return how many runs a complete submission names, at least, and about how many seconds of a processor they take."""
    start, runs, seconds = assignment.handed_out[0].fields, 0, 0.0
    settings: list[tuple[Mapping[str, Any], int]] = []
    for question in assignment.questions:
        if question.runs is not None:
            settings += [({question.runs.setting: value}, question.runs.each) for value in question.runs.values]
        elif question.has_run:
            settings.append(({} if question.find is None else {question.find.setting: question.find.value}, 1))
    for change, count in settings:
        experiment = Experiment.of({**start, **change})
        job = Job.of(experiment.dataset, experiment.model, experiment.training)
        runs, seconds = runs + count, seconds + cost.seconds(job, count, 1)
    return runs, seconds


@dataclass(frozen=True)
class _Plan:
    """What is tried of a variant."""

    number: int | None
    corpus: int | None
    seeds: tuple[int, ...]
    variant: Variant

    @property
    def fields(self) -> Mapping[str, Any]:
        return self.variant.fields


def _plans(assignment: "Assignment") -> Iterator[_Plan]:
    variants = assignment.variants
    for item in assignment.handed_out:
        number = None if variants is None or item.number is None else variants.kept[item.number]
        corpus = None
        if variants is not None and variants.corpora and number is not None:
            corpus = number % len(variants.corpora)
        yield _Plan(number, corpus, _seeds(assignment, item), item)


def _seeds(assignment: "Assignment", variant: Variant) -> tuple[int, ...]:
    if variant.seeds is not None:
        return tuple(variant.seeds[:MOST_TRIED])
    first, count = int(variant.fields["seed"]), MOST_TRIED
    if "seed" in assignment.lab.fixed:
        count = 1
    elif "seed" in assignment.lab.ranges:
        low, high = (int(bound) for bound in assignment.lab.ranges["seed"])
        first, count = low, min(MOST_TRIED, high - low + 1)
    return tuple(range(first, first + count))


def _trained(fields: Mapping[str, Any], seeds: Sequence[int], threads: int | None) -> "Runs":
    experiment = Experiment.of(fields)
    return train(experiment.dataset, experiment.model, experiment.training, seeds=seeds, record="none", threads=threads)


class _Trials:
    """Variants of one text, trained together: every setting that is asked about, once."""

    def __init__(self, assignment: "Assignment", plans: Sequence[_Plan], threads: int | None) -> None:
        self.assignment, self.plans, self.threads = assignment, plans, threads
        self.trained: dict[tuple[str, Any, int], tuple[dict[int, int], Runs]] = {}

    def runs(self, plan: _Plan, setting: str = "", value: Any = None, count: int = MOST_TRIED) -> "Runs":
        """Return the first runs of a variant, with another value of a setting."""
        key = (setting, value, count)
        if key not in self.trained:
            fields = {**plan.fields, **({setting: value} if setting else {})}
            seeds = list(dict.fromkeys(seed for item in self.plans for seed in item.seeds[:count]))
            self.trained[key] = {seed: at for at, seed in enumerate(seeds)}, _trained(fields, seeds, self.threads)
        places, runs = self.trained[key]
        return runs[[places[seed] for seed in plan.seeds[:count]]]

    def tried(self, at: int) -> Tried:
        plan = self.plans[at]
        runs = self.runs(plan)
        grades = runs.grade().tolist()
        reached = {
            question.id: sum(reaches(grade, goal) for grade in some) / len(some)
            for question in self.assignment.questions
            for goal, some in self._goals(plan, question, grades)
        }
        return Tried(
            plan.number,
            plan.corpus,
            plan.variant,
            runs,
            grades.count(SOLVED) / len(grades),
            _shares(runs),
            dict(self._answers(plan, runs)),
            reached,
        )

    def _goals(self, plan: _Plan, question: Question, grades: list[str]) -> Iterator[tuple[str, list[str]]]:
        if question.kind == PICTURE and question.needs is not None:
            yield question.needs, grades
        if question.find is not None:
            found = self.runs(plan, question.find.setting, question.find.value)
            yield question.find.goal, found.grade().tolist()

    def _answers(self, plan: _Plan, runs: "Runs") -> Iterator[tuple[str, tuple[Measured, ...]]]:
        for question in self.assignment.questions:
            if question.quantity is None:
                continue
            if question.source is None:
                yield question.id, tuple(measure(question.quantity, runs))
                continue
            collect = self.assignment.question(question.source).runs
            assert collect is not None
            groups = [
                Group.of(self.runs(plan, collect.setting, value, collect.each), value) for value in collect.values
            ]
            yield question.id, (measure_collected(question.quantity, collect.setting, groups),)


def _shares(runs: "Runs") -> dict[str, float]:
    try:
        names = runs.explain().mechanism.tolist()
    except SelectionError:  # no dependency to explain
        return {}
    return {name: names.count(name) / len(names) for name in sorted(set(names))}


def _alike(assignment: "Assignment", threads: int | None) -> Iterator[tuple[int, int]]:
    """Yield which texts train to the same weights as one before them."""
    variants, seen = assignment.variants, dict[str, int]()
    if variants is None:
        return
    for number, text in enumerate(variants.corpora):
        runs = _trained({**assignment.lab.start, "task": "", "text": text}, [0], threads)
        shape = runs.model.on(runs.corpus)
        found = sha256(runs.params.flat(), runs.corpus.batch.order, shape)
        if found in seen:
            yield seen[found], number
        seen.setdefault(found, number)
