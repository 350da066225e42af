"""The command line: one thin command a library verb. Only here are results printed and errors translated.

Exit status: 0 done, 1 the work failed, 2 the request was wrong, 130 interrupted.
"""

import os
import sys
from functools import partial
from pathlib import Path
from typing import Any

import click

from headlab.cli.exercise import exercise
from headlab.cli.explain import explain
from headlab.cli.export import export
from headlab.cli.help import Group
from headlab.cli.lab import lab
from headlab.cli.options import (
    MODEL_HELP,
    REPORT,
    TRAINING_HELP,
    configurations,
    corpus_options,
    field_options,
    json_option,
    plain,
    read_corpus,
    seed_list,
    shell_word,
    steps_option,
    threads_option,
    training_seconds,
)
from headlab.cli.predict import predict
from headlab.cli.study import study
from headlab.cli.terminal import (
    complain,
    discard,
    open_streams,
    progress_bar,
    put_json,
    saveable,
    say,
    show,
    writable,
    written,
)
from headlab.config import ModelConfig, TrainConfig
from headlab.errors import ConfigError, HeadlabError


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="headlab")
def cli() -> None:
    """headlab, the laboratory for attention heads.

    Start with `headlab exercise`: it trains the notebook's model and answers the homework.
    """


def main() -> None:
    """Run the command line; every error becomes one sentence on standard error (HEADLAB_DEBUG=1: a traceback)."""
    from headlab.errors import OutputError

    open_streams()
    try:
        status = cli.main(standalone_mode=False) or 0
        sys.stdout.flush()
    except click.exceptions.NoArgsIsHelpError as error:
        say(error.format_message(), err=True)
        status = 2
    except click.ClickException as error:
        complain(error.format_message())
        status = 2
    except HeadlabError as error:
        complain(str(error))
        refused = 1 if isinstance(error, OutputError) and error.__cause__ else 2
        status = getattr(error, "exit_status", refused)
    except (KeyboardInterrupt, click.Abort) as error:
        reason = error.__cause__ if isinstance(error, click.Abort) and error.__cause__ else error
        complain(str(reason) or "interrupted")
        status = 128 + int(getattr(reason, "signal_number", 2))
    except BrokenPipeError:  # the reader, `head` say, has seen enough
        discard(sys.stdout)
        status = 0
    except SystemExit:  # Rich's way of saying the same
        status = 0
    except MemoryError:
        complain("the work must fit in memory, and it did not: take fewer runs, or record less (--record none)")
        status = 1
    except Exception as error:
        if os.environ.get("HEADLAB_DEBUG"):
            raise
        discard(sys.stdout)
        complain(f"the work failed ({type(error).__name__}: {error}): HEADLAB_DEBUG=1 headlab … shows where")
        status = 1
    sys.exit(status)


cli.add_command(exercise)


@cli.command()
@corpus_options
@click.option("--seeds", default="0", show_default=True, help="A seed, a range like 0:1000, or a list like 1,5,9.")
@click.option("--save", type=click.Path(path_type=Path), help="Folder for run.json and weights.safetensors.")
@click.option("--record", default="all", show_default=True, help="Steps whose loss is kept: all, log or none.")
@steps_option
@field_options(ModelConfig, MODEL_HELP)
@field_options(TrainConfig, TRAINING_HELP)
@threads_option
@json_option
def train(seeds: str, save: Path | None, record: str, as_json: bool, **options: Any) -> None:
    """Train one run or thousands, and save them.

    FILE holds one sentence a line (`-` reads standard input); without it, the notebook's two sentences are used.
    """
    from headlab import TrainingInterrupted
    from headlab import train as train_runs
    from headlab.report.screen import runs_blocks, runs_json

    model, training = configurations(options)
    corpus, numbers = read_corpus(options), seed_list(seeds)
    target = None if save is None else saveable(save)
    interrupted = None
    expected = partial(training_seconds, corpus, model, training, len(numbers), **options)
    with progress_bar("training", expected=expected) as progress:
        try:
            runs = train_runs(corpus, model, training, seeds=numbers, record=record, progress=progress, **options)
        except TrainingInterrupted as error:
            interrupted, runs = error, error.runs
    if target is not None and len(runs):
        runs.save(target)
    if as_json:
        put_json(runs_json(runs))
    else:
        show(runs_blocks(runs))
        if target is not None and len(runs):
            written(target, "saved in ")
    if interrupted is not None:
        raise interrupted


cli.add_command(predict)
cli.add_command(explain)
cli.add_command(study)
cli.add_command(lab)


@cli.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--run", "number", type=plain, metavar="NUMBER", help="The run shown.  [default: the first solved one]")
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
    written(file, as_json="report" if as_json else None)


def _study_report(folder: Path, number: Any, factor: str | None, output: Path) -> Path:
    from headlab.report import study_page
    from headlab.study.study import Study

    if number is not None:
        raise ConfigError(f"--run must go with saved runs, and {str(folder)!r} is a study: leave it out")
    return study_page.write(Study(folder), writable(output), factor)


def _runs_report(folder: Path, number: Any, factor: str | None, output: Path) -> Path:
    from headlab.report import page
    from headlab.report.exercise import of_runs
    from headlab.runs import Runs

    if factor is not None:
        raise ConfigError(f"--factor must go with a study, and {str(folder)!r} is none: leave it out")
    runs = Runs.load(folder)
    shown = of_runs(runs, number)
    shown = shown.called(f"headlab explain {shell_word(folder)} --run {shown.run.number}")
    return page.write(shown, writable(output))


cli.add_command(export)
