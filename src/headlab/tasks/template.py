"""The task that somebody begins with: a problem that trains in seconds, with a comment on everything that can be said."""

import re
from pathlib import Path

TEMPLATE = Path(__file__).with_name("mine.py.txt")
NAME = 'name="majority"'


def template(name: str = "mine") -> str:
    """Return the file's text; name: what the task is called, as far as a task may be called so.

    >>> 'name="odd-one-out"' in template("Odd one out"), NAME in template("???")
    (True, True)
    """
    called = re.sub("[^a-z0-9]+", "-", name.lower()).strip("-")
    text = TEMPLATE.read_text(encoding="utf-8")
    return text.replace(NAME, f'name="{called}"', 1) if called else text
