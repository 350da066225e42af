"""Links: an experiment as the fragment of a page's address, there and back; the page's side is web/src/state/address.ts.

Numbers are read and written as JavaScript does, so that one link says one thing in both.
"""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, quote_plus

from headlab.config.numerics import NUMERICS
from headlab.errors import ConfigError, Problem
from headlab.notation.javascript import read_number, written
from headlab.runs.experiment import OF_TEXT, Experiment, notebook_fields

_LINK = re.compile(r"#|[a-z][a-z0-9+.-]*://|[^#]*\.html?#", re.IGNORECASE)
_SEED = re.compile("[0-9]{1,20}")


def is_link(text: str) -> bool:
    """Return whether a text is an address with settings, or the settings alone, and not the name of a file.

    >>> [is_link(text) for text in ("#seed=5", "file:///home/headlab.html#seed=5", "headlab.html#seed=5", "./#5.txt", "-")]
    [True, True, True, False, False]
    """
    return bool(_LINK.match(text))


def read(link: str) -> dict[str, Any]:
    """Return the fields of a link, the notebook's where it says nothing; what is no field is left out.

    >>> read("#d_head=5&steps=100")["d_head"], read("#d_head=5&steps=100")["schedule"], read("#text=a+b")["task"]
    (5, 'constant', '')
    """
    parts = _parts(link)
    notebook = notebook_fields()
    fields = {
        **notebook,
        **{name: _like(name, text, notebook[name]) for name, text in parts.items() if name in notebook},
    }
    if "steps" in parts and "schedule" not in parts:
        fields["schedule"] = "constant"
    if any(name in parts for name in OF_TEXT):
        fields["task"] = ""
    return fields


def write(fields: Mapping[str, Any]) -> str:
    """Return the fragment of fields: what is not the notebook's, and beside a seed, which runs seeds are of.

    >>> write({**notebook_fields(), "d_head": 5, "seed": 7})
    '#seed=7&d_head=5&numerics=2'
    """
    notebook = notebook_fields()
    parts = {name: _text(value) for name, value in fields.items() if value != notebook[name]}
    if "steps" in parts and fields["schedule"] == notebook["schedule"]:
        parts["schedule"] = str(fields["schedule"])
    if any(name in parts for name in OF_TEXT):
        parts.pop("task", None)
    if "seed" in parts:
        parts["numerics"] = str(NUMERICS)
    return "#" + "&".join(f"{_quoted(name)}={_quoted(text)}" for name, text in parts.items())


def read_over(fields: Mapping[str, Any], address: str) -> dict[str, Any]:
    """Return fields with those that an address says instead, and nothing else: what `write_over` wrote, read.

    Raises `ConfigError` for what is no field, or said twice.

    >>> read_over({**notebook_fields(), "d_head": 5}, "seed=7")["d_head"]
    5
    """
    pairs, notebook = parse_qsl(address, keep_blank_values=True), notebook_fields()
    problems = [Problem(f"{name} is no setting: leave it out", name) for name, _ in pairs if name not in notebook]
    names = [name for name, _ in pairs]
    problems += [
        Problem(f"{name} must be said once: leave one out", name)
        for name in sorted(set(names))
        if names.count(name) > 1
    ]
    if problems:
        raise ConfigError(problems)
    return {**fields, **{name: _like(name, text, notebook[name]) for name, text in pairs}}


def write_over(fields: Mapping[str, Any], begun: Mapping[str, Any]) -> str:
    """Return what differs from the fields that were begun with, as an address.

    >>> write_over({**notebook_fields(), "d_head": 5, "seed": 7}, {**notebook_fields(), "d_head": 5})
    'seed=7'
    """
    parts = {name: _text(fields[name]) for name in notebook_fields() if fields[name] != begun[name]}
    return "&".join(f"{_quoted(name)}={_quoted(text)}" for name, text in parts.items())


def experiment_of(link: str) -> Experiment:
    """Return what a link says; raises `ConfigError`, which lists all problems.

    >>> experiment_of("#seed=5&d_head=10").model.d_head
    10
    """
    return Experiment.of(read(link))


def other_runs(link: str) -> str:
    """Return the sentence that says that another run may have been behind a link's seed; nothing where it is this one.

    >>> other_runs("#seed=5&numerics=2"), other_runs("#d_head=5")
    ('', '')
    >>> other_runs("#seed=5")
    'this link does not say numerics=2: where it is older than that, another run was behind its seed 5'
    """
    parts = _parts(link)
    if "seed" not in parts or parts.get("numerics") == str(NUMERICS):
        return ""
    seed = _text(read(link)["seed"])
    if "numerics" not in parts:
        return f"this link does not say numerics={NUMERICS}: where it is older than that, another run was behind its seed {seed}"
    return f"this link is of another numerics than {NUMERICS}: there, another run is behind its seed {seed}"


def _parts(link: str) -> dict[str, str]:
    _, _, fragment = link.partition("#")
    return dict(parse_qsl(fragment, keep_blank_values=True))


def _like(name: str, text: str, standard: Any) -> Any:
    """Return a text as a value of the same kind as its default; what has no default is a number, or nothing."""
    if isinstance(standard, str):
        return text
    if isinstance(standard, bool):
        return text == "true"
    if not text:
        return None
    if name == "seed" and _SEED.fullmatch(text):
        return int(text)
    number = read_number(text)
    return standard if number is None else number


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else value if isinstance(value, str) else written(value)


def _quoted(text: str) -> str:
    return quote_plus(text, safe="*").replace("~", "%7E")
