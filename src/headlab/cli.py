"""The command line: one thin command a library verb. Only here are results printed and errors translated.

Exit status: 0 done, 1 the work failed, 2 the request was wrong, 130 interrupted.
"""

import dataclasses
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from headlab.config import LOSSES, NOTEBOOK_PHASES, OPTIMIZERS, ModelConfig, Phase, TrainConfig
from headlab.errors import ConfigError, HeadlabError

if TYPE_CHECKING:
    from headlab.corpus import Corpus

REPORT = "headlab-report.html"
SLOW_SECONDS = 1.0


class _Commands(click.Group):
    """The commands in the order of the homework, with a hint for a misspelt one."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        import difflib

        if args and args[0] not in self.commands:
            near = difflib.get_close_matches(args[0], self.commands, 1)
            hint = f"did you mean {near[0]}?" if near else f"choose one of {', '.join(self.commands)}"
            raise click.UsageError(f"the command must be one that headlab has, got {args[0]!r}: {hint}")
        return super().resolve_command(ctx, args)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="headlab")
def cli() -> None:
    """headlab, the laboratory for attention heads.

    Start with `headlab exercise`: it trains the notebook's model and answers the homework.
    """


def main() -> None:
    """Run the command line; every expected error becomes one sentence on standard error."""
    from headlab.errors import OutputError

    try:
        status = cli.main(standalone_mode=False) or 0
        sys.stdout.flush()
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        status = 2
    except click.ClickException as error:
        _complain(error.format_message())
        status = 2
    except HeadlabError as error:
        _complain(str(error))
        status = 1 if isinstance(error, OutputError) and error.__cause__ else 2
    except (KeyboardInterrupt, click.Abort) as error:
        _complain(str(error) or "interrupted")
        status = 130
    except BrokenPipeError:  # the reader, `head` say, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 0
    except MemoryError:
        _complain("the work must fit in memory, and it did not: take fewer runs, or record less (--record none)")
        status = 1
    sys.exit(status)


def _complain(text: str) -> None:
    for line in text.splitlines():
        click.echo(f"headlab: {line}", err=True)


# Options that several commands share, in the library's own words.

_MODEL_HELP = {
    "d_head": "Width of queries and keys.",
    "n_heads": "Attention heads in a layer.",
    "n_layers": "Layers.",
    "d_model": "Width of the residual stream; needs --unembed unless it is d_vocab.",
    "factored_values": "Values as W_V times W_O instead of one full W_V.",
    "unembed": "A learned W_U instead of the residual stream as logits.",
    "residual": "The residual connection.",
    "positions": "The learned position embeddings.",
    "causal": "The causal mask.",
    "init_scale": "Factor on every initial weight.",
}
_TRAINING_HELP = {
    "optimizer": "Keras' definitions.",
    "learning_rate": "Of the first step.",
    "loss": "softmax is what the notebook trains.",
    "momentum": "For sgd and rmsprop.",
    "nesterov": "For sgd.",
    "rho": "For rmsprop.",
    "centered": "For rmsprop.",
    "beta_1": "For adam and adamw.",
    "beta_2": "For adam and adamw.",
    "epsilon": "For rmsprop, adam and adamw.",
    "weight_decay": "For adamw.",
    "dtype": "float32 or float64.",
}
_CHOICES = {"optimizer": OPTIMIZERS, "loss": LOSSES}


def _field_options(config: type, helps: dict[str, str]) -> Callable[[Any], Any]:
    # One option a field of the configuration, so that command line and library share words, defaults and checks.
    def decorate(command: Any) -> Any:
        for field in reversed([item for item in dataclasses.fields(config) if item.name in helps]):
            name = field.name.replace("_", "-")
            if isinstance(field.default, bool):
                option = click.option(
                    f"--{name}/--no-{name}", default=field.default, show_default=True, help=helps[field.name]
                )
            else:
                kind = {int: int, float: float, str: str}.get(type(field.default), int)
                text = helps[field.name]
                if field.name in _CHOICES:
                    text = f"One of {', '.join(_CHOICES[field.name])}. {text}"
                option = click.option(
                    f"--{name}", type=kind, default=field.default, show_default=field.default is not None, help=text
                )
            command = option(command)
        return command

    return decorate


def _corpus_options(command: Any) -> Any:
    for option in reversed(
        [
            click.argument("file", required=False, type=click.Path(path_type=Path, allow_dash=True)),
            click.option(
                "--start", default="<Start>", show_default=True, help="Start token, put before every sentence."
            ),
            click.option("--no-start", is_flag=True, help="No start token."),
            click.option(
                "--wrap/--no-wrap", default=True, show_default=True, help="The last target is the start token."
            ),
            click.option("--vocabulary", help="Tokens in the order of their ids, separated by spaces."),
            click.option("--labels", help="Short display names in the same order, separated by spaces."),
        ]
    ):
        command = option(command)
    return command


_threads = click.option("--threads", type=int, help="Processors to use.  [default: all]")
_json = click.option("--json", "as_json", is_flag=True, help="Print JSON for scripts instead of tables.")


def _read_corpus(options: dict[str, Any]) -> "Corpus":
    from headlab.corpus import Corpus
    from headlab.corpus_text import decode

    file = options.pop("file")
    start = None if options.pop("no_start") else options["start"]
    words = {name: options.pop(name) for name in ("vocabulary", "labels")}
    settings = {"start": start, "wrap": options.pop("wrap"), **{k: v.split() if v else None for k, v in words.items()}}
    del options["start"]
    if file is None:
        if words["vocabulary"] or words["labels"] or start != "<Start>" or not settings["wrap"]:
            raise ConfigError("corpus options need a file, got none: name a text file with one sentence a line")
        return Corpus.notebook()
    if str(file) == "-":
        return Corpus.from_text(decode(sys.stdin.buffer.read(), "standard input"), **settings)
    return Corpus.from_file(file, **settings)


def _model(options: dict[str, Any]) -> ModelConfig:
    return ModelConfig(**{name: options.pop(name) for name in _MODEL_HELP})


def _training(options: dict[str, Any]) -> TrainConfig:
    steps = options.pop("steps")
    phases = NOTEBOOK_PHASES if steps is None else (Phase(steps),)
    return TrainConfig(phases=phases, **{name: options.pop(name) for name in _TRAINING_HELP})


def _configurations(options: dict[str, Any]) -> tuple[ModelConfig, TrainConfig]:
    # Both are checked before either complains, so that all problems are listed together.
    problems: list[str] = []
    built: list[Any] = []
    for build in (_model, _training):
        try:
            built.append(build(options))
        except ConfigError as error:
            problems += error.problems
    if problems:
        raise ConfigError(problems)
    return built[0], built[1]


def _seeds(text: str) -> list[int]:
    """Read `7`, `0:1000` or `1,5,9`."""
    try:
        if ":" in text:
            first, last = text.split(":")
            seeds = list(range(int(first or 0), int(last)))
        else:
            seeds = [int(part) for part in text.split(",")]
    except ValueError:
        seeds = []
    if not seeds:
        raise ConfigError(f"--seeds must be a number, a range like 0:1000 or a list like 1,5,9, got {text!r}")
    return seeds


def _head_sizes(text: str) -> list[int]:
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise ConfigError(
            f"--head-sizes must be whole numbers separated by commas, like 10,20,40, got {text!r}"
        ) from None


@contextmanager
def _progress(label: str, quiet: bool = False) -> Iterator[Callable[[float], None] | None]:
    """Show a bar on a terminal, once the work has taken longer than a second."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress

    began = time.monotonic()
    with Progress(console=Console(stderr=True), transient=True, auto_refresh=False) as bar:
        task = bar.add_task(label, total=1.0, visible=False)

        def show(done: float) -> None:
            visible = time.monotonic() - began > SLOW_SECONDS
            bar.update(task, completed=done, visible=visible, refresh=visible)

        yield show


