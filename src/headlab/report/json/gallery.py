"""What the gallery's page knows of every task: texts, numbers, and either what trains it there or a recording of a run."""

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from headlab.engine import chosen_backend, chosen_instruction_set
from headlab.notation.numbers import quantity
from headlab.report.json.recording import record, reproduced_seed
from headlab.report.json.tasks import reproduction_json
from headlab.report.words import gallery as words
from headlab.study.reproduction import plan, reproduce
from headlab.tasks.gallery import NOT_RUN, last_gallery
from headlab.tasks.recording import Recording, recording_of

if TYPE_CHECKING:
    from headlab.runs.train import Progress
    from headlab.tasks.reference import Reference
    from headlab.tasks.task import Recipe, Task

MOST_LIVE = 20_000  # bytes of a task's table that is trained in the page
OF_REPRODUCING = 0.8  # of the time, for progress; the rest records one run
OF_A_NUMBER = ("metric", "kind", "value", "low", "high", "target", "tolerance", "source", "over", "badge", "note")


@dataclass(frozen=True)
class Shown:
    """A task as the page shows it.

    found: of each recipe that was run, what `Reproduction.to_dict` has; badge, date, machine: of these; recording: of one run
    called: by which name, or file, commands find it
    """

    task: "Task"
    found: Mapping[str, Any]
    badge: str
    date: str
    machine: str
    called: str
    recording: Recording | None = None

    @classmethod
    def of(cls, task: "Task") -> "Shown":
        """Return a task of the gallery with what came of its last run, and the recording that ships with it."""
        gallery = last_gallery()
        recording = None if is_live(task) else recording_of(task.name)
        when = gallery.tasks[task.name].get("date", gallery.date) if task.name in gallery.tasks else ""
        return cls(
            task, gallery.recipes(task.name), gallery.badge(task.name), when, gallery.machine, task.name, recording
        )

    @classmethod
    def trained(
        cls, task: "Task", called: str, threads: int | None = None, progress: "Progress | None" = None
    ) -> "Shown":
        """Return a task after running its first recipe, and recording a run of it where it is not live.

        called: by which name, or file, commands find it; threads, progress: as in `train`, which says what is raised, too

        >>> from headlab.tasks import tasks
        >>> Shown.trained(tasks["bigram0"], "bigram0").badge
        'reproduced'
        """
        asked = plan(task)
        part = None if progress is None else lambda done: progress(OF_REPRODUCING * done)
        found = reproduction_json(reproduce(asked, threads=threads, progress=part))
        recording = None
        if not is_live(task):
            rest = None if progress is None else lambda done: progress(OF_REPRODUCING + (1 - OF_REPRODUCING) * done)
            recording = record(task, asked.recipe, reproduced_seed(asked.references, found), threads, rest)
        if progress is not None:
            progress(1.0)
        today = date.today().isoformat()
        return cls(task, {asked.recipe: found}, found["badge"], today, machine_words(), called, recording)


def machine_words() -> str:
    """Return what computes here: how many cores, and what the kernel runs on."""
    return f"{quantity(os.cpu_count() or 1, 'core')}, {chosen_backend()} ({chosen_instruction_set()})"


def is_live(task: "Task") -> bool:
    """Return whether the page trains a task: what it is trained on is a small table.

    >>> from headlab.tasks import tasks
    >>> [name for name in tasks if is_live(tasks[name])]
    ['notebook', 'bigram0', 'ioi']
    """
    by_hand = any(recipe.weights is not None for recipe in task.recipes.values())
    return not by_hand and task.dataset.stream is None and len(json.dumps(_table(task))) <= MOST_LIVE


def page_json(shown: Iterable[Shown]) -> dict[str, Any]:
    """Return all that the page knows, as plain JSON values."""
    gallery = last_gallery()
    return {
        "headlab": gallery.headlab,
        "date": gallery.date,
        "machine": gallery.machine,
        "tasks": [_task(item) for item in shown],
    }


