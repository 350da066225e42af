"""A study in use: make or open it, run it, read its table, ask it questions, and take its answer."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from headlab.errors import StudyError
from headlab.files import write_output
from headlab.notation.values import listing, short_repr
from headlab.runs.runs import Runs
from headlab.runs.train import thread_count, train
from headlab.study.answer import Answer
from headlab.study.answering import answer_of
from headlab.study.design import StudyDesign
from headlab.study.execution import execute, hold
from headlab.study.hashes import digest
from headlab.study.memory import Memory
from headlab.study.models import curves_of, runs_of
from headlab.study.parquet import sql_text
from headlab.study.seeds import seeds_of
from headlab.study.status import Status, status_of
from headlab.study.store import Store
from headlab.study.tables import CANONICAL, ask, csv_of, in_order, open_tables, results_of
from headlab.study.training import compute
from headlab.study.work import superseded_chunks

if TYPE_CHECKING:
    from headlab.study.keeper import Keeper

FORMATS = ("csv", "parquet")
COMPUTE = partial(compute, train)  # how chunks are trained


class Study:
    """Conditions × seeds, trained once: in a folder, where every finished run is safe, or in memory.

    `Study.create(folder, design)` makes a folder, `Study(folder)` opens one, `Study.at(folder, design)` does what is needed;
    `Study.in_memory(design)` takes none. Raises `StudyError`, `OutputError`.

    >>> import tempfile
    >>> from headlab.config import TrainConfig
    >>> design = StudyDesign.grid(seeds=range(8), training=TrainConfig.of(steps=20), d_head=[5, 10])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     study = Study.create(f"{folder}/sizes", design)
    ...     study.run(), study.run(), study.table()["d_head"].value_counts().to_dict()
    (16, 0, {5: 8, 10: 8})
    """

    def __init__(self, folder: str | Path | Memory) -> None:
        self.store: Keeper = folder if isinstance(folder, Memory) else Store(folder)

    def __repr__(self) -> str:
        where = "in memory" if isinstance(self.store, Memory) else str(self.store.folder)
        return f"Study({where}: {self.design!r})"

    @classmethod
    def create(cls, folder: str | Path, design: StudyDesign) -> "Study":
        """Make a study in a new or empty folder."""
        return cls(Store.create(folder, design).folder)

    @classmethod
    def in_memory(cls, design: StudyDesign, *, explains: bool = True) -> "Study":
        """Make a study that ends with the process.

        explains: whether mechanisms are found, which takes time where a corpus is large

        >>> from headlab.config import TrainConfig
        >>> study = Study.in_memory(StudyDesign.grid(seeds=range(4), training=TrainConfig.of(steps=20), d_head=[5, 10]))
        >>> study
        Study(in memory: StudyDesign(2 conditions × 4 seeds: d_head))
        >>> study.run(), len(study.answer().groups), study.runs("d_head 5").params.W_Q.shape
        (8, 2, (4, 1, 1, 7, 5))
        """
        return cls(Memory(design, explains=explains))

    @classmethod
    def at(cls, folder: str | Path, design: StudyDesign) -> "Study":
        """Open the study of a design, or make it; raises `StudyError` when the folder holds another one."""
        folder = Path(folder)
        if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
            return cls.create(folder, design)
        study = cls(folder)
        study.store.require_current()
        now, asked = ({**item.to_dict(), "title": ""} for item in (study.design, design))  # it may have been renamed
        if digest(now) != digest(asked):
            raise StudyError(
                f"the study in {str(folder)!r} must be the one asked for, and its specification is another: extend it with "
                f"`headlab study extend`, or choose another folder"
            )
        return study

    @property
    def folder(self) -> Path:
        """Where it is; raises `StudyError` for one in memory."""
        if isinstance(self.store, Store):
            return self.store.folder
        raise StudyError("a study must be in a folder to have one, got one in memory: make it with Study.create")

    @property
    def design(self) -> StudyDesign:
        """The specification, with its extensions."""
        return self.store.design

    def extend(self, *, seeds: int | str | Iterable[int] | None = None, design: StudyDesign | None = None) -> None:
        """Add seeds, or the conditions and seeds of a larger design; runs that are finished stay.

        Raises `StudyError` for a design that lacks something of this one, `StudyHeld` while a process runs the study.
        """
        now = self.design
        if design is None:
            design = now
        if seeds is not None:
            every = tuple(dict.fromkeys([*now.seeds, *seeds_of(seeds, len(now.conditions))]))
            design = replace(design, seeds=every)
        with self._changing() as store:
            if set(now.identities) - set(design.identities) or set(now.seeds) - set(design.seeds):
                raise StudyError(
                    "an extension must keep every condition and every seed of the study: add to them, or make another study"
                )
            store.specify(design)

    def rename(self, title: str) -> None:
        """Give the study another title; its runs stay as they are. Raises `ConfigError`, `StudyHeld`."""
        design = replace(self.design, title=title)
        with self._changing() as store:
            store.specify(design)

    def drop(self, *conditions: str | int) -> tuple[str, ...]:
        """Leave conditions out, by their names, identities or numbers, and return their names.

        Their finished runs count no longer, and stay on the disk: they count again when an extension brings the condition
        back, until `collect_garbage(dropped=True)`. Raises `StudyError` for what is no condition, or where none would be left.
        """
        design = self.design
        leaving = {self._identity(condition) for condition in conditions}
        left = [item for identity, item in design.identities.items() if identity not in leaving]
        if not left:
            raise StudyError("a study must keep at least one condition, got all of them to drop: leave one out")
        with self._changing() as store:
            store.specify(replace(design, conditions=tuple(left)))
        return tuple(item.name for identity, item in design.identities.items() if identity in leaving)

    @contextmanager
    def _changing(self) -> "Iterator[Keeper]":
        """Hold the study to change it; raises `StudyError` for one of an older headlab, `StudyHeld`."""
        self.store.require_current()
        with hold(self.store):
            yield self.store

    def _identity(self, condition: str | int) -> str:
        """Return the identity of a condition that is given by its name, its identity or its number."""
        identities = self.design.identities
        names = [item.name for item in identities.values()]
        if condition in names:
            condition = names.index(str(condition))
        elif isinstance(condition, str) and condition.isdecimal() and condition not in identities:
            condition = int(condition)
        if isinstance(condition, int) and not isinstance(condition, bool) and 0 <= condition < len(names):
            return list(identities)[condition]
        if isinstance(condition, str) and condition in identities:
            return condition
        known = listing((f"{number} {name}" for number, name in enumerate(names)), "; ")
        raise StudyError(f"the condition must be one of {known}; got {short_repr(condition)}: give a name or a number")

    def run(
        self,
        *,
        threads: int | None = None,
        progress: Callable[[float], None] | None = None,
        join: bool = False,
        cluster: str | None = None,
    ) -> int:
        """Train what is missing, and return how many runs that were; see `study.execution` and `study.cluster`."""
        if cluster is not None:
            from headlab.study.cluster import execute_on_cluster

            if not isinstance(self.store, Store):
                raise StudyError(
                    "a study must have a folder to be trained on a cluster, got one in memory: make it one"
                )
            return execute_on_cluster(self.store, cluster, COMPUTE, progress=progress)
        return execute(self.store, COMPUTE, threads=thread_count(threads), progress=progress, join=join)

    def table(self, columns: str = CANONICAL) -> pd.DataFrame:
        """Return one row a run: condition, seed, outcome, loss, solved, grade, mechanism, pattern share, and every setting.

        columns: some of them, as SQL names them
        """
        with open_tables(self.store) as database:
            frame: pd.DataFrame = database.execute(f"select {columns} from runs {in_order()}").df()
        return frame

    def sql(self, query: str, *, exact: bool = False) -> pd.DataFrame:
        """Return the answer to an SQL query over the tables `runs` and `conditions`; raises `StudyError`.

        exact: every value as Python's own, whole numbers of any size and lists too, instead of pandas' columns of one type
        A column's name that comes twice gets a number.
        """
        with open_tables(self.store) as database:
            return ask(database, query, exact)

    def answer(self, factor: str | None = None) -> Answer:
        """Return the answer: the study's conditions compared; factor: which field names them.

        By default the one factor, or the condition's name where there are several. Raises `StudyError`.
        """
        return answer_of(self.design, *results_of(self.store), factor)

    def runs(self, condition: str | int = 0) -> Runs:
        """Return the trained models of one condition, by its name, identity or number; they must have been kept.

        Curves and snapshots come with them where all of them have some.
        Raises `StudyError` for a condition that does not exist, or a study that kept no weights.
        """
        design, identity = self.design, self._identity(condition)
        if "weights" not in design.keep:
            raise StudyError(f"a study must have kept weights to give its models back, and this one kept {design.keep}")
        return runs_of(self.store, identity)

    def curves(self) -> pd.DataFrame:
        """Return one row a condition and recorded step: the loss's quantiles over all runs, a diverged loss above any other.

        Conditions that have no runs with curves yet are left out. Raises `StudyError` when the study kept no curves.
        """
        keep = self.design.keep
        if "curves" not in keep:
            raise StudyError(f"a study must have kept curves to show them, and this one kept {', '.join(keep)}")
        return curves_of(self.store)

    def export(self, path: str | Path) -> Path:
        """Write the table, one row a run in the order of conditions and seeds, as CSV or Parquet; whole or not at all.

        The same study gives the same bytes, however often it was interrupted and wherever its chunks were trained.
        """
        path = Path(path)
        kind = path.suffix.removeprefix(".").lower()
        if kind not in FORMATS:
            raise StudyError(f"an export must be a .csv or .parquet file, got {str(path)!r}: name one")
        if kind == "csv":
            write_output(path, csv_of(self.table()).encode())
            return path
        import tempfile

        with tempfile.TemporaryDirectory() as folder, open_tables(self.store) as database:
            target = f"{folder}/table.parquet"
            database.execute("set threads = 1")
            database.execute(f"copy (select {CANONICAL} from runs {in_order()}) to {sql_text(target)} (format parquet)")
            write_output(path, Path(target).read_bytes())
        return path

    def status(self) -> Status:
        """Return where the study stands."""
        return status_of(self.store)

    def collect_garbage(self, *, dropped: bool = False) -> list[Path]:
        """Remove what killed processes left (temporary files, arrays that no chunk names), and return it.

        So are chunks whose runs were trained again because more is kept now.
        dropped: the runs of conditions that were dropped as well. Raises `StudyHeld` while a process runs the study.
        """
        with hold(self.store):
            removed = []
            for find in (
                lambda: superseded_chunks(self.store),
                *([self.store.dropped_chunks] if dropped else []),
                self.store.leftovers,
            ):
                for path in find():
                    self.store.remove(path)
                    removed.append(path)
        return removed
