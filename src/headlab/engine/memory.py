"""How much memory this process may still take: of the machine, of its control group, and of its own limit."""

import mmap
import os
from collections.abc import Iterator
from pathlib import Path

UNKNOWN = 4 << 30  # where the system says nothing


def available() -> int:
    """Return the bytes that can still be taken: the least of what each limit leaves.

    >>> available() > 0
    True
    """
    groups = of_control_groups(_read("/proc/self/cgroup"), Path("/sys/fs/cgroup"))
    free = min([*of_machine(_read("/proc/meminfo")), *groups, *_limit()], default=UNKNOWN)
    return max(0, free)


def _read(path: str | Path) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return ""


def of_machine(meminfo: str) -> Iterator[int]:
    """Yield what the machine has free, or half of what it has where it does not say more.

    >>> list(of_machine("MemTotal: 16 kB\\nMemAvailable: 8 kB"))
    [8192]
    """
    free = [int(line.split()[1]) << 10 for line in meminfo.splitlines() if line.startswith("MemAvailable:")]
    if not free and "SC_PHYS_PAGES" in getattr(os, "sysconf_names", {}):
        free = [os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2]
    yield from free


def of_control_groups(own: str, root: Path) -> Iterator[int]:
    """Yield what every control group of this process leaves, those around it included, in both versions of them.

    own: the lines of /proc/self/cgroup; root: where the groups are folders
    """
    for folder, limit, used, idle in _groups(own, root):
        try:
            most, taken = int(_read(folder / limit)), int(_read(folder / used))
            counts = dict(line.split() for line in _read(folder / "memory.stat").splitlines())
        except (OSError, ValueError):  # no such group here, or "max": no limit
            continue
        yield most - taken + int(counts.get(idle, 0))  # files that were read are given up when memory is wanted


def _groups(own: str, root: Path) -> Iterator[tuple[Path, str, str, str]]:
    for line in own.splitlines():
        _, kinds, path = line.split(":", 2)
        inner = Path(path.lstrip("/"))
        for group in (inner, *inner.parents):
            if not kinds:
                yield root / group, "memory.max", "memory.current", "inactive_file"
            elif "memory" in kinds.split(","):
                folder = root / "memory" / group
                yield folder, "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"


def _limit() -> Iterator[int]:
    """Yield what `ulimit -v` leaves."""
    try:
        import resource

        most = resource.getrlimit(resource.RLIMIT_AS)[0]
        if most != resource.RLIM_INFINITY:
            yield most - _mapped()
    except (ImportError, OSError):  # Windows, or a system without /proc
        return


def _mapped() -> int:
    """Return the bytes of this process' address space."""
    return int(Path("/proc/self/statm").read_bytes().split()[0]) * mmap.PAGESIZE
