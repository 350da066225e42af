"""`headlab study show`, `compare`, `export`, `sql`: what a study answers."""

from pathlib import Path

import click

from headlab.cli import terminal
from headlab.cli.figure import figure_path, write_figure
from headlab.cli.help import Command
from headlab.cli.options import json_option, safe_cells_option
from headlab.cli.study.options import folder_argument
from headlab.cli.terminal import output_path, put_csv, put_json, tell_output


@click.command(cls=Command)
@folder_argument
@click.option("--factor", help="The field that names the conditions.  [default: the one that differs]")
@click.option("--figure", type=click.Path(path_type=Path), help="Draw the answer into a .pdf, .png or .svg file.")
@json_option
def show(folder: Path, factor: str | None, figure: Path | None, as_json: bool) -> None:
    """Print the answer of a study.

    Solved shares and losses, mechanisms, and what can be concluded from how many runs.
    """
    from headlab.report.json.study import study_json
    from headlab.report.terminal.study import study_blocks
    from headlab.study.study import Study

    chosen = Study(folder)
    answer = chosen.answer(factor)
    if figure is not None:
        from headlab.report.figures import studies as figures

        target = figure_path(figure)
        curves = chosen.curves() if "curves" in chosen.design.keep else None
        design = chosen.design
        write_figure(target, figures.answer_figure(answer, curves, design.floors, figures.about_study(design)))
    if as_json:
        put_json(study_json(answer))
    else:
        terminal.show(study_blocks(answer, chosen.design, chosen.status()))
        if figure is not None:
            tell_output(figure, "\nFigure: ")


@click.command(cls=Command)
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

    answer = Study(folder).answer(factor)
    if as_json:
        put_json(comparison_json(answer))
    else:
        terminal.show(comparison_blocks(answer))


@click.command(cls=Command)
@folder_argument
@click.argument("output", type=click.Path(path_type=Path))
@json_option
def export(folder: Path, output: Path, as_json: bool) -> None:
    """Write the table of runs as .csv or .parquet.

    One row a run; the same study gives the same bytes, wherever its runs were trained.
    """
    from headlab.study.study import Study

    tell_output(Study(folder).export(output_path(output)), as_json="file" if as_json else None)


@click.command(cls=Command)
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
