"""Where everything leaves the program: words for people, JSON and CSV for scripts, progress; output files are tried first.

What stands in a text is never taken for anything else here: no markup, no command of the terminal, no replacement mark.
"""

import codecs
import io
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headlab.files import check_output, leads_to_stdout, path_text
from headlab.notation.numbers import duration, percent
from headlab.notation.values import and_more
from headlab.notation.visible import escape_letter, escape_unseen
from headlab.system import BINARY

if TYPE_CHECKING:
    from headlab.data.corpus import Corpus

SLOW_SECONDS = 1.0
REDRAW_SECONDS = 0.05
MOST_NOTES = 5
BETWEEN_LINES = 10.0  # seconds, where progress is told in words
AT_LEAST_EVERY = 300.0
LONG_SECONDS = 300.0  # work that is said to be long before it begins; of shorter work, progress says soon enough
# Our marks in letters, for a screen that lacks them; everything else is escaped: no other word may stand for a user's word.
IN_LETTERS = {"✓": "v", "✗": "x", "·": ".", "→": "->", "−": "-", "≠": "!=", "•": "*", "…": "...", "“": '"', "”": '"'}


def open_streams() -> None:
    """Make both streams usable: there at all, and able to take every character."""
    # `headlab … >&-` leaves no stream at all; a terminal that cannot show ✓ gets a letter, not a traceback.
    codecs.register_error("headlab", _in_letters)
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115  # until the process ends
        if isinstance(stream := getattr(sys, name), io.TextIOWrapper):
            stream.reconfigure(errors="headlab")


def _in_letters(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeEncodeError)
    letters = error.object[error.start : error.end]
    return "".join(IN_LETTERS.get(letter) or escape_letter(letter) for letter in letters), error.end


def say(text: object = "", *, err: bool = False) -> None:
    """Print a line for people; on standard error only if somebody can read it there: it never stops the work."""
    line = f"{escape_unseen(text)}\n"
    if not err:
        sys.stdout.write(line)
        return
    try:
        sys.stderr.write(line)
        sys.stderr.flush()
    except OSError:
        discard(sys.stderr)


def discard(stream: Any) -> None:
    """Lead a stream nowhere: what is still buffered for a reader that has gone, or a full disk, must not complain at exit."""
    with suppress(io.UnsupportedOperation):
        os.dup2(os.open(os.devnull, os.O_WRONLY | BINARY), stream.fileno())


def complain(text: object) -> None:
    """Print what is wrong on standard error, a line a problem."""
    for line in str(text).rstrip("\n").split("\n"):  # other line ends are letters of a message
        say(f"headlab: {line}", err=True)


def show(blocks: Iterable[Any]) -> None:
    """Print blocks of text and tables, folded to the terminal's width; brackets in a text are brackets."""
    from rich.console import Console, Group

    console = Console(highlight=False, markup=False, emoji=False)
    for block in blocks:  # in a group, as the console itself would print a text as a plain one
        console.print(Group(escape_unseen(block) if isinstance(block, str) else block), crop=False)


def put_json(value: Any, *, in_a_line: bool = False) -> None:
    """Print a value as JSON for scripts: UTF-8, and in ASCII where standard output has another encoding."""
    from headlab.report.json.values import json_text

    utf8 = codecs.lookup(getattr(sys.stdout, "encoding", None) or "ascii").name == "utf-8"
    _put(json_text(value, ascii_only=not utf8, in_a_line=in_a_line) + "\n")


def put_csv(text: str) -> None:
    """Print CSV for scripts, as UTF-8 whatever the encoding of standard output."""
    _put(text)


def _put(text: str) -> None:
    sys.stdout.flush()
    binary = getattr(sys.stdout, "buffer", None)
    if binary is None:
        sys.stdout.write(text)
    else:
        binary.write(text.encode(errors="backslashreplace"))
        binary.flush()


