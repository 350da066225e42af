"""A call about many runs, in parts: some runs after others in an instance, on the caller's thread or on several."""

from collections import deque
from collections.abc import Callable

from headlab.engine.groups import ROOM
from headlab.engine.wasm.asked import Problem
from headlab.engine.wasm.module import Instance, instance
from headlab.engine.wasm.threads import next_of, started

SHARES = 4  # parts of a thread, at least
MOST_BYTES = 4 << 20  # of the arrays of a part, where it has more runs than lanes

Some = Callable[[Instance, slice], None]


def spread(problem: Problem, n_runs: int, bytes_of_run: int, some: Some) -> None:
    """Call `some` for ranges of all runs, on as many threads as the problem says; raises what it raises.

    There is one range where there are no runs.
    """
    ranges = deque(_ranges(problem, n_runs, bytes_of_run))
    failed: list[BaseException] = []

    def work() -> None:
        part = None
        try:
            with instance() as one:
                while not failed and (part := next_of(ranges)) is not None:
                    some(one, part)
        except MemoryError:  # whoever called does it, too
            ranges.extend([] if part is None else [part])
        except BaseException as error:
            failed.append(error)

    with instance() as one:
        some(one, ranges.popleft())  # what is wrong is wrong here
        crew = started(work, min(problem.threads - 1, len(ranges)))
        try:
            _rest(one, ranges, failed, some)
        except BaseException as error:
            failed.append(error)
            raise
        finally:
            for thread in crew:
                thread.join()
        _rest(one, ranges, failed, some)
    if failed:
        raise failed[0]


def _rest(one: Instance, ranges: deque[slice], failed: list[BaseException], some: Some) -> None:
    while not failed and (part := next_of(ranges)) is not None:
        some(one, part)


def _ranges(problem: Problem, n_runs: int, bytes_of_run: int) -> list[slice]:
    lanes, all_runs, most = problem.lanes, max(n_runs, 1), max(bytes_of_run, 1)
    share = all_runs if problem.threads <= 1 else -(-all_runs // (problem.threads * SHARES))
    size = min(-(-min(share, MOST_BYTES // most + 1) // lanes) * lanes, max(1, ROOM // most))
    return [slice(first, min(first + size, n_runs)) for first in range(0, all_runs, size)]
