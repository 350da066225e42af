"""`headlab report`: the HTML page of saved runs, or of a study."""

from pathlib import Path
from typing import Any

import click

from headlab.cli.ahead import importing
from headlab.cli.help import Command
from headlab.cli.options import REPORT, json_option, number_or_text, shell_word
from headlab.cli.terminal import output_path, tell_output
from headlab.errors import ConfigError


@click.command(cls=Command)
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "--run", "number", type=number_or_text, metavar="NUMBER", help="The run shown.  [default: the first solved one]"
)
@click.option("--factor", help="Of a study: the field that names the conditions.  [default: the one that differs]")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), default=REPORT, show_default=True, help="The HTML report."
)
@json_option
def report(folder: Path, number: Any, factor: str | None, output: Path, as_json: bool) -> None:
    """Write the HTML report of saved runs, or of a study.

    FOLDER is what `headlab train --save` or `headlab study run` wrote.
    """
    file = (_study_report if (folder / "study.json").exists() else _runs_report)(folder, number, factor, output)
    tell_output(file, as_json="report" if as_json else None)


def _study_report(folder: Path, number: Any, factor: str | None, output: Path) -> Path:
    with importing():
        from headlab.report.html import study as study_page
        from headlab.study.study import Study

    if number is not None:
        raise ConfigError(f"--run must go with saved runs, and {str(folder)!r} is a study: leave it out")
    return study_page.write(Study(folder), output_path(output), factor)


def _runs_report(folder: Path, number: Any, factor: str | None, output: Path) -> Path:
    with importing():
        from headlab.homework.exercise import Exercise
        from headlab.report.html import homework as page
        from headlab.report.words.commands import RunCommands
        from headlab.runs.runs import Runs

    if factor is not None:
        raise ConfigError(f"--factor must go with a study, and {str(folder)!r} is none: leave it out")
    runs = Runs.load(folder)
    shown = Exercise.of(runs, number)
    return page.write(shown, output_path(output), RunCommands.of_folder(shell_word(folder), shown.run.number))
