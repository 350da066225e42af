"""`headlab study new`, `check`: the study file."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from headlab.cli.help import Command
from headlab.cli.new_file import write_new
from headlab.cli.options import json_option, threads_option
from headlab.cli.terminal import put_json, show, tell_notes
from headlab.notation.numbers import duration, quantity, size_of
from headlab.notation.values import listing

if TYPE_CHECKING:
    from headlab.study.design import StudyDesign


@click.command(cls=Command)
@click.argument("file", type=click.Path(path_type=Path), default="study.toml")
@click.option(
    "--like", metavar="FOLDER", type=click.Path(path_type=Path), help="A study whose conditions and seeds it has."
)
@json_option
def new(file: Path, like: Path | None, as_json: bool) -> None:
    """Write a commented study file to fill in.

    As it is, it is the homework's second item, with 1,000 runs a head size. With --like, it says what an existing study
    trains: this makes the successor of one that an older headlab began.
    """
    from headlab.study.study import Study
    from headlab.study.study_file import template

    text = template if like is None else lambda: Study(like).design.successor().to_toml()
    write_new(file, "study file", text, "headlab study check", as_json=as_json)


@click.command(cls=Command)
@click.argument("file", type=click.Path(path_type=Path))
@threads_option
@json_option
def check(file: Path, threads: Any, as_json: bool) -> None:
    """List a study file's problems, or its cost.

    All problems at once; or how many runs and steps, how many seconds on this machine, how many bytes on the disk.
    """
    from headlab.study.cost import bytes_of, estimated_seconds
    from headlab.study.design import StudyDesign

    design = StudyDesign.from_toml(file)
    for dataset in design.datasets.values():
        tell_notes(dataset.corpus)
    cost = {
        "conditions": [condition.name for condition in design.conditions],
        "seeds": len(design.seeds),
        "runs": design.n_runs,
        "steps": design.n_steps,
        "seconds": round(estimated_seconds(design, threads), 2),
        "bytes": bytes_of(design),
    }
    if as_json:
        put_json(cost)
    else:
        show(_cost_lines(design, cost))


def _cost_lines(design: "StudyDesign", cost: dict[str, Any]) -> list[str]:
    names = cost["conditions"]
    return [
        design.title or "A study",
        f"{quantity(len(names), 'condition')}: {listing(names, '; ', 8)}",
        f"{quantity(cost['seeds'], 'seed')} each: {quantity(cost['runs'], 'run')}, {quantity(cost['steps'], 'step')} in all",
        f"about {duration(cost['seconds'])} on this machine, and {size_of(cost['bytes'])} on the disk",
    ]
