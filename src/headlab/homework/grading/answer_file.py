"""The file that a student hands in, read strictly: of another shape than `answers` says, and nothing of it is taken."""

import codecs
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from headlab.errors import HeadlabError
from headlab.notation.numbers import quantity
from headlab.notation.values import short_repr

MOST_BYTES = 8192
MOST_RUNS = 256
DEEPEST = 4  # the file, its answers, one of them, a list of runs
LARGEST = 2**53  # a whole number that the page can hold
KIND, FORMAT = "answer", 1
STUDENT = re.compile(r"[A-Za-z0-9._@+-]{1,64}")
_HEX = "[0-9a-f]{32}"
Fields = Mapping[str, tuple[str, Callable[[Any], bool]]]
_OTHER_ENCODINGS = {codecs.BOM_UTF16_LE: "UTF-16", codecs.BOM_UTF16_BE: "UTF-16"}


@dataclass(frozen=True)
class NamedRun:
    """A run as a file names it: its address, relative to the assignment, and the first 128 bits of its weights' SHA-256."""

    address: str
    hash: str


@dataclass(frozen=True)
class AnswerFile:
    """What a student handed in; nothing of it is believed yet.

    assignment: the hash of the assignment that it answers; name: what that is called; version, numerics: of the page
    student: the id, in lower case; variant: the number of the student's variant, where the assignment has some
    answers: by question, `run` or `runs` (numbers of `runs`), `value`, `text` and `view`, as far as they were given
    """

    assignment: str
    name: str
    version: str
    numerics: int
    student: str
    variant: int | None
    runs: tuple[NamedRun, ...]
    answers: Mapping[str, Mapping[str, Any]]

    @classmethod
    def of(cls, data: bytes) -> "AnswerFile":
        """Read a file's content; raises `HeadlabError` with a sentence for every problem.

        >>> AnswerFile.of(b"my answers")
        Traceback (most recent call last):
        headlab.errors.HeadlabError: the file must be what “Hand in” saves, got no JSON at line 1: hand in that file as it is
        """
        given = _parsed(_text(data))
        if not isinstance(given, dict) or given.get("headlab") != KIND:
            raise HeadlabError("the file must be what “Hand in” saves, got JSON of something else: hand in that file")
        if given.get("format") != FORMAT or isinstance(given.get("format"), bool):
            said = f"format must be {FORMAT}, got {short_repr(given.get('format'))}: grade it with a newer headlab"
            raise HeadlabError(said)
        problems = [*_problems(given)]
        if problems:
            raise HeadlabError(problems)
        return cls(
            given["assignment"],
            given["name"],
            given["version"],
            given["numerics"],
            given["id"].lower(),
            given["variant"],
            tuple(NamedRun(*run) for run in given["runs"]),
            given["answers"],
        )


def student_of(data: bytes) -> str | None:
    """Return whose file it says it is, in lower case, though the rest of it may be wrong; None where that cannot be read.

    >>> student_of(b'{"headlab": "answer", "id": "Ab12"}'), student_of(b"my answers")
    ('ab12', None)
    """
    try:
        given = _parsed(_text(data))
    except HeadlabError:
        return None
    name = given.get("id") if isinstance(given, dict) else None
    return name.lower() if isinstance(name, str) and STUDENT.fullmatch(name) else None


def _text(data: bytes) -> str:
    if len(data) > MOST_BYTES:
        raise HeadlabError(f"the file must have at most {MOST_BYTES:,} bytes, got more: hand in what “Hand in” saves")
    if not data.strip():
        raise HeadlabError("the file must be what “Hand in” saves, got an empty one: hand in again")
    for mark, name in _OTHER_ENCODINGS.items():
        if data.startswith(mark):
            raise HeadlabError(f"the file must be UTF-8, got {name}: hand in the file as the page saved it")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        said = f"the file must be UTF-8, got other bytes at {error.start:,}: hand in the file as the page saved it"
        raise HeadlabError(said) from None


def _parsed(text: str) -> Any:
    try:
        given = json.loads(text, object_pairs_hook=_without_twins, parse_constant=_no_number, parse_int=_whole)
        deep = _depth(given) > DEEPEST
    except json.JSONDecodeError as error:
        where = f"no JSON at line {error.lineno}"
        raise HeadlabError(f"the file must be what “Hand in” saves, got {where}: hand in that file as it is") from None
    except RecursionError:
        deep = True
    if deep:
        raise HeadlabError(f"the file must be at most {DEEPEST} levels deep, got more: hand in what “Hand in” saves")
    return given


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twin = next(name for name in names if names.count(name) > 1)
        raise HeadlabError(f"{short_repr(twin)} must be there once, got it more than once: hand in the file as it was")
    return found


