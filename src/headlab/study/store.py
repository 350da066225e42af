"""A study on disk: plain files in one folder, written so that nothing finished is ever lost and nothing damaged is ever read.

    study.json                                   the specification, its SHA-256 beside it; never changed
    study.0001.json …                            extensions: more seeds or conditions, each naming its predecessor's hash
    runs/CONDITION/BLOCK-SHA256.parquet          a chunk: one row a run, and the name of its arrays
    runs/CONDITION/BLOCK-SHA256.safetensors      its weights, curves and snapshots, where they are kept
    timings/BLOCK….json                          how long a chunk took, and where; nothing depends on these
    damaged/                                     what did not match its name, set aside
    lock, claims/                                held with flock: a killed process holds nothing

A file is written under a temporary name, flushed to disk, renamed to a name that carries the SHA-256 of its content, and the
folder flushed. A chunk counts when its Parquet file is there; its arrays are written before. Nothing else says what is done.
"""

import contextlib
import errno
import fcntl
import hashlib
import json
import os
import re
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from headlab.errors import OutputError, StudyError
from headlab.files import PARTIAL, flush_folder, partial, removed_on_failure, sha256_of, write_whole
from headlab.study.design import StudyDesign, digest

FORMAT = 1
SPECIFICATION = "study.json"
_CHUNK = re.compile(r"(?P<block>\d{8})-(?P<sha>[0-9a-f]{64})\.parquet")
_EXTENSION = re.compile(r"study\.\d{4}\.json")


@dataclass(frozen=True)
class Chunk:
    """A finished chunk: its condition, its block of seeds, and its file, whose name carries the hash of its content."""

    condition: str
    block: int
    sha: str
    path: Path