def _writable(path: Path) -> Path:
    from headlab.errors import OutputError

    folder = path.parent
    if path.is_dir():
        raise OutputError(f"--output must be a file, got the folder {str(path)!r}: name a file in it")
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        raise OutputError(
            f"--output must be in a folder that can be written, got {str(path)!r}: make {str(folder)!r}, or choose another"
        )
    return path


@cli.command()
@_corpus_options
@click.option("--head-sizes", default="10,20,40", show_default=True, help="Head sizes of item 2, separated by commas.")
@click.option("--runs", "n_runs", type=int, default=100, show_default=True, help="Runs (seeds) for each head size.")
@click.option("--seed", type=int, help="The run shown in item 1.  [default: the first that predicts well]")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), default=REPORT, show_default=True, help="The HTML report."
)
@click.option(
    "--steps", type=int, help="Steps at a constant rate.  [default: 10 + 5000 with reduction on plateau + 10]"
)
@_field_options(ModelConfig, _MODEL_HELP)
@_field_options(TrainConfig, _TRAINING_HELP)
@_threads
@_json
def exercise(head_sizes: str, n_runs: int, seed: int | None, output: Path, as_json: bool, **options: Any) -> None:
    """Do the homework: train, predict, look, and compare head sizes.

    FILE holds one sentence a line (`-` reads standard input); without it, the notebook's two sentences are used.
    Prints what the notebook prints, answers both of its items, and writes an HTML report.
    """
    from headlab.report import exercise as homework
    from headlab.report.screen import exercise_json, print_exercise

    began = time.monotonic()
    model, training = _configurations(options)
    if n_runs < 1:
        raise ConfigError(f"--runs must be a whole number from 1, got {n_runs}")
    corpus, sizes, target = _read_corpus(options), _head_sizes(head_sizes), _writable(output)
    with _progress("training", as_json) as progress:
        done = homework.exercise(
            corpus,
            model=model,
            training=training,
            head_sizes=sizes,
            n_runs=n_runs,
            seed=seed,
            progress=progress,
            **options,
        )
    from headlab.report import page

    page.write(done, target)
    if as_json:
        click.echo(json.dumps(exercise_json(done, target), indent=2, ensure_ascii=False))
    else:
        print_exercise(done, target, time.monotonic() - began)


