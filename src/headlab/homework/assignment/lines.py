"""In which line of a TOML text each field stands, so that what is wrong can be found."""

import re
from collections.abc import Iterator
from dataclasses import replace

from headlab.errors import Problem

Where = tuple[str | int, ...]  # a field's names, and of a table in a list its number

_KEY = r"""(?:"(?:\\.|[^"\\\n])*"|'[^'\n]*'|[A-Za-z0-9_-]+)"""
_KEYS = re.compile(rf"[ \t]*({_KEY}(?:[ \t]*\.[ \t]*{_KEY})*)[ \t]*")
_ONE = re.compile(_KEY)
_PIECE = re.compile(
    r'''"""(?:\\.|[^\\])*?"{3,5}|\'\'\'.*?'{3,5}|"(?:\\.|[^"\\\n])*"|'[^'\n]*'|\#[^\n]*|\n|[\[\]{}]|[^"'\#\n\[\]{}]+|.''',
    re.DOTALL,
)


def lines_of(text: str) -> dict[Where, int]:
    """Return the line, from 1, of every field and table of a text that is TOML; those in inline tables stand where these begin.

    >>> lines_of('title = "a"\\n[lab]\\nd_head = 5\\n[[question]]\\nid = "b"')
    {('title',): 1, ('lab',): 2, ('lab', 'd_head'): 3, ('question', 0): 4, ('question', 0, 'id'): 5}
    """
    found: dict[Where, int] = {}
    table: Where = ()
    lists: dict[Where, int] = {}
    for line, statement in _statements(text):
        opened = len(statement) - len(statement.lstrip("["))
        keys = _KEYS.match(statement, opened)
        if keys is None:
            continue
        names = tuple(name.strip("\"'") for name in _ONE.findall(keys[1]))
        if not opened:
            found.setdefault((*table, *names), line)
            continue
        table = _inside(names, lists)
        if opened > 1:
            lists[table] = lists.get(table, -1) + 1
            table = (*table, lists[table])
        found.setdefault(table, line)
    return found


def told(problem: Problem, lines: dict[Where, int], where: Where) -> Problem:
    """Return a problem with the line of a field, or of what it is in, before its sentence.

    >>> str(told(Problem("d_head must be 1"), {("lab",): 2}, ("lab", "d_head")))
    'line 2: d_head must be 1'
    """
    for length in range(len(where), 0, -1):
        line = lines.get(where[:length])
        if line is not None:
            return replace(problem.within(f"line {line}"), line=line)
    return problem


def _inside(names: tuple[str, ...], lists: dict[Where, int]) -> Where:
    """Return where a table is: in the last table of every list on the way."""
    where: Where = ()
    for name in names[:-1]:
        where = (*where, name)
        if where in lists:
            where = (*where, lists[where])
    return (*where, names[-1])


def _statements(text: str) -> Iterator[tuple[int, str]]:
    """Yield every statement without the space before it, with its line."""
    line = first = 1
    depth, parts, header = 0, "", False
    for piece in _PIECE.findall(text):
        if piece == "\n" and depth == 0:
            if parts.strip():
                yield first, parts.lstrip()
            parts = ""
        elif not piece.startswith("#"):
            if not parts.strip():
                first, header = line, piece == "["
            depth += 0 if header else (piece in "[{") - (piece in "]}")
            parts += piece
        line += piece.count("\n")
    if parts.strip():
        yield first, parts.lstrip()
