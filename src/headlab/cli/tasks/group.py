"""`headlab tasks`: known problems about heads, each with its published number run again, and one's own."""

import click

from headlab.cli.help import Group
from headlab.cli.options import json_option
from headlab.cli.tasks.file import check, new
from headlab.cli.tasks.listing import list_tasks, listing, show
from headlab.cli.tasks.page import page
from headlab.cli.tasks.run import run
from headlab.errors import ConfigError


@click.group(cls=Group, invoke_without_command=True)
@json_option
@click.pass_context
def tasks(ctx: click.Context, as_json: bool) -> None:
    """The gallery: known problems about heads, each with its published number run again.

    \b
    headlab tasks                     all of them, with their badges
    headlab tasks show induction      what is known of one, and where it stands
    headlab tasks run induction       trains it: does the published number hold here?
    headlab tasks page                all of them as one HTML file, to look at and to train in
    headlab tasks new mine.py         a commented file to fill in, with a task of your own
    headlab tasks check mine.py       everything that is wrong with it
    headlab tasks run mine.py         the same machinery

    A task's name, or file, stands wherever a file of sentences could: `headlab train induction`.
    """
    if ctx.invoked_subcommand is None:
        list_tasks(as_json)
    elif as_json:
        raise ConfigError("--json must follow the command that prints it, got it before: write it at the end")


for command in (listing, show, run, page, new, check):
    tasks.add_command(command)