@cli.command()
@_corpus_options
@click.option("--seeds", default="0", show_default=True, help="A seed, a range like 0:1000, or a list like 1,5,9.")
@click.option("--save", type=click.Path(path_type=Path), help="Folder for the weights (safetensors) and configuration.")
@click.option("--record", default="all", show_default=True, help="Steps whose loss is kept: all, log or none.")
@click.option(
    "--steps", type=int, help="Steps at a constant rate.  [default: 10 + 5000 with reduction on plateau + 10]"
)
@_field_options(ModelConfig, _MODEL_HELP)
@_field_options(TrainConfig, _TRAINING_HELP)
@_threads
@_json
def train(seeds: str, save: Path | None, record: str, as_json: bool, **options: Any) -> None:
    """Train one run or thousands, and save them.

    FILE holds one sentence a line (`-` reads standard input); without it, the notebook's two sentences are used.
    """
    from headlab import TrainingInterrupted
    from headlab import train as train_runs
    from headlab.report.screen import print_runs, runs_json

    model, training = _configurations(options)
    corpus, numbers = _read_corpus(options), _seeds(seeds)
    interrupted = None
    with _progress("training", as_json) as progress:
        try:
            runs = train_runs(corpus, model, training, seeds=numbers, record=record, progress=progress, **options)
        except TrainingInterrupted as error:
            interrupted, runs = error, error.runs
    if save is not None and len(runs):
        runs.save(save)
    if as_json:
        click.echo(json.dumps(runs_json(runs), indent=2, ensure_ascii=False))
    else:
        print_runs(runs, save)
    if interrupted is not None:
        raise interrupted
