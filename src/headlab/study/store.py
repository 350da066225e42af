"""A study on disk: plain files in one folder, written so that nothing finished is ever lost and nothing damaged is ever read.

    study.json                                   the specification, its SHA-256 beside it; never changed
    study.0001.json …                            later ones: more seeds, other conditions; each names its predecessor's hash
    runs/CONDITION/BLOCK-SHA256.parquet          a chunk: one row a run, and the name of its arrays
    arrays/CONDITION/BLOCK-SHA256.safetensors    its weights, curves and snapshots, where they are kept
    timings/BLOCK….json                          how long a chunk took, and where; nothing depends on these
    damaged/                                     what did not match its name or is no chunk, set aside
    lock, claims/                                held (../locks.py): a killed process holds nothing

A file is written under a temporary name, flushed to disk, renamed to a name that carries the SHA-256 of its content, and the
folder flushed. A chunk counts when its Parquet file is there; its arrays are written before. Nothing else says what is done.
Studies of an older format, or whose runs have bits of an older kernel, are read, and nothing is added to them.
"""

import contextlib
import errno
import hashlib
import json
import math
import os
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from headlab.config.numerics import NUMERICS
from headlab.errors import OutputError, StudyError
from headlab.files import PARTIAL, flush_folder, nameable, partial, put_in_place, removed_on_failure
from headlab.study import parquet, specification
from headlab.study.arrays import HEAD, names_in, read_arrays
from headlab.study.blocks import block_size
from headlab.study.chunk import Chunk, Content
from headlab.study.columns import columns_of
from headlab.study.design import StudyDesign
from headlab.study.folder import LOCK, Folder, write_error
from headlab.study.old_formats import ARRAYS_BESIDE_ROWS

if TYPE_CHECKING:
    import duckdb

_CONDITION = "[0-9a-f]{16}"
_CHUNK = r"[0-9]{8}-[0-9a-f]{64}\.parquet"
_ARRAYS = r"[0-9]{8}-[0-9a-f]{64}\.safetensors"
_FAILED = rf"{_CONDITION}-[0-9]{{1,20}}\.json"