class Store:
    """A study's folder.

    Raises `StudyError` for a folder that is no study, of a newer format, or damaged; `OutputError` where it cannot be written.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        if not self.folder.is_dir() or not (self.folder / SPECIFICATION).is_file():
            what = "a folder without study.json" if self.folder.is_dir() else "no such folder"
            if self.folder.is_file():
                what = "a file"
            raise StudyError(f"a study must be a folder that `headlab study run` made, got {str(folder)!r} ({what})")

    @classmethod
    def create(cls, folder: str | Path, design: StudyDesign) -> "Store":
        """Make the folder of a new study; raises `StudyError` if something else is there."""
        folder = Path(folder)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if any(path.suffix != PARTIAL for path in folder.iterdir()):
                raise StudyError(f"a new study must have an empty folder, got {str(folder)!r}: name another one")
            write_whole(folder / SPECIFICATION, _enveloped(design, None))
        except NotADirectoryError:
            raise StudyError(f"a study must be a folder, got the file {str(folder)!r}: name another place") from None
        except OSError as error:
            raise unwritable(folder, error) from error
        return cls(folder)

    def extend(self, design: StudyDesign) -> None:
        """Put a larger specification beside the ones that are there; raises `StudyError` if it is not larger."""
        now = self.design
        lost = set(now.identities) - set(design.identities)
        if (
            digest(now.corpus.to_dict()) != digest(design.corpus.to_dict())
            or lost
            or set(now.seeds) - set(design.seeds)
        ):
            raise StudyError(
                f"an extension must keep the corpus, every condition and every seed of the study {str(self.folder)!r}: "
                f"add to them, or make another study"
            )
        name = f"study.{len(self._specifications):04}.json"
        try:
            write_whole(self.folder / name, _enveloped(design, self._specifications[-1]["sha256"]))
        except OSError as error:
            raise unwritable(self.folder, error) from error
        self.__dict__.pop("_specifications", None)
        self.__dict__.pop("design", None)

    @cached_property
    def _specifications(self) -> list[dict[str, Any]]:
        names = sorted(path.name for path in self.folder.iterdir() if _EXTENSION.fullmatch(path.name))
        found: list[dict[str, Any]] = []
        for name in [SPECIFICATION, *names]:
            given = _read_specification(self.folder / name)
            if given["extends"] != (found[-1]["sha256"] if found else None):
                raise StudyError(
                    f"{name} must extend the specification before it, and does not: restore the folder's files"
                )
            found.append(given)
        return found

    @cached_property
    def design(self) -> StudyDesign:
        """The specification, with its extensions."""
        return StudyDesign.from_dict(self._specifications[-1]["specification"])

    def chunks(self, condition: str = "*", block: int | None = None) -> list[Chunk]:
        """Return the chunks that are there, by their names, in order: all, or those of one condition and block."""
        found = []
        for path in sorted(self.folder.glob(f"runs/{condition}/{'' if block is None else f'{block:08}-'}*.parquet")):
            match = _CHUNK.fullmatch(path.name)
            if match:
                found.append(Chunk(path.parent.name, int(match["block"]), match["sha"], path))
        return found

    def sound_chunks(self, condition: str = "*", block: int | None = None) -> list[Chunk]:
        """Return the chunks whose rows are what their names say; the others are set aside under `damaged/`."""
        sound = []
        for chunk in self.chunks(condition, block):
            if sha256_of(chunk.path) == chunk.sha:
                sound.append(chunk)
            else:
                self.set_aside(chunk.path)
        return sound

    def set_aside(self, path: Path) -> None:
        """Move a damaged file to `damaged/`; it is never read again, and its runs are pending."""
        try:
            (self.folder / "damaged").mkdir(exist_ok=True)
            path.replace(self.folder / "damaged" / path.name)
            flush_folder(path.parent)
        except OSError as error:
            raise unwritable(self.folder, error) from error

    @property
    def damaged(self) -> list[Path]:
        """The files that were set aside."""
        folder = self.folder / "damaged"
        return sorted(folder.iterdir()) if folder.is_dir() else []

    def commit(self, condition: str, block: int, rows: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Chunk:
        """Write one chunk whole or not at all; when this returns, it is on the disk. Raises `OutputError`."""
        folder = self.folder / "runs" / condition
        try:
            if not folder.is_dir():
                folder.mkdir(parents=True, exist_ok=True)
                flush_folder(folder.parent)
                flush_folder(self.folder)
            name = ""
            if arrays:
                from safetensors.numpy import save

                data = save({key: np.ascontiguousarray(value) for key, value in arrays.items()})
                name = f"{block:08}-{hashlib.sha256(data).hexdigest()}.safetensors"
                write_whole(folder / name, data)
            table = dict(rows) | {"arrays": np.full(len(rows["seed"]), name, dtype=object)}
            temporary = partial(folder, f"{block:08}")
            with removed_on_failure(temporary):
                _write_parquet(table, temporary)
                with temporary.open("rb+") as file:
                    sha = hashlib.sha256(file.read()).hexdigest()
                    os.fsync(file.fileno())
                path = temporary.replace(folder / f"{block:08}-{sha}.parquet")
            flush_folder(folder)
        except OSError as error:
            raise unwritable(self.folder, error) from error
        return Chunk(condition, block, sha, path)

    def note(self, chunk: Chunk, facts: Mapping[str, Any]) -> None:
        """Keep what a chunk took; losing it loses nothing."""
        with contextlib.suppress(OSError):
            (self.folder / "timings").mkdir(exist_ok=True)
            name = f"{chunk.condition}-{chunk.block:08}-{chunk.sha[:16]}.json"
            (self.folder / "timings" / name).write_text(json.dumps(dict(facts)))

    def fail(self, condition: str, seed: int, why: str) -> None:
        """Keep which run could not be trained, and why; it is tried again when the study is."""
        (self.folder / "failed").mkdir(exist_ok=True)
        write_whole(self.folder / "failed" / f"{condition}-{seed}.json", json.dumps({"why": why}).encode())

    def failed(self) -> list[tuple[str, int]]:
        """Return the runs that could not be trained: condition and seed."""
        names = sorted(path.stem for path in (self.folder / "failed").glob("*.json"))
        return [(condition, int(seed)) for condition, seed in (name.rsplit("-", 1) for name in names)]

    def forgive(self) -> None:
        """Forget which runs could not be trained, before they are tried again."""
        for path in (self.folder / "failed").glob("*.json"):
            path.unlink(missing_ok=True)

    def arrays(self, chunk: Chunk, name: str) -> dict[str, NDArray[Any]]:
        """Return the arrays of a chunk; raises `StudyError` when they are missing or not what their name says."""
        from safetensors.numpy import load

        path = chunk.path.parent / name
        data = path.read_bytes() if path.is_file() else b""
        if hashlib.sha256(data).hexdigest() != _hash_in(name):
            raise StudyError(
                f"arrays must be what their name says, got {str(path)!r} missing or damaged: run the study again"
            )
        return load(data)

    def has_arrays(self, chunk: Chunk, name: str) -> bool:
        """Return whether a chunk's arrays are what their name says (or it has none); else the chunk is set aside."""
        path = chunk.path.parent / name
        if not name or (path.is_file() and sha256_of(path) == _hash_in(name)):
            return True
        self.set_aside(chunk.path)
        if path.is_file():
            self.set_aside(path)
        return False

    @contextlib.contextmanager
    def holding(self, name: str = "lock") -> Iterator[bool]:
        """Hold a lock of the study while the block runs; yields whether it was free. It ends with the process."""
        path = self.folder / name
        try:
            path.parent.mkdir(exist_ok=True)
            file = path.open("a+")
        except OSError as error:
            raise unwritable(self.folder, error) from error
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
                return
            except OSError as error:
                raise StudyError(
                    f"a study must be on a file system with locks, got {str(self.folder)!r} ({error.strerror}): "
                    f"choose a local disk"
                ) from None
            _sign(file)
            yield True

    def holder(self) -> str:
        """Return who holds the study's lock, in words."""
        with contextlib.suppress(OSError, ValueError, KeyError):
            who = json.loads((self.folder / "lock").read_text())
            return f"process {who['pid']} on {who['host']}, since {who['since']}"
        return "another process"

    def running(self) -> bool:
        """Return whether a process holds the study."""
        if not (self.folder / "lock").exists():
            return False
        with (self.folder / "lock").open() as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False

    def leftovers(self) -> list[Path]:
        """Return temporary files, and arrays that no sound chunk names: what a killed process left."""
        named = {chunk.path.parent / name for chunk, name in self.array_names(self.sound_chunks()).items()}
        found = [path for path in self.folder.glob(f"**/*{PARTIAL}") if path.is_file()]
        return sorted({*found, *(path for path in self.folder.glob("runs/*/*.safetensors") if path not in named)})

    def array_names(self, chunks: Sequence[Chunk]) -> dict[Chunk, str]:
        """Return the name of each sound chunk's arrays, for those that have some."""
        return {chunk: name for chunk, (name, _) in self.contents(chunks).items() if name}

    def contents(self, chunks: Sequence[Chunk]) -> dict[Chunk, tuple[str, list[int]]]:
        """Return what sound chunks hold: the name of the arrays (or nothing), and the seeds."""
        import duckdb

        if not chunks:
            return {}
        at = {str(chunk.path): chunk for chunk in chunks}
        with duckdb.connect() as database:
            rows = database.execute(
                "select filename, any_value(arrays), list(seed) from read_parquet(?, filename = true) group by filename",
                [list(at)],
            ).fetchall()
        return {at[path]: (name, seeds) for path, name, seeds in sorted(rows)}


