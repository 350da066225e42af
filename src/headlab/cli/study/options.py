"""What several commands of `headlab study` take."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from headlab.cli.options import threads_option

folder_argument = click.argument("folder", type=click.Path(path_type=Path))
task_option = click.option(
    "--task", multiple=True, metavar="FILE", help="A task's file (mine.py) that the study was begun with."
)


def training_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add what says who trains a study: --join, --cluster, --threads."""
    command = threads_option(command)
    command = click.option("--cluster", metavar="ADDRESS", help="Run on a Dask cluster, like tcp://127.0.0.1:8786.")(
        command
    )
    return click.option("--join", is_flag=True, help="Help a process that is running this study.")(command)
