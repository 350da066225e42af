"""`headlab homework`: an assignment written, handed out as one file, and graded by running it again."""

import click

from headlab.cli.help import Group
from headlab.cli.homework.build import build
from headlab.cli.homework.file import check, new
from headlab.cli.homework.grade import grade


@click.group(cls=Group)
def homework() -> None:
    """Hand out a homework as one file, and grade it by running it again.

    \b
    headlab homework new hw1.toml      a commented file: the notebook's two items, ready to hand out
    headlab homework check hw1.toml    everything that is wrong with it, and what a student will see
    headlab homework build hw1.toml    hw1.html for students, key.html for you, and what learning systems take
    headlab homework grade hw1.toml submissions/
                                       a table, and your gradebook filled

    Exit status: 0 done, 1 the work failed (a full disk, say), 2 the request was wrong.
    """


for command in (new, check, build, grade):
    homework.add_command(command)
