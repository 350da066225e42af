"""How a command imports what it needs: at its beginning, or while it trains, for the kernel leaves Python to others."""

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module
from threading import Event, Thread


@contextmanager
def imported_beside(*names: str) -> Iterator[None]:
    """Import modules in another thread while the block runs, which imports none of them; after it they are there.

    One that cannot be imported is tried again, and complains, where it is used. Where the block fails, the rest is left out.
    """
    stopped = Event()
    thread = Thread(target=_import, args=(names, stopped), name="imports")
    thread.start()
    try:
        yield
    except BaseException:
        stopped.set()
        raise
    finally:
        thread.join()


def _import(names: Sequence[str], stopped: Event) -> None:
    with importing():
        for name in names:
            if not stopped.is_set():
                with suppress(Exception):
                    import_module(name)


@contextmanager
def importing() -> Iterator[None]:
    """Import what stays until the process ends: Python looks for no garbage among it, a tenth of the time and more."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
