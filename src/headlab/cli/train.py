"""`headlab train`: one run or thousands, and their folder."""

from functools import partial
from pathlib import Path
from typing import Any

import click

from headlab.cli.ahead import importing
from headlab.cli.help import Command
from headlab.cli.options import (
    corpus_options,
    json_option,
    seed_list,
    setting_options,
    settings_asked,
    threads_option,
    training_seconds,
)
from headlab.cli.phases import phase_options, with_phases
from headlab.cli.terminal import output_folder, progress_bar, put_json, show, tell_output


@click.command(cls=Command)
@corpus_options
@click.option("--seeds", help="A seed, a range like 0:1000, or a list like 1,5,9.  [default: 0, or a link's]")
@click.option("--save", type=click.Path(path_type=Path), help="Folder for run.json and weights.safetensors.")
@click.option("--record", default="all", show_default=True, help="Steps whose loss is kept: all, log or none.")
@phase_options
@setting_options
@threads_option
@json_option
@click.pass_context
def train(
    ctx: click.Context,
    /,
    seeds: str | None,
    save: Path | None,
    record: str,
    thens: tuple[str, ...],
    forks: tuple[str, ...],
    as_json: bool,
    **options: Any,
) -> None:
    """Train one run or thousands, and save them.

    FILE holds one sentence a line (`-` reads standard input), is the name of a task, a task's file (mine.py), or a link of the
    lab, in quotes: '#d_head=5&seed=12'; without it, the task `notebook`. A task is trained by its usual recipe.
    Every setting but dtype may change on the way, and weights may be frozen: --then adds steps, --fork changes those that
    there are. A learning rate that is not given goes on from where it is.
    """
    with importing():
        from headlab import TrainingInterrupted
        from headlab import train as train_runs
        from headlab.report.json.runs import runs_json
        from headlab.report.terminal.runs import runs_blocks
        from headlab.tasks.door import usual_recipe

    dataset, model, training, linked = settings_asked(ctx, options)
    training = with_phases(training, thens, forks)
    numbers = linked or [0] if seeds is None else seed_list(seeds)
    target = None if save is None else output_folder(save)
    interrupted = None
    expected = partial(training_seconds, dataset, model, training, len(numbers), **options)
    with progress_bar("training", expected=expected) as progress:
        try:
            start = usual_recipe(dataset).begins(numbers)
            runs = train_runs(dataset, model, training, record=record, progress=progress, **start, **options)
        except TrainingInterrupted as error:
            interrupted, runs = error, error.runs
    if target is not None and len(runs):
        runs.save(target)
    if as_json:
        put_json(runs_json(runs))
    else:
        show(runs_blocks(runs))
        if target is not None and len(runs):
            tell_output(target, "saved in ")
    if interrupted is not None:
        raise interrupted
