"""A process that trains for the page: told what to do, cancelled inside the kernel, killed without taking the page down."""

import asyncio
import contextlib
import multiprocessing
import os
import signal
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from headlab.errors import HeadlabError, Problem
from headlab.report.frames.wire import encode, problems

DEADLINE_SECONDS = 120.0
MOST_MEMORY = 4 * 2**30  # bytes of address space beside what Python and its libraries map
# Where it can be, a process that has imported everything is kept to be forked: a new trainer is there in milliseconds.
_FORKED = "forkserver" in multiprocessing.get_all_start_methods()
_START: Any = multiprocessing.get_context("forkserver" if _FORKED else "spawn")

Send = Callable[[bytes], None]


def prepare() -> None:
    """Begin to import what trainers need, beside whatever else is done until the first one is started."""
    if _FORKED:
        from multiprocessing.forkserver import ensure_running

        _START.set_forkserver_preload(["headlab.cli.main", "headlab.lab.work"])
        ensure_running()


class Trainer:
    """One training process, started by `start` and again whenever it has died; background: of lower priority."""

    def __init__(self, *, background: bool = False) -> None:
        self._niceness = 5 if background else 0
        self._threads = ThreadPoolExecutor(1)
        self._process: Any = None
        # Of the work in hand; it goes on through restarts, so that a cancellation never meets what comes later.
        self.number = 0

    async def start(self) -> None:
        """Start the process, unless it runs."""
        if self._process is None or not self._process.is_alive():
            self.close()
            self._threads = ThreadPoolExecutor(1)
            await asyncio.get_running_loop().run_in_executor(self._threads, self._start)

    def _start(self) -> None:
        self._pipe, theirs = _START.Pipe()
        self._cancelled = _START.Value("q", 0, lock=False)
        process = _START.Process(target=_serve, args=(theirs, self._cancelled, self._niceness), daemon=True)
        process.start()
        theirs.close()
        self._process = process

    @property
    def pid(self) -> int | None:
        """The process' number."""
        return self._process.pid if self._process else None

    def cancel(self) -> None:
        """Stop the work in hand at the kernel's next look."""
        self._cancelled.value = self.number

    async def run(self, kind: str, fields: Mapping[str, Any], more: Mapping[str, Any], answer: int, send: Send) -> None:
        """Do one piece of work, and send its frames as they come; a process that dies or hangs is replaced, and said."""
        await self.start()  # in case it was killed while it had nothing to do
        self.number += 1
        loop = asyncio.get_running_loop()
        try:
            self._pipe.send((self.number, kind, dict(fields), dict(more), answer))
            async with asyncio.timeout(DEADLINE_SECONDS):
                while data := await loop.run_in_executor(self._threads, self._pipe.recv_bytes):
                    send(data)
        except (EOFError, OSError, TimeoutError) as error:
            why = "took too long" if isinstance(error, TimeoutError) else "ended without a word"
            self._process.kill()
            self._process.join(5)
            await self.start()
            text = f"The training process {why} and was started again: change something, or take a smaller model."
            send(encode(problems([Problem(text)]), id=answer))

    def close(self) -> None:
        """End the process."""
        if self._process:
            self._process.kill()
            self._process.join(5)
            self._pipe.close()
        self._threads.shutdown(wait=False)


class _Superseded(KeyboardInterrupt):
    """The page wants something else by now."""


def _serve(pipe: Any, cancelled: Any, niceness: int) -> None:
    """Answer requests until the parent has gone."""
    server = multiprocessing.parent_process()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the server's
    with contextlib.suppress(OSError, AttributeError):
        os.nice(niceness)
    from headlab.engine.memory import limit
    from headlab.lab.work import WORK

    limit(MOST_MEMORY)
    with contextlib.suppress(EOFError, OSError):
        while True:
            number, kind, fields, more, answer = pipe.recv()

            def look(done: float, number: int = number) -> None:
                if server is not None and not server.is_alive():
                    os._exit(0)
                if cancelled.value >= number:
                    raise _Superseded

            for data in _frames(WORK[kind], fields, more, look, answer):
                pipe.send_bytes(data)
            pipe.send_bytes(b"")


def _frames(work: Any, fields: Any, more: Any, look: Any, answer: int) -> Any:
    """Yield the encoded frames of one piece of work, or its problems."""
    from headlab.lab.experiment import Experiment

    try:
        for frame in work(Experiment.of(fields), **more, progress=look):
            look(0.0)
            yield encode(frame, id=answer)
        return
    except KeyboardInterrupt:  # superseded
        return
    except HeadlabError as error:
        said = error.problems
    except MemoryError:
        said = (Problem("This needs more memory than the lab gives: make it smaller."),)
    except Exception as error:  # the page must hear of it, whatever it was
        if os.environ.get("HEADLAB_DEBUG"):
            raise
        text = f"The work failed ({type(error).__name__}: {error}): please report it with the address of this page."
        said = (Problem(text),)
    yield encode(problems(said), id=answer)
