"""A study in use: make or open it, run it, read its table, ask it questions, and take its answer."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from headlab.config import WEIGHTS
from headlab.errors import StudyError
from headlab.files import write_output
from headlab.model.params import Params
from headlab.notation.values import brief, listed
from headlab.runs.history import History
from headlab.runs.models import Models
from headlab.runs.runs import Runs
from headlab.study.answer import Answer, Group
from headlab.study.arrays import HISTORY, ONE_OF_ALL
from headlab.study.chunks import superseded
from headlab.study.conditions import Condition
from headlab.study.design import StudyDesign
from headlab.study.execution import execute, held
from headlab.study.hashes import digest
from headlab.study.parquet import quoted
from headlab.study.seeds import taken
from headlab.study.store import Chunk, Store
from headlab.study.tables import CANONICAL, asked, csv_of, in_order, opened

FORMATS = ("csv", "parquet")
BANDS = (0.1, 0.25, 0.5, 0.75, 0.9)


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


class Study:
    """A study's folder: `Study.create` makes one, `Study(folder)` opens one. Raises `StudyError`, `OutputError`.

    >>> import tempfile
    >>> from headlab.config import TrainConfig
    >>> design = StudyDesign.grid(seeds=range(8), training=TrainConfig.of(steps=20), d_head=[5, 10])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     study = Study.create(f"{folder}/sizes", design)
    ...     study.run(), study.run(), study.table()["d_head"].value_counts().to_dict()
    (16, 0, {5: 8, 10: 8})
    """

    def __init__(self, folder: str | Path) -> None:
        self.store = Store(folder)

    @classmethod
    def create(cls, folder: str | Path, design: StudyDesign) -> "Study":
        """Make a study in a new or empty folder."""
        return cls(Store.create(folder, design).folder)

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
            every = tuple(dict.fromkeys([*now.seeds, *taken(seeds, len(now.conditions))]))
            design = replace(design, seeds=every)
        with self._changing() as store:
            store.extend(design)

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
    def _changing(self) -> Iterator[Store]:
        """Hold the study to change it; raises `StudyError` for one of an older headlab, `StudyHeld`."""
        self.store.require_current()
        with held(self.store):
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
        known = listed((f"{number} {name}" for number, name in enumerate(names)), "; ")
        raise StudyError(f"the condition must be one of {known}; got {brief(condition)}: give a name or a number")

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

            return execute_on_cluster(self.store, cluster, progress=progress)
        return execute(self.store, threads=threads, progress=progress, join=join)

    def table(self, columns: str = CANONICAL) -> pd.DataFrame:
        """Return one row a run: condition, seed, outcome, loss, solved, grade, mechanism, pattern share, and every setting.

        columns: some of them, as SQL names them
        """
        with opened(self.store) as database:
            frame: pd.DataFrame = database.execute(f"select {columns} from runs {in_order()}").df()
        return frame

    def sql(self, query: str, *, exact: bool = False) -> pd.DataFrame:
        """Return the answer to an SQL query over the tables `runs` and `conditions`; raises `StudyError`.

        exact: every value as Python's own, whole numbers of any size and lists too, instead of pandas' columns of one type
        A column's name that comes twice gets a number.
        """
        with opened(self.store) as database:
            return asked(database, query, exact)

    def answer(self, factor: str | None = None) -> Answer:
        """Return the answer: the study's conditions compared; factor: which field names them.

        By default the one factor, or the condition's name where there are several. Raises `StudyError`.
        """
        design = self.design
        factors = design.factors or ("d_head",)
        if factor is None:
            factor = factors[0] if len(factors) == 1 else "condition"
        elif factor != "condition" and factor not in factors:
            raise StudyError(f"the factor must be one of {', '.join(factors)}, got {brief(factor)}: choose one of them")
        table, ungraded = self._results()
        rows = dict(tuple(table.groupby("condition")))
        groups: dict[Any, list[pd.DataFrame]] = {}
        for identity, condition in design.identities.items():
            if identity in rows:
                groups.setdefault(_value(condition, factor), []).append(rows[identity])
        found = tuple(_group(value, pd.concat(parts)) for value, parts in groups.items())
        if not found:
            raise StudyError("a study must have finished runs to be summed up, and this one has none: run it")
        widths = {condition.shape.d_model for condition in design.conditions}
        d_model = widths.pop() if factor == "d_head" and len(widths) == 1 else None
        return Answer(factor, found, d_model, ungraded=ungraded)

    def _results(self) -> tuple[pd.DataFrame, int]:
        """Return what became of every run, and how many runs were trained by a headlab that did not grade them."""
        with opened(self.store) as database:
            columns = "condition, seed, final_loss, grade, outcome, mechanism"
            table: pd.DataFrame = database.execute(f"select {columns} from results {in_order('results')}").df()
            ungraded = database.execute("select count(*) from ungraded where grade is null").fetchall()
        return table, int(ungraded[0][0])

    def runs(self, condition: str | int = 0) -> Runs:
        """Return the trained models of one condition, by its name, identity or number; they must have been kept.

        Curves and snapshots come with them where all of them have some.
        Raises `StudyError` for a condition that does not exist, or a study that kept no weights.
        """
        design, identity = self.design, self._identity(condition)
        if "weights" not in design.keep:
            raise StudyError(f"a study must have kept weights to give its models back, and this one kept {design.keep}")
        return self._runs(design.identities[identity], identity)

    def _runs(self, condition: Condition, identity: str) -> Runs:
        arrays = self._arrays(identity, "weights")
        table = self.table()
        rows = table[table["condition"] == identity].set_index("seed").loc[arrays["seed"]]
        weights = {name: arrays.get(name) for name in _WEIGHTS}
        params = Params(**weights)
        final_loss = rows["final_loss"].to_numpy(condition.training.dtype)
        kept = {name: arrays[name] for name in HISTORY if name in arrays}
        return Runs(
            Models(params, condition.dataset, condition.model, condition.training.in_force().loss),
            History.of(rows["outcome"].to_numpy(np.int64), final_loss, **kept),
            condition.training,
            arrays["seed"],
        )

    def curves(self) -> pd.DataFrame:
        """Return one row a condition and recorded step: the loss's quantiles over all runs, a diverged loss above any other.

        Raises `StudyError` when the study kept no curves.
        """
        design = self.design
        if "curves" not in design.keep:
            raise StudyError(f"a study must have kept curves to show them, and this one kept {', '.join(design.keep)}")
        frames = []
        for identity, condition in design.identities.items():
            arrays = self._arrays(identity, "curves")
            loss = np.where(np.isfinite(arrays["loss"]), arrays["loss"], np.inf)
            bands = np.quantile(loss, list(BANDS), axis=0, method="inverted_cdf")
            columns = {f"q{100 * share:.0f}": band for share, band in zip(BANDS, bands, strict=True)}
            frames.append(pd.DataFrame({"condition": condition.name, "step": arrays["recorded_steps"], **columns}))
        return pd.concat(frames, ignore_index=True)

    def _arrays(self, identity: str, kind: str) -> dict[str, NDArray[Any]]:
        """Return what was kept of a condition's runs that have arrays of a kind, in the order of their seeds.

        Of a run that two chunks hold, as two processes trained it or more is kept now, the one with all of that counts.
        """
        store, found = self.store, list[dict[str, NDArray[Any]]]()
        chunks = [chunk for chunk in store.sound_chunks(identity) if store.keeps(chunk, [kind])]
        chunks.sort(key=lambda chunk: store.keeps(chunk, self.design.keep), reverse=True)
        seen = np.zeros(0, np.uint64)
        for chunk, name in store.array_names(chunks).items():
            if not np.isin(store.contents([chunk])[chunk].seeds, seen).all():
                found.append(store.arrays(chunk, name))
                seen = np.union1d(seen, found[-1]["seed"])
        if not found:
            raise StudyError(f"the condition must have finished runs with {kind}, and has none: run the study")
        names = [name for name in found[0] if all(name in part for part in found)]
        whole = {name: np.concatenate([part[name] for part in found]) for name in names if name not in ONE_OF_ALL}
        order = np.unique(whole["seed"], return_index=True)[1]
        return {name: values[order] for name, values in whole.items()} | {
            name: found[0][name] for name in ONE_OF_ALL if name in names
        }

    def export(self, path: str | Path) -> Path:
        """Write the table, one row a run in the order of conditions and seeds, as CSV or Parquet; whole or not at all.

        The same study gives the same bytes on machines that round alike, however often it was interrupted.
        """
        path = Path(path)
        kind = path.suffix.removeprefix(".").lower()
        if kind not in FORMATS:
            raise StudyError(f"an export must be a .csv or .parquet file, got {str(path)!r}: name one")
        if kind == "csv":
            write_output(path, csv_of(self.table()).encode())
            return path
        import tempfile

        with tempfile.TemporaryDirectory() as folder, opened(self.store) as database:
            target = f"{folder}/table.parquet"
            database.execute("set threads = 1")
            database.execute(f"copy (select {CANONICAL} from runs {in_order()}) to {quoted(target)} (format parquet)")
            write_output(path, Path(target).read_bytes())
        return path

    def status(self) -> Status:
        """Return where the study stands."""
        design, store = self.design, self.store
        chunks = [chunk for chunk in store.sound_chunks() if chunk.condition in design.identities]
        finished = _counts(store, chunks)
        complete = _counts(store, [chunk for chunk in chunks if store.keeps(chunk, design.keep)])
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
            running=self.store.holder() if self.store.running() else None,
            damaged=len(self.store.damaged),
            set_aside=tuple(path.name for path in self.store.damaged),
            failed=tuple(self.store.failed()),
            seconds=self.store.seconds(),
            lacking=lacking,
            current=self.store.is_current,
        )

    def collect_garbage(self, *, dropped: bool = False) -> list[Path]:
        """Remove what killed processes left (temporary files, arrays that no chunk names), and return it.

        So are chunks whose runs were trained again because more is kept now.
        dropped: the runs of conditions that were dropped as well. Raises `StudyHeld` while a process runs the study.
        """
        with held(self.store):
            removed = []
            for find in (superseded, *([Store.dropped] if dropped else []), Store.leftovers):
                for path in find(self.store):
                    self.store.remove(path)
                    removed.append(path)
        return removed


_WEIGHTS = tuple(row.name for row in WEIGHTS)


def _counts(store: Store, chunks: Sequence[Chunk]) -> Counter[str]:
    """Return how many runs of each condition some chunks hold; what two of them hold counts once."""
    seeds: dict[str, list[NDArray[np.uint64]]] = {}
    for chunk, content in store.contents(chunks).items():
        seeds.setdefault(chunk.condition, []).append(content.seeds)
    return Counter({identity: len(np.unique(np.concatenate(parts))) for identity, parts in seeds.items()})


def _value(condition: Condition, factor: str) -> Any:
    if factor == "condition":
        return condition.name
    values = dict(condition.factors)
    return values[factor] if factor in values else getattr(condition.model, factor, None)


def _group(value: Any, rows: pd.DataFrame) -> Group:
    mechanism = rows["mechanism"].to_numpy(str)
    return Group(
        value,
        rows["seed"].to_numpy(np.uint64),
        rows["final_loss"].to_numpy(float),
        rows["grade"].to_numpy(str),
        rows["outcome"].to_numpy() >= 0,
        mechanism if (mechanism != "").all() else None,
    )
