"""What does not go together in an assignment: questions that ask of others, of words, of settings; answers that would not fit."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from headlab.analysis.subject import Subject
from headlab.config import HAVE
from headlab.config.record import nearest
from headlab.errors import ConfigError, Problem
from headlab.homework.assignment.measure import problems_on
from headlab.homework.assignment.question import RUNS, Collect, Find, Question
from headlab.model.initial import initial
from headlab.notation.values import listing
from headlab.runs.experiment import Experiment

if TYPE_CHECKING:
    from headlab.homework.assignment.assignment import Assignment

MOST_WEIGHTS = 1_000_000  # of a model that is handed out
MOST_BYTES = 8192  # of an answer file
A_LETTER, A_RUN, AN_ANSWER, THE_REST = (
    2,
    90,
    60,
    500,
)  # bytes, about: of a sentence, of a run's address and hash, of the others

Told = Iterator[tuple[tuple[str | int, ...], Problem]]


def problems_together(found: "Assignment") -> Told:
    """Yield what does not go together, each with where in the file it is."""
    yield from _names(found)
    if (
        found.variants is not None
        and found.variants.first is not None
        and "seed" in (*found.lab.ranges, *found.lab.fixed)
    ):
        said = "seed must be free where variants have seeds of their own: leave it out of range and fixed, or leave first out"
        yield ("variants", "first"), Problem(said)
    for number, question in enumerate(found.questions):
        for problem in (*_of_others(found, question), *_of_settings(found, question)):
            yield ("question", number), problem
    yield from _texts(found)
    size = bytes_of_answer(found)
    if size > MOST_BYTES:
        said = (
            f"an answer file must fit {MOST_BYTES:,} bytes, and one with all answers takes about {size:,}: "
            "ask for fewer runs or shorter sentences"
        )
        yield ("question",), Problem(said, "question")


def bytes_of_answer(found: "Assignment") -> int:
    """Return about how many bytes an answer file with all answers takes."""
    runs = sum(question.has_run for question in found.questions)
    runs += sum(len(item.runs.values) * item.runs.each for item in found.questions if item.runs is not None)
    letters = sum(question.most for question in found.questions)
    return THE_REST + A_RUN * runs + AN_ANSWER * len(found.questions) + A_LETTER * letters


def _names(found: "Assignment") -> Told:
    seen: set[str] = set()
    for number, question in enumerate(found.questions):
        if question.id in seen:
            yield ("question", number), Problem(f"id must be another for every question, got {question.id} twice", "id")
        seen.add(question.id)


def _of_others(found: "Assignment", question: Question) -> Iterator[Problem]:
    own = [other.id for other in found.questions if other.has_run]
    if question.run is not None and question.run not in own:
        hint = nearest(question.run, own) if own else "there is none"
        yield Problem(f"run must be the id of a question that has a run of its own, got {question.run}: {hint}", "run")
    collecting = {other.id: other.runs for other in found.questions if other.kind == RUNS and other.runs is not None}
    if question.source is None:
        return
    if question.source not in collecting:
        hint = nearest(question.source, list(collecting)) if collecting else "there is none"
        yield Problem(f"from must be the id of a question of the kind runs, got {question.source}: {hint}", "from")
        return
    values = collecting[question.source].values
    asked = [] if question.quantity is None else [question.quantity.parameters.get(name) for name in ("value", "base")]
    for value in asked:
        if value is not None and value not in values:
            yield Problem(f"value and base must be among {listing(values)}, got {value}", "quantity")
    if len(asked) == 2 and asked[0] == asked[1] is not None:
        yield Problem(f"value and base must be two different ones, got {asked[0]} twice", "quantity")


def _of_settings(found: "Assignment", question: Question) -> Iterator[Problem]:
    asked: Collect | Find | None = question.runs or question.find
    if asked is None:
        return
    name, field = asked.setting, "runs" if question.runs is not None else "find"
    if name in found.lab.fixed:
        yield Problem(
            f"{name} must not be fixed where other values of it are asked for: take it out of fixed, or give a range",
            field,
        )
        return
    optimizers = HAVE.get(name)
    if optimizers is not None and (
        "optimizer" not in found.lab.fixed or found.lab.start["optimizer"] not in optimizers
    ):
        said = f"optimizer must be fixed at {' or '.join(optimizers)} where {name} is asked for"
        yield Problem(f"{said}: with any other, {name} would do nothing", field)
        return
    values = asked.values if isinstance(asked, Collect) else (asked.value,)
    for value in values:
        fields = {**found.lab.start, name: value}
        try:
            Experiment.of(fields)
        except ConfigError as error:
            yield Problem(f"{name} {value} must be one that can be trained: {error.problems[0]}", field)
            continue
        for problem in found.lab.problems_of(fields, found.lab.start):
            yield Problem(problem.text, field)
    seeds = None if found.variants is None else found.variants.seeds(0)
    if question.runs is not None and seeds is not None and question.runs.each > len(seeds):
        yield Problem(
            f"each must be at most the {len(seeds)} seeds that a student has, got {question.runs.each}", field
        )


def _texts(found: "Assignment") -> Told:
    """Yield which texts cannot be trained on, and what is asked of words that are not in one of them."""
    texts = found.variants.corpora if found.variants is not None else ()
    every = [(f"corpus {number + 1}: ", {"task": "", "text": text}) for number, text in enumerate(texts)] or [("", {})]
    for where, text in every:
        try:
            experiment = Experiment.of({**found.lab.start, **text})
        except ConfigError as error:
            for problem in error.problems:
                yield ("variants", "corpora"), Problem(f"{where}{problem}")
            continue
        corpus, none = experiment.dataset.corpus, np.zeros(1, np.uint64)
        if experiment.model.on(corpus).n_weights > MOST_WEIGHTS:
            said = f"the lab must begin with a model of at most {MOST_WEIGHTS:,} weights, so that a page can train it"
            yield ("lab",), Problem(f"{where}{said}")
            continue
        subject = Subject(initial(experiment.model.on(corpus), none), experiment.dataset, experiment.model)
        for number, question in enumerate(found.questions):
            if question.quantity is not None:
                here = question.quantity.problems_with(corpus, experiment.model)
                for problem in here or problems_on(question.quantity, subject):
                    yield ("question", number, "quantity"), Problem(f"{where}{problem}")
