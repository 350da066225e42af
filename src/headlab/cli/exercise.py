"""`headlab exercise`: the homework, once its cost is known."""

import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from headlab.cli.ahead import imported_beside, importing
from headlab.cli.help import Command
from headlab.cli.options import (
    REPORT,
    configured_dataset,
    corpus_options,
    head_size_list,
    json_option,
    number_or_text,
    retraced_options,
    setting_options,
    threads_option,
)
from headlab.cli.terminal import output_path, progress_bar, put_json, show, tell_output
from headlab.config import MAX_RUNS
from headlab.errors import ConfigError
from headlab.notation.numbers import duration, size_of
from headlab.notation.values import short_repr

if TYPE_CHECKING:
    from headlab.homework.cost import Plan

SHORT_SECONDS = 1.5  # of a training, on all processors but one
MOST_SECONDS = 600.0  # of an exercise that nobody asked to take longer
FEWER_RUNS = (100_000, 10_000, 1_000, 100, 16, 4)
FEWEST_STEPS = 300  # with which a training is worth while
SMALL = 32  # a width of the residual stream that does for any vocabulary
LATER = (  # what the answers and the page need, piece by piece: importing it takes as long as a short exercise trains
    "scipy.special",
    "scipy.optimize",
    "scipy.stats",
    "statsmodels.stats.proportion",
    "statsmodels.stats.power",
    "statsmodels.stats.contingency_tables",
    "matplotlib.figure",
    "headlab.report.html.homework",
    "headlab.report.words.commands",
)


@click.command(cls=Command)
@corpus_options
@click.option("--head-sizes", default="10,20,40", show_default=True, help="Head sizes of item 2, separated by commas.")
@click.option(
    "--runs",
    "n_runs",
    type=number_or_text,
    metavar="NUMBER",
    default=100,
    show_default=True,
    help="Runs (seeds) for each head size.",
)
@click.option(
    "--seed",
    type=number_or_text,
    metavar="NUMBER",
    help="The run shown in item 1.  [default: the first that predicts well]",
)
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), default=REPORT, show_default=True, help="The HTML report."
)
@setting_options
@threads_option
@click.option("--anyway", is_flag=True, help="Even if it takes longer than 10 minutes.")
@click.option("--details", is_flag=True, help="Also print what the answers rest on.")
@json_option
@click.pass_context
def exercise(
    ctx: click.Context,
    /,
    head_sizes: str,
    n_runs: int,
    seed: int | None,
    output: Path,
    anyway: bool,
    details: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Do the homework: train, predict, look, and compare head sizes.

    FILE holds one sentence a line (`-` reads standard input), or is the name of a task; without it, the task `notebook`.
    Prints both tables of the notebook, ends with your two answers, and writes an HTML report.
    """
    with importing():
        from headlab.homework import exercise as homework
        from headlab.homework.cost import Plan
        from headlab.report.json.homework import exercise_json
        from headlab.report.terminal.homework import exercise_blocks
        from headlab.runs.train import thread_count

    began = time.monotonic()
    if not isinstance(n_runs, int) or not 1 <= n_runs <= MAX_RUNS:
        raise ConfigError(f"--runs must be a whole number from 1 to {MAX_RUNS}, got {short_repr(n_runs)}")
    file = options["file"]
    dataset, model, training = configured_dataset(ctx, options)
    sizes, target = head_size_list(head_sizes), output_path(output)
    plan = Plan(dataset.corpus, model, training, sizes, n_runs, thread_count(options.pop("threads")))
    refuse_excess(plan, anyway=anyway)
    with imported_beside(*LATER), progress_bar("training") as progress:
        done = homework.exercise(
            dataset,
            model=model,
            training=training,
            head_sizes=sizes,
            n_runs=n_runs,
            seed=seed,
            threads=threads_beside_imports(plan),
            progress=progress,
            **options,
        )
    from headlab.report.html import homework as page
    from headlab.report.words.commands import RunCommands

    commands = RunCommands.of_options(retraced_options(ctx, file), done.run.seed)
    page.write(done, target, commands)
    if as_json:
        put_json(exercise_json(done, target, commands))
    else:
        show(exercise_blocks(done, commands, details=details))
        hint = "" if details else "   More here: --details"
        tell_output(target, "Report: ", f"   ({time.monotonic() - began:.1f} s){hint}")


def refuse_excess(plan: "Plan", *, anyway: bool) -> None:
    """Refuse an exercise that does not fit in memory, or takes longer than 10 minutes; raises `ConfigError`.

    anyway: however long it takes
    """
    from headlab.engine.memory import available

    free = available()
    fits = plan.cost.memory <= free
    if fits and (anyway or plan.cost.seconds <= MOST_SECONDS):
        return
    limit = "take at most 10 minutes" if fits else f"fit in the memory that is free, {size_of(free)}"
    ways = [*_ways(plan, free), *(["--anyway to do it all the same"] if fits else [])]
    raise ConfigError(
        f"the exercise must {limit}, and this one would take about {duration(plan.cost.seconds)} and "
        f"{size_of(plan.cost.memory)}: take {', or '.join(ways)}"
    )


def threads_beside_imports(plan: "Plan") -> int | None:
    """Return on how many processors an exercise trains: of a short one, one is left to the imports, which take longer."""
    from headlab.engine import default_threads

    fewer = replace(plan, threads=max(1, (plan.threads or default_threads()) - 1))
    return fewer.threads if fewer.cost.seconds < SHORT_SECONDS else plan.threads


def _ways(plan: "Plan", free: int) -> list[str]:
    """Return options with which the exercise would be done, the one that changes least first."""
    narrow = plan.model.replace(unembed=True, d_model=SMALL)
    wide = plan.model.on(plan.corpus).d_model > SMALL
    for model, words in [(plan.model, ""), *([(narrow, f"--unembed --d-model {SMALL}")] if wide else [])]:
        for n_runs in sorted({min(plan.n_runs, n) for n in (plan.n_runs, *FEWER_RUNS)}, reverse=True):
            smaller = replace(plan, model=model, n_runs=n_runs)
            still = replace(smaller, training=replace(plan.training, phases=())).cost.seconds
            steps = plan.training.steps * (MOST_SECONDS - still) / max(smaller.cost.seconds - still, 1e-9)
            if smaller.cost.memory > free or steps < FEWEST_STEPS:
                continue
            runs = "" if n_runs == plan.n_runs else f"--runs {n_runs}"
            fewer = "" if steps >= plan.training.steps else f"--steps {_round(int(steps))}"
            return [" ".join(filter(None, (words, runs, fewer)))]
    return ["a smaller corpus or model"]


def _round(number: int) -> int:
    """Return a number cut to its first digit.

    >>> _round(1742), _round(260)
    (1000, 200)
    """
    unit = 10 ** (len(str(number)) - 1)
    return number // unit * unit
