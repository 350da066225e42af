"""The answer of a study: conditions side by side, every comparison with its uncertainty, and the sentences a student writes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from headlab.analysis.looking.predictions import GRADES, HAIR, NOT_SOLVED, NOTHING_TO_SOLVE, SOLVED
from headlab.analysis.parts.mechanism import MECHANISMS
from headlab.errors import SelectionError
from headlab.notation.numbers import percent
from headlab.notation.values import short_repr
from headlab.study import sentences as words
from headlab.study.bootstrap import LEVEL
from headlab.study.statistics import (
    FEWEST_LOSSES,
    Comparison,
    Paired,
    Rate,
    Trend,
    compare_paired,
    compare_rates,
    holm,
    median_difference,
    median_test,
    quartiles,
    simultaneous_intervals,
    trend,
    wilson,
)

if TYPE_CHECKING:
    from headlab.runs.runs import Runs

BETTER, WORSE, UNTOLD = "better", "worse", "cannot be told"


@dataclass(frozen=True, eq=False)
class Group:
    """The runs of one condition: its value of the study's factor, and of each run seed, final loss, grade, diverged.

    grade: as `Runs.grade` has it; mechanism: of each run, or None where nothing is to explain
    sets: by ablation, the most minimal sets that a dependency of each run has, nan where one has none or they are not kept
    """

    value: Any
    seeds: NDArray[np.uint64]
    losses: NDArray[np.float64]
    grade: NDArray[np.str_]
    diverged: NDArray[np.bool_]
    mechanism: NDArray[np.str_] | None = None
    sets: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)

    @classmethod
    def of(cls, runs: "Runs", value: Any) -> "Group":
        """Take the runs of one condition; a diverged run counts as not solved."""
        seeds = np.arange(len(runs), dtype=np.uint64) if runs.seeds is None else runs.seeds
        return cls(value, seeds, runs.final_loss.astype(float), runs.grade(), ~runs.finished)

    @classmethod
    def of_counts(cls, value: Any, solved: int, hairs: int, n: int) -> "Group":
        """Make a condition of which only the counts are known: solved, right by a hair, and all runs."""
        grade = np.repeat(GRADES, [solved, hairs, n - solved - hairs])
        return cls(value, np.arange(n, dtype=np.uint64), np.full(n, np.nan), grade, np.zeros(n, bool))

    @property
    def solved(self) -> NDArray[np.bool_]:
        """[run]: its grade is `solved`; right by a hair is not."""
        return np.asarray(self.grade == SOLVED)

    @property
    def hair(self) -> NDArray[np.bool_]:
        """[run]: its grade is `right by a hair`."""
        return np.asarray(self.grade == HAIR)

    @property
    def nothing_to_solve(self) -> bool:
        """Whether no earlier token settles anything here, so that no run can be told from another by what it solves."""
        return bool((self.grade == NOTHING_TO_SOLVE).all())

    @cached_property
    def rate(self) -> Rate:
        """The share of solved runs, of all; hairs are not counted."""
        return wilson(int(self.solved.sum()), len(self.grade))

    @property
    def solved_losses(self) -> NDArray[np.float64]:
        """The final losses of solved runs."""
        return self.losses[self.solved & np.isfinite(self.losses)]

    @property
    def hair_losses(self) -> NDArray[np.float64]:
        """The final losses of runs that are right by a hair."""
        return self.losses[self.hair & np.isfinite(self.losses)]

    @property
    def unsolved_losses(self) -> NDArray[np.float64]:
        """The final losses of runs that ended without being right; those of diverged runs are no numbers."""
        return self.losses[~self.solved & ~self.hair & np.isfinite(self.losses)]

    @property
    def finite_losses(self) -> NDArray[np.float64]:
        """The final losses of all runs whose loss is a number."""
        return self.losses[np.isfinite(self.losses)]


@dataclass(frozen=True, eq=False)
class Answer:
    """Conditions that differ in one factor (or are named, factor `condition`), compared.

    d_model: the width of the residual stream, where d_head is the factor
    base: the condition that all others are compared with; None: all pairs are compared
    ungraded: how many runs were trained by a headlab that knew no hairs, and count as solved or not
    """

    factor: str
    groups: tuple[Group, ...]
    d_model: int | None = None
    base: Any = None
    ungraded: int = 0

    @property
    def judged(self) -> tuple[Group, ...]:
        """The conditions in which there is something to solve; others can be compared by their losses only."""
        return tuple(group for group in self.groups if not group.nothing_to_solve)

    @property
    def nothing_to_solve(self) -> bool:
        """Whether there is nothing to solve in any condition."""
        return not self.judged

    def _pairs(self, groups: Sequence[Group]) -> list[tuple[int, int]]:
        """Return the pairs that are compared, by their numbers among some groups."""
        numbers = range(len(groups))
        if self.base is None:
            return list(combinations(numbers, 2))
        base = [number for number in numbers if groups[number].value == self.base]
        return [(first, second) for first in base for second in numbers if second != first]

    @cached_property
    def comparisons(self) -> list[Comparison]:
        """Every pair's solved shares, p adjusted by Holm over all of them."""
        groups = self.judged
        return compare_rates([g.value for g in groups], [g.rate for g in groups], self._pairs(groups))

    @cached_property
    def paired(self) -> list[Paired]:
        """Every pair that shares all its seeds, seed by seed."""
        found = []
        for first, second in ((self.judged[i], self.judged[j]) for i, j in self._pairs(self.judged)):
            if len(first.seeds) == len(second.seeds) and set(first.seeds.tolist()) == set(second.seeds.tolist()):
                a, b = (group.solved[np.argsort(group.seeds, kind="stable")] for group in (first, second))
                found.append(compare_paired(first.value, second.value, a, b))
        return found

    @property
    def is_ordered(self) -> bool:
        """Whether the factor's values are numbers."""
        values = [group.value for group in self.groups]
        return all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)

    @cached_property
    def trend(self) -> Trend | None:
        """The trend over the factor, where its values are numbers."""
        if not self.is_ordered:
            return None
        return trend([group.value for group in self.judged], [group.rate for group in self.judged])

    def table(self) -> pd.DataFrame:
        """Return one row a condition: runs, grades, share of solved ones with interval, diverged, loss quartiles by grade.

        Where there is nothing to solve, shares are no numbers, and the losses of all runs stand under `unsolved`.
        """
        rows = [
            {
                self.factor: group.value,
                "runs": group.rate.n,
                "solved": group.rate.successes,
                "right_by_a_hair": int(group.hair.sum()),
                "not_solved": int((group.grade == NOT_SOLVED).sum()),
                **dict(zip(("share", "low", "high"), _share_of(group), strict=True)),
                "diverged": int(group.diverged.sum()),
                **_quartile_columns("solved", group.solved_losses),
                **_quartile_columns("hair", group.hair_losses),
                **_quartile_columns("unsolved", group.unsolved_losses),
            }
            for group in self.groups
        ]
        return pd.DataFrame(rows).set_index(self.factor)

    def pairs(self) -> pd.DataFrame:
        """Return one row a pair: difference of shares with interval, test, p, Holm-adjusted p, Cohen's h, runs needed."""
        names = ["first", "second", "difference", "low", "high", "test", "p", "p_holm", "effect", "runs_needed"]
        return pd.DataFrame([{name: getattr(c, name) for name in names} for c in self.comparisons], columns=names)

    def paired_table(self) -> pd.DataFrame:
        """Return one row a pair of conditions that share seeds."""
        names = ["first", "second", "n", "only_first", "only_second", "difference", "low", "high", "p"]
        return pd.DataFrame([{name: getattr(c, name) for name in names} for c in self.paired], columns=names)

    def medians(self) -> pd.DataFrame:
        """Return one row a pair: the difference of the median losses of solved runs, its BCa interval, p of Mood's test."""
        rows = []
        for first, second in (
            (self.groups[i].solved_losses, self.groups[j].solved_losses) for i, j in self._pairs(self.groups)
        ):
            p = median_test(first, second) if _enough(first, second) else np.nan
            rows.append((*(median_difference(first, second) or (np.nan,) * 3), p))
        names = [(self.groups[i].value, self.groups[j].value) for i, j in self._pairs(self.groups)]
        columns = ["first", "second", "difference", "low", "high", "p"]
        return pd.DataFrame([(*pair, *row) for pair, row in zip(names, rows, strict=True)], columns=columns)

    def census(self) -> pd.DataFrame:
        """Return one row a condition and mechanism: runs, share, and intervals that hold together within the condition."""
        rows: list[dict[str, Any]] = []
        for group in self.groups:
            if group.mechanism is None or len(group.mechanism) == 0:
                continue
            names, counts = np.unique(group.mechanism, return_counts=True)
            order = np.argsort(-counts, kind="stable")
            for number, (low, high) in zip(
                order, _reordered(simultaneous_intervals(counts.tolist()), order), strict=True
            ):
                share = counts[number] / counts.sum()
                row = {self.factor: group.value, "mechanism": str(names[number]), "runs": int(counts[number])}
                rows.append({**row, "share": share, "low": low, "high": high})
        return pd.DataFrame(rows, columns=[self.factor, "mechanism", "runs", "share", "low", "high"])

    def mechanisms(self) -> pd.DataFrame:
        """Return the census as text, a row a condition and a column a mechanism: share and interval in percent."""
        census = self.census()
        text = [
            f"{percent(share)} [{100 * low:.0f}, {100 * high:.0f}]"
            for share, low, high in zip(census["share"], census["low"], census["high"], strict=True)
        ]
        table = census.assign(text=text).pivot_table("text", self.factor, "mechanism", "first", sort=False)
        return table.reindex(columns=[name for name in MECHANISMS if name in table.columns]).fillna("–")

    def minimal(self) -> pd.DataFrame:
        """Return one row a condition and ablation: how many explanations its runs have; none where they are not kept.

        runs: those with minimal sets at every dependency; one, share, low, high: how many have exactly one at each, with Wilson's
        interval; median, most: of the most sets that a run has at one
        """
        rows = []
        for group in self.groups:
            for kind, each in group.sets.items():
                sets = each[np.isfinite(each)]
                if len(sets):
                    one = wilson(int((sets == 1).sum()), len(sets))
                    row = {self.factor: group.value, "ablation": kind, "runs": one.n, "one": one.successes}
                    shares = {"share": one.share, "low": one.low, "high": one.high}
                    rows.append({**row, **shares, "median": float(np.median(sets)), "most": int(sets.max())})
        columns = [self.factor, "ablation", "runs", "one", "share", "low", "high", "median", "most"]
        return pd.DataFrame(rows, columns=columns)

    def against(self, value: Any) -> list["Against"]:
        """Return every other condition against one of them: solved share and median loss, each with a verdict.

        A verdict is `better` or `worse` where p, adjusted by Holm over the conditions shown, is below 0.05.
        Raises `SelectionError` for a value that is no condition.

        >>> groups = (Group.of_counts(10, 66, 13, 100), Group.of_counts(20, 94, 3, 100))
        >>> [(item.value, item.share.verdict, item.loss.verdict) for item in Answer("d_head", groups).against(20)]
        [(10, 'worse', 'cannot be told')]
        """
        return list(self.with_base(value)._others)

    def with_base(self, value: Any) -> "Answer":
        """Return this answer with all conditions compared with one of them, the same one each time: it is worked out once.

        Raises `SelectionError` for a value that is no condition.
        """
        known = [group.value for group in self.groups]
        if value not in known:
            raise SelectionError(f"the base must be one of {', '.join(map(str, known))}, got {short_repr(value)}")
        return self._with_bases.setdefault(known.index(value), replace(self, base=value))

    @cached_property
    def _with_bases(self) -> dict[int, "Answer"]:
        return {}

    @cached_property
    def _others(self) -> list["Against"]:
        base = next(group for group in self.groups if group.value == self.base)
        others = [group for group in self.groups if group is not base]
        shares = {c.second: c for c in self.comparisons}
        of, losses = _loss_differences(base, others)
        return [
            Against(group, base, _share_difference(group, base, shares.get(group.value)), loss, of)
            for group, loss in zip(others, losses, strict=True)
        ]

    def sentences(self) -> list[str]:
        """Return the answer in plain words: one sentence first, then hairs, the pairs, and what must be known of the runs."""
        return words.sentences(self)

    def notes(self) -> list[str]:
        """Return those sentences that tell what no table of the shares and their comparisons shows."""
        return words.notes(self)

    def how_sure(self) -> list[str]:
        """Return how far the sentences can be trusted: a sentence a method, with its word explained and its numbers."""
        return words.how_sure(self)


