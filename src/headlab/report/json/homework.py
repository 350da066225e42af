"""The homework as JSON: answers, numbers and sentences; of a large corpus, the first sentences and places."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from headlab.report import limits
from headlab.report.json.runs import grade_counts
from headlab.report.json.values import json_value, records
from headlab.report.words import homework as words
from headlab.report.words.commands import NO_COMMANDS, RunCommands

if TYPE_CHECKING:
    from headlab.homework.exercise import Exercise

MOST_NUMBERS = 20_000  # of predictions and patterns


def exercise_json(exercise: "Exercise", report: Path, commands: RunCommands = NO_COMMANDS) -> dict[str, Any]:
    """Return the homework's numbers as plain JSON values; of a large corpus, the first sentences and places."""
    run, corpus, explanation = exercise.run, exercise.corpus, exercise.explanation
    shown = _readable_sentences(run.sigmoid(), run.pattern())
    return {
        "answers": json_value([answer.to_dict() for answer in exercise.answers]),
        "corpus": corpus.to_dict(),
        "floor": corpus.floor(run.model),
        "bigram_floor": corpus.bigram_floor(),
        "model": run.model.to_dict(),
        "training": run.training.to_dict(),
        "seed": run.seed,
        "final_loss": json_value(float(run.final_loss)),
        "grade": run.grade(),
        "grades": grade_counts(exercise.runs.grade()),
        "sentences_shown": shown,
        "sigmoid": json_value(run.sigmoid()[:shown]),
        "pattern": json_value(run.pattern()[..., :shown, :, :]),
        "item_1": words.item_1(exercise, commands),
        "explanation": None if explanation is None else json_value(explanation.to_dict()),
        "item_2": words.item_2(exercise),
        "head_sizes": records(exercise.sizes.table().reset_index()),
        "pairs": records(exercise.sizes.pairs()[: limits.MOST_LISTED**2]),
        "more": [*words.more_sentences(exercise, shown, commands), *words.more_places(exercise, commands)],
        "report": str(report),
    }


def _readable_sentences(sigmoid: Any, pattern: Any) -> int:
    """Return of how many sentences the numbers are few enough to read."""
    sentences = len(sigmoid)
    a_sentence = (sigmoid.size + pattern.size) / sentences
    return min(sentences, max(1, int(MOST_NUMBERS / a_sentence)))
