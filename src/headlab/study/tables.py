"""The tables of a study as DuckDB has them: `runs`, one row a run, and `conditions`; questions in SQL, and their answers."""

import itertools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from headlab.analysis.looking.predictions import NOT_SOLVED, NOTHING_TO_SOLVE, SOLVED
from headlab.errors import StudyError
from headlab.notation.csv_text import csv_text
from headlab.study.columns import DATASET, OF_FILES, RESULTS, SETS, SETTINGS, column_of, settings_of
from headlab.study.memory import Memory
from headlab.study.parquet import sql_text

if TYPE_CHECKING:
    import duckdb

    from headlab.study.chunk import Chunk
    from headlab.study.design import StudyDesign
    from headlab.study.keeper import Keeper

ROWS_AT_A_TIME = 50_000
# What every machine that runs the study gets the same; `arrays` names files, cut as the work happened to be.
CANONICAL = "* exclude (arrays)"


def in_order(table: str = "runs") -> str:
    """Return SQL that puts the rows of a table in the order of conditions and seeds."""
    return f"order by (select number from conditions where conditions.condition = {table}.condition), seed"


@contextmanager
def open_tables(store: "Keeper") -> Iterator["duckdb.DuckDBPyConnection"]:
    """Open a database in memory with a study's tables, read from sound chunks only."""
    import duckdb

    chunks = _chunks_of_design(store)
    with duckdb.connect() as database, store.open_rows(database, chunks) if chunks else nullcontext("no_runs") as rows:
        _tabulate(database, store.design)
        names = ", ".join(OF_FILES)
        # Two processes may have trained the same runs, to the same bytes, or a later one may keep more: one of each counts.
        distinct, order = "", ""
        if _any_twice(store, chunks):
            lacking = ", ".join(f"{name} is null" for name in SETS)  # of two, the one that has its minimal sets
            distinct, order = "distinct on (condition, seed)", f"order by condition, seed, headlab, {lacking}, arrays"
        whole = f"from no_runs union all by name from {rows}"
        database.execute(f"create view ungraded as select {distinct} {names} from ({whole}) {order}")
        database.execute(f"create view results as select * replace ({_grade(store.design)} as grade) from ungraded")
        columns = ", ".join((*RESULTS, *SETTINGS, "arrays"))
        database.execute(f"create view runs as select {columns} from results join settings using (condition)")
        yield database


def results_of(store: "Keeper") -> tuple[pd.DataFrame, int]:
    """Return what became of every run, in the order of conditions and seeds, and how many runs a headlab did not grade."""
    columns = ("condition", "seed", "final_loss", "grade", "outcome", "mechanism", *SETS)
    if isinstance(store, Memory):  # all of them are graded, and once there: no database is needed
        chunks = _chunks_of_design(store)
        frame = store.rows(chunks) if chunks else pd.DataFrame(columns=list(columns))
        return frame.sort_values("seed", kind="stable")[list(columns)], 0
    with open_tables(store) as database:
        found: pd.DataFrame = database.execute(f"select {', '.join(columns)} from results {in_order('results')}").df()
        ungraded = database.execute("select count(*) from ungraded where grade is null").fetchall()
    return found, int(ungraded[0][0])


def _chunks_of_design(store: "Keeper") -> "list[Chunk]":
    return [chunk for chunk in store.sound_chunks() if chunk.condition in store.design.identities]


def _tabulate(database: "duckdb.DuckDBPyConnection", design: "StudyDesign") -> None:
    """Make the tables that no file holds: conditions, their settings as they are in force, and results of no runs."""
    identities = design.identities
    names = [item.name for item in identities.values()]
    datasets = [item.dataset_name for item in identities.values()]
    numbers = np.arange(len(identities))
    conditions = {"condition": list(identities), "number": numbers, "name": names, DATASET: datasets}
    settings = [settings_of(item.dataset_name, item.model_in_force, item.training) for item in identities.values()]
    columns = {name: column_of(name, [row[name] for row in settings]) for name in SETTINGS}
    for name, table in (("conditions", conditions), ("settings", {"condition": list(identities), **columns})):
        database.register("given", pd.DataFrame(table))
        database.execute(f"create table {name} as select * from given")
        database.unregister("given")
    kinds = ", ".join(f"{name} {kind}" for name, kind in OF_FILES.items())
    database.execute(f"create table no_runs ({kinds})")


def _any_twice(store: "Keeper", chunks: "Sequence[Chunk]") -> bool:
    seeds: dict[str, list[NDArray[np.uint64]]] = {}
    for chunk, held in store.contents(chunks).items():
        seeds.setdefault(chunk.condition, []).append(held.seeds)
    return any(len(every) > len(np.unique(every)) for every in map(np.concatenate, seeds.values()))


def _grade(design: "StudyDesign") -> str:
    """Return SQL for a run's grade: runs of a headlab that graded none are solved or not, their hairs unknown."""
    nothing = [name for name, item in design.identities.items() if not item.dataset.corpus.resolvable(item.model).any()]
    known = (
        f"when condition in ({', '.join(map(sql_text, nothing))}) then {sql_text(NOTHING_TO_SOLVE)}" if nothing else ""
    )
    return f"coalesce(grade, case {known} when solved then {sql_text(SOLVED)} else {sql_text(NOT_SOLVED)} end)"


def ask(database: "duckdb.DuckDBPyConnection", query: str, exact: bool = False) -> pd.DataFrame:
    """Return the answer to a query that sees the study's tables and nothing else; raises `StudyError`.

    exact: every value as Python's own instead of in pandas' columns of one type. A column's name that comes twice gets a number.
    """
    import duckdb

    database.execute("set enable_external_access = false")
    database.execute("set lock_configuration = true")
    try:
        answer = database.execute(query)
        if answer is None:
            raise StudyError('the query must ask something, got none: try "select * from runs"')
        names = _distinct([name for name, *_ in answer.description or ()])
        if not exact:
            return answer.df().set_axis(names, axis=1)
        rows = answer.fetchall()
    except (duckdb.Error, UnicodeError) as error:
        raise StudyError(f"the query must be DuckDB's SQL over runs and conditions: {error}") from None
    columns = [pd.Series([row[number] for row in rows], dtype=object) for number in range(len(names))]
    return pd.DataFrame(dict(zip(names, columns, strict=True)))


def csv_of(table: pd.DataFrame) -> str:
    """Return a table as CSV, however long it is."""
    # Some rows at a time: the cells of a million runs, all at once, would take more memory than their table.
    texts = [csv_text(table[start : start + ROWS_AT_A_TIME]) for start in range(0, max(1, len(table)), ROWS_AT_A_TIME)]
    return texts[0] + "".join(text.partition("\n")[2] for text in texts[1:])


def _distinct(names: Sequence[str]) -> list[str]:
    found: list[str] = []
    for name in names:
        numbered = (f"{name}_{number}" for number in itertools.count(1))
        found.append(next(item for item in (name, *itertools.islice(numbered, len(names))) if item not in found))
    return found
