"""`headlab export`: saved runs as tables for other programs."""

from pathlib import Path
from typing import Any

import click

from headlab.cli.ahead import importing
from headlab.cli.help import Command
from headlab.cli.options import json_option, number_or_text, safe_cells_option
from headlab.cli.terminal import output_path, put_csv, put_json


@click.command(cls=Command)
@click.argument("folder", type=click.Path(path_type=Path))
@click.argument("table", default="runs")
@click.option(
    "--run",
    "number",
    type=number_or_text,
    default=0,
    metavar="NUMBER",
    show_default=True,
    help="The run, where one is shown.",
)
@click.option("-o", "--output", type=click.Path(path_type=Path), help="A file instead of the screen.")
@safe_cells_option
@json_option
def export(folder: Path, table: str, number: Any, output: Path | None, safe_cells: bool, as_json: bool) -> None:
    """Print a table of saved runs as CSV or JSON, unrounded.

    FOLDER is what `headlab train --save` wrote; TABLE is one of these.

    \b
    of all runs
      runs           a row a run: seed, outcome, final loss, solved, grade
      loss           a row a recorded step, a column a run
      mechanisms     a row a run: loss, solved, grade, mechanism, pattern share
      census         a row a mechanism: how many runs, a run to look at
      minimal        a row a run, dependency and ablation: how many minimal sets
                     of parts suffice, and which
      association    P(next token | token): a row a token, a column a token
      shapes         a row a weight: its shape and number of parameters
    of one run, --run
      predictions    a row a position, a column a token: sigmoid outputs
      attention      a row a query position of each layer and head
      weights        a row a number: weight, layer, head, row, column, value
      scores         a row a head: previous token, prefix matching, copying …
      circuits       a row a pair of tokens or positions: what QK and OV give
      contributions  a row a part of each dependency's logit difference
      explanations   a row a part, with what became of it without that part
      sentences      a row a dependency: what is said of it, and what else may be

    Sentences count from 1, positions, layers, heads, rows, columns from 0. Predictions, attention and association name a token
    by its label, all other tables by its word; it gets _ behind it where another column has that name. Both forms hold the
    same numbers, in full: read as float64 (or float32, where it was trained so), they equal the run's. What is missing or not
    finite is null in JSON and empty in CSV. CSV is UTF-8 with TRUE and FALSE.
    """
    with importing():
        from headlab.files import write_output
        from headlab.notation.csv_text import csv_text
        from headlab.report.export import table_of
        from headlab.report.json.values import json_text, records
        from headlab.runs.runs import load

    target = None if output is None else output_path(output)
    frame = table_of(load(folder), table, number)
    if target is not None:
        text = json_text(records(frame)) + "\n" if as_json else csv_text(frame, safe=safe_cells)
        write_output(target, text.encode(errors="backslashreplace"))
    elif as_json:
        put_json(records(frame))
    else:
        put_csv(csv_text(frame, safe=safe_cells))