def _task(shown: Shown) -> dict[str, Any]:
    task, live = shown.task, is_live(shown.task)
    also = {"problem": _problem(task)} if live else {"recording": shown.recording and shown.recording.to_dict()}
    return {
        "name": task.name,
        "title": task.title,
        "text": words.paragraphs(task.text),
        "source": task.source,
        "license": task.license,
        "badge": shown.badge,
        "date": shown.date,
        "machine": shown.machine,
        "command": f"headlab tasks run {shown.called}",
        "live": live,
        "headline": _headline(shown),
        "recipes": [_recipe(shown, name, recipe) for name, recipe in task.recipes.items()],
        **also,
    }


def _recipe(shown: Shown, name: str, recipe: "Recipe") -> dict[str, Any]:
    """Return a recipe with its numbers: those that came out here beside the known ones, or the known ones alone."""
    found = shown.found.get(name)
    known = [item for item in shown.task.references if item.recipe == name]
    numbers = found["references"] if found else []
    return {
        "name": name,
        "title": recipe.title,
        "words": words.recipe_words(recipe, shown.task.dataset),
        "model": _changed(recipe.model),
        "training": _changed(recipe.training) | {"steps": recipe.training.steps},
        "references": [_number(item) for item in numbers] if found else [_unmet(item) for item in known],
        "seeds": _seeds(found) if found else [],
        "seconds": found["seconds"] if found else None,
    }


def _number(result: Mapping[str, Any]) -> dict[str, Any]:
    known = "" if result["target"] is None else words.known_sentence(result)
    sentence = f"{words.here_sentence(result)} {known[:1].upper()}{known[1:]}".rstrip()
    said = {"here": words.here_words(result), "known": words.known_words(result), "sentence": sentence}
    return {name: result[name] for name in OF_A_NUMBER} | {"seeds": len(result["values"])} | said


def _headline(shown: Shown) -> dict[str, str] | None:
    """Return a task's first number beside the known one, in words; None where it was not run."""
    found = next(iter(shown.found.values()), None)
    if found is None:
        return None
    here, known = words.here_words(found), words.known_words(found, short=True)
    return {"metric": words.metric_words(found["metric"]), "here": here, "known": known}


def _unmet(known: "Reference") -> dict[str, Any]:
    """Return a number that is known of a recipe that was not run."""
    nothing = {"value": None, "low": None, "high": None, "badge": NOT_RUN}
    fields = {name: getattr(known, name) for name in OF_A_NUMBER if name not in (*nothing, "target")}
    numbers = {**fields, **nothing, "target": known.value, "seeds": 0}
    said = {"here": "", "known": words.known_words({**numbers, "at_most": known.at_most})}
    return numbers | said | {"sentence": words.reference_sentence(known)}


def _seeds(found: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return every seed with its value of every metric; a metric that several references are of has one."""
    by_metric = {item["metric"]: item["values"] for item in found["references"]}
    return [
        {"seed": seed, "values": {metric: values[number] for metric, values in by_metric.items()}}
        for number, seed in enumerate(found["seeds"])
    ]


def _changed(config: Any) -> dict[str, Any]:
    """Return the settings that are not the usual ones."""
    usual = type(config)().to_dict()
    return {name: value for name, value in config.to_dict().items() if name not in usual or value != usual[name]}


def _table(task: "Task") -> dict[str, Any]:
    batch = task.dataset.batch
    return {name: getattr(batch, name).tolist() for name in ("tokens", "targets", "weights")}


def _problem(task: "Task") -> dict[str, Any]:
    """Return what the kernel needs to train a task: all of its settings, and its table."""
    corpus = task.dataset.corpus
    found = last_gallery().recipes(task.name)
    return {
        **_table(task),
        "vocabulary": list(corpus.vocabulary),
        "outputs": None if corpus.outputs is None else list(corpus.outputs),
        "recipes": {
            name: {
                "model": recipe.model.to_dict(),
                "training": recipe.training.to_dict(),
                "seeds": found.get(name, {"seeds": []})["seeds"],
            }
            for name, recipe in task.recipes.items()
        },
    }
