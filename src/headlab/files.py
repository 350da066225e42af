"""Files that are there whole and for good, or not at all: a temporary name, flushed to the disk, renamed, the folder flushed."""

import contextlib
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from headlab.errors import OutputError

PARTIAL = ".part"  # what a file is called while it is written; a killed process may leave one


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file that somebody asked for; raises `OutputError`."""
    try:
        write_whole(path, data)
    except OSError as error:
        raise OutputError(
            f"the output must be writable, got {str(path)!r} ({error.strerror}): choose another place"
        ) from None


def write_whole(path: Path, data: bytes) -> None:
    """Write a file; raises `OSError`.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_whole(Path(folder) / "a", b"text")
    ...     [item.name for item in Path(folder).iterdir()]
    ['a']
    """
    temporary = partial(path.parent, path.name)
    with removed_on_failure(temporary):
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    flush_folder(path.parent)


def partial(folder: Path, name: str) -> Path:
    """Return what a file is called while this process writes it."""
    return folder / f"{name}-{os.getpid()}{PARTIAL}"


@contextlib.contextmanager
def removed_on_failure(path: Path) -> Iterator[None]:
    """Remove a file where the block does not end well."""
    try:
        yield
    except BaseException:
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)
        raise


def flush_folder(folder: Path) -> None:
    """Put a folder's entries on the disk; raises `OSError`."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's content, in hex."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
