"""What the page knows of settings: tables of fields, notebook, tasks and colours, as in its web/src/config/settings.json.

Written anew by `make settings` (python tests/settings.py); tests/test_settings.py says when it must be.
"""

import json
from pathlib import Path
from typing import Any

from headlab.config import ModelConfig, Plateau, TrainConfig
from headlab.config.schedule import EDGE, NOTEBOOK_STEPS
from headlab.config.training import FIRST_RATE
from headlab.notation.shades import SHADES
from headlab.report.palette import PALETTE
from headlab.runs.experiment import notebook_fields
from headlab.tasks import tasks

OF_THE_LAB = ("notebook",)  # the others have models and trainings that a page does not know
FILE = Path(__file__).parents[1] / "web" / "src" / "config" / "settings.json"


def settings() -> dict[str, Any]:
    """Return what the file is to hold, as plain JSON values."""
    plain: dict[str, Any] = json.loads(
        json.dumps(
            {
                "notebook": notebook_fields(),
                "model": [row.to_dict() for row in ModelConfig.table() if row.lab],
                "training": [row.to_dict() for row in TrainConfig.table() if row.lab],
                "plateau": Plateau().to_dict(),
                "first_rate": FIRST_RATE,
                "notebook_steps": NOTEBOOK_STEPS,
                "edge": EDGE,
                "tasks": {
                    name: {
                        "title": task.title,
                        "corpus": task.dataset.corpus.to_dict(),
                        "goal": task.dataset.goal.share,
                    }
                    for name, task in tasks.items()
                    if name in OF_THE_LAB
                },
                "elsewhere": [name for name in tasks if name not in OF_THE_LAB],
                "palette": {name: swatch.color for name, swatch in PALETTE.items()},
                "shades": SHADES,
            }
        )
    )
    return plain


def text() -> str:
    """Return the file as it is to be."""
    return json.dumps(settings(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