class Store:
    """A study's folder.

    explains: mechanisms are found, as every row has one
    Raises `StudyError` for a folder that is no study, of a newer format, or damaged; `OutputError` where it cannot be written.
    """

    explains, in_memory = True, False

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        if what := _what_else(self.folder):
            raise StudyError(f"a study must be a folder that `headlab study run` made, got {str(folder)!r} ({what})")
        self._own = Folder(self.folder)
        self._unmoved: set[Path] = set()
        self._held: dict[Path, Content] = {}  # what sound chunks hold: their names tell their content
        self._names: dict[Path, frozenset[str]] = {}  # of their arrays

    @classmethod
    def create(cls, folder: str | Path, design: StudyDesign) -> "Store":
        """Make the folder of a new study; raises `StudyError` if something else is there."""
        folder = Path(folder)
        try:
            nameable(folder).mkdir(parents=True, exist_ok=True)
            if any(path.suffix != PARTIAL for path in folder.iterdir()):
                raise StudyError(f"a new study must have an empty folder, got {str(folder)!r}: name another one")
            Folder(folder).write(folder / specification.FIRST, specification.file_of(design))
        except NotADirectoryError:
            raise StudyError(f"a study must be a folder, got the file {str(folder)!r}: name another place") from None
        except OSError as error:
            raise write_error(folder, error) from error
        return cls(folder)

    def specify(self, design: StudyDesign) -> None:
        """Put a specification after the ones that are there: from now on, it is the study's."""
        before = self._specifications
        content = specification.file_of(design, before[-1]["sha256"])
        with self._writing():
            self._own.write(self.folder / f"study.{len(before):04}.json", content)
        self.__dict__.pop("_specifications", None)
        self.__dict__.pop("design", None)

    @property
    def _kind(self) -> tuple[int, int]:
        return self._specifications[0]["format"], self._specifications[0]["numerics"]

    @property
    def is_current(self) -> bool:
        """Whether its runs are named and trained as this headlab does."""
        return self._kind == (specification.FORMAT, NUMERICS)

    def require_current(self) -> None:
        """Raise `StudyError` for a study whose runs are named, or were trained, by an older headlab."""
        if not self.is_current:
            version, numerics = self._kind
            raise StudyError(
                f"a study must be of format {specification.FORMAT} and numerics {NUMERICS} to be run further or changed, got "
                f"format {version} and numerics {numerics} in {str(self.folder)!r}: it opens, shows and exports as it is; "
                f"`headlab study new --like {shlex.quote(str(self.folder))}` writes a file for its successor"
            )

    @cached_property
    def _specifications(self) -> list[dict[str, Any]]:
        return specification.read_all(self._own)

    @cached_property
    def design(self) -> StudyDesign:
        """The specification, with what came after the first one."""
        return specification.design_of(self._specifications[-1])

    @property
    def block_size(self) -> int:
        """How many runs a whole chunk has."""
        return block_size(self.design)

    def chunks(self, condition: str | None = None, block: int | None = None) -> list[Chunk]:
        """Return the chunks that are there, by their names, in order: all, or those of one condition and block."""
        found = []
        for place in self._own.entries("runs", like=condition or _CONDITION):
            if not self._own.is_folder(place):
                self._set_aside(place)
                continue
            for path in self._own.entries("runs", place.name, like=_CHUNK):
                number, sha = path.stem.split("-")
                if block is None or int(number) == block:
                    found.append(Chunk(place.name, int(number), sha, path))
        return found

    def sound_chunks(self, condition: str | None = None, block: int | None = None) -> list[Chunk]:
        """Return the chunks whose rows are what their names say; whatever else is called so is set aside."""
        there = [chunk for chunk in self.chunks(condition, block) if self._is_as_named(chunk.path, chunk.sha)]
        unknown = [chunk.path for chunk in there if chunk.path not in self._held]
        self._held |= parquet.examine(self.folder, unknown)
        for path in unknown:
            if path not in self._held:
                self._set_aside(path)
        return [chunk for chunk in there if chunk.path in self._held]

    def _is_as_named(self, path: Path, sha: str) -> bool:
        data = self._own.read(path)
        sound = data is not None and hashlib.sha256(data).hexdigest() == sha
        if not sound:
            self._held.pop(path, None)
            self._set_aside(path)
        return sound

    def contents(self, chunks: Sequence[Chunk]) -> dict[Chunk, Content]:
        """Return what sound chunks hold: the name of the arrays (or nothing), and the seeds."""
        return {chunk: self._held[chunk.path] for chunk in chunks}

    def _set_aside(self, path: Path) -> None:
        # It is never read again, and its runs are pending: where it cannot be moved, on a disk that is full or read-only, too.
        try:
            self._own.set_aside(path)
        except OSError:
            self._own.check()
            self._unmoved.add(path)

    @property
    def damaged(self) -> list[Path]:
        """What was set aside, or would have been."""
        return [*self._own.entries("damaged"), *sorted(self._unmoved)]

    def commit(self, condition: str, block: int, rows: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Chunk:
        """Write one chunk whole or not at all; when this returns, it is on the disk. Raises `OutputError`."""
        with self._writing():
            name = ""
            if arrays:
                from safetensors.numpy import save

                data = save({key: np.ascontiguousarray(value) for key, value in arrays.items()})
                name = f"{block:08}-{hashlib.sha256(data).hexdigest()}.safetensors"
                self._own.write(self._own.place(self._beside, condition) / name, data)
            place, table = self._own.place("runs", condition), columns_of({**rows, "arrays": name})
            temporary = partial(self.folder, f"{block:08}")  # who reads runs/ as a table meets whole files only
            with removed_on_failure(temporary):
                data = parquet.write(table, temporary)
                sha = hashlib.sha256(data).hexdigest()
                self._own.check()
                path = put_in_place(temporary, place / f"{block:08}-{sha}.parquet")
            flush_folder(place)
        self._held[path] = Content(name, np.asarray(table["seed"], np.uint64))
        self._names[path] = frozenset(arrays)
        return Chunk(condition, block, sha, path)

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self._own.check()  # a folder that went away is no folder that cannot be written
            raise write_error(self.folder, error) from error

    def require_all(self) -> None:
        """Raise `OutputError` when a chunk that was there, or was written, has gone."""
        self._own.check()
        gone = [
            len(held.seeds)
            for path, held in self._held.items()
            if not (path.is_file() and (not held.arrays or self._arrays_path(path, held.arrays).is_file()))
        ]
        if gone:
            lost = FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
            raise OutputError(
                f"a study's files must stay while it runs, and those of {sum(gone):,} finished runs have gone from "
                f"{str(self.folder)!r}: the others are kept; run the study again"
            ) from lost

    def note(self, chunk: Chunk, facts: Mapping[str, Any]) -> None:
        """Keep what a chunk took; losing it loses nothing."""
        with contextlib.suppress(OSError):
            name = f"{chunk.condition}-{chunk.block:08}-{chunk.sha[:16]}.json"
            self._own.write(self._own.place("timings") / name, json.dumps(dict(facts)).encode())

    def seconds(self) -> float:
        """Return how long the finished chunks took to train, together."""
        return sum(_seconds(self._own.read(path)) for path in self._own.entries("timings", like=r".*\.json"))

    def fail(self, condition: str, seed: int, why: str) -> None:
        """Keep which run could not be trained, and why; it is tried again when the study is."""
        with self._writing():
            place = self._own.place("failed")
            self._own.write(place / f"{condition}-{seed}.json", json.dumps({"why": why}).encode())

    def failed_runs(self) -> list[tuple[str, int]]:
        """Return the runs that could not be trained: condition and seed."""
        names = [path.stem.split("-") for path in self._own.entries("failed", like=_FAILED)]
        return [(condition, int(seed)) for condition, seed in names]

    def forgive(self) -> None:
        """Forget which runs could not be trained, before they are tried again."""
        for path in self._own.entries("failed", like=_FAILED):
            self.remove(path)

    @property
    def _beside(self) -> str:
        return "runs" if self._kind[0] == ARRAYS_BESIDE_ROWS else "arrays"

    def _arrays_path(self, chunk: Path, name: str) -> Path:
        return self.folder / self._beside / chunk.parent.name / name

    @contextlib.contextmanager
    def open_rows(self, database: "duckdb.DuckDBPyConnection", chunks: Sequence[Chunk]) -> Iterator[str]:
        """Yield SQL that stands for the rows of some sound chunks, at least one."""
        with parquet.open_reader(self.folder) as reader:
            place = (reader.root / "runs").as_posix()
            allowed = ", ".join(map(parquet.sql_text, dict.fromkeys([place, parquet.itself(place)])))
            database.execute(f"set allowed_directories = [{allowed}]")
            yield reader.rows([chunk.path for chunk in chunks])

    def arrays(self, chunk: Chunk) -> dict[str, NDArray[Any]]:
        """Return the arrays of a chunk; raises `StudyError` when they are missing or not what their name says."""
        arrays = self._sound_arrays(chunk)
        if arrays is None:
            path = self._arrays_path(chunk.path, self._held[chunk.path].arrays)
            raise StudyError(
                f"arrays must be what their name says, got {str(path)!r} missing or damaged: run the study again"
            )
        return arrays

    def names_kept(self, chunk: Chunk) -> frozenset[str]:
        """Return the names of the arrays of a sound chunk, as their file's head says them."""
        held = self._held[chunk.path]
        if chunk.path not in self._names and held.arrays:
            head = self._own.read(self._arrays_path(chunk.path, held.arrays), HEAD)
            self._names[chunk.path] = names_in(head or b"")
        return self._names.get(chunk.path, frozenset())

    def has_arrays(self, chunk: Chunk) -> bool:
        """Return whether a chunk's arrays are what their name says (or it has none); else the chunk is set aside."""
        held = self._held[chunk.path]
        if not held.arrays or self._sound_arrays(chunk) is not None:
            return True
        self._held.pop(chunk.path)
        self._set_aside(chunk.path)
        path = self._arrays_path(chunk.path, held.arrays)
        if re.fullmatch(_ARRAYS, held.arrays) and os.path.lexists(path):
            self._set_aside(path)
        return False

    def _sound_arrays(self, chunk: Chunk) -> dict[str, NDArray[Any]] | None:
        held = self._held[chunk.path]
        if not re.fullmatch(_ARRAYS, held.arrays) or not self._own.has_place(self._beside, chunk.condition):
            return None
        data = self._own.read(self._arrays_path(chunk.path, held.arrays)) or b""
        if hashlib.sha256(data).hexdigest() not in held.arrays:
            return None
        return read_arrays(data, held.seeds, self.design.identities[chunk.condition])

    def lock(self, name: str = LOCK) -> contextlib.AbstractContextManager[bool]:
        """Hold a lock of the study while the block runs; yields whether it was free. It ends with the process."""
        return self._own.lock(name)

    def pin(self) -> contextlib.AbstractContextManager[None]:
        """Notice, until the block ends, when the folder is removed or renamed, or another one put in its place."""
        return self._own.pin()

    def holder(self) -> str:
        """Return who holds the study's lock, in words."""
        return self._own.holder()

    def is_running(self) -> bool:
        """Return whether a process holds the study."""
        return self._own.is_running()

    def leftovers(self) -> list[Path]:
        """Return temporary files, and arrays that no sound chunk names: what a killed process left."""
        named = {self._arrays_path(chunk.path, name) for chunk, name in self.array_names(self.sound_chunks()).items()}
        arrays = [
            path
            for place in self._own.entries(self._beside, like=_CONDITION)
            for path in self._own.entries(self._beside, place.name, like=_ARRAYS)
        ]
        return sorted({*self._own.temporary_files(), *arrays} - named)

    def dropped_chunks(self) -> list[Path]:
        """Return the sound chunks whose condition is none of the study's any more; without them, their arrays are left over."""
        return [chunk.path for chunk in self.sound_chunks() if chunk.condition not in self.design.identities]

    def remove(self, path: Path) -> None:
        """Remove a file of the study; raises `OutputError`."""
        with self._writing():
            path.unlink(missing_ok=True)

    def array_names(self, chunks: Sequence[Chunk]) -> dict[Chunk, str]:
        """Return the name of each sound chunk's arrays, for those that have some."""
        return {chunk: held.arrays for chunk, held in self.contents(chunks).items() if held.arrays}


def _what_else(folder: Path) -> str:
    """Return what a path leads to where it is no study's folder, or nothing."""
    try:
        if nameable(folder).is_dir():
            return "" if os.path.lexists(folder / specification.FIRST) else "a folder without study.json"
        return "a file" if folder.is_file() else "no such folder"
    except OSError as error:
        return os.strerror(error.errno or 0)


def _seconds(data: bytes | None) -> float:
    # Notes are for people; a torn one says nothing.
    with contextlib.suppress(ValueError, KeyError, TypeError, OverflowError, RecursionError):
        seconds = json.loads(data or b"")["seconds"]
        if isinstance(seconds, int | float) and 0 <= seconds < math.inf:
            return float(seconds)
    return 0.0
