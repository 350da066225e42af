"""`headlab study`: conditions × seeds, kept safe on disk, and the answer with its uncertainty."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from headlab.cli.help import Group
from headlab.cli.options import json_option, safe_cells_option, shell_word, threads_option
from headlab.cli.terminal import (
    complain,
    progress_bar,
    put_csv,
    put_json,
    say,
    show,
    tell_notes,
    writable,
    written,
)
from headlab.errors import ConfigError, OutputError
from headlab.notation.numbers import counted, duration, size_of
from headlab.notation.values import listed

if TYPE_CHECKING:
    from headlab.study.design import StudyDesign
    from headlab.study.study import Study

FAILED_RUNS = 3
MOST_NAMED = 5  # damaged files, one a line
FIGURES = (".pdf", ".png", ".svg")

folder_argument = click.argument("folder", type=click.Path(path_type=Path))


@click.group(cls=Group)
def study() -> None:
    """Train conditions × seeds, keep every run safe, and answer with its uncertainty.

    \b
    headlab study new study.toml      a commented file to fill in
    headlab study check study.toml    everything that is wrong with it, and what it will cost
    headlab study run study.toml      trains what is missing; stop it at any time, run it again to go on
    headlab study show study          the answer

    Exit status: 0 done, 1 the work failed (a full disk, say), 2 the request was wrong, 3 some runs could not be trained,
    75 another process is running the study, 130 or 143 interrupted.
    """


@study.command()
@click.argument("file", type=click.Path(path_type=Path), default="study.toml")
@json_option
def new(file: Path, as_json: bool) -> None:
    """Write a commented study file to fill in.

    As it is, it is the homework's second item, with 1,000 runs a head size.
    """
    from headlab.files import leads_to_stdout, write_output
    from headlab.study.design import TEMPLATE

    if file.is_file() and not leads_to_stdout(file):
        raise OutputError(f"a new study file must not be there yet, got {str(file)!r}: name another one")
    write_output(writable(file), TEMPLATE.encode())
    hint = f"   (check it with: headlab study check {shell_word(file)})"
    written(file, after=hint, as_json="file" if as_json else None)


@study.command()
@click.argument("file", type=click.Path(path_type=Path))
@threads_option
@json_option
def check(file: Path, threads: Any, as_json: bool) -> None:
    """List a study file's problems, or its cost.

    All problems at once; or how many runs and steps, how many seconds on this machine, how many bytes on the disk.
    """
    from headlab.study.chunks import bytes_of
    from headlab.study.design import StudyDesign
    from headlab.study.execution import estimated_seconds

    design = StudyDesign.from_toml(file)
    tell_notes(design.corpus)
    cost = {
        "conditions": [condition.name for condition in design.conditions],
        "seeds": len(design.seeds),
        "runs": design.n_runs,
        "steps": design.n_steps,
        "seconds": round(estimated_seconds(design, threads), 2),
        "bytes": bytes_of(design),
    }
    if as_json:
        put_json(cost)
    else:
        show(_cost_lines(design, cost))


def _cost_lines(design: "StudyDesign", cost: dict[str, Any]) -> list[str]:
    names = cost["conditions"]
    return [
        design.title or "A study",
        f"{counted(len(names), 'condition')}: {listed(names, '; ', 8)}",
        f"{counted(cost['seeds'], 'seed')} each: {counted(cost['runs'], 'run')}, {counted(cost['steps'], 'step')} in all",
        f"about {duration(cost['seconds'])} on this machine, and {size_of(cost['bytes'])} on the disk",
    ]


@study.command()
@click.argument("source", metavar="FILE", type=click.Path(path_type=Path))
@click.option("--into", type=click.Path(path_type=Path), help="The study's folder.  [default: FILE without .toml]")
@click.option("--join", is_flag=True, help="Help a process that is running this study.")
@click.option("--cluster", metavar="ADDRESS", help="Run on a Dask cluster, like tcp://127.0.0.1:8786.")
@threads_option
@json_option
def run(source: Path, into: Path | None, join: bool, cluster: str | None, threads: Any, as_json: bool) -> None:
    """Train what is missing of a study.

    FILE is a study file, or the folder of a study that was begun. Finished runs are never trained again. Ctrl-C stops after
    the runs in hand, which are kept; a second one stops at once.
    """
    from headlab.study.design import StudyDesign
    from headlab.study.study import Study

    if source.is_dir():
        if into is not None:
            raise ConfigError("--into must go with a study file, got a folder: leave it out")
        chosen = Study(source)
    else:
        design = StudyDesign.from_toml(source)
        chosen = Study.at(into or _folder_of(source), design)
    _run(chosen, join, cluster, threads, as_json)


def _folder_of(file: Path) -> Path:
    if file.suffix.lower() != ".toml":  # lr0.01 is a name, and .01 no kind of file
        raise ConfigError(
            f"--into must name the study's folder where the file's name does not end in .toml, got {str(file)!r} alone: add it"
        )
    return file.with_suffix("")


@study.command()
@folder_argument
@click.option("--join", is_flag=True, help="Help a process that is running this study.")
@click.option("--cluster", metavar="ADDRESS", help="Run on a Dask cluster, like tcp://127.0.0.1:8786.")
@threads_option
@json_option
def resume(folder: Path, join: bool, cluster: str | None, threads: Any, as_json: bool) -> None:
    """Go on with a study that was begun."""
    from headlab.study.study import Study

    _run(Study(folder), join, cluster, threads, as_json)


def _run(chosen: "Study", join: bool, cluster: str | None, threads: Any, as_json: bool) -> None:
    from headlab.study.execution import estimated_seconds

    status = chosen.status()
    done = status.runs / status.of

    def expected() -> float:
        return 0.0 if cluster else (1 - done) * estimated_seconds(chosen.design, threads)

    with progress_bar("training", status.of, expected) as progress:
        progress(done)
        trained = chosen.run(threads=threads, progress=progress, join=join, cluster=cluster)
    status = chosen.status()
    if as_json:
        put_json({"trained": trained, **_status(status)})
    else:
        say(f"{counted(trained, 'run')} trained; {status.runs:,} of {status.of:,} are in {chosen.store.folder}")
        say(f"the answer: headlab study show {shell_word(chosen.store.folder)}")
    if status.failed:
        names = ", ".join(f"seed {seed} of condition {condition}" for condition, seed in status.failed[:5])
        complain(f"{counted(len(status.failed), 'run')} could not be trained: {names}")
        click.get_current_context().exit(FAILED_RUNS)


@study.command()
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
    say(f"{now.runs:,} of {counted(now.of, 'run')}, {duration(now.seconds)} of training; {who}")
    if now.damaged:
        files = "1 damaged file was" if now.damaged == 1 else f"{now.damaged:,} damaged files were"
        say(f"{files} set aside, in {folder / 'damaged'}; run the study to train again what is missing:")
        for name in now.set_aside[:MOST_NAMED]:
            say(f"  {name}")
        if now.damaged > MOST_NAMED:
            say(f"  and {now.damaged - MOST_NAMED:,} more")
    for condition, seed in now.failed:
        say(f"could not be trained: seed {seed} of condition {condition}")


def _status(now: Any) -> dict[str, Any]:
    return {**vars(now), "failed": [{"condition": name, "seed": seed} for name, seed in now.failed]}


@study.command()
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
    left = now.of - now.runs
    if as_json:
        put_json({**facts, "runs": now.runs, "of": now.of, "to_train": left})
    else:
        next_ = (
            f"{counted(left, 'run')} to train: headlab study run" if left else "nothing to train: headlab study show"
        )
        say(f"{before}{next_} {shell_word(chosen.store.folder)}")


@study.command()
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


@study.command()
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


@study.command(name="show")
@folder_argument
@click.option("--factor", help="The field that names the conditions.  [default: the one that differs]")
@click.option("--figure", type=click.Path(path_type=Path), help="Draw the answer into a .pdf, .png or .svg file.")
@json_option
def show_command(folder: Path, factor: str | None, figure: Path | None, as_json: bool) -> None:
    """Print the answer of a study.

    Solved shares and losses, mechanisms, and what can be concluded from how many runs.
    """
    from headlab.files import write_output
    from headlab.report.json.study import study_json
    from headlab.report.terminal.study import study_blocks
    from headlab.study.study import Study

    chosen = Study(folder)
    summary = chosen.summary(factor)
    if figure is not None:
        from headlab.report.figures.drawing import image
        from headlab.report.figures.studies import about_study, answer

        kind = figure.suffix.lower()
        if kind not in FIGURES:
            raise OutputError(f"a figure must be one of {', '.join(FIGURES)}, got {str(figure)!r}: name one")
        target = writable(figure)
        curves = chosen.curves() if "curves" in chosen.design.keep else None
        design = chosen.design
        drawn = answer(summary, design.corpus, curves, design.models, about_study(design))
        write_output(target, image(drawn, kind.removeprefix(".")))
    if as_json:
        put_json(study_json(summary))
    else:
        show(study_blocks(summary, chosen.design, chosen.status()))
        if figure is not None:
            written(figure, "\nFigure: ")


@study.command()
@folder_argument
@click.option("--factor", help="The field that names the conditions.  [default: the one that differs]")
@json_option
def compare(folder: Path, factor: str | None, as_json: bool) -> None:
    """Compare every pair of conditions.

    Solved shares, the same seed by seed, and the median losses of solved runs, each with its interval.
    """
    from headlab.report.json.study import comparison_json
    from headlab.report.terminal.study import comparison_blocks
    from headlab.study.study import Study

    summary = Study(folder).summary(factor)
    if as_json:
        put_json(comparison_json(summary))
    else:
        show(comparison_blocks(summary))


@study.command(name="export")
@folder_argument
@click.argument("output", type=click.Path(path_type=Path))
@json_option
def export_command(folder: Path, output: Path, as_json: bool) -> None:
    """Write the table of runs as .csv or .parquet.

    One row a run; the same study gives the same bytes on machines that round alike.
    """
    from headlab.study.study import Study

    written(Study(folder).export(writable(output)), as_json="file" if as_json else None)


@study.command()
@folder_argument
@click.argument("query")
@safe_cells_option
@json_option
def sql(folder: Path, query: str, safe_cells: bool, as_json: bool) -> None:
    """Ask a study's tables in SQL, and print CSV.

    The tables are `runs`, one row a run, and `conditions`; the SQL is DuckDB's.
    """
    from headlab.notation.csv_text import csv_text
    from headlab.report.json.values import records
    from headlab.study.study import Study

    frame = Study(folder).sql(query, exact=True)
    if as_json:
        put_json(records(frame))
    else:
        put_csv(csv_text(frame, safe=safe_cells))


@study.command()
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
        say(f"{counted(len(removed), 'file')} removed")
