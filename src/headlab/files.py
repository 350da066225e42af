"""Files that are there whole and for good, or not at all: a temporary name, flushed to the disk, renamed, the folder flushed."""

import contextlib
import errno
import os
import secrets
import stat
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from headlab.errors import OutputError
from headlab.system import BINARY, FOLDERS_OPEN, NO_LINKS, NO_TERMINAL, NO_WAITING, OPEN_FILES_STAY, OWNERS

PARTIAL = ".part"  # what a file is called while it is written; a killed process may leave one
PATIENCE = 1.0  # seconds, with who has a file open that is to be replaced, where that must wait
_NOT_REPLACED = {errno.EACCES, errno.EPERM, errno.EROFS, errno.EBUSY}  # by whoever may still write into the file
_NOT_OPENED = {errno.ELOOP, errno.EMLINK, errno.EISDIR, errno.ENXIO}  # links (EMLINK on BSD), folders, pipes, devices
_REASONS = {
    errno.ENOSPC: ("have room on the disk", "make room or choose another place"),
    errno.EDQUOT: ("fit into your share of the disk", "make room or choose another place"),
    errno.EFBIG: ("be no larger than files may be here", "raise the limit (ulimit -f) or choose another place"),
    errno.ENOMEM: ("fit in memory", "close other programs or take less"),
    errno.EROFS: ("be where files can be written", "choose another place"),
    errno.ENOENT: ("be in a folder that can be written", "choose another place"),
    errno.EPIPE: ("be read to its end", "keep its reader open"),
    errno.ENAMETOOLONG: ("have a name that the disk can hold", "choose a shorter one"),
    errno.EMFILE: ("be one of the files that can be open", "raise the limit (ulimit -n) or close other programs"),
    errno.EIO: ("be on a disk that works", "choose another place"),
}


class NoPlainFile(OSError):
    """A link, a folder, a pipe or a device where a file of ours belongs."""


def write_output(path: Path, data: bytes) -> None:
    """Write what somebody asked for, whole or not at all, to wherever the path leads; raises `OutputError`.

    A file is replaced in one step and keeps mode, owner and attributes; a new one gets the usual mode. Symbolic links are
    followed and stay. Devices and pipes are written into (a named pipe waits for its reader), and so is what an open
    descriptor stands for: /dev/stdout, /dev/fd/3. What the shell's `>` may not write is refused, a read-only file too.
    Where a file may be written but not replaced (another's, in a sticky folder; in a folder without write permission;
    mounted by itself) it is written in place. Of a file with several names (hard links) this name alone gets the new
    content.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     Path(folder, "link").symlink_to("target")
    ...     write_output(Path(folder, "link"), b"text")
    ...     Path(folder, "link").is_symlink(), Path(folder, "target").read_bytes()
    (True, b'text')
    """
    try:
        number, now = _descriptor(nameable(path)), None
        if number is not None:
            if sys.stdout is not None:
                sys.stdout.flush()  # what was printed before comes before
            _write_into(os.dup(number), data)
        elif (now := _status(path)) is None or stat.S_ISREG(now.st_mode):
            _replace(Path(os.path.realpath(path)), data, now)
        else:
            _write_into(os.open(path, os.O_WRONLY | NO_TERMINAL | BINARY), data)
    except (OSError, MemoryError) as error:
        raise output_error("the output", path, error) from error


def check_output(path: Path) -> None:
    """Raise `OutputError` where `write_output` would; nothing is made, changed, emptied or waited for."""
    try:
        number, now = _descriptor(nameable(path)), None
        if number is not None:
            os.write(number, b"")  # refused where the descriptor is closed, or only for reading
        elif (now := _status(path)) is None:
            with tempfile.TemporaryFile(dir=os.path.dirname(os.path.realpath(path))):  # noqa: PTH120  # may be ""
                pass  # os.access says yes to root, everywhere
        elif stat.S_ISREG(now.st_mode):
            os.close(os.open(path, os.O_WRONLY | BINARY))
        elif stat.S_ISDIR(now.st_mode):
            raise OutputError(f"the output must be a file, got the folder {str(path)!r}: name a file in it")
        elif not os.access(path, os.W_OK):  # to open a pipe waits, to open a device may do something
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except OSError as error:
        raise output_error("the output", path, error) from None


def path_text(path: Path) -> str:
    r"""Return a path as text that every medium can hold: bytes of a name that are no UTF-8 are written as \xNN.

    >>> print(path_text(Path("r\udcff.html")))
    r\xff.html
    """
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def nameable(path: str | Path) -> Path:
    """Return a path that something can be called by; raises `OSError` for one with a NUL or half a character in it.

    >>> nameable("runs").name
    'runs'
    """
    try:
        encoded = os.fsencode(path)
    except UnicodeEncodeError:
        encoded = b"\0"
    if b"\0" in encoded:
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
    return Path(path)


def leads_to_stdout(path: Path) -> bool:
    """Return whether a path stands for this process's standard output."""
    return _descriptor(path) == 1


