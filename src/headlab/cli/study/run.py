"""`headlab study run`, `resume`, `status`: training what is missing, and how far it is."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from headlab.cli.help import Command
from headlab.cli.options import json_option, shell_word
from headlab.cli.study.options import folder_argument, task_option, training_options
from headlab.cli.terminal import complain, progress_bar, put_json, say
from headlab.errors import ConfigError
from headlab.notation.numbers import duration, quantity

if TYPE_CHECKING:
    from headlab.study.study import Study

FAILED_RUNS = 3
MOST_NAMED = 5  # damaged files, one a line


@click.command(cls=Command)
@click.argument("source", metavar="FILE", type=click.Path(path_type=Path))
@click.option("--into", type=click.Path(path_type=Path), help="The study's folder.  [default: FILE without .toml]")
@task_option
@training_options
@json_option
def run(
    source: Path,
    into: Path | None,
    task: tuple[str, ...],
    join: bool,
    cluster: str | None,
    threads: Any,
    as_json: bool,
) -> None:
    """Train what is missing of a study.

    FILE is a study file, or the folder of a study that was begun. Finished runs are never trained again. Ctrl-C stops after
    the runs in hand, which are kept; a second one stops at once.
    """
    from headlab.study.design import StudyDesign
    from headlab.study.study import Study

    _read(task)
    if source.is_dir():
        if into is not None:
            raise ConfigError("--into must go with a study file, got a folder: leave it out")
        chosen = Study(source)
    else:
        design = StudyDesign.from_toml(source)
        chosen = Study.at(into or _folder_of(source), design)
    _run(chosen, join, cluster, threads, as_json)


def _read(files: Iterable[str]) -> None:
    """Read files of tasks, which a study's folder knows by name alone."""
    from headlab.tasks.door import named_task

    for file in files:
        named_task(file)


def _folder_of(file: Path) -> Path:
    if file.suffix.lower() != ".toml":  # lr0.01 is a name, and .01 no kind of file
        raise ConfigError(
            f"--into must name the study's folder where the file's name does not end in .toml, got {str(file)!r} alone: add it"
        )
    return file.with_suffix("")


@click.command(cls=Command)
@folder_argument
@task_option
@training_options
@json_option
def resume(folder: Path, task: tuple[str, ...], join: bool, cluster: str | None, threads: Any, as_json: bool) -> None:
    """Go on with a study that was begun."""
    from headlab.study.study import Study

    _read(task)
    _run(Study(folder), join, cluster, threads, as_json)


def _run(chosen: "Study", join: bool, cluster: str | None, threads: Any, as_json: bool) -> None:
    from headlab.study.cost import estimated_seconds

    status = chosen.status()
    done = 1 - status.to_train / status.of

    def expected() -> float:
        return 0.0 if cluster else (1 - done) * estimated_seconds(chosen.design, threads)

    with progress_bar("training", status.of, expected) as progress:
        progress(done)
        trained = chosen.run(threads=threads, progress=progress, join=join, cluster=cluster)
    status = chosen.status()
    if as_json:
        put_json({"trained": trained, **_status(status)})
    else:
        say(f"{quantity(trained, 'run')} trained; {status.runs:,} of {status.of:,} are in {chosen.folder}")
        say(f"the answer: headlab study show {shell_word(chosen.folder)}")
    if status.failed:
        names = ", ".join(f"seed {seed} of condition {condition}" for condition, seed in status.failed[:5])
        complain(f"{quantity(len(status.failed), 'run')} could not be trained: {names}")
        click.get_current_context().exit(FAILED_RUNS)


@click.command(cls=Command)
@folder_argument
@json_option
def status(folder: Path, as_json: bool) -> None:
    """Say how far a study is, and who is running it."""
    from headlab.study.study import Study

    now = Study(folder).status()
    if as_json:
        put_json(_status(now))
        return
    for name, runs in now.by_condition.items():
        say(f"{name:32} {runs:>9,} {'run' if runs == 1 else 'runs'}")
    who = f"running: {now.running}" if now.running else "nobody is running it"
    say(f"{now.runs:,} of {quantity(now.of, 'run')}, {duration(now.seconds)} of training; {who}")
    if lacking := sum(now.lacking.values()):
        say(
            f"{quantity(lacking, 'finished run')} {'lacks' if lacking == 1 else 'lack'} something that is kept now: run the study"
        )
    if not now.current:
        say(f"an older headlab began it: it is shown, not run further; its successor: {_successor(folder)}")
    if now.damaged:
        files = "1 damaged file was" if now.damaged == 1 else f"{now.damaged:,} damaged files were"
        say(f"{files} set aside, in {folder / 'damaged'}; run the study to train again what is missing:")
        for name in now.set_aside[:MOST_NAMED]:
            say(f"  {name}")
        if now.damaged > MOST_NAMED:
            say(f"  and {now.damaged - MOST_NAMED:,} more")
    for condition, seed in now.failed:
        say(f"could not be trained: seed {seed} of condition {condition}")


def _successor(folder: Path) -> str:
    return f"headlab study new --like {shell_word(folder)}"


def _status(now: Any) -> dict[str, Any]:
    return {
        **vars(now),
        "to_train": now.to_train,
        "failed": [{"condition": name, "seed": seed} for name, seed in now.failed],
    }
