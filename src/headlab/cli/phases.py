"""`--then` and `--fork`: phases of a training as words of a command line."""

from collections.abc import Callable, Sequence
from typing import Any

import click

from headlab.cli.options import number_or_text
from headlab.config import Phase, Plateau, TrainConfig
from headlab.config.record import gathered
from headlab.errors import ConfigError, Problem
from headlab.notation.values import short_repr

OWN = tuple(row.name for row in Phase.table() if row.name != "steps")  # that a phase has besides changes
CHANGES = "300 learning_rate=0.5 freeze=W_pos,W_Q"


def phase_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say what changes on the way; each may be repeated."""
    then = click.option(
        "--then", "thens", multiple=True, metavar="PHASE",
        help=f'Train so many steps more, with changes: "{CHANGES}". Also: plateau, plateau.patience=5, plateau_goes_on, '
        "and how the rate goes: rate=cosine, end_rate, warmup, rate_every; reset, size.",
    )  # fmt: skip
    fork = click.option(
        "--fork", "forks", multiple=True, metavar="CHANGE",
        help='Change something from a step on, and go on with the schedule: "2000 optimizer=adam learning_rate=0.001".',
    )  # fmt: skip
    return then(fork(command))


def with_phases(training: TrainConfig, thens: Sequence[str], forks: Sequence[str]) -> TrainConfig:
    """Return a training with what follows it and what changes on its way; raises `ConfigError`, which lists all problems.

    >>> with_phases(TrainConfig.of(steps=100), ["200 learning_rate=0.5"], ["50 momentum=0.9 nesterov"]).in_words()
    '50 steps of sgd at learning rate 0.01, then 50 of sgd with momentum 0.9 and nesterov, then 200 of sgd at 0.5'
    """
    problems: list[Problem] = []
    phases = [gathered(problems, lambda text=text: _phase(text)) for text in thens]  # type: ignore[misc]
    if problems:
        raise ConfigError(problems)
    training = training.followed_by([phase for phase in phases if phase is not None])
    for text in forks:
        step, words = _words("--fork", text)
        odd = [name for name in words if name.split(".")[0] in ("plateau", *OWN)]
        if odd:
            said = f"--fork goes on with the plateaus that there are, got {odd[0]}: leave it out, or use --then"
            raise ConfigError(Problem(said, "fork"))
        training = training.forked(step, _changes(words), freeze=_names(words))
    return training


def _phase(text: str) -> Phase:
    steps, words = _words("--then", text)
    settings = {name.split(".", 1)[1]: value for name, value in words.items() if name.startswith("plateau.")}
    watched = bool(words.get("plateau", settings))
    return Phase(
        steps,
        Plateau.from_dict(settings) if watched else None,
        **{name: value for name, value in words.items() if name in OWN},
        changes=_changes(words),
        freeze=_names(words),
    )


def _words(option: str, text: str) -> tuple[Any, dict[str, Any]]:
    """Return the number that a text begins with, and its settings by name; one without a value is true."""
    number, *settings = text.replace(":", " ").split() or [""]
    if not isinstance(number_or_text(number), int):
        said = f'{option} must be a number of steps and what changes, like "{CHANGES}", got {short_repr(text)}'
        raise ConfigError(Problem(said, option.removeprefix("--")))
    pairs = (word.partition("=") for word in settings)
    return number_or_text(number), {
        name.replace("-", "_"): _value(value) if equals else True for name, equals, value in pairs
    }


def _value(text: str) -> Any:
    return {"true": True, "false": False}.get(text, number_or_text(text))


def _changes(words: dict[str, Any]) -> dict[str, Any]:
    found = {name: value for name, value in words.items() if name.split(".")[0] not in ("freeze", "plateau", *OWN)}
    return found | ({"decayed": tuple(str(words["decayed"]).split(","))} if "decayed" in words else {})


def _names(words: dict[str, Any]) -> tuple[str, ...]:
    return tuple(str(words["freeze"]).split(",")) if "freeze" in words else ()