@dataclass(frozen=True)
class Difference:
    """What one condition has more than the base: both values, their difference with its 95 % interval, and a verdict.

    p_holm: adjusted by Holm over the conditions that are compared with the base
    verdict: `better`, `worse` or `cannot be told`; not a number: too few runs to say
    """

    value: float
    base: float
    difference: float
    low: float
    high: float
    p_holm: float
    verdict: str


@dataclass(frozen=True, eq=False)
class Against:
    """One condition against the base: the difference of solved shares, and of median final losses.

    group, of: the condition and the base, with their counts; loss_of: whose losses these are, `solved` runs, or all
        `finished` ones where any condition has too few solved: one base has one loss
    """

    group: Group
    of: Group
    share: Difference
    loss: Difference
    loss_of: str

    @property
    def value(self) -> Any:
        """The condition's value of the factor."""
        return self.group.value

    @property
    def base(self) -> Any:
        """The base's value of the factor."""
        return self.of.value


def _share_difference(group: Group, base: Group, found: Comparison | None) -> Difference:
    if found is None:  # there is nothing to solve in one of them
        return Difference(*(np.nan,) * 6, UNTOLD)
    row = found.difference, found.low, found.high, found.p_holm
    return Difference(group.rate.share, base.rate.share, *row, _verdict(found.difference, found.p_holm))


