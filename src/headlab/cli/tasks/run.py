"""`headlab tasks run`: does the published number hold here?"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from headlab.cli.ahead import importing
from headlab.cli.figure import figure_path, write_figure
from headlab.cli.help import Command
from headlab.cli.options import json_option, seed_list, threads_option, training_seconds
from headlab.cli.terminal import output_folder, progress_bar, put_json, show, tell_output

if TYPE_CHECKING:
    from headlab.study.reproduction import Reproduction


@click.command(cls=Command)
@click.argument("name")
@click.option(
    "--seeds", help="A seed, a range like 0:8, or a list like 1,5,9.  [default: as many as its numbers are stated for]"
)
@click.option(
    "--recipe", metavar="NAME", help="How it is trained: `headlab tasks show` lists them.  [default: the first]"
)
@click.option("--save", type=click.Path(path_type=Path), help="Folder for run.json and weights.safetensors.")
@click.option("--figure", type=click.Path(path_type=Path), help="Draw what came of it into a .pdf, .png or .svg file.")
@threads_option
@json_option
def run(
    name: str,
    seeds: str | None,
    recipe: str | None,
    save: Path | None,
    figure: Path | None,
    threads: Any,
    as_json: bool,
) -> None:
    """Train a task, and say whether its published number holds here.

    NAME is one of the list, or a task's file (mine.py). Prints the badge with every number that is known beside the one that
    came out, how the runs learned, and where the best one looks.
    """
    with importing():
        from headlab.report.json.tasks import reproduction_json
        from headlab.report.terminal.reproduction import reproduction_blocks
        from headlab.study.reproduction import plan, reproduce
        from headlab.study.task_check import sound
        from headlab.tasks.door import named_task
        from headlab.tasks.own import is_task_file

    task = sound(Path(name)) if is_task_file(name) else named_task(name)
    chosen = plan(task, recipe, None if seeds is None else seed_list(seeds))
    folder = None if save is None else output_folder(save)
    target = None if figure is None else figure_path(figure)

    def expected() -> float:
        return training_seconds(task.dataset, chosen.model, chosen.training, len(chosen.seeds), threads)

    with progress_bar("training", expected=expected) as progress:
        done = reproduce(chosen, threads=threads, progress=progress)
    if folder is not None:
        done.runs.save(folder)
    if target is not None:
        _draw(done, target)
    if as_json:
        put_json(reproduction_json(done))
        return
    show(reproduction_blocks(done))
    for path, before in ((folder, "saved in "), (target, "figure: ")):
        if path is not None:
            tell_output(path, before)


def _draw(done: "Reproduction", target: Path) -> None:
    from headlab.report.figures.reproduction import reproduction_figure

    write_figure(target, reproduction_figure(done))
