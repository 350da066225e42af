"""`headlab homework new`, `check`: the assignment's file."""

import re
from pathlib import Path
from typing import Any

import click

from headlab.cli.help import Command
from headlab.cli.new_file import write_new
from headlab.cli.options import json_option, threads_option
from headlab.cli.terminal import progress_bar, put_json, show
from headlab.errors import ConfigError


@click.command(cls=Command)
@click.argument("file", type=click.Path(path_type=Path), default="hw1.toml")
@json_option
def new(file: Path, as_json: bool) -> None:
    """Write a commented assignment to hand out or to change.

    As it is, it is the notebook's two items: a run with good predictions and how it does it, and head sizes 10, 20 and 40.
    """
    from headlab.homework.assignment.template import template

    name = file.stem if re.fullmatch(r"[A-Za-z0-9_-]{1,40}", file.stem) else "hw1"
    write_new(file, "assignment", lambda: template(name), "headlab homework check", as_json=as_json)


@click.command(cls=Command)
@click.argument("file", type=click.Path(path_type=Path))
@threads_option
@json_option
def check(file: Path, threads: Any, as_json: bool) -> None:
    """List an assignment's problems, and what a student will see.

    All problems at once, each with its line; or the questions with what settles each, what may be changed, what a submission
    takes to grade, and how hard every variant is: its first runs are trained.
    """
    from headlab.homework.assignment.assignment import Assignment
    from headlab.homework.assignment.difficulty import Difficulty, cost_of_submission
    from headlab.homework.assignment.together import bytes_of_answer
    from headlab.report.terminal.assignment import assignment_blocks, difficulty_blocks

    found = Assignment.read(file)
    runs, seconds = cost_of_submission(found)
    size = bytes_of_answer(found)
    if not as_json:
        show(assignment_blocks(found, runs, seconds, size))
    with progress_bar("training every variant") as tell:
        difficulty = Difficulty.of(found, threads, tell)
    problems = difficulty.problems
    if as_json:
        cost = {"runs": runs, "seconds": round(seconds, 3), "bytes": size}
        tried = [item.to_dict() for item in difficulty.tried]
        put_json({**found.public(), "points": found.points, "cost": cost, "tried": tried, "problems": problems})
    else:
        show(difficulty_blocks(difficulty))
    if problems:
        raise ConfigError(problems)
