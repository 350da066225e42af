"""`headlab tasks list`, `show`: what the gallery holds, and what came of it."""

import click

from headlab.cli import terminal
from headlab.cli.help import Command
from headlab.cli.options import json_option
from headlab.cli.terminal import put_json


def list_tasks(as_json: bool) -> None:
    """Print all tasks."""
    from headlab.report.json.tasks import tasks_json
    from headlab.report.terminal.tasks import tasks_blocks

    if as_json:
        put_json(tasks_json())
    else:
        terminal.show(tasks_blocks())


@click.command("list", cls=Command)
@json_option
def listing(as_json: bool) -> None:
    """List the tasks with their badges.

    A badge is of the gallery's last run, whose date and machine are said: `reproduced` where every published and every exact
    number came out within its tolerance over the seeds that it is stated for.
    """
    list_tasks(as_json)


@click.command(cls=Command)
@click.argument("name")
@json_option
def show(name: str, as_json: bool) -> None:
    """Say everything that is known of a task.

    NAME is one of the list, or a task's file (mine.py). What it is about, its source, an example, its recipes, the numbers
    that are known, and those of the gallery's last run.
    """
    from headlab.report.json.tasks import task_json
    from headlab.report.terminal.tasks import task_blocks
    from headlab.tasks.door import named_task

    task = named_task(name)
    if as_json:
        put_json(task_json(task))
    else:
        terminal.show(task_blocks(task))
