"""What the right answers to the quantities of collected runs are, for groups that are drawn: read by both sides' tests."""

import json
import random
from pathlib import Path
from typing import Any

import numpy as np

from headlab.analysis.looking.predictions import GRADES
from headlab.homework.assignment.measure import measure_collected
from headlab.homework.assignment.quantities import Quantity
from headlab.study.answer import Group
from twins.plain import plain

PATH = Path(__file__).parents[1] / "data" / "homework_collected.json"
VALUES = (10, 20, 40)
SIZES = (1, 2, 3, 5, 10, 40)  # runs a value


def drawn() -> list[dict[str, Any]]:
    """Return groups of runs, each with its value, and of every run grade and loss; None: it diverged."""
    rng, found = random.Random(18), []
    for size in SIZES:
        for _ in range(3):
            groups = []
            for value in VALUES:
                share, level = rng.random(), 0.15 + 0.05 * rng.random()
                grades = [GRADES[0] if rng.random() < share else rng.choice(GRADES) for _ in range(size)]
                losses = [None if rng.random() < 0.05 else round(level + 0.02 * rng.random(), 5) for _ in range(size)]
                grades = [GRADES[2] if loss is None else grade for grade, loss in zip(grades, losses, strict=True)]
                groups.append({"value": value, "grades": grades, "losses": losses})
            found.append({"groups": groups[: rng.choice([2, 3, 3])]})
    return found


def asked() -> list[dict[str, Any]]:
    """Return the quantities."""
    found: list[dict[str, Any]] = [
        {"name": name, "value": value} for name in ("share", "median_loss") for value in VALUES
    ]
    return found + [
        {"name": "difference", "value": value, "base": base, "measure": measure}
        for measure in ("share", "loss")
        for value, base in ((10, 20), (20, 10), (40, 20))
    ]


def group_of(row: dict[str, Any]) -> Group:
    """Return the runs of one value."""
    losses = np.array([np.nan if loss is None else loss for loss in row["losses"]])
    seeds, grades = np.arange(len(losses), dtype=np.uint64), np.array(row["grades"])
    return Group(row["value"], seeds, losses, grades, np.isnan(losses))


def table() -> list[dict[str, Any]]:
    """Return every drawn problem with what is right of it."""
    rows = drawn()
    for row in rows:
        groups = [group_of(group) for group in row["groups"]]
        row["answers"] = []
        for given in asked():
            found = measure_collected(Quantity.of(given), "d_head", groups)
            row["answers"].append({"quantity": given, "values": plain(list(found.values)), "shown": found.shown})
    return rows


def write() -> None:
    """Write the table."""
    text = ",\n".join(json.dumps(row, ensure_ascii=False, separators=(",", ":")) for row in table())
    PATH.write_text(f"[\n{text}\n]\n", encoding="utf-8")
