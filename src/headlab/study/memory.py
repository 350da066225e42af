"""Where a study's runs are kept that needs no folder: in this process, until it ends."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from headlab.study.blocks import LANES
from headlab.study.chunk import Chunk, Content
from headlab.study.columns import OF_FILES, columns_of

if TYPE_CHECKING:
    import duckdb

    from headlab.study.design import StudyDesign

BLOCK, MOST_BLOCKS = 2 * LANES, 1000  # runs in a chunk: few, so that all processors end together; chunks in a study


class Memory:
    """A study's runs in memory: to whoever trains and reads them what a `Store` is, and nobody else comes to it.

    explains: whether mechanisms are found, which takes time where a corpus is large
    """

    is_current, in_memory, damaged = True, True, ()

    def __init__(self, design: "StudyDesign", *, explains: bool = True) -> None:
        self.design, self.explains = design, explains
        self._chunks: dict[Chunk, tuple[dict[str, NDArray[Any]], dict[str, NDArray[Any]]]] = {}
        self._seconds: list[float] = []

    @property
    def block_size(self) -> int:
        """How many runs a whole chunk has."""
        return max(BLOCK, -(-self.design.n_runs // (MOST_BLOCKS * LANES)) * LANES)

    def require_current(self) -> None:
        """Do nothing: it was made by this headlab."""

    def specify(self, design: "StudyDesign") -> None:
        """Take another design: from now on, it is the study's."""
        self.design = design

    def commit(self, condition: str, block: int, rows: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Chunk:
        """Keep one chunk."""
        name = str(len(self._chunks))
        chunk = Chunk(condition, block, name, Path(name))
        self._chunks[chunk] = columns_of({**rows, "arrays": name if arrays else ""}), dict(arrays)
        return chunk

    def sound_chunks(self, condition: str | None = None, block: int | None = None) -> list[Chunk]:
        """Return the chunks that are there: all, or those of one condition and block."""
        return [
            chunk for chunk in self._chunks if condition in (None, chunk.condition) and block in (None, chunk.block)
        ]

    def contents(self, chunks: Sequence[Chunk]) -> dict[Chunk, Content]:
        """Return what chunks hold: the name of the arrays (or nothing), and the seeds."""
        rows = {chunk: self._chunks[chunk][0] for chunk in chunks}
        return {chunk: Content(str(row["arrays"][0]), row["seed"]) for chunk, row in rows.items()}

    def names_kept(self, chunk: Chunk) -> frozenset[str]:
        """Return the names of a chunk's arrays."""
        return frozenset(self._chunks[chunk][1])

    def has_arrays(self, chunk: Chunk) -> bool:
        """Return True: nothing gets lost in memory."""
        return True

    def arrays(self, chunk: Chunk) -> dict[str, NDArray[Any]]:
        """Return the arrays of a chunk."""
        return self._chunks[chunk][1]

    @contextlib.contextmanager
    def open_rows(self, database: "duckdb.DuckDBPyConnection", chunks: Sequence[Chunk]) -> Iterator[str]:
        """Yield SQL that stands for the rows of some chunks, at least one."""
        database.register("kept", self.rows(chunks))
        yield "(from kept)"

    def rows(self, chunks: Sequence[Chunk]) -> pd.DataFrame:
        """Return one row a run of some chunks, at least one."""
        tables = [self._chunks[chunk][0] for chunk in chunks]
        return pd.DataFrame({name: _joined([table[name] for table in tables]) for name in OF_FILES})

    def note(self, chunk: Chunk, facts: Mapping[str, Any]) -> None:
        """Keep what a chunk took."""
        self._seconds.append(facts["seconds"])

    def seconds(self) -> float:
        """Return how long the finished chunks took to train, together."""
        return sum(self._seconds)

    def require_all(self) -> None:
        """Do nothing: nothing gets lost in memory."""

    def forgive(self) -> None:
        """Do nothing: whatever could not be trained ended the training."""

    def failed_runs(self) -> list[tuple[str, int]]:
        """Return no runs: whatever could not be trained ended the training."""
        return []

    def lock(self, name: str = "") -> contextlib.AbstractContextManager[bool]:
        """Yield True: nobody else comes to it."""
        return contextlib.nullcontext(True)

    def pin(self) -> contextlib.AbstractContextManager[None]:
        """Do nothing: it goes away with the process only."""
        return contextlib.nullcontext()

    def holder(self) -> str:
        """Return who holds it."""
        return "this process"

    def is_running(self) -> bool:
        """Return False: nobody else comes to it."""
        return False

    def leftovers(self) -> list[Path]:
        """Return nothing: there are no files."""
        return []

    def dropped_chunks(self) -> list[Path]:
        """Return the names of the chunks whose condition is none of the study's any more."""
        return [chunk.path for chunk in self._chunks if chunk.condition not in self.design.identities]

    def remove(self, path: Path) -> None:
        """Forget a chunk."""
        self._chunks = {chunk: kept for chunk, kept in self._chunks.items() if chunk.path != path}


def _joined(parts: "Sequence[NDArray[Any]]") -> Any:
    """Return the parts of a column as one; of whole numbers some of which are null, pandas' own kind."""
    whole = np.concatenate([np.ma.getdata(part) for part in parts])
    if not any(isinstance(part, np.ma.MaskedArray) for part in parts):
        return whole
    return pd.arrays.IntegerArray(whole, np.concatenate([np.ma.getmaskarray(part) for part in parts]))
