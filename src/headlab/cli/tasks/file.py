"""`headlab tasks new`, `check`: a task of one's own, in a Python file."""

from pathlib import Path
from typing import Any

import click

from headlab.cli.help import Command
from headlab.cli.new_file import write_new
from headlab.cli.options import json_option, threads_option
from headlab.cli.terminal import put_json, show


@click.command(cls=Command)
@click.argument("file", type=click.Path(path_type=Path), default="mine.py")
@json_option
def new(file: Path, as_json: bool) -> None:
    """Write a commented task to fill in.

    As it is, it trains in seconds, and `headlab tasks check` has nothing to say against it.
    """
    from headlab.tasks.template import template

    write_new(file, "task", lambda: template(file.stem), "headlab tasks check", as_json=as_json)


@click.command(cls=Command)
@click.argument("file", type=click.Path(path_type=Path))
@threads_option
@json_option
def check(file: Path, threads: Any, as_json: bool) -> None:
    """List a task's problems, or what it will take.

    All problems at once, each with the file and the line where there is one: code that raises, arrays of other shapes, tokens
    outside the vocabulary, a sampler that gives something else when it is asked again, inputs that are not those that it
    draws, a batch that no memory holds, a goal that nothing can reach.
    """
    from headlab.report.json.tasks import cost_json
    from headlab.report.terminal.tasks import check_blocks
    from headlab.study.task_check import checked

    found = checked(file, threads)
    if as_json:
        put_json(cost_json(found))
    else:
        show(check_blocks(found))
