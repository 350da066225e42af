"""`headlab study extend`, `rename`, `drop`, `gc`: what changes a study's folder."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from headlab.cli.help import Command
from headlab.cli.options import json_option, shell_word
from headlab.cli.study.options import folder_argument
from headlab.cli.terminal import put_json, say
from headlab.errors import ConfigError
from headlab.notation.numbers import quantity

if TYPE_CHECKING:
    from headlab.study.study import Study


@click.command(cls=Command)
@folder_argument
@click.option("--seeds", help="Further seeds: a range like 1000:2000 or a list.")
@click.option("--file", type=click.Path(path_type=Path), help="A larger study file: more conditions, more seeds.")
@json_option
def extend(folder: Path, seeds: str | None, file: Path | None, as_json: bool) -> None:
    """Add seeds or conditions to a study.

    Finished runs stay as they are; `headlab study run` trains the others.
    """
    from headlab.study.design import StudyDesign
    from headlab.study.study import Study

    if (seeds is None) == (file is None):
        raise ConfigError("an extension must have either --seeds or --file, got both or none: give one of them")
    chosen = Study(folder)
    chosen.extend(seeds=seeds, design=None if file is None else StudyDesign.from_toml(file))
    _left(chosen, as_json)


def _left(chosen: "Study", as_json: bool, before: str = "", **facts: Any) -> None:
    now = chosen.status()
    left = now.to_train
    if as_json:
        put_json({**facts, "runs": now.runs, "of": now.of, "to_train": left})
    else:
        next_ = (
            f"{quantity(left, 'run')} to train: headlab study run" if left else "nothing to train: headlab study show"
        )
        say(f"{before}{next_} {shell_word(chosen.folder)}")


@click.command(cls=Command)
@folder_argument
@click.argument("title")
@json_option
def rename(folder: Path, title: str, as_json: bool) -> None:
    """Give a study another title.

    Finished runs stay as they are, and so does the folder's name.
    """
    from headlab.study.study import Study

    Study(folder).rename(title)
    if as_json:
        put_json({"title": title})
    else:
        say(f"{folder}   {title}")


@click.command(cls=Command)
@folder_argument
@click.argument("conditions", metavar="CONDITION...", nargs=-1, required=True)
@json_option
def drop(folder: Path, conditions: tuple[str, ...], as_json: bool) -> None:
    """Leave conditions out of a study.

    CONDITION is a name as `headlab study status` shows it, or an identity. Its finished runs count no longer; they stay on the
    disk, and count again when `headlab study extend` brings the condition back. `headlab study gc --dropped` removes them.
    """
    from headlab.study.study import Study

    chosen = Study(folder)
    names = chosen.drop(*conditions)
    rest = [condition.name for condition in chosen.design.conditions]
    _left(chosen, as_json, f"dropped: {'; '.join(names)}\n", dropped=list(names), conditions=rest)


@click.command(cls=Command)
@folder_argument
@click.option("--dropped", is_flag=True, help="The runs of conditions that were dropped as well.")
@json_option
def gc(folder: Path, dropped: bool, as_json: bool) -> None:
    """Remove what killed processes left behind.

    No finished run is touched, but for those of dropped conditions with --dropped.
    """
    from headlab.study.study import Study

    removed = Study(folder).collect_garbage(dropped=dropped)
    if as_json:
        put_json({"files": len(removed), "removed": [str(path) for path in removed]})
    else:
        say(f"{quantity(len(removed), 'file')} removed")
