"""`headlab homework build`: the files that an assignment is handed out and graded with."""

from pathlib import Path

import click

from headlab.cli.help import Command
from headlab.cli.options import json_option
from headlab.cli.terminal import complain, output_folder, put_json, say
from headlab.files import path_text
from headlab.notation.numbers import size_of


@click.command(cls=Command)
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--out", type=click.Path(path_type=Path), metavar="DIR", help="The folder of the files.  [default: that of FILE]"
)
@json_option
def build(file: Path, out: Path | None, as_json: bool) -> None:
    """Write what an assignment is handed out and graded with.

    \b
    hw1.html         the lab with the questions, one file for students: no key is in it
    key.html         for you: each variant's right answers, and how hard it is
    hw1-scorm.zip    the same page for Moodle and other learning systems (SCORM 1.2)
    autograder.zip   for Gradescope: upload it as it is
    hw1.ipynb        the questions as a notebook, for nbgrader

    Every variant is trained first; one that is too hard or too easy, or whose answers are another's, ends this, and nothing is
    written. The same file gives the same bytes.
    """
    from headlab.report.handout.build import handout, other_assignment, write_all

    folder = output_folder(file.parent if out is None else out)
    files = handout(file)
    other = other_assignment(files, folder)
    paths = write_all(files, folder)
    if other is not None:
        complain(
            f"key.html and autograder.zip were those of {other!r}, and are replaced: give each assignment a folder, or --out"
        )
    if as_json:
        rows = zip(files, paths, strict=True)
        put_json({"files": [{"path": str(path), "bytes": len(item.content), "for": item.whom} for item, path in rows]})
        return
    width = max(len(path_text(path)) for path in paths)
    for item, path in zip(files, paths, strict=True):
        say(f"{path_text(path):{width}}  {size_of(len(item.content)):>8}  {item.whom}")
