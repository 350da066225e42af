"""Where a study stands."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from headlab.study.work import has_kinds

if TYPE_CHECKING:
    from headlab.study.chunk import Chunk
    from headlab.study.keeper import Keeper


@dataclass(frozen=True)
class Status:
    """Where a study stands: finished runs of all, by condition, who runs it, failed runs, seconds spent.

    lacking: how many of the finished runs, of which condition, lack something that is kept now, and are trained again
    current: whether it can be run further; a study that an older headlab began is shown as it is
    damaged, set_aside: how many files were no sound part of it, and their names in `damaged/`
    """

    runs: int
    of: int
    by_condition: dict[str, int]
    running: str | None
    damaged: int
    set_aside: tuple[str, ...]
    failed: tuple[tuple[str, int], ...]
    seconds: float
    lacking: dict[str, int]
    current: bool

    @property
    def to_train(self) -> int:
        """How many runs are to be trained."""
        return self.of - self.runs + sum(self.lacking.values())


def status_of(store: "Keeper") -> Status:
    """Return where a study stands."""
    design = store.design
    chunks = [chunk for chunk in store.sound_chunks() if chunk.condition in design.identities]
    finished = _counts(store, chunks)
    complete = _counts(store, [chunk for chunk in chunks if has_kinds(store, chunk, design.keep)])
    by_condition = {item.name: finished[identity] for identity, item in design.identities.items()}
    lacking = {
        item.name: finished[identity] - complete[identity]
        for identity, item in design.identities.items()
        if finished[identity] > complete[identity]
    }
    return Status(
        runs=sum(by_condition.values()),
        of=design.n_runs,
        by_condition=by_condition,
        running=store.holder() if store.is_running() else None,
        damaged=len(store.damaged),
        set_aside=tuple(path.name for path in store.damaged),
        failed=tuple(store.failed_runs()),
        seconds=store.seconds(),
        lacking=lacking,
        current=store.is_current,
    )


def _counts(store: "Keeper", chunks: "Sequence[Chunk]") -> Counter[str]:
    """Return how many runs of each condition some chunks hold; what two of them hold counts once."""
    seeds: dict[str, list[NDArray[np.uint64]]] = {}
    for chunk, content in store.contents(chunks).items():
        seeds.setdefault(chunk.condition, []).append(content.seeds)
    return Counter({identity: len(np.unique(np.concatenate(parts))) for identity, parts in seeds.items()})
