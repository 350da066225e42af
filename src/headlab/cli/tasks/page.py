"""`headlab tasks page`: the gallery as one file."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import click

from headlab.cli.ahead import importing
from headlab.cli.help import Command
from headlab.cli.options import json_option, shell_word, threads_option
from headlab.cli.terminal import output_path, progress_bar, tell_output
from headlab.errors import ConfigError, Problem

NAME = "gallery.html"


@click.command(cls=Command)
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("-o", "--output", type=click.Path(path_type=Path), default=NAME, show_default=True, help="The HTML file.")
@threads_option
@json_option
def page(names: tuple[str, ...], output: Path, threads: Any, as_json: bool) -> None:
    """Write the gallery as one HTML file.

    NAMEs are of the list, or tasks' files (mine.py); all of the list when left out. The file needs no server and no network: a
    task with a small table trains in it, of any other there is a recording of one run to scrub through. A task's file is run
    first, over the seeds that its numbers are stated for.
    """
    with importing():
        from headlab.config.record import gathered
        from headlab.files import write_output
        from headlab.report.html.gallery import gallery_page
        from headlab.report.json.gallery import Shown, page_json
        from headlab.tasks import tasks
        from headlab.tasks.door import named_task

    problems: list[Problem] = []
    chosen = {name: gathered(problems, partial(named_task, name)) for name in names or tasks}
    if problems:
        raise ConfigError(problems)
    target = output_path(output)

    def shown() -> Iterator[Shown]:
        for name, task in chosen.items():
            assert task is not None  # otherwise there were problems
            if tasks.get(name) is task:
                yield Shown.of(task)
                continue
            with progress_bar(f"training {task.name}") as progress:
                yield Shown.trained(task, shell_word(name), threads, progress)

    write_output(target, gallery_page(lambda: page_json(shown())).encode())
    tell_output(target, as_json="path" if as_json else None)
