"""A system that has nothing that only Unix has, as headlab's modules see it: put this folder first on PYTHONPATH.

Python imports this module when it starts, in every process that inherits the path. To headlab's own modules, and to what
pathlib does for them, but to nobody else:

- `fcntl`, `resource`, `pwd`, `grp`, `termios`, `tty`, `pty` and `syslog` cannot be imported; `os` and `signal` lack what
  Windows lacks; new processes are spawned
- folders cannot be opened, links cannot be made, a file opened without O_BINARY is a mistake
- what this process has open cannot be replaced, renamed or removed, nor a folder that holds it; the first byte of a locked file
  cannot be read
- names that Windows forbids cannot be made; a text file without an encoding is a mistake, since there it would be cp1252

What an emulation cannot show: how Windows' own calls behave. Needs Linux: /proc tells which files are open and locked.
"""

import builtins
import contextlib
import errno
import io
import multiprocessing
import multiprocessing.context
import os
import re
import signal
import sys
import types
from pathlib import Path

HIDDEN = {"fcntl", "resource", "pwd", "grp", "termios", "tty", "pty", "syslog", "posix"}
O_BINARY = 1 << 30
LACKS = re.compile(
    r"O_(NOFOLLOW|NONBLOCK|CLOEXEC|DIRECTORY|NOCTTY|SYNC|DSYNC|TMPFILE|PATH|ASYNC|DIRECT|NOATIME|ACCMODE)|pwrite.*|pread.*"
    r"|f?chown|lchown|fchmod|chroot|get(e|res|)[ug]id|getgroups|set(e|re|res|)[ug]id|.*xattr|nice|getpriority|setpriority"
    r"|sched_.*|fork.*|mkfifo|mknod|makedev|major|minor|sysconf.*|(f|)pathconf.*|confstr.*|f?statvfs|sync|fdatasync|posix_.*"
    r"|wait(3|4|id)|W[A-Z]+|killpg|[gs]etsid|[gs]etpg(id|rp)|uname|getloadavg|memfd_create|pipe2|openpty|ttyname|ctermid"
    r"|lockf|sendfile|splice|copy_file_range|eventfd.*|initgroups|fchdir|register_at_fork|pidfd_open"
)
SIGNALS = {"SIGINT", "SIGTERM", "SIGABRT", "SIGFPE", "SIGILL", "SIGSEGV", "SIG_DFL", "SIG_IGN"}
NAMELESS = re.compile(r'[<>:"|?*\\\x00-\x1f]|[. ]$|(?i:^(con|prn|aux|nul|com\d|lpt\d)(\.|$))')
REFUSED = 0  # how often something was refused, for the tests of this module

real = types.SimpleNamespace(
    **{
        name: getattr(os, name)
        for name in ("open", "replace", "rename", "unlink", "remove", "rmdir", "mkdir", "symlink")
    },
    read=os.read,
    fdopen=os.fdopen,
    text_encoding=io.text_encoding,
    importing=builtins.__import__,
    opening=builtins.open,
)


def ours() -> bool:
    """Whether what is called was called by headlab, by itself or through pathlib."""
    frame = sys._getframe(2)
    while frame and frame.f_globals.get("__name__") in ("pathlib", "contextlib", "sitecustomize"):
        frame = frame.f_back
    return bool(frame) and str(frame.f_globals.get("__name__")).split(".")[0] == "headlab"


def refuse(path, why="in use by this process"):
    raise PermissionError(errno.EACCES, f"elsewhere: {why}", str(path))


def is_open(path) -> bool:
    """Whether this process has a file open, or one in a folder."""
    path = Path(os.fsdecode(path)).absolute()
    wanted = path.parent.resolve() / path.name
    for entry in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            held = entry.readlink()
            if wanted == held or wanted in held.parents:
                return True
    return False


def is_locked(handle: int) -> bool:
    """Whether a process holds the lock of an open file."""
    inode = os.fstat(handle).st_ino
    with real.opening("/proc/locks", "rb") as file:
        return any(b" FLOCK " in line and line.split()[5].endswith(b":%d" % inode) for line in file)


def check_name(path):
    if NAMELESS.search(Path(os.fsdecode(path)).name):
        raise OSError(errno.EINVAL, "elsewhere: no name for a file", str(path))


