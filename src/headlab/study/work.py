"""The work of a study in chunks: which runs are still to be trained.

A condition's seeds are cut into blocks of equal size, by the design alone; a chunk is what is missing of a block. So every
machine cuts the same study in the same way, and the same chunk has the same weights and curves on all of them, to the bit.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from numpy.typing import NDArray

from headlab.study.arrays import names_of
from headlab.study.blocks import LANES
from headlab.study.conditions import Condition

if TYPE_CHECKING:
    from headlab.study.chunk import Chunk
    from headlab.study.design import StudyDesign
    from headlab.study.keeper import Keeper


@dataclass(frozen=True)
class Task:
    """A chunk to train: its condition's identity, its block, and the seeds that are missing."""

    identity: str
    condition: Condition
    block: int
    seeds: tuple[int, ...]

    def pieces(self) -> list["Task"]:
        """Return up to 16 parts of it, to find out which run it is that cannot be trained."""
        size = -(-len(self.seeds) // LANES)
        starts = range(0, len(self.seeds), size)
        return [Task(self.identity, self.condition, self.block, self.seeds[start : start + size]) for start in starts]


@dataclass(frozen=True)
class Result:
    """A trained chunk: a row a run, the arrays that are kept, what it took, and the instruction set in use there."""

    rows: dict[str, Any]
    arrays: dict[str, NDArray[Any]]
    seconds: float
    instruction_set: str


class Compute(Protocol):
    """How a chunk is trained; see `study.training.compute`."""

    def __call__(
        self,
        design: "StudyDesign",
        task: Task,
        threads: int | None = None,
        progress: Callable[[float], None] | None = None,
        *,
        explains: bool = True,
    ) -> Result | None: ...


def pending_tasks(store: "Keeper") -> list[Task]:
    """Return the chunks that are still to be trained: of runs that lack something that is kept now, too.

    What is damaged is set aside, and is to be trained again.
    """
    design, done = store.design, _done_seeds(store, store.sound_chunks())
    size, tasks = store.block_size, []
    for identity, condition in design.identities.items():
        finished = done.get(identity, set())
        for block, start in enumerate(range(0, len(design.seeds), size)):
            missing = tuple(seed for seed in design.seeds[start : start + size] if seed not in finished)
            if missing:
                tasks.append(Task(identity, condition, block, missing))
    return tasks


def still_missing(store: "Keeper", task: Task) -> Task | None:
    """Return what is missing of a chunk by now: another process may have trained some or all of it."""
    done = _done_seeds(store, store.sound_chunks(task.identity, task.block)).get(task.identity, set())
    seeds = tuple(seed for seed in task.seeds if seed not in done)
    return replace(task, seeds=seeds) if seeds else None


def _done_seeds(store: "Keeper", chunks: "list[Chunk]") -> dict[str, set[int]]:
    """Return the seeds of every condition whose rows and arrays are as they were written, and all that is kept now."""
    found: dict[str, set[int]] = {}
    for chunk in _complete(store, chunks):
        found.setdefault(chunk.condition, set()).update(store.contents([chunk])[chunk].seeds.tolist())
    return found


def _complete(store: "Keeper", chunks: "list[Chunk]") -> "list[Chunk]":
    known = [chunk for chunk in chunks if chunk.condition in store.design.identities]
    return [chunk for chunk in known if store.has_arrays(chunk) and has_kinds(store, chunk, store.design.keep)]


def has_kinds(store: "Keeper", chunk: "Chunk", kinds: Sequence[str]) -> bool:
    """Return whether a sound chunk of one of the study's conditions has the arrays of these kinds: weights, curves …"""
    wanted = names_of(kinds, store.design.identities[chunk.condition])
    return not wanted or wanted <= store.names_kept(chunk)


def superseded_chunks(store: "Keeper") -> list[Path]:
    """Return the chunks that lack something that is kept now, and whose runs are all in others that lack nothing."""
    chunks = [chunk for chunk in store.sound_chunks() if chunk.condition in store.design.identities]
    lacking = [chunk for chunk in chunks if not has_kinds(store, chunk, store.design.keep)]
    seeds = {chunk: set(held.seeds.tolist()) for chunk, held in store.contents(lacking).items()}
    done = _done_seeds(store, chunks) if lacking else {}
    return [chunk.path for chunk in lacking if seeds[chunk] <= done.get(chunk.condition, set())]