def _no_number(text: str) -> None:
    raise HeadlabError(f"the file must hold numbers that JSON knows, got {text}: hand in what “Hand in” saves")


def _whole(text: str) -> int:
    if len(text) > 17 or abs(int(text)) > LARGEST:
        said = f"whole numbers must be at most 2**53, got {short_repr(text)}: hand in what “Hand in” saves"
        raise HeadlabError(said)
    return int(text)


def _depth(value: Any) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if inner is None else 1 + max(map(_depth, inner), default=0)


def _is_text(value: Any, pattern: str = r"[^\ud800-\udfff]*") -> bool:
    return isinstance(value, str) and re.fullmatch(pattern, value, re.DOTALL) is not None


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_run(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and _is_text(value[0]) and _is_text(value[1], _HEX)


_KNOWN: Fields = {  # of the file: what each is, and whether a value is that
    "assignment": ("32 hex digits", partial(_is_text, pattern=_HEX)),
    "name": ("text", _is_text),
    "version": ("text", _is_text),
    "numerics": ("a whole number", _is_count),
    "id": ("1 to 64 letters, digits or . _ @ + -", partial(_is_text, pattern=STUDENT.pattern)),
    "variant": ("a whole number or null", lambda value: value is None or _is_count(value)),
    "runs": ("a list", lambda value: isinstance(value, list)),
    "answers": ("an object", lambda value: isinstance(value, dict)),
}
_OF_ANSWER: Fields = {
    "run": ("a whole number", _is_count),
    "runs": ("a list of whole numbers", lambda value: isinstance(value, list) and all(map(_is_count, value))),
    "value": ("text or a whole number", lambda value: _is_text(value) or _is_count(value)),
    "text": ("text", _is_text),
    "view": ("text", _is_text),
}


def _problems(given: dict[str, Any]) -> list[str]:
    """Return what is wrong with a file's fields, a sentence each."""
    wrong = [_unknown(name) for name in given if name not in _KNOWN and name not in ("headlab", "format")]
    for name, (what, fits) in _KNOWN.items():
        if name not in given:
            wrong.append(f"{name} must be there, and it is missing: hand in what “Hand in” saves")
        elif not fits(given[name]):
            wrong.append(_of_other_kind(name, what, given[name]))
    if isinstance(runs := given.get("runs"), list):
        wrong += _problems_of_runs(runs)
        if isinstance(answers := given.get("answers"), dict):
            wrong += [text for name in answers for text in _problems_of_answer(name, answers[name], len(runs))]
    return wrong


def _problems_of_runs(runs: list[Any]) -> list[str]:
    if len(runs) > MOST_RUNS:
        return [f"runs must be at most {MOST_RUNS}, got {len(runs)}: leave some out"]
    wrong = [
        _of_other_kind(f"run {number + 1}", "an address and a hash of 32 hex digits", run)
        for number, run in enumerate(runs)
        if not _is_run(run)
    ]
    addresses = [run[0] for run in runs if _is_run(run)]
    twins = [address for address in dict.fromkeys(addresses) if addresses.count(address) > 1]
    return wrong + [f"a run must be there once, got {short_repr(address)} more than once" for address in twins]


def _problems_of_answer(name: str, given: Any, n_runs: int) -> list[str]:
    what = f"the answer to {short_repr(name)}"
    if not isinstance(given, dict):
        return [_of_other_kind(what, "an object", given)]
    wrong = [_unknown(f"{what}: {key}") for key in given if key not in _OF_ANSWER]
    known = {key: value for key, value in given.items() if key in _OF_ANSWER}
    fitting = {key: value for key, value in known.items() if _OF_ANSWER[key][1](value)}
    wrong += [
        _of_other_kind(f"{what}: {key}", _OF_ANSWER[key][0], value)
        for key, value in known.items()
        if key not in fitting
    ]
    named = [*fitting.get("runs", []), *([fitting["run"]] if "run" in fitting else [])]
    if any(number >= n_runs for number in named):
        there = (
            f"one of the file's {quantity(n_runs, 'run')}, counted from 0" if n_runs else "a run, and the file has none"
        )
        wrong.append(f"{what} must be about {there}, got {max(named)}")
    if len(set(fitting.get("runs", []))) < len(fitting.get("runs", [])):
        wrong.append(f"{what} must name each run once, got one more than once")
    return wrong


def _of_other_kind(name: str, what: str, got: Any) -> str:
    return f"{name} must be {what}, got {short_repr(got)}: hand in what “Hand in” saves"


def _unknown(name: str) -> str:
    return f"{short_repr(name)} is nothing that a file says: hand in what “Hand in” saves"
