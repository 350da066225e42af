"""The mode that floats are computed in: the usual one for a call of the module, which takes whatever its thread has."""

import ctypes
import sys
from functools import lru_cache
from typing import Any

_DEFAULT = ctypes.c_void_p(-1)  # FE_DFL_ENV of the C libraries on Linux, which ends flushing to zero, too
_NEAREST = 0  # FE_TONEAREST everywhere


@lru_cache(None)
def _library() -> Any:
    try:
        library = ctypes.CDLL("ucrtbase" if sys.platform == "win32" else None)
        return library if hasattr(library, "fesetround") else ctypes.CDLL("libm.so.6")
    except OSError:
        return None


def usual() -> Any:
    """Compute in the usual mode from now on, in this thread; return what `put_back` needs."""
    library = _library()
    if library is None:
        return None
    if sys.platform != "linux":
        before = library.fegetround()
        library.fesetround(_NEAREST)
        return before
    mode = ctypes.create_string_buffer(64)
    library.fegetenv(mode)
    library.fesetenv(_DEFAULT)
    return mode


def put_back(mode: Any) -> None:
    """Compute as before `usual`, in this thread."""
    if mode is None:
        return
    if sys.platform != "linux":
        _library().fesetround(mode)
    else:
        _library().fesetenv(mode)
