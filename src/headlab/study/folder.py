"""A study's own folder: nothing in it is followed out of it, and it is noticed when it goes away.

A study may come from a stranger, and links in it may lead anywhere; pipes in it would wait for ever. So places (its folders)
and files are taken as what they are, never as what they point to. The study's folder itself may be reached by a link.
"""

import contextlib
import errno
import functools
import os
import re
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

from headlab.errors import OutputError, StudyError
from headlab.files import PARTIAL, NoPlainFile, flush_folder, open_plain, output_error, write_whole
from headlab.locks import NoLocks, hold, holder, is_held
from headlab.system import FOLDERS_OPEN

PLACES = ("runs", "arrays", "timings", "failed", "damaged", "claims")
LOCK = "lock"
_NO_FILE = (errno.ENOENT, errno.ENOTDIR, errno.EIO)


class Folder:
    """A study's folder, its places, and its locks; raises `StudyError` where a place is none of its own."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._pin: Callable[[], os.stat_result] | None = None  # says what was pinned
        self.check()

    def check(self) -> None:
        """Raise `OutputError` when the folder went away while it was pinned, `StudyError` when a place is not its own."""
        self._check_itself()
        for name in PLACES:
            self.has_place(name)

    @contextlib.contextmanager
    def pin(self) -> Iterator[None]:
        """Notice, until the block ends, when the folder is removed or renamed, or another one put in its place."""
        self._check_itself()
        before = self._pin
        with contextlib.ExitStack() as opened:
            try:
                self._pin = functools.partial(os.fstat, self._open(opened)) if FOLDERS_OPEN else self._as_it_is()
            except OSError as error:
                raise self._read_error(self.path, error) from error
            try:
                yield
            finally:
                self._pin = before

    def _open(self, opened: contextlib.ExitStack) -> int:
        handle = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY)
        opened.callback(os.close, handle)
        return handle

    def _as_it_is(self) -> Callable[[], os.stat_result]:
        now = self.path.stat()
        return lambda: now

    def _check_itself(self) -> None:
        if self._pin is not None:
            self._check_pin(self._pin())
        elif not self.path.is_dir():
            raise StudyError(f"a study's folder must stay where it is, and {str(self.path)!r} has gone: open it anew")

    def _check_pin(self, own: os.stat_result) -> None:
        with contextlib.suppress(OSError):
            if os.path.samestat(own, self.path.stat()):
                return
        # A removed folder has no name left; one that was moved has one still, that nobody tells.
        if own.st_nlink == 0:
            became = "removed, with what was finished: choose a place for it and run the study again"
        elif FOLDERS_OPEN:
            became = "renamed or replaced: what was finished is kept in it; run it again where it is now"
        else:
            became = "removed, renamed or replaced: what was finished stays in it; run it again where it is now"
        cause = FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(self.path))
        raise OutputError(
            f"a study's folder must stay in its place while it runs, and {str(self.path)!r} was {became}"
        ) from cause

    def has_place(self, *names: str) -> bool:
        """Return whether a place is there; raises `StudyError` for anything there that is no folder of the study's own."""
        try:
            mode = os.lstat(self.path.joinpath(*names)).st_mode
        except FileNotFoundError:
            self._check_itself()
            return False
        if not stat.S_ISDIR(mode):
            raise StudyError(
                f"{'/'.join(names)} must be a folder of the study {str(self.path)!r} itself, got {_kind(mode)}: remove it; "
                f"nothing is followed out of a study"
            )
        return True

    def is_folder(self, path: Path) -> bool:
        """Return whether something in the folder is a folder itself, and no link to one."""
        return stat.S_ISDIR(os.lstat(path).st_mode)

    def place(self, *names: str) -> Path:
        """Return the path of a place, which is made where it is missing; raises `OSError`."""
        self.check()
        for depth in range(1, len(names) + 1):
            path = self.path.joinpath(*names[:depth])
            if not self.has_place(*names[:depth]):
                with contextlib.suppress(FileExistsError):  # another process was quicker
                    path.mkdir()
                flush_folder(path.parent)
        return self.path.joinpath(*names)

    def entries(self, *names: str, like: str = ".*") -> list[Path]:
        """Return what is in a place, by name, in order; `like`: a regular expression for the whole name."""
        if not self.has_place(*names):
            return []
        place, wanted = self.path.joinpath(*names), re.compile(like, re.DOTALL)
        try:
            return sorted(path for path in place.iterdir() if wanted.fullmatch(path.name))
        except OSError as error:
            raise self._read_error(place, error) from error

    def temporary_files(self) -> list[Path]:
        """Return what a process that was killed while it wrote has left, however deep."""
        found, left = [], [self.path]
        while left:
            with contextlib.suppress(OSError), os.scandir(left.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        left.append(Path(entry.path))
                    elif entry.name.endswith(PARTIAL):
                        found.append(Path(entry.path))
        return sorted(found)

    def read(self, path: Path, size: int = -1) -> bytes | None:
        """Return a file's content, or its first `size` bytes; None where there is no plain file, or the disk cannot read it.

        Raises `StudyError` where the fault is not the file's: no right to read it, too many open files.
        """
        try:
            with os.fdopen(open_plain(path), "rb") as file:
                return file.read(size)
        except NoPlainFile:
            return None
        except OSError as error:
            if error.errno in _NO_FILE:
                return None
            raise self._read_error(path, error) from error

    def _read_error(self, path: Path, error: OSError) -> StudyError:
        return StudyError(f"a study must be readable, got {str(path)!r} ({error.strerror}): see who may read it")

    def write(self, path: Path, data: bytes) -> None:
        """Write a file whole or not at all, in a place that is there; raises `OSError`."""
        self.check()
        write_whole(path, data)

    def set_aside(self, path: Path) -> None:
        """Move something to `damaged/`, whatever it is, under its name or a number after it; raises `OSError`."""
        damaged = self.place("damaged")
        target, number = damaged / path.name, 1
        while os.path.lexists(target):
            target, number = damaged / f"{path.name}.{number}", number + 1
        path.rename(target)
        flush_folder(path.parent)
        flush_folder(damaged)

    @contextlib.contextmanager
    def lock(self, name: str = LOCK) -> Iterator[bool]:
        """Hold a lock while the block runs; yields whether it was free. It ends with the process."""
        with contextlib.ExitStack() as held:
            try:
                path = self.place(*name.split("/")[:-1]) / name.rsplit("/", 1)[-1]
                free = held.enter_context(hold(path, patient=name == LOCK))
            except NoPlainFile:
                raise self._no_lock(name) from None
            except NoLocks as error:
                raise StudyError(
                    f"a study must be on a file system with locks, got {str(self.path)!r} ({error.strerror}): "
                    f"choose a local disk"
                ) from None
            except OSError as error:
                raise write_error(self.path, error) from error
            yield free

    def _no_lock(self, name: str) -> StudyError:
        return StudyError(
            f"{name} must be a plain file of the study {str(self.path)!r} itself, got "
            f"{_kind(os.lstat(self.path / name).st_mode)}: remove it; nothing is followed out of a study"
        )

    def holder(self) -> str:
        """Return who holds the study's lock, in words."""
        return holder(self.path / LOCK)

    def is_running(self) -> bool:
        """Return whether a process holds the study."""
        return is_held(self.path / LOCK)


def write_error(folder: Path, error: OSError) -> OutputError:
    """Return the error to raise when a study's folder cannot be written: what is there stays, and the study can go on."""
    return output_error("the study", folder, error, "what was finished is kept; {}, then run it again")


def _kind(mode: int) -> str:
    kinds = {stat.S_IFLNK: "a symbolic link", stat.S_IFDIR: "a folder", stat.S_IFREG: "a file", stat.S_IFIFO: "a pipe"}
    return kinds.get(stat.S_IFMT(mode), "a device or a socket")
