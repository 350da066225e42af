"""The tasks that headlab knows by name, as JSON."""

from typing import Any

from headlab.tasks import tasks


def tasks_json() -> list[dict[str, Any]]:
    """Return one record a task: its name, title and source, its sentences, and how it is usually trained."""
    return [
        {
            "name": name,
            "title": task.title,
            "source": task.source,
            **task.dataset.to_dict(),
            "model": task.model.to_dict(),
            "training": task.training.to_dict(),
        }
        for name, task in tasks.items()
    ]
