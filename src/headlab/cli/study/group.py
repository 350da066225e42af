"""`headlab study`: conditions × seeds, kept safe on disk, and the answer with its uncertainty."""

import click

from headlab.cli.help import Group
from headlab.cli.study.answer import compare, export, show, sql
from headlab.cli.study.change import drop, extend, gc, rename
from headlab.cli.study.file import check, new
from headlab.cli.study.run import resume, run, status


@click.group(cls=Group)
def study() -> None:
    """Train conditions × seeds, keep every run safe, and answer with its uncertainty.

    \b
    headlab study new study.toml      a commented file to fill in
    headlab study check study.toml    everything that is wrong with it, and what it will cost
    headlab study run study.toml      trains what is missing; stop it at any time, run it again to go on
    headlab study show study          the answer

    Exit status: 0 done, 1 the work failed (a full disk, say), 2 the request was wrong, 3 some runs could not be trained,
    75 another process is running the study, 130 or 143 interrupted.
    """


for command in (new, check, run, resume, status, extend, rename, drop, show, compare, export, sql, gc):
    study.add_command(command)