def unwritable(folder: Path, error: OSError) -> OutputError:
    """Return the error to raise when a study's folder cannot be written: what is there stays, and the study can go on."""
    why = error.strerror or str(error)
    return OutputError(
        f"the study must be in a folder that can be written, got {str(folder)!r} ({why}): what was finished is kept; "
        f"make room or choose another place, then run it again"
    )


def _enveloped(design: StudyDesign, extends: str | None) -> bytes:
    specification = design.to_dict()
    sha = digest({"specification": specification, "extends": extends})
    fields = {"format": FORMAT, "sha256": sha, "extends": extends, "specification": specification}
    return json.dumps(fields, indent=1).encode() + b"\n"


def _read_specification(path: Path) -> dict[str, Any]:
    try:
        given: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        version = given["format"]
        if isinstance(version, int) and version > FORMAT:
            raise StudyError(
                f"a study must be of format {FORMAT} or older, got format {version} in {str(path)!r}: update headlab"
            )
        sound = digest({"specification": given["specification"], "extends": given["extends"]}) == given["sha256"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        if isinstance(error, StudyError):
            raise
        raise StudyError(
            f"{str(path)!r} must be a study's specification, and cannot be read: restore the file"
        ) from None
    if not sound:
        raise StudyError(
            f"{str(path)!r} must not be changed, and its content does not match its hash: restore the file"
        )
    return given


def _write_parquet(table: Mapping[str, Any], path: Path) -> None:
    import duckdb

    try:
        with duckdb.connect() as database:
            database.execute("set threads = 1")  # the bytes must not depend on how many there are
            database.register("chunk", table)
            database.execute(f"copy (select * from chunk order by seed) to {quoted(path)} (format parquet)")
            written = database.execute(f"select count(*) from read_parquet({quoted(path)})").fetchone()
    except duckdb.Error as error:
        raise OSError(errno.EIO, str(error).splitlines()[0]) from error
    if written != (len(table["seed"]),):
        raise OSError(errno.EIO, "the file that was written does not hold what was to be written")


def _hash_in(name: str) -> str:
    return name.rsplit("-", 1)[1].removesuffix(".safetensors")


def _sign(file: IO[str]) -> None:
    with contextlib.suppress(OSError):
        file.seek(0)
        file.truncate()
        since = time.strftime("%Y-%m-%d %H:%M:%S")
        json.dump({"pid": os.getpid(), "host": socket.gethostname(), "since": since}, file)
        file.flush()


def quoted(text: object) -> str:
    """Return a text as SQL's literal.

    >>> quoted("it's")
    "'it''s'"
    """
    return "'" + str(text).replace("'", "''") + "'"