def output_error(subject: str, path: Path, error: OSError | MemoryError, remedy: str = "{}") -> OutputError:
    """Return the error to raise for what could not be written: what was needed, what came, what to do.

    subject: what it is, in words; remedy: what to do, with {} for what is usual

    >>> output_error("the output", Path("a"), OSError(errno.ENOSPC, "No space left on device"))
    OutputError("the output must have room on the disk, got 'a' (No space left on device): make room or choose another place")
    """
    number = errno.ENOMEM if isinstance(error, MemoryError) else error.errno or 0
    what, usual = _REASONS.get(number, ("be writable", "choose another place"))
    why = os.strerror(number) if number else str(error)
    return OutputError(f"{subject} must {what}, got {str(path)!r} ({why}): {remedy.format(usual)}")


def write_whole(path: Path, data: bytes, like: os.stat_result | None = None) -> None:
    """Write a file of ours, replacing whatever bears its name; raises `OSError`.

    like: the file that it replaces, whose mode, owner and attributes it gets

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_whole(Path(folder) / "a", b"text")
    ...     [item.name for item in Path(folder).iterdir()]
    ['a']
    """
    temporary = partial(path.parent, path.name)
    with removed_on_failure(temporary):
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | NO_LINKS | BINARY
        with os.fdopen(os.open(temporary, flags, 0o666 if like is None else 0o600), "wb") as file:
            if like is not None:
                _resemble(file.fileno(), path, like)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        put_in_place(temporary, path)
    flush_folder(path.parent)


def put_in_place(temporary: Path, path: Path) -> Path:
    """Give a closed file its name, replacing whatever bears it, and return the path; raises `OSError`.

    Where what somebody has open cannot be replaced, this waits a second for it to be closed.
    """
    until = time.monotonic() + PATIENCE
    while True:
        try:
            return temporary.replace(path)
        except PermissionError:
            if not OPEN_FILES_STAY or time.monotonic() > until:
                raise
        time.sleep(0.01)


def partial(folder: Path, name: str) -> Path:
    """Return a name for a file while it is written: no other process or thread has the same."""
    return folder / f"{name[:40]}-{os.getpid()}-{secrets.token_hex(4)}{PARTIAL}"


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
    """Put a folder's entries on the disk, where a folder can be opened for that; raises `OSError`."""
    if not FOLDERS_OPEN:
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def read_whole(path: Path) -> bytes:
    """Return a plain file's content, by whatever links; raises `OSError`, for a pipe or a device, too, which could make wait."""
    with os.fdopen(open_plain(nameable(path), follow=True), "rb") as file:
        return file.read()


def open_plain(path: Path, how: int = os.O_RDONLY, *, follow: bool = False) -> int:
    """Open a plain file and return its descriptor; no pipe is waited for, and no link followed unless `follow` says so.

    how: os.O_RDONLY or another of them, os.O_CREAT perhaps. Raises `NoPlainFile` for anything else there, `OSError`.
    """
    no_links = 0 if follow else NO_LINKS
    if not (NO_WAITING and (NO_LINKS or follow)):  # nothing can be refused while it is opened: it is before
        with contextlib.suppress(FileNotFoundError):
            _require_plain(path.stat(follow_symlinks=follow))
    try:
        handle = os.open(path, how | no_links | NO_WAITING | BINARY, 0o666)
    except OSError as error:
        if error.errno in _NOT_OPENED:
            raise NoPlainFile(error.errno, "no plain file") from None
        raise
    try:
        _require_plain(os.fstat(handle))
    except BaseException:
        os.close(handle)
        raise
    return handle


def _require_plain(status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise NoPlainFile(errno.EINVAL, "no plain file")


def _status(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except FileNotFoundError:
        return None


def _descriptor(path: Path) -> int | None:
    """Return which of this process's open descriptors a path stands for, by whatever links, or None."""
    own = {os.path.realpath("/dev/fd"), f"/proc/{os.getpid()}/fd"}
    for _ in range(40):  # links, as many as the system follows
        if path.name.isdecimal() and os.path.realpath(path.parent) in own:
            return int(path.name)
        if not path.is_symlink():
            return None
        path = path.parent / path.readlink()
    return None


def _write_into(handle: int, data: bytes) -> None:
    with os.fdopen(handle, "wb") as file:
        file.write(data)


def _replace(path: Path, data: bytes, now: os.stat_result | None) -> None:
    if now is None:
        write_whole(path, data)
        return
    os.close(os.open(path, os.O_WRONLY | BINARY))  # who may not write into a file may not replace it either
    try:
        write_whole(path, data, now)
    except OSError as error:
        if error.errno not in _NOT_REPLACED:
            raise
        _write_into(os.open(path, os.O_WRONLY | os.O_TRUNC | BINARY), data)


def _resemble(handle: int, path: Path, like: os.stat_result) -> None:
    """Give a new file the owner, the mode and the attributes (access lists, say) of the one that it replaces."""
    if not OWNERS:
        return
    if (like.st_uid, like.st_gid) != (os.geteuid(), os.fstat(handle).st_gid):
        os.fchown(handle, like.st_uid, like.st_gid)  # where this is refused, so is the replacement
    os.fchmod(handle, stat.S_IMODE(like.st_mode))
    with contextlib.suppress(AttributeError, OSError):  # not on every system
        for name in os.listxattr(path):
            with contextlib.suppress(OSError):
                os.setxattr(handle, name, os.getxattr(path, name))
