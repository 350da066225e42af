"""What only some systems have, each thing found out here, once: Windows has none of these and does as well without."""

import os

WINDOWS = os.name == "nt"

# Flags of os.open; 0, which changes nothing, where there is no such flag.
BINARY = getattr(os, "O_BINARY", 0)  # bytes stay bytes
NO_LINKS = getattr(os, "O_NOFOLLOW", 0)  # a link is refused
NO_WAITING = getattr(os, "O_NONBLOCK", 0)  # a pipe without a writer is opened at once
NO_TERMINAL = getattr(os, "O_NOCTTY", 0)  # a terminal does not become the process' own

FOLDERS_OPEN = hasattr(os, "O_DIRECTORY")  # a folder can be opened: to flush its entries, lock it, know it again
OWNERS = hasattr(os, "fchown")  # files have an owner, a group and a mode
OPEN_FILES_STAY = WINDOWS  # a file that anybody has open cannot be replaced, renamed or removed
PORTS_ARE_SHARED = WINDOWS  # SO_REUSEADDR gives a port away that another process listens on


def processors() -> int:
    """Return the number of processors that this process may use, where the system says it, or of all.

    >>> processors() > 0
    True
    """
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
