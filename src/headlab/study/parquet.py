"""Parquet files read and written by DuckDB, whatever their folder is called and whatever they hold.

DuckDB guesses by default: folders named key=value become columns, and * ? [ in a path are patterns. Here every guess is turned
off, and such a letter is read as a pattern for itself alone. A folder whose name only Unix allows (bytes that are no text, a
backslash) is read through a link that has a plain one.
"""

import contextlib
import errno
import os
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from headlab.config import MAX_RUNS
from headlab.errors import OutputError
from headlab.study.chunk import Content
from headlab.study.columns import COLUMNS, EMPTY, LATER, OF_FILES

_PECULIAR = re.compile(r"[\\\ud800-\udfff]")  # a backslash that is a letter; bytes that are no text
_FILE = "the file's own name"  # a column; no other column is called so
_ALIKE = {  # types that a column may have been written in
    "varchar": {"VARCHAR"},
    "boolean": {"BOOLEAN"},
    "ubigint": {"UBIGINT"},
    "bigint": {"BIGINT", "INTEGER"},
    "double": {"DOUBLE", "FLOAT", "BIGINT", "INTEGER"},
}


class Reader:
    """Reads Parquet files below a folder, while `reading` it."""

    def __init__(self, folder: Path, root: Path) -> None:
        self.folder, self.root = folder, root

    def rows(self, paths: Sequence[Path], name: str | None = None) -> str:
        """Return SQL that stands for the rows of files, columns matched by name; name: of a column for the file's path."""
        column = "false" if name is None else sql_text(name)
        guesses = f"hive_partitioning = false, union_by_name = true, filename = {column}"
        return f"read_parquet({self._files(paths)}, {guesses})"

    def about(self, function: str, paths: Sequence[Path]) -> str:
        """Return SQL that stands for what one of DuckDB's functions says about files."""
        return f"{function}({self._files(paths)})"

    def names(self, paths: Sequence[Path]) -> dict[Path, Path]:
        """Return the files by the paths that DuckDB knows them by."""
        return {self.root / path.relative_to(self.folder): path for path in paths}

    def _files(self, paths: Sequence[Path]) -> str:
        return f"[{', '.join(sql_text(itself(path.as_posix())) for path in self.names(paths))}]"


@contextlib.contextmanager
def open_reader(folder: Path) -> Iterator[Reader]:
    """Read Parquet files below a folder while the block runs, whatever the folder is called."""
    plain = folder.absolute()
    if not _PECULIAR.search(plain.as_posix()):
        yield Reader(folder, plain)
        return
    place = None if not _PECULIAR.search(tempfile.gettempdir()) else "/tmp"
    with tempfile.TemporaryDirectory(prefix="headlab-", dir=place) as own:
        link = Path(own) / "study"
        link.symlink_to(plain, target_is_directory=True)
        yield Reader(folder, link)


def examine(folder: Path, paths: Sequence[Path]) -> dict[Path, Content]:
    """Return what files hold, for those that are chunks: rows of one condition (their folder's name), each seed once.

    Left out is what is no Parquet file, lacks a column or has one of another type, or cannot be read to its end.
    """
    with open_reader(folder) as reader:
        return _sift(reader, list(paths))


def _sift(reader: Reader, paths: list[Path]) -> dict[Path, Content]:
    # One question for all of them; where it fails, one for each half, until the bad ones stand alone.
    import duckdb

    if not paths:
        return {}
    try:
        with duckdb.connect() as database:
            return _examine(database, reader, _fitting_files(database, reader, paths))
    except duckdb.OutOfMemoryException as error:
        raise OutputError("the study's table must fit in memory, and it does not: close other programs") from error
    except (duckdb.Error, UnicodeDecodeError):
        if len(paths) == 1:
            return {}
        half = len(paths) // 2
        return _sift(reader, paths[:half]) | _sift(reader, paths[half:])


def _fitting_files(database: Any, reader: Reader, paths: list[Path]) -> list[Path]:
    """Return the files that have every result, columns of the right types, and no more rows than a study may have."""
    names = reader.names(paths)
    types: dict[Path, dict[str, str]] = {path: {} for path in paths}
    schemas = f"select file_name, name, duckdb_type from {reader.about('parquet_schema', paths)}"
    for name, column, kind in database.execute(schemas).fetchall():
        types[names[Path(name)]][column] = kind
    counts = f"select file_name, num_rows from {reader.about('parquet_file_metadata', paths)}"
    rows = {names[Path(name)]: count for name, count in database.execute(counts).fetchall()}
    return [path for path in paths if 0 < rows[path] <= MAX_RUNS and _has_all(types[path])]


def _has_all(types: Mapping[str, str]) -> bool:
    wanted = {name: kind for name, kind in COLUMNS.items() if name in types or name in OF_FILES.keys() - LATER}
    return all(types.get(name) in _ALIKE[kind] for name, kind in wanted.items())


def _examine(database: Any, reader: Reader, paths: list[Path]) -> dict[Path, Content]:
    if not paths:
        return {}
    whole = " and ".join(f"{name} is not null" for name in OF_FILES if name not in EMPTY | LATER)
    found = database.execute(
        f'select "{_FILE}", min(condition), max(condition), min(arrays), max(arrays), bool_and({whole}), '
        f"count(*) = count(distinct seed), bit_xor(hash(files)), list(seed) "
        f"from {reader.rows(paths, _FILE)} as files group by all"
    ).fetchnumpy()
    held, names = {}, reader.names(paths)
    for name, first, last, arrays, other, complete, different, _, seeds in sorted(
        zip(*found.values(), strict=True), key=lambda row: row[0]
    ):
        path = names[Path(name)]
        if first == last == path.parent.name and arrays == other and complete and different:
            held[path] = Content(arrays, np.asarray(seeds, np.uint64))
    return held


def write(table: Mapping[str, Any], path: Path) -> bytes:
    """Write a table's rows, in the order of their seeds, and return the file's content; raises `OSError`."""
    import duckdb

    try:
        with duckdb.connect() as database, open_reader(path.parent) as reader:
            database.execute("set threads = 1")  # the bytes must not depend on how many there are
            database.register("chunk", table)
            form = "(format parquet, use_tmp_file false)"
            database.execute(
                f"copy (select * from chunk order by seed) to {sql_text((reader.root / path.name).as_posix())} {form}"
            )
            written = database.execute(f"select count(*) from {reader.rows([path])}").fetchone()
    except duckdb.Error as error:
        number = re.search(r'"errno":"(\d+)"', str(error))
        why = int(number[1]) if number else errno.EIO
        raise OSError(why, os.strerror(why)) from error
    if written != (len(table["seed"]),):
        raise OSError(errno.EIO, "the file that was written does not hold what was to be written")
    with path.open("rb+") as file:
        os.fsync(file.fileno())
        return file.read()


def itself(path: str) -> str:
    """Return the pattern that stands for one path alone.

    >>> itself("a*b/[c].parquet")
    'a[*]b/[[]c].parquet'
    """
    return re.sub(r"([*?[])", r"[\1]", path)


def sql_text(text: object) -> str:
    """Return a text as SQL's literal.

    >>> sql_text("it's")
    "'it''s'"
    """
    return "'" + str(text).replace("'", "''") + "'"
