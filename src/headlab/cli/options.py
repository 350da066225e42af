"""Options that several commands share, in the library's own words, and how they become the library's records."""

import os
import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from headlab.cli.terminal import tell_notes
from headlab.config import Field, ModelConfig, TrainConfig
from headlab.config.fields import FLAG, NAMED, TEXT
from headlab.config.record import gathered
from headlab.errors import ConfigError, Problem
from headlab.notation.values import short_repr

if TYPE_CHECKING:
    from headlab.data.corpus import Corpus
    from headlab.data.dataset import Dataset

REPORT = "headlab-report.html"
MODEL, TRAINING = ModelConfig.table(), TrainConfig.table()
_KINDS = {row.name: row.kind for row in (*MODEL, *TRAINING)}
_RETRACED = {
    "start",
    "no_start",
    "wrap",
    "tokens_are",
    "vocabulary",
    "labels",
    *(row.name for row in (*MODEL, *TRAINING)),
}


def number_or_text(text: Any) -> Any:
    """Return a number where the text is one, and the text itself where it is not.

    >>> number_or_text("20"), number_or_text("1e-3"), number_or_text("20x")
    (20, 0.001, '20x')
    """
    # The configurations judge values, and name all that are wrong at once.
    for kind in (int, float) if isinstance(text, str) else ():  # click hands defaults over as they are
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def setting_options(command: Any) -> Any:
    """Add an option for every row of the table of fields, so that command line and library share words, defaults and checks."""
    for row in reversed((*MODEL, *TRAINING)):
        command = _option(row)(command)
    return command


def _option(row: Field) -> Callable[[Any], Any]:
    name, text = row.name.replace("_", "-"), row.told()
    if row.kind == FLAG:
        return click.option(f"--{name}/--no-{name}", default=row.default, show_default=True, help=text)
    if row.kind == TEXT:
        return click.option(f"--{name}", metavar="TEXT", multiple=True, help=f"{text} May be repeated.")
    return click.option(
        f"--{name}",
        type=_names if row.kind == NAMED else number_or_text,
        metavar="NAMES" if row.kind == NAMED else "TEXT" if row.choices else "NUMBER",
        default=row.default,
        show_default=row.default is not None,
        help=f"{text}  [default: {row.usual}]" if row.usual else text,
    )


def _names(text: Any) -> Any:
    return tuple(name for name in text.split(",") if name) if isinstance(text, str) else text


def corpus_options(command: Any) -> Any:
    """Add the file of sentences, and the options that say how it is read."""
    for option in reversed(
        [
            click.argument("file", required=False, type=click.Path(allow_dash=True)),
            click.option(
                "--start", default="<Start>", show_default=True, help="Start token, put before every sentence."
            ),
            click.option("--no-start", is_flag=True, help="No start token."),
            click.option(
                "--wrap/--no-wrap", default=True, show_default=True, help="The last target is the start token."
            ),
            click.option(
                "--tokens-are", default="words", show_default=True, help="What a token is: words or characters."
            ),
            click.option("--vocabulary", help="Tokens in the order of their ids, separated by spaces."),
            click.option("--labels", help="Short display names in the same order, separated by spaces."),
        ]
    ):
        command = option(command)
    return command


