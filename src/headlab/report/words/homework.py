"""What is said of a homework beside its two answers: item 1 place by place, item 2 size by size, and what is left out."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from headlab.analysis.parts.mechanism import MEANINGS
from headlab.notation.numbers import quantity
from headlab.notation.values import and_more
from headlab.report import limits
from headlab.report.words.commands import NO_COMMANDS, RunCommands

if TYPE_CHECKING:
    from headlab.homework.exercise import Exercise
    from headlab.runs.runs import Run

PLACES = "places that another word decides"
NO_TABLES = "No tables: what this run puts out are no finite numbers."
LOSSES = {
    "softmax": "The loss sees softmax(logits): cross-entropy on the values before the sigmoid.",
    "normalized_sigmoid": "The loss sees the sigmoid outputs, divided by their sum.",
}


def item_1(exercise: "Exercise", commands: RunCommands = NO_COMMANDS) -> list[str]:
    """Return the sentences of item 1: one a dependency that the prefix settles, then how the coding works."""
    if exercise.explanation is None:
        return [
            "No token of this corpus is left open by the current token and settled by another that the model sees: "
            "there is no dependency to code."
        ]
    numbered = zip(exercise.explanation.records, exercise.explanation.sentences(), strict=True)
    return [
        *_failure(exercise),
        *(f"Sentence {record.sequence + 1}: {text[:1].lower()}{text[1:]}" for record, text in numbered),
        *more_places(exercise, commands),
        mechanism_sentence(exercise),
        *_census(exercise),
    ]


def _failure(exercise: "Exercise") -> Iterator[str]:
    if exercise.run.solved():
        return
    if len(exercise.runs) == 1 or exercise.runs.solved().any():
        yield "This run did not solve the corpus."
    else:
        yield "No run of these solved the corpus; the one of the smallest loss is shown."


def _census(exercise: "Exercise") -> Iterator[str]:
    if exercise.explanations is None or len(exercise.runs) == 1:
        return
    census = exercise.explanations.census()["runs"]
    counts = ", ".join(f"{runs} {name}" for name, runs in census.items())
    yield f"Of all {quantity(len(exercise.runs), 'run')}: {counts}."
    own = "" if exercise.explanation is None else exercise.explanation.mechanism
    yield from (f"{name}: {MEANINGS[str(name)]}." for name in census.index if name != own)


def mechanism_sentence(exercise: "Exercise") -> str:
    """Return the run's mechanism and what that is; of a large corpus, at the places that are explained."""
    if exercise.explanation is None:
        return ""
    who = f"At these {len(exercise.explanation)} places, this" if exercise.more_places else "This"
    return f"{who} run is {exercise.explanation.mechanism}: {exercise.explanation.meaning}."


def item_2(exercise: "Exercise") -> list[str]:
    """Return the sentences of item 2: every head size against the one that the answer compares with."""
    return exercise.against_base.sentences()


def item_2_notes(exercise: "Exercise") -> list[str]:
    """Return those sentences of item 2 that neither the table of its sizes nor the two answers say."""
    return exercise.against_base.notes()


def more_places(exercise: "Exercise", commands: RunCommands) -> list[str]:
    """Return how many places are not explained beside the first ones, and the command that explains them all."""
    return and_more(exercise.more_places, PLACES, commands.explain)


def more_sentences(exercise: "Exercise", shown: int, commands: RunCommands) -> list[str]:
    """Return how many sentences have no tables beside those shown, and the command that writes them all."""
    return and_more(len(exercise.corpus.sentences) - shown, "sentences", commands.export("predictions"))


def training_lines(run: "Run") -> str:
    """Return the loss of the first and last steps, and where the learning rate fell."""
    steps, loss, rate = run.recorded_steps, run.loss, run.learning_rate
    if len(steps) == 0:
        return "No losses were recorded."
    last = len(steps) - 1
    drops = (np.nonzero(np.diff(rate) < 0)[0] + 1).tolist()
    shown = {0, 1, 2, len(steps) // 4, len(steps) // 2, 3 * len(steps) // 4, last, *drops[: limits.MOST_LISTED]}
    return "\n".join(
        f"step {steps[i]:>6}  loss {loss[i]:.4f}  learning rate {rate[i]:g}{' (reduced)' if i in drops else ''}"
        for i in sorted(shown & set(range(len(steps))))
    )
