"""Explanations: of many runs a census and a table, of one run a sentence a dependency with the numbers behind each word."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from html import escape
from typing import Any, Protocol

import numpy as np
import pandas as pd

from headlab.analysis.choice import Choice, EachChoice, dependencies, each_choice
from headlab.analysis.explanation.clauses import Clause
from headlab.analysis.explanation.columns import Columns
from headlab.analysis.explanation.evidence import Evidence
from headlab.analysis.explanation.record import Record, share_text
from headlab.analysis.minimal.minimal_sets import MinimalSets, minimal_sets
from headlab.analysis.parts.census import census
from headlab.analysis.parts.mechanism import MEANINGS, MIXED, mechanism_at, mechanism_of_runs, spread_of_runs
from headlab.analysis.subject import Subject, run_number
from headlab.arrays import Array, Float, Shaped
from headlab.data.dependencies import Dependency
from headlab.notation.numbers import quantity
from headlab.notation.visible import escape_unseen

SHOWN = 8  # places that a printed explanation shows
JUDGED = 1_000  # times a place is judged while somebody waits


@dataclass(frozen=True, eq=False)
class Explanations:
    """Explanations of all runs of a subject; that of one run is `explanations[number]`.

    names: what each run is called (its seed, say)
    asked: the dependencies that are explained, at which every run makes its own choice, or choices that are given
    """

    subject: Subject
    names: tuple[object, ...]
    asked: tuple[Dependency | Choice, ...]

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, number: int) -> "Explanation":
        run = run_number(number, len(self), from_end=True)
        alone = Explanations(self.subject[run : run + 1], (self.names[run],), self.asked)
        if self._minimal is not None:
            alone.__dict__["_minimal"] = self._minimal[run]
        return Explanation(alone, 0)

    def __iter__(self) -> Iterator["Explanation"]:
        # One after the other reads from the evidence about all of them.
        return (Explanation(self, number) for number in range(len(self)))

    def columns(self, run: int) -> Iterator[tuple[Columns, int]]:
        """Yield what is measured about one run's choice at every place, with the run's number in it."""
        # Of one run nobody else needs the evidence, and of thousands of places it fills the memory.
        every = self._columns if len(self) > 1 else map(self._columns_at, range(len(self.asked)))
        for choice, some in every:
            group, within = choice.numbers[run]
            yield some[group], within

    @cached_property
    def _columns(self) -> list[tuple[EachChoice, list[Columns]]]:
        return [self._columns_at(number) for number in range(len(self.asked))]

    def _columns_at(self, number: int) -> tuple[EachChoice, list[Columns]]:
        # Of the runs that make the same choice, all at once.
        choice = each_choice(self.subject, self.asked[number])
        return choice, [Columns(Evidence(self.subject.some(runs), made)) for runs, made in choice.groups()]

    def first(self, number: int) -> "Explanations":
        """Return the explanations of the first few places."""
        if number >= len(self.asked):
            return self
        found = replace(self, asked=self.asked[:number])
        found.__dict__["_minimal"] = self._minimal
        return found

    def in_some_seconds(self) -> "Explanations":
        """Return the explanations of as many places as are judged in some seconds: of all but very large corpora, all."""
        batches = sum(1 for _ in self.subject.in_batches())
        return self.first(max(SHOWN, JUDGED // batches))

    @cached_property
    def mechanism(self) -> Shaped[Array, " run"]:
        """[run]: by which mechanism each run goes."""
        return self._overview["mechanism"].to_numpy(str)

    @cached_property
    def _overview(self) -> pd.DataFrame:
        # Runs some at a time: nothing here needs their activations once the shares are known.
        rows = []
        for _, some in self.subject.in_batches():
            names, shares = zip(*(mechanism_at(some, item) for item in self.asked), strict=True)
            rows.append(
                pd.DataFrame(
                    {
                        "loss": some.mean_loss,
                        "solved": some.solved,
                        "grade": some.grade,
                        "mechanism": mechanism_of_runs(some, names),
                        "spread": spread_of_runs(names),
                        "pattern_share": _mean_of_known(np.array(shares)),
                    }
                )
            )
        return pd.concat(rows, ignore_index=True)

    def table(self) -> pd.DataFrame:
        """Return one row a run: name, loss, solved, grade, mechanism, pattern share (averaged over dependencies)."""
        table = self._overview.drop(columns="spread").rename_axis("run")
        table.insert(0, "name", list(self.names))
        return table

    def census(self, *, minimal: bool = False) -> pd.DataFrame:
        """Return one row a mechanism: runs, share, median pattern share, the name of a prototype run.

        minimal: with how many minimal sets its runs have, which takes time; see `MinimalSets.by_group`
        """
        overview = self._overview
        table = census(self.mechanism, overview["pattern_share"].to_numpy(), overview["loss"].to_numpy(), self.names)
        return table.join(self.minimal().by_group(self.mechanism)) if minimal else table

    def minimal(self, progress: Callable[[float], None] | None = None) -> MinimalSets:
        """Return all minimal sets of parts that suffice for each right prediction, by zero and by resampling.

        It takes time, and is found once. progress: called with the share of the work that is done
        """
        if self._minimal is None:
            self.__dict__["_minimal"] = minimal_sets(self.subject, self.names, self.asked, progress)
        return self.__dict__["_minimal"]

    @property
    def known_minimal(self) -> MinimalSets | None:
        """The same where it was asked for already."""
        return self._minimal

    @cached_property
    def _minimal(self) -> MinimalSets | None:
        return None  # nobody has asked yet

    @cached_property
    def spread(self) -> Shaped[Array, " run"]:
        """[run]: on how many dependencies each goes by which mechanism, in words; nothing where all go by one."""
        return self._overview["spread"].to_numpy(str)

    def _repr_html_(self) -> str:
        census = self.in_some_seconds().census()
        shown = census.to_html(formatters={"share": share_text, "pattern_share": share_text}, na_rep="")
        means = "".join(f"<li><b>{name}</b>: {MEANINGS[str(name)]}.</li>" for name in census.index)
        return f"<p><b>{escape(repr(self))}</b></p>\n{shown}\n<ul>{means}</ul>"

    def __repr__(self) -> str:
        judged = self.in_some_seconds()
        counts = ", ".join(f"{runs} {name}" for name, runs in judged.census()["runs"].items())
        n, some = len(self.asked), len(judged.asked)
        where = f"; at the first {some} of {n:,} places" if some < n else ""
        return f"Explanations({quantity(len(self), 'run')}: {counts}{where})"


@dataclass(frozen=True, eq=False)
class Explanation:
    """The explanation of one run: its mechanism, a sentence a dependency, and the numbers that each word rests on.

    >>> import headlab as hl
    >>> print(hl.train(hl.Corpus.notebook(), seeds=4)[0].explain().sentences()[0])
    From “the” it looks most at “man” (98 %), which gives ...
    """

    _of: Explanations
    _run: int

    @property
    def name(self) -> object:
        """What the run is called."""
        return self._of.names[self._run]

    @property
    def mechanism(self) -> str:
        """The run's mechanism."""
        return str(self._of.mechanism[self._run])

    @property
    def meaning(self) -> str:
        """What that mechanism is, in words; where dependencies are coded in different ways, how many of them in which."""
        spread = str(self._of.spread[self._run])
        return spread if spread and self.mechanism == MIXED else MEANINGS[self.mechanism]

    @property
    def records(self) -> tuple[Record, ...]:
        """One record a dependency, with the numbers of minimal sets once they are known."""
        minimal = self._of.known_minimal
        if minimal is None:
            return self._records
        return tuple(
            replace(record, sets=minimal.sizes(self._run, number)) for number, record in enumerate(self._records)
        )

    @cached_property
    def _records(self) -> tuple[Record, ...]:
        found = (Record.of(columns, run) for columns, run in self._of.columns(self._run))
        # The evidence about many runs is kept for all of them; about one, place by place, it would fill the memory.
        return tuple(found) if len(self._of) > 1 else tuple(record.whole() for record in found)

    def __len__(self) -> int:
        return len(self._of.asked)

    def first(self, number: int) -> "Explanation":
        """Return the explanation of the first few dependencies."""
        return self if number >= len(self) else Explanation(self._of.first(number), self._run)

    def minimal(self) -> MinimalSets:
        """Return all minimal sets of parts that suffice for each right prediction; see `Explanations.minimal`."""
        return self._of.minimal()[self._run]

    def sentences(self) -> list[str]:
        """Return one sentence of at most 40 words a dependency; what it leaves out is in `clauses`."""
        return [record.sentence for record in self.records]

    def clauses(self) -> list[tuple[Clause, ...]]:
        """Return everything that is said at each dependency, as data: of what, and every number as it was measured."""
        return [record.clauses for record in self.records]

    def to_dict(self, most: int | None = None) -> dict[str, Any]:
        """Return mechanism, sentences and records as plain values.

        most: how many dependencies at most; `left_out` then counts the rest
        """
        records = self.first(len(self) if most is None else most).records
        return {
            "run": self.name,
            "mechanism": self.mechanism,
            "meaning": self.meaning,
            "dependencies": [record.to_dict() for record in records],
            **({} if len(records) == len(self) else {"left_out": len(self) - len(records)}),
        }

    def __str__(self) -> str:
        shown = self.first(SHOWN).records
        left = [f"… and {len(self) - SHOWN:,} more: sentences() has them all."] if len(self) > SHOWN else []
        head = f"{self.mechanism}: {self.meaning}."
        return "\n".join([head, *(f"• {escape_unseen(record.text)}" for record in shown), *left])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        parts = [f"<p><b>{self.mechanism}</b>: {self.meaning}.</p>"]
        parts += [record._repr_html_() for record in self.first(SHOWN).records]
        if len(self) > SHOWN:
            parts.append(f"<p>… and {len(self) - SHOWN:,} more: <code>records</code> has them all.</p>")
        return "\n".join(parts)