threads_option = click.option(
    "--threads", type=number_or_text, metavar="NUMBER", help="Processors to use.  [default: all]"
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for scripts instead of tables.")
safe_cells_option = click.option(
    "--safe-cells", is_flag=True, help="In CSV, an apostrophe before text that a spreadsheet would run as a formula."
)


def read_dataset(options: dict[str, Any]) -> "Dataset":
    """Take the corpus options out of `options` and return the task, or read the file; without one, the task `notebook`."""
    from headlab.data.corpus import Corpus
    from headlab.data.dataset import Dataset
    from headlab.data.text import decode
    from headlab.tasks.door import dataset_of

    file = options.pop("file")
    words = {name: options.pop(name) for name in ("vocabulary", "labels")}
    reading = {
        "start": None if options.pop("no_start") else options["start"],
        "wrap": options.pop("wrap"),
        "tokens": options.pop("tokens_are"),
        **{name: text.split() if text else None for name, text in words.items()},
    }
    del options["start"]
    if file == "-":
        dataset = Dataset(Corpus.from_text(decode(_standard_input(), "standard input"), **reading))
    else:
        dataset = dataset_of("notebook" if file is None else file, **reading)
    tell_notes(dataset.corpus)
    return dataset


def settings_asked(
    ctx: click.Context, options: dict[str, Any]
) -> "tuple[Dataset, ModelConfig, TrainConfig, Sequence[int] | None]":
    """Take all settings out of `options`: what a link says where FILE is one, with its seed, or else what was typed.

    Raises `ConfigError`, for settings typed beside a link, too.
    """
    from headlab.runs.link import experiment_of, is_link, other_runs

    file = options["file"]
    if file is None or not is_link(file):
        return *configured_dataset(ctx, options), None
    if typed := [f"--{name.replace('_', '-')}" for name in typed_options(ctx)]:
        raise ConfigError(f"a link must be taken as it is, got {', '.join(typed)}: leave that out, or change the link")
    for name in ("file", *_RETRACED):
        del options[name]
    found = experiment_of(file)
    tell_notes(found.dataset.corpus, [said] if (said := other_runs(file)) else [])
    return found.dataset, found.model, found.training, [found.seed]


def configured_dataset(ctx: click.Context, options: dict[str, Any]) -> "tuple[Dataset, ModelConfig, TrainConfig]":
    """Take the corpus options and both configurations out of `options`.

    A task's are those of its usual recipe with what was typed over them. Raises one `ConfigError` of a configuration.
    """
    from headlab.tasks.door import task_of

    file = options["file"]
    task = None if file in (None, "-") else task_of(file)
    if task is None:
        model, training = configurations(options)
        return read_dataset(options), model, training
    from headlab.study.conditions import configured

    given = {name: value for name, value in options.items() if name in _KINDS and name in typed_options(ctx)}
    for row in (*MODEL, *TRAINING):
        del options[row.name]
    model, training = configured(task.recipe(), given)
    return read_dataset(options), model, training


def _standard_input() -> bytes:
    """Return what stands in standard input, no more than a corpus can be; raises `ConfigError` where it is closed."""
    from headlab.data.text import MAX_BYTES

    try:
        return bytes(sys.stdin.buffer.read(MAX_BYTES + 1))
    except (AttributeError, OSError, ValueError):  # no stream at all, or one that cannot be read
        raise ConfigError("- must be a standard input that can be read, got a closed one: name a file") from None


def typed_options(ctx: click.Context) -> list[str]:
    """Return the corpus, model and training options that were typed."""
    typed = click.core.ParameterSource.COMMANDLINE
    return [name for name in ctx.params if name in _RETRACED and ctx.get_parameter_source(name) is typed]


def shell_word(path: Path | str) -> str:
    r"""Return a path or a text as a word of a command that can be copied, whatever its name.

    >>> shell_word("my runs"), shell_word("r\udcff")
    ("'my runs'", "$'r\\xff'")
    """
    text = str(path)
    if text.isprintable():  # half characters stand for bytes that are no UTF-8, and are not
        return shlex.quote(text)
    escaped = "".join(chr(b) if 32 <= b < 127 and chr(b) not in "'\\" else f"\\x{b:02x}" for b in os.fsencode(text))
    return f"$'{escaped}'"


def retraced_options(ctx: click.Context, file: str | None) -> str:
    """Return the file and the corpus, model and training options that were typed, as words of a shell."""
    words = [] if file is None else [shell_word(file)]
    for name in typed_options(ctx):
        value, option = ctx.params[name], name.replace("_", "-")
        if isinstance(value, bool):
            words.append(f"--{option}" if value or name == "no_start" else f"--no-{option}")
        elif isinstance(value, tuple):  # repeated texts, or names
            several = value if _KINDS[name] == TEXT else [",".join(value)]
            words += [f"--{option} {shell_word(one)}" for one in several]
        else:
            words.append(f"--{option} {shell_word(str(value))}")
    return " ".join(words)


def configurations(options: dict[str, Any]) -> tuple[ModelConfig, TrainConfig]:
    """Take both configurations out of `options`; raises one `ConfigError` that lists the problems of both."""
    problems: list[Problem] = []
    chosen, flat = ({row.name: options.pop(row.name) for row in table} for table in (MODEL, TRAINING))
    model = gathered(problems, lambda: ModelConfig(**chosen))
    training = gathered(problems, lambda: TrainConfig.of(**{k: v for k, v in flat.items() if v is not None}))
    if model is None or training is None:
        raise ConfigError(problems)
    return model, training


def training_seconds(
    given: "Corpus | Dataset", model: ModelConfig, training: TrainConfig, n_runs: int, threads: int | None = None
) -> float:
    """Return about how many seconds a training takes on this machine."""
    from headlab.engine import Job
    from headlab.engine.cost import seconds

    return seconds(Job.of(given, model, training), n_runs, threads)


def seed_list(text: str) -> Sequence[int]:
    """Read `7`, `0:1000` or `1,5,9`; raises `ConfigError`.

    >>> seed_list("0:1000")
    range(0, 1000)
    """
    from headlab.config.seeds import seeds_of_text

    return seeds_of_text(text, "--seeds")


def head_size_list(text: str) -> list[int]:
    """Read `10,20,40`; raises `ConfigError`."""
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise ConfigError(
            f"--head-sizes must be whole numbers separated by commas, like 10,20,40, got {short_repr(text)}"
        ) from None
