"""What every command does around its work: progress, results on the screen, and output files tried before the work."""

import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from headlab.errors import OutputError

SLOW_SECONDS = 1.0
REDRAW_SECONDS = 0.05


@contextmanager
def progress_bar(label: str, quiet: bool = False, runs: int | None = None) -> Iterator[Callable[[float], None] | None]:
    """Show a bar on a terminal, once the work has taken longer than a second; runs: of how many, to say how fast."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress

    began, first, drawn = time.monotonic(), [0.0], [0.0]
    with Progress(console=Console(stderr=True), transient=True, auto_refresh=False) as bar:
        task = bar.add_task(label, total=1.0, visible=False)

        def show(done: float) -> None:
            elapsed = time.monotonic() - began
            if elapsed < drawn[0] + REDRAW_SECONDS:
                return
            drawn[0] = elapsed
            first[0] = first[0] or done  # a study that goes on does not begin at zero
            words = f"{label}, {(done - first[0]) * runs / elapsed:,.0f} runs/s" if runs else label
            bar.update(
                task, completed=done, description=words, visible=elapsed > SLOW_SECONDS, refresh=elapsed > SLOW_SECONDS
            )

        yield show


def show(blocks: Iterable[Any]) -> None:
    """Print blocks of text and tables, folded to the terminal's width."""
    from rich.console import Console

    console = Console(highlight=False)
    for block in blocks:
        console.print(block, crop=False)


def writable(path: Path) -> Path:
    """Return a file's path if it can be written; raises `OutputError`."""
    if path.is_dir():
        raise OutputError(f"--output must be a file, got the folder {str(path)!r}: name a file in it")
    try:
        with tempfile.TemporaryFile(dir=path.parent):  # os.access says yes to root, everywhere
            return path
    except OSError as error:
        raise OutputError(
            f"--output must be in a folder that can be written, got {str(path)!r} ({error.strerror}): choose another place"
        ) from None


def saveable(folder: Path) -> Path:
    """Return a folder's path if it can be made and written; raises `OutputError`."""
    # Before the training, not after it: the nearest folder that exists must take new files.
    writable(next(parent for parent in (folder, *folder.absolute().parents) if parent.exists()) / ".headlab")
    return folder
