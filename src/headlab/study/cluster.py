"""Run a study on a Dask cluster: the same chunks, the same bytes, committed here as each one comes back.

Workers only compute; this process holds the study and writes it. A chunk's result leaves its worker as soon as it is done, so
that a lost worker costs the chunks in its hands and nothing else. A chunk whose worker dies is tried again, on as many workers
as Dask allows (four); then it is cut up, until the one run that kills its workers stands alone, is tried once more with nothing
beside it, and is reported. A worker that has gone silent (a suspended machine) is worked around: the chunk is given to another
one, and whichever comes first counts. Any processor is welcome: the kernel gives the same bits on all of them. Workers of another
version, and one that trains a small probe to other bits all the same, are refused before anything is sent.
Source: Dask distributed; the packages dask-jobqueue (SLURM) and dask-kubernetes start such clusters.
"""

import contextlib
import hashlib
import sys
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import headlab
from headlab.config import ModelConfig, TrainConfig
from headlab.config.numerics import NUMERICS
from headlab.errors import StudyError
from headlab.study.design import StudyDesign
from headlab.study.execution import Report, Stop, Tally, catch_signals, hold, land
from headlab.study.store import Store
from headlab.study.work import Compute, Result, Task, pending_tasks

COPIES = 3  # of a chunk on its way at once, where workers have gone silent
CONNECT_SECONDS, RECONNECT_SECONDS = 10, 60
SILENT_SECONDS = 30.0  # a chunk is given to another worker after so long, or ten times what chunks take
POLL_SECONDS = 0.05


@dataclass(eq=False)
class _Flight:
    """A chunk on its way: the futures of it, when the last one left, and whether its one run is thought to kill workers."""

    task: Task
    accused: bool = False
    left: float = 0.0
    futures: list[Any] = field(default_factory=list)


def execute_on_cluster(store: Store, address: str, compute: Compute, *, progress: Report | None = None) -> int:
    """Train what is missing of a study on the workers of a Dask scheduler, and return how many runs that were.

    compute: how a chunk is trained

    Raises `StudyError` for a study of an older headlab, when the cluster does not answer, or a worker runs another version or
    trains other bits; `StudyHeld`, `StudyInterrupted`, `OutputError`.
    """
    store.require_current()
    with hold(store), catch_signals() as stop:
        store.forgive()
        driver = _Driver(store, address, compute, progress)
        try:
            driver.run(stop)
        finally:
            driver.close()
        return driver.tally.total(stop)