def _mean_of_known(values: Float[Array, "place run"]) -> Float[Array, " run"]:
    """Return the mean [run] over the places where there is a number; nan where there is none."""
    known = np.isfinite(values)
    count = known.sum(axis=0)
    return np.where(count > 0, np.where(known, values, 0).sum(axis=0) / np.maximum(count, 1), np.nan)


class HasSubject(Protocol):
    """What has models to explain: runs, models without a training."""

    @property
    def subject(self) -> Subject: ...


def explain(
    models: Subject | HasSubject, chosen: Sequence[Choice] | None = None, names: Sequence[object] | None = None
) -> Explanations:
    """Explain every model: attribution, coding split, claims, ablations and patches for every dependency of the corpus.

    models: runs, models or a subject; chosen: choices to explain; by default one for each dependency that the prefix settles
    names: what each model is called; by default its number
    Raises `SelectionError` for a corpus without such a dependency.

    >>> import headlab as hl
    >>> hl.explain(hl.train(hl.Corpus.notebook(), seeds=range(8), record="none")).table().shape
    (8, 6)
    """
    subject = models if isinstance(models, Subject) else models.subject
    picked = dependencies(subject) if chosen is None else chosen
    return Explanations(subject, tuple(range(subject.n_runs) if names is None else names), tuple(picked))
