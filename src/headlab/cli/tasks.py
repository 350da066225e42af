"""`headlab tasks`: the names that stand for a dataset, wherever a file of sentences could stand."""

import click

from headlab.cli.help import Command
from headlab.cli.options import json_option
from headlab.cli.terminal import put_json, show


@click.command(cls=Command)
@json_option
def tasks(as_json: bool) -> None:
    """List the tasks: datasets that every command knows by name, in place of a file of sentences."""
    from headlab.report.json.tasks import tasks_json
    from headlab.report.terminal.tasks import tasks_blocks

    if as_json:
        put_json(tasks_json())
    else:
        show(tasks_blocks())