@contextmanager
def progress_bar(
    label: str,
    runs: int | None = None,
    expected: Callable[[], float] | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[Callable[[float], None]]:
    """Tell on standard error how far work is, once it takes long: a bar on a terminal, lines elsewhere.

    runs: of how many, to say how fast; expected: seconds of the work, asked for when it begins and said where they are many
    """
    if sys.stderr.isatty():
        with _bar(label, runs, clock) as tell:
            yield _with_forewarning(label, tell, expected)
    else:
        yield _with_forewarning(label, _lines(label, clock), expected)


def _with_forewarning(
    label: str, tell: Callable[[float], None], expected: Callable[[], float] | None
) -> Callable[[float], None]:
    """Return what first says how long it will take, and then tells progress."""
    asked = [expected] if expected else []

    def warn_and_tell(done: float) -> None:
        while asked:
            seconds = asked.pop()()
            if seconds > LONG_SECONDS:
                say(f"{label}: about {duration(seconds)} in all", err=True)
        tell(done)

    return warn_and_tell


@contextmanager
def _bar(label: str, runs: int | None, clock: Callable[[], float]) -> Iterator[Callable[[float], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    began, first, drawn = clock(), [0.0], [0.0]
    words = TextColumn("{task.description}", style="progress.description", markup=False)
    columns = (words, BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True, auto_refresh=False) as bar:
        task = bar.add_task(escape_unseen(label), total=1.0, visible=False)

        def tell(done: float) -> None:
            elapsed = clock() - began
            if elapsed < drawn[0] + REDRAW_SECONDS:
                return
            drawn[0] = elapsed
            first[0] = first[0] or done  # a study that goes on does not begin at zero
            speed = f", {(done - first[0]) * runs / elapsed:,.0f} runs/s" if runs else ""
            slow = elapsed > SLOW_SECONDS
            bar.update(task, completed=done, description=escape_unseen(label) + speed, visible=slow, refresh=slow)

        yield tell


def _lines(label: str, clock: Callable[[], float]) -> Callable[[float], None]:
    """Return what tells progress in words: after 10 seconds, then with every tenth, but no line within 10 seconds of another."""
    began = clock()
    first: list[float] = []
    last = [began, 0.0]

    def tell(done: float) -> None:
        now = clock()
        first[:] = first or [done]
        waited = now - last[0]
        if waited < BETWEEN_LINES or (last[0] > began and done - last[1] < 0.1 and waited < AT_LEAST_EVERY):
            return
        last[:] = now, done
        rest = (now - began) * (1 - done) / (done - first[0]) if done > first[0] else None
        left = "" if rest is None else f", about {duration(rest)} left"
        say(f"{label}: {percent(done)}{left}", err=True)

    return tell


def tell_notes(corpus: "Corpus", more: Sequence[str] = ()) -> None:
    """Print what a reader may overlook on standard error: more notes, and of a corpus the first few and how many others."""
    notes = corpus.notes()
    for note in [*more, *notes[:MOST_NOTES], *and_more(len(notes) - MOST_NOTES, "notes", "corpus.notes()")]:
        say(f"headlab: note: {note}", err=True)


def output_path(path: Path) -> Path:
    """Return an output's path if it can be written, before the work is done for it; raises `OutputError`."""
    check_output(path)
    return path


def tell_output(path: Path, before: str = "", after: str = "", as_json: str | None = None) -> None:
    """Say where an output is, unless it went to standard output itself; as_json: what it is called there."""
    if leads_to_stdout(path):
        return
    if as_json is None:
        say(f"{before}{path_text(path)}{after}")
    else:
        put_json({as_json: str(path)})


def output_folder(folder: Path) -> Path:
    """Return a folder's path if it can be made and written; raises `OutputError`."""
    # Before the training, not after it: the nearest folder that exists must take new files.
    output_path(next(parent for parent in (folder, *folder.absolute().parents) if os.path.lexists(parent)) / ".headlab")
    return folder
