"""Locks that end with their process, however it ends: of plain files, signed by who holds them, and of folders.

They are filelock's: flock on the whole file where there is flock, and Windows' lock on the first byte, which nobody else can
read then. So a signature is read from its second byte on; the first one is always a bracket. Headlabs before filelock took the
same lock of the same files, and signed them alike: they and this one wait for each other.
"""

import contextlib
import json
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

from headlab.files import open_plain
from headlab.system import BINARY, FOLDERS_OPEN

TRIES, PAUSE = 10, 0.005  # seconds between them: who only looks whether a lock is free holds it for a moment
MOST = 4096  # bytes of a signature
OF_A_FOLDER = "lock"  # the file that is locked where folders cannot be


class NoLocks(OSError):
    """A file system without locks."""


@contextlib.contextmanager
def hold(path: Path, *, patient: bool = True) -> Iterator[bool]:
    """Hold a file's lock while the block runs, and sign it; yields whether it was free.

    patient: try for a moment before saying no, since somebody may only look whether it is free. The file is made where it is
    missing. Raises `NoPlainFile` for a link, a folder, a pipe or a device there, `NoLocks`,
    `OSError`.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with hold(Path(folder) / "lock") as mine, hold(Path(folder) / "lock") as twice:
    ...         mine, twice, is_held(Path(folder) / "lock")
    (True, False, True)
    """
    with _opened(path, os.O_RDWR | os.O_CREAT) as handle:
        free = _try(handle, TRIES if patient else 1)
        if free:
            _sign(handle)
        yield free


def is_held(path: Path) -> bool:
    """Return whether a process holds a file's lock; what is no lock, or cannot be looked at, is held by nobody."""
    for how in (os.O_RDWR, os.O_RDONLY):  # some network disks lock only what may be written
        with contextlib.suppress(OSError), _opened(path, how) as handle:
            return not _try(handle)
    return False


def holder(path: Path) -> str:
    """Return who has signed a lock, in words."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError):
        with _opened(path, os.O_RDONLY) as handle:
            os.lseek(handle, 1, os.SEEK_SET)
            who = json.loads(b"{" + os.read(handle, MOST))
        words = f"process {int(who['pid'])} on {who['host']}, since {who['since']}"
        if words.isprintable():
            return words
    return "another process"


@contextlib.contextmanager
def hold_folder(folder: Path) -> Iterator[None]:
    """Hold a folder while the block runs, where its disk has locks: who wants to hold it, too, waits. Raises `OSError`.

    What is locked is the folder itself, or a file in it where folders cannot be opened.
    """
    from filelock import lock_descriptor

    opened = _opened_folder(folder) if FOLDERS_OPEN else _opened(folder / OF_A_FOLDER, os.O_RDWR | os.O_CREAT)
    with opened as handle:
        with contextlib.suppress(OSError):
            lock_descriptor(handle, poll_interval=0.01)
        yield


@contextlib.contextmanager
def _opened(path: Path, how: int) -> Iterator[int]:
    handle = open_plain(path, how)
    try:
        yield handle
    finally:
        _end(handle)


@contextlib.contextmanager
def _opened_folder(folder: Path) -> Iterator[int]:
    handle = os.open(folder, os.O_RDONLY | BINARY)
    try:
        yield handle
    finally:
        _end(handle)


def _end(handle: int) -> None:
    from filelock import unlock_descriptor

    try:
        with contextlib.suppress(OSError):
            unlock_descriptor(handle)  # Windows takes its time where a file is only closed
    finally:
        os.close(handle)


def _try(handle: int, tries: int = TRIES) -> bool:
    """Lock an open file; returns whether it was free."""
    from filelock import lock_descriptor

    try:
        for left in reversed(range(tries)):
            if lock_descriptor(handle, blocking=False):
                return True
            time.sleep(PAUSE if left else 0)
    except OSError as error:
        raise NoLocks(error.errno, error.strerror) from error
    return False


def _sign(handle: int) -> None:
    who = {"pid": os.getpid(), "host": socket.gethostname(), "since": time.strftime("%Y-%m-%d %H:%M:%S")}
    with contextlib.suppress(OSError):  # a full disk holds nobody up
        os.ftruncate(handle, 1)
        os.lseek(handle, 0, os.SEEK_SET)
        os.write(handle, json.dumps(who).encode())
