"""The tasks that headlab knows by name, on a terminal."""

from collections.abc import Iterable
from typing import Any

import pandas as pd

from headlab.notation.numbers import quantity
from headlab.report.terminal.grid import as_text, terminal_table
from headlab.tasks import tasks


def tasks_blocks() -> Iterable[Any]:
    """Yield the table of tasks: name, size, floors, and what there is to find."""
    rows = {
        name: {
            "size": task.dataset.corpus.size,
            "longest": quantity(task.dataset.n_ctx, "token"),
            "floor": f"{task.dataset.corpus.floor(task.model):.4f}",
            "bigram floor": f"{task.dataset.corpus.bigram_floor():.4f}",
        }
        for name, task in tasks.items()
    }
    yield terminal_table(pd.DataFrame.from_dict(rows, orient="index"), title="Tasks, each a name for FILE")
    for name, task in tasks.items():
        yield as_text(f"{name}: {task.title}. From {task.source}.")