class _Driver:
    """Keeps every worker busy with two chunks, and commits what comes back."""

    def __init__(self, store: Store, address: str, compute: Compute, progress: Report | None) -> None:
        self.store, self.design, self.address, self.compute = store, store.design, address, compute
        self.waiting = deque(_Flight(task) for task in pending_tasks(store))
        self.tally = Tally(store, [flight.task for flight in self.waiting], progress)
        self.flying: list[_Flight] = []
        self.accused: deque[_Flight] = deque()
        self.took: list[float] = []
        self.seen = time.monotonic()  # when there were workers last
        self.client: Any = None

    def run(self, stop: Stop) -> None:
        self.client = self._connect(CONNECT_SECONDS)
        self._refuse_strangers()
        while (self.waiting or self.flying or self.accused) and stop.number is None:
            if not self._alive():
                self._reconnect()
            if not self.waiting and not self.flying:
                self.waiting.append(self.accused.popleft())  # alone
            self._send()
            if not self._receive():
                time.sleep(POLL_SECONDS)

    def close(self) -> None:
        if self.client is not None:
            with contextlib.suppress(Exception):
                for flight in self.flying:
                    self.client.cancel(flight.futures, force=True)
                self.client.close(timeout=2)

    def _connect(self, seconds: float) -> Any:
        from distributed import Client

        try:
            return Client(self.address, timeout=seconds, set_as_default=False)  # type: ignore[no-untyped-call]
        except (OSError, TimeoutError, ValueError, ImportError) as error:
            raise StudyError(
                f"the cluster must answer at {self.address!r}, and it does not ({type(error).__name__}): start a Dask "
                f"scheduler there, or check the address"
            ) from None

    def _refuse_strangers(self) -> None:
        deadline = time.monotonic() + CONNECT_SECONDS
        while not (workers := self.client.scheduler_info(n_workers=-1)["workers"]) and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
        if not workers:
            raise StudyError(f"the cluster at {self.address!r} must have workers, and has none: start some")
        ours = passport(self.compute)
        wrong = {}
        for worker, theirs in self.client.run(passport, self.compute, on_error="return").items():
            if isinstance(theirs, ModuleNotFoundError):
                raise StudyError(
                    f"every worker must have headlab {headlab.__version__}, and one has no {theirs.name}: install it"
                )
            if isinstance(theirs, Exception) and not isinstance(theirs, OSError):
                raise theirs
            if theirs != ours and not isinstance(theirs, OSError):  # one that has gone meanwhile does no harm
                wrong[worker] = theirs
        if wrong:
            raise StudyError(_strange(*next(iter(wrong.items())), ours))

    def _alive(self) -> bool:
        return bool(self.client.status == "running")

    def _reconnect(self) -> None:
        """Wait for the scheduler to come back; whatever was on its way is sent again."""
        with contextlib.suppress(Exception):
            self.client.close(timeout=1)
        for flight in self.flying:
            flight.futures.clear()
            self.waiting.appendleft(flight)
        self.flying.clear()
        deadline = time.monotonic() + RECONNECT_SECONDS
        while True:
            try:
                self.client = self._connect(2)
                return
            except StudyError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(1)

    def _send(self) -> None:
        with contextlib.suppress(OSError, TimeoutError):  # a scheduler that has just gone: found out at the next turn
            threads = sum(self.client.nthreads().values())
            self.seen = time.monotonic() if threads else self.seen
            if time.monotonic() - self.seen > RECONNECT_SECONDS:
                raise StudyError(
                    f"the cluster at {self.address!r} must have workers, and has lost them all: start some and run the study "
                    f"again; what was finished is kept"
                )
            while self.waiting and len(self.flying) < 2 * threads:
                flight = self.waiting.popleft()
                self._submit(flight)
                self.flying.append(flight)
            patience = max(SILENT_SECONDS, 10 * float(np.median(self.took))) if self.took else SILENT_SECONDS
            for flight in self.flying:
                if time.monotonic() - flight.left > patience and len(flight.futures) < COPIES:
                    self._submit(flight)

    def _submit(self, flight: _Flight) -> None:
        busy = {worker for future in flight.futures for worker in self._holders(future)}
        free = [worker for worker in self.client.nthreads() if worker not in busy]
        flight.left = time.monotonic()
        flight.futures.append(
            self.client.submit(
                compute_chunk,
                self.compute,
                self.design.to_dict(),
                flight.task,
                pure=False,
                retries=0,
                workers=free if busy and free else None,
                allow_other_workers=bool(busy and free) or None,
            )
        )

    def _holders(self, future: Any) -> list[str]:
        with contextlib.suppress(Exception):
            return [worker for worker, keys in self.client.processing().items() if future.key in map(str, keys)]
        return []

    def _receive(self) -> bool:
        """Take what has come back; returns whether there was anything."""
        came = False
        for flight in list(self.flying):
            for future in list(flight.futures):
                if future.status == "pending":
                    continue
                came = True
                flight.futures.remove(future)
                if future.status == "finished" and self._commit(flight, future):
                    break
                if future.status in ("error", "cancelled", "lost"):
                    self._died(flight, future)
                    break
        return came

    def _commit(self, flight: _Flight, future: Any) -> bool:
        try:
            result = future.result(timeout=CONNECT_SECONDS)
        except Exception:  # the worker that held the result has gone: the chunk is sent again
            self._again(flight)
            return True
        self.tally.finished += land(self.store, flight.task, result)
        self.took.append(result.seconds)
        self.flying.remove(flight)
        self.client.cancel(flight.futures, force=True)
        flight.futures.clear()
        self.tally.report()
        return True

    def _died(self, flight: _Flight, future: Any) -> None:
        """Send a chunk again that got lost; where it killed its workers, cut it up until one run stands accused.

        Dask has tried a chunk in `error` on as many workers as it allows (four), and blames everything that was on the worker:
        an accused run is tried once more with nothing beside it, before it is reported.
        """
        if future.status != "error":
            self._again(flight)
            return
        self.flying.remove(flight)
        flight.futures.clear()
        if len(flight.task.seeds) > 1:
            self.waiting.extend(_Flight(piece) for piece in flight.task.pieces())
        elif not flight.accused:
            flight.accused = True
            self.accused.append(flight)
        else:
            self.store.fail(flight.task.identity, flight.task.seeds[0], _reason(future))

    def _again(self, flight: _Flight) -> None:
        if flight in self.flying:
            self.flying.remove(flight)
        flight.futures.clear()
        self.waiting.append(flight)


def compute_chunk(compute: Compute, design: dict[str, Any], task: Task) -> Result | None:
    """Train a chunk on a worker, on one thread."""
    return compute(StudyDesign.from_dict(design), task, threads=1)


def passport(compute: Compute) -> dict[str, str]:
    """Return what has to be the same on every machine of a study: versions, and the bits of a small training.

    headlab, numerics: what rows are, how seeds are cut into chunks, and which bits a training gives
    python, numpy: what crosses the wire is theirs, and NumPy measures grades and mechanisms
    training: SHA-256 of what seven runs of a wide head train to in some milliseconds. The processor makes no difference to it: a
    build with other compiler flags does, a changed source, or a machine that computes wrongly
    """
    model, training = ModelConfig(d_head=20), TrainConfig.of(steps=50)
    design = StudyDesign.grid(seeds=range(7), model=model, training=training, keep=("weights", "curves"))
    ((identity, condition),) = design.identities.items()
    result = compute(design, Task(identity, condition, 0, design.seeds), 1, explains=False)
    arrays = {} if result is None else {**result.arrays, "final_loss": np.asarray(result.rows["final_loss"])}
    whole = hashlib.sha256(b"".join(np.ascontiguousarray(arrays[name]).tobytes() for name in sorted(arrays)))
    return {
        "headlab": headlab.__version__,
        "numerics": str(NUMERICS),
        "python": f"{sys.version_info.major}.{sys.version_info.minor}",
        "numpy": np.__version__,
        "training": whole.hexdigest(),
    }


def _strange(worker: str, theirs: dict[str, str], ours: dict[str, str]) -> str:
    """Return why a worker is refused: what it runs, or that the same thing gives other bits there."""
    others = {name: theirs.get(name) for name in ours if name != "training" and theirs.get(name) != ours[name]}
    if not others:
        return (
            f"every worker must train the bits that this process trains, whatever its processor, and {worker} trains others: "
            f"install headlab {headlab.__version__} there again, or leave that machine out"
        )
    wanted = ", ".join(f"{name} {value}" for name, value in ours.items() if name != "training")
    got = ", ".join(f"{name} {value}" for name, value in others.items())
    return f"every worker must run what this process runs ({wanted}), and {worker} has {got}: install the same there"


def _reason(future: Any) -> str:
    with contextlib.suppress(Exception):
        error = future.exception(timeout=1)
        return f"{type(error).__name__}: {error}"
    return "its worker died"
