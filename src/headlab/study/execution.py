"""Run a study on this machine: chunks side by side, each committed as it ends, stoppable at any moment."""

import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from headlab import engine
from headlab.errors import StudyError
from headlab.notation.numbers import is_or_are, quantity
from headlab.study.work import Compute, Result, Task, pending_tasks, still_missing

if TYPE_CHECKING:
    from headlab.study.keeper import Keeper

POLL_SECONDS = 0.05

Report = Callable[[float], None]


class StudyHeld(StudyError):
    """Another process is running the study."""

    exit_status = 75  # as sysexits.h has it: try again later


class StudyInterrupted(KeyboardInterrupt):
    """Ctrl-C or a termination signal during a study; what was finished is kept (in memory: until the process ends)."""

    def __init__(self, finished: int, signal_number: int, *, in_memory: bool = False) -> None:
        self.signal_number = signal_number
        were = f"{quantity(finished, 'run')} {'was' if finished == 1 else 'were'} finished"
        kept = "" if in_memory else f" and {is_or_are(finished)} kept; run the study again to go on"
        super().__init__(f"interrupted: {were}{kept}")


def execute(
    store: "Keeper",
    compute: Compute,
    *,
    threads: int | None = None,
    progress: Report | None = None,
    join: bool = False,
) -> int:
    """Train what is missing of a study, and return how many runs that were.

    compute: how a chunk is trained; threads: how many there are, one a processor when left out
    progress: called with the share of the whole study that is done
    join: help a process that is at it already, instead of holding the study
    Raises `StudyError` for a study of an older headlab, `StudyHeld` when another process runs it, `StudyInterrupted`,
    `OutputError`.
    """
    store.require_current()
    with store.pin() if join else hold(store, "wait, or help it with --join"):
        if not join:
            store.forgive()
        return _Crew(store, compute, threads, progress).work()


@contextmanager
def hold(store: "Keeper", otherwise: str = "wait until it has ended") -> Iterator[None]:
    """Hold a study while the block runs; raises `StudyHeld` when another process does, and says what to do otherwise."""
    with store.pin(), store.lock() as free:
        if not free:
            raise StudyHeld(f"the study must be free, and {store.holder()} is running it: {otherwise}")
        yield


class _Crew:
    """Trains chunks side by side, one a processor, and commits each one as it ends."""

    def __init__(self, store: "Keeper", compute: Compute, threads: int | None, progress: Report | None) -> None:
        self.store, self.design, self.compute = store, store.design, compute
        self.threads = threads or engine.default_threads()
        self.waiting = deque(pending_tasks(store))
        self.tally = Tally(store, self.waiting, progress)
        self.flying: dict[Future[Result | None], tuple[Task, ExitStack]] = {}
        self.shares: dict[Task, float] = {}
        self.stopped = threading.Event()

    def work(self) -> int:
        """Train what is missing; returns how many runs that were."""
        with catch_signals() as stop, ThreadPoolExecutor(self.threads) as pool:
            try:
                while (self.waiting or self.flying) and stop.number is None:
                    self._send(pool)
                    ended, _ = wait(self.flying, POLL_SECONDS, FIRST_COMPLETED)
                    self._land(ended)
                    self.tally.report(sum(self.shares[task] * len(task.seeds) for task, _ in self.flying.values()))
                self.stopped.set()
                self._land(list(self.flying))  # after a signal: the runs in hand that had ended
            finally:
                self.stopped.set()
                for _, claim in self.flying.values():
                    claim.close()
        return self.tally.total(stop)

    def _send(self, pool: ThreadPoolExecutor) -> None:
        while self.waiting and len(self.flying) < self.threads:
            claimed = self.waiting.popleft()
            with ExitStack() as claim:
                mine = claim.enter_context(self.store.lock(f"claims/{claimed.identity}-{claimed.block:08}"))
                task = still_missing(self.store, claimed) if mine else None
                if task is not None:
                    self.shares[task] = 0.0
                    threads = max(1, self.threads // (len(self.flying) + len(self.waiting) + 1))
                    self.flying[pool.submit(self._compute, task, threads)] = (task, claim.pop_all())

    def _compute(self, task: Task, threads: int) -> Result | None:
        def share(done: float) -> None:
            self.shares[task] = done
            if self.stopped.is_set() and done < 1:
                raise KeyboardInterrupt

        return self.compute(self.design, task, threads, share, explains=self.store.explains)

    def _land(self, ended: Iterable[Future[Result | None]]) -> None:
        for future in ended:
            task, claim = self.flying.pop(future)
            with claim:
                result = future.result()
                if result is not None:
                    self.tally.finished += land(self.store, task, result)


class Tally:
    """How many runs a study had, has got, and lacks; tells the one who asked for progress."""

    def __init__(self, store: "Keeper", tasks: Iterable[Task], progress: Report | None) -> None:
        self.store, self.of, self.progress = store, store.design.n_runs, progress
        self.missing = sum(len(task.seeds) for task in tasks)
        self.finished = 0

    def report(self, in_hand: float = 0.0) -> None:
        """Say which share of the study is done; in_hand: runs' worth of unfinished chunks."""
        if self.progress is not None:
            self.progress((self.of - self.missing + self.finished + in_hand) / self.of)

    def total(self, stop: "Stop") -> int:
        """Return how many runs were finished; raises `StudyInterrupted` where a signal came before the end.

        Raises `OutputError` when finished runs have gone from the folder in the meantime.
        """
        self.store.require_all()
        if stop.number is not None and self.finished < self.missing:
            raise StudyInterrupted(self.finished, stop.number, in_memory=self.store.in_memory)
        self.report()
        return self.finished


def land(store: "Keeper", task: Task, result: Result) -> int:
    """Commit a chunk's result with a note of what it took, and return how many runs it has."""
    chunk = store.commit(task.identity, task.block, result.rows, result.arrays)
    runs = len(result.rows["seed"])
    facts = {"seconds": round(result.seconds, 4), "runs": runs, "steps": runs * task.condition.training.steps}
    store.note(chunk, {**facts, "instruction_set": result.instruction_set})
    return runs


class Stop:
    """Whether a signal has asked for an end; a second one ends at once."""

    number: signal.Signals | None = None

    def __call__(self, number: int, frame: Any) -> None:
        """Take a signal."""
        if self.number is not None:
            raise KeyboardInterrupt
        self.number = signal.Signals(number)


@contextmanager
def catch_signals() -> Iterator[Stop]:
    """Take Ctrl-C and termination signals as requests while the block runs; yields whether one has come."""
    stop, before = Stop(), {}
    if threading.current_thread() is threading.main_thread():  # elsewhere, whoever started the thread stops it
        before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
