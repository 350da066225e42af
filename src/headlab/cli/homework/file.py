"""`headlab homework new`: the assignment's file."""

import re
from pathlib import Path

import click

from headlab.cli.help import Command
from headlab.cli.options import json_option, shell_word
from headlab.cli.terminal import output_path, tell_output
from headlab.errors import OutputError


@click.command(cls=Command)
@click.argument("file", type=click.Path(path_type=Path), default="hw1.toml")
@json_option
def new(file: Path, as_json: bool) -> None:
    """Write a commented assignment to hand out or to change.

    As it is, it is the notebook's two items: a run with good predictions and how it does it, and head sizes 10, 20 and 40.
    """
    from headlab.files import leads_to_stdout, write_output
    from headlab.homework.assignment.template import template

    if file.is_file() and not leads_to_stdout(file):
        raise OutputError(f"a new assignment must not be there yet, got {str(file)!r}: name another one")
    name = file.stem if re.fullmatch(r"[A-Za-z0-9_-]{1,40}", file.stem) else "hw1"
    write_output(output_path(file), template(name).encode())
    hint = f"   (check it with: headlab homework check {shell_word(file)})"
    tell_output(file, after=hint, as_json="file" if as_json else None)