def opened(path, flags, mode=0o777, **more):
    if ours():
        assert flags & O_BINARY, f"{path} was opened as text"
        if Path(path).is_dir():
            refuse(path, "a folder cannot be opened")
        if flags & os.O_CREAT and not os.path.lexists(path):
            check_name(path)
    return real.open(path, flags & ~O_BINARY, mode, **more)


def read(handle, count):
    if ours() and count and os.lseek(handle, 0, os.SEEK_CUR) == 0 and is_locked(handle):
        refuse(handle, "another process has locked a portion of the file")
    return real.read(handle, count)


def fdopen(handle, mode="r", *arguments, **more):
    if ours() and "r" in mode and os.lseek(handle, 0, os.SEEK_CUR) == 0 and is_locked(handle):
        os.close(handle)
        refuse(handle, "another process has locked a portion of the file")
    return real.fdopen(handle, mode, *arguments, **more)


def moving(name):
    def move(source, target, **more):
        if ours():
            for path in (source, target):
                if is_open(path):
                    refuse(path)
            check_name(target)
        return getattr(real, name)(source, target, **more)

    return move


def removing(name):
    def remove(path, **more):
        if ours() and is_open(path):
            refuse(path)
        return getattr(real, name)(path, **more)

    return remove


def mkdir(path, *arguments, **more):
    if ours():
        check_name(path)
    return real.mkdir(path, *arguments, **more)


def symlink(source, target, *arguments, **more):
    if ours():
        raise OSError(errno.EPERM, "elsewhere: a required privilege is not held", str(target))
    return real.symlink(source, target, *arguments, **more)


def text_encoding(encoding, stacklevel=2):
    assert encoding is not None or not ours(), "a text file without an encoding"
    return real.text_encoding(encoding, stacklevel + 1)


def opening(file, mode="r", buffering=-1, encoding=None, *arguments, **more):
    assert encoding is not None or "b" in mode or not ours(), f"{file} was opened without an encoding"
    if ours() and not isinstance(file, int) and Path(file).is_dir():
        refuse(file, "a folder cannot be opened")
    return real.opening(file, mode, buffering, encoding, *arguments, **more)


class Lacking(types.ModuleType):
    """A module without some of its names, and with others exchanged."""

    def __init__(self, whole, lacks, **exchanged):
        super().__init__(whole.__name__, whole.__doc__)
        self.__dict__.update(_whole=whole, _lacks=lacks, **exchanged)

    def __getattr__(self, name):
        if self._lacks(name):
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r} elsewhere")
        return getattr(self._whole, name)

    def __setattr__(self, name, value):  # a test that patches os patches it for everybody
        setattr(self._whole, name, value)

    def __delattr__(self, name):
        delattr(self._whole, name)


PARENT = os.getppid()
MODULES = {
    "os": Lacking(os, LACKS.fullmatch, name="nt", O_BINARY=O_BINARY, getppid=lambda: PARENT, read=read, fdopen=fdopen),
    "signal": Lacking(signal, lambda name: name.startswith("SIG") and name not in SIGNALS),
}


def importing(name, namespace=None, local=None, fromlist=(), level=0):
    if not level and str((namespace or {}).get("__name__")).split(".")[0] == "headlab":
        first = name.split(".")[0]
        if first in HIDDEN:
            raise ModuleNotFoundError(f"No module named {first!r} elsewhere", name=first)
        if name in MODULES or (first in MODULES and not fromlist):
            real.importing(name, namespace, local, fromlist, level)
            return MODULES[first]
    return real.importing(name, namespace, local, fromlist, level)


if "headlab" in sys.modules:
    raise ImportError("headlab was imported before")
os.open, os.mkdir, os.symlink = opened, mkdir, symlink
os.replace, os.rename = moving("replace"), moving("rename")
os.unlink, os.remove, os.rmdir = removing("unlink"), removing("remove"), removing("rmdir")
io.text_encoding = text_encoding
builtins.__import__ = importing
builtins.open = opening
multiprocessing.context._concrete_contexts = {"spawn": multiprocessing.context._concrete_contexts["spawn"]}
multiprocessing.context._default_context = multiprocessing.context.DefaultContext(
    multiprocessing.context._concrete_contexts["spawn"]
)
multiprocessing.get_all_start_methods = lambda: ["spawn"]
multiprocessing.get_context = multiprocessing.context._default_context.get_context
multiprocessing.get_start_method = multiprocessing.context._default_context.get_start_method
assert Path("/proc/locks").exists()
