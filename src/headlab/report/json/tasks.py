"""The tasks that headlab knows by name, as JSON, with what came of the gallery's last run."""

import dataclasses
from typing import TYPE_CHECKING, Any

from headlab.report.words.heads import examples_words, head_sentences, without_sentences
from headlab.tasks import tasks
from headlab.tasks.gallery import last_gallery
from headlab.tasks.task import Task

if TYPE_CHECKING:
    from headlab.analysis.looking.held_out import HeldOut
    from headlab.study.reproduction import Reproduction
    from headlab.study.task_check import Checked


def tasks_json() -> list[dict[str, Any]]:
    """Return one record a task: its name, title and source, its badge, its sentences, and how it is usually trained."""
    return [
        {
            "name": name,
            "title": task.title,
            "source": task.source,
            **badge_json(name),
            **task.dataset.to_dict(),
            "model": task.model.to_dict(),
            "training": task.training.to_dict(),
        }
        for name, task in tasks.items()
    ]


def badge_json(name: str) -> dict[str, Any]:
    """Return a task's badge, and of which day it is: None where the task was not run yet."""
    gallery = last_gallery()
    there = name in gallery.tasks
    return {"badge": gallery.badge(name) if there else None, "badge_of": gallery.date if there else None}


def task_json(task: Task) -> dict[str, Any]:
    """Return everything that is known of a task, with the results of the gallery's last run where it is one of its tasks."""
    gallery = last_gallery()
    found = gallery.tasks.get(task.name, {}) if tasks.get(task.name) is task else {}
    return {
        "name": task.name,
        "title": task.title,
        "source": task.source,
        "text": task.text,
        "license": task.license,
        **task.dataset.to_dict(),
        "recipes": {
            name: {"model": recipe.model.to_dict(), "training": recipe.training.to_dict()}
            for name, recipe in task.recipes.items()
        },
        "metrics": list(task.metrics),
        "references": [dataclasses.asdict(item) for item in task.references],
        **badge_json(task.name),
        "last": {"machine": gallery.machine, "headlab": gallery.headlab, **found} if found else None,
    }


def cost_json(found: "Checked") -> dict[str, Any]:
    """Return what each recipe of a checked task takes."""
    recipes = {
        item.plan.recipe: {
            "seeds": len(item.plan.seeds),
            "steps": item.plan.training.steps,
            "parameters": item.plan.model.on(found.task.dataset).n_weights,
            "seconds": round(item.seconds, 2),
            "bytes": item.bytes,
        }
        for item in found.taken
    }
    return {"name": found.task.name, "recipes": recipes}


def reproduction_json(done: "Reproduction") -> dict[str, Any]:
    """Return what came of a task that was run, with what the heads of its best run do, in numbers and sentences."""
    return done.to_dict() | {
        "best_seed": done.best_seed,
        "heads_on": examples_words(done.runs.dataset, done.roles[0].n_examples) if done.roles else None,
        "heads": [
            {
                "head": f"{role.layer}.{role.head}",
                **role.scores,
                "copying": role.copying,
                "sentences": head_sentences(role),
            }
            for role in done.roles
        ],
        "without_heads": _without(done),
    }


def _without(done: "Reproduction") -> dict[str, Any] | None:
    """Return what share the best run has right with all heads and without each, and sentences on it; None of one without any."""
    found = done.without_heads
    if found is None:
        return None
    parts: list[tuple[str | None, str | None, HeldOut]] = [(None, None, found.whole)]
    parts += [(f"{layer}.{head}", way, rest) for (layer, head, way), rest in found.without.items()]
    return {
        "of": done.counts,
        "examples": found.whole.n_examples,
        "exact": found.whole.exact,
        "rows": [
            {"head": head, "removed": way, "right": float(rest.right(done.counts)[0])} for head, way, rest in parts
        ],
        "sentences": without_sentences(found, done.counts),
    }
