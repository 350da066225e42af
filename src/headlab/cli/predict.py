"""`headlab predict`: what saved runs say comes after a text of one's own."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from headlab.cli.ahead import importing
from headlab.cli.help import Command
from headlab.cli.options import json_option, number_or_text
from headlab.cli.terminal import put_json, say, show
from headlab.errors import ConfigError, SelectionError
from headlab.notation.numbers import quantity
from headlab.notation.values import short_repr

if TYPE_CHECKING:
    from headlab.runs.models import Models
    from headlab.runs.runs import Runs


@click.command(cls=Command)
@click.argument("folder", metavar="RUN", type=click.Path(path_type=Path))
@click.argument("text")
@click.option(
    "--run", "number", type=number_or_text, metavar="NUMBER", help="The run asked.  [default: one that predicts well]"
)
@click.option("--all", "every", is_flag=True, help="Ask all runs: what each predicts, and the spread of probabilities.")
@click.option("--top", type=number_or_text, metavar="NUMBER", default=10, show_default=True, help="Tokens shown.")
@json_option
def predict(folder: Path, text: str, number: Any, every: bool, top: Any, as_json: bool) -> None:
    """Say what comes after a text that was not trained.

    RUN is a folder that `headlab train --save` wrote, or weights that the lab saved (.safetensors). TEXT begins a
    sentence in words of its vocabulary, like "man ordered the …"; the start token is put before it.
    """
    with importing():
        from headlab.report.json.runs import next_token_json
        from headlab.report.terminal.next_token import next_token_blocks
        from headlab.runs.runs import Run, Runs, load

    if isinstance(top, bool) or not isinstance(top, int) or top < 1:
        raise ConfigError(
            f"--top must be a whole number of at least 1, got {short_repr(top)}: say how many tokens to show"
        )
    if every and number is not None:
        raise ConfigError(f"--all must go without --run, got --run {number}: leave one of them out")
    runs = load(folder)
    if every:
        asked = runs[runs.finished] if isinstance(runs, Runs) else runs
        left = len(runs) - len(asked)
        if len(asked) == 0:
            raise SelectionError("predictions must be of runs that finished, and none of these did: train others")
        who: dict[str, Any] = {"runs": len(asked), "left_out": left}
        words = quantity(len(asked), "run") + (f", without {left} that did not finish" if left else "")
        found = asked.predict(text)
    else:
        run = runs[number_of_run(runs, number)]
        who, words, found = (
            {"run": run.number, "seed": run.seed if isinstance(run, Run) else None},
            repr(run),
            run.predict(text),
        )
    if as_json:
        put_json({**who, **next_token_json(found)})
    else:
        say(words)
        show(next_token_blocks(found, top))


def number_of_run(runs: "Runs | Models", number: Any) -> int:
    """Return the number of the run that was asked for, by default of one that predicts well; raises `SelectionError`."""
    from headlab.analysis.subject import run_number

    return runs.pick() if number is None else run_number(number, len(runs))