def _loss_differences(base: Group, others: Sequence[Group]) -> tuple[str, list[Difference]]:
    groups = [base, *others]
    of = "solved" if _enough(*(group.solved_losses for group in groups)) else "finished"
    there, *each = [group.solved_losses if of == "solved" else group.finite_losses for group in groups]
    adjusted = holm([median_test(there, here) if _enough(there, here) else 1.0 for here in each])
    found = []
    for here, p in zip(each, adjusted, strict=True):
        row = median_difference(there, here) or (np.nan,) * 3
        medians = [float(np.median(losses)) if len(losses) else np.nan for losses in (here, there)]
        found.append(Difference(medians[0], medians[1], *row, p, _verdict(-row[0], p)))
    return of, found


def _enough(*losses: NDArray[np.float64]) -> bool:
    return min(map(len, losses)) >= FEWEST_LOSSES


def _verdict(gain: float, p: float) -> str:
    return UNTOLD if not (p < 1 - LEVEL and gain != 0) else BETTER if gain > 0 else WORSE


def _share_of(group: Group) -> tuple[float, float, float]:
    if group.nothing_to_solve:
        return (np.nan,) * 3
    return group.rate.share, group.rate.low, group.rate.high


def _reordered(values: Sequence[Any], order: NDArray[np.int64]) -> list[Any]:
    return [values[number] for number in order]


def _quartile_columns(kind: str, losses: NDArray[np.float64]) -> dict[str, float]:
    values = quartiles(losses) or (np.nan,) * 3
    return {f"loss_{kind}_{name}": value for name, value in zip(("q1", "median", "q3"), values, strict=True)}
